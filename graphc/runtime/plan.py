"""The plan of a program: which array every buffer of every kernel is, and when it is alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.codegen.kernels import AnyKernel, Use
from graphc.codegen.lift import buffer_name
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Buffer, Kernel
from graphc.ir.costs import cost
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion, Group
from graphc.records import replace
from graphc.runtime.donation import NO_CLAIMS, Claims
from graphc.runtime.program import Argument, Constant, Extent, Lifetime, Plan, Planned, Result, Word

PER_OPERATION = 8  # multiplications of a product in the time of an elementary operation of a nest: FMA, and no memory


def plan(fusion: Fusion, uses: Sequence[Use], kernels: Sequence[AnyKernel], claims: Claims = NO_CLAIMS) -> Plan:
    """`kernels` are the scheduled kernels of the uses; `claims` tell what lies in donated arguments."""
    return _Planner(fusion, uses, kernels, claims).plan()


class _Planner:
    def __init__(self, fusion: Fusion, uses: Sequence[Use], kernels: Sequence[AnyKernel], claims: Claims) -> None:
        self.fusion, self.uses, self.kernels, self.donation = fusion, uses, kernels, claims.donation
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
        self.places |= {buffer_name(v): Argument(k) for v, k in claims.homes.items()}

    def plan(self) -> Plan:
        slots = tuple(tuple(self._slots(u, k)) for u, k in zip(self.uses, self.kernels, strict=True))
        work = sum(map(_work, self.fusion.groups, self.kernels), Poly())
        made = Plan(tuple(self.words), slots, tuple(self._lifetimes()), work, self.donation)
        is_static = all(v.type.is_static for v in self.fusion.graph.inputs)
        return replace(made, offsets=_offsets(made)) if is_static else made

    def _slots(self, use: Use, kernel: AnyKernel) -> Iterator[int | None]:
        for b in kernel.buffers:
            if b.role == "status":
                yield None
            elif b.role == "work":
                yield self._word(Planned(f"{use.name}.{b.name}"))
            else:
                name, _ = use.arrays[b.name]
                yield self._word(self.places.get(name, Planned(self._home(use, b))))
        for symbol in kernel.dims:
            yield self._word(Extent(symbol))

    def _home(self, use: Use, b: Buffer) -> str:
        """The name under which the storage of an array is planned."""
        name, _ = use.arrays[b.name]
        if b.alias is not None:
            under, _ = use.arrays[b.alias]
            self.homes[name] = self.homes.get(under, under)
        return self.homes.get(name, name)

    def _word(self, w: Word) -> int:
        return self.words.setdefault(w, len(self.words))

    def _lifetimes(self) -> Iterator[Lifetime]:
        """Stored values from the kernel that first writes them to the last that reads them; scratch for one kernel."""
        last: dict[str, int] = {}
        for step, group in enumerate(self.fusion.groups):
            last |= dict.fromkeys((self._name(v) for v in (*group.arrays, *group.reads)), step)
        begun = set[str]()
        for step, (group, use, kernel) in enumerate(zip(self.fusion.groups, self.uses, self.kernels, strict=True)):
            for v in map(self._whole, group.arrays):
                name = self._name(v)
                if name not in self.places and name not in begun:
                    begun.add(name)
                    yield Lifetime(name, v.type.nbytes, step, last[name])
            for b in kernel.buffers:
                if b.role == "work":
                    yield Lifetime(f"{use.name}.{b.name}", b.size * ITEMSIZE[b.dtype], step, step, b.chunk)

    def _whole(self, v: Value) -> Value:
        """The array that a value is a slice of, or the value."""
        return self.fusion.slices[v].whole if v in self.fusion.slices else v

    def _name(self, v: Value) -> str:
        """The name under which the storage of a value is planned."""
        name = buffer_name(self._whole(v))
        return self.homes.get(name, name)


def _offsets(plan: Plan) -> tuple[int, ...]:
    offsets = plan.arena({}).offsets
    return tuple(offsets[x.name] for x in plan.lifetimes)


def _work(group: Group, kernel: AnyKernel) -> Poly:
    """In multiplications of a product.  In a nest every operation is reckoned to be done at every point."""
    once = 1 if not isinstance(kernel, Kernel) else PER_OPERATION * (1 + sum(cost(n.op.name) for n in group.nodes))
    work = Poly.of(once)
    for _, extent in group.axes:
        work = work * extent
    return work
