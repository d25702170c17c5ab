"""NumPy's own functions applied to tensors: which of ours stands for which of NumPy's.

The tables follow from the names: what a module of this package exports under a name of NumPy's stands for it.  What is
not there raises UnsupportedError and names the nearest; nothing falls back to arrays in silence.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any

import numpy as np

from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.numpy import (
    cumulative,
    elementwise,
    formulas,
    indexing,
    joining,
    like,
    linalg,
    linear_algebra,
    movement,
    reductions,
    sorting,
    special,
    summation,
)
from graphc.numpy.promote import as_tensor, cast_to
from graphc.records import dataclass

Function = Callable[..., Any]

_MODULES = (
    elementwise, formulas, reductions, movement, joining, indexing, linear_algebra, summation, like, special,
    cumulative, sorting,
)  # fmt: skip
NAMES: dict[str, Function] = {name: getattr(module, name) for module in _MODULES for name in module.__all__}
"""Our functions; a ufunc of NumPy or SciPy is looked up here by its name."""

FUNCTIONS: dict[Function, Function] = {
    **{getattr(np, name): f for name, f in NAMES.items() if hasattr(np, name)},
    **{getattr(np.linalg, name): getattr(linalg, name) for name in linalg.__all__ if hasattr(np.linalg, name)},
}
"""NumPy's functions that are no ufuncs, and ours."""

_METHODS: dict[tuple[str, str], Function] = {
    ("reduce", "add"): reductions.sum,
    ("reduce", "multiply"): reductions.prod,
    ("reduce", "maximum"): reductions.max,
    ("reduce", "minimum"): reductions.min,
    ("reduce", "logical_and"): reductions.all,
    ("reduce", "logical_or"): reductions.any,
    ("accumulate", "add"): cumulative.cumsum,
    ("accumulate", "multiply"): cumulative.cumprod,
    ("accumulate", "maximum"): cumulative.cummax,
    ("accumulate", "minimum"): cumulative.cummin,
    ("accumulate", "logaddexp"): cumulative.logcumsumexp,
}
"""Methods of ufuncs: `np.maximum.reduce(x)`."""


def unsupported(what: str, fix: str = "") -> UnsupportedError:
    near = difflib.get_close_matches(what.rpartition(".")[2], NAMES, n=3, cutoff=0.7)
    return UnsupportedError(
        f"{what} is not there for tensors",
        expected=f"a function that graphc has; the nearest names: {', '.join(near)}" if near else "",
        fix=fix or "the same with functions that dir(graphc.numpy) lists",
        loc=user_location(),
    )


# --------------------------------------------------------------------------------------------------------- ufuncs


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What NumPy's `__array_ufunc__` asks for: a call, or reduce, accumulate and outer of those that have them."""
    given = {k: v for k, v in options.items() if v is not None and not (k == "where" and v is True)}
    if method == "__call__":
        return _call(ufunc, inputs, given)
    if method == "outer":
        a, b = map(as_tensor, inputs)
        return _call(ufunc, (movement.reshape(a, (*a.shape, *(1,) * len(b.shape))), b), given)
    ours = _METHODS.get((method, ufunc.__name__))
    if ours is None:
        raise unsupported(f"np.{ufunc.__name__}.{method}")
    axis = inputs[1] if len(inputs) > 1 else options.get("axis", 0)
    return _checked(f"np.{ufunc.__name__}.{method}", ours, (inputs[0],), {**given, "axis": axis})


def _call(ufunc: np.ufunc, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    ours = NAMES.get(ufunc.__name__)
    if ours is None:
        raise unsupported(f"np.{ufunc.__name__}")
    dtype = options.pop("dtype", None)
    if dtype is not None:
        inputs = [cast_to(as_tensor(x), dtype) for x in inputs]
    return _checked(f"np.{ufunc.__name__}", ours, inputs, options)


# ------------------------------------------------------------------------------------------------ other functions


def apply_function(func: Function, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What NumPy's `__array_function__` asks for."""
    name = f"{func.__module__}.{func.__name__}"
    ours = FUNCTIONS.get(func)
    if ours is None:
        raise unsupported(name)
    pattern = _pattern(func, ours)
    if len(args) > pattern.shared:
        options = {**dict(zip(pattern.names[pattern.shared :], args[pattern.shared :], strict=False)), **options}
        args = args[: pattern.shared]
    given = {k: v for k, v in options.items() if k in pattern.accepted or not pattern.is_default(k, v)}
    return _checked(name, ours, args, given)


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a call of NumPy's function becomes a call of ours: `shared` leading parameters mean the same in both."""

    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    shared: int
    accepted: frozenset[str]

    def is_default(self, name: str, value: Any) -> bool:
        return name in self.defaults and (value is self.defaults[name] or value is None)


@lru_cache(maxsize=1024)
def _pattern(theirs: Function, ours: Function) -> Pattern:
    their, our = _parameters(theirs), _parameters(ours)
    names = tuple(p.name for p in their)
    if any(p.kind is Parameter.VAR_POSITIONAL for p in our):
        return Pattern(names, {}, 1 << 30, frozenset())
    same = [_means_same(p, q) for p, q in zip(their, our, strict=False)]
    shared = same.index(False) if False in same else len(same)
    keywords = frozenset(p.name for p in our if p.kind is not Parameter.POSITIONAL_ONLY)
    return Pattern(names, {p.name: p.default for p in their}, shared, keywords)


def _means_same(p: Parameter, q: Parameter) -> bool:
    return p.name == q.name or Parameter.POSITIONAL_ONLY in (p.kind, q.kind)


def _parameters(f: Function) -> list[Parameter]:
    try:
        return list(signature(f).parameters.values())
    except ValueError:  # a few of NumPy's functions are written in C and have no signature: ours is taken for theirs
        return []


def _checked(name: str, ours: Function, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call ours, unless an option is one that it does not have."""
    unknown = [k for k in options if k not in _keywords(ours)]
    if unknown:
        raise unsupported(f"the option {unknown[0]!r} of {name}", _FIXES.get(unknown[0], f"{name} without it"))
    return ours(*args, **options)


@lru_cache(maxsize=1024)
def _keywords(f: Function) -> frozenset[str]:
    kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return frozenset(p.name for p in signature(f).parameters.values() if p.kind in kinds)


_FIXES = {"out": "y = f(x): a tensor is not written into", "where": "np.where(condition, f(x), y)"}
