"""A graph as DOT text, for Graphviz: https://graphviz.org/doc/info/lang.html

Shapes tell sources and results apart, colours what kind of operation a node is; an edge carries its operand's type.
A number is written into the nodes that use it, `mul(·, 0.9)`.  The text depends on the graph only.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence

from graphc.ir.graph import Graph
from graphc.ir.literals import print_array
from graphc.ir.node import Node
from graphc.ir.printer import print_attributes
from graphc.records import dataclass

Groups = Sequence[tuple[str, Collection[int]]]

_COLOURS = (
    ("reduction", "#f6d5a8"),
    ("contraction", "#f3b4ab"),
    ("indexed", "#e3c8ea"),
    ("scatter", "#e3c8ea"),
    ("view", "#d9e6f2"),
    ("elementwise", "#d5ebcf"),
)
"""A node has the colour of the first trait that it has."""
_OTHER = "#eeeeee"
_SOURCES = {"placeholder": "shape=invhouse", "variable": "shape=cylinder", "constant": "shape=note"}
_LONGEST_ATTRIBUTES = 40


def to_dot(graph: Graph, groups: Groups = (), *, by_function: bool = False) -> str:
    """DOT text, without a newline at its end.

    `groups`: names and node ids, each drawn as a box, for instance the kernels after fusion; a node belongs to at most
    one (the first that has it).  `by_function`: where no groups are given, a box per function of the user's program.
    """
    boxes = groups or (_functions(graph) if by_function else ())
    return "\n".join(_Drawing(graph, boxes).lines())


def _functions(graph: Graph) -> Groups:
    found: dict[str, list[int]] = {}
    for node in graph.nodes:
        found.setdefault(node.loc.function, []).append(node.id)
    return tuple(found.items())


@dataclass(frozen=True)
class _Drawing:
    graph: Graph
    boxes: Groups

    def lines(self) -> Iterator[str]:
        yield f"digraph {_quote(self.graph.name)} {{"
        yield "  rankdir=TB;"
        yield '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, margin="0.12,0.06"];'
        yield '  edge [fontname="Helvetica", fontsize=9, color="#666666"];'
        yield from self._nodes()
        yield from self._edges()
        yield from self._results()
        yield "}"

    def _nodes(self) -> Iterator[str]:
        drawn: set[int] = set()
        for k, (name, ids) in enumerate(self.boxes):
            yield f"  subgraph cluster_{k} {{"
            yield f'    label={_quote(name)}; style="rounded"; color="#888888"; fontname="Helvetica";'
            yield from (f"    {_node(self.graph.nodes[n])}" for n in sorted(set(ids) - drawn))
            yield "  }"
            drawn.update(ids)
        results = {v.node.id for v in self.graph.outputs}
        shown = (n for n in self.graph.nodes if n.id in results or not _is_number(n))
        yield from (f"  {_node(n)}" for n in shown if n.id not in drawn)

    def _edges(self) -> Iterator[str]:
        for node in self.graph.nodes:
            for position, v in enumerate(node.inputs):
                if _is_number(v.node):
                    continue
                order = f", taillabel={_quote(f'.{v.index}')}" if len(v.node.types) > 1 else ""
                operand = f", headlabel={_quote(str(position))}" if len(node.inputs) > 1 else ""
                yield f"  n{v.node.id} -> n{node.id} [label={_quote(str(v.type))}{operand}{order}];"

    def _results(self) -> Iterator[str]:
        """Outputs as ellipses below, updates as dashed arrows back to their variables."""
        for k, v in enumerate(self.graph.outputs):
            yield f"  out{k} [{_join(_label((f'output {k}', str(v.type))), 'shape=ellipse', _fill('#ffffff'))}];"
            yield f"  n{v.node.id} -> out{k};"
        for update in self.graph.updates:
            yield f'  n{update.value.node.id} -> n{update.variable.node.id} [style=dashed, label="update"];'


def _node(node: Node) -> str:
    shape = _SOURCES.get(node.op.name, "")
    filled = 'style="filled"' if shape else ""
    tooltip = f"tooltip={_quote(str(node.loc))}"
    return f"n{node.id} [{_join(_label(_text(node)), shape, filled, _fill(_colour(node)), tooltip)}];"


def _text(node: Node) -> Iterator[str]:
    """The lines inside a node."""
    match node.op.name:
        case "placeholder" | "variable":
            yield f"{node.attrs['name']}"
        case "constant":
            yield print_array(node.attrs["value"].array, short=True)
        case name:
            yield f"%{node.id} {name}{_numbers(node)}"
            yield from _attributes(node)
    yield ", ".join(map(str, node.types))


def _is_number(node: Node) -> bool:
    return node.op.name == "constant" and not node.types[0].shape


def _numbers(node: Node) -> str:
    """The operands, where some are numbers."""
    if not any(_is_number(v.node) for v in node.inputs):
        return ""
    shown = (print_array(v.node.attrs["value"].array, short=True) if _is_number(v.node) else "·" for v in node.inputs)
    return f"({', '.join(shown)})"


def _attributes(node: Node) -> Iterator[str]:
    text = print_attributes({k: node.attrs[k] for k in sorted(node.attrs)})
    if text:
        yield text if len(text) <= _LONGEST_ATTRIBUTES else f"{text[: _LONGEST_ATTRIBUTES - 3]}..."


def _colour(node: Node) -> str:
    if node.op.is_source:
        return "#fff6cc"
    return next((colour for trait, colour in _COLOURS if trait in node.op.traits), _OTHER)


def _fill(colour: str) -> str:
    return f'fillcolor="{colour}"'


def _label(lines: Iterable[str]) -> str:
    return f"label={_quote(chr(10).join(lines))}"


def _join(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _quote(text: str) -> str:
    """A DOT string: a quote is escaped, `\\n` centres the line before it."""
    return json.dumps(text, ensure_ascii=False)
