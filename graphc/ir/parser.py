"""Text to graph: the inverse of `printer`.

The text is read into records, then nodes are made in the order of their numbers.  A node without a location is
attributed to its own line in the text.  Comment lines and blank lines may stand anywhere between nodes.
"""

from __future__ import annotations

import ast
import json
import struct
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from graphc.errors import GraphcError, ParseError
from graphc.ir.graph import Graph, Update
from graphc.ir.literals import read_array
from graphc.ir.location import Location
from graphc.ir.node import Literal, Value
from graphc.ir.poly import as_size, parse_poly
from graphc.ir.primitive import PRIMITIVES, Primitive
from graphc.ir.scanner import Scanner
from graphc.ir.types import Type, numpy_dtype, parse_type
from graphc.records import dataclass, field

_STRING = r'"(?:[^"\\]|\\.)*"'
_REF = r"%(\d+)(?:\.(\d+))?"
_ARRAY = rf"\[[^\]]*\]|base64 {_STRING}|[-+]?[\w.][\w.+-]*"
_ATTRIBUTES = rf'\{{((?:[^}}"]|{_STRING})*)\}}'
_TYPE = r"\w+\[[^\]]*\]"
_LOCATION = r"[ \t]*#[ \t]*([^\n]*):(\d+) in ([^\n]*)"

_T = TypeVar("_T")


def parse_graph(text: str) -> Graph:
    """The graph that `print_graph` gave this text for.

    Raises ParseError with the number of the line, what was expected and what stands there, also where a type written is
    not the one that the operation gives.
    """
    scanner = Scanner(text)
    return _Builder(scanner, _Grammar(scanner).graph()).graph()


@dataclass(frozen=True)
class _Ref:
    """`%3` or `%3.1`, and where it stands."""

    node: int
    index: int
    position: int


@dataclass
class _Record:
    """A node as written."""

    id: int
    op: str
    position: int
    inputs: list[_Ref] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    array: str = ""
    types: list[Type] = field(default_factory=list)
    loc: Location | None = None


@dataclass
class _Text:
    """A graph as written."""

    name: str
    parameters: list[_Record]
    nodes: list[_Record]
    updates: list[tuple[_Ref, _Ref]]
    outputs: list[_Ref]


# ----------------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class _Grammar:
    """A method per rule of the grammar."""

    scan: Scanner

    def graph(self) -> _Text:
        self.scan.expect("graph", "`graph`")
        text = _Text(self._name(), self._parameters(), [], [], [])
        while self.scan.peek(_REF):
            text.nodes.append(self._node())
        while self.scan.accept("update"):
            text.updates.append(self._update())
        if self.scan.accept("return"):
            text.outputs = self._list(self._ref)
        self.scan.expect(r"\}", "a node, `update`, `return` or `}`")
        self.scan.expect(r"\Z", "the end of the text")
        return text

    def _parameters(self) -> list[_Record]:
        """`(%0 x: f32[8], %1 y: f32[8]) {  # file:1 in f`; a location after `{` is of all that have none."""
        self.scan.expect(r"\(", "`(`")
        found: list[_Record] = []
        while not self.scan.accept(r"\)"):
            found.append(self._parameter())
            if not self.scan.accept(",") and not self.scan.peek(r"\)"):
                self.scan.fail("`,` or `)`")
            found[-1].loc = self._location()
        self.scan.expect(r"\{", "`{`")
        shared = self._location()
        for record in found:
            record.loc = record.loc or shared
        return found

    def _parameter(self) -> _Record:
        ref = self._ref()
        record = _Record(ref.node, "placeholder", ref.position, attrs={"name": self._name()})
        self.scan.expect(":", "`:` and a type")
        record.types.append(self._type())
        return record

    def _node(self) -> _Record:
        """`%3 = sum %2 {axes=(0,1)} : f32[]  # file:1 in f`"""
        ref = self._ref()
        self.scan.expect("=", "`=`")
        record = _Record(ref.node, self.scan.expect(r"\w+", "an operation")[0], ref.position)
        if self.scan.peek(_REF):
            record.inputs = self._list(self._ref)
        elif array := self.scan.accept(_ARRAY):
            record.array = array[0]
        if self.scan.peek(r"\{"):
            record.attrs = self._attributes()
        self.scan.expect(":", "`:` and a type")
        record.types = self._list(self._type)
        record.loc = self._location()
        return record

    def _update(self) -> tuple[_Ref, _Ref]:
        variable = self._ref()
        self.scan.expect("<-", "`<-`")
        return variable, self._ref()

    def _attributes(self) -> dict[str, Any]:
        m = self.scan.expect(_ATTRIBUTES, "attributes like `{axes=(0,1)}`")
        try:
            return _attributes(m[1])
        except (SyntaxError, ValueError) as e:
            self.scan.fail('Python expressions, like `{axes=(0,1), name="x"}`', f"bad attributes ({e})", m.start())

    def _type(self) -> Type:
        m = self.scan.expect(_TYPE, "a type like `f32[batch,784]`")
        try:
            return parse_type(m[0])
        except (SyntaxError, ValueError):
            self.scan.fail("a type like `f32[batch,784]`", "not a type", m.start())

    def _ref(self) -> _Ref:
        m = self.scan.expect(_REF, "a value like `%3`")
        return _Ref(int(m[1]), int(m[2] or 0), m.start())

    def _name(self) -> str:
        text = self.scan.expect(rf"{_STRING}|[^\W\d]\w*", "a name")[0]
        return str(json.loads(text)) if text.startswith('"') else text

    def _location(self) -> Location | None:
        """The comment at the end of the line, if it is a location."""
        m = self.scan.accept_here(_LOCATION)
        return Location(m[1], int(m[2]), m[3]) if m else None

    def _list(self, item: Callable[[], _T]) -> list[_T]:
        found = [item()]
        while self.scan.accept(","):
            found.append(item())
        return found


def _attributes(text: str) -> dict[str, Any]:
    """`axes=(0,1), value=0.5`: the keywords of a Python call."""
    call = ast.parse(f"attributes({text})", mode="eval").body
    if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
        raise ValueError("not of the form name=value")
    return {str(k.arg): _attribute(k.value) for k in call.keywords}


def _attribute(tree: ast.expr) -> Any:
    """A bare name in an expression is a symbolic extent."""
    match tree:
        case ast.Constant(value=None | bool() | int() | float() | str() as value):
            return value
        case ast.Tuple(elts=items):
            return tuple(map(_attribute, items))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))]):
            return _float(text)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float(value))):
            return -value
    return as_size(parse_poly(ast.unparse(tree)))


def _float(text: str) -> float:
    kind, _, bits = text.partition(":")
    return float(struct.unpack(">d", bytes.fromhex(bits))[0]) if kind == "nan" and bits else float(text)


# ---------------------------------------------------------------------------------------------------------- building


@dataclass(frozen=True)
class _Builder:
    """Makes what was read; `scan` tells where a mistake stands."""

    scan: Scanner
    text: _Text
    made: Graph = field(default_factory=Graph)

    def graph(self) -> Graph:
        graph = self.made
        graph.name = self.text.name
        for record in sorted((*self.text.parameters, *self.text.nodes), key=lambda r: r.id):
            self._add(record)
        graph.inputs = [graph.nodes[p.id].out for p in self.text.parameters]
        graph.variables = [n.out for n in graph.nodes if n.op.name == "variable"]
        graph.updates = [Update(self._value(v), self._value(new)) for v, new in self.text.updates]
        graph.outputs = [self._value(ref) for ref in self.text.outputs]
        return graph

    def _add(self, record: _Record) -> None:
        op, at = self._primitive(record), record.position
        if record.id != len(self.made.nodes):
            self.scan.fail(f"%{len(self.made.nodes)}", "ids are dense and each is used once", at)
        inputs = [self._value(ref) for ref in record.inputs]
        attrs = {**record.attrs, **self._implied(record)}
        self._check_types(record, op, inputs, attrs)
        loc = record.loc or Location("<text>", self.scan.line_at(at), self.made.name)
        if self.made.add(op, inputs, attrs, tuple(record.types), loc).id != record.id:
            self.scan.fail("operations that differ", "the same operation occurs twice", at)

    def _primitive(self, record: _Record) -> Primitive:
        op = PRIMITIVES.get(record.op)
        if op is None:
            self.scan.fail("a registered operation", f"no operation is named {record.op!r}", record.position)
        if record.array and record.op not in ("constant", "variable"):
            self.scan.fail("operands like `%3`", f"{record.op!r} takes no array", record.position)
        return op

    def _implied(self, record: _Record) -> dict[str, Any]:
        """The attributes of a source that its line does not spell out; the array of a variable goes into the graph."""
        type_ = record.types[0]
        if record.op == "constant":
            return {"value": Literal(self._array(record, type_))}
        if record.op == "variable" and "name" in record.attrs:
            self.made.initial[record.attrs["name"]] = self._array(record, type_)
        if record.op in ("variable", "placeholder"):
            return {"dtype": type_.dtype, "shape": type_.shape}
        return {}

    def _array(self, record: _Record, type_: Type) -> np.ndarray[Any, Any]:
        shape = tuple(e for e in type_.shape if isinstance(e, int))
        if len(shape) != type_.ndim or not (record.array or record.op == "variable"):
            self.scan.fail("an array, and a type with numbers for extents", "no array of that type", record.position)
        if not record.array:
            return np.zeros(shape, numpy_dtype(type_.dtype))
        try:
            return np.array(read_array(record.array, type_.dtype, shape))
        except ParseError as e:
            self.scan.fail(e.expected, e.problem, record.position)

    def _check_types(self, record: _Record, op: Primitive, inputs: list[Value], attrs: dict[str, Any]) -> None:
        try:
            inferred = op.infer(*(v.type for v in inputs), **attrs)
        except (TypeError, ValueError, LookupError) as e:
            expected = e.expected if isinstance(e, GraphcError) else ""
            problem = e.problem if isinstance(e, GraphcError) else str(e)
            self.scan.fail(expected or "operands and attributes that the operation takes", problem, record.position)
        expected_types = list(inferred) if isinstance(inferred, tuple) else [inferred]
        if record.types != expected_types:
            types = ", ".join(map(str, expected_types))
            self.scan.fail(types, "a type that the operation does not give", record.position)

    def _value(self, ref: _Ref) -> Value:
        nodes = self.made.nodes
        if ref.node >= len(nodes) or ref.index >= len(nodes[ref.node].types):
            self.scan.fail("a value made before", "not defined here", ref.position)
        return Value(nodes[ref.node], ref.index)


__all__ = ["parse_graph"]
