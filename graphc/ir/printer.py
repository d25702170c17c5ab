"""The canonical text of a graph: one typed line per node, the same in every process, read back by `parser`.

    graph loss(%0 x: f32[batch,784], %1 w: f32[784,10]) {  # train.py:11 in loss
      %2 = matmul %0, %1                : f32[batch,10]  # train.py:12 in loss
      %3 = sum %2 {axes=(0,1)}          : f32[]          # train.py:13 in loss
      return %3
    }

Parameters made on different lines stand one per line, each with its own location.  A variable starts at zeros unless
its line shows an array.  Attributes are sorted; their values are Python expressions, a bare name is a dimension.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from graphc.errors import UnsupportedError
from graphc.ir.graph import Graph
from graphc.ir.literals import print_array
from graphc.ir.node import Node, Value
from graphc.ir.poly import Poly
from graphc.records import dataclass

_WIDEST = 64
_LONGEST_HEADER = 120


def print_graph(graph: Graph, *, constants: Literal["exact", "short"] = "exact", locations: bool = True) -> str:
    """The text of a graph, without a newline at its end.

    `constants="short"` sums up large arrays, for people; such text does not parse.  `locations=False` leaves out the
    comments.  Raises UnsupportedError for an attribute that has no text.
    """
    return "\n".join(_Printer(graph, constants == "short", locations).lines())


def print_node(node: Node) -> str:
    """One node as a line, without alignment, for messages."""
    types = ", ".join(map(str, node.types))
    array = node.attrs["value"].array if node.op.name == "constant" else None
    return f"{_operation(node, print_array(array, short=True) if array is not None else '')} : {types}"


@dataclass(frozen=True)
class _Printer:
    graph: Graph
    short: bool
    locations: bool

    def lines(self) -> Iterator[str]:
        yield from self._header()
        yield from self._body()
        for update in self.graph.updates:
            yield f"  update {update.variable} <- {update.value}"
        if self.graph.outputs:
            yield f"  return {_join(self.graph.outputs)}"
        yield "}"

    def _header(self) -> Iterator[str]:
        name = _name(self.graph.name)
        parameters = [_parameter(v) for v in self.graph.inputs]
        places = [self._comment(v.node) for v in self.graph.inputs]
        line = f"graph {name}({', '.join(parameters)}) {{"
        if len(set(places)) <= 1 and len(line) <= _LONGEST_HEADER:
            yield line + (places[0] if places else "")
        else:
            yield f"graph {name}("
            width = max(map(len, parameters)) + 1
            yield from (f"  {p + ',':{width}}{c}" for p, c in zip(parameters, places, strict=True))
            yield ") {"

    def _body(self) -> Iterator[str]:
        nodes = [n for n in self.graph.nodes if n.op.name != "placeholder"]
        left = [_operation(n, self._array(n)) for n in nodes]
        right = [", ".join(map(str, n.types)) for n in nodes]
        wide, type_wide = _width(left), _width(right)
        for node, operation, types in zip(nodes, left, right, strict=True):
            comment = self._comment(node)
            yield f"  {operation:{wide}} : {f'{types:{type_wide}}{comment}' if comment else types}"

    def _comment(self, node: Node) -> str:
        return f"  # {node.loc}" if self.locations else ""

    def _array(self, node: Node) -> str:
        """The constant, or what a variable starts with."""
        if node.op.name == "constant":
            return print_array(node.attrs["value"].array, short=self.short)
        if node.op.name == "variable":
            text = print_array(self.graph.initial[node.attrs["name"]], short=self.short)
            return "" if text in _ZEROS else text
        return ""


def _parameter(v: Value) -> str:
    return f"%{v.node.id} {_name(v.node.attrs['name'])}: {v.type}"


def _operation(node: Node, array: str) -> str:
    """`%3 = sum %2 {axes=(0,1)}`"""
    operands = f" {_join(node.inputs)}" if node.inputs else ""
    results = f"%{node.id} = {node.op.name}{operands}"
    return results + (f" {array}" if array else "") + _attributes(node)


def _attributes(node: Node) -> str:
    if not node.attrs:
        return ""
    shown = {k: node.attrs[k] for k in sorted(node.attrs) if k not in _IMPLIED.get(node.op.name, ())}
    return f" {{{print_attributes(shown)}}}" if shown else ""


_ZEROS = ("0", "0.0", "False", "[]")

_IMPLIED = {"constant": ("value",), "variable": ("dtype", "shape"), "placeholder": ("dtype", "shape")}
"""Attributes that the rest of the line tells."""


def print_attributes(attrs: Mapping[str, Any]) -> str:
    """`axes=(0,1), value=-0.0`"""
    return ", ".join(f"{k}={_attribute(v)}" for k, v in attrs.items())


def _attribute(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({','.join(map(_attribute, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool | int | Poly):
        return str(value)
    raise UnsupportedError("an attribute that has no text", got=f"{type(value).__name__}: {value!r}"[:80])


def _float(value: float) -> str:
    """Python's text; `float("nan:...")` with the bits where a NaN is not the usual one."""
    if math.isfinite(value):
        return repr(value)
    bits = struct.pack(">d", value)
    usual = not math.isnan(value) or bits == struct.pack(">d", math.nan)
    return f'float("{value if usual else f"nan:{bits.hex()}"}")'


def _name(name: str) -> str:
    """An identifier as it is, anything else in quotes."""
    return name if name.isidentifier() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _join(values: Iterable[Value]) -> str:
    return ", ".join(map(repr, values))


def _width(column: Iterable[str]) -> int:
    """Wide enough for all entries but the long ones, which push their own line only."""
    return max((len(text) for text in column if len(text) <= _WIDEST), default=0)


__all__ = ["print_attributes", "print_graph", "print_node"]
