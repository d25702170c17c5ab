"""The primitive: one record that holds every rule of an operation, and the registry of all of them.

A primitive is called like a function.  What its arguments are decides what happens: an argument whose class has
`__graphc_bind__` (a graph value, a symbolic or an eager tensor) takes over; plain arrays are computed at once by the
`numpy` rule, large ones by machine code of the same meaning (graphc.ir.compute).  So one `vjp` rule, written with
primitives, serves the symbolic gradient, the tape and plain arrays.

Rules (`x...` stands for the operands, `attrs` are keywords):

    infer(type...,  **attrs) -> Type              raises with expected and got
    numpy(array..., **attrs) -> array             the reference
    vjp(g, y, x..., **attrs) -> one cotangent per operand, None where there is none
    jvp(t, y, x..., **attrs) -> tangent           t: one tangent per operand, None where it is zero
    batch(mapped, x..., **attrs) -> result        vmap: mapped operands have one axis more, first, and so has the result
    scalar(b, x...)          -> element           elementwise: code against the builder protocol
    loops(k, index, x..., **attrs) -> element     structured: the element at `index`, against the `LoopKit` protocol
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from graphc.ir import compute
from graphc.ir.poly import Poly, Size
from graphc.ir.types import ALL, Type, numpy_dtype, short_dtype
from graphc.records import dataclass, field

_ndarray = np.ndarray


class LoopKit(Protocol):
    """What a `loops` rule may ask for; an element is opaque, an operand has `.shape` and `.dtype`."""

    def at(self, operand: Any, index: Sequence[Poly]) -> Any:
        """The element of an operand at an index, one polynomial per dimension."""

    def flat(self, operand: Any, index: Poly) -> Any:
        """The element at a row-major position."""

    def op(self, name: str, dtype: str, *elements: Any) -> Any:
        """A scalar operation; elements may be Python numbers."""

    def position(self, index: Poly, dtype: str) -> Any:
        """An index as an element."""

    def inside(self, bounds: Sequence[tuple[Poly, Size]], element: Callable[[], Any], fill: float | int) -> Any:
        """`element()` where 0 <= index < bound for every pair, else `fill`; nothing is read elsewhere."""

    def axes(self, extents: Sequence[Size]) -> list[Poly]:
        """New reduction axes."""

    def reduce(self, monoid: str, axes: Sequence[Poly], *elements: Any) -> tuple[Any, ...]:
        """Fold elements over axes made by `axes`; one result per component of the monoid's state."""

    def checked(self, index: Any, bound: Size) -> Poly:
        """A run-time index as a symbol: negative ones count from the end, others outside raise IndexError."""


@dataclass(frozen=True)
class Operand:
    """One argument of a test case: values uniform in [low, high]; dtype None means the type under test."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None


@dataclass(frozen=True)
class Case:
    """Operands and attributes on which a primitive is tested."""

    operands: tuple[Operand, ...]
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Primitive:
    """`dtypes`: what operands may be; `cases`: what it is tested on; `ulp`: largest error of compiled code in units of
    the last place; `traits` replace lists of names in passes."""

    name: str
    infer: Callable[..., Type]
    numpy: Callable[..., Any]
    vjp: Callable[..., Sequence[Any]] | None = None
    jvp: Callable[..., Any] | None = None
    batch: Callable[..., Any] | None = None
    scalar: Callable[..., Any] | None = None
    loops: Callable[..., Any] | None = None
    cases: tuple[Case, ...] = ()
    dtypes: frozenset[str] = ALL
    ulp: float = 0.5
    traits: frozenset[str] = frozenset()

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        large = False
        for a in args:
            if type(a) is _ndarray:
                large = large or a.size >= compute.LARGE
                continue
            bind = getattr(type(a), "__graphc_bind__", None)
            if bind is not None:
                return bind(self, args, attrs)
        return compute.computed(self, args, attrs) if large else self.numpy(*args, **attrs)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return primitive, (self.name,)

    @property
    def is_elementwise(self) -> bool:
        return "elementwise" in self.traits

    @property
    def is_source(self) -> bool:
        return "source" in self.traits

    @property
    def differentiable(self) -> bool:
        return self.vjp is not None


PRIMITIVES: dict[str, Primitive] = {}


def register(p: Primitive) -> Primitive:
    if p.name in PRIMITIVES:
        raise ValueError(f"a primitive named {p.name} exists")
    PRIMITIVES[p.name] = p
    return p


def primitive(name: str) -> Primitive:
    return PRIMITIVES[name]


def traits(names: str) -> frozenset[str]:
    return frozenset(names.split())


# ------------------------------------------------------------------------------ what rules may ask of an operand


def type_of(x: Any) -> Type:
    """The type of a value, a tensor, an array or a NumPy scalar."""
    known = getattr(x, "type", None)
    if isinstance(known, Type):
        return known
    return Type(short_dtype(x.dtype), tuple(x.shape))


def constant_like(value: Any, x: Any) -> Any:
    """`value` as a 0-d constant of x's element type, in the world of x (graph, tape or plain arrays)."""
    array = np.asarray(value, numpy_dtype(type_of(x).dtype))
    make = getattr(type(x), "__graphc_constant__", None)
    return make(x, array) if make else array


def source_like(op: Primitive, x: Any, **attrs: Any) -> Any:
    """A primitive without operands, in the world of x (its graph; else at once)."""
    make = getattr(type(x), "__graphc_source__", None)
    return make(x, op, attrs) if make else op(**attrs)
