"""A door to an entry: a built-in function of nested arguments, which the entry takes flat, and of nested results.

What the arguments are made of, and what becomes of the results, is told by `Part`s; they are written into a table that
the code in `walk` follows.  Everything else the door hands on to whatever takes over, with the same arguments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from graphc.codegen.native.array_layout import api_symbols
from graphc.codegen.native.engine import Library, kept_object
from graphc.codegen.native.entry import Otherwise, built_in, entry_address
from graphc.codegen.native.support import support_symbols
from graphc.codegen.native.walk import WALK_IMPORTS, walk_text
from graphc.records import dataclass

MOST_OPERANDS = 4096  # a door keeps as many addresses on the stack


@dataclass(frozen=True, slots=True)
class Operand:
    """Whatever is there is an operand of the entry."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Anything may be there."""


@dataclass(frozen=True, slots=True)
class Handle:
    """This very object, or an equal string or int."""

    object: Any


@dataclass(frozen=True, slots=True)
class Constant:
    """An object of the same class that is equal; among results, the object itself."""

    object: Any


@dataclass(frozen=True, slots=True)
class Result:
    """One of the arrays that the entry gives, or a copy of it."""

    index: int
    is_copied: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """All that the entry gives, as it is."""


@dataclass(frozen=True, slots=True)
class Nest:
    """A list, a tuple (with names or not), a dict (ordered or not), or an object with attributes that its class is
    called with.

    `keys` name the parts inside; those of a dict are strings, ints, or compared by identity.
    """

    kind: type[Any]
    keys: tuple[Any, ...]
    parts: tuple[Part, ...]


Part: TypeAlias = Operand | Ignored | Handle | Constant | Result | Whole | Nest


Named: TypeAlias = tuple[str, Part]


class Door:
    """`native` takes what `positional` and `named` arguments say, and gives `result`.

    `entry` is a native function that `bind_entry` made; several results are in a tuple where `result` is not Whole.
    """

    def __init__(
        self, entry: Callable[..., Any], positional: Sequence[Part], named: Sequence[Named], result: Part
    ) -> None:
        self._slow = Otherwise(_refuse)
        table = _Table(positional, named)
        table.keep(entry), table.keep(self._slow)
        self.native = table.bind("call", entry_address(entry), self._slow.address, result)

    def hand_on(self, otherwise: Callable[..., Any]) -> None:
        """From now on `native` hands on to this callable what it does not take."""
        self._slow.function = otherwise


def _refuse(*args: Any, **named: Any) -> Any:
    raise TypeError("arguments of another kind")


Reader: TypeAlias = Callable[..., "list[Any] | None"]


def reader(positional: Sequence[Part], named: Sequence[Named]) -> Reader:
    """A function of such arguments that gives the operands among them, and None for all other arguments."""
    return _Table(positional, named).bind("operands", 0, 0, Ignored())


_NO_KEY = object()  # nor names: it has the address 0


class _Table:
    """What the code in `walk` follows: a head, rows for the arguments, rows for the result."""

    def __init__(self, positional: Sequence[Part], named: Sequence[Named]) -> None:
        self._objects: list[Any] = []  # whose addresses are in it
        arguments = [*((_NO_KEY, p) for p in positional), *named]
        self._rows = [row for key, part in arguments for row in self._below(key, part, reading=True)]
        count = sum(row[0] == _Do.OPERAND for row in self._rows)
        assert count <= MOST_OPERANDS
        self._head = [len(positional), len(named), count, len(self._rows)]

    def keep(self, x: Any) -> int:
        """The address of an object, which from now on lives as long as the table."""
        self._objects.append(x)
        return 0 if x is _NO_KEY else id(x)

    def bind(self, name: str, entry: int, slow: int, result: Part) -> Callable[..., Any]:
        """A function of the code, which follows this table."""
        rows = [*self._rows, *self._below(_NO_KEY, result, reading=False)]
        numbers = [entry, slow, *self._head, *(number for row in rows for number in row)]
        return built_in(name.encode(), _library()[name], np.array(numbers, np.int64), (_library(), self._objects))

    def _below(self, key: Any, part: Part, *, reading: bool) -> Iterator[tuple[int, int, int, int, int]]:
        match part:
            case Nest(kind, keys, parts):
                names = self.keep(_NO_KEY if reading else _names(kind, keys))
                yield _container(kind, reading), len(parts), self.keep(kind), names, self.keep(key)
                for inner, child in zip(keys, parts, strict=True):
                    yield from self._below(inner, child, reading=reading)
            case Result(index, is_copied):
                yield _Do.COPY if is_copied else _Do.RESULT, index, 0, 0, self.keep(key)
            case Handle(x) | Constant(x):
                yield _LEAVES[type(part)], 0, self.keep(x), 0, self.keep(key)
            case _:
                yield _LEAVES[type(part)], 0, 0, 0, self.keep(key)


class _Do(IntEnum):
    """What a row of the table says."""

    IGNORED = 0
    OPERAND = 1
    HANDLE = 2
    EQUAL = 3
    RESULT = 4
    COPY = 5
    WHOLE = 6
    TUPLE = 7
    LIST = 8
    DICT = 9
    ORDERED = 10
    RECORD = 11


_LEAVES = {
    Ignored: _Do.IGNORED, Operand: _Do.OPERAND, Handle: _Do.HANDLE, Constant: _Do.EQUAL, Whole: _Do.WHOLE,
}  # fmt: skip


def _container(kind: type[Any], reading: bool) -> _Do:
    """A tuple with names is read as a tuple, and made like one unless its class has a say in that."""
    plain: dict[type[Any], _Do] = {tuple: _Do.TUPLE, list: _Do.LIST, dict: _Do.DICT, OrderedDict: _Do.ORDERED}
    is_tuple = issubclass(kind, tuple) and (reading or _is_plain_named_tuple(kind))
    return _Do.TUPLE if is_tuple else plain.get(kind, _Do.RECORD)


def _is_plain_named_tuple(kind: type[Any]) -> bool:
    """Made by `collections.namedtuple`, which names the module of the `__new__` that it writes, and left so."""
    written = getattr(kind.__new__, "__module__", None) or ""
    return written.startswith("namedtuple_") and kind.__init__ is object.__init__


def _names(kind: type[Any], keys: tuple[Any, ...]) -> Any:
    """What a container is made with: a dict as a copy of one that has its keys, a record by calling its class with
    names."""
    if kind is dict:
        return dict.fromkeys(keys)
    return keys if _container(kind, reading=False) is _Do.RECORD and not issubclass(kind, tuple) else _NO_KEY


@cache
def _library() -> Library:
    api = api_symbols()
    imports = {name: api[name] for name in WALK_IMPORTS} | {"graphc.hand_on": support_symbols()["graphc.hand_on"]}
    return Library(kept_object(walk_text(_Do.__members__)), ["call", "operands"], imports)
