"""What the tape remembers of one operation."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from graphc.eager.reads import unread
from graphc.ir.primitive import Primitive

if TYPE_CHECKING:
    import weakref

    from graphc.eager.tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]

_next_number = count().__next__


class Blank:
    """Stands for a value that no rule reads, for instance the operands of a sum: its type is all that is needed."""

    __slots__ = ("dtype", "shape")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, array: Saved) -> None:
        self.shape = array.shape
        self.dtype = array.dtype


class TapeNode:
    """One recorded operation, seen by users as `grad_fn`.

    `edges` says for each operand where its cotangent goes: to the node that made it, to a leaf tensor, or nowhere.
    `saved` holds the result and the operands for the rule (None once released) as bare arrays: a node never refers to
    its own result's tensor, so that a tape without users is freed at once.  `sequence` grows along the tape, so that
    backwards by sequence is a topological order.
    """

    __slots__ = ("attrs", "edges", "op", "retained", "saved", "sequence")

    def __init__(
        self, op: Primitive, attrs: dict[str, Any], edges: list[Edge], result: Array, operands: list[Array]
    ) -> None:
        self.op = op
        self.attrs = attrs
        self.edges = edges
        saved: list[Saved] = [result, *operands]
        for k in unread(op, attrs, saved):
            saved[k] = Blank(saved[k])
        self.saved: list[Saved] | None = saved
        self.sequence = _next_number()
        self.retained: weakref.ref[Tensor] | None = None

    @property
    def name(self) -> str:
        return self.op.name.title().replace("_", "") + "Backward"

    @property
    def next_functions(self) -> tuple[tuple[TapeNode | AccumulateGrad | None, int], ...]:
        """Per operand where its gradient goes, and 0, the number of the result: every operation has one."""
        return tuple((e if e is None or isinstance(e, TapeNode) else AccumulateGrad(e), 0) for e in self.edges)

    def release(self) -> None:
        """Drop the saved arrays.  A node that has none stays as it is, ready for another pass."""
        if self.saved is not None and not all(isinstance(s, Blank) for s in self.saved):
            self.saved = None

    def __repr__(self) -> str:
        return f"<{self.name}>"


class AccumulateGrad:
    """The end of a path, as users see it: `variable` is the leaf whose `.grad` takes the sum."""

    __slots__ = ("variable",)

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable

    name = "AccumulateGrad"
    next_functions: tuple[()] = ()

    def __repr__(self) -> str:
        return f"<{self.name}>"


Edge: TypeAlias = "TapeNode | Tensor | None"
Saved: TypeAlias = "Array | Blank"
