"""What a benchmark is: arguments and the code that NumPy and graphc share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc.numpy as gnp

Array = np.ndarray[Any, Any]
Arguments = Callable[[np.random.Generator], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the tables.

    `compiled` is what graphc compiles, of nests of arrays.  `numpy` is the same computation for NumPy itself, which has
    no gradients; run in float64 it is also the reference.  `program` names the code of the other peers.  Where NumPy
    lacks a function, `numpy_is_timed` is False: a Python loop would be no fair row.

    tolerance: the largest error of a result that counts as right, as a share of its largest element.
    """

    name: str
    about: str
    arguments: Arguments
    compiled: Callable[..., Any]
    numpy: Callable[..., Any]
    program: str
    numpy_is_timed: bool = True
    tolerance: float = 2e-4


def workload(
    name: str,
    about: str,
    arguments: Arguments,
    compiled: Callable[..., Any],
    numpy: Callable[..., Any] | None = None,
    **options: Any,
) -> Workload:
    """A workload whose NumPy code is the compiled one, and whose programs have its name, unless said otherwise."""
    return Workload(name, about, arguments, compiled, numpy or compiled, **{"program": name, **options})


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0, dtype: str = "float32") -> Array:
    return (scale * rng.standard_normal(shape)).astype(dtype)


_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Any) -> Any:
    """graphc's on tensors; NumPy has none, so element by element on arrays."""
    return gnp.erf(x) if isinstance(x, gnp.Array) else _erf(x).astype(x.dtype)
