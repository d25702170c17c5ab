"""PyTorch, one operation after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.peers import torch_programs
from benchmarks.workloads import Workload
from graphc.runtime.tree import flatten, map_tree


def start(threads: int) -> None:
    torch.set_num_threads(threads)


def tensors(arguments: tuple[Any, ...]) -> Any:
    """Tensors of PyTorch's own memory."""
    return map_tree(torch.tensor, arguments)


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return torch_programs.program(work.program, lambda f: f, tensors(arguments))


def arrays(result: Any) -> list[Any]:
    return [t.detach().numpy() for t in flatten(result)[0]]


def version() -> str:
    return str(torch.__version__)
