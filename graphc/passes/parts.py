"""Parts of a concatenation along any axis: whoever computes one stores it there too (contiguous ones: `slices`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from graphc.ir.node import Node, Value
from graphc.ir.ops.reindex import ravel_index, reshape_index
from graphc.ir.poly import Poly
from graphc.ir.types import Shape
from graphc.passes.access import storage
from graphc.records import dataclass, replace


@dataclass(frozen=True, slots=True)
class Place:
    """Of a part in what it is joined to: as an array of `shape`, from `start` on along an axis of the `whole`."""

    shape: Shape
    axis: int
    start: Poly
    whole: Shape

    def index(self, inner: Sequence[Poly], shape: Shape) -> list[Poly]:
        """Where the whole has the element at an index of a part of another shape; raises ValueError as `position`."""
        index = reshape_index(inner, shape, self.shape)
        if index is None:
            raise ValueError(f"elements of {shape} lie at no polynomials in {self.shape}")
        return [i + self.start if n == self.axis else i for n, i in enumerate(index)]


@dataclass(frozen=True, slots=True)
class Part:
    """`source` is stored in `target` too, in a place of a place ... of it, the innermost first."""

    source: Value
    target: Value
    places: tuple[Place, ...]

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

    def inside(self, outer: Part) -> Part:
        """This part of the source of another part, as a part of the other's target."""
        return replace(self, target=outer.target, places=(*self.places, *outer.places))


def parts_of(node: Node, anchors: Collection[int], joined: Mapping[Value, Sequence[Part]]) -> list[Part]:
    """The parts that a node joins and does nothing else with, each with where its elements are computed.

    Of what is `joined` in place itself, these are its own parts.  Empty where the node is no join, or where the
    elements of a part lie at no polynomial of their index.
    """
    join = node.inputs[0].node if node.op.name == "alias" else node
    if join.op.name != "concatenate" or (join is not node and join.id in anchors):
        return []
    parts = [q for p in _parts(join, node.out, anchors) for q in _innermost(p, joined)]
    return parts if all(p.is_placed for p in parts) else []


def _parts(join: Node, target: Value, anchors: Collection[int]) -> Iterator[Part]:
    axis, start = join.attrs["axis"], Poly()
    for x in join.inputs:
        yield Part(storage(x, anchors), target, (Place(x.shape, axis, start, join.types[0].shape),))
        start = start + x.shape[axis]


def _innermost(p: Part, joined: Mapping[Value, Sequence[Part]]) -> list[Part]:
    return [q.inside(p) for q in joined[p.source]] if p.source in joined else [p]
