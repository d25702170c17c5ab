"""Is a result right?  Compared with NumPy in float64, leaf by leaf."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads import Workload
from graphc.runtime.tree import flatten, map_tree


def reference(work: Workload, arguments: tuple[Any, ...]) -> list[Any]:
    """The leaves of the result, computed by NumPy with every float widened to float64."""
    with np.errstate(all="ignore"):
        return flatten(work.numpy(*map_tree(_widened, arguments)))[0]


def _widened(a: Any) -> Any:
    return a.astype("float64") if a.dtype.kind == "f" else a


def complaint(work: Workload, arrays: list[Any], wanted: list[Any]) -> str:
    """What is wrong with a result, "" if nothing is."""
    if len(arrays) != len(wanted):
        return f"{len(arrays)} arrays, not {len(wanted)}"
    for n, (got, want) in enumerate(zip(arrays, wanted, strict=True)):
        if np.shape(got) != np.shape(want):
            return f"result {n} has shape {np.shape(got)}, not {np.shape(want)}"
        error = _error(np.asarray(got), np.asarray(want))
        if not error <= work.tolerance:
            return f"result {n} is wrong by {error:.1e} of its largest element"
    return ""


def _error(got: Any, want: Any) -> float:
    """The largest difference as a share of the largest element; of integers, the share that differs."""
    if want.dtype.kind in "iu":
        return float(np.mean(got != want))
    return float(np.abs(got.astype("float64") - want).max() / max(np.abs(want).max(), 1e-30))
