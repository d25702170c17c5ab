"""In each kernel, which of the arrays that it writes may lie where one that it reads lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.codegen.kernels import AnyKernel, Use, each_once
from graphc.codegen.lift import buffer_name
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.nest.sharing import overwritable
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.passes.fuse import Fusion, Group
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """An array that is written, one of its size that is read, and the buffers of the kernel that are these."""

    written: Value
    read: Value
    out: str
    place: str


def pairs(fusion: Fusion, uses: Sequence[Use]) -> list[list[Pair]]:
    """For every group: the pairs in which each element is read for the last time by this kernel before it is written.

    Products write before all is read, and have none.
    """
    last = {v: step for step, g in enumerate(fusion.groups) for v in g.reads}
    found = each_once(_buffers, [u.kernel for u in uses])
    steps = enumerate(zip(fusion.groups, uses, found, strict=True))
    return [[p for p in _arrays(group, use, some) if last[p.read] == step] for step, (group, use, some) in steps]


def _buffers(kernel: AnyKernel) -> list[tuple[str, str]]:
    return list(overwritable(kernel)) if isinstance(kernel, Kernel) else []


def _arrays(group: Group, use: Use, buffers: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Those that are used from their first element on."""
    new, old = ({buffer_name(v): v for v in vs} for vs in (group.writes, group.reads))
    for out, place in buffers:
        (written, at), (read, start) = use.arrays[out], use.arrays[place]
        if written in new and read in old and at == start == 0 and _bytes(new[written]) == _bytes(old[read]):
            yield Pair(new[written], old[read], out, place)


def _bytes(v: Value) -> Poly:
    return Poly.of(v.type.nbytes)
