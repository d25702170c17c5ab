"""The same calls as tests/numpy, compiled: native code against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy_cases import CASES, ELEMENTWISE, LINALG
from worlds import assert_same

import graphc as gx


def is_array(a: Any) -> bool:
    return isinstance(a, np.ndarray)


def compiled(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """f by NumPy's own name, on the arrays among the arguments (and in lists of them); the others are constants."""
    inputs = [a for a in args if is_array(a) or (isinstance(a, list) and any(map(is_array, a)))]

    def program(*traced: Any) -> Any:
        given = iter(traced)
        return f(*(next(given) if any(a is i for i in inputs) else a for a in args), **kwargs)

    return gx.jit(program)(*inputs)


def check(f: Any, case: tuple[Any, ...]) -> None:
    _, args, kwargs = case
    with np.errstate(all="ignore"):
        assert_same(compiled(f, args, kwargs), f(*args, **kwargs))


@pytest.mark.parametrize("case", CASES + ELEMENTWISE[::7], ids=lambda c: c[0])
def test_functions(case: tuple[Any, ...]) -> None:
    check(getattr(np, case[0]), case)


@pytest.mark.parametrize("case", LINALG, ids=lambda c: c[0])
def test_linalg(case: tuple[Any, ...]) -> None:
    check(getattr(np.linalg, case[0]), case)
