"""The plan of a program: which array every buffer of every kernel is, and when it is alive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphc.codegen.kernels import AnyKernel, Use
from graphc.codegen.lift import buffer_name
from graphc.codegen.llvm.emit_module import Slot
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Kernel
from graphc.ir.costs import cost
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion, Group
from graphc.passes.memory import Arena
from graphc.records import dataclass
from graphc.runtime.donation import NO_CLAIMS, Claims
from graphc.runtime.program import (
    Argument,
    Constant,
    Extent,
    Lifetime,
    Plan,
    Planned,
    Result,
    Start,
    Word,
    arena_of,
)

PER_OPERATION = 8  # multiplications of a product in the time of an elementary operation of a nest: FMA, and no memory


@dataclass(frozen=True)
class Layout:
    """The plan, what each kernel in turn is called with, and the arrays that live between kernels.

    `arena` is where these lie, if no symbolic extent decides that.
    """

    plan: Plan
    slots: tuple[tuple[Slot, ...], ...]
    lifetimes: tuple[Lifetime, ...]
    arena: Arena | None

    def bound(self, dims: Mapping[str, int]) -> Arena:
        """Where the arrays lie, for given values of the symbolic extents."""
        return self.arena or arena_of(self.lifetimes, dims)


def lay_out(fusion: Fusion, uses: Sequence[Use], kernels: Sequence[AnyKernel], claims: Claims = NO_CLAIMS) -> Layout:
    """`kernels` are the scheduled kernels of the uses; `claims` tell what lies in donated arguments."""
    return _Planner(fusion, uses, kernels, claims).layout()


class _Planner:
    def __init__(self, fusion: Fusion, uses: Sequence[Use], kernels: Sequence[AnyKernel], claims: Claims) -> None:
        self.fusion, self.uses, self.kernels, self.donation = fusion, uses, kernels, claims.donation
        self.words: dict[Word, int] = {}
        self.arena: Arena | None = None
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

    def layout(self) -> Layout:
        for use, kernel in zip(self.uses, self.kernels, strict=True):
            self._find_homes(use, kernel)
        lifetimes = tuple(self._lifetimes())
        if all(v.type.is_static for v in self.fusion.graph.inputs):
            self.arena = arena_of(lifetimes, {})
        slots = tuple(tuple(self._slots(u, k)) for u, k in zip(self.uses, self.kernels, strict=True))
        work = sum(map(_work, self.fusion.groups, self.kernels), Poly())
        plan = Plan(tuple(self.words), work, self.arena.size if self.arena else lifetimes, self.donation)
        return Layout(plan, slots, lifetimes, self.arena)

    def _find_homes(self, use: Use, kernel: AnyKernel) -> None:
        for b in kernel.buffers:
            if b.alias is not None:
                (name, _), (under, _) = use.arrays[b.name], use.arrays[b.alias]
                self.homes[name] = self.homes.get(under, under)

    def _slots(self, use: Use, kernel: AnyKernel) -> Iterator[Slot]:
        for b, offset in zip(kernel.buffers, use.offsets, strict=True):
            if b.role == "status":
                yield None, 0
            elif b.role == "work":
                yield self._in_arena(f"{use.name}.{b.name}", offset)
            else:
                name, _ = use.arrays[b.name]
                place = self.places.get(name)
                yield (self._word(place), offset) if place else self._in_arena(self.homes.get(name, name), offset)
        for symbol in kernel.dims:
            yield self._word(Extent(symbol)), 0

    def _in_arena(self, name: str, offset: int) -> Slot:
        """A place that is known by now is told from the start of the arena: few words serve many kernels."""
        if self.arena:
            return self._word(Start()), self.arena.offsets[name] + offset
        return self._word(Planned(name)), offset

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


def _work(group: Group, kernel: AnyKernel) -> Poly:
    """In multiplications of a product.  In a nest every operation is reckoned to be done at every point."""
    once = 1 if not isinstance(kernel, Kernel) else PER_OPERATION * (1 + sum(cost(n.op.name) for n in group.nodes))
    work = Poly.of(once)
    for _, extent in group.axes:
        work = work * extent
    return work
