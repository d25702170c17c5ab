"""Fusion: which nodes become one kernel.

Every anchor starts as a group of its own and is merged, in program order, with the groups that it reads from.  Two
groups merge when what one reads of the other lies at the same point of one common iteration space, when no third group
lies between them, and when one loop order suits both.  Each refusal keeps its reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.poly import Size
from graphc.passes.access import Access, Footprint, find_anchors, footprint, storage

LARGEST = 64  # anchors of one group: bounds code size and compile time
DIVISIONS = frozenset({"div", "floordiv", "mod", "sqrt"})  # correctly rounded, yet too slow to be repeated


@dataclass(frozen=True, slots=True)
class Group:
    """One kernel: `axes` in loop order with extents; where each node's result and reduced dimensions lie on them."""

    id: int
    nodes: tuple[Node, ...]
    axes: tuple[tuple[str, Size], ...]
    result: dict[int, tuple[str | None, ...]]
    reduced: dict[int, tuple[str, ...]]
    writes: tuple[Value, ...]
    reads: tuple[Value, ...]

    @property
    def name(self) -> str:
        return f"k{self.id}"


@dataclass(frozen=True)
class Fusion:
    """The groups in an order in which they can run, the anchors, and why pairs of nodes are apart."""

    graph: Graph
    groups: tuple[Group, ...]
    anchors: frozenset[int]
    reasons: dict[tuple[int, int], str]

    def why_not_fused(self, producer: Value, consumer: Value) -> str:
        """The reason why the kernel of `consumer` reads `producer` from memory, or "" if they are one kernel."""
        together = any({producer.node, consumer.node} <= set(g.nodes) for g in self.groups)
        return "" if together else self.reasons.get((producer.node.id, consumer.node.id), "it is not read directly")


def fuse(graph: Graph) -> Fusion:
    return _Fuser(graph).run()


@dataclass
class _Draft:
    """A group in the making; `below` holds every group that it depends on, directly or not."""

    spaces: list[Footprint]
    below: set[int] = field(default_factory=set)

    @property
    def ids(self) -> set[int]:
        return {s.node.id for s in self.spaces}

    def has(self, trait: str) -> bool:
        return any(trait in s.node.op.traits for s in self.spaces)


class _Fuser:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.anchors = find_anchors(graph)
        self.drafts: dict[int, _Draft] = {}  # by number; a merged group keeps the number of one part
        self.number: dict[int, int] = {}  # node -> number of its group
        self.same: dict[str, str] = {}  # union-find over axes
        self.trail: list[str] = []  # keys of `same` in the order in which they came, to take them back
        self.extents: dict[str, Size] = {}
        self.read_by: dict[Value, list[int]] = {}
        self.results = {storage(v, self.anchors) for v in graph.outputs}
        self.reasons: dict[tuple[int, int], str] = {}

    def run(self) -> Fusion:
        for node in self.graph.nodes:
            if node.id in self.anchors:
                self._place(footprint(node, self.anchors))
        self._sink()
        self._merge_siblings()
        groups = tuple(self._finish())
        return Fusion(self.graph, groups, frozenset(self.anchors), self.reasons)

    # --------------------------------------------------------------------------------------------------- growing

    def _place(self, space: Footprint) -> None:
        """Open a group for a node, then merge it with the groups it reads, the latest first."""
        node = space.node
        self.extents.update(space.extents)
        for v in {a.value for a in space.accesses}:
            self.read_by.setdefault(v, []).append(node.id)
        read = [a.value.node.id for a in space.accesses if a.value.node.id in self.anchors]
        draft = _Draft([space])
        for other in {self.number[r] for r in read}:
            draft.below |= {other} | self.drafts[other].below
        self.drafts[node.id], self.number[node.id] = draft, node.id
        for r in sorted(set(read), reverse=True):
            if "contraction" in node.op.traits:
                self.reasons[r, node.id] = "operands of a matrix product are stored"
                continue
            mine, other = self.number[node.id], self.number[r]
            if mine == other:
                continue
            reason = self._merge(mine, other)
            if reason:
                self.reasons[r, node.id] = reason

    def _merge(self, mine: int, other: int) -> str:
        """Merge two groups; gives the reason if they stay apart."""
        a, b = self.drafts[mine], self.drafts[other]
        reason = self._kinds(a, b) or self._between(mine, other)
        if reason:
            return reason
        mark = len(self.trail)
        reason = self._align(a, b)
        if reason:
            self._take_back(mark)
            return reason
        self._join(mine, other)
        return ""

    def _join(self, mine: int, other: int) -> None:
        a, b = self.drafts[mine], self.drafts.pop(other)
        a.spaces = sorted(a.spaces + b.spaces, key=lambda s: s.node.id)
        a.below = (a.below | b.below) - {mine, other}
        for s in b.spaces:
            self.number[s.node.id] = mine
        for d in self.drafts.values():
            if d is not a and d.below & {mine, other}:
                d.below = (d.below - {other}) | {mine} | a.below

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
        return set() if value in self.results else {self.number[n] for n in self.read_by.get(value, ())}

    def _operands_are_stored(self, node: Node, mine: int) -> bool:
        space = next(s for s in self.drafts[mine].spaces if s.node is node)
        inside = [a.value for a in space.accesses if self.number.get(a.value.node.id) == mine]
        return bool(inside) and all(self._readers(v) - {mine} or v in self.results for v in inside)

    def _move(self, node: Node, mine: int, reader: int) -> None:
        draft = self.drafts[mine]
        space = next(s for s in draft.spaces if s.node is node)
        alone = -1 - node.id
        self.drafts[alone], self.number[node.id] = _Draft([space], {mine} | draft.below), alone
        draft.spaces.remove(space)
        if self._merge(reader, alone):
            del self.drafts[alone]
            self.number[node.id] = mine
            draft.spaces = sorted([*draft.spaces, space], key=lambda s: s.node.id)

    def _merge_siblings(self) -> None:
        """Kernels that read one array over one space, and do not depend on each other, read it together."""
        for nodes in self.read_by.values():
            for one, two in itertools.pairwise(nodes):
                mine, other = self.number[two], self.number[one]
                if mine != other and not self._depend(mine, other):
                    self._merge(mine, other)

    def _depend(self, x: int, y: int) -> bool:
        return x in self.drafts[y].below or y in self.drafts[x].below

    # -------------------------------------------------------------------------------------------------- legality

    @staticmethod
    def _kinds(a: _Draft, b: _Draft) -> str:
        if len(a.spaces) + len(b.spaces) > LARGEST:
            return f"a kernel holds at most {LARGEST} operations"
        for x, y in ((a, b), (b, a)):
            if x.has("scatter"):
                return "scatter-add runs alone"
            if x.has("contraction") and (y.has("contraction") or y.has("reduction")):
                return "a matrix product takes elementwise work after it only"
        return ""

    def _between(self, mine: int, other: int) -> str:
        """Would a third group have to run both after the one and before the other?"""
        for first, last in ((other, mine), (mine, other)):
            for k in self.drafts[last].below - {first}:
                if first in self.drafts[k].below:
                    return "another kernel lies between them"
        return ""

    def _align(self, a: _Draft, b: _Draft) -> str:
        """Identify axes: first as the reads demand, then as shared operands and equal extents suggest."""
        if not self._demand(a, b):
            return "it is read at another position than it is computed at"
        self._suggest(self._shared_reads(a, b), a, b)
        if not self._classes(a) & self._classes(b) and self._classes(a) and self._classes(b):
            return "they share no axis"
        self._suggest(self._equal_extents(a, b), a, b)
        for x, y in ((a, b), (b, a)):
            if x.has("contraction") and not self._classes(y) <= self._product_axes(x):
                return "it runs over more than the result of the matrix product"
        if self._order([*a.spaces, *b.spaces]) is None:
            return "no loop order suits both"
        return ""

    def _demand(self, a: _Draft, b: _Draft) -> bool:
        for reader, writer in ((a, b), (b, a)):
            homes = {s.node.id: s.result for s in writer.spaces}
            for access in (x for s in reader.spaces for x in s.accesses):
                home = homes.get(access.value.node.id)
                if home is not None and not self._equate(access.coordinates, home):
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

    def _suggest(self, pairs: Iterable[tuple[str, str]], a: _Draft, b: _Draft) -> None:
        """Identify pairs of axes where nothing speaks against it."""
        for x, y in pairs:
            mark = len(self.trail)
            if self.extents[x] == self.extents[y]:
                self._unite(x, y)
                if not self._injective(a, b):
                    self._take_back(mark)

    def _shared_reads(self, a: _Draft, b: _Draft) -> Iterator[tuple[str, str]]:
        """Axes along which both read one array at the same coordinates."""
        seen = {x.value: c for s in b.spaces for x in s.accesses if (c := x.coordinates)}
        for x in (x for s in a.spaces for x in s.accesses):
            mine, other = x.coordinates, seen.get(x.value)
            if mine and other:
                yield from ((p, q) for p, q in zip(mine, other, strict=True) if p and q)

    def _equal_extents(self, a: _Draft, b: _Draft) -> Iterator[tuple[str, str]]:
        """Axes of one side that the other has not, paired in order by extent."""
        for x in self._sorted(a, self._classes(a) - self._classes(b)):
            for y in self._sorted(b, self._classes(b) - self._classes(a)):
                yield x, y

    def _sorted(self, d: _Draft, classes: set[str]) -> list[str]:
        return [c for c in self._order(d.spaces) or () if c in classes]

    def _injective(self, *drafts: _Draft) -> bool:
        """No node has two of its axes identified."""
        return all(len({self._find(x) for x in s.axes}) == len(s.axes) for d in drafts for s in d.spaces)

    def _unite(self, x: str, y: str) -> None:
        p, q = self._find(x), self._find(y)
        if p != q:
            self.same[p] = q
            self.trail.append(p)

    def _take_back(self, mark: int) -> None:
        while len(self.trail) > mark:
            del self.same[self.trail.pop()]

    def _find(self, axis: str) -> str:
        while axis in self.same:
            axis = self.same[axis]
        return axis

    def _classes(self, d: _Draft) -> set[str]:
        return {self._find(x) for s in d.spaces for x in s.axes}

    def _product_axes(self, d: _Draft) -> set[str]:
        space = next(s for s in d.spaces if "contraction" in s.node.op.traits)
        return {self._find(x) for x in space.result if x is not None}

    # ----------------------------------------------------------------------------------------------------- order

    def _order(self, spaces: Sequence[Footprint]) -> list[str] | None:
        chains = [[self._find(x) for x in preferred_order(s)] for s in sorted(spaces, key=lambda s: s.node.id)]
        return merge_orders(chains)

    # -------------------------------------------------------------------------------------------------- finishing

    def _finish(self) -> Iterator[Group]:
        needed = self._stored()
        for number, key in enumerate(self._topological()):
            yield self._group(number, self.drafts[key], needed)

    def _group(self, number: int, d: _Draft, needed: set[Value]) -> Group:
        order = self._order(d.spaces)
        assert order is not None
        short = {c: f"i{k}" for k, c in enumerate(order)}
        ids = d.ids
        reads = {a.value: None for s in d.spaces for a in s.accesses if a.value.node.id not in ids}
        return Group(
            number,
            tuple(s.node for s in d.spaces),
            tuple((short[c], self.extents[c]) for c in order),
            {s.node.id: tuple(x and short[self._find(x)] for x in s.result) for s in d.spaces},
            {s.node.id: tuple(short[self._find(x)] for x in s.reduced) for s in d.spaces},
            tuple(s.node.out for s in d.spaces if s.node.out in needed),
            tuple(reads),
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
        return sorted(self.drafts, key=lambda key: (len(self.drafts[key].below), first[key]))


def is_cheap(node: Node) -> bool:
    """Elementwise arithmetic that costs less than a store and a load."""
    return node.op.is_elementwise and node.op.ulp <= 0.5 and node.op.name not in DIVISIONS


def preferred_order(space: Footprint) -> list[str]:
    """The loop order that suits a node: along its result, and along its largest operand where it reduces."""
    result = [a for a in space.result if a is not None]
    if not space.reduced:
        return result
    if "contraction" in space.node.op.traits:
        return _product_order(space, result)
    reads = [[x for x in a.coordinates if x] for a in space.accesses if a.coordinates]
    along = max(reads, key=len, default=[])
    merged = merge_orders([along, result]) if set(along) >= set(space.axes) else None
    return merged or [*result, *space.reduced]


def _product_order(space: Footprint, result: list[str]) -> list[str]:
    """i, k, j; or i, j, k (dot products) where the right operand lies along k in memory."""
    (k,) = space.reduced
    right = space.accesses[-1].index if space.accesses else None
    along_k = right is not None and k in right[-1].names
    shape = space.node.types[0].shape
    if along_k or shape[-1] == 1:
        return [*result, k]
    return [*result[:-1], k, result[-1]]


def merge_orders(chains: Iterable[Sequence[str]]) -> list[str] | None:
    """One sequence that has every chain as a subsequence, or None; items come as early as the chains name them."""
    after: dict[str, set[str]] = {}
    for chain in chains:
        for k, x in enumerate(chain):
            after.setdefault(x, set()).update(chain[:k])
    out: list[str] = []
    while len(out) < len(after):
        done = set(out)
        ready = next((x for x, before in after.items() if x not in done and before <= done), None)
        if ready is None:
            return None
        out.append(ready)
    return out


__all__ = ["Access", "Fusion", "Group", "fuse", "merge_orders"]
