"""What fusion hands to lowering: one iteration space, and the values, reductions and writes over it.

A view (broadcast, transpose, slice, flip, pad) is an index map on the load.  A value knows the axes that it varies
over; one that lacks an axis is broadcast along it.  Equal values are one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from graphc.codegen.nest.elements import register
from graphc.codegen.nest.loops import ZERO, Guard
from graphc.codegen.nest.monoids import Monoid
from graphc.ir.poly import Poly, Size
from graphc.records import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a load reads or a write writes: buffer[at + sum(index * stride)], one stride per run-time index."""

    buffer: str
    at: Poly
    guards: tuple[Guard, ...] = ()
    strides: tuple[Poly, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return self.at.names.union(*(g.index.names for g in self.guards))


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """`op` is load | index | result | const | the name of a scalar operation."""

    id: int
    op: str
    dtype: str
    axes: frozenset[str]
    args: tuple[Operand, ...] = ()
    place: Place | None = None  # of a load, whose args are its run-time indices
    fill: float = 0.0  # of a load where a guard does not hold
    index: Poly = ZERO
    reduction: Reduction | None = None
    component: int = 0  # of the state of the reduction

    @property
    def inputs(self) -> list[Value]:
        return [a for a in self.args if isinstance(a, Value)]


Operand: TypeAlias = "Value | float"


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """Effect: fold `args` over the axes `over`; its results are one `result` value per state component."""

    id: int
    monoid: Monoid
    args: tuple[Value, ...]
    over: frozenset[str]

    @property
    def axes(self) -> frozenset[str]:
        """The axes that it iterates over."""
        return self.over.union(*(a.axes for a in self.args))

    @property
    def kept(self) -> frozenset[str]:
        return self.axes - self.over

    @property
    def dtypes(self) -> tuple[str, ...]:
        return self.monoid.dtypes([a.dtype for a in self.args])


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """Effect: store a value, or, with `op`, accumulate it; `args` are the value and the run-time indices."""

    id: int
    place: Place
    args: tuple[Value, ...]
    axes: frozenset[str]
    op: str | None = None

    @property
    def value(self) -> Value:
        return self.args[0]

    @property
    def indices(self) -> tuple[Value, ...]:
        return self.args[1:]


@dataclass(frozen=True, slots=True, eq=False)
class BoundCheck:
    """Effect: report `site` where the index is outside [-bound, bound)."""

    id: int
    args: tuple[Value]
    bound: Poly
    site: int

    @property
    def axes(self) -> frozenset[str]:
        return self.args[0].axes


Effect: TypeAlias = Reduction | Write | BoundCheck


@dataclass(frozen=True, slots=True)
class Array:
    """A parameter of the kernel: flat storage, addressed by the index expressions of loads and writes."""

    dtype: str
    role: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """Before everything else: an output starts as `size` copies of a number, or of the elements of an input."""

    buffer: str
    size: Poly
    value: float | str


@dataclass
class Cluster:
    """Builder of one fused cluster; `axes` are in loop order, the last is contiguous in most arrays."""

    name: str
    axes: dict[str, Poly] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    _known: dict[object, Value] = field(default_factory=dict, repr=False)

    def axis(self, name: str, extent: Size) -> Poly:
        """Add an axis inside those there are; gives its variable."""
        self.axes[name] = Poly.of(extent)
        return Poly.of(name)

    def array(self, name: str, dtype: str, role: str, alias: str | None = None) -> None:
        """Declare a parameter: role `in` or `out`; `alias` names the input whose storage an output shares."""
        self.arrays[name] = Array(dtype, role, alias)

    def load(
        self,
        name: str,
        at: Poly,
        guards: Iterable[Guard] = (),
        fill: float = 0.0,
        indices: Sequence[tuple[Value, Size]] = (),
    ) -> Value:
        """The element at `at + sum(index * stride)`, or `fill` where a guard does not hold.

        `at` must be in bounds for every point of the axes that it mentions where the guards hold; an index must come
        from `checked`, or be known to be in bounds.
        """
        args = tuple(v for v, _ in indices)
        strides = tuple(Poly.of(s) for _, s in indices)
        place = Place(name, at, (*guards, *_not_empty(args)), strides)
        return self._value("load", register(self.arrays[name].dtype), place.names, args, place=place, fill=fill)

    def op(self, name: str, dtype: str, *args: Operand) -> Value:
        """A scalar operation; a number takes the type of the other operands."""
        return self._value(name, dtype, (), args)

    def const(self, value: float, dtype: str) -> Value:
        return self._value("const", dtype, (), (value,))

    def index(self, at: Size, dtype: str = "i64") -> Value:
        at = Poly.of(at)
        return self._value("index", dtype, at.names, index=at)

    def reduce(self, monoid: Monoid, over: Iterable[str], *args: Value) -> tuple[Value, ...]:
        """One value per component of the monoid's state; raises ValueError where `over` names no axis."""
        if not (over := frozenset(over)) or not over <= self.axes.keys():
            raise ValueError(f"a reduction over {sorted(over)}, but the axes are {list(self.axes)}")
        r = self._reduction(monoid, args, over)
        kept = [a for a in self.axes if a in r.kept]
        return tuple(self._value("result", t, kept, (), reduction=r, component=n) for n, t in enumerate(r.dtypes))

    def _reduction(self, monoid: Monoid, args: tuple[Value, ...], over: frozenset[str]) -> Reduction:
        for e in self.effects:
            if isinstance(e, Reduction) and (e.monoid, e.args, e.over) == (monoid, args, over):
                return e
        r = Reduction(len(self.effects), monoid, args, over)
        self.effects.append(r)
        return r

    def checked(self, index: Value, bound: Size, site: int) -> Value:
        """The index, negative values counted from the end, made safe to use; outside [-bound, bound) is reported."""
        wide = index if index.dtype == "i64" else self.op("cast", "i64", index)
        limit = Poly.of(bound)
        if not any(isinstance(e, BoundCheck) and (e.args, e.bound) == ((wide,), limit) for e in self.effects):
            self.effects.append(BoundCheck(len(self.effects), (wide,), limit, site))
        return self.op("wrap", "i64", wide, self.index(limit) if limit.constant is None else limit.constant)

    def store(
        self,
        name: str,
        at: Poly,
        value: Value,
        axes: Iterable[str],
        *,
        indices: Sequence[tuple[Value, Size]] = (),
        guards: Iterable[Guard] = (),
    ) -> None:
        """Write a value at every point of some axes, which include those of the value."""
        self._write(Place(name, at, (*guards,)), value, axes, indices, None)

    def accumulate(
        self,
        name: str,
        at: Poly,
        value: Value,
        *,
        indices: Sequence[tuple[Value, Size]] = (),
        axes: Iterable[str],
        op: str = "add",
    ) -> None:
        """Combine a value with what is there at every point of some axes; the array starts from `fill`."""
        self._write(Place(name, at), value, axes, indices, op)

    def fill(self, name: str, size: Size, value: float | str) -> None:
        """Start an output with a number, or with the elements of the input of that name."""
        self.fills.append(Fill(name, Poly.of(size), value))

    def _write(
        self, place: Place, value: Value, axes: Iterable[str], indices: Sequence[tuple[Value, Size]], op: str | None
    ) -> None:
        args = (value, *(v for v, _ in indices))
        guards = (*place.guards, *_not_empty(args[1:]))
        place = replace(place, guards=guards, strides=tuple(Poly.of(s) for _, s in indices))
        every = frozenset(axes).union(*(a.axes for a in args), place.names & self.axes.keys())
        self.effects.append(Write(len(self.effects), place, args, every, op))

    def _value(self, op: str, dtype: str, names: Iterable[str], args: tuple[Operand, ...] = (), **rest: Any) -> Value:
        axes = frozenset(n for n in names if n in self.axes).union(*(a.axes for a in args if isinstance(a, Value)))
        key = (op, dtype, tuple(map(_key, args)), *(_key(r) for r in rest.values()))
        if key not in self._known:
            self._known[key] = Value(len(self.values), op, dtype, axes, args, **rest)
            self.values.append(self._known[key])
        return self._known[key]


def _key(x: object) -> object:
    """Identity of an argument: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(x, Value | Reduction):
        return type(x), x.id
    return type(x), repr(x)


def _not_empty(indices: Iterable[Value]) -> list[Guard]:
    """An index wrapped into a range that may be empty is in bounds only where that range is not."""
    bounds = [v.args[1] for v in indices if v.op == "wrap"]
    limits = [b.index if isinstance(b, Value) else Poly.of(int(b)) for b in bounds]
    return [Guard(ZERO, n) for n in limits if n.constant is None or n.constant <= 0]
