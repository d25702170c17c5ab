"""One compiled run of a session, and the calls that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.ir.graph import Graph, Update
from graphc.ir.node import Value
from graphc.runtime.executable import Executable
from graphc.runtime.feeds import FeedCheck
from graphc.runtime.fetches import Fetches
from graphc.runtime.run_graph import RunGraph, describe, run_graph
from graphc.runtime.tree import unflatten
from graphc.runtime.variables import Array, Variables


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`results` are the tensors that the executable returns; `stored` says which of them become variables."""

    run: RunGraph
    executable: Executable
    check: FeedCheck
    state: Variables
    results: tuple[Value, ...]
    stored: tuple[tuple[str, int], ...]
    size_before: int
    seconds: float

    def __call__(self, values: Collection[Any]) -> Sequence[Array]:
        arrays = self.check(values)
        if self.stored:
            return self._update(arrays)
        if self.run.variables:
            return self.executable(*arrays, *self._read())
        return self.executable(*arrays)

    def _update(self, arrays: Collection[Array]) -> Sequence[Array]:
        """Reads, run and commit are one step among all updating runs; an error leaves before the commit."""
        with self.state.lock:
            results = self.executable(*arrays, *self._read())
            self.state.commit({name: results[k] for name, k in self.stored})
        return results

    def _read(self) -> list[Array]:
        values = self.state.snapshot()
        return [values[name] for name in self.run.variables]

    def explain(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"run: fetches {', '.join(map(describe, self.results)) or 'nothing'}"
        yield f"  feeds      {', '.join(self.check.names) or 'nothing'}"
        yield f"  reads      {', '.join(self.run.variables) or 'no variable'}"
        yield f"  updates    {', '.join(name for name, _ in self.stored) or 'no variable'}"
        yield f"  needed     {len(self.run.graph)} of {self.size_before} nodes"
        yield f"  compiled   in {self.seconds * 1e3:.1f} ms"
        yield from (f"  {line}" for line in self.executable.explain().splitlines())


def make_plan(
    state: Variables, values: Sequence[Value], feeds: Sequence[Value], updates: Sequence[Update],
    compile_run: Callable[[Graph], Executable],
) -> Plan:  # fmt: skip
    """Cut the run out of the session's graph and compile it."""
    start = time.perf_counter()
    results = tuple(dict.fromkeys((*values, *(u.value for u in updates))))
    run = run_graph(state.graph, results, feeds)
    executable = compile_run(run.graph)
    return Plan(
        run=run,
        executable=executable,
        check=FeedCheck([describe(v) for v in feeds], [v.type for v in feeds]),
        state=state,
        results=results,
        stored=tuple((u.variable.node.attrs["name"], results.index(u.value)) for u in updates),
        size_before=len(state.graph),
        seconds=time.perf_counter() - start,
    )


class Call:
    """A plan and the nest in which its results are handed out.

    `handles` are the user's objects: as long as the call is known by their identities they must stay alive.
    """

    __slots__ = ("_build", "handles", "plan", "spec")

    def __init__(self, plan: Plan, fetches: Fetches, handles: object) -> None:
        self.plan, self.spec, self.handles = plan, fetches.spec, handles
        self._build = _builder(fetches, _slots(plan, fetches.values))

    def __call__(self, values: Collection[Any]) -> Any:
        return self._build(self.plan(values))

    def native(self) -> Callable[..., Any] | None:
        """The executable's own entry point, where it takes and returns exactly what this call does."""
        plan = self.plan
        ...


Slots = list[tuple[int, bool]]


def _slots(plan: Plan, values: Sequence[Value]) -> Slots:
    """For each fetch its result, and whether the caller needs a copy: of what is stored, and of what is given twice."""
    taken = {k for _, k in plan.stored}
    slots: Slots = []
    for v in values:
        k = plan.results.index(v)
        slots.append((k, k in taken))
        taken.add(k)
    return slots


def _builder(fetches: Fetches, slots: Slots) -> Callable[[Sequence[Array]], Any]:
    def build(results: Sequence[Array]) -> Any:
        return unflatten(fetches.spec, [results[k].copy() if copy else results[k] for k, copy in slots])

    return build
