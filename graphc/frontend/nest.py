"""A nest some of whose leaves are operands: what a rule is called with, beside what it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.records import dataclass
from graphc.runtime.tree import Structure, flatten


@dataclass(frozen=True)
class Nest:
    """A nest with places for some of its leaves, the `operands`; the others are what they were."""

    structure: Structure
    leaves: tuple[Any, ...]
    places: tuple[int, ...]

    @staticmethod
    def of(tree: Any, is_operand: Callable[[Any], bool]) -> Nest:
        leaves, structure = flatten(tree)
        return Nest(structure, tuple(leaves), tuple(k for k, x in enumerate(leaves) if is_operand(x)))

    @property
    def operands(self) -> list[Any]:
        return [self.leaves[k] for k in self.places]

    def filled(self, operands: Sequence[Any]) -> Any:
        given = dict(zip(self.places, operands, strict=True))
        return self.structure.unflatten([given.get(k, x) for k, x in enumerate(self.leaves)])

    def only(self, operands: Sequence[Any]) -> Any:
        """The same nest with None in all other places."""
        given = dict(zip(self.places, operands, strict=True))
        return self.structure.unflatten([given.get(k) for k in range(len(self.leaves))])
