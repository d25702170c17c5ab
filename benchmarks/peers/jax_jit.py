"""JAX: programs through its `jit`, arrays on its CPU device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks.peers import jax_programs
from benchmarks.workloads import Workload


def start(threads: int) -> None:
    """Threads come from the processors that the process may use; float64 has to be asked for."""
    jax.config.update("jax_enable_x64", True)


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    compiled = jax.jit(getattr(jax_programs, work.program))
    mine = jax.block_until_ready(jax.device_put(arguments))
    return lambda: jax.block_until_ready(compiled(*mine))


def arrays(result: Any) -> list[Any]:
    return [np.asarray(a) for a in jax.tree.leaves(result)]


def version() -> str:
    return str(jax.__version__)
