"""DOT text: complete, deterministic, well-formed."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.ir.dot import to_dot
from graphc.ir.parser import parse_graph

TEXT = """\
graph "a \\"graph\\""(%0 x: f32[n,4]) {  # m.py:1 in f
  %1 = variable {name="w"} : f32[4]  # m.py:2 in f
  %2 = constant [1.0, 2.0, 3.0, 4.0] : f32[4]  # m.py:3 in f
  %3 = mul %0, %0 : f32[n,4]  # m.py:4 in g
  %4 = add %3, %2 : f32[n,4]  # m.py:4 in g
  %5 = sum %4 {axes=(0,)} : f32[4]  # m.py:5 in f
  update %1 <- %5
  return %5, %4
}"""


def test_every_node_edge_and_result_is_drawn() -> None:
    text = to_dot(parse_graph(TEXT))
    assert re.findall(r"^  (n\d) \[", text, re.M) == ["n0", "n1", "n2", "n3", "n4", "n5"]
    assert re.findall(r"(n\d) -> (n\d) \[label", text) == [("n0", "n3")] * 2 + [
        ("n3", "n4"),
        ("n2", "n4"),
        ("n4", "n5"),
    ]
    assert "n5 -> out0;" in text and "n4 -> out1;" in text
    assert 'n5 -> n1 [style=dashed, label="update"];' in text


def test_kinds_look_different() -> None:
    lines = to_dot(parse_graph(TEXT)).splitlines()
    looks = {
        re.sub(r'(label|tooltip)="(?:[^"\\]|\\.)*"', "", line).split("[")[1] for line in lines if " [label" in line
    }
    assert len(looks) >= 6  # placeholder, variable, constant, elementwise, reduction, output


def test_nodes_tell_their_line() -> None:
    assert 'tooltip="m.py:5 in f"' in to_dot(parse_graph(TEXT))


def test_groups_are_boxes_and_each_node_is_in_one() -> None:
    text = to_dot(parse_graph(TEXT), [("kernel 0", {3, 4}), ("kernel 1", [4, 5])])
    first, second = re.findall(r"subgraph cluster_\d \{(.*?)\n  \}", text, re.S)
    assert 'label="kernel 0"' in first and re.findall(r"^    (n\d) \[", first, re.M) == ["n3", "n4"]
    assert re.findall(r"^    (n\d) \[", second, re.M) == ["n5"]


def test_boxes_by_function() -> None:
    text = to_dot(parse_graph(TEXT), by_function=True)
    assert text.count("subgraph") == 2 and 'label="g"' in text


def test_text_depends_on_the_graph_only() -> None:
    assert to_dot(parse_graph(TEXT)) == to_dot(parse_graph(TEXT))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_it() -> None:
    text = to_dot(parse_graph(TEXT), [("kernel", {3, 4})])
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    assert "<svg" in done.stdout
