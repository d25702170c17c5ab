"""Which part of a tensor another one is: the way from a base to a view of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.primitive import Primitive
from graphc.numpy.indexing import getitem
from graphc.records import dataclass

Step = tuple[Primitive, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """Movement primitives, one after the other, and then an index."""

    steps: tuple[Step, ...]
    key: Any = ...

    def of(self, x: Any) -> Any:
        """That part of an array or a tensor."""
        for op, attrs in self.steps:
            x = op(x, **attrs)
        return x if self.key is ... else getitem(x, self.key)

    def outside(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """A mask over a base of that shape: False in this part.

        Positions are moved, not the mask itself, because on it another layout could make a copy of a step.
        """
        size = int(np.prod(shape))
        mask = np.ones(size, bool)
        mask[self.of(np.arange(size).reshape(shape)).ravel()] = False
        return mask.reshape(shape)
