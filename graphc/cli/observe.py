"""What the passes do, told while they run."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from graphc.ir.graph import Graph
from graphc.ir.printer import print_graph
from graphc.passes.base import Journal, PassReport
from graphc.records import dataclass


@dataclass
class Observer(Journal):
    """A journal that also prints to stderr: a line per pass (`times`), the graph after it (`graphs`)."""

    times: bool = False
    graphs: bool = False

    def __call__(self, name: str, before: Graph, after: Graph, seconds: float, fired: Mapping[str, int]) -> None:
        super().__call__(name, before, after, seconds, fired)
        if self.times:
            print(PassReport.of(name, before, after, seconds, fired), file=sys.stderr)
        if self.graphs:
            print(f"# after {name}\n{print_graph(after, constants='short')}", file=sys.stderr)
