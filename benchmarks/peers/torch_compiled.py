"""PyTorch through its compiler: losses, whose backward pass is then compiled too, and steps of optimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.peers import torch_programs
from benchmarks.peers.torch_eager import arrays, start, tensors, version
from benchmarks.workloads import Workload

__all__ = ["arrays", "prepare", "start", "version"]


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return torch_programs.program(work.program, torch.compile, tensors(arguments))
