"""A graph that reads tensors from outside: what a function traced for `vmap` closes over."""

from __future__ import annotations

from typing import Any

from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.primitive import type_of


class Closure(Graph):
    """Captured tensors are placeholders; `captured` says which tensor each stands for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.captured: dict[Value, Any] = {}
        self._standing: dict[int, Value] = {}

    def capture(self, x: Any) -> Value:
        """One placeholder for a tensor, however often it is used."""
        value = self._standing.get(id(x))
        if value is None:
            value = self._standing[id(x)] = self.placeholder(type_of(x), "captured")
            self.captured[value] = x
        return value
