"""The session: runs parts of a graph and keeps its variables.

A run goes: fetches and feed -> `Call` (found by the handles) -> `RunPlan` (one compiled run graph,
found by the tensors) -> executable.  A repeated run goes through a door, which knows fetches and feed when it sees
them, straight to native code; doors hand on to each other, and the last one to the look-ups.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from graphc.codegen.native.door import Door, Handle, Ignored, Operand
from graphc.errors import FeedError
from graphc.ir.graph import Graph, Update
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.runtime.executable import Executable, Native, Stateful, compile_graph, warn_of_unused
from graphc.runtime.fetches import flat_key, has_key, nest_key, parse_donated, parse_feeds, parse_fetches
from graphc.runtime.parts import has_parts, part
from graphc.runtime.run_plan import Call, RunPlan, make_plan
from graphc.runtime.tree import Structure, flatten
from graphc.runtime.variables import Variables

if TYPE_CHECKING:
    from graphc.runtime.stages import Stages

_REMEMBERED = 1024
_NOTHING: Mapping[Any, Any] = {}
_DOORS = 16  # that are tried one after the other: each costs a few nanoseconds


class Session:
    """Runs what is fetched of a graph, compiled once per set of fetches and feeds.

    Reads in a run see the variables before it; all updates that are fetched commit together at its end; a run that
    raises changes nothing.  The first run freezes the graph.  Safe to use from many threads: runs that update are one
    after the other, the others see the variables as one of them left them.

    `level`, `disable` and `threads` are those of `compile_graph`.
    """

    def __init__(
        self, graph: Graph, level: str = "O3", disable: Sequence[str] = (), threads: int | None = None
    ) -> None:
        self.graph = graph
        self._options = (level, tuple(disable), threads)
        self._state = Variables(graph)
        self._door: Callable[[Session, Any, Any], Any] = Session._run_any
        self._doors: list[Door] = []  # in the order in which they hand on
        self._calls: dict[tuple[Any, ...], Call] = {}
        self._plans: dict[tuple[Any, ...], RunPlan] = {}
        self._building = RLock()
        _sessions.add(self)

    # --------------------------------------------------------------------------------------------------- running

    def run(self, fetches: Any, feed: Mapping[Any, Any] | None = None) -> Any:
        """The arrays of `fetches`, in the same nest; the caller owns them.

        `fetches` are tensors, names of placeholders or variables, updates (they give the new value), and tuples,
        lists, dicts of them.  `feed` maps tensors or names to arrays; any tensor can be fed.

        Raises FeedError, MissingFeedError, FetchError, GraphMismatchError, ClosedSessionError.
        """
        return self._door(self, fetches, feed)

    def _run_any(self, fetches: Any, feed: Mapping[Any, Any] | None) -> Any:
        """A run that no door takes: its fetches or feeds are new, or what is fed has to be converted."""
        given, feed = feed, _NOTHING if feed is None else feed
        kind = fetches.__class__
        try:  # the key of `flat_key`, written out: a call would cost more than all the rest
            key = (kind, *fetches, None, *feed) if kind is list or kind is tuple else (fetches, *feed)
            call, values = self._calls.get(key), feed.values()
        except (TypeError, AttributeError):  # a nest, or no mapping
            call, values = None, _NOTHING.values()
        if call is None:
            call, values = self._find_nest(fetches, feed), feed.values()
            self._enter(call, fetches, given)
        return call.run(*values)

    def make_callable(self, fetches: Any, feeds: Iterable[Any] = (), donate: Iterable[Any] = ()) -> Callable[..., Any]:
        """A function of the arrays of `feeds`, for calls in a loop: `fast(a, b)` is `run(fetches, {x: a, y: b})`.

        Where the fetches are one tensor, or a flat tuple or list, it is the native entry point itself, else a native
        function around it.  It holds its own code; one that neither reads nor writes variables outlives the session.

        `donate`: those of the feeds whose arrays the caller gives up, as with `jit`.  Results may be computed in their
        memory, and are then the very same array objects.  Raises FeedError for what is no feed; a DonationWarning says
        which array is given up in vain.
        """
        return self._find(fetches, feeds, donate).run

    def stages(self, fetches: Any, feeds: Iterable[Any] = ()) -> Stages:
        """The stages of the compilation of one run, each of which prints: graph, optimized, loops, llvm ..."""
        from graphc.runtime.stages import Stages

        plan = self._find(fetches, feeds).plan
        return plan.executable.stages if isinstance(plan.executable, Native) else Stages(plan.run.graph, "O0")

    def _enter(self, call: Call, fetches: Any, feed: Mapping[Any, Any] | None) -> None:
        """Let runs like this go straight to its entry, after those that earlier doors take."""
        leaves, structure = flatten(fetches)
        arrays, feeds = flatten(None if feed is None else dict.fromkeys(feed, 0))
        if call.entry is None or type(feed) not in (dict, type(None)) or not has_parts(structure, feeds):
            return
        with self._building:
            self._state.check_open()
            if len(self._doors) == _DOORS:
                return
            asked = part(structure, map(Handle, leaves)), part(feeds, [Operand() for _ in arrays])
            door = Door(call.entry, [Ignored(), *asked], [], call.result)
            door.hand_on(Session._run_any)
            if self._doors:
                self._doors[-1].hand_on(door.native)
            else:
                self._door = door.native
            self._doors.append(door)

    def _find(self, fetches: Any, feeds: Iterable[Any], donate: Iterable[Any] = ()) -> Call:
        leaves, structure = flatten(fetches)
        with self._building:
            self._state.check_open()
            return self._prepare(leaves, structure, tuple(feeds), tuple(donate))

    def _find_nest(self, fetches: Any, feed: Mapping[Any, Any]) -> Call:
        """The call for these handles, which is found by them from the next time on if they can tell nests apart."""
        handles = feed if feed.__class__ is dict else _handles(feed)
        try:
            call = self._calls.get((nest_key(fetches), *handles))
        except TypeError:  # something that has no hash, hence is no handle: finding the call says so
            call = None
        return call or self._remember(fetches, tuple(handles))

    def _remember(self, fetches: Any, handles: tuple[Any, ...]) -> Call:
        call, structure = self._find(fetches, handles), flatten(fetches)[1]
        if len(self._calls) >= _REMEMBERED:  # by a program that makes new handles for every run
            self._calls.clear()
        if structure.is_flat:
            self._calls[flat_key(fetches, handles)] = call
        elif has_key(structure):
            self._calls[nest_key(fetches), *handles] = call
        return call

    def _prepare(
        self, leaves: list[Any], structure: Structure, handles: tuple[Any, ...], donate: tuple[Any, ...]
    ) -> Call:
        fetches = parse_fetches(self.graph, leaves, structure)
        feeds = parse_feeds(self.graph, handles)
        donated = parse_donated(self.graph, donate, feeds)
        plan = self._plan(tuple(dict.fromkeys(fetches.values)), feeds, fetches.updates, donated)
        self.graph.frozen = True
        return Call(plan, fetches)

    def _plan(
        self, values: tuple[Value, ...], feeds: tuple[Value, ...], updates: tuple[Update, ...], donated: tuple[int, ...]
    ) -> RunPlan:
        key = values, feeds, tuple((u.variable, u.value) for u in updates), donated
        if key not in self._plans:
            with self._state.lock:
                self._state.initialise()
            compiled = partial(self._compile, donated=donated)
            self._plans[key] = make_plan(self._state, values, feeds, updates, compiled)
            warn_of_unused(self.graph.name, self._plans[key].executable)
        return self._plans[key]

    def _compile(self, graph: Graph, variables: Stateful, donated: Sequence[int]) -> Executable:
        level, disable, threads = self._options
        level = level if graph.outputs else "O0"  # nothing is asked for, so there is nothing to compile
        return compile_graph(
            graph, level, disable, threads, unwrap=True, variables=variables, donated=donated, weak=None
        )

    # --------------------------------------------------------------------------------------------------- looking

    @property
    def variables(self) -> Variables:
        """The variables by name: `session.variables["w"]` is a copy, assigning checks type and shape."""
        return self._state

    def explain(self) -> str:
        """What was compiled so far, why, how long it took, and where memory goes."""
        plans = list(self._plans.values())
        head = f"session of graph {self.graph.name!r}: {len(self.graph)} nodes, {len(plans)} compiled run"
        return "\n\n".join([head + "s" * (len(plans) != 1), *(p.explain() for p in plans)])

    # --------------------------------------------------------------------------------------------------- closing

    def close(self) -> None:
        """Free code and variables; every later use raises ClosedSessionError."""
        with self._building:
            self._state.close()
            self._door = Session._run_any
            self._doors.clear()
            self._calls.clear()
            self._plans.clear()

    def __enter__(self) -> Self:
        self._state.check_open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _after_fork(self) -> None:
        """In a child process: a lock that another thread held at the fork would never be released."""
        self._building = RLock()
        self._state.after_fork()


def _handles(feed: object) -> tuple[Any, ...]:
    if not isinstance(feed, Mapping):
        raise FeedError(
            "a feed is a mapping from tensors or names to arrays",
            expected="feed={x: array}", got=type(feed).__name__, fix="feed={x: array, ...}", loc=user_location(),
        )  # fmt: skip
    return tuple(feed)


_sessions: WeakSet[Session] = WeakSet()


def _reset_locks() -> None:
    for session in list(_sessions):
        session._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_locks)
