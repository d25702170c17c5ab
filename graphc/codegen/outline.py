"""Groups that are alike are known before they are lifted: the steps of an unrolled loop are lifted once.

An outline is all that `lift` looks at, with numbers in place of arrays.  A slice of a stored array is that array from a
later element on, so where it starts is no part of the outline: the steps of a loop read rows at different offsets.
What alike groups have in common otherwise is found after lifting (`alike`).
"""

from __future__ import annotations

from collections.abc import Hashable

from graphc.codegen.lift import buffer_name
from graphc.ir.node import Node, Value
from graphc.ir.ops.shape import slice_
from graphc.ir.types import are_ints
from graphc.passes.access import is_view
from graphc.passes.fuse import Fusion, Group
from graphc.records import dataclass

_CHECKED = frozenset({"indexed", "scatter"})


@dataclass(frozen=True, slots=True)
class Outline:
    """`arrays` are the names of the arrays by number, `starts` the least element at which each is read.

    Groups with equal keys have clusters that differ in these names alone, and where they begin.
    """

    key: Hashable
    arrays: tuple[str, ...]
    starts: tuple[int, ...]


def outline(fusion: Fusion, group: Group) -> Outline | None:
    """None where the code of the kernel has the number of a node, to tell which index was outside of its axis."""
    drawing = _Drawing(fusion, group)
    nodes = tuple([drawing.node(n) for n in group.nodes])
    if drawing.is_checked:
        return None
    starts = tuple([min(found, default=0) for found in drawing.starts.values()])
    apart = tuple(
        [tuple([s - least for s in found]) for found, least in zip(drawing.starts.values(), starts, strict=True)]
    )
    return Outline((group.axes, nodes, drawing.stored(), apart), tuple(map(buffer_name, drawing.starts)), starts)


class _Drawing:
    def __init__(self, fusion: Fusion, group: Group) -> None:
        self.anchors, self.group = fusion.anchors, group
        self.starts: dict[Value, list[int]] = {v: [] for v in group.arrays}  # of the reads of each array
        self.numbers = {v: k for k, v in enumerate(self.starts)}
        self.inside: dict[int, int] = {}  # node -> its place in the group
        self.is_checked = False

    def node(self, n: Node) -> Hashable:
        operands = tuple([self.operand(v) for v in n.inputs])
        self.is_checked |= not n.op.traits.isdisjoint(_CHECKED)
        self.inside[n.id] = len(self.inside)
        t = n.types[0]
        return n.op.name, n.attrs.key, t.dtype, t.shape, self.group.result[n.id], self.group.reduced.get(n.id), operands

    def operand(self, v: Value) -> Hashable:
        node = v.node
        if node.id in self.inside:
            return self.inside[node.id]
        if node.op.name == "constant" and v.type.size == 1:
            return node.attrs.key, v.shape
        if self._is_stored(v):
            return self._read(v, 0)
        if node.op is slice_ and self._is_stored(node.inputs[0]) and are_ints(node.attrs["starts"]):
            return self._slice(node)
        self.is_checked |= not node.op.traits.isdisjoint(_CHECKED)
        return node.op.name, node.attrs.key, v.shape, tuple([self.operand(x) for x in node.inputs])

    def _is_stored(self, v: Value) -> bool:
        node = v.node
        return node.id not in self.inside and (node.id in self.anchors or not is_view(node))

    def _slice(self, node: Node) -> Hashable:
        """Of a stored array: where it starts is told apart."""
        x, start = node.inputs[0], 0
        if not x.type.is_static:
            return node.attrs.key, self._read(x, 0)
        for s, extent in zip(node.attrs["starts"], x.shape, strict=True):
            start = start * extent + s
        return node.attrs["sizes"], node.attrs["steps"], self._read(x, start)

    def _read(self, v: Value, start: int) -> Hashable:
        if v not in self.numbers:
            self.numbers[v], self.starts[v] = len(self.numbers), []
        self.starts[v].append(start)
        return "array", self.numbers[v], v.dtype, v.shape

    def stored(self) -> Hashable:
        """Which results are stored, and where, and what is written around a part."""
        g = self.group
        parts = [(self.inside[p.source.node.id], self.numbers[p.target], p.places) for p in g.parts]
        around = None if g.around is None else (g.around.places, g.around.rim)
        return tuple([(self.inside[v.node.id], v.index) for v in g.writes]), tuple(parts), around
