"""Parts of concatenations and pads: who computes one stores it in the whole (contiguous ones of joins: `slices`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from graphc.ir.node import Node, Value
from graphc.ir.ops.reindex import ravel_index, reshape_index
from graphc.ir.poly import Poly, Size
from graphc.ir.types import Shape
from graphc.passes.access import storage
from graphc.records import dataclass, replace

Box = tuple[tuple[Poly, Size], ...]
"""Where it begins and how long it is, along each axis."""


@dataclass(frozen=True, slots=True)
class Place:
    """Of a part in what it is joined to, or padded to: as an array of `shape`, from `starts` on in the `whole`."""

    shape: Shape
    starts: tuple[Poly, ...]
    whole: Shape

    def index(self, inner: Sequence[Poly], shape: Shape) -> list[Poly]:
        """Where the whole has the element at an index of a part of another shape; raises ValueError as `position`."""
        index = reshape_index(inner, shape, self.shape)
        if index is None:
            raise ValueError(f"elements of {shape} lie at no polynomials in {self.shape}")
        return [i + s for i, s in zip(index, self.starts, strict=True)]

    def around(self) -> Iterator[Box]:
        """What is left of the whole, in boxes: before and behind the part, along one axis after the other."""
        inner, whole = tuple(zip(self.starts, self.shape, strict=True)), tuple((Poly(), n) for n in self.whole)
        for k, (start, n) in enumerate(inner):
            end = start + n
            for side in ((Poly(), start), (end, Poly.of(self.whole[k]) - end)):
                if side[1].terms:
                    yield (*inner[:k], side, *whole[k + 1 :])


@dataclass(frozen=True, slots=True)
class Part:
    """`source` is stored in `target` too, in a place of a place ... of it, the innermost first.

    `rim`: what a target holds around its parts, which lie together; None where they fill it.
    """

    source: Value
    target: Value
    places: tuple[Place, ...]
    rim: float | None = None

    def position(self, index: Sequence[Poly]) -> Poly:
        """Where the target has the element of the source at an index; raises ValueError where no polynomial tells."""
        shape, at = self.source.shape, [*index]
        for place in self.places:
            shape, at = place.whole, place.index(at, shape)
        return ravel_index(at, shape)

    @property
    def is_placed(self) -> bool:
        """Whether the position of every element is a polynomial of its index."""
        try:
            self.position([Poly.of(f"i{k}") for k in range(self.source.type.ndim)])
        except ValueError:
            return False
        return True

    def around(self) -> Iterator[Box]:
        """What is left of the target, in boxes."""
        return self.places[-1].around()

    def inside(self, outer: Part) -> Part:
        """This part of the source of another part, as a part of the other's target."""
        return replace(self, target=outer.target, places=(*self.places, *outer.places), rim=outer.rim)


def parts_of(node: Node, anchors: Collection[int], joined: Mapping[Value, Sequence[Part]]) -> list[Part]:
    """The parts that a node joins or pads and does nothing else with, each with where its elements are computed.

    Of what is `joined` in place itself, these are its own parts.  Empty where the node is neither, or where the
    elements of a part lie at no polynomial of their index.
    """
    whole = node.inputs[0].node if node.op.name == "alias" else node
    if whole.op.name not in ("concatenate", "pad") or (whole is not node and whole.id in anchors):
        return []
    find = _joined if whole.op.name == "concatenate" else _padded
    parts = [q for p in find(whole, node.out, anchors) for q in _innermost(p, joined)]
    return parts if all(p.is_placed for p in parts) else []


def _joined(join: Node, target: Value, anchors: Collection[int]) -> Iterator[Part]:
    axis, start = join.attrs["axis"], Poly()
    for x in join.inputs:
        starts = tuple(start if k == axis else Poly() for k in range(x.type.ndim))
        yield Part(storage(x, anchors), target, (Place(x.shape, starts, join.types[0].shape),))
        start = start + x.shape[axis]


def _padded(pad: Node, target: Value, anchors: Collection[int]) -> Iterator[Part]:
    (x,) = pad.inputs
    place = Place(x.shape, tuple(map(Poly.of, pad.attrs["low"])), pad.types[0].shape)
    yield Part(storage(x, anchors), target, (place,), pad.attrs["value"])


def _innermost(p: Part, joined: Mapping[Value, Sequence[Part]]) -> list[Part]:
    """Its own parts in its place, where they fill it."""
    own = [q.inside(p) for q in joined.get(p.source, ()) if q.rim is None]
    return own or [p]
