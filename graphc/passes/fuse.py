"""Fusion: which nodes become one kernel.

Every anchor starts as a group of its own and is merged, in program order, with the groups that it reads from.  Two
groups merge when what one reads of the other lies at the same point of one common iteration space, when no third group
lies between them, and when one loop order suits both.  Each refusal keeps its reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.poly import Size
from graphc.passes.access import Access, Footprint, find_anchors, footprint, storage
from graphc.passes.draft import Bits, Draft, draft_of
from graphc.passes.loop_order import merge_orders, preferred_order
from graphc.passes.parts import Part, parts_of
from graphc.passes.slices import Slice, find_slices
from graphc.records import dataclass

LARGEST = 64  # anchors of one group: bounds code size and compile time
DIVISIONS = frozenset({"div", "floordiv", "mod", "fmod", "sqrt"})  # correctly rounded, yet too slow to be repeated


@dataclass(frozen=True, slots=True)
class Group:
    """One kernel: `axes` in loop order with extents; where each node's result and reduced dimensions lie on them.

    `writes` are the results that it stores, `parts` those that it stores in a place of a larger array.
    """

    id: int
    nodes: tuple[Node, ...]
    axes: tuple[tuple[str, Size], ...]
    result: dict[int, tuple[str | None, ...]]
    reduced: dict[int, tuple[str, ...]]
    writes: tuple[Value, ...]
    reads: tuple[Value, ...]
    parts: tuple[Part, ...] = ()

    @property
    def arrays(self) -> tuple[Value, ...]:
        """Everything that it writes to."""
        return (*self.writes, *dict.fromkeys(p.target for p in self.parts))

    @property
    def name(self) -> str:
        return f"k{self.id}"


@dataclass(frozen=True)
class Fusion:
    """The groups in an order in which they can run, the anchors, and why pairs of nodes are apart.

    `slices` are arrays that are parts of another one, which no group computes: it is there when they are.
    """

    graph: Graph
    groups: tuple[Group, ...]
    anchors: frozenset[int]
    reasons: dict[tuple[int, int], str]
    slices: dict[Value, Slice]

    def why_not_fused(self, producer: Value, consumer: Value) -> str:
        """The reason why the kernel of `consumer` reads `producer` from memory, or "" if they are one kernel."""
        together = any({producer.node, consumer.node} <= set(g.nodes) for g in self.groups)
        return "" if together else self.reasons.get((producer.node.id, consumer.node.id), "it is not read directly")


def fuse(graph: Graph) -> Fusion:
    return _Fuser(graph).run()


class _Fuser:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.anchors = find_anchors(graph)
        self.drafts: dict[int, Draft] = {}  # by number; a merged group keeps the number of one part
        self.bits = Bits()
        self.number: dict[int, int] = {}  # node -> number of its group
        self.spaces: dict[int, Footprint] = {}  # node -> what it reads
        self.same: dict[str, str] = {}  # union-find over axes, the smaller class under the larger one
        self.sizes: dict[str, int] = {}  # of the class of an axis that stands for it, where it has others
        self.trail: list[str] = []  # keys of `same` in the order in which they came, to take them back
        self.extents: dict[str, Size] = {}
        self.read_by: dict[int, list[int]] = {}  # node -> nodes, of those that have a group by now
        self.users = _users(graph, self.anchors)
        self.slices = find_slices(graph, self.anchors)
        self.pieces: dict[int, set[int]] = {}  # node that is made of slices -> nodes that compute them
        for v, s in self.slices.items():
            self.pieces.setdefault(s.whole.node.id, set()).add(v.node.id)
        self.results = {storage(v, self.anchors) for v in graph.outputs} | self.slices.keys()
        self.reasons: dict[tuple[int, int], str] = {}
        self.parts: dict[Value, list[Part]] = {}  # by source

    def run(self) -> Fusion:
        for node in self.graph.nodes:
            if node.id in self.pieces:
                self.reasons |= {(k, node.id): "it is computed in its place in the array" for k in self.pieces[node.id]}
            elif node.id in self.anchors:
                self._place(footprint(node, self.anchors, self.pieces))
        self._sink()
        self._merge_siblings()
        self._join_in_place()
        groups = tuple(self._finish())
        return Fusion(self.graph, groups, frozenset(self.anchors), self.reasons, self.slices)

    # --------------------------------------------------------------------------------------------------- growing

    def _place(self, space: Footprint) -> None:
        """Open a group for a node, then merge it with the groups it reads, the latest first."""
        node = space.node
        self.extents.update(space.extents)
        self.spaces[node.id] = space
        for k in sorted(space.sources):
            self.read_by.setdefault(k, []).append(node.id)
        read = space.sources & self.number.keys()
        below = 0
        for other in {self.number[r] for r in read}:
            self.drafts[other].readers.add(node.id)
            below |= self.drafts[other].reach
        self.drafts[node.id] = draft_of([space], self.read_by, self.bits.take(), below)
        self.number[node.id] = node.id
        for r in sorted(read, reverse=True):
            if "contraction" in node.op.traits:
                self.reasons[r, node.id] = "operands of a matrix product are stored"
                continue
            mine, other = self.number[node.id], self.number[r]
            if mine == other:
                continue
            reason = self._merge(mine, other)
            if reason:
                self.reasons[r, node.id] = reason

    def _merge(self, mine: int, other: int, side_by_side: bool = False) -> str:
        """Merge two groups, though they share no axis if `side_by_side`; gives the reason if they stay apart."""
        a, b = self.drafts[mine], self.drafts[other]
        reason = self._kinds(a, b) or self._between(mine, other)
        if reason:
            return reason
        mark = len(self.trail)
        reason = self._align(a, b, side_by_side)
        if reason:
            self._take_back(mark)
            return reason
        self._join(mine, other)
        return ""

    def _join(self, mine: int, other: int) -> None:
        """One group of two, under the number that third groups know, so that few of them have to be told; else that of
        the larger one, which takes in the other."""
        kept, gone = (mine, other) if self._weight(mine, other) > self._weight(other, mine) else (other, mine)
        a, b = self.drafts[kept], self.drafts.pop(gone)
        parts = a.bit | b.bit
        a.take_in(b, self._find, (a.below | b.below) & ~parts)
        self.number.update(dict.fromkeys(b.ids, kept))
        reach, direct = a.reach, {self.number[n] for n in a.readers}
        if any((self.drafts[k].below ^ b.bit) & (reach | b.bit) != reach | b.bit for k in direct):
            for d in self.drafts.values():  # those that read the direct readers know what these know
                if d.below & parts:
                    d.below = d.below & ~parts | reach
        self.bits.give(b.bit)

    def _weight(self, number: int, partner: int) -> tuple[bool, int]:
        """Whether a third group reads this one; its size."""
        draft = self.drafts[number]
        return not draft.readers <= self.drafts[partner].ids, len(draft.spaces)

    # ------------------------------------------------------------------------------------------------- improving

    def _sink(self) -> None:
        """Move a cheap last step whose operands are stored anyway from its kernel to the only one that reads it."""
        for node in reversed(self.graph.nodes):
            if node.id in self.anchors and is_cheap(node):
                readers = self._readers(node.out)
                mine = self.number[node.id]
                if len(readers) == 1 and mine not in readers and self._operands_are_stored(node, mine):
                    self._move(node, mine, *readers)

    def _readers(self, value: Value) -> set[int]:
        """Groups that read a value; for a result of the graph none can take it over."""
        return set() if value in self.results else {self.number[n] for n in self.read_by.get(value.node.id, ())}

    def _operands_are_stored(self, node: Node, mine: int) -> bool:
        inside = [a.value for a in self.spaces[node.id].accesses if self.number.get(a.value.node.id) == mine]
        return bool(inside) and all(self._readers(v) - {mine} or v in self.results for v in inside)

    def _move(self, node: Node, mine: int, reader: int) -> None:
        before, space, alone = self.drafts[mine], self.spaces[node.id], len(self.graph) + node.id
        rest = [s for s in before.spaces if s is not space]
        self.drafts[mine] = draft_of(rest, self.read_by, before.bit, before.below)
        self.drafts[alone] = draft_of([space], self.read_by, self.bits.take(), before.reach)
        self.number[node.id] = alone
        if self._merge(reader, alone):
            self.bits.give(self.drafts.pop(alone).bit)
            self.drafts[mine], self.number[node.id] = before, mine

    def _merge_siblings(self) -> None:
        """Kernels that read one array over one space, and do not depend on each other, read it together."""
        for nodes in self.read_by.values():
            for one, two in itertools.pairwise(nodes):
                mine, other = self.number[two], self.number[one]
                if mine != other and not self._depend(mine, other):
                    self._merge(mine, other)

    def _join_in_place(self) -> None:
        """A kernel that only joins results of other kernels goes: those store their parts where it would copy them."""
        for key, draft in list(self.drafts.items()):
            parts = parts_of(draft.spaces[0].node, self.anchors) if len(draft.spaces) == 1 else []
            if parts and all(self._may_store(p, key) for p in parts):
                self._merge_makers(parts)
                del self.drafts[key], self.number[draft.spaces[0].node.id]  # no kernel makes it, but those of its parts
                for p in parts:
                    self.parts.setdefault(p.source, []).append(p)

    def _may_store(self, p: Part, join: int) -> bool:
        maker = self.number.get(p.source.node.id, join)
        return maker != join and not self.drafts[maker].traits & {"contraction", "scatter", "library"}

    def _merge_makers(self, parts: Sequence[Part]) -> None:
        """Kernels that read the same arrays for parts of one array read them together."""
        for one, two in itertools.pairwise(parts):
            mine, other = self.number[two.source.node.id], self.number[one.source.node.id]
            shared = mine != other and not self.drafts[mine].sources.isdisjoint(self.drafts[other].sources)
            if shared and not self._depend(mine, other):
                self._merge(mine, other, side_by_side=True)

    def _depend(self, x: int, y: int) -> bool:
        a, b = self.drafts[x], self.drafts[y]
        return bool(b.below & a.bit or a.below & b.bit)

    # -------------------------------------------------------------------------------------------------- legality

    @staticmethod
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

    def _between(self, mine: int, other: int) -> str:
        """Would a third group have to run both after the one and before the other?"""
        for first, last in ((other, mine), (mine, other)):
            bit, draft = self.drafts[first].bit, self.drafts[last]
            if draft.below & bit:
                direct = {self.number[n] for n in draft.sources if n in self.number}
                if any(self.drafts[k].below & bit for k in direct - {first, last}):
                    return "another kernel lies between them"
        return ""

    def _align(self, a: Draft, b: Draft, side_by_side: bool) -> str:
        """Identify axes: first as the reads demand, then as shared operands and equal extents suggest."""
        if not self._demand(a, b):
            return "it is read at another position than it is computed at"
        self._suggest(self._shared_reads(a, b), a, b)
        mine, other = self._classes(a), self._classes(b)
        if mine and other and not mine & other and not side_by_side:
            return "they share no axis"
        if not (mine <= other or other <= mine):
            self._suggest(self._equal_extents(a, b), a, b)
        for x, y in ((a, b), (b, a)):
            if x.has("contraction") and not self._classes(y) <= self._product_axes(x):
                return "it runs over more than the result of the matrix product"
        if self._order(a, b) is None:
            return "no loop order suits both"
        return ""

    def _demand(self, a: Draft, b: Draft) -> bool:
        for reader, writer in ((a, b), (b, a)):
            if reader.sources.isdisjoint(writer.ids):
                continue
            for access in (x for s in reader.spaces for x in s.accesses):
                k = access.value.node.id
                if k in writer.ids and not self._equate(access.coordinates, self.spaces[k].result):
                    return False
                if not writer.ids.isdisjoint(self.pieces.get(k, ())):
                    return False
        return self._injective(a, b)

    def _equate(self, xs: Sequence[str | None] | None, ys: Sequence[str | None]) -> bool:
        if xs is None:
            return False
        pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
        if any(self.extents[x] != self.extents[y] for x, y in pairs):
            return False
        for x, y in pairs:
            self._unite(x, y)
        return True

    def _suggest(self, pairs: Iterable[tuple[str, str]], a: Draft, b: Draft) -> None:
        """Identify pairs of axes where nothing speaks against it."""
        for x, y in pairs:
            mark = len(self.trail)
            if self.extents[x] == self.extents[y]:
                self._unite(x, y)
                if len(self.trail) > mark and not self._injective(a, b):
                    self._take_back(mark)

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
        return [c for c in self._order(d) or () if c in classes]

    def _injective(self, *drafts: Draft) -> bool:
        """No node has two of its axes identified."""
        return all(len(set(map(self._find, chain))) == len(chain) for d in drafts for chain in d.chains)

    def _unite(self, x: str, y: str) -> None:
        p, q = self._find(x), self._find(y)
        if p != q:
            m, n = self.sizes.get(p, 1), self.sizes.get(q, 1)
            p, q = (p, q) if m <= n else (q, p)
            self.same[p], self.sizes[q] = q, m + n
            self.trail.append(p)

    def _take_back(self, mark: int) -> None:
        while len(self.trail) > mark:
            p = self.trail.pop()
            self.sizes[self.same.pop(p)] -= self.sizes.get(p, 1)

    def _find(self, axis: str) -> str:
        while axis in self.same:
            axis = self.same[axis]
        return axis

    def _classes(self, d: Draft) -> set[str]:
        return {self._find(x) for chain in d.chains for x in chain}

    def _product_axes(self, d: Draft) -> set[str]:
        space = next(s for s in d.spaces if "contraction" in s.node.op.traits)
        return {self._find(x) for x in space.result if x is not None}

    # ----------------------------------------------------------------------------------------------------- order

    def _order(self, *drafts: Draft) -> list[str] | None:
        chains = sorted((first, chain) for d in drafts for chain, first in d.chains.items())
        order = merge_orders(dict.fromkeys(tuple(map(self._find, chain)) for _, chain in chains))
        return self._lax(drafts) if order is None else order

    def _lax(self, drafts: Sequence[Draft]) -> list[str] | None:
        """A matrix product can be computed in the order in which its result is needed: it sums last.

        Elementwise work can be computed in any, so in that of its only result: a transposed one takes no array between.
        Were another result stored beside it, that one would be scattered: two kernels take a third of the time then.
        """
        spaces = sorted((s for d in drafts for s in d.spaces), key=lambda s: s.node.id)
        products = [s for s in spaces if "contraction" in s.node.op.traits]
        if not products:
            return self._in_the_order_of_the_last(spaces) if self._only_the_last_is_stored(spaces) else None
        chains = [preferred_order(s) for s in spaces if s not in products]
        chains += [[axis] for s in products for axis in s.axes]
        return merge_orders([tuple(map(self._find, c)) for c in chains])

    def _only_the_last_is_stored(self, spaces: Sequence[Footprint]) -> bool:
        ids = {s.node.id for s in spaces}
        kept = [s.node for s in spaces[:-1] if s.node.out in self.results or not self.users[s.node.id] <= ids]
        return not kept and not any(s.reduced for s in spaces)

    def _in_the_order_of_the_last(self, spaces: Sequence[Footprint]) -> list[str]:
        axes = (x for s in reversed(spaces) for x in preferred_order(s))
        return list(dict.fromkeys(map(self._find, axes)))

    # -------------------------------------------------------------------------------------------------- finishing

    def _finish(self) -> Iterator[Group]:
        needed = self._stored()
        for number, key in enumerate(self._topological()):
            yield self._group(number, self.drafts[key], needed)

    def _group(self, number: int, d: Draft, needed: set[Value]) -> Group:
        order = self._order(d)
        assert order is not None
        short = {c: f"i{k}" for k, c in enumerate(order)}
        reads = {a.value: None for s in d.spaces for a in s.accesses if a.value.node.id not in d.ids}
        return Group(
            number,
            tuple(s.node for s in d.spaces),
            tuple((short[c], self.extents[c]) for c in order),
            {s.node.id: tuple(x and short[self._find(x)] for x in s.result) for s in d.spaces},
            {s.node.id: tuple(short[self._find(x)] for x in s.reduced) for s in d.spaces},
            tuple(s.node.out for s in d.spaces if s.node.out in needed),
            tuple(reads),
            tuple(p for s in d.spaces for p in self.parts.get(s.node.out, ())),
        )

    def _stored(self) -> set[Value]:
        """Results of the graph, and what one group reads of another."""
        out = set(self.results)
        for key, d in self.drafts.items():
            out |= {a.value for s in d.spaces for a in s.accesses if self.number.get(a.value.node.id, key) != key}
        return out

    def _topological(self) -> list[int]:
        """Groups after those they depend on, otherwise in program order."""
        first = {key: min(d.ids) for key, d in self.drafts.items()}
        return sorted(self.drafts, key=lambda key: (self.drafts[key].below.bit_count(), first[key]))


def _users(graph: Graph, anchors: Collection[int]) -> dict[int, set[int]]:
    """Which nodes that are computed read a node, themselves or a view of it."""
    users: dict[int, set[int]] = {n.id: set() for n in graph.nodes}
    for n in reversed(graph.nodes):
        for v in n.inputs:
            users[v.node.id] |= {n.id} if n.id in anchors else users[n.id]
    return users


def is_cheap(node: Node) -> bool:
    """Elementwise arithmetic that costs less than a store and a load."""
    return node.op.is_elementwise and node.op.ulp <= 0.5 and node.op.name not in DIVISIONS


__all__ = ["Access", "Fusion", "Group", "fuse", "merge_orders"]
