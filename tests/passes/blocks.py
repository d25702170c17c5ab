"""Rewriting tests as text: `rules/*.txt` hold a graph before and after, under the name of the rule.

    == negate_twice: %0 x: f32[3]
      %1 = neg %0 : f32[3]
      %2 = neg %1 : f32[3]
      return %2
    ->
      return %0

`== not negate_twice` and `as it is` say that the rule must leave the graph alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.parser import parse_graph
from graphc.ir.poly import Poly
from graphc.ir.types import FLOATS, Type, numpy_dtype

_RULES = Path(__file__).parent / "rules"
_DIMS = {"n": 4}
_FLOATS = (0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 0.3, 2.5, 1e-3, -7.0, 60.0)
_INTEGERS = (0, 1, -1, 2, 7, -7, 100, -128, 127, 13, -100, 64)


@dataclass(frozen=True)
class Block:
    family: str
    rule: str
    fires: bool
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.family}-{self.rule}" + ("" if self.fires else "-not")


def read_blocks(*families: str) -> list[Block]:
    return [b for path in sorted(_RULES.glob("*.txt")) if path.stem in families for b in _read(path)]


def _read(path: Path) -> Iterator[Block]:
    for text in path.read_text().split("== ")[1:]:
        title, _, rest = text.partition("\n")
        name, _, inputs = title.partition(": ")
        before, _, after = rest.partition("->\n")
        fires = not name.startswith("not ")
        assert fires != (after.strip() == "as it is"), title
        made = [f"graph case({inputs}) {{\n{body.rstrip()}\n}}" for body in (before, after if fires else before)]
        yield Block(path.stem, name.removeprefix("not "), fires, *made)


def plain(graph: Graph) -> str:
    """The text without locations and alignment."""
    return re.sub(r" +:", " :", re.sub(r" *#.*", "", str(graph)))


def with_dtype(text: str, dtype: str) -> str:
    """The same graph in another float type."""
    return re.sub(r"\bf32\b", dtype, text)


def run(text: str, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
    graph = parse_graph(text)
    return run_graph(graph, feeds)


def run_graph(graph: Graph, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
    return evaluate(graph, graph.outputs, dict(zip(graph.inputs, feeds, strict=True)))


def specials(graph: Graph, turn: int) -> list[np.ndarray]:
    """Arrays for the inputs, of special values in an order that depends on `turn`."""
    return [_array(v.type, turn * (k + 1) + k) for k, v in enumerate(graph.inputs)]


def _array(type_: Type, turn: int) -> np.ndarray:
    values = _FLOATS if type_.dtype in FLOATS else _INTEGERS
    shape = tuple(Poly.of(e).evaluate(_DIMS) for e in type_.shape)
    count = int(np.prod(shape))
    taken = np.array([values[(turn + k) % len(values)] for k in range(count)]).reshape(shape)
    return (taken > 0) if type_.dtype == "bool" else taken.astype(numpy_dtype(type_.dtype))
