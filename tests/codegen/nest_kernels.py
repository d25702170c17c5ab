"""The table of kernels with NumPy's answers: what lowering, schedules and native code are tested on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from codegen.nest_clusters import (
    Arrays,
    affine_rows,
    batch_norm,
    chain,
    gather,
    histogram,
    integers,
    layernorm_grad,
    logreg,
    logsumexp_argmax,
    meanvar,
    middle_sum,
    mixed,
    no_axes,
    scatter_rows,
    share_of_sum,
    softmax,
    softmax_columns,
    spread,
    stencil,
    total,
    transposed_store,
    views,
    want_batch_norm,
    want_chain,
    want_gather,
    want_histogram,
    want_integers,
    want_layernorm_grad,
    want_logreg,
    want_logsumexp,
    want_mixed,
    want_scatter_rows,
    want_softmax,
    want_spread,
    want_stencil,
)

from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.nest.oracle import NUMPY
from graphc.ir.poly import Poly


@dataclass(frozen=True)
class Case:
    """`ins` and `outs`: name -> (dtype, shape over n and d); a dim in `fixed` must be a number for the builder."""

    build: Callable[[Any, Any], Cluster]
    ins: dict[str, tuple[str, str]]
    outs: dict[str, tuple[str, str]]
    want: Callable[[Arrays], Arrays]
    fixed: str = ""
    empty: bool = True  # is NumPy's answer defined for no rows or columns?
    tolerance: float = 5e-6


F = ("f32", "n,d")
ROW, COLUMN, ONE = ("f32", "d"), ("f32", "n"), ("f32", "")
LSE_OUT = {"lse": COLUMN, "arg": ("i64", "n")}
LSE_OUT0 = {"lse": ROW, "arg": ("i64", "d")}
STATS = {"mean": ROW, "var": ROW}


def want_stats(a: Arrays) -> Arrays:
    return {"mean": a["x"].mean(0), "var": a["x"].var(0)}


CASES = {
    "chain": Case(chain, {"x": F, "r": ROW, "k": COLUMN}, {"y": F}, want_chain),
    "softmax": Case(softmax, {"x": F}, {"y": F}, want_softmax),
    "softmax_columns": Case(softmax_columns, {"x": F}, {"y": F}, lambda a: {"y": want_softmax({"x": a["x"].T})["y"].T}),
    "layernorm_grad": Case(
        layernorm_grad,
        {"x": F, "w": F, "g": ROW, "b": ROW},
        {"dx": F, "dg": ROW, "db": ROW, "loss": ONE},
        want_layernorm_grad,
        fixed="d",
        empty=False,
        tolerance=5e-5,
    ),
    "lse0": Case(lambda n, d: logsumexp_argmax(n, d, "i", False), {"x": F}, LSE_OUT0, want_logsumexp(0), empty=False),
    "lse1": Case(lambda n, d: logsumexp_argmax(n, d, "j", False), {"x": F}, LSE_OUT, want_logsumexp(1), empty=False),
    "lse0_composite": Case(
        lambda n, d: logsumexp_argmax(n, d, "i", True), {"x": F}, LSE_OUT0, want_logsumexp(0), empty=False
    ),
    "lse1_composite": Case(
        lambda n, d: logsumexp_argmax(n, d, "j", True), {"x": F}, LSE_OUT, want_logsumexp(1), empty=False
    ),
    "meanvar": Case(lambda n, d: meanvar(n, d, False), {"x": F}, STATS, want_stats, fixed="n", empty=False),
    "meanvar_staged": Case(lambda n, d: meanvar(n, d, True), {"x": F}, STATS, want_stats, fixed="n", empty=False),
    "sum_i": Case(lambda n, d: total(n, d, "i"), {"x": F}, {"y": ROW}, lambda a: {"y": a["x"].sum(0)}),
    "sum_j": Case(lambda n, d: total(n, d, "j"), {"x": F}, {"y": COLUMN}, lambda a: {"y": a["x"].sum(1)}),
    "affine_rows": Case(
        affine_rows, {"x": F, "r": ROW, "k": COLUMN}, {"y": COLUMN}, lambda a: {"y": a["x"] @ a["r"] + a["k"]}
    ),
    "sum_ij": Case(lambda n, d: total(n, d, "ij"), {"x": F}, {"y": ONE}, lambda a: {"y": a["x"].sum()}),
    "middle": Case(middle_sum, {"x": ("f32", "3,n,d")}, {"y": COLUMN}, lambda a: {"y": a["x"].sum((0, 2))}),
    "share_of_sum": Case(
        share_of_sum, {"x": F}, {"y": COLUMN}, lambda a: {"y": a["x"].sum(1) / a["x"].sum()}, tolerance=1e-4
    ),
    "batch_norm": Case(batch_norm, {"x": ("f32", "n,5,d")}, {"y": ("f32", "n,5,d")}, want_batch_norm),
    "spread": Case(
        spread, {"x": ("f32", "5,n,d"), "r": ROW, "m": F}, {"y": ("f32", "5,n,d")}, want_spread, tolerance=1e-5
    ),
    "stencil": Case(stencil, {"u": F}, {"y": F}, want_stencil),
    "views": Case(
        views,
        {"t": ("f32", "d,n"), "f": F, "v": ("f32", "2*n,3*d")},
        {"y": F},
        lambda a: {"y": a["t"].T * a["f"][:, ::-1] + a["v"][::2, 1::3]},
    ),
    "transposed_store": Case(
        transposed_store, {"x": F, "z": F}, {"y": ("f32", "d,n")}, lambda a: {"y": 2 * (a["x"] + a["z"]).T}
    ),
    "logreg": Case(
        logreg,
        {"x": F, "t": COLUMN, "w": ROW, "b": ONE},
        {"loss": ONE, "dw": ROW, "db": ONE},
        want_logreg,
        fixed="n",
        empty=False,
        tolerance=2e-5,
    ),
    "mixed": Case(
        mixed,
        {"x": F, "h": ("f16", "n,d"), "w": ("f64", "d"), "b": ("i8", "n,d"), "k": ("i64", "n"), "m": ("bool", "n,d")},
        {"y": ("f64", "n,d"), "z": ("f16", "n,d"), "p": ("bool", "n,d")},
        want_mixed,
    ),
    "integers": Case(
        integers,
        {"x": ("i32", "n,d"), "y": ("i32", "n,d"), "u": ("u8", "n,d")},
        {
            "q": ("i32", "n,d"),
            "sh": ("u8", "n,d"),
            "total": ("i64", "d"),
            "top": ("i32", "n"),
            "low": ("u8", ""),
            "product": ("i32", "n"),
            "some": ("bool", "n"),
            "every": ("bool", "d"),
            "first": ("i64", "n"),
        },
        want_integers,
    ),
    "gather": Case(
        gather, {"table": ("f32", "7,d"), "rows": ("i32", "n"), "items": ("i64", "n,d"), "x": F}, {"y": F}, want_gather
    ),
    "scatter_rows": Case(
        scatter_rows, {"x": F, "rows": ("i32", "n")}, {"y": ("f32", "7,d"), "z": F}, want_scatter_rows
    ),
    "histogram": Case(histogram, {"items": ("i64", "n,d"), "start": ("i32", "d")}, {"y": ("i32", "d")}, want_histogram),
    "no_axes": Case(
        no_axes,
        {"x": ONE, "b": ONE},
        {"y": ONE, "size": ("i64", ""), "half": ("f64", "")},
        lambda a: {"y": np.exp(a["x"]) + a["b"], "half": 0.5},
    ),
}


def cluster_of(case: Case, n: int, d: int, static: bool) -> Cluster:
    """The cluster for given sizes, or for symbolic ones where the builder allows it."""
    sizes = {"n": n, "d": d}
    return case.build(*(sizes[k] if static or k in case.fixed else Poly.of(k) for k in "nd"))


def shape_of(text: str, n: int, d: int) -> tuple[int, ...]:
    sizes = {"n": n, "d": d}
    products = [t.split("*") for t in text.split(",") if t]
    return tuple(math.prod(int(f) if f.isdigit() else sizes[f] for f in factors) for factors in products)


def make(case: Case, n: int, d: int) -> tuple[Arrays, Arrays]:
    """Inputs and outputs to be overwritten."""
    r = np.random.default_rng(n * 1000 + d)
    outs = {k: np.full(shape_of(s, n, d), 77).astype(NUMPY[t]) for k, (t, s) in case.outs.items()}
    return {k: _draw(r, k, t, shape_of(s, n, d), d) for k, (t, s) in case.ins.items()}, outs


def _draw(r: np.random.Generator, name: str, dtype: str, shape: tuple[int, ...], d: int) -> Any:
    bounds = {"rows": 7, "items": d}
    if name in bounds:
        return r.integers(-bounds[name], max(bounds[name], 1), shape).astype(NUMPY[dtype])
    if dtype == "bool":
        return np.asarray(r.random(shape) > 0.4)
    if dtype[0] == "f":
        return np.asarray(r.standard_normal(shape) + 0.3, NUMPY[dtype])
    return np.asarray(r.integers(0 if dtype[0] == "u" else -100, 100, shape), NUMPY[dtype])


def check(case: Case, ins: Arrays, outs: Arrays) -> None:
    """Outputs against NumPy in double precision; integers and booleans exactly."""
    with np.errstate(all="ignore"):
        want = case.want({k: v.astype("f8") if v.dtype == np.float32 else v for k, v in ins.items()})
    for k, w in want.items():
        tolerance = 2e-3 if outs[k].dtype == np.float16 else case.tolerance if outs[k].dtype.kind == "f" else 0
        scale = max(1.0, float(np.abs(w).max(initial=0)))
        got = outs[k].astype("f8")
        np.testing.assert_allclose(got, np.asarray(w, "f8"), rtol=tolerance, atol=tolerance * scale, err_msg=k)
