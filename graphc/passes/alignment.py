"""Whether two groups can run over one space: of which kinds they are, which of their axes are one, in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from graphc.ir.node import Value
from graphc.passes.access import Footprint
from graphc.passes.axes import Axes
from graphc.passes.draft import Draft
from graphc.passes.loop_order import merge_orders, preferred_order
from graphc.records import dataclass, field

LARGEST = 64  # anchors of one group: bounds code size and compile time


@dataclass
class Alignment:
    """The axes of all groups.

    `users` has the nodes that read a node, `results` what is stored in any case, `pieces` the nodes that compute a
    node which is made of slices.
    """

    users: Mapping[int, set[int]]
    results: Collection[Value]
    pieces: Mapping[int, Collection[int]]
    axes: Axes = field(default_factory=Axes)

    def unite(self, a: Draft, b: Draft, side_by_side: bool = False) -> str:
        """Identify axes of two groups, which need have none in common if `side_by_side`; gives the reason if not."""
        mark = self.axes.mark
        reason = _kinds(a, b) or self._align(a, b, side_by_side)
        if reason:
            self.axes.take_back(mark)
        return reason

    def _align(self, a: Draft, b: Draft, side_by_side: bool) -> str:
        """Identify axes: first as the reads demand, then as shared operands and equal extents suggest."""
        if not self._demand(a, b):
            return "it is read at another position than it is computed at"
        self._suggest(self._shared_reads(a, b), a, b)
        mine, other = self._classes(a), self._classes(b)
        if mine and other and not mine & other and not side_by_side:
            return "they share no axis"
        self._suggest(self._equal_extents(a, b), a, b)
        for x, y in ((a, b), (b, a)):
            if x.has("contraction") and not self._classes(y) <= self._product_axes(x):
                return "it runs over more than the result of the matrix product"
        if self.order(a, b) is None:
            return "no loop order suits both"
        return ""

    def _demand(self, a: Draft, b: Draft) -> bool:
        for reader, writer in ((a, b), (b, a)):
            if reader.sources.isdisjoint(writer.ids):
                continue
            for access in (x for s in reader.spaces for x in s.accesses):
                k = access.value.node.id
                if k in writer.ids and not self.axes.equate(access.coordinates, writer.results[k]):
                    return False
                if not writer.ids.isdisjoint(self.pieces.get(k, ())):
                    return False
        return self._injective(a, b)

    def _suggest(self, pairs: Iterable[tuple[str, str]], a: Draft, b: Draft) -> None:
        """Identify pairs of axes where nothing speaks against it."""
        for x, y in pairs:
            mark = self.axes.mark
            if self.axes.extents[x] == self.axes.extents[y]:
                self.axes.unite(x, y)
                if not self._injective(a, b):
                    self.axes.take_back(mark)

    def _shared_reads(self, a: Draft, b: Draft) -> Iterator[tuple[str, str]]:
        """Axes along which both read one array at the same coordinates."""
        for v, mine in a.reads.items():
            other = b.reads.get(v)
            if other:
                yield from ((p, q) for p, q in zip(mine, other, strict=True) if p and q)

    def _equal_extents(self, a: Draft, b: Draft) -> Iterator[tuple[str, str]]:
        """Axes of one side that the other has not, paired in order by extent."""
        for x in self._sorted(a, self._classes(a) - self._classes(b)):
            for y in self._sorted(b, self._classes(b) - self._classes(a)):
                yield x, y

    def _sorted(self, d: Draft, classes: set[str]) -> list[str]:
        return [c for c in self.order(d) or () if c in classes]

    def _injective(self, *drafts: Draft) -> bool:
        """No node has two of its axes identified."""
        return all(len(set(map(self.axes.find, chain))) == len(chain) for d in drafts for chain in d.chains)

    def _classes(self, d: Draft) -> set[str]:
        return {self.axes.find(x) for chain in d.chains for x in chain}

    def _product_axes(self, d: Draft) -> set[str]:
        space = next(s for s in d.spaces if "contraction" in s.traits)
        return {self.axes.find(x) for x in space.result if x is not None}

    # ----------------------------------------------------------------------------------------------------- order

    def order(self, *drafts: Draft) -> list[str] | None:
        chains = sorted((first, chain) for d in drafts for chain, first in d.chains.items())
        order = merge_orders(dict.fromkeys(tuple(map(self.axes.find, chain)) for _, chain in chains))
        return self._lax(drafts) if order is None else order

    def _lax(self, drafts: Sequence[Draft]) -> list[str] | None:
        """A matrix product can be computed in the order in which its result is needed: it sums last.

        Elementwise work can be computed in any, so in that of its only result: a transposed one takes no array between.
        Were another result stored beside it, that one would be scattered: two kernels take a third of the time then.
        """
        spaces = sorted((s for d in drafts for s in d.spaces), key=lambda s: s.node.id)
        products = [s for s in spaces if "contraction" in s.traits]
        if not products:
            return self._in_the_order_of_the_last(spaces) if self._only_the_last_is_stored(spaces) else None
        chains = [preferred_order(s) for s in spaces if s not in products]
        chains += [[axis] for s in products for axis in s.axes]
        return merge_orders([tuple(map(self.axes.find, c)) for c in chains])

    def _only_the_last_is_stored(self, spaces: Sequence[Footprint]) -> bool:
        ids = {s.node.id for s in spaces}
        kept = [s.node for s in spaces[:-1] if s.node.out in self.results or not self.users[s.node.id] <= ids]
        return not kept and not any(s.reduced for s in spaces)

    def _in_the_order_of_the_last(self, spaces: Sequence[Footprint]) -> list[str]:
        axes = (x for s in reversed(spaces) for x in preferred_order(s))
        return list(dict.fromkeys(map(self.axes.find, axes)))


def _kinds(a: Draft, b: Draft) -> str:
    if len(a.spaces) + len(b.spaces) > LARGEST:
        return f"a kernel holds at most {LARGEST} operations"
    for x, y in ((a, b), (b, a)):
        if x.has("scatter"):
            return "scatter-add runs alone"
        if x.has("library"):
            return "a scan, a sort or a selection runs alone"
        if x.has("contraction") and (y.has("contraction") or y.has("reduction")):
            return "a matrix product takes elementwise work after it only"
    return ""
