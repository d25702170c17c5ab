"""PyTorch through its compiler; gradients of a compiled loss, and optimisers compiled with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.peers import torch_programs
from benchmarks.peers.torch_eager import arrays as arrays
from benchmarks.peers.torch_eager import start as start
from benchmarks.peers.torch_eager import tensors
from benchmarks.peers.torch_eager import version as version
from benchmarks.workloads import Workload


def prepare(work: Workload, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return partial(torch.compile(getattr(torch_programs, work.program)), *tensors(arguments))
