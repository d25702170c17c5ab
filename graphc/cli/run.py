"""`graphc run`: a program on random inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from graphc.cli.inputs import draw_inputs
from graphc.cli.options import Compilation, Inputs
from graphc.cli.program import Program
from graphc.passes.pipelines import optimize
from graphc.runtime.executable import compile_graph


def run(program: Program, inputs: Inputs, how: Compilation) -> str:
    """The outputs as text.  Level O0 evaluates node by node, others run native code."""
    arrays = draw_inputs(program, inputs)
    graph = optimize(program.pure, how.level, how.disable, how.observer)
    results = compile_graph(graph, how.level, how.disable)(*arrays)
    return "\n".join(_lines(program, [np.asarray(r) for r in results]))


def _lines(program: Program, results: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]) -> Iterator[str]:
    for k, (v, array) in enumerate(zip(program.pure.outputs, results, strict=True)):
        yield f"output {k}: {v.type}, shape {array.shape}"
        yield np.array2string(array, threshold=100, edgeitems=4, max_line_width=120)
