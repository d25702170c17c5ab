"""Draw the figures of docs/static-and-dynamic.md: python tools/figures.py, with Graphviz's `dot` on the path.

Each is DOT text of graphc's own (`eager.to_dot` of a tape, `ir.dot.to_dot` of a graph or of its kernels),
rendered to docs/figures/NAME.svg.  `--dot` prints the texts instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import graphc as gx
from graphc.frontend.jit import Jit
from graphc.ir.dot import to_dot

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
sys.path.insert(0, str(ROOT / "examples"))

from contrast import mlp, programs, softmax  # noqa: E402 - the page's own programs


def short_chain(x):
    """Two steps of the chain: enough to see."""
    return np.sin(np.sin(x) * 0.9) * 0.9


def figures() -> Iterator[tuple[str, str]]:
    """Names and DOT texts."""
    x, rows = np.array(0.5), np.ones((512, 128), "f4")
    gradient = gx.jit(gx.value_and_grad(short_chain))
    yield "chain-tape", gx.eager.to_dot(short_chain(gx.eager.tensor(x, requires_grad=True)))
    yield "chain-traced", to_dot(gradient.trace(x))
    yield "chain-optimized", kernels(gradient, x)
    yield "softmax-tape", gx.eager.to_dot(softmax(gx.eager.tensor(rows, requires_grad=True)))
    yield "softmax-kernels", kernels(gx.jit(softmax), rows)
    _, args, argnums = programs()["mlp"]
    yield "mlp-kernels", kernels(gx.jit(gx.grad(mlp, argnums)), *args)


def kernels(f: Jit, *args: object) -> str:
    """The graph after the passes, in boxes of what is computed together."""
    fusion = f.compile(*args).stages.fusion
    box = {n.id: g.name for g in fusion.groups for n in g.nodes}
    for node in reversed(fusion.graph.nodes):
        readers = {box.get(n) for n in fusion.graph.network.successors(node.id)}
        if node.id not in box and "view" in node.op.traits and len(readers) == 1:
            box[node.id] = readers.pop()  # a view is a way of reading
    return to_dot(fusion.graph, [(g.name, [n for n, name in box.items() if name == g.name]) for g in fusion.groups])


def render(text: str) -> str:
    return subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description="draw the figures of docs/static-and-dynamic.md")
    parser.add_argument("--dot", action="store_true", help="print the DOT texts instead")
    only_text = parser.parse_args().dot
    for name, text in figures():
        if only_text:
            print(f"// {name}\n{text}\n")
        else:
            FIGURES.mkdir(exist_ok=True)
            (FIGURES / f"{name}.svg").write_text(render(text))


if __name__ == "__main__":
    main()
