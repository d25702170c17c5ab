"""Elementary functions beside NumPy and PyTorch, each alone: nanoseconds per element on one thread.

    python -m benchmarks.vector_maths [NAME ...]
    python -m benchmarks.vector_maths --write docs/vector-maths.md

PyTorch is left out where it is not installed.  NumPy and PyTorch write into arrays that exist, where they can.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

import graphc as gx
from benchmarks import peers
from benchmarks.machine import describe
from benchmarks.measure import Call, interleaved
from benchmarks.worker import restrict
from graphc.codegen.vecmath import ULP
from graphc.ir.ops import gamma
from graphc.numpy import special
from graphc.numpy.pytorch import networks

Function = Callable[..., Any]
Interval = tuple[float, float]

COUNT = 65536  # elements: they stay in the second-level cache
TIE = 1.15  # differences below are none
FLOATS, INTEGERS = ("float32", "float64"), ("int32", "int64")


@dataclass(frozen=True)
class Row:
    """A function as it is written with NumPy, or where NumPy has none with graphc; the same of PyTorch by its name."""

    name: str
    function: Function
    torch: str | Function
    operands: tuple[Interval, ...]
    dtypes: tuple[str, ...] = FLOATS
    is_own: bool = False

    @property
    def in_numpy(self) -> bool:
        """Whether NumPy has the function: what is no ufunc of NumPy or operator of Python is graphc's."""
        return not self.is_own and not getattr(self.function, "__module__", "").startswith("graphc")


def _ufunc(name: str, *operands: Interval, torch: str = "", dtypes: tuple[str, ...] = FLOATS) -> Row:
    return Row(name, getattr(np, name), torch or name, operands, dtypes)


def _power(exponent: float) -> Row:
    return Row(f"x ** {exponent:g}", lambda x: x**exponent, lambda x: x**exponent, ((0.1, 9),))


def _division(name: str) -> list[Row]:
    whole = Row(f"{name} of integers", getattr(np, name), name, ((-100, 100), (1, 20)), INTEGERS)
    return [_ufunc(name, (-9, 9), (0.5, 3)), whole]


def _cast(dtype: str, torch: str) -> Row:
    return Row(f"astype({dtype})", lambda x: x.astype(dtype), torch, ((-99, 99),))


def _gelu_by_tanh(x: Any) -> Any:
    return special.gelu(x, approximate=True)


def _gelu_by_tanh_of_torch(x: Any) -> Any:
    import torch

    return torch.nn.functional.gelu(x, approximate="tanh")


_ROUNDINGS = (("rint", "round"), ("floor", "floor"), ("ceil", "ceil"), ("trunc", "trunc"))
_MIDDLE, _POSITIVE, _UNIT = (-9, 9), (0.1, 9), (-0.999, 0.999)
ROWS = [
    *(_ufunc(name, _MIDDLE) for name in ("exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh")),
    *(_ufunc(name, _POSITIVE) for name in ("log", "log2", "log10", "log1p", "sqrt")),
    *(_ufunc(name, _UNIT) for name in ("arcsin", "arccos", "arctanh")),
    *(_ufunc(name, _MIDDLE) for name in ("arctan", "arcsinh")),
    _ufunc("arccosh", (1, 9)),
    Row("cbrt", np.cbrt, "", (_MIDDLE,)),
    Row("rsqrt", special.rsqrt, "rsqrt", (_POSITIVE,)),
    Row("erf", special.erf, "special.erf", ((-4, 4),)),
    Row("erfc", special.erfc, "special.erfc", ((-4, 4),)),
    Row("gammaln", special.gammaln, "lgamma", (_POSITIVE,)),
    Row("digamma", special.digamma, "digamma", (_POSITIVE,)),
    Row("trigamma", gamma.trigamma, lambda x: x.polygamma(1), (_POSITIVE,)),
    Row("sigmoid", special.expit, "sigmoid", (_MIDDLE,)),
    Row("softplus", special.softplus, "nn.functional.softplus", (_MIDDLE,)),
    Row("gelu", special.gelu, "nn.functional.gelu", (_MIDDLE,)),
    Row("gelu, tanh", _gelu_by_tanh, _gelu_by_tanh_of_torch, (_MIDDLE,), is_own=True),
    Row("mish", networks.mish, "nn.functional.mish", (_MIDDLE,)),
    Row("elu", special.elu, "nn.functional.elu", (_MIDDLE,)),
    Row("log_sigmoid", special.log_expit, "nn.functional.logsigmoid", (_MIDDLE,)),
    Row("ndtr", special.ndtr, "special.ndtr", ((-4, 4),)),
    Row("entr", special.entr, "special.entr", (_POSITIVE,)),
    Row("xlogy", special.xlogy, "special.xlogy", (_MIDDLE, _POSITIVE)),
    Row("silu", special.silu, "nn.functional.silu", (_MIDDLE,)),
    Row("logit", special.logit, "logit", ((0.01, 0.99),)),
    Row("sinc", np.sinc, "sinc", (_MIDDLE,)),
    _ufunc("power", _POSITIVE, (-3, 3), torch="pow"),
    *map(_power, (2, 3, 0.5, 1.5, -0.5, -1, -1.5, -2, 2.3)),
    *(_ufunc(name, _MIDDLE, _MIDDLE) for name in ("arctan2", "hypot", "logaddexp", "logaddexp2", "copysign")),
    *(row for name in ("floor_divide", "remainder", "fmod") for row in _division(name)),
    *(_ufunc(name, _MIDDLE, torch=torch) for name, torch in _ROUNDINGS),
    _cast("int32", "Tensor.int"),
    _cast("int64", "Tensor.long"),
]
BOUND_OF = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh"} | {
    "arccosh": "acosh", "arctanh": "atanh", "power": "pow", "gammaln": "lgamma"
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- measuring


def measure(row: Row, dtype: str, seconds: float) -> dict[str, float]:
    """Nanoseconds per element by system."""
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(*interval, COUNT).astype(dtype) for interval in row.operands]
    compiled = gx.jit(row.function)
    calls: dict[str, Call] = {"graphc": lambda: compiled(*arrays)}
    if row.in_numpy:
        calls["numpy"] = _into_result(row.function, arrays, isinstance(row.function, np.ufunc))
    if row.torch and peers.is_installed("torch"):
        calls["torch"] = _torch(row.torch, arrays)
    times = interleaved(calls, seconds, time.thread_time)
    return {name: each / COUNT * 1e9 for name, each in times.items()}


def _into_result(function: Function, arrays: Sequence[Any], takes_out: bool) -> Call:
    if not takes_out:
        return lambda: function(*arrays)
    out = function(*arrays)
    return lambda: function(*arrays, out=out)


def _torch(function: str | Function, arrays: Sequence[Any]) -> Call:
    import torch

    tensors = [torch.from_numpy(a.copy()) for a in arrays]
    if not isinstance(function, str):
        return _into_result(function, tensors, False)
    found = reduce(getattr, function.split("."), torch)
    return _into_result(found, tensors, not function.startswith(("nn.", "Tensor.")))


# --------------------------------------------------------------------------------------------------------------- table

HEAD = ["function", "type", "graphc", "NumPy", "PyTorch", "best peer / graphc", "ULP at most"]


def line(row: Row, dtype: str, times: dict[str, float]) -> list[str]:
    known = [f"{times[name]:.3f}" if name in times else "" for name in ("graphc", "numpy", "torch")]
    return [row.name, dtype, *known, _ratio(times), _bound(row, dtype)]


def _ratio(times: dict[str, float]) -> str:
    others = [t for name, t in times.items() if name != "graphc"]
    if not others:
        return ""
    ratio = min(others) / times["graphc"]
    return f"**{ratio:.2f}**" if ratio * TIE < 1 else f"{ratio:.2f}"


def _bound(row: Row, dtype: str) -> str:
    bounds = ULP.get(BOUND_OF.get(row.name, row.name))
    return "" if bounds is None or dtype not in FLOATS else f"{bounds[FLOATS.index(dtype)]:g}"


def rows(names: Sequence[str], seconds: float) -> Iterator[list[str]]:
    for row in ROWS:
        for dtype in row.dtypes:
            if not names or row.name in names:
                yield line(row, dtype, measure(row, dtype, seconds))


def text_of(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def page(table: Sequence[str]) -> str:
    """docs/vector-maths.md"""
    systems = [name for name in ("graphc", "numpy", "torch") if peers.is_installed(name)]
    machine = describe(systems)
    kind = f"{os.cpu_count()}-core {'AVX-512 server' if machine['vectors'] == 'avx512f' else machine['vectors']}"
    about = ABOUT.format(date=machine["date"], kind=kind, versions=machine["versions"], count=COUNT)
    return "\n".join([about, text_of(HEAD), text_of(["---"] * len(HEAD)), *table, ""])


ABOUT = """# Vector maths

graphc's elementary functions are its own: straight-line code in `graphc/codegen/vecmath/` that fuses with what
surrounds it and needs no library. Each has a form for AVX-512 and a portable one.

**Accuracy.** The largest error, in units in the last place, is stated for each function and type, and tests hold both
forms to it (`tests/codegen/test_vecmath.py`). The figures were found by running every function of one f32 operand
over blocks of 65536 consecutive floats from all parts of their range, one block in 32 or more, against its f64 form;
f64 by some hundred thousand arguments against 80-bit floats: uniform ones over the regular range, near 1, near
multiples of pi/2, and of every magnitude. `sqrt` is rounded correctly.

**Special values** are those of C99 Annex F: signed zeros, infinities, NaN, subnormal arguments and results, both sides
of every overflow and underflow. Trigonometric arguments are reduced exactly however large they are.

**Formulas.** Powers by 2, 3, 4, -1, -2, 0.5, 1.5, 2.5, -0.5 and -1.5 become products, quotients and roots, within 2.5
ULP; of f32, those by whole numbers from -16 to 16 become products in f64, of integers, all. Vectors of integers are
divided as floats where that is exact; float remainders are one fused multiply-add where the quotient is short.

**Speed.** Nanoseconds of processor time per element, {count} elements, one thread, systems taken in turns, medians.
NumPy and PyTorch write into arrays that exist where they can. Bold: the best peer is faster by more than 15 %.
{date}, {kind}; {versions}. This page is written by
`python -m benchmarks.vector_maths --write docs/vector-maths.md`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vector_maths", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(row.name for row in ROWS))
    parser.add_argument("--seconds", type=float, default=0.5, help="per system, function and type")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as a page of Markdown")
    chosen = parser.parse_args()
    restrict(1)
    table = []
    for cells in rows(chosen.names, chosen.seconds):
        table.append(text_of(cells))
        print(table[-1], flush=True)
    if chosen.write:
        chosen.write.write_text(page(table))


if __name__ == "__main__":
    main()
