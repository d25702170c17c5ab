"""Where kernels write: over what they read for the last time, and straight into the array that they write a part of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from graphc.codegen.kernels import AnyKernel, Use
from graphc.codegen.lift import buffer_name
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion
from graphc.records import replace
from graphc.runtime.donation import NO_CLAIMS, Claims
from graphc.runtime.overwriting import Pair, pairs, sharing

Chosen: TypeAlias = tuple[tuple[str, str], ...]
"""Outputs and inputs of a kernel that share storage."""


def in_place(fusion: Fusion, uses: Sequence[Use], claims: Claims = NO_CLAIMS) -> list[Use]:
    """The uses, with kernels that have an `alias` at every output that is to lie where one of the inputs lies.

    What lies in donated arguments is settled by `claims`.  Else only arrays that live and die between kernels take
    part: arguments, constants and results keep their own storage, and so do slices and what they make up.
    """
    kept = {storage(v, fusion.anchors) for v in (*fusion.graph.inputs, *fusion.graph.outputs)} | claims.homes.keys()
    kept |= fusion.slices.keys() | {s.whole for s in fusion.slices.values()}
    shared: dict[tuple[int, Chosen], AnyKernel] = {}
    out = list[Use]()
    for group, use, possible in zip(fusion.groups, uses, pairs(fusion, uses), strict=True):
        free = [p for p in possible if p.written not in kept and p.read not in kept and not p.read.node.op.is_source]
        chosen = _chosen([*(claims.over[v] for v in group.writes if v in claims.over), *free])
        key = id(use.kernel), chosen
        if key not in shared:
            shared[key] = sharing(use.kernel, chosen)
        out.append(replace(use, kernel=shared[key]))
    return out


def _chosen(possible: Sequence[Pair]) -> Chosen:
    """Each buffer at most once."""
    chosen: dict[str, str] = {}
    for p in possible:
        if p.out not in chosen and p.place not in chosen.values():
            chosen[p.out] = p.place
    return tuple(chosen.items())


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
