"""The tape behind eager tensors as DOT text, for Graphviz: https://graphviz.org/doc/info/lang.html

Boxes are operations, ellipses the tensors drawn, houses the leaves that gradients end in; edges point along the
computation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from graphc.eager.node import Edge, Node
from graphc.eager.tape import ancestors
from graphc.eager.tensor import Tensor
from graphc.ir.types import short_dtype


def to_dot(*tensors: Tensor) -> str:
    """DOT text, without a newline at its end."""
    return "\n".join(["digraph tape {", *_body(tensors), "}"])


def _body(tensors: tuple[Tensor, ...]) -> Iterator[str]:
    names: dict[Edge, str] = {}
    yield '  node [fontname="Helvetica", fontsize=11];'
    for node in ancestors(tensors):
        yield from _operation(node, names)
    for k, t in enumerate(tensors):
        yield f"  t{k} [label={_label(t)}, shape=ellipse];"
        if t.edge is not None:
            yield from _leaf(t.edge, names)
            yield f"  {names[t.edge]} -> t{k};"


def _operation(node: Node, names: dict[Edge, str]) -> Iterator[str]:
    for edge in node.edges:
        yield from _leaf(edge, names)
    names[node] = f"n{len(names)}"
    yield f'  {names[node]} [label={json.dumps(node.name())}, shape=box, style="rounded,filled", fillcolor="#d5ebcf"];'
    yield from (f"  {names[edge]} -> {names[node]};" for edge in node.edges if edge is not None)


def _leaf(edge: Edge, names: dict[Edge, str]) -> Iterator[str]:
    if isinstance(edge, Tensor) and edge not in names:
        names[edge] = f"n{len(names)}"
        yield f'  {names[edge]} [label={_label(edge)}, shape=invhouse, style=filled, fillcolor="#d9e6f2"];'


def _label(t: Tensor) -> str:
    return json.dumps(f"{short_dtype(t.dtype)}[{','.join(map(str, t.shape))}]")
