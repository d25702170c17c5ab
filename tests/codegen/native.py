"""Kernels run as native code on NumPy arrays, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.codegen.llvm.emit import emit
from graphc.codegen.llvm.emit_module import Step, module_text
from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.engine import Library, host
from graphc.codegen.native.entry import run_function
from graphc.codegen.nest.loops import Body, Buffer, Kernel, Let, Load, Loop, Phase, Store
from graphc.codegen.nest.verify import verify
from graphc.ir.poly import Poly

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


class Native:
    """A verified kernel as a library of its own; a call gives the status word."""

    def __init__(self, kernel: Kernel, features: frozenset[str] | None = None) -> None:
        self.kernel = verify(kernel)
        buffers = [None if b.role == "status" else n for n, b in enumerate(kernel.buffers)]
        slots = tuple((n, 0) for n in (*buffers, *range(len(buffers), len(buffers) + len(kernel.dims))))
        self.text = module_text([Step(emit(kernel, host().features if features is None else features), slots)])
        self.library = Library(self.text, ["run"])
        self.run = run_function(self.library["run"])

    def __call__(self, arrays: Arrays, dims: Mapping[str, int] | None = None, fork: int = 0) -> int:
        storage = [self._storage(b, arrays, dims or {}) for b in self.kernel.buffers]
        words = [a.ctypes.data for a in storage] + [Poly.of(d).evaluate(dims or {}) for d in self.kernel.dims]
        table = np.array(words, np.int64)
        return self.run(table.ctypes.data, fork or None)

    @staticmethod
    def _storage(b: Buffer, arrays: Arrays, dims: Mapping[str, int]) -> np.ndarray[Any, Any]:
        if b.role == "status":
            return np.zeros(1, np.int64)
        if b.role == "work":
            return np.full(max(1, b.elements(dims)), 77, numpy_dtype(b.dtype))
        given = arrays[b.name]
        assert given.flags.c_contiguous
        assert given.dtype == numpy_dtype(b.dtype), b
        return given


def stored(s: Let) -> str:
    """The element type of the output of a Let: half precision is computed with, but not stored, as f32."""
    return "f16" if s.op == "to_half" else s.dtype


def elementwise(lets: list[Let], inputs: dict[str, str], count: int, width: int) -> Kernel:
    """Every Let stored to an output of its own name, for `count` elements; width 1 gives a serial loop."""
    i = Poly.of("i")
    outputs = {s.name: stored(s) for s in lets}
    body: Body = (
        *(Load(n, f"{n}.in", i) for n in inputs),
        *lets,
        *(Store(f"{n}.out", i, n) for n in outputs),
    )
    buffers = [Buffer(f"{n}.in", t, "in") for n, t in inputs.items()]
    buffers += [Buffer(f"{n}.out", t, "out") for n, t in outputs.items()]
    masked = Loop("i", Poly(), (Poly.of(count),), body, "vector", width, width, masked=True)
    loop = masked if width > 1 else Loop("i", Poly(), (Poly.of(count),), body)
    return Kernel("k", (), tuple(buffers), (Phase(None, (loop,)),))


def run_elementwise(
    lets: list[Let], inputs: Mapping[str, tuple[str, np.ndarray[Any, Any]]], width: int
) -> dict[str, np.ndarray[Any, Any]]:
    """The results of the Lets on 1-d arrays given with their element types."""
    count = len(next(iter(inputs.values()))[1])
    kernel = elementwise(lets, {n: t for n, (t, _) in inputs.items()}, count, width)
    results = {s.name: np.zeros(count, numpy_dtype(stored(s))) for s in lets}
    arrays = {f"{n}.in": a for n, (_, a) in inputs.items()} | {f"{n}.out": a for n, a in results.items()}
    assert Native(kernel)(arrays) == 0
    return results
