"""PyTorch through its compiler; gradients of a compiled loss, and optimisers compiled with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.peers import torch_programs
from benchmarks.peers.torch_eager import arrays, start, tensors, version
from benchmarks.workloads import Workload

__all__ = ["arrays", "prepare", "start", "version"]


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return partial(torch.compile(getattr(torch_programs, work.program)), *tensors(arguments))
