"""Parts of concatenations and pads: who computes one stores it in the whole (contiguous ones of joins: `slices`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from graphc.ir.node import Node, Value
from graphc.ir.ops.reindex import ravel_index, reshape_index
from graphc.ir.poly import Poly, Size
from graphc.ir.types import Shape
from graphc.passes.access import storage
from graphc.records import dataclass

Box = tuple[tuple[Poly, Size], ...]
"""Where it begins and how long it is, along each axis."""


@dataclass(frozen=True, slots=True)
class Part:
    """`source` is stored in `target` too: as an array of `shape`, from `starts` on.

    `rim`: what a target holds around its only part; None where parts fill it.
    """

    source: Value
    target: Value
    shape: Shape
    starts: tuple[Poly, ...]
    rim: float | None = None

    def position(self, index: list[Poly]) -> Poly:
        """Where the target has the element of the source at an index."""
        inner = reshape_index(index, self.source.shape, self.shape)
        assert inner is not None
        return ravel_index([i + s for i, s in zip(inner, self.starts, strict=True)], self.target.shape)

    def around(self) -> Iterator[Box]:
        """What is left of the target, in boxes: before and behind the part, along one axis after the other."""
        inner, whole = tuple(zip(self.starts, self.shape, strict=True)), tuple((Poly(), n) for n in self.target.shape)
        for k, (start, n) in enumerate(inner):
            end = start + n
            for side in ((Poly(), start), (end, Poly.of(self.target.shape[k]) - end)):
                if side[1].terms:
                    yield (*inner[:k], side, *whole[k + 1 :])


def parts_of(node: Node, anchors: Collection[int]) -> list[Part]:
    """The parts that a node joins or pads and does nothing else with, each with where its elements are computed.

    Empty where it is neither, or where the elements of a part lie at no polynomial of their index.
    """
    whole = node.inputs[0].node if node.op.name == "alias" else node
    if whole.op.name not in ("concatenate", "pad") or (whole is not node and whole.id in anchors):
        return []
    find = _joined if whole.op.name == "concatenate" else _padded
    parts = list(find(whole, node.out, anchors))
    return parts if all(map(_is_placed, parts)) else []


def _joined(join: Node, target: Value, anchors: Collection[int]) -> Iterator[Part]:
    axis, start = join.attrs["axis"], Poly()
    for x in join.inputs:
        starts = tuple(start if k == axis else Poly() for k in range(x.type.ndim))
        yield Part(storage(x, anchors), target, x.shape, starts)
        start = start + x.shape[axis]


def _padded(pad: Node, target: Value, anchors: Collection[int]) -> Iterator[Part]:
    (x,) = pad.inputs
    yield Part(storage(x, anchors), target, x.shape, tuple(map(Poly.of, pad.attrs["low"])), pad.attrs["value"])


def _is_placed(p: Part) -> bool:
    index = [Poly.of(f"i{k}") for k in range(p.source.type.ndim)]
    return reshape_index(index, p.source.shape, p.shape) is not None
