"""One compilation of a function: its code, how arguments reach it and how results are put together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

from graphc.codegen.native.door import Constant, Door, Operand, Part, Result, Whole
from graphc.codegen.native.entry import is_native
from graphc.frontend.signature import Call
from graphc.frontend.trace import Output, Results, WeakFloat
from graphc.ir.graph import Graph
from graphc.ir.types import Type
from graphc.records import dataclass
from graphc.runtime.executable import Executable, Native, compile_graph
from graphc.runtime.feeds import FeedCheck
from graphc.runtime.parts import has_parts, part

Way: TypeAlias = Native | Door
"""What `native` of it takes is a call as the user writes it; the rest it hands on."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """`check` converts arguments to `types`; `way` takes calls like `call`, where native code can."""

    call: Call
    types: tuple[Type, ...]
    results: Results
    executable: Executable
    check: FeedCheck
    way: Way | None
    why: str

    @staticmethod
    def make(graph: Graph, results: Results, call: Call, why: str, *, is_declared: bool, **options: Any) -> Compiled:
        """`is_declared`: the types are those of a signature."""
        options = options if graph.outputs else {**options, "level": "O0"}  # nothing to compute, nothing to compile
        types = tuple(v.type for v in graph.inputs)
        options |= {"unwrap": results.is_single, "container": results.container or tuple}
        executable = compile_graph(graph, **options, weak=None if is_declared else _weak(call.types))
        check = FeedCheck([str(v.node.attrs["name"]) for v in graph.inputs], types)
        return Compiled(call, types, results, executable, check, _way(executable, call, results), why)

    def run(self, arrays: Collection[Any]) -> Any:
        """Checked arrays in, the function's result out."""
        if isinstance(self.way, Native):
            return self.way.native(*self.way.fitting([*arrays]))
        return self.results.rebuild(self.executable(*arrays))

    @property
    def title(self) -> str:
        arguments = ", ".join(map(str, self.types))
        return f"({arguments}){f'  compiled because {self.why}' if self.why else ''}"


def _weak(given: Sequence[Type]) -> tuple[int, ...]:
    return tuple(k for k, t in enumerate(given) if isinstance(t, WeakFloat))


def _way(executable: Executable, call: Call, results: Results) -> Way | None:
    is_direct = results.is_single or results.container is not None
    if not isinstance(executable, Native):
        return None
    if is_direct and call.is_flat:
        return executable
    if not is_native(executable.native) or not has_parts(call.structure, results.structure):
        return None
    return Door(executable.native, *argument_parts(call), Whole() if is_direct else _result(results))


def argument_parts(call: Call) -> tuple[list[Part], list[tuple[str, Part]]]:
    """What is expected of arguments like those of a call: those by position, those by name."""
    args, named = call.structure.children
    leaves = iter([Constant(v) if t is None else Operand() for v, t in zip(call.values, call.kinds, strict=True)])
    positional = [part(s, leaves) for s in args.children]
    return positional, [(name, part(s, leaves)) for name, s in zip(named.keys, named.children, strict=True)]


def _result(results: Results) -> Part:
    leaves = (Result(x.index) if isinstance(x, Output) else Constant(x) for x in results.leaves)
    return part(results.structure, leaves)
