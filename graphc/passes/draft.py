"""A group in the making, with what merging asks of it kept at hand: a merge costs little however large its groups are.

Axes are merged by name, so many nodes of a group run along the same ones: their loop orders are kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from graphc.ir.node import Value
from graphc.passes.access import Access, Footprint
from graphc.passes.loop_order import preferred_order
from graphc.records import dataclass

Chain = tuple[str, ...]


@dataclass
class Draft:
    """`spaces` in program order; `chains` are the loop orders that they prefer, each with the first node that does.

    `ids` are the nodes inside, `results` has where on the axes they are computed; `sources` are the nodes that are read
    and `readers` those that read, in both cases those inside included; `reads` has the coordinates of a read of each
    array; `below` a bit for every group this one depends on, directly or not.
    """

    spaces: list[Footprint]
    ids: set[int]
    results: dict[int, tuple[str | None, ...]]
    sources: set[int]
    readers: set[int]
    traits: frozenset[str]
    reads: dict[Value, tuple[str | None, ...]]
    chains: dict[Chain, int]
    below: int = 0

    def has(self, trait: str) -> bool:
        return trait in self.traits

    def fetched(self) -> Iterator[tuple[Footprint, Access]]:
        """What is read of other groups and of the graph's inputs, with who reads it."""
        return ((s, a) for s in self.spaces for a in s.accesses if a.value.node.id not in self.ids)


def draft_of(spaces: Sequence[Footprint], read_by: Mapping[int, Sequence[int]], below: int) -> Draft:
    """The group of these nodes; `read_by` gives the readers of a node."""
    chains: dict[Chain, int] = {}
    for s in spaces:
        chains.setdefault(tuple(preferred_order(s)), s.node.id)
    ids = {s.node.id for s in spaces}
    return Draft(
        spaces=list(spaces),
        ids=ids,
        results={s.node.id: s.result for s in spaces},
        sources=set().union(*(s.sources for s in spaces)),
        readers={n for k in ids for n in read_by.get(k, ())},
        traits=frozenset().union(*(s.traits for s in spaces)),
        reads={a.value: a.coordinates for s in spaces for a in s.accesses if a.coordinates},
        chains=chains,
        below=below,
    )


def joined(a: Draft, b: Draft, find: Callable[[str], str], below: int) -> Draft:
    """One group of two; `find` gives the name under which an axis is known from now on."""
    chains: dict[Chain, int] = {}
    for chain, first in sorted([*a.chains.items(), *b.chains.items()], key=lambda item: item[1]):
        chains.setdefault(tuple(map(find, chain)), first)
    return Draft(
        spaces=sorted(a.spaces + b.spaces, key=lambda s: s.node.id),
        ids=a.ids | b.ids,
        results=a.results | b.results,
        sources=a.sources | b.sources,
        readers=a.readers | b.readers,
        traits=a.traits | b.traits,
        reads=a.reads | b.reads,
        chains=chains,
        below=below,
    )
