"""From the stages of a compilation to the program that runs."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.codegen.native.emit_entry import entry_text
from graphc.codegen.native.engine import emit_object
from graphc.runtime.program import Entry, Program, Signature, Site
from graphc.runtime.stages import Stages


def build(stages: Stages, signature: Signature) -> Program:
    """Compile what is not compiled yet, and emit the object code."""
    text = stages.llvm + entry_text(Entry(stages.plan, signature).spec)
    is_shared = any(c.is_shared for c in stages.codes)
    return Program(emit_object(text), stages.plan, dict(_sites(stages)), is_shared)


def _sites(stages: Stages) -> Iterator[tuple[int, Site]]:
    """By the number that a failed check leaves: one more than the id of its node."""
    for node in stages.fusion.graph.nodes:
        if node.op.traits & {"indexed", "scatter"}:
            yield node.id + 1, Site(node.op.name, str(node.inputs[0].type), node.loc)
