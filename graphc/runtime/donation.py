"""Donation: arguments whose memory the caller gives up, so that results are computed in it.

A result lies in a donated argument of its own type where every element is read for the last time before it is written,
in one kernel or through several that write over each other's arrays, or where the argument has been read for good
before the first element is written.  What no result wants takes arrays that live between kernels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from graphc.codegen.kernels import Use
from graphc.ir.node import Value
from graphc.ir.types import Type
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion
from graphc.records import dataclass, field
from graphc.runtime.overwriting import Pair, pairs
from graphc.runtime.program import Donation


@dataclass(frozen=True)
class Claims:
    """`homes`: stored values, each with the argument in whose memory it lies; `over`: what of them is written over
    something that its kernel reads there."""

    homes: Mapping[Value, int] = field(default_factory=dict)
    over: Mapping[Value, Pair] = field(default_factory=dict)
    donation: Donation = Donation()


NO_CLAIMS = Claims()


def claims(fusion: Fusion, uses: Sequence[Use], donated: Collection[int]) -> Claims:
    """What lies in the donated ones among the inputs of the graph, by position."""
    return _Claims(fusion, uses, sorted(donated)).run() if donated else NO_CLAIMS


class _Claims:
    def __init__(self, fusion: Fusion, uses: Sequence[Use], donated: Sequence[int]) -> None:
        graph = fusion.graph
        self.fusion, self.donated = fusion, donated
        self.argument = {graph.inputs[k]: k for k in donated}
        self.types = {k: graph.inputs[k].type for k in donated}
        self.results = [storage(v, fusion.anchors) for v in graph.outputs]
        self.apart = {*graph.inputs, *self.results, *fusion.slices, *(s.whole for s in fusion.slices.values())}
        self.last = {v: step for step, g in enumerate(fusion.groups) for v in g.reads}
        self.first = _first_writes(fusion)
        self.under: dict[Value, dict[Value, Pair]] = {}  # of what is written: what is read
        self.above: dict[Value, dict[Value, Pair]] = {}
        for pair in (p for step in pairs(fusion, uses, self.argument) for p in step):
            self.under.setdefault(pair.written, {})[pair.read] = pair
            self.above.setdefault(pair.read, {})[pair.written] = pair
        self.homes: dict[Value, int] = {}
        self.over: dict[Value, Pair] = {}
        self.taken: dict[int, int] = {}  # argument -> result

    def run(self) -> Claims:
        for find in (self._path, self._vacant):
            for j, v in enumerate(self.fusion.graph.outputs):
                if j not in self.taken.values():
                    self._claim(j, find(self.results[j], self._wanted(j, v.type)))
        for k in self._free():
            self._lend(k)
        idle = (k for k in self._free() if k not in self.homes.values() and self.types[k].size != 0)
        unused = tuple((k, self._why(k)) for k in idle)
        results = tuple(sorted((j, k) for k, j in self.taken.items()))
        return Claims(self.homes, self.over, Donation(results, tuple(sorted({*self.homes.values()})), unused))

    # -------------------------------------------------------------------------------------------------- results

    def _wanted(self, result: int, type_: Type) -> list[int]:
        """The arguments that a result could lie in: first the one that is among its like what the result is."""
        alike = [j for j, v in enumerate(self.fusion.graph.outputs) if v.type == type_]
        fitting = [k for k in self.donated if self.types[k] == type_]
        mine = fitting[alike.index(result) : alike.index(result) + 1]
        return [k for k in dict.fromkeys((*mine, *fitting)) if k not in self.taken]

    def _claim(self, result: int, found: tuple[int, list[Value]] | None) -> None:
        if found is None:
            return
        argument, path = found
        self.taken[argument] = result
        self.homes |= dict.fromkeys(path, argument)
        below = [*path[1:], self.fusion.graph.inputs[argument]]
        steps = [(v, self.under.get(v, {}).get(under)) for v, under in zip(path, below, strict=True)]
        self.over |= {v: pair for v, pair in steps if pair}

    def _path(self, result: Value, wanted: Sequence[int]) -> tuple[int, list[Value]] | None:
        """Arrays from the result down, each written over the next, to one of the arguments."""
        found: dict[Value, list[Value]] = {}
        pending = [[result]]
        while pending and wanted:
            path = pending.pop()
            for under in self.under.get(path[-1], ()):
                if under in self.argument:
                    found.setdefault(under, path)
                elif under not in self.apart and under not in self.homes and under not in found:
                    found[under] = path
                    pending.append([*path, under])
        ends = (k for k in wanted if self.fusion.graph.inputs[k] in found)
        return next(((k, found[self.fusion.graph.inputs[k]]) for k in ends), None)

    def _vacant(self, result: Value, wanted: Sequence[int]) -> tuple[int, list[Value]] | None:
        """An argument that is read no more when the result begins to be written."""
        for k in wanted:
            if self.last.get(self.fusion.graph.inputs[k], -1) < self.first.get(result, 0):
                return k, [result]
        return None

    # ----------------------------------------------------------------------------------------------- other arrays

    def _free(self) -> list[int]:
        return [k for k in self.donated if k not in self.taken]

    def _lend(self, argument: int) -> None:
        """To arrays that live between kernels, one after the other."""
        here = self.fusion.graph.inputs[argument]
        while True:
            above = [p for p in self.above.get(here, {}).values() if not {p.written} & (self.apart | self.homes.keys())]
            if not above:
                return
            here = above[0].written
            self.over[here], self.homes[here] = above[0], argument

    def _why(self, argument: int) -> str:
        """Why nothing lies in an argument."""
        type_ = self.types[argument]
        alike = [j for j, v in enumerate(self.fusion.graph.outputs) if v.type == type_]
        if not alike:
            return f"no result is {type_}"
        if set(alike) <= set(self.taken.values()):
            return f"every result that is {type_} lies in another argument"
        return "it is still read when the result that could lie there is written"


def _first_writes(fusion: Fusion) -> dict[Value, int]:
    """The step at which an array is first written to, by itself or in slices and parts."""
    first: dict[Value, int] = {}
    for step, g in enumerate(fusion.groups):
        for v in g.arrays:
            first.setdefault(fusion.slices[v].whole if v in fusion.slices else v, step)
    return first
