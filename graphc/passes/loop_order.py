"""Which loop order suits a node, and one order that suits several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.passes.access import Footprint


def preferred_order(space: Footprint) -> list[str]:
    """The loop order that suits a node: along its result, and along its largest operand where it reduces."""
    result = [a for a in space.result if a is not None]
    if not space.reduced:
        return result
    if "contraction" in space.traits:
        return _product_order(space, result)
    reads = [[x for x in a.coordinates if x] for a in space.accesses if a.coordinates]
    along = max(reads, key=len, default=[])
    merged = merge_orders([along, result]) if set(along) >= set(space.axes) else None
    return merged or [*result, *space.reduced]


def _product_order(space: Footprint, result: list[str]) -> list[str]:
    """i, k, j; or i, j, k (dot products) where the right operand lies along k in memory."""
    (k,) = space.reduced
    last = (space.accesses[-1].index or ())[-1:] if space.accesses else ()
    along_k = any(k in i.names for i in last)
    shape = space.node.types[0].shape
    if along_k or shape[-1] == 1:
        return [*result, k]
    return [*result[:-1], k, result[-1]]


def merge_orders(chains: Iterable[Sequence[str]]) -> list[str] | None:
    """One sequence that has every chain as a subsequence, or None; items come as early as the chains name them."""
    chains = list(chains)
    if len(chains) == 1:
        return list(chains[0])
    after: dict[str, set[str]] = {}
    for chain in chains:
        for k, x in enumerate(chain):
            after.setdefault(x, set()).update(chain[:k])
    out: list[str] = []
    while len(out) < len(after):
        done = set(out)
        ready = next((x for x, before in after.items() if x not in done and before <= done), None)
        if ready is None:
            return None
        out.append(ready)
    return out
