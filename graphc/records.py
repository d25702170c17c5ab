"""Data classes that cost nothing until they are used: `dataclass` and its kin, as in the standard library.

The decorator of the standard library writes and compiles six methods for every class while a module is loaded, half a
millisecond for each class: that was most of the time of a first call.  This one compiles `__init__` alone, when the
first instance is made; what compares, hashes and prints is shared by all classes.  The fields of a frozen record are
set through its slots, in half the time.  Of the options there are `frozen`, `slots` and `eq`, all False but `eq`.

The standard library takes these classes for its own: its `fields` and `replace` work, its data classes may inherit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from types import MemberDescriptorType
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
        "__init__": _first_init(cls, frozen),
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

    Raises TypeError for a default that all instances would share and could change.
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
    return found


def _slotted(cls: type) -> type:
    """The class anew with slots, which a class gets only when it is made."""
    names = tuple(_own(cls))
    inside = {k: v for k, v in vars(cls).items() if k not in (*names, "__dict__", "__weakref__")}
    return type(cls)(cls.__name__, cls.__bases__, {**inside, "__slots__": names, "__qualname__": cls.__qualname__})


# ------------------------------------------------------------------------------------------------------------- methods


def _first_init(cls: type, frozen: bool) -> Callable[..., None]:
    """What compiles the initialiser of a class and takes its own place with it."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init = _compiled_init(cls, frozen)
        type.__setattr__(cls, "__init__", init)
        init(self, *args, **kwargs)

    return __init__


def _compiled_init(cls: type, frozen: bool) -> Callable[..., None]:
    names: dict[str, Any] = {}
    found = getattr(cls, _FIELDS).values()
    parameters = [_parameter(f, names) for f in found if f.init]
    lines = [_assignment(cls, f, frozen, names) for f in found if f.init or f.default_factory]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n    ".join(lines or ["pass"])
    exec(f"def __init__({', '.join(['self', *parameters])}):\n    {body}", names)
    init: Callable[..., None] = names["__init__"]
    return init


def _parameter(f: _Field, names: dict[str, Any]) -> str:
    if f.default is _MISSING and f.default_factory is None:
        return f.name
    names[f"_default_{f.name}"] = _MISSING if f.default_factory else f.default
    return f"{f.name}=_default_{f.name}"


def _assignment(cls: type, f: _Field, frozen: bool, names: dict[str, Any]) -> str:
    value = f.name
    if f.default_factory:
        names[f"_make_{f.name}"] = f.default_factory
        made = f"_make_{f.name}()"
        value = f"{made} if {f.name} is _default_{f.name} else {f.name}" if f.init else made
    slot = getattr(cls, f.name, None)
    if not frozen:
        return f"self.{f.name} = {value}"
    if isinstance(slot, MemberDescriptorType):
        names[f"_set_{f.name}"] = slot.__set__
        return f"_set_{f.name}(self, {value})"
    return f"self.__dict__[{f.name!r}] = {value}"


def _key(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What two equal records have equal."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


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
        import dataclasses

        found = [(f.name, Any, dataclasses.field(**f.options())) for f in _fields(cls)]
        return getattr(dataclasses.make_dataclass(cls.__name__, found, frozen=self.frozen), self.attribute)


__all__ = ["dataclass", "field", "fields", "replace"]
