"""One compiled run of a session, and the calls that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from graphc.codegen.native.door import Door, Operand, Part, Result, Whole
from graphc.codegen.native.entry import is_native
from graphc.errors import SignatureError
from graphc.ir.graph import Graph, Update
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.records import dataclass
from graphc.runtime.executable import Container, Executable, Reference, Stateful
from graphc.runtime.feeds import FeedCheck
from graphc.runtime.fetches import Fetches
from graphc.runtime.parts import has_parts, part
from graphc.runtime.run_graph import RunGraph, describe, run_graph
from graphc.runtime.tree import LEAF
from graphc.runtime.variables import Array, Variables


@dataclass(frozen=True, slots=True, eq=False)
class RunPlan:
    """`results` are the tensors that the executable returns; then it computes new values of the variables `updated`."""

    run: RunGraph
    executable: Executable
    check: FeedCheck
    variables: Variables
    results: tuple[Value, ...]
    updated: tuple[str, ...]
    size_before: int
    seconds: float

    def entry(self, container: Container) -> Callable[..., Any]:
        """A function of the feeds: a single result as it is, several in a container.

        Reads, run and updates are one step among all updating runs.
        """
        if isinstance(self.executable, Reference):
            return self._evaluate if len(self.results) == 1 else lambda *values: container(self._evaluate(*values))
        executable, variables = self.executable, self.variables
        numbers = variables.numbered(self.updated)

        def convert(*values: Any) -> Any:
            """What the native entry does not take as it is: converted, or refused by name; or an update that waits."""
            variables.check_open()
            arrays = executable.fitting([*self._checked(values)])
            if not numbers:
                return native(*arrays)
            with variables.exclusive():
                variables.state.prepare(numbers)
                return native(*arrays)

        native = executable.bind(container, convert)
        return native

    def _evaluate(self, *values: Any) -> Any:
        arrays = self._checked(values)
        with self.variables.exclusive() if self.updated else nullcontext():
            before = self.variables.snapshot()
            outputs = self.executable(*arrays, *(before[name] for name in self.run.variables))
            count = len(self.results)
            if self.updated:
                self.variables.state.store(self.variables.numbered(self.updated), outputs[count:])
        return outputs[0] if count == 1 else outputs[:count]

    def _checked(self, values: Sequence[Any]) -> Collection[Array]:
        names = self.check.names
        if len(values) != len(names):
            raise SignatureError(
                "the wrong number of arrays",
                expected=f"{len(names)}: {', '.join(names)}",
                got=str(len(values)),
                fix=f"call({', '.join(names)})",
                loc=user_location(),
            )
        return self.check(values)

    def explain(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"run: fetches {', '.join(map(describe, self.results)) or 'no tensor'}"
        yield f"  feeds      {', '.join(self.check.names) or 'nothing'}"
        yield f"  reads      {', '.join(self.run.variables) or 'no variable'}"
        yield f"  updates    {', '.join(self.updated) or 'no variable'}"
        yield f"  needed     {len(self.run.graph)} of {self.size_before} nodes"
        yield f"  compiled   in {self.seconds * 1e3:.1f} ms"
        yield from (f"  {line}" for line in self.executable.explain().splitlines())


def make_plan(
    variables: Variables, values: Sequence[Value], feeds: Sequence[Value], updates: Sequence[Update],
    compile_run: Callable[[Graph, Stateful], Executable],
) -> RunPlan:  # fmt: skip
    """Cut the run out of the session's graph and compile it."""
    start = time.perf_counter()
    run = run_graph(variables.graph, (*values, *(u.value for u in updates)), feeds)
    updated = tuple(str(u.variable.node.attrs["name"]) for u in updates)
    reads, writes = variables.numbered(run.variables), variables.numbered(updated)
    return RunPlan(
        run=run,
        executable=compile_run(run.graph, Stateful(variables.state, reads, writes)),
        check=FeedCheck([describe(v) for v in feeds], [v.type for v in feeds]),
        variables=variables,
        results=tuple(values),
        updated=updated,
        size_before=len(variables.graph),
        seconds=time.perf_counter() - start,
    )


class Call:
    """A plan and the nest in which its results are handed out: `run(*arrays)`.

    `entry` is the native function that computes the results, if there is one; of these is made what `result` says.
    """

    __slots__ = ("entry", "plan", "result", "run")

    def __init__(self, plan: RunPlan, fetches: Fetches) -> None:
        self.plan = plan
        container = _container(plan, fetches)
        entry = plan.entry(container or tuple)
        has_door = is_native(entry) and has_parts(fetches.structure, *[LEAF] * len(plan.check.names))
        self.entry = entry if has_door else None
        self.result = _result(plan, fetches) if has_door and not container else Whole()
        self.run: Callable[..., Any] = entry if container else _nested(plan, fetches, entry)
        if has_door and not container:
            door = Door(entry, [Operand()] * len(plan.check.names), [], self.result)
            door.hand_on(self.run)
            self.run = door.native


def _container(plan: RunPlan, fetches: Fetches) -> Container | None:
    """That of the plan's own entry, where its results come as the nest wants them: one tensor, or a list or tuple of
    several, each once."""
    structure, is_single = fetches.structure, len(plan.results) == 1
    if fetches.values != plan.results or not structure.is_flat or is_single != structure.is_leaf:
        return None
    return list if structure.kind is list else tuple


def _nested(plan: RunPlan, fetches: Fetches, entry: Callable[..., Any]) -> Callable[..., Any]:
    """A function that nests what the entry gives."""
    picks, is_single = _picks(plan, fetches), len(plan.results) == 1

    def run(*values: Any) -> Any:
        results = (entry(*values),) if is_single else entry(*values)
        leaves = [results[p.index].copy() if p.is_copied else results[p.index] for p in picks]
        return fetches.structure.unflatten(leaves)

    return run


def _picks(plan: RunPlan, fetches: Fetches) -> list[Result]:
    """For each fetch its result, or a copy where that was handed out before."""
    places = [plan.results.index(v) for v in fetches.values]
    return [Result(k, k in places[:n]) for n, k in enumerate(places)]


def _result(plan: RunPlan, fetches: Fetches) -> Part:
    return part(fetches.structure, _picks(plan, fetches))
