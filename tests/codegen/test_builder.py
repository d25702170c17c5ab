"""Every operation of the builder, for every element type, scalar and vector, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from codegen.native import run_elementwise

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.engine import host
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Let

INTEGERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
FLOATS = ["f32", "f64"]
COMPARE: dict[str, Callable[..., Any]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
Array = np.ndarray[Any, Any]


def width_of(*dtypes: str) -> int:
    return min(16, 64 // max(ITEMSIZE[t] for t in dtypes))


def integers(dtype: str) -> tuple[Array, Array]:
    """All pairs of the edges of the type and some random values."""
    t, r = numpy_dtype(dtype), np.random.default_rng(0)
    info = np.iinfo(t)
    edges = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 5, 7, 8, 31, 33, 63, 64, 65]
    edges += [-1, -2, -3, -7] if info.min else []
    values = np.array([e for e in edges if info.min <= e <= info.max] + list(r.integers(info.min, info.max, 11, t)), t)
    x, y = np.meshgrid(values, values)
    return x.ravel().copy(), y.ravel().copy()


def floats(dtype: str) -> tuple[Array, Array]:
    t, r = numpy_dtype(dtype), np.random.default_rng(1)
    tiny = float(np.finfo(t).smallest_subnormal)
    edges = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -7.0, np.inf, -np.inf, np.nan, tiny, -tiny, 1e30]
    values = np.array(edges + list(r.standard_normal(12) * 100), t)
    x, y = np.meshgrid(values, values)
    return x.ravel().copy(), y.ravel().copy()


def truncated(x: Array, y: Array) -> Array:
    """Integer division towards zero, with 0 for a zero divisor, by Python's exact integers."""
    pairs = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    exact = [0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a, b in pairs]
    bits = 8 * x.itemsize
    return np.array([q % (1 << bits) for q in exact], f"u{x.itemsize}").view(x.dtype)


def check(got: dict[str, Array], want: dict[str, Any]) -> None:
    for name, w in want.items():
        np.testing.assert_array_equal(got[name], w, err_msg=name)
        if got[name].dtype.kind == "f":
            w = np.asarray(w)
            same = np.signbit(got[name]) == np.signbit(w)
            assert np.all(same | np.isnan(w)), f"{name}: signs of zero"


@pytest.mark.parametrize("vector", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_arithmetic(dtype: str, vector: bool) -> None:
    x, y = integers(dtype)
    ops: dict[str, Callable[..., Any]] = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "floordiv": np.floor_divide,
        "mod": np.remainder,
        "quotient": truncated,
        "rest": lambda a, b: np.where(b == 0, 0, a - b * truncated(a, b)),
        "and_": np.bitwise_and,
        "or_": np.bitwise_or,
        "xor": np.bitwise_xor,
        "shl": np.left_shift,
        "shr": np.right_shift,
        "maximum": np.maximum,
        "minimum": np.minimum,
    }
    one: dict[str, Callable[..., Any]] = {"neg": np.negative, "abs": np.abs, "not_": np.invert, "floor": lambda a: a}
    lets = [Let(op, op, ("x", "y"), dtype) for op in ops] + [Let(op, op, ("x",), dtype) for op in one]
    lets += [Let(op, op, ("x", "y"), "bool") for op in COMPARE]
    got = run_elementwise(lets, {"x": (dtype, x), "y": (dtype, y)}, width_of(dtype) if vector else 1)
    with np.errstate(all="ignore"):
        want = {op: f(x, y) for op, f in (ops | COMPARE).items()} | {op: f(x) for op, f in one.items()}
        check(got, want)


@pytest.mark.parametrize("number", [1, 3, 7, 0])
@pytest.mark.parametrize("dtype", ["i32", "u8", "i64"])
def test_division_and_shift_by_a_number(dtype: str, number: int) -> None:
    x, _ = integers(dtype)
    ops = {"floordiv": np.floor_divide, "mod": np.remainder, "shl": np.left_shift, "shr": np.right_shift}
    got = run_elementwise([Let(op, op, ("x", number), dtype) for op in ops], {"x": (dtype, x)}, width_of(dtype))
    with np.errstate(all="ignore"):
        check(got, {op: f(x, numpy_dtype(dtype).type(number)) for op, f in ops.items()})


@pytest.mark.parametrize("vector", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_float_arithmetic(dtype: str, vector: bool) -> None:
    x, y = floats(dtype)
    ops: dict[str, Callable[..., Any]] = {
        "add": np.add,
        "xsub": np.subtract,
        "mul": np.multiply,
        "div": np.divide,
        "rest": np.fmod,
        "floordiv": np.floor_divide,
        "mod": np.remainder,
        "copysign": np.copysign,
    }
    one: dict[str, Callable[..., Any]] = {
        "neg": np.negative,
        "abs": np.abs,
        "sqrt": np.sqrt,
        "floor": np.floor,
        "ceil": np.ceil,
        "rint": np.rint,
        "trunc": np.trunc,
    }
    lets = [Let(op, op, ("x", "y"), dtype) for op in ops] + [Let(op, op, ("x",), dtype) for op in one]
    lets += [Let(op, op, ("x", "y"), "bool") for op in COMPARE] + [Let("isnan", "isnan", ("x",), "bool")]
    got = run_elementwise(lets, {"x": (dtype, x), "y": (dtype, y)}, width_of(dtype) if vector else 1)
    with np.errstate(all="ignore"):
        want = {op: f(x, y) for op, f in (ops | COMPARE).items()} | {op: f(x) for op, f in one.items()}
        check(got, want | {"isnan": np.isnan(x)})


@pytest.mark.parametrize("dtype", FLOATS)
def test_extremes_of_floats_propagate_nan(dtype: str) -> None:
    x, y = floats(dtype)
    ops = {"maximum": np.maximum, "minimum": np.minimum}
    got = run_elementwise([Let(op, op, ("x", "y"), dtype) for op in ops], {"x": (dtype, x), "y": (dtype, y)}, 8)
    for op, f in ops.items():
        np.testing.assert_array_equal(got[op], f(x, y), err_msg=op)


@pytest.mark.parametrize("dtype", FLOATS)
def test_fma_rounds_once(dtype: str) -> None:
    if "fma" not in host().features:
        pytest.skip("this target has no fused multiply-add")
    x = 1 + np.finfo(numpy_dtype(dtype)).eps * np.arange(1, 40, dtype=numpy_dtype(dtype))
    got = run_elementwise([Let("z", "fma", ("x", "x", -1.0), dtype)], {"x": (dtype, x)}, width_of(dtype))["z"]
    np.testing.assert_array_equal(got, [x.dtype.type(float(Fraction(float(v)) ** 2 - 1)) for v in x])


@pytest.mark.parametrize("vector", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("source", ["bool", *INTEGERS, "f16", *FLOATS])
def test_casts(source: str, vector: bool) -> None:
    t = numpy_dtype(source)
    if source == "bool":
        x = np.array([True, False, True])
    elif t.kind == "f":
        x = np.array([0.0, -0.0, 0.5, 1.0, 1.5, 100.7, 65504, 2.0**-24, 3e-8, 5.96e-8, 0.1, 1 / 3], t)
    else:
        x, _ = integers(source)
    targets = ["bool", *INTEGERS, "f16", *FLOATS]
    lets = [Let(to, "to_half", ("x",), "f32") if to == "f16" else Let(to, "cast", ("x",), to) for to in targets]
    got = run_elementwise(lets, {"x": (source, x)}, width_of(*targets) if vector else 1)
    with np.errstate(all="ignore"):
        want = {to: x.astype(numpy_dtype(to)) for to in targets}
    if t.kind == "f":
        whole = x.astype("f8") < 128
        got, want = ({to: v[whole] if to in ("i8", "u8", "i16") else v for to, v in m.items()} for m in (got, want))
    check(got, want)


@pytest.mark.parametrize("source", FLOATS)
def test_casts_to_integers_saturate(source: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, -0.9, 300.0, -300.0, -1.0], numpy_dtype(source))
    got = run_elementwise([Let(to, "cast", ("x",), to) for to in INTEGERS], {"x": (source, x)}, 8)
    for to in INTEGERS:
        info = np.iinfo(numpy_dtype(to))
        clipped = [0 if np.isnan(v) else min(max(v, info.min), info.max) for v in x]
        np.testing.assert_array_equal(got[to], np.array([int(v) for v in clipped], numpy_dtype(to)), err_msg=to)


def test_double_to_half_rounds_once() -> None:
    half = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype("f8")
    middle = (half[:-1] + half[1:]) / 2
    x = np.concatenate([half, middle, np.nextafter(middle, 0), np.nextafter(middle, np.inf), -middle, [1e9, np.nan]])
    with np.errstate(over="ignore"):
        want = x.astype("f2")
    got = run_elementwise([Let("h", "to_half", ("x",), "f32")], {"x": ("f64", x)}, 8)["h"]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("width", [1, 16])
def test_half_precision_is_computed_in_single(width: int) -> None:
    x = np.random.default_rng(2).standard_normal(50).astype("f2")
    lets = [Let("a", "mul", ("x", 3.0), "f32"), Let("b", "to_half", ("a",), "f32")]
    got = run_elementwise(lets, {"x": ("f16", x)}, width)
    np.testing.assert_array_equal(got["a"], x.astype("f4") * np.float32(3))
    np.testing.assert_array_equal(got["b"], (x.astype("f4") * np.float32(3)).astype("f2"))


@pytest.mark.parametrize("width", [1, 16])
def test_booleans(width: int) -> None:
    x, y = np.array([False, False, True, True] * 5), np.array([False, True] * 10)
    ops: dict[str, Callable[..., Any]] = {
        "and_": np.logical_and,
        "or_": np.logical_or,
        "xor": np.logical_xor,
        "add": np.add,
        "mul": np.multiply,
        "maximum": np.maximum,
        "minimum": np.minimum,
    }
    lets = [Let(op, op, ("x", "y"), "bool") for op in (ops | COMPARE)] + [Let("not_", "not_", ("x",), "bool")]
    got = run_elementwise(lets, {"x": ("bool", x), "y": ("bool", y)}, width)
    check(got, {op: f(x, y) for op, f in (ops | COMPARE).items()} | {"not_": ~x})


def test_select_and_bits_and_mixed_types() -> None:
    x, n = np.linspace(-3, 3, 37).astype("f4"), np.arange(37) - 18
    lets = [
        Let("c", "gt", ("x", 0.0), "bool"),
        Let("s", "select", ("c", "x", -1.0), "f32"),
        Let("b", "bits", ("x",), "i32"),
        Let("r", "real", ("b",), "f32"),
        Let("d", "cast", ("x",), "f64"),
        Let("m", "cast", ("n",), "f64"),
        Let("p", "mul", ("d", "m"), "f64"),
        Let("k", "const", (7,), "i8"),
    ]
    got = run_elementwise(lets, {"x": ("f32", x), "n": ("i64", n)}, 8)
    p = x.astype("f8") * n
    check(got, {"c": x > 0, "s": np.where(x > 0, x, np.float32(-1)), "b": x.view("i4"), "r": x, "p": p})
    assert set(got["k"]) == {7}


def test_tables_and_exponents_of_avx512() -> None:
    if "avx512" not in host().features:
        pytest.skip("this target has no AVX-512")
    for dtype, lanes in (("f32", 16), ("f64", 8)):
        b = Builder(host().features)
        x = b.number(1.0, dtype, lanes)
        assert b.wide(x)
        assert not b.wide(b.number(1.0, dtype, lanes // 2))
        assert f"getexp.p{'s' if dtype == 'f32' else 'd'}" in _text(b, b.getexp(x))


@pytest.mark.parametrize(("dtype", "lanes"), [("f32", 16), ("f64", 8)])
def test_what_replaces_special_values_is_coded_in_four_bits_a_kind(dtype: str, lanes: int) -> None:
    if "avx512" not in host().features:
        pytest.skip("this target has no AVX-512")
    b = Builder(host().features)
    value, x = b.number(1.0, dtype, lanes), b.number(0.0, dtype, lanes)
    text = _text(b, b.fixup(value, x, zero="-inf", infinity="x", negative="nan"))
    assert "mask.fixupimm" in text
    assert f"{0x0_3_1_0_0_4_0_0}" in text  # kinds from the right: NaNs, zero, one, infinities, negative, positive


def _text(b: Builder, v: Any) -> str:
    return next(line for line in b.here.lines if line.startswith(f"{v.text} ="))


def test_operands_of_different_types_are_refused() -> None:
    b = Builder(frozenset())
    with pytest.raises(TypeError, match="one type"):
        b.add(b.number(1, "i32"), b.number(1, "i64"))
    with pytest.raises(TypeError, match="floats"):
        b.div(b.number(1, "i32"), 2)
    with pytest.raises(ValueError, match="has no"):
        b.getexp(b.number(1.0, "f32"))
    with pytest.raises(ValueError, match="lowering"):
        b.intrinsic("exp", b.number(1.0, "f32"))
    with pytest.raises(AttributeError, match="no operation"):
        b.frobnicate(1)


def check_division(dtype: str, x: Array, y: Array) -> None:
    ops: dict[str, Callable[..., Any]] = {"floordiv": np.floor_divide, "mod": np.remainder, "rest": np.fmod}
    lets = [Let(op, op, ("x", "y"), dtype) for op in ops]
    got = run_elementwise(lets, {"x": (dtype, x), "y": (dtype, y)}, width_of(dtype))
    with np.errstate(all="ignore"):
        check(got, {op: f(x, y) for op, f in ops.items()})


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division_next_to_multiples(dtype: str) -> None:
    """Where a rounded quotient would reach the next integer; 64 bits also around 2^52, where another method starts."""
    t, r, count = numpy_dtype(dtype), np.random.default_rng(2), 4000
    info = np.iinfo(t)
    y = (2.0 ** r.uniform(0, np.log2(float(info.max)), count)).astype(t)
    k = (2.0 ** r.uniform(0, 1, count) * float(info.max) / y.astype(float) / 2.0 ** r.integers(1, 14, count)).astype(t)
    x = k * y + r.integers(0, 3, count).astype(t) - t.type(1)
    signs = r.choice(np.array([-1, 1], np.int64), (2, count)).astype(t) if info.min else np.ones((2, count), t)
    check_division(dtype, x * signs[0], y * signs[1])


@pytest.mark.parametrize("dtype", FLOATS)
def test_float_division_next_to_multiples(dtype: str) -> None:
    """Quotients of few and many bits, rounded up or exact, of numbers of every size, some subnormal."""
    t, r, count = numpy_dtype(dtype), np.random.default_rng(3), 8000
    y = (2.0 ** r.uniform(-120, 100, count) * r.choice([-1, 1], count)).astype(t)
    y[::5] *= np.finfo(t).smallest_normal * t.type(2.0**60)
    k = np.rint(2.0 ** r.uniform(0, 26 if dtype == "f32" else 55, count)).astype(t)
    x = np.where(r.random(count) < 0.5, k * y, r.standard_normal(count) * y).astype(t)
    for _ in range(2):
        x = np.where(r.random(count) < 0.3, np.nextafter(x, t.type(0)), x)
    check_division(dtype, x, y)


@pytest.mark.parametrize("vector", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("source", FLOATS)
def test_float_to_integer_saturates(source: str, dtype: str, vector: bool) -> None:
    t, info = numpy_dtype(source), np.iinfo(numpy_dtype(dtype))
    r = np.random.default_rng(4)
    edges = np.array([info.min, info.max, 0, np.inf, np.nan, -0.5, 0.999, -1, 1e-40], t)
    near = [np.nextafter(edges, t.type(end)) for end in (-np.inf, np.inf)]
    values = (2.0 ** r.uniform(0, 70, 200) * r.choice([-1, 1], 200)).astype(t)
    x = np.concatenate([edges, -edges, *near, values])
    exact = [0 if np.isnan(v) else min(max(v, info.min), info.max) for v in x.tolist()]
    width = width_of(source, dtype) if vector else 1
    got = run_elementwise([Let("y", "cast", ("x",), dtype)], {"x": (source, x)}, width)
    assert got["y"].tolist() == [int(v) for v in exact]


def test_sigmoids_of_both_signs_share_the_exponential() -> None:
    b = Builder(host().features)
    x = b.ordered("f32", 16, "load <16 x float>, ptr %x")
    b.sigmoid(x)
    before = len(b.regions[0].lines)
    b.sigmoid(b.neg(x))
    assert len(b.regions[0].lines) - before <= 4  # the negative, a comparison, a choice, a division
