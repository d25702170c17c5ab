"""What a pass is, and the pipeline that runs passes one after the other.

A pass takes a graph and returns another one (the same object where it found nothing to do).  It keeps the signature:
`inputs` in count, order and type, `outputs` in order, `variables`, `updates` and `initial`.  What it did is counted by
name in `fired`: operations for prune and fold, rules for a rewriting pass.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from time import perf_counter
from typing import ClassVar, TypeAlias

from graphc import config
from graphc.errors import RewriteError
from graphc.ir.graph import Graph
from graphc.records import dataclass, field

OnPass: TypeAlias = Callable[[str, Graph, Graph, float, Mapping[str, int]], None]
"""Called after each pass with its name, the graphs before and after, seconds, and what fired how often."""


@dataclass(frozen=True)
class Pass(ABC):
    """One transformation; the docstring of a subclass is its reason, its fields are its options."""

    name: ClassVar[str]

    @abstractmethod
    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        """The transformed graph; what was done is added to `fired`."""

    def without(self, names: Collection[str]) -> Pass:
        """This pass with the rules of these names left out."""
        return self

    @property
    def reason(self) -> str:
        return first_line(type(self).__doc__)


def first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]


@dataclass(frozen=True)
class Step:
    """An entry of a pipeline: a pass, and why it stands there."""

    action: Pass
    why: str


@dataclass(frozen=True)
class Pipeline:
    """Passes in the order in which they run."""

    name: str
    steps: tuple[Step, ...] = ()

    def run(self, graph: Graph, disable: Collection[str] = (), on_pass: OnPass | None = None) -> Graph:
        """Run every pass that is not named in `disable`, without the rules named there.

        A pass that meets the very graph that it made before has nothing to do: each goes on until nothing changes.
        Raises RewriteError, naming the pass, for whatever goes wrong inside one.
        """
        made: dict[str, Graph] = {}
        for step in self.steps:
            name = step.action.name
            if name not in disable:
                action = step.action.without(disable)
                graph = made[name] = _run(action, graph, on_pass, is_done=made.get(name) is graph)
        return graph

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"  {s.action.name:12} {s.why}" for s in self.steps)])


def _run(action: Pass, graph: Graph, on_pass: OnPass | None, *, is_done: bool) -> Graph:
    fired: Counter[str] = Counter()
    start = perf_counter()
    after = graph if is_done else _guarded(action, graph, fired)
    seconds = perf_counter() - start
    _show(PassReport.of(action.name, graph, after, seconds, fired), after)
    if on_pass is not None:
        on_pass(action.name, graph, after, seconds, fired)
    return after


def _guarded(action: Pass, graph: Graph, fired: Counter[str]) -> Graph:
    """Every failure becomes one error that names the pass; the cause stays attached."""
    try:
        after = action.run(graph, fired)
        _check_signature(graph, after)
        if config.current().verify:
            from graphc.ir.verify import verify

            verify(after)
    except RewriteError as error:
        error.add_note(f"in pass {action.name!r}, which disable=[{action.name!r}] leaves out")
        raise
    except Exception as error:
        raise RewriteError(
            f"pass {action.name!r} failed: {type(error).__name__}: {error}", fix=f"disable=[{action.name!r}]"
        ) from error
    return after


def _check_signature(before: Graph, after: Graph) -> None:
    for part in ("inputs", "variables", "outputs"):
        want, got = ([v.type for v in getattr(g, part)] for g in (before, after))
        if want != got:
            raise RewriteError(f"the {part} changed", expected=_types(want), got=_types(got))
    if len(before.updates) != len(after.updates):
        raise RewriteError("the updates changed", expected=str(len(before.updates)), got=str(len(after.updates)))


def _types(types: Sequence[object]) -> str:
    return ", ".join(map(str, types)) or "none"


def _show(report: PassReport, after: Graph) -> None:
    debug = config.current().debug
    if debug:
        print(report, file=sys.stderr)
    if debug > 1:
        print(after, file=sys.stderr)


# ------------------------------------------------------------------------------------------------------ reports


@dataclass(frozen=True)
class PassReport:
    """What one pass did: nodes before and after, seconds, and how often which rule fired."""

    name: str
    before: int
    after: int
    seconds: float
    fired: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def of(name: str, before: Graph, after: Graph, seconds: float, fired: Mapping[str, int]) -> PassReport:
        return PassReport(name, len(before), len(after), seconds, dict(sorted(fired.items())))

    def __str__(self) -> str:
        did = ", ".join(f"{name} {count}" for name, count in self.fired.items()) or "nothing to do"
        return f"{self.name:12} {self.before:5} -> {self.after:5} nodes {self.seconds * 1e3:7.2f} ms  {did}"


@dataclass
class Journal:
    """Give it as `on_pass`: it keeps a report per pass."""

    reports: list[PassReport] = field(default_factory=list)

    def __call__(self, name: str, before: Graph, after: Graph, seconds: float, fired: Mapping[str, int]) -> None:
        self.reports.append(PassReport.of(name, before, after, seconds, fired))

    def __iter__(self) -> Iterator[PassReport]:
        return iter(self.reports)

    def __str__(self) -> str:
        return "\n".join(map(str, self.reports))
