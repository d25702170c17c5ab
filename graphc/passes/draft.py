"""A group in the making, with what merging asks of it kept at hand: a merge costs little however large its groups are.

Axes are merged by name, so many nodes of a group run along the same ones: their loop orders are kept once.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, itemgetter

from graphc.ir.node import Value
from graphc.passes.access import Footprint
from graphc.passes.loop_order import preferred_order
from graphc.records import dataclass

Chain = tuple[str, ...]


@dataclass
class Draft:
    """`spaces` in program order; `chains` are the loop orders that they prefer, each with the first node that does.

    `sources` are the nodes that are read, those inside included, and `readers` those outside that read; `reads`
    has the coordinates of a read of each array.  `bit` stands for this group, and `below` has the bits of all groups
    that it depends on, directly or not.
    """

    spaces: list[Footprint]
    ids: set[int]
    sources: set[int]
    readers: set[int]
    traits: frozenset[str]
    reads: dict[Value, tuple[str | None, ...]]
    chains: dict[Chain, int]
    bit: int
    below: int

    @property
    def reach(self) -> int:
        """The bits of this group and of all that it depends on."""
        return self.bit | self.below

    def has(self, trait: str) -> bool:
        return trait in self.traits

    def take_in(self, other: Draft, find: Callable[[str], str], below: int) -> None:
        """Be one group of two; `find` gives the name by which an axis is known from now on."""
        chains: dict[Chain, int] = {}
        for chain, first in sorted([*self.chains.items(), *other.chains.items()], key=_first):
            chains.setdefault(tuple(map(find, chain)), first)
        for s in other.spaces:
            insort(self.spaces, s, key=_place)
        self.ids |= other.ids
        self.sources |= other.sources
        self.readers = (self.readers | other.readers) - self.ids
        self.traits |= other.traits
        self.reads |= other.reads
        self.chains, self.below = chains, below


_first = itemgetter(1)
_place = attrgetter("node.id")


class Bits:
    """The bits that stand for groups; one that no group has any more is used again, so sets stay short numbers."""

    def __init__(self) -> None:
        self.count, self.free = 0, list[int]()

    def take(self) -> int:
        if self.free:
            return self.free.pop()
        self.count += 1
        return 1 << self.count - 1

    def give(self, bit: int) -> None:
        """Back, when no set has it."""
        self.free.append(bit)


def draft_of(spaces: Sequence[Footprint], read_by: Mapping[int, Sequence[int]], bit: int, below: int) -> Draft:
    """The group of these nodes; `read_by` gives the readers of a node."""
    first, *rest = [_draft_of_one(s, read_by, bit, below) for s in spaces]
    for other in rest:
        first.take_in(other, str, below)
    return first


def _draft_of_one(space: Footprint, read_by: Mapping[int, Sequence[int]], bit: int, below: int) -> Draft:
    node = space.node
    return Draft(
        spaces=[space],
        ids={node.id},
        sources=set(space.sources),
        readers=set(read_by.get(node.id, ())),
        traits=node.op.traits,
        reads={a.value: a.coordinates for a in space.accesses if a.coordinates},
        chains={tuple(preferred_order(space)): node.id},
        bit=bit,
        below=below,
    )
