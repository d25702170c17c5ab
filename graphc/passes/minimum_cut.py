"""Minimum cuts of small networks, by shortest augmenting paths (Edmonds and Karp 1972).

Networks here have tens of nodes and are asked about in the midst of a compilation: NetworkX, which has the same, takes
longer to load than that compilation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)
UNBOUNDED = 1 << 60


class Network(Generic[N]):
    """Nodes and what flows from one to another at most; a new edge beside an old one adds to it."""

    def __init__(self) -> None:
        self._left: dict[N, dict[N, int]] = {}  # what may still flow

    def edge(self, tail: N, head: N, most: int) -> None:
        left = self._left.setdefault(tail, {})
        left[head] = left.get(head, 0) + most
        self._left.setdefault(head, {}).setdefault(tail, 0)

    def behind_cut(self, source: N, sink: N) -> set[N]:
        """The fewest nodes that a minimum cut leaves with the sink.

        Raises ValueError where no cut is finite.
        """
        while path := self._path(source, sink):
            most = min(self._left[x][y] for x, y in path)
            if most >= UNBOUNDED:
                raise ValueError("a path from the source to the sink is unbounded")
            for x, y in path:
                self._left[x][y] -= most
                self._left[y][x] += most
        return self._before(sink)

    def _path(self, source: N, sink: N) -> list[tuple[N, N]]:
        """The edges of a shortest path along which more may flow; none if there is no such path."""
        came: dict[N, N] = {source: source}
        queue = deque([source])
        while queue and sink not in came:
            x = queue.popleft()
            new = [y for y, most in self._left.get(x, {}).items() if most > 0 and y not in came]
            came.update(dict.fromkeys(new, x))
            queue.extend(new)
        path, y = [], sink
        while y in came and y != source:
            path.append((came[y], y))
            y = came[y]
        return path

    def _before(self, sink: N) -> set[N]:
        """The nodes from which more may flow to the sink."""
        found, pending = {sink}, [sink]
        while pending:
            y = pending.pop()
            new = [x for x in self._left.get(y, {}) if x not in found and self._left[x][y] > 0]
            found.update(new)
            pending += new
        return found
