"""Nested containers: arguments, results, fetches and feeds are nests of tuples, lists, dicts and dataclasses.

`flatten` takes a nest apart into leaves and a `Structure`, which is hashable (a cache key) and puts leaves together
again.  None is a container without leaves.  Dicts keep their insertion order.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphc.errors import SignatureError
from graphc.ir.graph import Update
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.ir.types import Type
from graphc.records import dataclass

_ATOMS = (Update, Value, Poly, Type)
"""Dataclasses of graphc that are leaves."""


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a nest: `kind` is the container's class, None for a leaf; `keys` name the children."""

    kind: type[Any] | None
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()

    @property
    def is_leaf(self) -> bool:
        return self.kind is None

    @property
    def is_flat(self) -> bool:
        """A leaf, or a list or tuple of leaves."""
        return self.is_leaf or (self.kind in (list, tuple) and all(c.is_leaf for c in self.children))

    @property
    def is_named_tuple(self) -> bool:
        return self.kind is not None and _is_named_tuple(self.kind)

    @property
    def is_record(self) -> bool:
        return self.kind is not None and _is_record(self.kind)

    @property
    def leaf_count(self) -> int:
        return 1 if self.is_leaf else sum(c.leaf_count for c in self.children)

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Raises SignatureError where the number of leaves differs."""
        if len(leaves) != self.leaf_count:
            raise SignatureError(
                "a nest has another number of leaves",
                expected=str(self.leaf_count),
                got=str(len(leaves)),
                loc=user_location(),
            )
        return _build(self, iter(leaves))

    def paths(self, root: str = "") -> Iterator[str]:
        """How a user would write each leaf: `['w'][0].bias`."""
        if self.is_leaf:
            yield root
        by_name = self.is_record or self.is_named_tuple
        for key, child in zip(self.keys, self.children, strict=True):
            yield from child.paths(f"{root}.{key}" if by_name else f"{root}[{key!r}]")

    def __str__(self) -> str:
        return "*" if self.kind is None else f"{self.kind.__name__}({', '.join(map(str, self.children))})"


LEAF = Structure(None)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves from left to right, and how they nest."""
    leaves: list[Any] = []
    return leaves, _take_apart(tree, leaves)


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    return structure.unflatten(leaves)


def map_tree(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """f over the leaves of one nest, or of several of one structure. Raises SignatureError where structures differ."""
    leaves, structure = flatten(tree)
    columns = [leaves, *(flatten_as(structure, other) for other in others)]
    return structure.unflatten([f(*row) for row in zip(*columns, strict=True)])


def flatten_as(structure: Structure, tree: Any) -> list[Any]:
    """The leaves of a nest that must have this structure."""
    leaves, found = flatten(tree)
    if found != structure:
        raise SignatureError("nests differ", expected=str(structure), got=str(found), loc=user_location())
    return leaves


def parts_for(structure: Structure, tree: Any) -> list[Any]:
    """What a nest has in the place of every leaf of a structure; a None stands for all the leaves below it.

    Raises SignatureError where the keys differ; a list may stand for a tuple.
    """
    if tree is None:
        return [None] * structure.leaf_count
    keys, children = _parts(tree) or (None, ())
    if structure.is_leaf and keys is None:
        return [tree]
    if structure.is_leaf or keys != structure.keys:
        raise SignatureError("nests differ", expected=str(structure), got=str(flatten(tree)[1]), loc=user_location())
    return [part for s, child in zip(structure.children, children, strict=True) for part in parts_for(s, child)]


def _take_apart(tree: Any, leaves: list[Any]) -> Structure:
    parts = _parts(tree)
    if parts is None:
        leaves.append(tree)
        return LEAF
    keys, children = parts
    return Structure(type(tree), keys, tuple(_take_apart(c, leaves) for c in children))


def _parts(tree: Any) -> tuple[tuple[Any, ...], Sequence[Any]] | None:
    """Keys and children of a container, None for a leaf."""
    kind = type(tree)
    if kind is tuple or kind is list:
        return tuple(range(len(tree))), tree
    if kind is dict or kind is OrderedDict:
        return tuple(tree), tuple(tree.values())
    if tree is None:
        return (), ()
    if _is_named_tuple(kind):
        return kind._fields, tree
    if _is_record(kind) and not isinstance(tree, _ATOMS):
        names = tuple(f.name for f in dataclasses.fields(tree) if f.init)
        return names, tuple(getattr(tree, n) for n in names)
    return None


def _is_named_tuple(kind: type[Any]) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _is_record(kind: type[Any]) -> bool:
    return dataclasses.is_dataclass(kind)


def _build(structure: Structure, leaves: Iterator[Any]) -> Any:
    kind = structure.kind
    if kind is None:
        return next(leaves)
    children = [_build(c, leaves) for c in structure.children]
    if kind is tuple or kind is list:
        return kind(children)
    if kind is type(None):
        return None
    if issubclass(kind, dict):
        return kind(zip(structure.keys, children, strict=True))
    if _is_named_tuple(kind):
        return kind(*children)
    return kind(**dict(zip(structure.keys, children, strict=True)))
