"""The systems to compare, each loaded only when it is asked for.

A peer is a module with

    start(threads)             settings of the process, before anything is computed
    prepare(work, arguments)   a call without arguments that computes the workload on the system's own arrays, and
                               returns when the result is there; None where the system has no such function
    arrays(result)             the leaves of a result as NumPy arrays
    version()                  of the system
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from benchmarks.workloads import Workload

_HOMES = {
    "graphc": ("compiled_numpy", "graphc"),
    "numpy": ("plain_numpy", "numpy"),
    "torch": ("torch_eager", "torch"),
    "torch.compile": ("torch_compiled", "torch"),
    "jax": ("jax_jit", "jax"),
}
NAMES = tuple(_HOMES)


class Peer(Protocol):
    """What the modules of this folder offer."""

    def start(self, threads: int) -> None: ...
    def prepare(self, work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any] | None: ...
    def arrays(self, result: Any) -> list[Any]: ...
    def version(self) -> str: ...


def is_installed(name: str) -> bool:
    return find_spec(_HOMES[name][1]) is not None


def load(name: str) -> Peer:
    """Raises ImportError where the system is not installed."""
    peer: Any = import_module(f"benchmarks.peers.{_HOMES[name][0]}")
    return peer  # type: ignore[no-any-return]
