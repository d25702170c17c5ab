"""What a compilation did, in words: passes, kernels, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graphc.passes.fuse import Group
from graphc.runtime.stages import Stages


def explain(stages: Stages, origin: str) -> str:
    """A report for people; its order is that of the stages.  `origin` tells where the code came from."""
    return "\n".join([*_head(stages, origin), *_passes(stages), *_kernels(stages), *_memory(stages)])


def _head(stages: Stages, origin: str) -> Iterator[str]:
    after, kernels = len(stages.optimized), len(stages.fusion.groups)
    yield f"{len(stages.graph)} nodes -> {after} after passes -> {kernels} kernels; {origin}"


def _passes(stages: Stages) -> Iterator[str]:
    for report in stages.journal:
        yield f"  {report}"


def _kernels(stages: Stages) -> Iterator[str]:
    for g in stages.fusion.groups:
        yield f"  {describe(g)}"


def describe(group: Group) -> str:
    """One line: loops, operations, what is read and written, and the user's lines."""
    space = " x ".join(str(extent) for _, extent in group.axes) or "scalar"
    ops = Counter(n.op.name for n in group.nodes)
    names = ", ".join(name if count == 1 else f"{count} {name}" for name, count in ops.items())
    lines = sorted({str(n.loc) for n in group.nodes})
    where = f"  # {lines[0]}" + (f" and {len(lines) - 1} more lines" if len(lines) > 1 else "")
    return f"{group.name}: [{space}] {names}; reads {len(group.reads)}, writes {len(group.writes)}{where}"


def _memory(stages: Stages) -> Iterator[str]:
    for result, argument in stages.plan.donation.results:
        yield f"  result {result} lies in the donated argument {stages.graph.inputs[argument].node.attrs['name']}"
    arena = stages.layout.arena
    if arena is None:
        yield f"  memory: planned for each value of {', '.join(stages.graph.dims)}"
    for line in arena.explain() if arena else ():
        yield f"  {line}"
