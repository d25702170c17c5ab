"""`graphc time`: where the time of a compilation goes, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from graphc.cli.options import Compilation
from graphc.cli.program import Program
from graphc.codegen.native import engine
from graphc.runtime.collection import collection_paused
from graphc.runtime.stages import Stages

_STAGES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("passes", "optimized", lambda graph: f"{len(graph)} nodes"),
    ("fusion", "fusion", lambda fusion: f"{len(fusion.groups)} kernels"),
    ("lowering", "nests", lambda nests: ""),
    ("scheduling", "kernels", lambda kernels: f"{sum(str(k).count(chr(10)) for k in kernels)} lines of loops"),
    ("planning", "layout", lambda layout: f"{len(layout.lifetimes)} arrays between kernels"),
    ("emission", "llvm", lambda text: f"{text.count(chr(10))} lines of LLVM text"),
)


def timing(program: Program, how: Compilation) -> str:
    """A line per stage: milliseconds of processor time, and what came out of it.

    Tracing, the way in from Python and linking are left out.
    """
    stages = Stages(program.pure, how.level, how.disable)
    stages.journal = how.observer
    with collection_paused():
        rows = list(_rows(stages))
    rows.append(("all", sum(seconds for _, seconds, _ in rows), ""))
    return "\n".join(f"{name:14}{seconds * 1e3:9.2f} ms   {made}".rstrip() for name, seconds, made in rows)


def _rows(stages: Stages) -> Iterator[tuple[str, float, str]]:
    for name, stage, told in _STAGES:
        seconds, made = _timed(partial(getattr, stages, stage))
        yield name, seconds, told(made)
    seconds, module = _timed(partial(engine.parse, stages.llvm))
    yield "parsing", seconds, ""
    seconds, code = _timed(partial(engine.object_code, module))
    yield "machine code", seconds, f"{len(code)} bytes"


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.thread_time()
    made = work()
    return time.thread_time() - start, made
