"""Data classes that cost nothing until they are used: `dataclass` and its kin, as in the standard library.

The decorator of the standard library writes and compiles six methods for every class while a module is loaded, half a
millisecond for each class: that was most of the time of a first call.  This one makes `__init__` when the first
instance is made, of code that classes of equal shape share; what compares, hashes and prints is shared by all.  The
fields of a frozen record are set through its slots, in half the time.  Of the options there are `frozen`, `slots` and
`eq`, all False but `eq`.

The standard library takes these classes for its own: its `fields` and `replace` work, its data classes may inherit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NoReturn

_MISSING: Any = object()
_FIELDS = "__record_fields__"


class _Field:
    """What a class says of one attribute: its default, and who looks at it."""

    __slots__ = ("compare", "default", "default_factory", "init", "name", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] | None = None,
        init: bool = True,
        repr: bool = True,  # noqa: A002 - the name that the standard library gave it
        compare: bool = True,
    ) -> None:
        self.name = ""
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.compare = init, repr, compare

    @property
    def is_optional(self) -> bool:
        return self.default is not _MISSING or self.default_factory is not None

    def options(self) -> dict[str, Any]:
        """The arguments that make this field, for the standard library too."""
        made: dict[str, Any] = {"default_factory": self.default_factory} if self.default_factory else {}
        if self.default is not _MISSING:
            made["default"] = self.default
        return made | {"init": self.init, "repr": self.repr, "compare": self.compare}


def _dataclass(cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True) -> Any:
    """A class with an attribute for each annotation, as a decorator with or without options."""
    if cls is None:
        return lambda cls: _made(cls, frozen, slots, eq)
    return _made(cls, frozen, slots, eq)


def _fields(record: Any) -> tuple[_Field, ...]:
    """The fields of a record or of its class, in order."""
    return tuple(getattr(record, _FIELDS).values())


def _replace(record: Any, /, **changes: Any) -> Any:
    """A record like this one but for the changes."""
    for f in getattr(record, _FIELDS).values():
        if f.init and f.name not in changes:
            changes[f.name] = getattr(record, f.name)
    return type(record)(**changes)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, replace
else:
    dataclass, field, fields, replace = _dataclass, _Field, _fields, _replace


# ------------------------------------------------------------------------------------------------------------- classes


def _made(cls: type, frozen: bool, slots: bool, eq: bool) -> type:
    found = _collected(cls)
    if slots:
        cls = _slotted(cls)
    for name, value in _attributes(cls, found, frozen, eq).items():
        if vars(cls).get(name) is None:  # a class that defines equality has the hash None
            setattr(cls, name, value)
    return cls


def _attributes(cls: type, found: dict[str, _Field], frozen: bool, eq: bool) -> dict[str, Any]:
    """All that a record has and its class does not define."""
    made = {
        _FIELDS: found,
        "__match_args__": tuple(f.name for f in found.values() if f.init),
        "__init__": _first_init(cls),
        "__repr__": _repr,
        "__dataclass_fields__": _Standard("__dataclass_fields__", frozen),
        "__dataclass_params__": _Standard("__dataclass_params__", frozen),
    }
    if frozen:
        made |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if eq:
        key = _key([f.name for f in found.values() if f.compare])
        made |= {"__eq__": _equality(key), "__hash__": _hashing(key) if frozen else None}
    return made


def _own(cls: type) -> Iterator[str]:
    """The attributes that a class itself annotates."""
    annotations = vars(cls).get("__annotations__", {})
    return (name for name, what in annotations.items() if "ClassVar" not in str(what).partition("[")[0])


def _collected(cls: type) -> dict[str, _Field]:
    """The fields by name, those of base classes first; only plain defaults stay attributes of the class.

    Raises TypeError for a default that all instances would share and could change, or that stands before a field
    without one.
    """
    found = dict(getattr(cls, _FIELDS, {}))
    for name in _own(cls):
        given = vars(cls).get(name, _MISSING)
        made = found[name] = given if isinstance(given, _Field) else _Field(default=given)
        made.name = name
        if made.default.__hash__ is None:
            raise TypeError(f"{cls.__name__}.{name} would be shared by all instances: write field(default_factory=...)")
        if made is given:
            delattr(cls, name)
    optional = [f.is_optional for f in found.values() if f.init]
    if optional != sorted(optional):
        raise TypeError(f"{cls.__name__} has a field without a default after one with a default")
    return found


def _slotted(cls: type) -> type:
    """The class anew with slots, which a class gets only when it is made."""
    names = tuple(_own(cls))
    inside = {k: v for k, v in vars(cls).items() if k not in (*names, "__dict__", "__weakref__")}
    return type(cls)(cls.__name__, cls.__bases__, {**inside, "__slots__": names, "__qualname__": cls.__qualname__})


# ------------------------------------------------------------------------------------------------------------- methods


def _first_init(cls: type) -> Callable[..., None]:
    """What makes the initialiser of a class and leaves its own place to it."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init = _made_init(cls)
        type.__setattr__(cls, "__init__", init)
        init(self, *args, **kwargs)

    return __init__


def _made_init(cls: type) -> Callable[..., None]:
    """The initialiser: the code that all classes of this shape share, with the names and defaults of this one."""
    lines, outside = [], {"MISSING": _MISSING}
    for n, f in enumerate(_fields(cls)):
        value = f"a{n}"
        if f.default_factory:
            outside[f"make{n}"] = f.default_factory
            value = f"make{n}() if a{n} is MISSING else a{n}" if f.init else f"make{n}()"
        elif not f.init:
            continue
        slot = getattr(cls, f.name, None)
        if isinstance(slot, MemberDescriptorType):
            outside[f"set{n}"] = slot.__set__
            lines.append(f"set{n}(self, {value})")
        else:
            outside[f"name{n}"] = f.name
            lines.append(f"self.__dict__[name{n}] = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    given = {f.name: n for n, f in enumerate(_fields(cls)) if f.init}
    code = _init_code(tuple(given.values()), tuple(lines)).replace(co_varnames=("self", *given))
    return FunctionType(code, outside, "__init__", tuple(f.default for f in _fields(cls) if f.init and f.is_optional))


@cache
def _init_code(given: tuple[int, ...], lines: tuple[str, ...]) -> CodeType:
    names: dict[str, Any] = {}
    head = ", ".join(["self", *(f"a{n}" for n in given)])
    exec(f"def __init__({head}):\n    " + "\n    ".join(lines or ("pass",)), names)
    code: CodeType = names["__init__"].__code__
    return code


def _key(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What two equal records have equal."""
    if not names:
        return lambda record: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda record: (get(record),)


def _equality(key: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hashing(key: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    return lambda self: hash(key(self))


def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in _fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *value: Any) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"a field of a frozen record: {name!r}")


class _Standard:
    """What the standard library asks a data class for, made when it does."""

    def __init__(self, attribute: str, frozen: bool) -> None:
        self.attribute, self.frozen = attribute, frozen

    def __get__(self, record: Any, cls: type) -> Any:
        return getattr(_standard_twin(cls, self.frozen), self.attribute)


@cache
def _standard_twin(cls: type, frozen: bool) -> type:
    """A data class of the standard library with the same fields."""
    import dataclasses

    found = [(f.name, Any, dataclasses.field(**f.options())) for f in _fields(cls)]
    return dataclasses.make_dataclass(cls.__name__, found, frozen=frozen)


__all__ = ["dataclass", "field", "fields", "replace"]
