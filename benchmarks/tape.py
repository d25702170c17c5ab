"""The cost of single operations on the tape, beside PyTorch's eager mode: forward, and a backward pass.

    python -m benchmarks.tape                       # both sizes, PyTorch with one thread and with two
    python -m benchmarks.tape --only exp,sum --size large --threads 1

Each row is one operation on operands that require grad: 8 elements, where the cost is bookkeeping, and a million, where
it is arithmetic.  The libraries take turns in one process; a figure is the best of many rounds.  Without PyTorch the
twin's own times are printed.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.machine import describe
from graphc import eager

Library = Any
SIDE = {"small": 2, "large": 1000}
"""Operands are matrices of that many rows: 2 by 4, and 1000 by 1000."""


@dataclass(frozen=True)
class Row:
    """`apply(t, *xs)` on `operands` matrices; `low` bounds their items from below."""

    name: str
    apply: Callable[..., Any]
    operands: int = 1
    low: float = -2.0


def _rows(t: Library, x: Any) -> Any:
    """Positions of half of the rows, some of them twice."""
    return t.as_tensor(np.arange(x.shape[0] // 2 + 1) // 2)


ROWS = (
    Row("x + y", lambda t, x, y: x + y, 2),
    Row("x - 1", lambda t, x: x - 1.0),
    Row("x * y", lambda t, x, y: x * y, 2),
    Row("x / y", lambda t, x, y: x / y, 2, 0.5),
    Row("x + row", lambda t, x, y: x + y[0], 2),
    Row("-x", lambda t, x: -x),
    Row("x ** 2", lambda t, x: x**2),
    Row("x ** 3", lambda t, x: x**3),
    Row("exp", lambda t, x: t.exp(x)),
    Row("log", lambda t, x: t.log(x), 1, 0.5),
    Row("sqrt", lambda t, x: t.sqrt(x), 1, 0.5),
    Row("tanh", lambda t, x: t.tanh(x)),
    Row("sigmoid", lambda t, x: t.sigmoid(x)),
    Row("sin", lambda t, x: t.sin(x)),
    Row("erf", lambda t, x: t.erf(x)),
    Row("abs", lambda t, x: t.abs(x)),
    Row("relu", lambda t, x: t.relu(x)),
    Row("maximum", lambda t, x, y: t.maximum(x, y), 2),
    Row("where", lambda t, x, y: t.where(x > y, x, y), 2),
    Row("clamp", lambda t, x: t.clamp(x, -1.0, 1.0)),
    Row("sum", lambda t, x: x.sum()),
    Row("sum of columns", lambda t, x: t.sum(x, 0)),
    Row("sum of rows", lambda t, x: t.sum(x, 1)),
    Row("mean", lambda t, x: x.mean()),
    Row("amax of rows", lambda t, x: t.amax(x, 1)),
    Row("var of rows", lambda t, x: t.var(x, 1)),
    Row("softmax", lambda t, x: t.softmax(x, 1)),
    Row("log_softmax", lambda t, x: t.log_softmax(x, 1)),
    Row("logsumexp", lambda t, x: t.logsumexp(x, 1)),
    Row("matmul", lambda t, x, y: x @ t.transpose(y, 0, 1), 2),
    Row("matrix by vector", lambda t, x, y: x @ y[0], 2),
    Row("reshape", lambda t, x: x.reshape(-1)),
    Row("transpose", lambda t, x: t.transpose(x, 0, 1)),
    Row("cat", lambda t, x, y: t.cat([x, y]), 2),
    Row("slice", lambda t, x: x[1:]),
    Row("rows by index", lambda t, x: x[_rows(t, x)]),
)


# ------------------------------------------------------------------------------------------------------ measuring


def calls(row: Row, t: Library, side: int, dtype: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The operation, and a backward pass over it that keeps the tape."""
    rng = np.random.default_rng(0)
    shape = (side, 4 if side == 2 else side)
    arrays = [rng.uniform(row.low, 2.0, shape).astype(dtype) for _ in range(row.operands)]
    xs = [t.tensor(a, requires_grad=True) for a in arrays]
    y = row.apply(t, *xs)
    g = t.ones_like(y) * 0.5
    return lambda: row.apply(t, *xs), lambda: t.autograd.grad(y, xs, g, retain_graph=True, allow_unused=True)


def best(each: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The shortest time of a call, from rounds in turns."""
    counts = {name: max(1, int(2e-4 / _once(call))) for name, call in each.items()}
    shortest = dict.fromkeys(each, math.inf)
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        rounds = 0
        while rounds < 7 or time.perf_counter() < end:
            for name, call in each.items():
                start = time.perf_counter()
                for _ in range(counts[name]):
                    call()
                shortest[name] = min(shortest[name], (time.perf_counter() - start) / counts[name])
            rounds += 1
    finally:
        gc.enable()
    return shortest


def _once(call: Callable[[], Any]) -> float:
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measured(rows: list[Row], size: str, threads: int, dtype: str, seconds: float) -> Iterator[list[str]]:
    """Name; microseconds here, there and their ratio: forward and backward; at last the geometric means."""
    libraries = {"graphc": eager, **_peer(threads)}
    ratios: list[list[float]] = [[], []]
    for row in rows:
        both = {name: calls(row, t, SIDE[size], dtype) for name, t in libraries.items()}
        cells = [row.name]
        for part in (0, 1):
            times = best({name: pair[part] for name, pair in both.items()}, seconds)
            cells += [f"{times[name] * 1e6:.1f}" for name in libraries]
            if len(libraries) > 1:
                ratios[part].append(times["graphc"] / times["torch"])
                cells.append(f"{ratios[part][-1]:.2f}")
        yield cells
    if len(libraries) > 1:
        means = [f"{math.exp(sum(map(math.log, r)) / len(r)):.2f}" for r in ratios]
        yield ["geometric mean", "", "", means[0], "", "", means[1]]


def _peer(threads: int) -> dict[str, Library]:
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    torch.set_num_threads(threads)
    return {"torch": torch}


def main() -> None:
    parser = argparse.ArgumentParser(description="Single operations on the tape, beside PyTorch's eager mode.")
    parser.add_argument("--only", help="names of rows, with commas between")
    parser.add_argument("--size", choices=SIDE, help="small or large; both by default")
    parser.add_argument("--threads", type=int, help="of PyTorch; 1 and 2 by default, 1 for small operands")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seconds", type=float, default=0.1, help="per operation and direction")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.only or row.name in options.only.split(",")]
    peer = "torch" if importlib.util.find_spec("torch") else ""
    for key, value in describe(["numpy", *([peer] if peer else [])]).items():
        print(f"{key}: {value}")
    for size in [options.size] if options.size else SIDE:
        for threads in [options.threads] if options.threads else [1] if size == "small" else [1, 2]:
            print(f"\n{size}, {options.dtype}, PyTorch with {threads} thread{'s' * (threads > 1)}; microseconds\n")
            heads = ["graphc", *(["torch", "ratio"] if peer else [])]
            print("| operation |", " | ".join([f"forward {h}" for h in heads] + [f"backward {h}" for h in heads]), "|")
            print("|---|" + "---:|" * 2 * len(heads))
            for cells in measured(rows, size, threads, options.dtype, options.seconds):
                print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
