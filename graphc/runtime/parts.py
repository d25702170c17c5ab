"""What a door is told of nests: structures as the parts of `codegen.native.door`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from graphc.codegen.native.door import MOST_OPERANDS, Constant, Nest, Part
from graphc.runtime.tree import Structure


def has_parts(*structures: Structure) -> bool:
    """Whether native code knows all of their containers."""
    return sum(s.leaf_count for s in structures) <= MOST_OPERANDS and all(map(_is_known, structures))


def part(structure: Structure, leaves: Iterable[Part]) -> Part:
    """The nest with these leaves, from left to right."""
    return _part(structure, iter(leaves))


def _is_known(s: Structure) -> bool:
    known = s.kind is None or s.kind in (tuple, list, dict, OrderedDict, type(None)) or s.is_named_tuple or s.is_record
    return known and all(map(_is_known, s.children))


def _part(s: Structure, leaves: Iterator[Part]) -> Part:
    if s.kind is None:
        return next(leaves)
    if s.kind is type(None):
        return Constant(None)
    return Nest(s.kind, s.keys, tuple(_part(c, leaves) for c in s.children))
