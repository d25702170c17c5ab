"""The short way from nested arguments to the native entry, and from its arrays to a nested result.

A nest of known structure needs no general walk: for each structure a reader is put together once from small functions,
one per container and leaf, which check as they go and give up at the first thing that is not as expected.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np

from graphc.frontend.signature import Call
from graphc.frontend.trace import Output, Results, WeakFloat
from graphc.ir.types import Type
from graphc.runtime.tree import Assemble, Structure, assemble, flatten

Take: TypeAlias = Callable[[Any, list[Any]], bool]
"""Adds the arrays of a value to a list; False where the value is not what it was at the first call."""

Reader: TypeAlias = Callable[[tuple[Any, ...]], "list[Any] | None"]

_DICTS = (dict, OrderedDict)
_ARRAY: Take | None = None
"""What takes an array: nothing but the array, which is looked at by whoever gets the list."""


def reader(call: Call) -> Reader:
    """Takes positional arguments like those of `call` apart: their arrays, or None where they are not alike.

    Static values must be the same, floats become arrays; what stands in the place of an array is not looked at.
    """
    leaves = iter(zip(call.values, call.kinds, strict=True))
    args = call.structure.children[0]
    take = _sequence(tuple, [_take(c, leaves.__next__) for c in args.children])

    def read(args: tuple[Any, ...]) -> list[Any] | None:
        arrays: list[Any] = []
        return arrays if take(args, arrays) else None

    return read


def _take(s: Structure, leaf: Callable[[], tuple[Any, Type | None]]) -> Take | None:
    if s.is_leaf:
        return _leaf(*leaf())
    children = [_take(c, leaf) for c in s.children]
    if s.kind is tuple or s.kind is list:
        return _sequence(s.kind, children)
    if s.kind in _DICTS:
        return _mapping(s, children)
    return _other(s, children)


def _leaf(value: Any, kind: Type | None) -> Take | None:
    if kind is None:
        return lambda x, arrays: x is value or (type(x) is type(value) and bool(x == value))
    return _float if isinstance(kind, WeakFloat) else _ARRAY


def _float(x: Any, arrays: list[Any]) -> bool:
    arrays.append(np.asarray(x))
    return type(x) is float


def _sequence(kind: type[Any], children: list[Take | None]) -> Take:
    items, count = _items(children), len(children)
    return lambda x, arrays: type(x) is kind and len(x) == count and items(x, arrays)


def _mapping(s: Structure, children: list[Take | None]) -> Take:
    items = _items(children)
    return lambda x, arrays: type(x) is s.kind and tuple(x) == s.keys and items(x.values(), arrays)


def _items(children: list[Take | None]) -> Take:
    """Takes so many items, each in its way."""
    if all(c is _ARRAY for c in children):
        return _all_arrays

    def take(x: Any, arrays: list[Any]) -> bool:
        for child, item in zip(children, x, strict=True):
            if child is None:
                arrays.append(item)
            elif not child(item, arrays):
                return False
        return True

    return take


def _all_arrays(x: Any, arrays: list[Any]) -> bool:
    arrays += x
    return True


def _other(s: Structure, children: list[Take | None]) -> Take:
    """Records and the like: taken apart the general way."""
    flat = _flat(s, children)

    def take(x: Any, arrays: list[Any]) -> bool:
        leaves, found = flatten(x)
        return found == s and flat(tuple(leaves), arrays)

    return take


def _flat(s: Structure, children: list[Take | None]) -> Take:
    if all(c.is_leaf for c in s.children):
        return _sequence(tuple, children)
    return lambda x, arrays: False  # records of records always go the general way


# ------------------------------------------------------------------------------------------------------- results


def assembler(results: Results) -> Assemble:
    """`results.rebuild`, put together once."""
    return assemble(results.structure, map(_pick, results.leaves))


def _pick(leaf: Any) -> Assemble:
    return itemgetter(leaf.index) if isinstance(leaf, Output) else lambda arrays: leaf
