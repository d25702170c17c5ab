"""What may be fed: arrays of the declared shape, and of an element type that loses nothing on the way.

Arrays convert when NumPy calls the cast safe (int32 to float64, big-endian to native) and it is: NumPy calls int64 to
float64 safe as well, which holds up to 2**53.  Python numbers and lists are
weak, as in NumPy 2: a Python float rounds to the precision of the placeholder; everything else must be exact.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from graphc.errors import FeedError, GraphcError
from graphc.ir.evaluate import bind_dims
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.ir.types import Type, numpy_dtype
from graphc.numpy.tensor import Tensor
from graphc.records import dataclass

_REMEMBERED = 4096

Array = np.ndarray[Any, Any]


class FeedCheck:
    """Checks and converts the arrays of one list of feeds; a combination of types seen before passes at once."""

    __slots__ = ("_accepted", "names", "types")

    def __init__(self, names: Sequence[str], types: Sequence[Type]) -> None:
        self.names, self.types = tuple(names), tuple(types)
        self._accepted: set[tuple[Any, ...]] = set()

    def __call__(self, values: Collection[Any]) -> Collection[Array]:
        """The values as arrays of the declared types.  Raises FeedError."""
        try:
            signature = tuple([(v.__class__, v.dtype, v.shape) for v in values])
            if signature in self._accepted:
                return values
        except (AttributeError, TypeError):  # no array, or a dtype that is none: the long way decides
            signature = ()
        arrays = [feed_array(n, t, v) for n, t, v in zip(self.names, self.types, values, strict=True)]
        self._check_extents(arrays)
        if signature and all(a is v for a, v in zip(arrays, values, strict=True)):
            self._remember(signature)
        return arrays

    def _remember(self, signature: tuple[Any, ...]) -> None:
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        self._accepted.add(signature)

    def _check_extents(self, arrays: Sequence[Array]) -> None:
        """Symbolic extents that occur in several feeds must agree."""
        if not all(t.is_static for t in self.types):
            try:
                bind_dims(self.types, arrays)
            except FeedError as e:
                raise FeedError(
                    f"the feeds {', '.join(self.names)} do not fit together: {e.problem}",
                    expected=e.expected or ", ".join(f"{n}: {t}" for n, t in zip(self.names, self.types, strict=True)),
                    got=e.got or ", ".join(str(a.shape) for a in arrays),
                    fix="feed arrays that agree in the extent",
                    loc=user_location(),
                ) from None


def feed_array(name: str, type_: Type, value: Any) -> Array:
    """`value` as an array of `type_`, the same object when it is one already.  Raises FeedError."""
    feed = _Feed(name, type_)
    array = feed.from_python(value) if _is_weak(value) else feed.from_array(value)
    if not _fits(type_, array.shape):
        raise feed.error("has the wrong shape", _described(array), "feed the declared shape, or declare it with Dim")
    return array


def _is_weak(value: Any) -> bool:
    return isinstance(value, bool | int | float | list | tuple) and not isinstance(value, np.generic)


@dataclass(frozen=True, slots=True)
class _Feed:
    """One tensor that is fed: how values convert to its element type."""

    name: str
    type: Type

    @property
    def dtype(self) -> np.dtype[Any]:
        return numpy_dtype(self.type.dtype)

    def from_python(self, value: Any) -> Array:
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            raise self.error("is no array", repr(value)[:60], "feed numbers in rows of equal length") from None
        if array.size == 0 and array.dtype == np.float64:  # an empty list has no element type of its own
            return array.astype(self.dtype)
        self._check_numbers(array)
        with np.errstate(all="ignore"):
            converted = array.astype(self.dtype)
            floats = array.dtype.kind == converted.dtype.kind == "f"
            same = _rounds(array, converted) if floats else _exact(array, converted)
        if not same:
            raise self.error("is a number that its type does not hold", repr(value)[:60], "feed one in its range")
        return converted

    def from_array(self, value: Any) -> Array:
        if type(value) is np.ndarray and value.dtype == self.dtype and value.dtype.isnative:
            return value
        array = self._as_array(value)
        self._check_numbers(array)
        with np.errstate(all="ignore"):
            converted = array.astype(self.dtype)
        if not np.can_cast(array.dtype, self.dtype, "safe") or not _exact(array, converted):
            problem = f"is {array.dtype.name}, which {self.dtype.name} does not hold without loss"
            raise self.error(problem, _described(array), f'convert on purpose: value.astype("{self.dtype.name}")')
        return converted

    def error(self, problem: str, got: str, fix: str) -> FeedError:
        return FeedError(
            f"the feed of {self.name!r} {problem}", expected=str(self.type), got=got, fix=fix, loc=user_location()
        )

    def _as_array(self, value: Any) -> Array:
        if isinstance(value, Tensor | Value):
            raise self.error("is a tensor of a graph", repr(value), "feed numbers; tensors are the keys of a feed")
        try:
            return np.asarray(value)
        except (TypeError, ValueError, GraphcError):
            raise self.error("is no array", type(value).__name__, "feed a NumPy array or a number") from None

    def _check_numbers(self, array: Array) -> None:
        if array.dtype.kind not in "biuf":
            raise self.error("is not made of numbers", _described(array), f"feed an array of {self.dtype.name}")


def _rounds(array: Array, converted: Array) -> bool:
    return np.array_equal(np.isfinite(array), np.isfinite(converted))


def _exact(array: Array, converted: Array) -> bool:
    back = converted.astype(array.dtype)
    return np.array_equal(back, array, equal_nan=True) and np.array_equal(converted < 0, array < 0)


def _fits(type_: Type, shape: tuple[int, ...]) -> bool:
    return len(shape) == type_.ndim and all(
        not isinstance(want, int) or want == have for want, have in zip(type_.shape, shape, strict=True)
    )


def _described(array: Array) -> str:
    return f"{array.dtype.name}[{','.join(map(str, array.shape))}]"
