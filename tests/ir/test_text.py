"""Graphs print as canonical text, and the text parses back to the same graph."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.errors import ParseError, UnsupportedError
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph, Update
from graphc.ir.literals import print_array, read_array
from graphc.ir.node import Value
from graphc.ir.parser import parse_graph
from graphc.ir.poly import Poly
from graphc.ir.primitive import PRIMITIVES, Case, primitive
from graphc.ir.printer import print_graph, print_node
from graphc.ir.types import DTYPES, Dim, Type, numpy_dtype, parse_type, short_dtype
from graphc.ir.verify import verify

TEXT = """\
graph loss(%0 x: f32[batch,4], %1 y: f32[]) {  # train.py:4 in loss
  %2 = variable 1.0 {name="w"}                             : f32[4,3]                       # train.py:5 in loss
  %3 = variable {name="b c"}                               : f32[3]                         # train.py:5 in loss
  %4 = matmul %0, %2                                       : f32[batch,3]                   # train.py:6 in loss
  %5 = add %4, %3                                          : f32[batch,3]                   # train.py:6 in loss
  %6 = constant [1.0, -0.0, inf]                           : f32[3]                         # train.py:7 in <lambda>
  %7 = mul %5, %6                                          : f32[batch,3]                   # train.py:7 in <lambda>
  %8 = pad %0 {high=(0,0), low=(1,0), value=float("-inf")} : f32[batch + 1,4]               # train.py:8 in loss
  %9 = expand %1 {shape=(((batch)//2),batch + 1,4)}        : f32[((batch)//2),batch + 1,4]  # train.py:8 in loss
  %10 = sum %7 {axes=(0,)}                                 : f32[3]                         # train.py:9 in loss
  update %3 <- %10
  return %10, %10, %8
}"""


def test_canonical_text_comes_back_as_it_was() -> None:
    assert print_graph(verify(parse_graph(TEXT))) == TEXT


def test_each_parameter_keeps_its_own_location() -> None:
    g = Graph("two lines")
    with g:
        x = g.placeholder(Type("f32", ()), "x")
        y = g.placeholder(Type("f32", ()), "not an identifier")
        g.outputs = [primitive("add")(x, y)]
    text = print_graph(g)
    assert text.count("in test_each_parameter_keeps_its_own_location") == 3
    assert [str(n.loc) for n in parse_graph(text).nodes] == [str(n.loc) for n in g.nodes]
    assert print_graph(parse_graph(text)) == text


def test_late_placeholders_keep_their_order() -> None:
    g = parse_graph("graph f(%2 b: f32[], %0 a: f32[]) { %1 = neg %0 : f32[] %3 = add %1, %2 : f32[] return %3 }")
    assert [v.node.attrs["name"] for v in g.inputs] == ["b", "a"]
    assert [v.node.id for v in g.inputs] == [2, 0]
    assert print_graph(parse_graph(print_graph(g))) == print_graph(g)


def test_locations_can_be_left_out_and_then_are_lines_of_the_text() -> None:
    bare = print_graph(parse_graph(TEXT), locations=False)
    assert "#" not in bare
    g = parse_graph(bare)
    assert (g.nodes[2].loc.file, g.nodes[2].loc.line, g.nodes[2].loc.function) == ("<text>", 2, "loss")
    assert print_graph(g, locations=False) == bare


def test_comments_and_blank_lines_are_skipped() -> None:
    g = parse_graph("# a test\n\ngraph f(%0 x: f32[2]) {\n  # twice\n  %1 = add %0, %0 : f32[2]\n\n  return %1\n}\n")
    assert len(g) == 2


def test_operations_without_results_or_inputs() -> None:
    assert print_graph(verify(parse_graph("graph empty() {}"))) == "graph empty() {\n}"


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_has_a_text(name: str) -> None:
    for case in PRIMITIVES[name].cases:
        for dtype in sorted(PRIMITIVES[name].dtypes):
            g = _graph(name, case, dtype)
            text = print_graph(g)
            again = verify(parse_graph(text))
            assert print_graph(again) == text
            feeds = _feeds(g, case)
            same = dict(zip(again.inputs, feeds.values(), strict=True))
            (a,), (b,) = evaluate(g, g.outputs, feeds), evaluate(again, again.outputs, same)
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _graph(name: str, case: Case, dtype: str) -> Graph:
    g = Graph(name)
    with g:
        operands = [g.placeholder(Type(o.dtype or dtype, o.shape)) for o in case.operands]
        g.outputs = [g.apply(PRIMITIVES[name], operands, case.attrs)]
    return g


def _feeds(g: Graph, case: Case) -> dict[Value, np.ndarray]:
    rng = np.random.default_rng(0)
    feeds = {}
    for v, o in zip(g.inputs, case.operands, strict=True):
        low = max(o.low, 0) if v.dtype.startswith("u") else o.low
        feeds[v] = rng.uniform(low, o.high, o.shape).astype(numpy_dtype(v.dtype))
    return feeds


# ------------------------------------------------------------------------------------------------------- constants

_SIGNALLING = np.frombuffer(struct.pack("<I", 0xFFC12345), np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (3, 0), (4, 5)])
def test_arrays_survive_text(dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    items = rng.normal(size=shape) if dtype.startswith("f") else rng.integers(-(2**63), 2**63 - 1, shape)
    array = np.asarray(items).astype(numpy_dtype(dtype))
    back = read_array(print_array(array), dtype, shape)
    assert back.dtype == array.dtype and back.shape == shape and back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.0, -0.0]),
        np.full((3, 3), -0.0),
        np.array([np.nan, np.inf, -np.inf], np.float16),
        np.array([5e-324, 1.7976931348623157e308, 0.1]),
        np.array([-np.nan, np.nan]),
        _SIGNALLING,
        np.array(np.finfo(np.float32).max),
        np.array([np.finfo(np.float16).max, np.finfo(np.float16).tiny]),
        np.array([-128, 127], np.int8),
        np.array([2**64 - 1], np.uint64),
        np.array([True, False]),
    ],
)
def test_special_items_are_exact(array: np.ndarray) -> None:
    back = read_array(print_array(array), short_dtype(array.dtype), array.shape)
    assert back.tobytes() == array.tobytes()


def test_uniform_arrays_are_one_number_and_large_ones_can_be_summed_up() -> None:
    assert print_array(np.ones((100, 100))) == "1.0"
    assert print_array(np.arange(9.0)).startswith('base64 "')
    assert print_array(np.arange(9.0), short=True) == "<9 items in [0.0, 8.0]>"


@pytest.mark.parametrize("text", ["300", "[1, 2, 3]", 'base64 "AAA"', "x", "1.5"])
def test_arrays_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match="not an array of its type"):
        read_array(text, "i8", (2,))


def test_float_attributes_are_exact() -> None:
    odd = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
    for value in (0.1, -0.0, 1e300, math.nan, math.inf, -math.inf, odd):
        g = Graph()
        with g:
            x = g.placeholder(Type("f64", (2,)))
            primitive("pad")(x, low=(0,), high=(1,), value=value)
        back = parse_graph(print_graph(g)).nodes[-1].attrs["value"]
        assert isinstance(back, float) and struct.pack("d", back) == struct.pack("d", value)


def test_symbolic_attributes_survive() -> None:
    n = Dim("nan")  # also a float's name
    shape = (n * 2 + 1, (n + 3) // 2, n * n - n, 1)
    g = Graph()
    with g:
        primitive("expand")(g.placeholder(Type("f64", ())), shape=shape)
    assert parse_graph(print_graph(g)).nodes[-1].attrs["shape"] == shape


def test_an_attribute_without_text_is_refused() -> None:
    g = Graph()
    x = g.placeholder(Type("f64", (2,)))
    g.add(primitive("sum"), [x], {"axes": frozenset({0})}, (Type("f64", ()),), x.node.loc)
    with pytest.raises(UnsupportedError, match="frozenset"):
        print_graph(g)


def test_a_node_prints_on_one_line() -> None:
    g = parse_graph(TEXT)
    assert print_node(g.nodes[10]) == "%10 = sum %7 {axes=(0,)} : f32[3]"


def test_updates_and_variables_survive() -> None:
    g = Graph()
    with g:
        w = g.variable(np.arange(12.0).reshape(3, 4), "w")
        g.updates.append(Update(w, primitive("neg")(w)))
    again = parse_graph(print_graph(g))
    assert again.initial["w"].tobytes() == g.initial["w"].tobytes()
    assert [(u.variable.node.id, u.value.node.id) for u in again.updates] == [(0, 1)]


# ------------------------------------------------------------------------------------------------------ wrong text


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "`graph`"),
        ("graph f", 1, r"`\(`"),
        ("graph f(%0 x: f32[2]) {\n  %1 = neg %0\n}", 3, "a type"),
        ("graph f(%0 x: f32[2]) {\n  %1 = neg %0 : f32[3]\n}", 2, r"f32\[2\]"),
        ("graph f(%0 x: f32[2]) {\n  %1 = nag %0 : f32[2]\n}", 2, "no operation is named 'nag'"),
        ("graph f(%0 x: f32[2]) {\n  %1 = neg %7 : f32[2]\n}", 2, "not defined here"),
        ("graph f(%0 x: f32[2]) {\n  %2 = neg %0 : f32[2]\n}", 2, "ids are dense"),
        ("graph f(%0 x: f32[2]) {\n  %1 = sum %0 : f32[]\n}", 2, "axes"),
        ("graph f(%0 x: f32[2]) {\n  %1 = sum %0 {axes=(0,} : f32[]\n}", 2, "attributes"),
        ("graph f(%0 x: f32[2]) {\n  %1 = sum %0 {axes=(5,)} : f32[]\n}", 2, "sorted axes"),
        ("graph f(%0 x: f32[2]) {\n  %1 = sum %0 {axes=open(1)} : f32[]\n}", 2, "attributes"),
        ("graph f(%0 x: q32[2]) {\n}", 1, "a type"),
        ("graph f(%0 x: f32[2]) {\n  %1 = neg %0 : f32[2]\n  %2 = neg %0 : f32[2]\n}", 3, "occurs twice"),
        ("graph f() {\n  %0 = constant [1, 2] : i8[3]\n}", 2, "not an array"),
        ("graph f() {\n  %0 = constant : i8[3]\n}", 2, "an array"),
        ("graph f(%0 x: f32[2]) {\n  %1 = neg 3.0 : f32[2]\n}", 2, "takes no array"),
        ("graph f(%0 x: f32[2]) {\n  return %0\n", 3, "`}`"),
        ("graph f(%0 x: f32[2]) {\n  return %0\n} }", 3, "the end of the text"),
        ("graph f(%0 x: f32[2]) {\n  return %1\n}", 2, "not defined"),
    ],
)
def test_wrong_text_names_the_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(ParseError, match=problem) as caught:
        parse_graph(text)
    assert str(caught.value).startswith(f"line {line}: ")
    assert len(str(caught.value).splitlines()) <= 12


def test_text_is_the_same_under_any_hash_seed() -> None:
    code = f"from graphc.ir.parser import parse_graph\nimport graphc.ir.ops\nprint(parse_graph({TEXT!r}))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(texts) == 1


def test_types_in_text_are_polynomials() -> None:
    assert parse_type("f32[2*n + 1]").shape == (Poly.of("n") * 2 + 1,)
