"""One compilation of a function: its code, how arguments reach it and how results are put together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from graphc.frontend.reader import assembler
from graphc.frontend.signature import Call
from graphc.frontend.trace import Results
from graphc.ir.graph import Graph
from graphc.ir.types import Type
from graphc.records import dataclass
from graphc.runtime.executable import Executable, Native, compile_graph
from graphc.runtime.feeds import FeedCheck


@dataclass(frozen=True, slots=True)
class Compiled:
    """`check` converts arguments to `types`; `fast` takes arrays that are of these types already.

    `direct` is the executable, where its native entry returns what the function does.
    """

    call: Call
    types: tuple[Type, ...]
    results: Results
    executable: Executable
    check: FeedCheck
    fast: Callable[..., Any]
    direct: Native | None
    why: str

    @staticmethod
    def make(graph: Graph, results: Results, call: Call, why: str, **options: Any) -> Compiled:
        options = options if graph.outputs else {**options, "level": "O0"}  # nothing to compute, nothing to compile
        container = results.container
        executable = compile_graph(graph, **options, unwrap=results.is_single, container=container or tuple)
        names = [str(v.node.attrs["name"]) for v in graph.inputs]
        types = tuple(v.type for v in graph.inputs)
        direct = executable if isinstance(executable, Native) and (results.is_single or container) else None
        fast = direct.native if direct else _rebuilt(executable, results)
        return Compiled(call, types, results, executable, FeedCheck(names, types), fast, direct, why)

    def run(self, arrays: Collection[Any]) -> Any:
        """Checked arrays in, the function's result out."""
        return self.results.rebuild(self.executable(*arrays))

    @property
    def title(self) -> str:
        arguments = ", ".join(map(str, self.types))
        return f"({arguments}){f'  compiled because {self.why}' if self.why else ''}"


def _rebuilt(executable: Executable, results: Results) -> Callable[..., Any]:
    if results.is_single:
        return lambda *arrays: executable(*arrays)[0]
    run, build = executable.native or executable, assembler(results)
    return lambda *arrays: build(run(*arrays))
