"""The elementary functions as native code, in both forms and types: accuracy, special values, any number of lanes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from codegen.gamma_reference import gamma_functions
from codegen.native import Native, elementwise

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.engine import host
from graphc.codegen.nest.loops import Let
from graphc.codegen.vecmath import FUNCTIONS, ULP
from graphc.codegen.vecmath.trigonometric import NEAR
from graphc.ir.primitive import primitive

Array = np.ndarray[Any, Any]
DTYPES = ("f32", "f64")
PORTABLE = host().features - {"avx512"}
FORMS = [
    pytest.param(
        host().features, id="avx512", marks=pytest.mark.skipif("avx512" not in host().features, reason="no AVX-512")
    ),
    pytest.param(PORTABLE, id="portable"),
]
BINARY = ("pow", "atan2")
GAMMA = ("lgamma", "digamma", "trigamma")
COUNT = 4096
WIDE = {"f32": 16, "f64": 8}

REFERENCE_ERROR = 0.01  # in ulps of the result, of f64 for f32 and of 80-bit floats for f64
needs_long_double = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no reference for f64")
ACCURATE = [pytest.param("f32"), pytest.param("f64", marks=needs_long_double)]


# ---------------------------------------------------------------------------------------------------------- references


def sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, 1) / (1 + e))


def error_functions(x: Array) -> tuple[Array, Array]:
    """(erf, erfc): e^(-x^2) times a series of positive terms for small x, times a continued fraction for large x."""
    a = np.minimum(np.abs(x), 200).astype(np.longdouble)
    head = a.astype(np.float32).astype(np.longdouble)  # its square is exact
    gauss = np.exp(-head * head) * np.exp(-(a - head) * (a + head)) / np.sqrt(np.arccos(np.longdouble(-1)))
    small = np.minimum(a, 1.5)
    total = term = small
    for k in range(1, 60):
        term = term * 2 * small * small / (2 * k + 1)
        total = total + term
    fraction = a
    for k in range(400, 0, -1):
        fraction = a + k / 2 / np.maximum(fraction, 1.5)
    low, high = 2 * gauss * total, gauss / fraction
    complement = np.where(a < 1.5, 1 - low, high)
    erf = np.copysign(np.where(a < 1.5, low, 1 - high), x)
    return erf, np.where(x < 0, 2 - complement, complement)


def logit(x: Array) -> Array:
    centre = 2 * np.arctanh(np.clip(2 * x - 1, -0.5, 0.5))
    return np.asarray(np.where(np.abs(2 * x - 1) < 0.5, centre, np.log(x) - np.log1p(-x)))


REFERENCES: dict[str, Callable[..., Any]] = {
    "asin": np.arcsin,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "logit": logit,
    "pow": np.power,
    "sigmoid": sigmoid,
    "erf": lambda x: error_functions(x)[0],
    "erfc": lambda x: error_functions(x)[1],
    "lgamma": lambda x: gamma_functions(x)[0],
    "digamma": lambda x: gamma_functions(x)[1],
    "trigamma": lambda x: gamma_functions(x)[2],
}


def reference(name: str, *args: Array) -> Array:
    """The function in more digits than the arguments have."""
    more = np.float64 if args[0].dtype == np.float32 else np.longdouble
    args = tuple(x.astype(more) for x in args)
    with np.errstate(all="ignore"):
        return np.asarray((REFERENCES.get(name) or getattr(np, name))(*args))


def ulps(got: Array, exact: Array) -> Array:
    """The distance in units in the last place of the exact result; infinite where only one of the two is finite."""
    with np.errstate(all="ignore"):
        nearest = exact.astype(got.dtype)
        same = (got == nearest) | (np.isnan(got) & np.isnan(nearest))
        distance = np.abs(got.astype(exact.dtype) - exact) / np.spacing(np.abs(nearest)).astype(exact.dtype)
    distance = np.where(np.isfinite(got) & np.isfinite(nearest), distance, np.where(same, 0, np.inf))
    return np.asarray(np.where(np.isnan(distance), np.inf, distance))


# -------------------------------------------------------------------------------------------------------------- native


@cache
def compiled(name: str, dtype: str, features: frozenset[str], width: int, count: int) -> Native:
    inputs = ("x", "y")[: 1 + (name in BINARY)]
    return Native(
        elementwise([Let("result", name, inputs, dtype)], dict.fromkeys(inputs, dtype), count, width), features
    )


def native(name: str, features: frozenset[str], *args: Array, width: int | None = None) -> Array:
    dtype = "f32" if args[0].dtype == np.float32 else "f64"
    run = compiled(name, dtype, features, WIDE[dtype] if width is None else width, args[0].size)
    result = np.empty_like(args[0])
    assert run({**{f"{n}.in": x for n, x in zip("xy", args, strict=False)}, "result.out": result}) == 0
    return result


# ----------------------------------------------------------------------------------------------------------- arguments

REGULAR = {  # where results are neither 0 nor infinite, in f32 and f64
    "exp": ((-87, 88.7), (-708, 709.7)),
    "exp2": ((-126, 128), (-1022, 1024)),
    "expm1": ((-17, 88.7), (-40, 709.7)),
    "sigmoid": ((-87, 20), (-708, 40)),
    "sinh": ((-89, 89), (-710, 710)),
    "cosh": ((-89, 89), (-710, 710)),
    "tanh": ((-10, 10), (-20, 20)),
    "erf": ((-4, 4), (-6, 6)),
    "erfc": ((-4, 9), (-6, 26)),
    "asin": ((-1, 1), (-1, 1)),
    "acos": ((-1, 1), (-1, 1)),
    "atanh": ((-1, 1), (-1, 1)),
    "logit": ((0, 1), (0, 1)),
    "acosh": ((1, 40), (1, 40)),
    "log1p": ((-1, 40), (-1, 40)),
}


def arguments(name: str, dtype: str) -> list[Array]:
    """Random numbers over the regular range, around 0 and 1, and of every magnitude."""
    r, t = np.random.default_rng(7), numpy_dtype(dtype)
    if name == "pow":
        return power_arguments(dtype)
    low, high = REGULAR.get(name, ((-40, 40),) * 2)[DTYPES.index(dtype)]
    part, exponent = COUNT // 4, 126 if dtype == "f32" else 1020

    def one() -> Array:
        magnitudes = r.choice([-1, 1], part) * 2.0 ** r.uniform(-exponent, exponent, part)
        near_one = 1 + r.uniform(-1, 1, part) ** 5
        return np.concatenate([r.uniform(low, high, part), r.uniform(-1.5, 1.5, part), magnitudes, near_one]).astype(t)

    if name in GAMMA:  # of positive numbers, and not next to the root of digamma, which the reference does not know
        x = np.abs(one())
        return [np.where(np.abs(x - 1.46) < 0.1, x + t.type(0.25), x)]
    return [one() for _ in range(1 + (name in BINARY))]


def power_arguments(dtype: str) -> list[Array]:
    """Powers all over the range of results, also of bases next to 1."""
    r, t = np.random.default_rng(8), numpy_dtype(dtype)
    bases = np.concatenate([2.0 ** r.uniform(-60, 60, COUNT // 2), 1 + r.uniform(-0.5, 0.5, COUNT // 2) ** 3]).astype(t)
    with np.errstate(all="ignore"):
        exponents = r.uniform(-1.02, 1.02, COUNT) * (88 if dtype == "f32" else 709) / np.log(bases.astype("f8"))
    return [bases, exponents.astype(t)]


EDGES = np.array(
    [0, 0.5, 1, 1.0000001, 0.9999999, 1 + 2**-52, 2, 3, 10, 20, 30, 0.55, 0.7, 4, 6, 15.99, 16, 17, 0.0625, 0.078125,
     88.7228, 88.7229, 89, 89.5, 90.2, 87.33, 103.9, 104, 709.78, 709.79, 710.4, 710.5, 711, 745.1, 746, 720,
     127, 127.5, 128, 129, 149, 150, 151, 1023, 1024, 1025, 1060.5, 1074, 1075, 1076, 9.19, 10.05, 10.06, 26.5, 27.3,
     1e-45, 1e-39, 1.1754944e-38, 3.4028234e38, 5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308,
     1e-8, 1e10, 1e19, 1e20, 1e200, 2.0**52, math.inf, math.nan]
)  # fmt: skip
CORNERS = np.array(
    [0, 1, 2, 3, 0.5, 1.5, math.inf, math.nan, 1e30, 1e-40, 16777215, 16777217, 0.9999999, 1.0000001, 2.0**32, 5e-324]
)


def special(name: str, dtype: str) -> list[Array]:
    """Edges of the functions and of the type, of either sign; every pair of corners for two arguments."""
    with np.errstate(all="ignore"):
        if name in BINARY:
            grid = np.meshgrid(np.concatenate([CORNERS, -CORNERS]), np.concatenate([CORNERS, -CORNERS]))
            return [np.ascontiguousarray(x.ravel()).astype(numpy_dtype(dtype)) for x in grid]
        return [np.concatenate([EDGES, -EDGES]).astype(numpy_dtype(dtype))]


# --------------------------------------------------------------------------------------------------------------- tests


def test_every_function_has_a_bound():
    assert list(ULP) == list(FUNCTIONS)
    assert all(0.5 <= bound <= 2.5 for name, bounds in ULP.items() for bound in bounds if name not in GAMMA)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_registry_states_the_bound(name):
    assert primitive(name).ulp == max(ULP[name])


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", ACCURATE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_bound(name, dtype, features):
    args = arguments(name, dtype)
    error = ulps(native(name, features, *args), reference(name, *args))
    worst = int(error.argmax())
    bound = ULP[name][DTYPES.index(dtype)] + REFERENCE_ERROR
    assert error[worst] <= bound, [float(x[worst]) for x in args]


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name, dtype, features):
    """Zeros with their signs, infinities, NaN, subnormals, and both sides of every overflow and underflow."""
    args = special(name, dtype)
    got, exact = native(name, features, *args), reference(name, *args)
    with np.errstate(all="ignore"):
        nearest = exact.astype(got.dtype)
    fine = (ulps(got, exact) <= 3) & (np.isnan(nearest) | (np.signbit(got) == np.signbit(nearest)))
    wrong = np.flatnonzero(~fine)
    assert not wrong.size, [(*(float(x[i]) for x in args), float(got[i]), float(nearest[i])) for i in wrong[:8]]


HARD = {  # close to multiples of pi/2; in f32 first ones where n needs 50 bits
    "f32": [
        1112076286164992.0,
        1097440538460160.0,
        16367173 * 2.0**72,
        252.89820861816406,
        505.7964172363281,
        11.0,
        22.0,
        355.0,
        710.0,
        103993.0,
        2.0**127,
    ],
    "f64": [
        45.553093477052,
        11.0,
        355.0,
        103993.0,
        5419351.0,
        428224593349304.0,
        6381956970095103.0 / 8,
        6381956970095103.0 * 2.0**797,
        5.319372648326541e255,
        2.0**1023,
        1.7976931348623157e308,
    ],
}


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", ACCURATE)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_large_angles(name, dtype, features):
    """Also beside multiples of pi/2 and where the reduction changes, in vectors of small and large ones."""
    r = np.random.default_rng(9)
    quarters = np.rint(2.0 ** r.uniform(1, 120, 1000)) * (math.pi / 2)
    large = 2.0 ** r.uniform(10, 1024 if dtype == "f64" else 128, 1000)
    edges = NEAR[dtype] * (1 + r.uniform(-1e-3, 1e-3, 100))
    x = np.concatenate([HARD[dtype], quarters, large, -large, edges, r.uniform(-9, 9, 100)]).astype(numpy_dtype(dtype))
    r.shuffle(x)
    error = ulps(native(name, features, x), reference(name, x))
    assert error.max() <= ULP[name][DTYPES.index(dtype)] + REFERENCE_ERROR, float(x[error.argmax()])


ERF_POINTS = {  # x: (erf, erfc), computed with 400 digits
    0.1: (0.1124629160182848984047, 0.8875370839817151015953),
    0.5: (0.5204998778130465376827, 0.4795001221869534623173),
    0.9: (0.7969082124228321396647, 0.2030917875771678603353),
    1.0: (0.8427007929497148693412, 0.1572992070502851306588),
    1.5: (0.966105146475310727067, 0.03389485352468927293302),
    2.5: (0.9995930479825550410604, 0.0004069520174449589395642),
    4.0: (0.99999998458274209972, 1.541725790028001885216e-8),
    5.5: (0.9999999999999926421521, 7.357847917974398063068e-15),
    -0.3: (-0.3286267594591274161896, 1.32862675945912741619),
    -2.0: (-0.9953222650189527341621, 1.995322265018952734162),
    12.5: (1.0, 6.23194278197991100614e-70),
    20.0: (1.0, 5.395865611607900928935e-176),
    26.0: (1.0, 5.663192408856142846476e-296),
    27.0: (1.0, 5.237048923789255685016e-319),
}


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions_at_known_points(name, features):
    exact = np.array([pair[name == "erfc"] for pair in ERF_POINTS.values()])
    error = ulps(native(name, features, np.array(list(ERF_POINTS))), exact)
    assert error.max() <= ULP[name][1] + 0.5, list(ERF_POINTS)[int(error.argmax())]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_number_of_lanes(name, dtype):
    """One lane and a narrow vector take the portable form: the same bits as a whole register of it."""
    args = [x[:67] for x in arguments(name, dtype)]
    whole = native(name, PORTABLE, *args)
    for width in (1, 4):
        np.testing.assert_array_equal(native(name, host().features, *args, width=width), whole)


WORST = {  # where running through blocks of floats, or very many random ones, found the largest errors
    "exp": [-59.21697998046875, -32.19743347167969, 0.3786829181055369],
    "exp2": [0.5025644302368164, 1.519622831350623],
    "expm1": [0.3834857940673828, 0.3574452460775013],
    "sigmoid": [-3.440061569213867, -1.140924490741986],
    "log": [0.7050900459289551, 1.0315022577531026],
    "log2": [0.7382440567016602, 0.7499509618650237],
    "log10": [0.3610341250896454, 0.9675229445135409],
    "log1p": [0.4237688183784485, 0.03160368814352621],
    "tan": [78172.25, 252.89820861816406, 52516.43359375, 86195.09375, 8208.1962890625, 1.0875760676008444e19],
    "sin": [2.483668772058287e29, 4.549734640817437e40],
    "cos": [1946879232.0, 14.95963511178217],
    "asin": [0.5171194076538086, 0.5034607595998313],
    "acos": [-0.5188294053077698, -0.5359145251842865],
    "atan": [1.0063754320144653, 1.0016847224872474],
    "acosh": [1.0073823928833008, 1.029391419813804],
    "erf": [1.0017484426498413, 3.0004167556762695, -1.063789360419736],
    "erfc": [6.527795314788818, 0.5029126405715942, 0.0034307537134736776, 0.4856078899419043, 0.514983135539508],
    "cbrt": [2.2866388340852365e-41, -2.4493366069573668],
    "digamma": [1.2338911610833507, 0.9848190408863772],
    "lgamma": [1.6174555227116383],
}


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", ACCURATE)
@pytest.mark.parametrize("name", WORST)
def test_hard_arguments(name, dtype, features):
    with np.errstate(all="ignore"):
        x = np.array(WORST[name]).astype(numpy_dtype(dtype))
    x = x[np.isfinite(x)]
    error = ulps(native(name, features, x), reference(name, x))
    assert error.max() <= ULP[name][DTYPES.index(dtype)] + REFERENCE_ERROR, float(x[error.argmax()])


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", ACCURATE)
def test_powers_at_both_ends_of_the_range(dtype, features):
    """Of bases next to 1, whose logarithms have the largest relative errors, times exponents that show them."""
    r, t = np.random.default_rng(12), numpy_dtype(dtype)
    bases = (1 + r.choice([-1, 1], 20000) * r.uniform(1e-4, 0.02, 20000)).astype(t)
    most = 130 if dtype == "f32" else 1030
    exponents = (r.choice([-1, 1], 20000) * r.uniform(0.9, 1.01, 20000) * most / np.log2(bases.astype("f8"))).astype(t)
    error = ulps(native("pow", features, bases, exponents), reference("pow", bases, exponents))
    worst = int(error.argmax())
    assert error[worst] <= ULP["pow"][DTYPES.index(dtype)] + REFERENCE_ERROR, (bases[worst], exponents[worst])


@pytest.mark.parametrize("dtype", DTYPES)
def test_square_roots_are_rounded_correctly(dtype):
    """Of every magnitude, next to squares and to points half-way between two floats, among zeros and huge numbers."""
    r, t = np.random.default_rng(11), numpy_dtype(dtype)
    magnitudes = 2.0 ** r.uniform(-149 if dtype == "f32" else -1074, 128 if dtype == "f32" else 1024, 20000)
    digits = np.finfo(t).nmant + 1
    roots = np.rint(2.0 ** r.uniform(digits - 1, digits, 20000)) + r.choice([0, 0.5], 20000)
    near = np.nextafter((roots.astype(t) * roots.astype(t)).astype(t), t.type(1))
    x = np.concatenate([magnitudes.astype(t), near, [0.0, -0.0, np.inf, np.finfo(t).max, np.finfo(t).tiny]]).astype(t)
    r.shuffle(x)
    got = native("sqrt", host().features, x)
    np.testing.assert_array_equal(got, np.sqrt(x))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(x))


@pytest.mark.parametrize("features", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_results(dtype, features):
    """Where the result is a float, it is that float."""
    whole = np.arange(-40, 41).astype(numpy_dtype(dtype))
    powers = native("exp2", features, whole)
    np.testing.assert_array_equal(powers, np.ldexp(np.ones_like(whole), whole.astype(int)))
    np.testing.assert_array_equal(native("log2", features, powers), whole)
    np.testing.assert_array_equal(native("pow", features, whole, np.full_like(whole, 2)), whole * whole)
    np.testing.assert_array_equal(native("cbrt", features, whole**3), whole)
    np.testing.assert_array_equal(native("exp", features, np.zeros_like(whole)), np.ones_like(whole))
