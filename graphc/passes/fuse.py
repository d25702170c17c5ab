"""Fusion: which nodes become one kernel.

Every anchor starts as a group of its own and is merged, in program order, with the groups that it reads from.  Two
groups merge when what one reads of the other lies at the same point of one common iteration space, when no third group
lies between them, and when one loop order suits both.  Each refusal keeps its reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.poly import Size
from graphc.passes.access import Access, Footprint, find_anchors, footprint, storage
from graphc.passes.alignment import LARGEST, Alignment
from graphc.passes.draft import Draft, draft_of, joined
from graphc.passes.parts import Part, parts_of
from graphc.passes.recompute import FAR, LEAST, computed_again, read_price, size_of, store_price
from graphc.passes.slices import Slice, find_slices
from graphc.records import dataclass, replace

DIVISIONS = frozenset({"div", "floordiv", "mod", "fmod", "sqrt"})  # correctly rounded, yet too slow to be repeated


@dataclass(frozen=True, slots=True)
class Group:
    """One kernel: `axes` in loop order with extents; where each node's result and reduced dimensions lie on them.

    `writes` are the results that it stores, `parts` those that it stores in a place of a larger array.  `around`: it
    writes no more of its only result than what that part, which another group stores, leaves of it.
    """

    id: int
    nodes: tuple[Node, ...]
    axes: tuple[tuple[str, Size], ...]
    result: dict[int, tuple[str | None, ...]]
    reduced: dict[int, tuple[str, ...]]
    writes: tuple[Value, ...]
    reads: tuple[Value, ...]
    parts: tuple[Part, ...] = ()
    around: Part | None = None

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
        self.number: dict[int, int] = {}  # node -> number of its group
        self.spaces: dict[int, Footprint] = {}  # node -> what it reads
        self.read_by: dict[int, list[int]] = {}  # node -> nodes, of those that have a group by now
        self.users = _users(graph, self.anchors)
        self.slices = find_slices(graph, self.anchors)
        self.pieces: dict[int, set[int]] = {}  # node that is made of slices -> nodes that compute them
        for v, s in self.slices.items():
            self.pieces.setdefault(s.whole.node.id, set()).add(v.node.id)
        self.results = {storage(v, self.anchors) for v in graph.outputs} | self.slices.keys()
        self.alignment = Alignment(self.users, self.results, self.pieces)
        self.axes = self.alignment.axes
        self.reasons: dict[tuple[int, int], str] = {}
        self.joined: dict[Value, list[Part]] = {}  # arrays that no kernel makes, but those that compute their parts
        self.parts: dict[Value, list[Part]] = {}  # by source
        self.rims: dict[int, Part] = {}  # by the group that writes what is around the part

    def run(self) -> Fusion:
        for node in self.graph.nodes:
            if node.id in self.pieces:
                self.reasons |= {(k, node.id): "it is computed in its place in the array" for k in self.pieces[node.id]}
            elif node.id in self.anchors:
                self._place(footprint(node, self.anchors, self.pieces))
        self._sink()
        self._merge_siblings()
        self._join_in_place()
        self._compute_again()
        groups = tuple(self._finish())
        return Fusion(self.graph, groups, frozenset(self.anchors), self.reasons, self.slices)

    # --------------------------------------------------------------------------------------------------- growing

    def _place(self, space: Footprint) -> None:
        """Open a group for a node, then merge it with the groups it reads, the latest first."""
        node = space.node
        self.axes.extents.update(space.extents)
        self.spaces[node.id] = space
        for k in sorted(space.sources):
            self.read_by.setdefault(k, []).append(node.id)
        read = space.sources & self.number.keys()
        below = 0
        for other in {self.number[r] for r in read}:
            self.drafts[other].readers.add(node.id)
            below |= 1 << other | self.drafts[other].below
        self.drafts[node.id], self.number[node.id] = draft_of([space], self.read_by, below), node.id
        for r in sorted(read, reverse=True):
            if "contraction" in space.traits:
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
        reason = self._between(mine, other) or self.alignment.unite(a, b, side_by_side)
        if not reason:
            self._join(mine, other)
        return reason

    def _join(self, mine: int, other: int) -> None:
        """One group of two, under the number that third groups know, so that few of them have to be told."""
        kept, gone = (other, mine) if self._is_read(other, mine) else (mine, other)
        a, b = self.drafts[kept], self.drafts[gone]
        parts = 1 << kept | 1 << gone
        below = (a.below | b.below) & ~parts
        is_news = self._is_read(gone, kept) or (below & ~a.below and self._is_read(kept, gone))
        del self.drafts[gone]
        self.drafts[kept] = joined(a, b, self.axes.find, below)
        self.number.update(dict.fromkeys(b.ids, kept))
        for d in self.drafts.values() if is_news else ():
            if d.below & parts:
                d.below = d.below & ~parts | 1 << kept | below

    def _is_read(self, number: int, partner: int) -> bool:
        """Whether a third group reads this one."""
        draft = self.drafts[number]
        return not draft.readers <= draft.ids | self.drafts[partner].ids

    # ------------------------------------------------------------------------------------------------- improving

    def _sink(self) -> None:
        """Move a cheap last step whose operands are stored anyway, or small, from its kernel to the only reader."""
        for node in reversed(self.graph.nodes):
            if node.id in self.anchors and is_cheap(node):
                readers = self._readers(node.out)
                mine = self.number[node.id]
                if len(readers) == 1 and mine not in readers and self._operands_cost_less(node, mine):
                    self._move(node, mine, *readers)

    def _readers(self, value: Value) -> set[int]:
        """Groups that read a value; for a result of the graph none can take it over."""
        return set() if value in self.results else {self.number[n] for n in self.read_by.get(value.node.id, ())}

    def _operands_cost_less(self, node: Node, mine: int) -> bool:
        """Than to store the result: those that this kernel computes are stored anyway, or spread along an axis."""
        space = self.spaces[node.id]
        inside = [a for a in space.accesses if self.number.get(a.value.node.id) == mine]
        return bool(inside) and all(self._is_needed_beside(a.value, mine) or _is_spread(a, space) for a in inside)

    def _is_needed_beside(self, value: Value, mine: int) -> bool:
        """By the caller or by a group other than this one."""
        return value in self.results or bool(self._readers(value) - {mine})

    def _move(self, node: Node, mine: int, reader: int) -> None:
        before, space, alone = self.drafts[mine], self.spaces[node.id], len(self.graph) + node.id
        rest = [s for s in before.spaces if s is not space]
        self.drafts[mine] = draft_of(rest, self.read_by, before.below)
        self.drafts[alone] = draft_of([space], self.read_by, 1 << mine | before.below)
        self.number[node.id] = alone
        if self._merge(reader, alone):
            del self.drafts[alone]
            self.drafts[mine], self.number[node.id] = before, mine

    def _merge_siblings(self) -> None:
        """Kernels that read one array over one space, and do not depend on each other, read it together."""
        for nodes in self.read_by.values():
            for one, two in itertools.pairwise(nodes):
                mine, other = self.number[two], self.number[one]
                if mine != other and not self._depend(mine, other):
                    self._merge(mine, other)

    def _join_in_place(self) -> None:
        """A kernel that only joins results of other kernels goes: those store their parts where it would copy them.

        Of one that pads a result the rim is left.
        """
        for key, draft in list(self.drafts.items()):
            node = draft.spaces[0].node
            parts = parts_of(node, self.anchors, self.joined) if len(draft.spaces) == 1 else []
            if parts and all(self._may_store(p, key) for p in parts):
                self._merge_makers(parts)
                self._leave_rim(key, parts[0])
                self.joined[node.out] = parts
        for p in (p for whole, parts in self.joined.items() if self._is_wanted(whole) for p in parts):
            self.parts.setdefault(p.source, []).append(p)

    def _is_wanted(self, joined: Value) -> bool:
        """Not where it is only joined in place to other arrays."""
        is_read = any(n in self.number for n in self.read_by.get(joined.node.id, ()))
        return joined in self.results or is_read or joined.node.id in self.number

    def _leave_rim(self, key: int, part: Part) -> None:
        (space,) = self.drafts[key].spaces
        if part.rim is None:
            del self.drafts[key], self.number[space.node.id]  # no kernel makes it, but those of its parts
            return
        self.rims[key] = part
        unread = replace(space, accesses=[])
        self.drafts[key] = draft_of([unread], self.read_by, self.drafts[key].below)

    def _may_store(self, p: Part, join: int) -> bool:
        maker = self.number.get(p.source.node.id, join)
        return maker != join and maker not in self.rims and not self.drafts[maker].traits & {"scatter", "library"}

    def _merge_makers(self, parts: Sequence[Part]) -> None:
        """Kernels that read the same arrays for parts of one array read them together."""
        for one, two in itertools.pairwise(parts):
            mine, other = self.number[two.source.node.id], self.number[one.source.node.id]
            shared = mine != other and not self.drafts[mine].sources.isdisjoint(self.drafts[other].sources)
            if shared and not self._depend(mine, other):
                self._merge(mine, other, side_by_side=True)

    # ------------------------------------------------------------------------------------------- computing again

    def _compute_again(self) -> None:
        """Kernels compute by themselves what takes less time so than by way of memory."""
        order, stored = self._topological(), self._stored()
        moved = [0, *itertools.accumulate(self._traffic(key, stored) for key in order)]
        if moved[-1] < FAR:
            return
        begun, read = dict(zip(order, moved, strict=False)), self._read_from_memory()
        pairs = ((key, maker) for key in order for maker in self._makers(key))
        far = [(key, maker) for key, maker in pairs if begun[key] - begun[maker] >= FAR]
        repeated = [self._repeat(key, maker, read) for key, maker in far]
        if any(repeated):
            self._drop_unread(order)

    def _traffic(self, key: int, stored: Collection[Value]) -> int:
        """Bytes that a group reads and writes."""
        d = self.drafts[key]
        fetched = {a.value for _, a in d.fetched()}
        return sum(map(size_of, fetched)) + sum(size_of(s.node.out) for s in d.spaces if s.node.out in stored)

    def _makers(self, key: int) -> list[int]:
        """The groups that one reads from, unless it runs alone or holds as much as it can."""
        d = self.drafts[key]
        if d.traits & {"scatter", "library"} or len(d.spaces) >= LARGEST:
            return []
        return sorted({self.number[k] for k in d.sources - d.ids if k in self.number})

    def _read_from_memory(self) -> dict[int, set[int]]:
        """By node, the groups that read it and do not compute it."""
        read: dict[int, set[int]] = {}
        for key, d in self.drafts.items():
            for k in {a.value.node.id for _, a in d.fetched()}:
                read.setdefault(k, set()).add(key)
        return read

    def _repeat(self, reader: int, maker: int, read: dict[int, set[int]]) -> bool:
        """Compute in a group again what it had better not read of another one."""
        d = self.drafts[reader]
        fetched = {(a.value, self._is_aligned(s, a)) for s, a in d.fetched()}
        spaces = {s.node.id: s for s in self.drafts[maker].spaces if self._is_repeatable(s, maker)}
        fixed = {v for v, aligned in fetched if not aligned or v.node.id not in spaces}
        needed = {v: None for v, _ in fetched if v not in fixed}
        if not any(size_of(v) >= LEAST for v in needed):
            return False

        def price(v: Value) -> int:
            return 0 if v in fixed else read_price(v) if self._is_stored(v, reader, read) else store_price(v)

        again = computed_again(needed, spaces, price)
        if not again or not self._take_in(reader, again):
            return False
        for k in {a.value.node.id for _, a in d.fetched()}:
            read[k].remove(reader)
        for k in {a.value.node.id for _, a in self.drafts[reader].fetched()}:
            read.setdefault(k, set()).add(reader)
        return True

    @staticmethod
    def _is_aligned(space: Footprint, access: Access) -> bool:
        return access.coordinates is not None and "contraction" not in space.traits

    def _is_repeatable(self, space: Footprint, maker: int) -> bool:
        """Elementwise work on what lies at the same point.

        Not what is compared for equality: a second computation may be contracted in another way.
        """
        n = space.node
        exact = any(self.graph.nodes[k].op.name in ("eq", "ne") for k in self.users[n.id])
        own = self.number[n.id] == maker and n.op.is_elementwise and n.out not in self.parts
        return own and not exact and all(a.coordinates is not None for a in space.accesses)

    def _is_stored(self, v: Value, reader: int, read: Mapping[int, set[int]]) -> bool:
        """Whatever this reader does."""
        made = v.node.id in self.number
        return not made or v in self.results or v in self.parts or bool(read.get(v.node.id, set()) - {reader})

    def _take_in(self, reader: int, nodes: Iterable[Node]) -> bool:
        """Let a group compute nodes of other groups as well, the last first; says whether it can."""
        before, mark = self.drafts[reader], self.axes.mark
        for n in nodes:
            space = footprint(n, self.anchors, self.pieces, again=f"'{reader}")
            self.axes.extents.update(space.extents)
            mine, more = self.drafts[reader], draft_of([space], {}, 0)
            if self.alignment.unite(mine, more):
                self.axes.take_back(mark)
                self.drafts[reader] = before
                return False
            self.drafts[reader] = joined(mine, more, self.axes.find, mine.below)
        return True

    def _drop_unread(self, order: Sequence[int]) -> None:
        """What nobody reads any more, groups with nothing else included."""
        needed = {v.node.id for v in (*self.results, *self.parts)}
        for key in reversed(order):
            d, inside, kept = self.drafts[key], set[int](), list[Footprint]()
            for s in reversed(d.spaces):
                k = s.node.id
                if k in inside or (self.number[k] == key and k in needed):
                    kept.insert(0, s)
                    inside |= s.sources & d.ids
                    needed |= s.sources - d.ids
            self.drafts[key] = draft_of(kept, self.read_by, d.below)
            if not kept:
                del self.drafts[key]

    def _depend(self, x: int, y: int) -> bool:
        return bool(self.drafts[y].below >> x & 1 or self.drafts[x].below >> y & 1)

    def _between(self, mine: int, other: int) -> str:
        """Would a third group have to run both after the one and before the other?"""
        for first, last in ((other, mine), (mine, other)):
            if self.drafts[last].below >> first & 1:
                direct = {self.number[n] for n in self.drafts[last].sources if n in self.number}
                if any(self.drafts[k].below >> first & 1 for k in direct - {first, last}):
                    return "another kernel lies between them"
        return ""

    # -------------------------------------------------------------------------------------------------- finishing

    def _finish(self) -> Iterator[Group]:
        needed = self._stored()
        for number, key in enumerate(self._topological()):
            yield self._group(number, key, needed)

    def _group(self, number: int, key: int, needed: set[Value]) -> Group:
        d = self.drafts[key]
        order, own = self.alignment.order(d), [s.node.out for s in d.spaces if self.number[s.node.id] == key]
        assert order is not None
        short = {c: f"i{k}" for k, c in enumerate(order)}
        reads = {a.value: None for _, a in d.fetched()}
        return Group(
            number,
            tuple(s.node for s in d.spaces),
            tuple((short[c], self.axes.extents[c]) for c in order),
            {s.node.id: tuple(x and short[self.axes.find(x)] for x in s.result) for s in d.spaces},
            {s.node.id: tuple(short[self.axes.find(x)] for x in s.reduced) for s in d.spaces},
            tuple(v for v in own if v in needed),
            tuple(reads),
            tuple(p for v in own for p in self.parts.get(v, ())),
            self.rims.get(key),
        )

    def _stored(self) -> set[Value]:
        """Results of the graph, and what one group reads of another."""
        out = set(self.results)
        for d in self.drafts.values():
            out |= {a.value for _, a in d.fetched() if a.value.node.id in self.number}
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


def _is_spread(access: Access, space: Footprint) -> bool:
    """Are there axes along which what is read stays the same?"""
    along = {x for x in access.coordinates or space.axes if x is not None}
    return not along.issuperset(x for x in space.result if x is not None)


def is_cheap(node: Node) -> bool:
    """Elementwise arithmetic that costs less than a store and a load."""
    return node.op.is_elementwise and node.op.ulp <= 0.5 and node.op.name not in DIVISIONS


__all__ = ["Fusion", "Group", "fuse"]
