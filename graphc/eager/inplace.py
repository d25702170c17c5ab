"""Methods that change a tensor in place: `+=`, `add_`, `relu_`, `zero_`, `x[i] = value`.

Each computes with the function of the same name and overwrites the tensor with the result (graphc.eager.write), so that
the rules and the mistakes are those of the function; and each returns the tensor itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.eager.new import New
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import special

Function = Callable[..., Any]


class InPlace(New):
    """`_update(f, *others)` is x = f(x, *others) and `_overwrite(value, key)` is x[key] = value, in x's memory."""

    __slots__ = ()

    def _update(self, function: Function, *others: Any) -> Any:
        raise NotImplementedError

    def _overwrite(self, value: Any, key: Any = ...) -> Any:
        raise NotImplementedError

    def __setitem__(self, key: Any, value: Any) -> None:
        """Raises IndexingError for an index that does not fit, ShapeError for a value that does not."""
        self._overwrite(value, key)

    # ------------------------------------------------------------------------------------------------- assignment

    def copy_(self, source: Any) -> Any:
        """The values of `source`, which broadcasts and is converted."""
        return self._overwrite(source)

    def fill_(self, value: Any) -> Any:
        return self._overwrite(value)

    def zero_(self) -> Any:
        return self._overwrite(0)

    def masked_fill_(self, mask: Any, value: Any) -> Any:
        return self._update(lambda x, v: fm.where(mask, v, x), value)

    # -------------------------------------------------------------------------------------------------- operators

    def __iadd__(self, other: Any) -> Any:
        return self._update(ew.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._update(ew.subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._update(ew.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._update(ew.divide, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._update(ew.floor_divide, other)

    def __imod__(self, other: Any) -> Any:
        return self._update(ew.remainder, other)

    def __ipow__(self, other: Any) -> Any:
        return self._update(fm.raised, other)

    def __iand__(self, other: Any) -> Any:
        return self._update(ew.bitwise_and, other)

    def __ior__(self, other: Any) -> Any:
        return self._update(ew.bitwise_or, other)

    def __ixor__(self, other: Any) -> Any:
        return self._update(ew.bitwise_xor, other)

    def add_(self, other: Any, *, alpha: float = 1) -> Any:
        """x + alpha * other"""
        return self._update(ew.add, other if alpha == 1 else ew.multiply(other, alpha))

    def sub_(self, other: Any, *, alpha: float = 1) -> Any:
        """x - alpha * other"""
        return self._update(ew.subtract, other if alpha == 1 else ew.multiply(other, alpha))

    def mul_(self, other: Any) -> Any:
        return self._update(ew.multiply, other)

    def div_(self, other: Any) -> Any:
        return self._update(ew.divide, other)

    def pow_(self, exponent: Any) -> Any:
        return self._update(fm.raised, exponent)

    # -------------------------------------------------------------------------------------------------- functions

    def clamp_(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - PyTorch's names
        return self._update(fm.clip, min, max)

    clip_ = clamp_

    def relu_(self) -> Any:
        return self._update(special.relu)

    def neg_(self) -> Any:
        return self._update(ew.negative)

    def abs_(self) -> Any:
        return self._update(ew.absolute)

    def exp_(self) -> Any:
        return self._update(ew.exp)

    def log_(self) -> Any:
        return self._update(ew.log)

    def sqrt_(self) -> Any:
        return self._update(ew.sqrt)

    def sin_(self) -> Any:
        return self._update(ew.sin)

    def cos_(self) -> Any:
        return self._update(ew.cos)

    def tanh_(self) -> Any:
        return self._update(ew.tanh)

    def sigmoid_(self) -> Any:
        return self._update(special.expit)

    def floor_(self) -> Any:
        return self._update(ew.floor)

    def ceil_(self) -> Any:
        return self._update(ew.ceil)

    def round_(self) -> Any:
        return self._update(fm.round)
