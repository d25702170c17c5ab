"""Parts of a concatenation along any axis: whoever computes one stores it there too (contiguous ones: `slices`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from graphc.ir.node import Node, Value
from graphc.ir.ops.reindex import ravel_index, reshape_index
from graphc.ir.poly import Poly
from graphc.ir.types import Shape
from graphc.passes.access import storage
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """`source` is stored in `target` too: as an array of `shape`, from `start` on along an axis."""

    source: Value
    target: Value
    shape: Shape
    axis: int
    start: Poly

    def position(self, index: list[Poly]) -> Poly:
        """Where the target has the element of the source at an index."""
        inner = reshape_index(index, self.source.shape, self.shape)
        assert inner is not None
        return ravel_index([i + self.start if n == self.axis else i for n, i in enumerate(inner)], self.target.shape)


def parts_of(node: Node, anchors: Collection[int]) -> list[Part]:
    """The parts that a node joins and does nothing else with, each with where its elements are computed.

    Empty where it is no join, or where the elements of a part lie at no polynomial of their index.
    """
    join = node.inputs[0].node if node.op.name == "alias" else node
    if join.op.name != "concatenate" or (join is not node and join.id in anchors):
        return []
    parts = list(_parts(join, node.out, anchors))
    return parts if all(map(_is_placed, parts)) else []


def _parts(join: Node, target: Value, anchors: Collection[int]) -> Iterator[Part]:
    axis, start = join.attrs["axis"], Poly()
    for x in join.inputs:
        yield Part(storage(x, anchors), target, x.shape, axis, start)
        start = start + x.shape[axis]


def _is_placed(p: Part) -> bool:
    index = [Poly.of(f"i{k}") for k in range(p.source.type.ndim)]
    return reshape_index(index, p.source.shape, p.shape) is not None
