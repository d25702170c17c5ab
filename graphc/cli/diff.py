"""`graphc diff`: one program in every way that graphc can run it, compared with the reference evaluation of its trace.

The ways are the eager twin, the graph after each pass (evaluated), and native code.  The first one that differs is
named, with the smallest graph found that still differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphc import eager
from graphc.cli.inputs import draw_inputs
from graphc.cli.options import Compilation, Inputs
from graphc.cli.program import Program
from graphc.cli.shrink import Sample, shrink
from graphc.config import config
from graphc.errors import GraphcError
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.literals import print_array
from graphc.ir.printer import print_graph, print_node
from graphc.passes.base import Pipeline
from graphc.passes.pipelines import PIPELINES, optimize
from graphc.records import dataclass, field
from graphc.runtime.executable import compile_graph
from graphc.runtime.tree import flatten

Array = np.ndarray[Any, Any]
Way = Callable[[Sample], Sequence[Array]]

_ULPS = 256
"""Differences up to so many units in the last place of the largest item are rounding."""


@dataclass
class Report:
    """A line per way, then what is known of the first that differs."""

    lines: list[str] = field(default_factory=list)
    differs: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def diff(program: Program, inputs: Inputs, how: Compilation, rtol: float | None = None) -> Report:
    """Compare all ways on one random input.  Raises OptionError for unknown names in `how.disable`."""
    optimize(Graph(), how.level, how.disable)
    sample = Sample(program.pure, tuple(draw_inputs(program, inputs)))
    report = Report()
    for name, way, may_shrink in _ways(program, how.level, how.disable):
        found = compare(way, sample, rtol)
        report.lines.append(f"{name:14} {found or 'same'}")
        if found:
            report.differs = True
            report.lines += _smallest(name, way, sample, rtol) if may_shrink else []
            break
    return report


def compare(way: Way, sample: Sample, rtol: float | None = None) -> str:
    """What differs between a way and the reference evaluation, in words; empty where nothing does."""
    expected = sample.expected
    try:
        got = way(sample)
    except GraphcError as error:
        return f"FAILS: {error.problem}"
    if len(got) != len(expected):
        return f"DIFFERS: {len(got)} outputs in place of {len(expected)}"
    found = (difference(k, np.asarray(g), e, rtol) for k, (g, e) in enumerate(zip(got, expected, strict=True)))
    return next(filter(None, found), "")


def difference(k: int, got: Array, expected: Array, rtol: float | None = None) -> str:
    """The first reason why two arrays are not the same up to rounding; empty where they are."""
    if (got.dtype, got.shape) != (expected.dtype, expected.shape):
        return f"DIFFERS: output {k} is {got.dtype}{got.shape}, expected {expected.dtype}{expected.shape}"
    with np.errstate(all="ignore"):
        wrong = _wrong(got, expected, rtol)
    if not wrong.any():
        return ""
    at = tuple(int(i[0]) for i in np.nonzero(wrong)) if wrong.ndim else ()
    return f"DIFFERS: output {k} in {wrong.sum()} of {wrong.size} items; at {at} {got[at]}, expected {expected[at]}"


def _wrong(got: Array, expected: Array, rtol: float | None) -> Array:
    """A mask of the items that differ by more than rounding."""
    if got.dtype.kind != "f":
        return np.asarray(got != expected)
    finite = np.abs(expected[np.isfinite(expected)], dtype=np.float64)
    largest = float(finite.max(initial=0.0))
    tolerance = (_ULPS * float(np.finfo(got.dtype).eps) if rtol is None else rtol) * largest
    far = np.abs(got.astype(np.float64) - expected.astype(np.float64)) > tolerance
    both_nan = np.isnan(got) & np.isnan(expected)
    special = ~np.isfinite(got) | ~np.isfinite(expected)
    return np.asarray(np.where(special, (got != expected) & ~both_nan, far))


# -------------------------------------------------------------------------------------------------------------- ways


def _ways(program: Program, level: str, disable: Sequence[str]) -> Iterator[tuple[str, Way, bool]]:
    """Name, way, and whether the graph alone decides what it gives, so that it can be made smaller."""
    if program.function is not None:
        yield "eager", lambda s: _eager(program, s.arrays), False
    steps = PIPELINES[level].steps
    for k, step in enumerate(steps):
        if step.action.name not in disable:
            yield f"{k + 1} {step.action.name}", _after(Pipeline(level, steps[: k + 1]), disable), True
    if level != "O0":
        yield "native", lambda s: compile_graph(s.graph, level, disable)(*s.arrays), True


def _after(pipeline: Pipeline, disable: Sequence[str]) -> Way:
    """The graph after some passes, evaluated."""

    def way(sample: Sample) -> list[Array]:
        graph = pipeline.run(sample.graph, disable)
        return evaluate(graph, graph.outputs, dict(zip(graph.inputs, sample.arrays, strict=True)))

    return way


def _eager(program: Program, arrays: Sequence[Array]) -> list[Array]:
    """The function itself on eager tensors, by NumPy alone, with its gradients where the program has them."""
    with config(kernels=None):
        return _on_tape(program, arrays)


def _on_tape(program: Program, arrays: Sequence[Array]) -> list[Array]:
    assert program.function is not None
    tensors = [eager.Tensor(a, requires_grad=program.differentiated and a.dtype.kind == "f") for a in arrays]
    results = [_tensor(leaf) for leaf in flatten(program.function(*tensors))[0]]
    if program.differentiated:
        inputs = [t for t in tensors if t.requires_grad]
        found = eager.grad(results, inputs, allow_unused=True)
        results += [g for g in found if g is not None]
    return [t.detach().numpy() for t in results]


def _tensor(leaf: Any) -> eager.Tensor:
    return leaf if isinstance(leaf, eager.Tensor) else eager.Tensor(leaf)


# ------------------------------------------------------------------------------------------------------------ report


def _smallest(name: str, way: Way, sample: Sample, rtol: float | None) -> Iterator[str]:
    """The smallest graph that still differs, and the user's line that its output comes from."""
    small = shrink(sample, lambda s: bool(compare(way, s, rtol)))
    node = small.graph.outputs[0].node
    yield ""
    yield f"first difference: {name}, at {print_node(node)}  # {node.loc.file}:{node.loc.line} in {node.loc.function}"
    yield f"a graph of {len(small.graph)} nodes on which {name} {compare(way, small, rtol)}:"
    yield print_graph(small.graph)
    for v, array in small.feeds.items():
        yield f"{v!r} = {print_array(array, short=True)}"
