"""What a node reads, at which index: the one question that fusion asks of an operation.

The `loops` rule of a primitive is run on symbolic indices and every element it asks for is written down.  Views are
index maps and are followed to what they look at; a node that holds storage of its own, or could, is an *anchor*.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.ops.reindex import reshape_index
from graphc.ir.ops.shape import broadcast_index
from graphc.ir.poly import Poly, Size
from graphc.records import dataclass, field

INLINE_DEPTH = 16  # views of views that are folded into one access
AXIS = "~"
MANY_PRODUCTS = 8  # that read one turned matrix, from which on it is turned once, and stored
FEW = 4  # coordinates of points that a small matrix turns
_COMPUTING = frozenset({"reduction", "contraction"})
JOIN_WIDTH = 8  # parts of a concatenation that are read in place


@dataclass(frozen=True, slots=True)
class Access:
    """One read: `index` has a polynomial per dimension, or is None where it is not one (a row-major position).

    `coordinates` tell the axis that each dimension runs along, None for an extent of 1; they are None if that is no
    plain alignment, or is not read at every point.
    """

    value: Value
    index: tuple[Poly, ...] | None
    coordinates: tuple[str | None, ...] | None


def coordinates(index: Sequence[Poly], shape: Sequence[Size]) -> tuple[str | None, ...] | None:
    """The axis that each dimension of an array of this shape runs along, where all do."""
    out: list[str | None] = []
    for i, extent in zip(index, shape, strict=True):
        if extent == 1:
            out.append(None)
        elif is_axis(i):
            out.append(i.terms[0][0][0])
        else:
            return None
    named = [a for a in out if a is not None]
    return tuple(out) if len(set(named)) == len(named) else None


def is_axis(index: Poly) -> bool:
    """A bare axis, whose names no dimension can have."""
    if len(index.terms) != 1:
        return False
    names, factor = index.terms[0]
    return factor == 1 and len(names) == 1 and names[0].startswith(AXIS)


@dataclass
class Footprint:
    """The iteration space of a node: an axis per dimension of its result and per reduced dimension, and its reads.

    `parts` has, for an array that is computed in slices, the nodes that compute them.
    """

    node: Node
    result: tuple[str | None, ...]
    reduced: tuple[str, ...] = ()
    extents: dict[str, Size] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)
    parts: Mapping[int, Collection[int]] = field(default_factory=dict)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """All axes, once the reads are known."""
        return (*(a for a in self.result if a is not None), *self.reduced)

    @cached_property
    def traits(self) -> frozenset[str]:
        """Those of the operation; a matrix times a vector is a sum like any other."""
        traits = self.node.op.traits
        return (
            traits - {"contraction"} | {"reduction"}
            if "contraction" in traits and not is_product(self.node)
            else traits
        )

    @cached_property
    def sources(self) -> frozenset[int]:
        """The nodes that are read, and those that compute slices of what is read."""
        direct = frozenset([a.value.node.id for a in self.accesses])
        return direct.union(*[self.parts[k] for k in direct & self.parts.keys()]) if self.parts else direct

    @property
    def index(self) -> list[Poly]:
        return [Poly() if a is None else Poly.of(a) for a in self.result]


def footprint(
    node: Node, anchors: Collection[int], parts: Mapping[int, Collection[int]] = MappingProxyType({}), again: str = ""
) -> Footprint:
    """Record what an anchor reads; `again` tells the axes of a second computation from those of the first."""
    shape = node.types[0].shape
    names = tuple(None if e == 1 else f"{AXIS}{node.id}{again}_{k}" for k, e in enumerate(shape))
    extents = {a: e for a, e in zip(names, shape, strict=True) if a is not None}
    space = Footprint(node, names, extents=extents, parts=parts)
    recorder = _Recorder(space, anchors)
    if node.op.is_elementwise:
        recorder.elementwise()
    elif node.op.loops is None:
        recorder.scattered()
    else:
        node.op.loops(recorder, space.index, *node.inputs, **node.attrs)
    return space


class _Recorder:
    """A `LoopKit` that computes nothing."""

    def __init__(self, space: Footprint, anchors: Collection[int]) -> None:
        self.space, self.anchors = space, anchors
        self.guards = 0
        self.picks = 0

    def elementwise(self) -> None:
        """Operands read where the result is written."""
        space, shape = self.space, self.space.node.types[0].shape
        index = tuple(space.index)
        for v in space.node.inputs:
            if v.shape == shape and self._is_stored(v.node):
                space.accesses.append(Access(v, index, space.result))
            else:
                self.at(v, broadcast_index(index, v.shape))

    def scattered(self) -> None:
        """Operands read in an order of their own, so never at the place where they are computed."""
        self.guards += 1
        for v in self.space.node.inputs:
            self.at(v, [Poly.of(f"{AXIS}{self.space.node.id}_u{k}") for k in range(len(v.shape))])
        self.guards -= 1

    def at(self, operand: Value, index: Sequence[Poly]) -> None:
        node = operand.node
        if self._is_stored(node):
            along = None if self.guards else coordinates(index, operand.shape)
            self.space.accesses.append(Access(operand, tuple(index), along))
        else:
            assert node.op.loops is not None
            node.op.loops(self, index, *node.inputs, **node.attrs)

    def _is_stored(self, node: Node) -> bool:
        return node.id in self.anchors or not is_view(node)

    def flat(self, operand: Value, index: Poly) -> None:
        self.space.accesses.append(Access(storage(operand, self.anchors), None, None))

    def op(self, name: str, dtype: str, *elements: Any) -> None:
        return None

    def position(self, index: Poly, dtype: str) -> None:
        return None

    def inside(self, bounds: Sequence[tuple[Poly, Size]], element: Callable[[], Any], fill: float) -> None:
        self.guards += 1
        element()
        self.guards -= 1

    def axes(self, extents: Sequence[Size]) -> list[Poly]:
        names = [f"{AXIS}{self.space.node.id}_r{k}" for k in range(len(extents))]
        self.space.reduced = tuple(names)
        self.space.extents.update(zip(names, extents, strict=True))
        return [Poly.of(n) for n in names]

    def reduce(self, monoid: str, axes: Sequence[Poly], *elements: Any) -> tuple[None, ...]:
        return (None,) * 3

    def checked(self, index: Any, bound: Size) -> Poly:
        self.picks += 1
        return Poly.of(f"@{self.space.node.id}_{self.picks}")


# ----------------------------------------------------------------------------------------------------- anchors


def is_view(node: Node) -> bool:
    """An index map over its operands, with no arithmetic of its own worth storing."""
    return node.op.loops is not None and node.op.traits.isdisjoint(_COMPUTING)


def is_product(node: Node) -> bool:
    """A contraction that meets every element of its operands several times, not a matrix of its own times a vector.

    Nor points turned by a small matrix: a few sums of a few products are elementwise work.
    """
    if "contraction" not in node.op.traits:
        return False
    a, b = (v.shape for v in node.inputs)
    batch = node.types[0].shape[:-2]
    if _is_few(a[-1]) and (_is_few(b[-1]) or (_is_few(a[-2]) and b[:-2] == batch)):
        return False
    return not ((b[-1] == 1 and a[:-2] == batch) or (a[-2] == 1 and b[:-2] == batch))


def _is_few(extent: Size) -> bool:
    return isinstance(extent, int) and extent <= FEW


def is_contiguous_join(node: Node) -> bool:
    """A concatenation whose parts are contiguous pieces of it, with numbers for sizes."""
    if node.op.name != "concatenate":
        return False
    before = node.types[0].shape[: node.attrs["axis"]]
    return all(e == 1 for e in before) and all(v.type.is_static for v in node.inputs)


def storage(value: Value, anchors: Collection[int]) -> Value:
    """The value whose array holds this one: a reshape shares the array of its operand."""
    while value.node.op.name == "reshape" and value.node.id not in anchors:
        value = value.node.inputs[0]
    return value


def find_anchors(graph: Graph) -> set[int]:
    """Every node that computes, and the views that are better stored than folded into their readers."""
    anchors = {n.id for n in graph.nodes if not n.op.is_source and not is_view(n)}
    anchors |= {v.node.id for v in (storage(v, anchors) for v in graph.outputs) if is_contiguous_join(v.node)}
    anchors |= {k for n in graph.nodes if "library" in n.op.traits for k in _views_to_store(n)}
    depth: dict[int, int] = {}
    for node in graph.nodes:
        if node.id in anchors or not is_view(node):
            continue
        if node.op.name == "reshape":
            _store_operand_of_reshape(node, anchors)
        elif node.op.name == "gather" and _is_guarded(node.inputs[0], anchors):
            anchors.add(node.inputs[0].node.id)
        depth[node.id] = 1 + max((depth.get(v.node.id, 0) for v in node.inputs if v.node.id not in anchors), default=0)
        if depth[node.id] > INLINE_DEPTH or _is_better_stored(graph, node):
            anchors.add(node.id)
    return anchors


def _is_turned(node: Node) -> bool:
    """Whether rows do not lie together; each product would copy them together for itself."""
    axes: Sequence[int] = node.attrs["axes"]
    return axes[-1] != len(axes) - 1


def _views_to_store(node: Node) -> set[int]:
    """What a library operation needs as arrays; a reshape is one already if its operand is."""
    return {base.node.id for base in (storage(v, ()) for v in node.inputs) if is_view(base.node)}


def _store_operand_of_reshape(node: Node, anchors: set[int]) -> None:
    """A reshape that divides its index needs its operand as an array."""
    operand = storage(node.inputs[0], anchors)
    index = [Poly.of(f"i{k}") for k in range(node.types[0].ndim)]
    if reshape_index(index, node.types[0].shape, node.inputs[0].shape) is None and is_view(operand.node):
        anchors.add(operand.node.id)


def _is_guarded(value: Value, anchors: Collection[int]) -> bool:
    """Whether views up to what is stored have bounds of their own, which an index known at run time cannot meet."""
    node = value.node
    if not is_view(node) or node.id in anchors:
        return False
    return node.op.name in ("pad", "concatenate") or any(_is_guarded(v, anchors) for v in node.inputs)


def _is_better_stored(graph: Graph, node: Node) -> bool:
    """Joins, pads and gathers that are read many times over, joins of many parts, matrices that are turned often."""
    if node.op.name not in ("concatenate", "pad", "gather", "permute"):
        return False
    users = list(graph.users(node.out))
    if node.op.name == "permute":
        return _is_turned(node) and sum(map(is_product, users)) >= MANY_PRODUCTS
    if node.op.name == "concatenate" and (len(node.inputs) > JOIN_WIDTH or any(is_view(u) for u in users)):
        return True
    return any("contraction" in u.op.traits for u in users) or (node.op.name != "pad" and len(users) > 1)


__all__ = ["Access", "Footprint", "find_anchors", "footprint", "is_view", "storage"]
