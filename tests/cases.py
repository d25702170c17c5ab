"""Test cases made from the registry: every primitive, every case, every element type it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.primitive import PRIMITIVES, Case, Operand, Primitive
from graphc.ir.types import FLOATS, Type, itemsize, numpy_dtype

SKIP_SOURCES = {"placeholder", "variable"}


@dataclass(frozen=True)
class PrimitiveCase:
    """One primitive on one case with one element type; `str` is the test's id."""

    op: Primitive
    case: Case
    dtype: str
    number: int

    def __str__(self) -> str:
        return f"{self.op.name}-{self.number}-{self.dtype}"

    def arrays(self, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng([seed, self.number, len(self.op.name)])
        return [draw(rng, o, self.dtype) for o in self.case.operands]

    def graph(self) -> Graph:
        """The primitive alone, as a function of its operands."""
        g = Graph(self.op.name)
        with g:
            inputs = [g.placeholder(Type(o.dtype or self.dtype, o.shape)) for o in self.case.operands]
            g.outputs = [self.apply(g, inputs)]
        return g

    def apply(self, g: Graph, inputs: list[Value]) -> Value:
        return g.apply(self.op, inputs, self.case.attrs)


def draw(rng: np.random.Generator, o: Operand, dtype: str) -> np.ndarray:
    """Values of an operand: uniform, inside what the element type holds."""
    kind = o.dtype or dtype
    low, high = o.low, o.high
    if kind == "bool":
        return np.asarray(rng.uniform(size=o.shape) < 0.5)
    if kind in FLOATS:
        return np.asarray(rng.uniform(low, high, o.shape)).astype(numpy_dtype(kind))
    if kind[0] == "u":
        low = max(low, 0)
    ints = rng.integers(int(np.ceil(low)), int(np.floor(high)) + 1, o.shape)
    return np.asarray(ints).astype(numpy_dtype(kind))


def primitive_cases(dtypes: frozenset[str] | None = None) -> Iterator[PrimitiveCase]:
    for op in PRIMITIVES.values():
        if op.name in SKIP_SOURCES:
            continue
        wanted = sorted(op.dtypes if dtypes is None else op.dtypes & dtypes, key=lambda t: (t[0], itemsize(t)))
        for number, case in enumerate(op.cases):
            if not case.operands:
                wanted = wanted[:1]
            for dtype in wanted:
                yield PrimitiveCase(op, case, dtype, number)


def tolerance(op: Primitive, expected: np.ndarray, arrays: list[np.ndarray]) -> dict[str, Any]:
    """How far compiled code may be from NumPy: the documented error of both, and for sums a share of the magnitude."""
    if expected.dtype.kind != "f":
        return {"rtol": 0, "atol": 0}
    eps = float(np.finfo(expected.dtype).eps)
    floats = [a for a in arrays if a.dtype.kind == "f" and a.size]
    largest = max((float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in floats), default=0.0)
    terms = max((a.size for a in floats), default=1)
    return {
        "rtol": (2 * op.ulp + 2) * eps,
        "atol": eps * op.ulp * max(1.0, largest ** len(floats)) * max(1.0, terms**0.5),
    }
