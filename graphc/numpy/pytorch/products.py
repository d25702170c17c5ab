"""Matrix products by PyTorch's names, each for operands of its ranks only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.numpy import elementwise as ew
from graphc.numpy import linear_algebra as la
from graphc.numpy.promote import as_tensor

Function = Callable[..., Any]


def _product(name: str, left: int, right: int) -> Function:
    def product(input: Any, other: Any) -> Any:
        a, b = as_tensor(input), as_tensor(other)
        if (len(a.shape), len(b.shape)) != (left, right):
            raise ShapeError(
                f"{name}: an operand of another rank",
                expected=f"{left} axes and {right}",
                got=f"shapes {a.shape} and {b.shape}",
                fix="matmul, which takes all",
                loc=user_location(),
            )
        return la.matmul(a, b)

    product.__name__ = product.__qualname__ = name
    product.__doc__ = f"The product of a tensor of {left} axes and one of {right}.  Raises ShapeError for others."
    return product


mm, bmm, mv, dot = _product("mm", 2, 2), _product("bmm", 3, 3), _product("mv", 2, 1), _product("dot", 1, 1)
ger = la.outer


def _added(product: Function, name: str, text: str) -> Function:
    def added(input: Any, left: Any, right: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        y = product(left, right)
        y = y if alpha == 1 else ew.multiply(y, alpha)
        return ew.add(input if beta == 1 else ew.multiply(input, beta), y)

    added.__name__ = added.__qualname__ = name
    added.__doc__ = f"beta * input + alpha * {text}"
    return added


addmm = _added(mm, "addmm", "left @ right, of matrices")
addmv = _added(mv, "addmv", "matrix @ vector")
addr = _added(la.outer, "addr", "outer(left, right)")
baddbmm = _added(bmm, "baddbmm", "left @ right, of stacks of matrices")


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Sum of products over pairs of axes: `dims` of each, or that many last of a and first of b."""
    return la.tensordot(a, b, dims)


def cross(input: Any, other: Any, dim: int = -1) -> Any:
    """The vector product of 3-vectors along an axis."""
    return la.cross(input, other, dim)


__all__ = ["addmm", "addmv", "addr", "baddbmm", "bmm", "cross", "dot", "ger", "mm", "mv", "tensordot"]
