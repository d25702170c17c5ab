"""Nest -> nest: how a kernel's loops are to run on the machine.

Each step is small, keeps the meaning, and may be verified.  Order matters: prefetching looks at the stages of a row
before the cascade wraps them in blocks; jamming, and putting rows abreast, looks at scalar bodies, before they get
lanes; neighbours are put together last, as nothing looks into tuples.
"""

from __future__ import annotations

from graphc.codegen.nest.loops import Kernel
from graphc.codegen.nest.verify import verify
from graphc.codegen.schedule.abreast import abreast
from graphc.codegen.schedule.jam import jam
from graphc.codegen.schedule.prefetch import prefetch
from graphc.codegen.schedule.reductions import cascade
from graphc.codegen.schedule.tile import tile
from graphc.codegen.schedule.tuples import tuples
from graphc.codegen.schedule.vectors import vectorise
from graphc.config import current
from graphc.records import dataclass


@dataclass(frozen=True)
class Plan:
    """The choices; the defaults suit every kernel measured so far, and each step lowers them for large bodies."""

    lanes: int | None = None  # per vector; None: 64 bytes of the widest item in each loop
    unroll: int = 4  # vectors per iteration of a vector loop
    jam: int = 8  # rows per iteration of a leading-axis reduction
    abreast: int = 8  # rows per iteration of a last-axis reduction
    prefetch: int = 1  # rows ahead


AUTO = Plan()


def schedule(kernel: Kernel, plan: Plan = AUTO) -> Kernel:
    """The scheduled kernel, verified; under `config(verify=True)` after each step."""
    checked = verify if current().verify else _unchanged
    kernel = checked(prefetch(kernel, plan.prefetch))
    kernel = checked(cascade(kernel))
    kernel = checked(jam(kernel, plan.jam))
    kernel = checked(abreast(kernel, plan.abreast, plan.unroll))
    kernel = checked(tile(kernel))
    kernel = checked(tuples(kernel))
    return verify(vectorise(kernel, plan.lanes, plan.unroll))


def _unchanged(kernel: Kernel) -> Kernel:
    return kernel
