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
from graphc.numpy.pytorch import elementwise as named
from graphc.numpy.pytorch import selection, shapes

Function = Callable[..., Any]


def changed_by(function: Function) -> Function:
    """The method x = function(x, ...)."""

    def method(self: InPlace, *others: Any) -> Any:
        return self._update(function, *others)

    method.__doc__ = f"`{function.__name__}`, in place."
    return method


def changed_with(function: Function) -> Function:
    """The method x = function(x, ...), where the function has options."""

    def method(self: InPlace, *others: Any, **options: Any) -> Any:
        return self._update(lambda x, *rest: function(x, *rest, **options), *others)

    method.__doc__ = f"`{function.__name__}`, in place."
    return method


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

    def index_put_(self, indices: Any, values: Any, accumulate: bool = False) -> Any:
        """x[indices] = values, or with `accumulate` those places and the values added up."""
        key = tuple(indices)
        return self._overwrite(self[key] + values if accumulate else values, key)

    def scatter_(self, dim: int, index: Any, src: Any) -> Any:
        """x[i, index[i, j]] = src[i, j] for dim 1; src may be a number.  Of equal places the last one counts."""
        return self._overwrite(*selection.scattered(self, dim, index, src))

    def scatter(self, dim: int, index: Any, src: Any) -> Any:
        """A copy after `scatter_`."""
        return self.clone().scatter_(dim, index, src)

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

    mul_ = multiply_ = changed_by(ew.multiply)
    true_divide_ = changed_by(ew.divide)
    pow_ = changed_by(fm.raised)
    floor_divide_, remainder_, fmod_ = changed_by(ew.floor_divide), changed_by(ew.remainder), changed_by(ew.fmod)
    hypot_, copysign_, lerp_ = changed_by(fm.hypot), changed_by(ew.copysign), changed_by(named.lerp)
    addcmul_, addcdiv_ = changed_with(named.addcmul), changed_with(named.addcdiv)
    scatter_add_, index_add_ = changed_by(selection.scatter_add), changed_with(selection.index_add)

    def add_(self, other: Any, *, alpha: float = 1) -> Any:
        """x + alpha * other"""
        return self._update(ew.add, other if alpha == 1 else ew.multiply(other, alpha))

    def sub_(self, other: Any, *, alpha: float = 1) -> Any:
        """x - alpha * other"""
        return self._update(ew.subtract, other if alpha == 1 else ew.multiply(other, alpha))

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Any:
        if rounding_mode is None:
            return self._update(ew.divide, other)
        return self._update(lambda x, y: named.div(x, y, rounding_mode=rounding_mode), other)

    subtract_, divide_ = sub_, div_

    # -------------------------------------------------------------------------------------------------- functions

    def clamp_(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - PyTorch's names
        return self._update(fm.clip, min, max)

    clip_ = clamp_
    clamp_min_, clamp_max_ = changed_by(named.clamp_min), changed_by(named.clamp_max)
    relu_, sigmoid_, tanh_ = changed_by(special.relu), changed_by(special.expit), changed_by(ew.tanh)
    neg_ = negative_ = changed_by(ew.negative)
    abs_ = absolute_ = changed_by(ew.absolute)
    exp_, exp2_, expm1_ = changed_by(ew.exp), changed_by(ew.exp2), changed_by(ew.expm1)
    log_, log2_, log10_, log1p_ = changed_by(ew.log), changed_by(ew.log2), changed_by(ew.log10), changed_by(ew.log1p)
    sqrt_, rsqrt_, square_ = changed_by(ew.sqrt), changed_by(special.rsqrt), changed_by(fm.square)
    reciprocal_, erf_, erfc_ = changed_by(fm.reciprocal), changed_by(special.erf), changed_by(special.erfc)
    sin_, cos_, tan_ = changed_by(ew.sin), changed_by(ew.cos), changed_by(ew.tan)
    asin_, acos_, atan_ = changed_by(ew.arcsin), changed_by(ew.arccos), changed_by(ew.arctan)
    sinh_, cosh_ = changed_by(ew.sinh), changed_by(ew.cosh)
    floor_, ceil_, trunc_, frac_ = (
        changed_by(ew.floor),
        changed_by(ew.ceil),
        changed_by(ew.trunc),
        changed_by(named.frac),
    )
    round_, sign_ = changed_with(fm.round), changed_by(ew.sign)
    nan_to_num_, tril_, triu_ = changed_with(fm.nan_to_num), changed_with(shapes.tril), changed_with(shapes.triu)
