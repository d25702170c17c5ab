"""From the stages of a compilation to the program that runs."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.codegen.emit_entry import entry_text
from graphc.codegen.engine import emit_object
from graphc.runtime.program import Program, Signature, Site, entry_spec
from graphc.runtime.stages import Stages


def build(stages: Stages, signature: Signature) -> Program:
    """Compile what is not compiled yet, and emit the object code."""
    text = stages.llvm
    if signature.is_static:
        text += entry_text(entry_spec(stages.plan, signature))
    return Program(emit_object(text), stages.plan, dict(_sites(stages)))


def _sites(stages: Stages) -> Iterator[tuple[int, Site]]:
    """By the number that a failed check leaves: one more than the id of its node."""
    for node in stages.fusion.graph.nodes:
        if node.op.traits & {"indexed", "scatter"}:
            yield node.id + 1, Site(node.op.name, str(node.inputs[0].type), node.loc)
