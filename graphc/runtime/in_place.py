"""Where kernels write: over what they read for the last time, and straight into the array that they write a part of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from graphc.codegen.kernels import AnyKernel, Use, each_once
from graphc.codegen.lift import buffer_name
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.nest.sharing import overwritable
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion
from graphc.records import replace

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Outputs and inputs of a kernel that may share storage."""


def in_place(fusion: Fusion, uses: Sequence[Use]) -> list[Use]:
    """The uses, with kernels that have an `alias` at every output that is to lie where one of the inputs lies.

    Only arrays that live and die between kernels take part: arguments, constants and results keep their own storage,
    and so do slices and what they make up.
    Products write before all is read, and are left as they are.
    """
    kept = {storage(v, fusion.anchors) for v in (*fusion.graph.inputs, *fusion.graph.outputs)}
    kept |= fusion.slices.keys() | {s.whole for s in fusion.slices.values()}
    last = {v: step for step, g in enumerate(fusion.groups) for v in g.reads}
    shared: dict[tuple[int, Pairs], AnyKernel] = {}
    out = list[Use]()
    for step, (group, use, pairs) in enumerate(
        zip(fusion.groups, uses, each_once(_pairs, _kernels(uses)), strict=True)
    ):
        old = {buffer_name(v): v for v in group.reads if last[v] == step and v not in kept and not v.node.op.is_source}
        new = {buffer_name(v): v for v in group.writes if v not in kept}
        chosen = _chosen(use, pairs, old, new)
        key = id(use.kernel), chosen
        if key not in shared:
            shared[key] = _sharing(use.kernel, chosen)
        out.append(replace(use, kernel=shared[key]))
    return out


def _kernels(uses: Sequence[Use]) -> list[AnyKernel]:
    return [u.kernel for u in uses]


def _pairs(kernel: AnyKernel) -> Pairs:
    return tuple(overwritable(kernel)) if isinstance(kernel, Kernel) else ()


def _chosen(use: Use, pairs: Pairs, old: Mapping[str, Value], new: Mapping[str, Value]) -> Pairs:
    """Of what may share storage, arrays of one size that are used from their first element on; each at most once."""
    chosen: dict[str, str] = {}
    for out, place in pairs:
        (written, _), (read, _) = ends = use.arrays[out], use.arrays[place]
        fits = written in new and read in old and all(start == 0 for _, start in ends)
        if fits and _bytes(new[written]) == _bytes(old[read]) and out not in chosen and place not in chosen.values():
            chosen[out] = place
    return tuple(chosen.items())


def _bytes(v: Value) -> Poly:
    return Poly.of(v.type.nbytes)


def _sharing(kernel: AnyKernel, chosen: Pairs) -> AnyKernel:
    if not isinstance(kernel, Kernel) or not chosen:
        return kernel
    alias = dict(chosen)
    return replace(kernel, buffers=tuple(replace(b, alias=alias.get(b.name, b.alias)) for b in kernel.buffers))


def in_slices(fusion: Fusion, uses: Sequence[Use]) -> list[Use]:
    """The uses, over the whole arrays where a kernel reads or writes a slice of one."""
    moved = {buffer_name(v): (buffer_name(s.whole), s.start) for v, s in fusion.slices.items()}
    if not moved:
        return list(uses)
    return [replace(u, arrays={own: _moved(place, moved) for own, place in u.arrays.items()}) for u in uses]


def _moved(place: tuple[str, int], moved: Mapping[str, tuple[str, int]]) -> tuple[str, int]:
    name, start = place
    whole, before = moved.get(name, (name, 0))
    return whole, before + start
