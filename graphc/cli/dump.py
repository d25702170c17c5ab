"""`graphc dump` and `graphc dot`: a program at one stage, as text, DOT or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from graphc.cli.options import Compilation
from graphc.cli.program import Program
from graphc.errors import OptionError
from graphc.ir.dot import to_dot
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.printer import print_attributes, print_graph, print_node
from graphc.runtime.report import describe
from graphc.runtime.stages import Stages

STAGES = ("trace", "grad", "optimized", "kernels", "loops", "llvm", "asm")
FORMATS = ("text", "dot", "json")


def dump(program: Program, stage: str, form: str, how: Compilation) -> str:
    """The text of a stage.  Raises OptionError for DOT of a stage that is no graph."""
    if stage in ("trace", "grad"):
        return _graph(program.graph, form)
    stages = Stages(program.pure, how.level, how.disable)
    stages.journal = how.observer
    if stage == "optimized":
        return _graph(stages.optimized, form)
    if stage == "kernels":
        return _kernels(stages, form)
    return _code(stage, str(getattr(stages, stage)), form)


def _graph(graph: Graph, form: str) -> str:
    if form == "dot":
        return to_dot(graph)
    return print_graph(graph) if form == "text" else json.dumps(to_json(graph), indent=2)


def _kernels(stages: Stages, form: str) -> str:
    graph, groups = stages.fusion.graph, stages.fusion.groups
    if form == "dot":
        return to_dot(graph, [(g.name, [n.id for n in g.nodes]) for g in groups])
    if form == "json":
        kernels = [{"name": g.name, "nodes": [n.id for n in g.nodes]} for g in groups]
        return json.dumps({**to_json(graph), "kernels": kernels}, indent=2)
    return "\n\n".join("\n".join([describe(g), *(f"  {print_node(n)}" for n in g.nodes)]) for g in groups)


def _code(stage: str, text: str, form: str) -> str:
    if form == "dot":
        raise OptionError(f"stage {stage!r} has no DOT form", expected=f"one of {', '.join(STAGES[:4])}")
    return text if form == "text" else json.dumps({"stage": stage, "text": text}, indent=2)


# -------------------------------------------------------------------------------------------------------------- JSON


def to_json(graph: Graph) -> dict[str, Any]:
    """A graph as plain data: nodes with operation, operands, attributes as text, types and location."""
    return {
        "name": graph.name,
        "inputs": [repr(v) for v in graph.inputs],
        "variables": [repr(v) for v in graph.variables],
        "outputs": [repr(v) for v in graph.outputs],
        "updates": [{"variable": repr(u.variable), "value": repr(u.value)} for u in graph.updates],
        "nodes": [dict(_node(n)) for n in graph.nodes],
    }


def _node(node: Node) -> Iterator[tuple[str, Any]]:
    yield "id", node.id
    yield "op", node.op.name
    yield "inputs", [repr(v) for v in node.inputs]
    if node.op.name != "constant":
        yield "attributes", {k: print_attributes({k: node.attrs[k]}).partition("=")[2] for k in sorted(node.attrs)}
    yield "types", [str(t) for t in node.types]
    yield "location", {"file": node.loc.file, "line": node.loc.line, "function": node.loc.function}
