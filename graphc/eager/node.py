"""What the tape remembers of one operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from graphc.eager.hooks import Hook, Hooks, RemovableHandle
from graphc.eager.reads import inferred, unread
from graphc.eager.versions import last_change, next_number
from graphc.errors import GradientError
from graphc.ir.location import user_location
from graphc.ir.ops.shape import expand, sum_to
from graphc.ir.primitive import Primitive
from graphc.ir.types import Shape, Type

if TYPE_CHECKING:
    import weakref

    from graphc.eager.tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]


class Blank:
    """Stands for a value that is not kept, for instance the operands of a sum: its type is all that is needed.

    What a rule computes with it belongs to a gradient that nobody asked for, and is left out.
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Any, dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @staticmethod
    def __graphc_bind__(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> LeftOut:
        return LeftOut(op, args, attrs)


class LeftOut:
    """The result of an operation on a value that is not kept; its type is found if a rule asks for it."""

    __slots__ = ("_made_by",)

    def __init__(self, op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> None:
        self._made_by = op, args, attrs

    __graphc_bind__ = Blank.__graphc_bind__

    @property
    def type(self) -> Type:
        return inferred(*self._made_by)

    @property
    def shape(self) -> Shape:
        return self.type.shape


class Node:
    """One recorded operation, seen by users as `grad_fn`.

    `edges` says for each operand where its cotangent goes: to the node that made it, to a leaf tensor, or nowhere.
    `sequence` grows along the tape, so that backwards by sequence is a topological order.  A node never refers to its
    own result's tensor, so that a tape without users is freed at once.
    """

    __slots__ = ("edges", "hooks", "retained", "sequence")

    edges: list[Edge]
    hooks: Hooks | None
    retained: weakref.ref[Tensor] | None
    sequence: int

    def __init__(self, edges: list[Edge]) -> None:
        self.edges = edges
        self.hooks = None
        self.retained = None
        self.sequence = next_number()

    def name(self) -> str:
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Node | AccumulateGrad | None, int], ...]:
        """Per operand where its gradient goes, and 0, the number of the result: every node has one."""
        return tuple((e if e is None or isinstance(e, Node) else AccumulateGrad(e), 0) for e in self.edges)

    def pull(self, g: Any, record: bool) -> Sequence[Any]:
        """A cotangent per operand, of its shape, from that of the result; None is zero.

        With `record`, cotangents are tensors and what is computed goes on the tape; else they are arrays.
        Raises GradientError where the values that this takes are released or were changed in place.
        """
        raise NotImplementedError

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        """The tangent of the result from those of the operands, in the same manner."""
        raise NotImplementedError

    def release(self) -> None:
        """Drop the values kept.  A node that has none stays as it is, ready for another pass."""

    def settle(self, result: Array, memory: Array) -> None:
        """The result has just been copied to that memory, and lives on there."""
        self.sequence = next_number()

    # ------------------------------------------------------------------------------------------------------- hooks

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node has computed the first from the second.

        Both are tuples of tensors, or None for zero; what it returns, unless None, takes the place of grad_inputs.
        """
        return RemovableHandle(self.all_hooks().inputs, hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(grad_outputs)` before; what it returns, unless None, takes their place."""
        return RemovableHandle(self.all_hooks().outputs, hook)

    def all_hooks(self) -> Hooks:
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def gradients(self, g: Any) -> tuple[Any, ...]:
        """The cotangent that `pull` takes as one per result."""
        return (g,)

    def cotangent(self, gradients: Sequence[Any]) -> Any:
        """The inverse of `gradients`."""
        return gradients[0]

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class TapeNode(Node):
    """A primitive.  `saved` holds the result and the operands for its rules (None once released) as bare arrays.

    `wanted` says whose gradients are asked for, as in `graphc.eager.reads.unread`.
    """

    __slots__ = ("attrs", "op", "saved")

    def __init__(
        self, op: Primitive, attrs: dict[str, Any], edges: list[Edge], values: Sequence[Array], wanted: int
    ) -> None:
        self.op = op
        self.attrs = attrs
        self.edges = edges
        self.hooks = None
        self.retained = None
        saved: list[Saved] = [*values]
        for k in unread(op, attrs, saved, wanted):
            saved[k] = Blank(saved[k].shape, saved[k].dtype)
        self.saved: list[Saved] | None = saved
        self.sequence = next_number()

    def name(self) -> str:
        return self.op.name.title().replace("_", "") + "Backward"

    def pull(self, g: Any, record: bool) -> Sequence[Any]:
        y, *xs = self._values(record)
        rule = self.op.vjp
        if g is None or rule is None:
            return [None] * len(xs)
        parts = rule(g, y, *xs, **self.attrs)
        return [
            None if p is None or e is None else p if p.shape == x.shape else sum_to(p, x.shape)
            for p, e, x in zip(parts, self.edges, xs, strict=True)
        ]

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        y, *xs = self._values(record)
        t = self.op.jvp and self.op.jvp(tangents, y, *xs, **self.attrs)
        return t if t is None or t.shape == y.shape else expand(t, shape=y.shape)

    def release(self) -> None:
        if self.saved is not None and not all(isinstance(s, Blank) for s in self.saved):
            self.saved = None

    def settle(self, result: Array, memory: Array) -> None:
        super().settle(result, memory)
        if self.saved is not None and self.saved[0] is result:
            self.saved[0] = memory

    def _values(self, record: bool) -> Sequence[Any]:
        """Result and operands; to be recorded, as tensors in their places on the tape."""
        if self.saved is None:
            raise released(self.op.name)
        for s in self.saved:
            if not isinstance(s, Blank) and last_change(s) > self.sequence:
                raise stale(self.op.name)
        if not record:
            return self.saved
        from graphc.eager.tensor import attached

        places = (self, *self.edges)
        return [s if isinstance(s, Blank) else attached(s, e) for s, e in zip(self.saved, places, strict=True)]


class AccumulateGrad:
    """The end of a path, as users see it: `variable` is the leaf whose `.grad` takes the sum."""

    __slots__ = ("variable",)

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable

    next_functions: tuple[()] = ()

    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return f"<{self.name()}>"


UNDEFINED: Any = object()
"""What a rule of the user's gives for an operand that gets no gradient at all, not even zero."""

Edge: TypeAlias = "Node | Tensor | None"
Saved: TypeAlias = "Array | Blank"


# ------------------------------------------------------------------------------------------------------- mistakes


def released(operation: str) -> GradientError:
    return GradientError(
        f"the tape was released by the backward pass before this one, at `{operation}`",
        expected="one backward pass per forward pass",
        fix="y.backward(retain_graph=True) in the first pass, or compute y again",
        loc=user_location(),
    )


def stale(operation: str) -> GradientError:
    return GradientError(
        f"a value that the backward pass of `{operation}` reads was changed in place",
        expected="the values of the forward pass",
        fix="change a copy (x.clone()), or compute a new tensor: x = x + 1 in place of x += 1",
        loc=user_location(),
    )
