"""Every function of the namespace against NumPy's of that name: on arrays, on traced tensors, and called as `np.f`."""

from __future__ import annotations

from typing import Any

import numpy as np
import order_cases
import pytest
from numpy_cases import CASES, ELEMENTWISE, LINALG, SELF_MADE
from worlds import assert_same, worlds

import graphc.numpy as gnp
from graphc.numpy.dispatch import NAMES


def ids(case: tuple[Any, ...]) -> str:
    name, args, kwargs = case
    return f"{name}-{'-'.join(str(getattr(a, 'shape', a))[:20] for a in args)}-{kwargs}"


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty", "ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("case", ELEMENTWISE + CASES + order_cases.CASES, ids=ids)
def test_like_numpy(case: tuple[Any, ...]) -> None:
    name, args, kwargs = case
    compare(getattr(gnp, name), getattr(np, name), args, kwargs)


@pytest.mark.parametrize("case", LINALG, ids=ids)
def test_like_numpy_linalg(case: tuple[Any, ...]) -> None:
    name, args, kwargs = case
    compare(getattr(gnp.linalg, name), getattr(np.linalg, name), args, kwargs)


def compare(ours: Any, theirs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with np.errstate(all="ignore"):
        wanted = theirs(*args, **kwargs)
        for world, run in worlds(lambda *a: ours(*a, **kwargs), lambda *a: theirs(*a, **kwargs)):
            assert_same(run(*args), wanted, world)


def test_every_function_is_compared_with_numpy() -> None:
    compared = {name for name, _, _ in ELEMENTWISE + CASES + order_cases.CASES}
    same_object = {n for n, f in NAMES.items() for m in compared if NAMES[m] is f}
    assert set(NAMES) - compared - same_object - SELF_MADE - order_cases.SELF_MADE == set()
