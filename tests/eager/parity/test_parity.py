"""The eager twin against PyTorch's recorded values, and formulas compiled with their derivatives."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc import eager

from .families import FORMULAS, PROGRAMS
from .programs import Formula, derivatives, floats, plain, total, yielded

VALUES = json.loads(Path(__file__).with_name("values.json").read_text())


def test_no_case_is_missing():
    assert sorted(FORMULAS) == list(VALUES["formulas"]) and sorted(PROGRAMS) == list(VALUES["programs"])
    assert len(FORMULAS) >= 460 and len(PROGRAMS) >= 200


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    assert_same(yielded(eager, PROGRAMS[name]), VALUES["programs"][name], name)


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_on_the_tape(name):
    assert_same(derivatives(eager, FORMULAS[name]), VALUES["formulas"][name], name)


@pytest.mark.parametrize("name", [name for name, formula in FORMULAS.items() if formula.compiled])
def test_formulas_compiled(name):
    expected = VALUES["formulas"][name]
    assert_same(compiled(FORMULAS[name]), expected, name)


def compiled(formula: Formula) -> dict[str, Any]:
    """Value, gradient and second derivatives from one compiled function."""
    xs = [np.array(x, dtype=np.float64) for x in formula.inputs]
    arguments = tuple(range(len(xs)))

    def value(*xs):
        return formula.apply(eager, *xs)

    first = gx.grad(lambda *xs: total(eager, value(*xs)), arguments)
    second = gx.grad(lambda *xs: total(eager, first(*xs)), arguments)
    kinds = {"value": value, "first": first, "second": second}
    wanted = dict(list(kinds.items())[: formula.orders + 1])
    results = gx.jit(lambda *xs: [f(*xs) for f in wanted.values()])(*xs)
    return {kind: plain(as_tensors(r)) for kind, r in zip(wanted, results, strict=True)}


def as_tensors(result: Any) -> Any:
    return [as_tensors(r) for r in result] if isinstance(result, tuple | list) else eager.tensor(result)


def assert_same(got: Any, expected: Any, where: str) -> None:
    """Equal, floats but for rounding: both libraries compute in double precision, in another order."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for key in expected:
            assert_same(got[key], expected[key], f"{where}, {key}")
    elif isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected), f"{where}: {got} instead of {expected}"
        for k, (g, e) in enumerate(zip(got, expected, strict=True)):
            assert_same(g, e, f"{where}, {k}")
    elif isinstance(expected, float):
        close = math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-11)
        assert close or (math.isnan(got) and math.isnan(expected)), f"{where}: {got} instead of {expected}"
    else:
        assert type(got) is type(expected) and got == expected, f"{where}: {got} instead of {expected}"


def test_differences_are_found():
    with pytest.raises(AssertionError):
        assert_same(["float64", [1], [1.0]], ["float64", [1], [1.0 + 1e-6]], "values")
    with pytest.raises(AssertionError):
        assert_same(["float32", [1], [1.0]], ["float64", [1], [1.0]], "types")
    with pytest.raises(AssertionError):
        assert_same("works", "fails", "errors")
    assert floats([np.ones(2), np.arange(2)])[0].shape == (2,)
