"""One compiled run of a session, and the calls that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from graphc.errors import FeedError, SignatureError
from graphc.ir.graph import Graph, Update
from graphc.ir.node import Value
from graphc.records import dataclass
from graphc.runtime.executable import Executable
from graphc.runtime.feeds import FeedCheck
from graphc.runtime.fetches import Fetches
from graphc.runtime.run_graph import RunGraph, describe, run_graph
from graphc.runtime.variables import Array, Variables


@dataclass(frozen=True, slots=True, eq=False)
class RunPlan:
    """`results` are the tensors that the executable returns; `stored` says which of them become variables.

    `native` is the executable's own entry point where it has one; it returns a single result without a tuple.
    """

    run: RunGraph
    executable: Executable
    native: Callable[..., Any] | None
    check: FeedCheck
    state: Variables
    results: tuple[Value, ...]
    stored: tuple[tuple[str, int], ...]
    size_before: int
    seconds: float

    def __call__(self, values: Collection[Any]) -> Any:
        """The results; a single one without a tuple.  Reads, run and commit are one step among all updating runs."""
        if not self.stored:
            return self._run(values)
        with self.state.lock:
            results = self._run(values)
            new = (results,) if len(self.results) == 1 else results
            self.state.commit({name: new[k] for name, k in self.stored})
        return results

    def _run(self, values: Collection[Any]) -> Any:
        reads = self._read() if self.run.variables else ()
        if self.native is None:
            results = self.executable(*self.check(values), *reads)
            return results[0] if len(results) == 1 else results
        with suppress(SignatureError, FeedError):
            return self.native(*values, *reads)
        return self.native(*self.check(values), *reads)  # not exactly what is declared: converted, or refused by name

    def _read(self) -> list[Array]:
        values = self.state.snapshot()
        return [values[name] for name in self.run.variables]

    def explain(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        stored = {k for _, k in self.stored}
        fetched = [describe(v) for k, v in enumerate(self.results) if k not in stored]
        yield f"run: fetches {', '.join(fetched) or 'no tensor'}"
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
        native=executable.native,
        check=FeedCheck([describe(v) for v in feeds], [v.type for v in feeds]),
        state=state,
        results=results,
        stored=tuple((u.variable.node.attrs["name"], results.index(u.value)) for u in updates),
        size_before=len(state.graph),
        seconds=time.perf_counter() - start,
    )


class Call:
    """A plan and the nest in which its results are handed out: `run(arrays)`.

    `handles` are the user's objects: as long as the call is known by their identities they must stay alive.
    """

    __slots__ = ("fetches", "handles", "plan", "run")

    def __init__(self, plan: RunPlan, fetches: Fetches, handles: object) -> None:
        self.plan, self.fetches, self.handles = plan, fetches, handles
        self.run: Callable[[Collection[Any]], Any] = plan if self._is_given(None) else self._nested()

    @property
    def native(self) -> Callable[..., Any] | None:
        """The executable's own entry point, where it takes and returns exactly what this call does."""
        is_pure = not self.plan.stored and not self.plan.run.variables
        return self.plan.native if is_pure and (self._is_given(None) or self._is_given(tuple)) else None

    def _is_given(self, kind: type[Any] | None) -> bool:
        """The results come as this nest wants them: one tensor (None), or a container of several, each its own."""
        count, structure = len(self.plan.results), self.fetches.structure
        is_plain = self._slots() == [(k, False) for k in range(count)] and all(c.is_leaf for c in structure.children)
        return is_plain and structure.kind is kind and (count == 1) == (kind is None)

    def _slots(self) -> list[tuple[int, bool]]:
        """For each fetch its result, and whether to copy it: when it is stored as well, or was handed out before."""
        taken = {k for _, k in self.plan.stored}
        slots = []
        for k in map(self.plan.results.index, self.fetches.values):
            slots.append((k, k in taken))
            taken.add(k)
        return slots

    def _nested(self) -> Callable[[Collection[Any]], Any]:
        plan, slots, structure = self.plan, self._slots(), self.fetches.structure
        is_single = len(plan.results) == 1
        is_list = structure.kind is list and all(c.is_leaf for c in structure.children)

        def run(values: Collection[Any]) -> Any:
            results = (plan(values),) if is_single else plan(values)
            arrays = [results[k].copy() if copy else results[k] for k, copy in slots]
            return arrays if is_list else structure.unflatten(arrays)

        return run
