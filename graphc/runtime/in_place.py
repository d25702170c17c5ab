"""Kernels that write over what they read: an array of the arena that is read for the last time gives its place away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphc.codegen.kernels import AnyKernel
from graphc.codegen.lift import buffer_name
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.nest.sharing import overwritable
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion, Group


def in_place(fusion: Fusion, kernels: Sequence[AnyKernel]) -> list[AnyKernel]:
    """The kernels, with an `alias` at every output that may lie where one of the inputs lies.

    Only arrays that live and die between kernels take part: arguments, constants and results keep their own storage.
    Products write before all is read, and are left as they are.
    """
    kept = {storage(v, fusion.anchors) for v in (*fusion.graph.inputs, *fusion.graph.outputs)}
    last = {v: step for step, g in enumerate(fusion.groups) for v in g.reads}
    out = list[AnyKernel]()
    for step, (group, kernel) in enumerate(zip(fusion.groups, kernels, strict=True)):
        dying = [v for v in group.reads if last[v] == step and v not in kept and not v.node.op.is_source]
        out.append(_sharing(kernel, group, dying, kept) if isinstance(kernel, Kernel) else kernel)
    return out


def _sharing(kernel: Kernel, group: Group, dying: Sequence[Value], kept: set[Value]) -> Kernel:
    old = {buffer_name(v): v for v in dying}
    new = {buffer_name(v): v for v in group.writes if v not in kept}
    given: dict[str, str] = {}
    for name, place in overwritable(kernel):
        fits = name in new and place in old and Poly.of(new[name].type.nbytes) == Poly.of(old[place].type.nbytes)
        if fits and name not in given and place not in given.values():
            given[name] = place
    return replace(kernel, buffers=tuple(replace(b, alias=given.get(b.name, b.alias)) for b in kernel.buffers))
