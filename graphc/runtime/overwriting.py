"""In each kernel, which of the arrays that it writes may lie where one that it reads lies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from graphc.codegen.kernels import AnyKernel, Use, each_once
from graphc.codegen.lift import buffer_name
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.nest.sharing import overwritable
from graphc.ir.node import Value
from graphc.passes.fuse import Fusion, Group
from graphc.records import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pair:
    """An array that is written, one of its size that is read, and the buffers of the kernel that are these."""

    written: Value
    read: Value
    out: str
    place: str


def pairs(fusion: Fusion, uses: Sequence[Use], given: Collection[Value] = ()) -> list[list[Pair]]:
    """For every group: the pairs in which each element is read for the last time by this kernel before it is written.

    A product is laid out anew for that, so for them only arrays of `given` are looked at.
    """
    last = {v: step for step, g in enumerate(fusion.groups) for v in g.reads}
    found = each_once(_buffers, [u.kernel for u in uses])
    out = list[list[Pair]]()
    for step, (group, use, buffers) in enumerate(zip(fusion.groups, uses, found, strict=True)):
        fitting = [p for p in _arrays(group, use, buffers) if last[p.read] == step and _are_equally_large(p)]
        out.append([p for p in fitting if _may_share(use.kernel, p, given)])
    return out


def sharing(kernel: AnyKernel, chosen: Iterable[tuple[str, str]]) -> AnyKernel:
    """The kernel with outputs in place of inputs, for pairs of buffers that may share storage."""
    for out, place in chosen:
        if isinstance(kernel, Kernel):
            buffers = (replace(b, alias=place) if b.name == out else b for b in kernel.buffers)
            kernel = replace(kernel, buffers=tuple(buffers))
        else:
            shared = kernel.over(out, place)
            assert shared is not None, f"{out} of {kernel.name} in place of {place}"
            kernel = shared
    return kernel


def _may_share(kernel: AnyKernel, p: Pair, given: Collection[Value]) -> bool:
    return isinstance(kernel, Kernel) or (p.read in given and kernel.over(p.out, p.place) is not None)


def _buffers(kernel: AnyKernel) -> list[tuple[str, str]]:
    """Of a nest those that may share storage, of a product those of one element type."""
    if isinstance(kernel, Kernel):
        return list(overwritable(kernel))
    outs, ins = ([b for b in kernel.buffers if b.role == role] for role in ("out", "in"))
    return [(b.name, c.name) for b in outs for c in ins if b.dtype == c.dtype]


def _arrays(group: Group, use: Use, buffers: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Those that are used from their first element on."""
    new, old = ({buffer_name(v): v for v in vs} for vs in (group.writes, group.reads))
    for out, place in buffers:
        (written, at), (read, start) = use.arrays[out], use.arrays[place]
        if written in new and read in old and at == start == 0:
            yield Pair(new[written], old[read], out, place)


def _are_equally_large(p: Pair) -> bool:
    a, b = p.written.type, p.read.type
    return a == b or a.nbytes == b.nbytes
