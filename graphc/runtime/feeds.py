"""What may be fed: arrays of the declared shape, and of an element type that loses nothing on the way.

Arrays convert when NumPy calls the cast safe (int32 to float64, big-endian to native).  Python numbers and lists are
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

_REMEMBERED = 4096
_FIX_DTYPE = 'convert on purpose, e.g. value.astype("{}")'

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
    try:
        array = _weak(type_, value) if _is_weak(value) else _strict(type_, value)
    except _Refused as e:
        raise FeedError(
            f"the feed of {name!r} is {e.problem}",
            expected=str(type_), got=e.got, fix=e.fix, loc=user_location(),
        ) from None  # fmt: skip
    _check_shape(name, type_, array)
    return array


class _Refused(Exception):
    def __init__(self, problem: str, got: str, fix: str) -> None:
        self.problem, self.got, self.fix = problem, got, fix
        super().__init__(problem)


def _is_weak(value: Any) -> bool:
    return isinstance(value, bool | int | float | list | tuple) and not isinstance(value, np.generic)


def _weak(type_: Type, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise _Refused("no array", repr(value)[:60], "feed numbers in rows of equal length") from None
    if array.size == 0 and array.dtype == np.float64:  # an empty list has no element type of its own
        return array.astype(numpy_dtype(type_.dtype))
    _check_kind(array, type_)
    with np.errstate(all="ignore"):
        converted = array.astype(numpy_dtype(type_.dtype))
        same = _rounds(array, converted) if array.dtype.kind == converted.dtype.kind == "f" else _exact(array, converted)
    if not same:
        raise _Refused("a number that its type cannot hold", repr(value)[:60], "feed a number of the declared type")
    return converted


def _rounds(array: Array, converted: Array) -> bool:
    return np.array_equal(np.isfinite(array), np.isfinite(converted))


def _exact(array: Array, converted: Array) -> bool:
    back = converted.astype(array.dtype)
    return np.array_equal(back, array) and np.array_equal(converted < 0, array < 0)


def _strict(type_: Type, value: Any) -> Array:
    if isinstance(value, np.ndarray) and value.dtype == (dtype := numpy_dtype(type_.dtype)) and value.dtype.isnative:
        return value if type(value) is np.ndarray else np.asarray(value, dtype)
    array = _as_array(value)
    _check_kind(array, type_)
    if not np.can_cast(array.dtype, numpy_dtype(type_.dtype), "safe"):
        target = numpy_dtype(type_.dtype).name
        raise _Refused(
            f"{array.dtype.name}, which {target} cannot hold without loss", _described(array), _FIX_DTYPE.format(target)
        )
    return array.astype(numpy_dtype(type_.dtype))


def _as_array(value: Any) -> Array:
    if isinstance(getattr(value, "value", None), Value) or isinstance(value, Value | type(None)):
        raise _Refused("no array", repr(value)[:60], "feed numbers; tensors are the keys of a feed")
    try:
        return np.asarray(value)
    except (TypeError, ValueError, GraphcError):
        raise _Refused("no array", f"{type(value).__name__}", "feed a NumPy array or a number") from None


def _check_kind(array: Array, type_: Type) -> None:
    if array.dtype.kind not in "biuf":
        target = numpy_dtype(type_.dtype).name
        raise _Refused("not made of numbers", _described(array), f"feed an array of {target}")


def _described(array: Array) -> str:
    return f"{array.dtype.name}[{','.join(map(str, array.shape))}]"


def _check_shape(name: str, type_: Type, array: Array) -> None:
    fits = len(array.shape) == type_.ndim and all(
        not isinstance(want, int) or want == have for want, have in zip(type_.shape, array.shape, strict=True)
    )
    if not fits:
        raise FeedError(
            f"the feed of {name!r} has the wrong shape",
            expected=str(type_),
            got=_described(array),
            fix="feed an array of the declared shape, or declare the extent with Dim",
            loc=user_location(),
        )
