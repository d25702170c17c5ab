"""The plan of a program: which array every buffer of every kernel is, and when it is alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.codegen.kernels import AnyKernel
from graphc.codegen.lift import buffer_name
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Buffer
from graphc.ir.node import Value
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion
from graphc.runtime.program import Argument, Constant, Extent, Lifetime, Plan, Planned, Result, Word


def plan(fusion: Fusion, kernels: Sequence[AnyKernel]) -> Plan:
    return _Planner(fusion, kernels).plan()


class _Planner:
    def __init__(self, fusion: Fusion, kernels: Sequence[AnyKernel]) -> None:
        self.fusion, self.kernels = fusion, kernels
        self.words: dict[Word, int] = {}
        self.places: dict[str, Word] = {}
        self.homes: dict[str, str] = {}  # a buffer that lies in place of another -> the first that lay there
        for k, v in enumerate(fusion.graph.inputs):
            self.places[buffer_name(v)] = Argument(k)
        for j, v in enumerate(fusion.graph.outputs):
            self.places[buffer_name(storage(v, fusion.anchors))] = Result(j)
        for n in fusion.graph.nodes:
            if n.op.name == "constant":
                self.places[buffer_name(n.out)] = Constant(n.attrs["value"])

    def plan(self) -> Plan:
        slots = tuple(tuple(self._slots(k)) for k in self.kernels)
        return Plan(tuple(self.words), slots, tuple(self._lifetimes()))

    def _slots(self, kernel: AnyKernel) -> Iterator[int | None]:
        for b in kernel.buffers:
            if b.role == "status":
                yield None
            elif b.role == "work":
                yield self._word(Planned(f"{kernel.name}.{b.name}"))
            else:
                yield self._word(self.places.get(b.name, Planned(self._home(b))))
        for symbol in kernel.dims:
            yield self._word(Extent(symbol))

    def _home(self, b: Buffer) -> str:
        """The name under which its storage is planned."""
        if b.alias is not None:
            self.homes[b.name] = self.homes.get(b.alias, b.alias)
        return self.homes.get(b.name, b.name)

    def _word(self, w: Word) -> int:
        return self.words.setdefault(w, len(self.words))

    def _lifetimes(self) -> Iterator[Lifetime]:
        """Stored values from the kernel that writes them to the last that reads them; scratch for one kernel."""
        last: dict[str, int] = {}
        for step, group in enumerate(self.fusion.groups):
            last |= dict.fromkeys((self._name(v) for v in (*group.writes, *group.reads)), step)
        for step, (group, kernel) in enumerate(zip(self.fusion.groups, self.kernels, strict=True)):
            for v in group.writes:
                name = buffer_name(v)
                if name not in self.places and name not in self.homes:
                    yield Lifetime(name, v.type.nbytes, step, last[name])
            for b in kernel.buffers:
                if b.role == "work":
                    yield Lifetime(f"{kernel.name}.{b.name}", b.size * ITEMSIZE[b.dtype], step, step, b.chunk)

    def _name(self, v: Value) -> str:
        name = buffer_name(v)
        return self.homes.get(name, name)
