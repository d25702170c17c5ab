"""Numbers where an entry asks for arrays without axes: NumPy's scalars and Python's floats."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from codegen.entries import NUMBER_TYPES, STRANGE, Bind, F, copy_spec

from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.entry import ArrayType, EntrySpec, Input, Number


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
def test_scalars_of_the_very_type_are_arrays_without_axes(bind: Bind, dtype: str) -> None:
    kind = numpy_dtype(dtype)
    f = bind(copy_spec(ArrayType(dtype, ()), kind.itemsize))
    for value in (kind.type(1), np.array(1, kind), kind.type(0)):
        count = sys.getrefcount(value)
        found = f(value)
        assert type(found) is np.ndarray and found.shape == () and found.dtype == kind and found == value
        assert sys.getrefcount(value) == count
    for other in (1, 1.0, True, np.ones(1, kind), *(numpy_dtype(t).type(1) for t in NUMBER_TYPES if t != dtype)):
        assert f(other)[0] == "slow"


FLOATS = [0.0, -0.0, 0.1, -1e-300, 3.4028235677973366e38, float("inf"), -float("inf"), float("nan"), 5e-324]


def bits(x: Any, dtype: str) -> bytes:
    return np.array(x, dtype).tobytes()


@pytest.mark.parametrize("value", FLOATS)
def test_a_python_float_may_stand_for_any_float(bind: Bind, value: float) -> None:
    for t, dtype in (("f64", "f8"), ("f32", "f4")):
        f = bind(copy_spec(ArrayType(t, ()), int(dtype[1]), weak=None))
        with np.errstate(over="ignore"):
            is_held = np.isinf(np.float32(value)) == np.isinf(value) or t == "f64"
            if is_held:
                assert f(value).tobytes() == bits(value, dtype) and f(np.array(value, dtype)).shape == ()
            else:
                assert f(value) == ("slow", (value,))
        assert f(np.dtype(dtype).type(2)) == 2
        assert f(3)[0] == f(True)[0] == f(np.float16(1))[0] == "slow"
    for t in ("f16", "i64", "bool"):
        assert bind(copy_spec(ArrayType(t, ()), 1, weak=None))(1.0) == ("slow", (1.0,))


def test_where_a_python_float_is_asked_for_nothing_else_will_do(bind: Bind) -> None:
    f = bind(copy_spec(ArrayType("f64", ()), 8, weak=(0,)))
    for value in FLOATS:
        assert f(value).tobytes() == bits(value, "f8")
    for other in (np.float64(1), np.array(1.0), 1, True, "1.0", None):
        assert f(other) == ("slow", (other,))


def test_numbers_beside_strided_arrays(bind: Bind) -> None:
    """The arrays are copied, the numbers stay; what is neither goes to the slow path uncopied."""
    spec = EntrySpec((F, ArrayType("f64", ())), (F,), copy_spec().words, is_single=True, weak=None)
    f, odd = bind(spec), STRANGE["strides"]
    for number in (2.5, np.float64(2), np.array(2.0)):
        np.testing.assert_array_equal(f(odd, number), odd)
    for other in (2, "two", np.float32(2)):
        assert f(odd, other)[0] == "slow"
    assert f(odd, None)[1][0] is odd


def test_numbers_beside_arrays_that_are_written_to(bind: Bind) -> None:
    types = (F, ArrayType("f64", ()))
    words = Input(0), Input(0), Number(0), Number(0)
    spec = EntrySpec(types, (F,), words, is_single=True, weak=None, written=(0,), returned=((0, 0),))
    f, x = bind(spec), np.ones((2, 3), "f4")
    for number in (2.5, np.float64(2), np.array(2.0)):
        assert f(x, number) is x
    x.flags.writeable = False
    assert f(x, 2.5) is not x
    given = EntrySpec(types[::-1], (types[1],), words, is_single=True, weak=None, written=(0,), returned=((0, 0),))
    assert bind(given)(2.5, x)[0] == bind(given)(np.float64(1), x)[0] == "slow"  # no memory to write to
