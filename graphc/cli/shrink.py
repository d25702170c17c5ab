"""Smaller graphs that still show a fault.

A graph is made smaller by giving values above its output as inputs: then everything that led to them goes.  The values
are those that the reference evaluation gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import MissingFeedError
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.records import dataclass
from graphc.runtime.run_graph import run_graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sample:
    """A graph with arrays for its inputs."""

    graph: Graph
    arrays: tuple[Array, ...]

    @property
    def size(self) -> int:
        return len(self.graph) + len(self.graph.outputs)

    @property
    def expected(self) -> list[Array]:
        """The outputs by reference evaluation."""
        return evaluate(self.graph, self.graph.outputs, self.feeds)

    @property
    def feeds(self) -> dict[Value, Array]:
        return dict(zip(self.graph.inputs, self.arrays, strict=True))


Fails = Callable[[Sample], bool]


def shrink(sample: Sample, fails: Fails, most_trials: int = 200) -> Sample:
    """The smallest sample found for which `fails` holds; it holds for `sample`.

    First one output is kept, then outputs move up to their operands and values near the output become inputs, the
    largest cuts first, until nothing smaller fails or `most_trials` candidates were tried.
    """
    trials = 0
    smaller: Sample | None = sample
    while smaller is not None:
        sample, smaller = smaller, None
        for candidate in _candidates(sample):
            trials += 1
            if trials > most_trials:
                return sample
            if fails(candidate):
                smaller = candidate
                break
    return sample


def _candidates(sample: Sample) -> Iterator[Sample]:
    """Samples with fewer nodes, small ones first."""
    values = _values(sample)
    for outputs, feeds in _cuts(sample.graph):
        try:
            candidate = _cut(sample, outputs, feeds, values)
        except MissingFeedError:  # what is left does not tell a symbolic extent
            continue
        if candidate.size < sample.size:
            yield candidate


def _cuts(graph: Graph) -> Iterator[tuple[Sequence[Value], Sequence[Value]]]:
    """Outputs to keep, and values to give besides the inputs."""
    if len(set(graph.outputs)) > 1:
        yield from (([v], ()) for v in dict.fromkeys(graph.outputs))
        return
    output = graph.outputs[0]
    computed = [n.out for n in graph.nodes if not n.op.is_source]
    depth = 1
    while border := _border(output, depth):
        yield [output], border
        depth *= 2
    yield from (([v], ()) for v in dict.fromkeys(output.node.inputs) if not v.op.is_source)
    yield from (([output], [v]) for v in reversed(computed) if v != output)


def _border(output: Value, depth: int) -> list[Value]:
    """The computed values `depth` steps above the output."""
    level = {output: None}
    for _ in range(depth):
        level = dict.fromkeys(v for u in level for v in u.node.inputs if not v.op.is_source)
    return list(level)


def _cut(sample: Sample, outputs: Sequence[Value], feeds: Sequence[Value], values: Mapping[Value, Array]) -> Sample:
    graph = sample.graph
    fed = list(dict.fromkeys((*graph.inputs, *feeds)))
    cut = run_graph(graph, outputs, fed).graph
    used = [k for k, v in enumerate(cut.inputs) if any(cut.users(v)) or v in cut.outputs]
    kept = run_graph(cut, cut.outputs, [cut.inputs[k] for k in used]).graph
    return Sample(kept, tuple(values[fed[k]] for k in used))


def _values(sample: Sample) -> dict[Value, Array]:
    """Every value of the graph."""
    every = [n.out for n in sample.graph.nodes if n.op.name != "placeholder"]
    return {**sample.feeds, **dict(zip(every, evaluate(sample.graph, every, sample.feeds), strict=True))}
