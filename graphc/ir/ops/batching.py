"""What the `batch` rules of primitives share.

A rule gets operands of which some have one axis more, the batch axis, first; `mapped` says which.  It computes the
operation for every item of the batch at once and puts the batch axis first in the result.  Primitives are called by
name, because the files that define them use this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.ir.poly import Size
from graphc.ir.primitive import primitive, type_of
from graphc.ir.types import Shape

Rule = Callable[..., Any]


def batch_elementwise(name: str) -> Rule:
    """Of an operation that broadcasts: align the ranks, and the batch axis is one more axis to broadcast over."""

    def batch(mapped: Sequence[bool], *xs: Any, **attrs: Any) -> Any:
        return primitive(name)(*aligned(mapped, xs), **attrs)

    return batch


def batch_only_operand(name: str, attributes: Callable[..., dict[str, Any]]) -> Rule:
    """Of an operation on one tensor: the same operation, with attributes that leave the first axis alone.

    `attributes(x, **attrs)` gives them for the tensor with its batch axis.
    """

    def batch(mapped: Sequence[bool], x: Any, **attrs: Any) -> Any:
        return primitive(name)(x, **attributes(x, **attrs))

    return batch


def aligned(mapped: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
    """Mapped operands with ones after the batch axis, so that all broadcast as they do without it."""
    rank = max(_rank(x) - is_mapped for x, is_mapped in zip(xs, mapped, strict=True))
    return [_with_rank(x, rank) if is_mapped else x for x, is_mapped in zip(xs, mapped, strict=True)]


def _rank(x: Any) -> int:
    return len(type_of(x).shape)


def _with_rank(x: Any, rank: int) -> Any:
    size, *shape = type_of(x).shape
    wanted = (size, *[1] * (rank - len(shape)), *shape)
    return x if len(wanted) == _rank(x) else primitive("reshape")(x, shape=wanted)


def batch_size(mapped: Sequence[bool], xs: Sequence[Any]) -> Size:
    return next(type_of(x).shape[0] for x, is_mapped in zip(xs, mapped, strict=True) if is_mapped)


def repeated(x: Any, size: Size) -> Any:
    """An operand that is the same for every item, with a batch axis."""
    return primitive("expand")(x, shape=(size, *type_of(x).shape))


def all_mapped(mapped: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
    """Every operand with a batch axis."""
    size = batch_size(mapped, xs)
    return [x if is_mapped else repeated(x, size) for x, is_mapped in zip(xs, mapped, strict=True)]


def move_axis(x: Any, source: int, target: int) -> Any:
    order = [k for k in range(_rank(x)) if k != source]
    order.insert(target, source)
    return x if order == sorted(order) else primitive("permute")(x, axes=tuple(order))


def shifted(axes: Shape | Sequence[int]) -> tuple[Any, ...]:
    """Axes counted behind the batch axis."""
    return tuple(a + 1 for a in axes)
