"""NumPy itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads import Workload
from graphc.runtime.tree import flatten


def start(threads: int) -> None:
    """The environment says it all: OPENBLAS_NUM_THREADS."""


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any] | None:
    return partial(work.numpy, *arguments) if work.numpy_is_timed else None


def arrays(result: Any) -> list[Any]:
    return flatten(result)[0]


def version() -> str:
    return np.__version__
