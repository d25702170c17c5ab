"""The values of a session's variables: replaced together, read together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock, get_ident
from typing import Any

import numpy as np

from graphc.codegen.native.state import OPEN, State
from graphc.errors import ClosedSessionError, FetchError
from graphc.ir.graph import Graph
from graphc.ir.location import user_location
from graphc.runtime.feeds import feed_array

Array = np.ndarray[Any, Any]


class Variables:
    """By name.  Reading gives a copy; writing checks type and shape (FeedError) and copies.

    Native code reads and updates `state` by itself, in one step; an update that takes several is `exclusive`.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lock = RLock()
        self.state = State(())
        self.numbers: dict[str, int] = {}

    def snapshot(self) -> dict[str, Array]:
        """The values now; not to be written to.  Raises ClosedSessionError."""
        values = self.state.values()
        self.check_open()
        return dict(zip(self.numbers, values, strict=True))

    def check_open(self) -> None:
        """Raises ClosedSessionError."""
        if self.state.is_closed:
            raise ClosedSessionError(
                "the session is closed", expected="an open session", got="close() was called, or its `with` block left",
                fix="make another Session, or run inside the block", loc=user_location(),
            )  # fmt: skip

    def initialise(self) -> None:
        """Give the variables made since the last call their initial values; none are made once there is code."""
        values = self.snapshot()
        new = {n: a.copy() for n, a in self.graph.initial.items() if n not in values}
        if new:
            values |= new
            self.numbers = {name: k for k, name in enumerate(values)}
            self.state = State(list(values.values()))

    def numbered(self, names: Iterable[str]) -> tuple[int, ...]:
        return tuple(self.numbers[name] for name in names)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """For an update in several steps: all others wait.  Raises ClosedSessionError."""
        with self.lock:
            self.check_open()
            before = self.state.let_in(get_ident())
            try:
                yield
            finally:
                self.state.let_in(before)

    def close(self) -> None:
        with self.lock:
            self.state.close()

    # ------------------------------------------------------------------------------------------- the user's view

    def __getitem__(self, name: str) -> Array:
        return self._checked(name)[name].copy()

    def __setitem__(self, name: str, value: Any) -> None:
        self._checked(name)
        type_ = next(v.type for v in self.graph.variables if v.node.attrs["name"] == name)
        array = np.array(feed_array(name, type_, value), order="C")
        with self.exclusive():
            self.state.store([self.numbers[name]], [array])

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def keys(self) -> list[str]:
        return list(self._all())

    def _all(self) -> dict[str, Array]:
        with self.lock:
            self.initialise()
            return self.snapshot()

    def _checked(self, name: str) -> dict[str, Array]:
        """All values, `name` among them."""
        names = self._all()
        if name in names:
            return names
        close = difflib.get_close_matches(str(name), names, 1)
        raise FetchError(
            f"no variable is named {name!r}",
            expected=", ".join(names) or "a variable; this graph has none",
            got=repr(name),
            fix=f"variables[{close[0]!r}]" if close else "one of the names above",
            loc=user_location(),
        )

    def after_fork(self) -> None:
        """In a child process: what another thread was at when the process forked will never be finished."""
        self.lock = RLock()
        self.state.let_in(OPEN)
