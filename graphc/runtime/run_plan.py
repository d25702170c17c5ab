"""One compiled run of a session, and the calls that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from graphc.ir.graph import Graph, Update
from graphc.ir.node import Value
from graphc.runtime.executable import Executable
from graphc.runtime.feeds import FeedCheck
from graphc.runtime.fetches import Fetches
from graphc.runtime.run_graph import RunGraph, describe, run_graph
from graphc.runtime.variables import Array, Variables


@dataclass(frozen=True, slots=True, eq=False)
class RunPlan:
    """`results` are the tensors that the executable returns; `stored` says which of them become variables."""

    run: RunGraph
    executable: Executable
    invoke: Callable[..., Sequence[Array]]
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
            return self.invoke(*arrays, *self._read())
        return self.invoke(*arrays)

    def _update(self, arrays: Collection[Array]) -> Sequence[Array]:
        """Reads, run and commit are one step among all updating runs; an error leaves before the commit."""
        with self.state.lock:
            results = self.invoke(*arrays, *self._read())
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
) -> RunPlan:  # fmt: skip
    """Cut the run out of the session's graph and compile it."""
    start = time.perf_counter()
    results = tuple(dict.fromkeys((*values, *(u.value for u in updates))))
    run = run_graph(state.graph, results, feeds)
    executable = compile_run(run.graph)
    return RunPlan(
        run=run,
        executable=executable,
        invoke=_sequence_of_results(executable, len(results)),
        check=FeedCheck([describe(v) for v in feeds], [v.type for v in feeds]),
        state=state,
        results=results,
        stored=tuple((u.variable.node.attrs["name"], results.index(u.value)) for u in updates),
        size_before=len(state.graph),
        seconds=time.perf_counter() - start,
    )


def _sequence_of_results(executable: Executable, count: int) -> Callable[..., Sequence[Array]]:
    """The shortest way into the executable; its native entry point returns a single result as it is."""
    native = executable.native
    if native is None:
        return executable
    return native if count != 1 else lambda *arrays: (native(*arrays),)


class Call:
    """A plan and the nest in which its results are handed out.

    `handles` are the user's objects: as long as the call is known by their identities they must stay alive.
    """

    __slots__ = ("_build", "fetches", "handles", "plan")

    def __init__(self, plan: RunPlan, fetches: Fetches, handles: object) -> None:
        self.plan, self.fetches, self.handles = plan, fetches, handles
        self._build = self._builder()

    def __call__(self, values: Collection[Any]) -> Any:
        return self._build(self.plan(values))

    @property
    def native(self) -> Callable[..., Any] | None:
        """The executable's own entry point, where it takes and returns exactly what this call does."""
        plan, kind = self.plan, self.fetches.structure.kind
        is_pure = not plan.stored and not plan.run.variables
        same_form = kind is None or (kind is tuple and self.fetches.is_flat and len(plan.results) > 1)
        return plan.executable.native if is_pure and same_form and self.is_plain else None

    @property
    def is_plain(self) -> bool:
        """The results are handed out as they come: in order, each once, none kept as a variable."""
        return self._slots() == [(k, False) for k in range(len(self.plan.results))]

    def _slots(self) -> list[tuple[int, bool]]:
        """For each fetch its result, and whether to copy it: when it is stored as well, or was handed out before."""
        taken = {k for _, k in self.plan.stored}
        slots = []
        for k in map(self.plan.results.index, self.fetches.values):
            slots.append((k, k in taken))
            taken.add(k)
        return slots

    def _builder(self) -> Callable[[Sequence[Array]], Any]:
        slots, structure = self._slots(), self.fetches.structure
        if self.is_plain and structure.kind in _FLAT and self.fetches.is_flat:
            return _FLAT[structure.kind]
        return lambda results: structure.unflatten([results[k].copy() if copy else results[k] for k, copy in slots])


_FLAT: dict[type[Any] | None, Callable[[Sequence[Array]], Any]] = {None: itemgetter(0), list: list, tuple: tuple}
