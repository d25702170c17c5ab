"""graphc: NumPy code through `jit`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import graphc as gx
from benchmarks.workloads import Workload
from graphc.runtime.tree import flatten


def start(threads: int) -> None:
    """The environment says it all: GRAPHC_THREADS."""


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return partial(gx.jit(work.compiled), *arguments)


def arrays(result: Any) -> list[Any]:
    return flatten(result)[0]


def version() -> str:
    return gx.__version__
