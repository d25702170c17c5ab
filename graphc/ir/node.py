"""Nodes, values and constants: the immutable parts of a graph."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.ir.location import Location
from graphc.ir.types import Shape, Type, are_ints, short_dtype
from graphc.records import dataclass

if TYPE_CHECKING:
    from graphc.ir.primitive import Primitive


class Literal:
    """An immutable array as an attribute, compared by type, shape and bits (so -0.0 differs from 0.0)."""

    __slots__ = ("_key", "array")

    def __init__(self, value: Any) -> None:
        array = np.array(value, order="C", copy=True)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        array.flags.writeable = False
        self.array: np.ndarray[Any, Any] = array
        self._key = (short_dtype(array.dtype), array.shape, array.tobytes())

    @property
    def type(self) -> Type:
        return Type(self._key[0], self._key[1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Literal({self.array!r})"


class Attributes(dict[str, Any]):
    """The attributes of a node.  They never change, so that copies of the node in other graphs have the same ones."""

    __slots__ = ("_key",)

    @property
    def key(self) -> tuple[Any, ...]:
        """Hashable; equal for equal attributes alone."""
        try:
            return self._key
        except AttributeError:
            self._key: tuple[Any, ...] = tuple([(k, _key(self[k])) for k in sorted(self)])
            return self._key


NO_ATTRIBUTES = Attributes()


def _key(value: Any) -> Any:
    """Hashable, and exact: 1, 1.0 and True differ, as do 0.0 and -0.0."""
    if isinstance(value, tuple):
        return value if are_ints(value) else tuple(map(_key, value))
    if isinstance(value, float):
        return struct.pack("d", value)
    return type(value).__name__, value


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation: `inputs` in operand order, `types` of its results, `loc` the user's line."""

    id: int
    op: Primitive
    inputs: tuple[Value, ...]
    attrs: Attributes
    types: tuple[Type, ...]
    loc: Location

    @property
    def out(self) -> Value:
        """The first, usually the only, result."""
        return Value(self, 0)

    def __repr__(self) -> str:
        return f"%{self.id} = {self.op.name} {', '.join(map(repr, self.inputs))}"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One result of a node; two are equal if they are the same result of the same node."""

    node: Node
    index: int = 0

    def __eq__(self, other: object) -> bool:
        return other.__class__ is Value and self.node is other.node and self.index == other.index

    def __hash__(self) -> int:
        return hash(self.node) + self.index

    @property
    def type(self) -> Type:
        return self.node.types[self.index]

    @property
    def shape(self) -> Shape:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def op(self) -> Primitive:
        return self.node.op

    def __repr__(self) -> str:
        return f"%{self.node.id}" + (f".{self.index}" if len(self.node.types) > 1 else "")

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """A primitive applied to values adds a node to the graph that is being built."""
        from graphc.ir.graph import current_graph

        return current_graph().apply(op, args, attrs)

    def __graphc_constant__(self, array: np.ndarray[Any, Any]) -> Value:
        """A constant beside this value, for rules that need a number of its element type."""
        from graphc.ir.graph import current_graph

        return current_graph().constant(array)

    def __graphc_source__(self, op: Primitive, attrs: Mapping[str, Any]) -> Value:
        """A node without operands beside this value."""
        from graphc.ir.graph import current_graph

        return current_graph().apply(op, (), attrs)
