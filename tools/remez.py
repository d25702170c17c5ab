"""Derive every constant of `graphc/codegen/vecmath`: a maintainer's tool, never imported.

    python -m pip install mpmath
    python tools/remez.py graphc/codegen/vecmath

Polynomials are minimax: the Remez exchange finds the n coefficients that make the largest |weight (f - p)| on an
interval smallest.  The weight turns an error of the polynomial into a relative error of the function it is part of.
Tables come from mpmath's own functions.  Everything is computed with 70 digits; mpmath's precision is global, so it
is set once, here, and nothing lowers it; only the bits of 2/pi need more.
"""

from __future__ import annotations

import itertools
import math
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath as mp

mp.mp.dps = 70

Real = Any  # an mpmath number
Function = Callable[[Real], Real]

LN2 = mp.log(2)
STIRLING = mp.log(2 * mp.pi) / 2 - mp.mpf(0.5)
DIGAMMA_ROOT = mp.findroot(mp.digamma, 1.4616)
DIGAMMA_SLOPE = mp.polygamma(1, DIGAMMA_ROOT)
GRID = 400  # points on which the error curve is searched for its extrema
FLOOR = 10**-4  # of the largest weight: keeps the exchange regular where the weight vanishes


# ----------------------------------------------------------------------------------------------------- the exchange


def chebyshev(lo: Real, hi: Real, angles: list[Real]) -> list[Real]:
    return [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * t) for t in angles]


def evaluate(coefficients: list[Real], x: Real) -> Real:
    return mp.polyval(coefficients[::-1], x)


def alternants(errors: list[Real], count: int) -> list[int]:
    """The largest error of each run of one sign, dropped from the ends until `count` remain."""
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if not peaks or (e > 0) != (errors[peaks[-1]] > 0):
            peaks.append(i)
        elif abs(e) > abs(errors[peaks[-1]]):
            peaks[-1] = i
    while len(peaks) > count:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return peaks


def level(f: Function, weight: Function, nodes: list[Real], n: int) -> list[Real]:
    """n coefficients whose weighted error is equal and alternates on n + 1 nodes."""
    rows = [[x**j for j in range(n)] + [(-1) ** i / weight(x)] for i, x in enumerate(nodes)]
    solution = mp.lu_solve(mp.matrix(rows), mp.matrix([f(x) for x in nodes]))
    return [solution[j] for j in range(n)]


def remez(f: Function, weight: Function, lo: Real, hi: Real, n: int) -> tuple[list[Real], Real]:
    """(n coefficients, lowest first; largest weighted error) of the best polynomial for f on [lo, hi]."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    grid = chebyshev(lo, hi, [mp.mpf(i) / GRID for i in range(GRID + 1)])
    floor = FLOOR * max(weight(x) for x in grid)
    values, weights = [f(x) for x in grid], [weight(x) + floor for x in grid]
    nodes = chebyshev(lo, hi, [(i + mp.mpf(0.5)) / (n + 1) for i in range(n + 1)])
    for _ in range(12):
        coefficients = level(f, lambda x: weight(x) + floor, nodes, n)
        errors = [w * (y - evaluate(coefficients, x)) for x, y, w in zip(grid, values, weights, strict=True)]
        peaks = alternants(errors, n + 1)
        if len(peaks) <= n or max(map(abs, errors)) < mp.mpf("1.02") * min(abs(errors[i]) for i in peaks):
            break
        nodes = [grid[i] for i in peaks]
    return coefficients, max(map(abs, errors))


# ---------------------------------------------------------------------------------------------------- the functions


def near(limit: Function, radius: float, f: Function) -> Function:
    """f, with its limit where the formula cancels."""
    return lambda x: limit(x) if abs(x) < radius else f(x)


def odd(f: Function, cubic: Real) -> Function:
    """(f(x) / x - 1) / x^2 as a function of s = x^2, for an odd f with f'(0) = 1 and this cubic coefficient."""
    return near(lambda s: cubic, 1e-30, lambda s: (f(mp.sqrt(s)) / mp.sqrt(s) - 1) / s)


ERFCX_SLOPE = 1.125  # close to 2 / sqrt(pi)
ERFCX_SHIFT = {"f32": 2.5, "f64": 3.5}  # k: which of a few has the smallest error


def erfcx(k: float) -> Function:
    """e^(a^2) erfc(a) (1 + slope a) at u = (a - k) / (a + k), between 0.63 and 1."""

    def f(u: Real) -> Real:
        a = k * (1 + u) / (1 - u)
        return mp.exp(a * a) * mp.erfc(a) * (1 + ERFCX_SLOPE * a)

    return f


def atanh_tail(z: Real) -> Real:
    """(atanh(s) - s - s^3 / 3) / s^5 at z = s^2."""
    s = mp.sqrt(z)
    return (mp.atanh(s) - s - s**3 / 3) / s**5


def log_gamma_bend(t: Real) -> Real:
    """(log Gamma(2 + t) - t psi(2)) / t^2"""
    return (mp.loggamma(2 + t) / t - mp.digamma(2)) / t


def stirling(z: Real) -> Real:
    """What Stirling's formula leaves of log Gamma(x), times x, at z = 1 / x^2."""
    x = 1 / mp.sqrt(z)
    return (mp.loggamma(x) - (x - mp.mpf(0.5)) * (mp.log(x) - 1) - STIRLING) * x


def digamma_tail(z: Real) -> Real:
    """(log x - 1 / (2 x) - psi(x)) x^2 at z = 1 / x^2."""
    x = 1 / mp.sqrt(z)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / z


def trigamma_tail(z: Real) -> Real:
    """(psi'(x) - 1 / x - 1 / (2 x^2)) x^3 at z = 1 / x^2."""
    x = 1 / mp.sqrt(z)
    return (mp.polygamma(1, x) - 1 / x - z / 2) / z * x


@dataclass(frozen=True)
class Target:
    """What a polynomial stands for, and the weight of its error."""

    formula: str
    f: Function
    weight: Function


def erfcx_target(k: float) -> Target:
    f = erfcx(k)
    return Target(f"e^(a^2) erfc(a) (1 + {ERFCX_SLOPE} a), x = (a - {k}) / (a + {k})", f, lambda u: 1 / f(u))


BASES = {"e": mp.e, "2": mp.mpf(2), "10": mp.mpf(10)}


def log_curve(base: str) -> Target:
    """What a logarithm is beyond its linear term."""
    slope = 1 / mp.log(BASES[base])
    curve = near(lambda x: slope * (x / 3 - mp.mpf(0.5)), 1e-15, lambda x: slope * (mp.log1p(x) - x) / x**2)
    weight = near(abs, 1e-15, lambda x: abs(x**2 / (slope * mp.log1p(x))))
    return Target(f"(log(1 + x) - x) / x^2 to base {base}", curve, weight)


TARGETS = {
    "EXP": Target(
        "(e^x - 1 - x) / x^2",
        near(lambda x: mp.mpf(0.5) + x / 6, 1e-20, lambda x: (mp.expm1(x) - x) / x**2),
        lambda x: x * x,
    ),
    "EXP2": Target("(2^x - 1) / x", near(lambda x: LN2 + x * LN2**2 / 2, 1e-20, lambda x: (2**x - 1) / x), abs),
    "LOG": Target(
        "(log(1 + x) - x + x^2 / 2) / x^3",
        near(lambda x: mp.mpf(1) / 3 - x / 4, 1e-15, lambda x: (mp.log1p(x) - x + x * x / 2) / x**3),
        near(lambda x: x * x, 1e-15, lambda x: abs(x**3 / mp.log1p(x))),
    ),
    **{f"LOG_CURVE_{base}": log_curve(base) for base in BASES},
    "LOG_SERIES": Target(
        "(atanh(s) - s - s^3 / 3) / s^5, x = s^2", near(lambda z: mp.mpf(1) / 5, 1e-25, atanh_tail), lambda z: z * z
    ),
    "SIN": Target("(sin(s) / s - 1) / s^2, x = s^2", odd(mp.sin, mp.mpf(-1) / 6), lambda s: s),
    "COS": Target(
        "(cos(s) - 1 + s^2 / 2) / s^4, x = s^2",
        near(lambda s: mp.mpf(1) / 24, 1e-20, lambda s: (mp.cos(mp.sqrt(s)) - 1 + s / 2) / s**2),
        lambda s: s * s / mp.cos(mp.sqrt(s)),
    ),
    "TAN": Target("(tan(s) / s - 1) / s^2, x = s^2", odd(mp.tan, mp.mpf(1) / 3), lambda s: s),
    "ASIN": Target("(asin(s) / s - 1) / s^2, x = s^2", odd(mp.asin, mp.mpf(1) / 6), lambda s: s),
    "ATAN": Target("(atan(s) / s - 1) / s^2, x = s^2", odd(mp.atan, mp.mpf(-1) / 3), lambda s: s),
    "SINH": Target("(sinh(s) / s - 1) / s^2, x = s^2", odd(mp.sinh, mp.mpf(1) / 6), lambda s: s),
    "COSH": Target(
        "(cosh(s) - 1) / s^2, x = s^2",
        near(lambda s: mp.mpf(1) / 2, 1e-40, lambda s: (mp.cosh(mp.sqrt(s)) - 1) / s),
        lambda s: s,
    ),
    "TANH": Target("(tanh(s) / s - 1) / s^2, x = s^2", odd(mp.tanh, mp.mpf(-1) / 3), lambda s: s),
    "ASINH": Target("(asinh(s) / s - 1) / s^2, x = s^2", odd(mp.asinh, mp.mpf(-1) / 6), lambda s: s),
    "ATANH": Target("(atanh(s) / s - 1) / s^2, x = s^2", odd(mp.atanh, mp.mpf(1) / 3), lambda s: s),
    "ERF": Target(
        "erf(s) / s - 1, x = s^2",
        near(lambda s: 2 / mp.sqrt(mp.pi) - 1, 1e-40, lambda s: mp.erf(mp.sqrt(s)) / mp.sqrt(s) - 1),
        lambda s: mp.mpf(1),
    ),
    "ERF_TAIL": Target("-log(1 - erf(x))", lambda a: -mp.log(mp.erfc(a)), lambda a: mp.erfc(a) / mp.erf(a)),
    **{f"ERFCX_{dtype}": erfcx_target(k) for dtype, k in ERFCX_SHIFT.items()},
    "INVERSE_CBRT": Target("x^(-1/3)", lambda x: 1 / mp.cbrt(x), mp.cbrt),
    "LGAMMA": Target(
        "(log(Gamma(2 + t)) - t psi(2)) / t^2",
        near(lambda t: mp.polygamma(1, 2) / 2 + t * mp.polygamma(2, 2) / 6, 1e-20, log_gamma_bend),
        near(lambda t: mp.mpf(0), 1e-25, lambda t: abs(t * t / mp.loggamma(2 + t))),
    ),
    "STIRLING": Target(
        "(log(Gamma(y)) - (y - 1/2) (log(y) - 1) - (log(2 pi) - 1) / 2) y, x = 1 / y^2",
        near(lambda z: mp.mpf(1) / 12 - z / 360, 1e-9, stirling),
        near(lambda z: mp.mpf(0), 1e-25, lambda z: mp.sqrt(z) / mp.loggamma(1 / mp.sqrt(z))),
    ),
    "DIGAMMA": Target(
        "(psi(root + t) - t psi'(root)) / t^2",
        near(
            lambda t: mp.polygamma(2, DIGAMMA_ROOT) / 2 + t * mp.polygamma(3, DIGAMMA_ROOT) / 6,
            1e-20,
            lambda t: (mp.digamma(DIGAMMA_ROOT + t) / t - DIGAMMA_SLOPE) / t,
        ),
        near(lambda t: mp.mpf(0), 1e-25, lambda t: abs(t * t / mp.digamma(DIGAMMA_ROOT + t))),
    ),
    "DIGAMMA_TAIL": Target(
        "(log(y) - 1 / (2 y) - psi(y)) y^2, x = 1 / y^2",
        near(lambda z: mp.mpf(1) / 12 - z / 120, 1e-9, digamma_tail),
        near(lambda z: mp.mpf(0), 1e-25, lambda z: z / mp.digamma(1 / mp.sqrt(z))),
    ),
    "TRIGAMMA_TAIL": Target(
        "(psi'(y) - 1 / y - 1 / (2 y^2)) y^3, x = 1 / y^2",
        near(lambda z: mp.mpf(1) / 6 - z / 30, 1e-9, trigamma_tail),
        lambda z: z,
    ),
}

SQRT2 = math.sqrt(2)


@dataclass(frozen=True)
class Fit:
    """One polynomial: the constant's name, its key (the element type it is evaluated in), target, interval, size."""

    name: str
    dtype: str
    target: str
    lo: float
    hi: float
    n: int


FITS = [
    Fit("EXP", "f32", "EXP", -0.3466, 0.3466, 5),
    Fit("EXP", "f64", "EXP", -0.3466, 0.3466, 10),
    Fit("EXP_NARROW", "f64", "EXP", -0.0217, 0.0217, 5),
    Fit("EXP2", "f32", "EXP2", -0.5, 0.5, 6),
    Fit("EXP2", "f64", "EXP2", -0.5, 0.5, 12),
    Fit("EXP2_NARROW", "f64", "EXP2", -0.03125, 0.03125, 6),
    *(
        Fit(name, dtype, f"LOG_CURVE_{base}", -0.25, 0.5, n)
        for name, base in (("LOG", "e"), ("LOG2", "2"), ("LOG10", "10"))
        for dtype, n in (("f32", 9), ("f64", 20))
    ),
    *(
        Fit(name, "f64", f"LOG_CURVE_{base}", -0.0435, 0.0435, 9)
        for name, base in (("LOG_NARROW", "e"), ("LOG2_NARROW", "2"), ("LOG10_NARROW", "10"))
    ),
    Fit("LOG2_NARROW", "f32", "LOG_CURVE_2", -0.0299, 0.0299, 5),
    Fit("LOG_NARROW_DOUBLE", "f64", "LOG", -0.0435, 0.0435, 11),
    Fit("LOG_SINGLE", "f64", "LOG", -0.25, 0.5, 11),
    Fit("LOG_SERIES", "f64", "LOG_SERIES", 0, 0.0401, 9),
    Fit("SIN", "f32", "SIN", 0, 0.64, 4),
    Fit("SIN", "f64", "SIN", 0, 0.64, 7),
    Fit("COS", "f32", "COS", 0, 0.64, 3),
    Fit("COS", "f64", "COS", 0, 0.64, 6),
    Fit("TAN", "f32", "TAN", 0, 0.64, 7),
    Fit("ASIN", "f32", "ASIN", 0, 0.25, 6),
    Fit("ASIN", "f64", "ASIN", 0, 0.25, 13),
    Fit("ATAN", "f32", "ATAN", 0, 1, 9),
    Fit("ATAN", "f64", "ATAN", 0, 1, 20),
    Fit("SINH", "f32", "SINH", 0, 0.1202, 2),
    Fit("SINH", "f64", "SINH", 0, 0.1202, 5),
    Fit("COSH", "f32", "COSH", 0, 0.1202, 3),
    Fit("COSH", "f64", "COSH", 0, 0.1202, 5),
    Fit("TANH", "f32", "TANH", 0, 0.49, 6),
    Fit("TANH", "f64", "TANH", 0, 0.3025, 11),
    Fit("ASINH", "f32", "ASINH", 0, 1, 9),
    Fit("ASINH", "f64", "ASINH", 0, 1, 20),
    Fit("ATANH", "f32", "ATANH", 0, 0.0735, 4),
    Fit("ATANH", "f64", "ATANH", 0, 0.0735, 9),
    Fit("ERF", "f32", "ERF", 0, 1, 8),
    Fit("ERF", "f64", "ERF", 0, 1, 15),
    Fit("ERF_TAIL", "f32", "ERF_TAIL", 1, 4, 8),
    Fit("ERF_TAIL", "f64", "ERF_TAIL", 1, 6, 22),
    Fit("ERFCX", "f32", "ERFCX_f32", -1, 7.8 / 12.8, 10),
    Fit("ERFCX", "f64", "ERFCX_f64", -1, 24 / 31, 23),
    Fit("INVERSE_CBRT", "f32", "INVERSE_CBRT", 0.75, 1.5, 5),
    Fit("INVERSE_CBRT", "f64", "INVERSE_CBRT", 0.75, 1.5, 6),
    Fit("LGAMMA", "f32", "LGAMMA", -0.5, 0.5, 9),
    Fit("LGAMMA", "f64", "LGAMMA", -0.5, 0.5, 18),
    Fit("STIRLING", "f32", "STIRLING", 0, 0.16, 4),
    Fit("STIRLING", "f64", "STIRLING", 0, 0.16, 12),
    Fit("DIGAMMA", "f32", "DIGAMMA", -0.4617, 0.5384, 11),
    Fit("DIGAMMA", "f64", "DIGAMMA", -0.4617, 0.5384, 22),
    Fit("DIGAMMA_TAIL", "f32", "DIGAMMA_TAIL", 0, 0.25, 5),
    Fit("DIGAMMA_TAIL", "f64", "DIGAMMA_TAIL", 0, 0.25, 16),
    Fit("TRIGAMMA_TAIL", "f32", "TRIGAMMA_TAIL", 0, 0.25, 6),
    Fit("TRIGAMMA_TAIL", "f64", "TRIGAMMA_TAIL", 0, 0.25, 18),
]  # fmt: skip


# -------------------------------------------------------------------------------------------------------- the tables


def single(x: Real) -> float:
    return float(struct.unpack("f", struct.pack("f", float(x)))[0])


def head_bits(x: Real, unit: int) -> float:
    """x rounded to a multiple of 2^-unit: sums of such numbers are exact."""
    return float(mp.nint(x * mp.mpf(2) ** unit) / mp.mpf(2) ** unit)


def parts(x: Real, dtype: str, first: int | None = None) -> list[float]:
    """x as a sum of three numbers of the type, largest first; the first may be cut to so many bits.

    A cut part is below a positive x, so that the next one has the same sign: times infinity they can be added.
    """
    cast: Callable[[Real], float] = float if dtype == "f64" else single
    result = []
    for k in range(3):
        result.append(cast(cut(x, first) if first and k == 0 else x))
        x -= mp.mpf(result[-1])
    return result


def cut(x: Real, bits: int) -> Real:
    unit = mp.mpf(2) ** (int(mp.floor(mp.log(abs(x), 2))) + 1 - bits)
    return mp.floor(x / unit) * unit


CONSTANTS = [  # name, value, bits of the first part in f32 and f64
    ("LN2", LN2, 15, 36),
    ("LOG10_2", mp.log(2) / mp.log(10), 15, 36),
    ("INVERSE_LN2", 1 / LN2, None, None),
    ("INVERSE_LN10", 1 / mp.log(10), None, None),
    ("HALF_PI", mp.pi / 2, None, None),
    ("PI", mp.pi, None, None),
    ("THIRD", mp.mpf(1) / 3, None, None),
    ("STIRLING_CONSTANT", STIRLING, None, None),
    ("DIGAMMA_OF_TWO", mp.digamma(2), None, None),
    ("DIGAMMA_ROOT", DIGAMMA_ROOT, None, None),
    ("DIGAMMA_SLOPE", DIGAMMA_SLOPE, None, None),
]


def short_parts(x: Real, *bits: int) -> list[float]:
    """x as a sum of f32 of so many bits, all but the last cut, and so of one sign."""
    result = []
    for n in bits:
        result.append(single(cut(x, n) if len(result) < len(bits) - 1 else x))
        x -= mp.mpf(result[-1])
    return result


def constants_text() -> Iterator[str]:
    """Numbers in parts, head first; sums of the parts are good to more digits than one number holds."""
    yield f"HALF_PI_SHORT: Final[Parts] = (\n{wrapped(short_parts(mp.pi / 2, 24, 8, 24, 24), '    ')}\n)\n"
    for name, value, single_bits, double_bits in CONSTANTS:
        yield f"{name}: Final[dict[str, Parts]] = {{"
        for dtype, bits in (("f32", single_bits), ("f64", double_bits)):
            yield f'    "{dtype}": (\n{wrapped(parts(value, dtype, bits), "        ")}\n    ),'
        yield "}\n"


TWO_OVER_PI_BITS = 1200  # from 2^-1 on; an f64 of the highest exponent uses bits 971 to 1159


def two_over_pi_text() -> Iterator[str]:
    """The bits as bytes, lowest first, with zeros above the point and room to read a word anywhere."""
    mp.mp.dps += TWO_OVER_PI_BITS // 3
    digits = (
        int(mp.floor(2 / mp.pi * mp.mpf(2) ** TWO_OVER_PI_BITS)).to_bytes(TWO_OVER_PI_BITS // 8 + 10, "little").hex()
    )
    mp.mp.dps -= TWO_OVER_PI_BITS // 3
    yield f"TWO_OVER_PI_BITS: Final = {TWO_OVER_PI_BITS}"
    yield "TWO_OVER_PI_BYTES: Final = bytes.fromhex("
    yield from (f'    "{digits[i : i + 100]}"' for i in range(0, len(digits), 100))
    yield ")\n"


def exp2_tables() -> Iterator[tuple[str, list[float]]]:
    powers = [mp.mpf(2) ** (mp.mpf(j) / 16) for j in range(16)]
    yield "EXP2_HEAD", [float(p) for p in powers]
    yield "EXP2_TAIL", [float(p - mp.mpf(float(p))) for p in powers]


def log_tables() -> Iterator[tuple[str, list[float]]]:
    """Entry k mod 16 serves m near k / 16, k = 12..24: a reciprocal of 9 bits and minus its logarithm in two parts."""
    reciprocals = [mp.nint(mp.mpf(16) / k * 256) / 256 for k in (j if j >= 12 else j + 16 for j in range(16))]
    yield "RECIPROCAL", [float(c) for c in reciprocals]
    for name, base in (("LOG", mp.e), ("LOG2", mp.mpf(2)), ("LOG10", mp.mpf(10))):
        logs = [-mp.log(c) / mp.log(base) for c in reciprocals]
        yield f"{name}_HEAD", [head_bits(v, 42) for v in logs]
        yield f"{name}_TAIL", [float(v - mp.mpf(head_bits(v, 42))) for v in logs]


def short_log_tables() -> Iterator[tuple[str, list[float]]]:
    """Entry k mod 32 serves an f32 m near k / 32, k = 24..48; the heads are so short that an exponent may be added."""
    reciprocals = [short_reciprocal(j if j >= 24 else j + 32) for j in range(32)]
    yield "SHORT_RECIPROCAL", reciprocals
    logs = [-mp.log(c) / LN2 for c in reciprocals]
    yield "SHORT_LOG2_HEAD", [head_bits(v, 16) for v in logs]
    yield "SHORT_LOG2_TAIL", [single(v - mp.mpf(head_bits(v, 16))) for v in logs]


def short_reciprocal(k: int) -> float:
    """Of few enough bits that m c - 1 is a float for all f32 m that round to k / 32, and as small as it then can be."""
    lo, hi, unit = max(k - 0.5, 24) / 32, (k + 0.5) / 32, 32 if k < 32 else 64
    candidates = [(unit * 32 // k + step) / unit for step in range(-1, 3)]
    return min(candidates, key=lambda c: max(abs(lo * c - 1), abs(hi * c - 1)))


@dataclass(frozen=True)
class Pieces:
    """A function cut into intervals; on each it is value + z p(z), z the distance from its centre.

    The first interval of an odd function is centred on 0, where the value stands for z itself: f(z) = z + z p(z) keeps
    the digits of small z.
    """

    name: str
    f: Function
    dtype: str
    bounds: list[tuple[Real, Real]]
    n: int
    odd: bool = True

    def step(self, x: float) -> float:
        return math.ulp(x) if self.dtype == "f64" else math.ulp(x) * 2.0**29

    def round(self, x: Real) -> float:
        return float(x) if self.dtype == "f64" else single(x)

    def centre(self, lo: Real, hi: Real) -> float:
        """Near the middle, where f is within 1/64 of a unit of a float (the accurate-table method of Gal)."""
        middle = self.round((lo + hi) / 2)
        candidates = (middle + k * self.step(middle) for k in range(-400, 401))
        return min(candidates, key=lambda c: abs(self.f(mp.mpf(c)) - self.round(self.f(mp.mpf(c)))))

    def row(self, lo: Real, hi: Real) -> list[float]:
        c = mp.mpf(self.centre(lo, hi) if lo > 0 else 0.0)
        value = mp.mpf(self.round(self.f(c)))
        if self.odd and self.round(self.f(lo)) == 1.0:
            return [float(c), 1.0] + [0.0] * self.n
        first = self.odd and lo <= 0
        own = 1 if first else 0
        slope = near(lambda z: mp.diff(self.f, c) - own, 1e-25, lambda z: (self.f(c + z) - self.f(c)) / z - own)
        weight = (lambda z: 1 / (1 + slope(z))) if first else (lambda z: abs(z) + (hi - lo) / 100)
        coefficients, _ = remez(slope, weight, max(lo, mp.mpf(0)) - c, hi - c, self.n)
        return [float(c), float(value), *map(float, coefficients)]

    def columns(self) -> list[list[float]]:
        return [list(column) for column in zip(*(self.row(lo, hi) for lo, hi in self.bounds), strict=True)]


def octaves(first: int) -> list[tuple[Real, Real]]:
    """32 intervals, four to the octave from 2^first on; the first also takes everything below it."""
    edges = [mp.mpf(2) ** (first + j // 4) * (1 + mp.mpf(j % 4) / 4) for j in range(33)]
    return list(zip([mp.mpf(0), *edges[1:-1]], edges[1:], strict=True))


def even(count: int, scale: float) -> list[tuple[Real, Real]]:
    """Intervals centred on k / scale."""
    return [((k - mp.mpf(0.5)) / scale, (k + mp.mpf(0.5)) / scale) for k in range(count)]


def quarters(end: float) -> list[tuple[Real, Real]]:
    """16 intervals, the quarters of the octaves of 2 + 30 x / end, from x = 0 to the end."""
    edges = [mp.mpf(2) ** (1 + j // 4) * (1 + mp.mpf(j % 4) / 4) for j in range(17)]
    return list(itertools.pairwise((edge - 2) * mp.mpf(end) / 30 for edge in edges))


def scaled_erfc(a: Real) -> Real:
    return mp.exp(a * a) * mp.erfc(a)


PIECES = [
    Pieces("TANH_PIECES", mp.tanh, "f32", octaves(-4), 6),
    Pieces("ERF_PIECES", mp.erf, "f32", octaves(-4), 6),
    Pieces("ERF_PIECES_DOUBLE", mp.erf, "f64", even(16, 2.5), 12),
    Pieces("ERFCX_PIECES", scaled_erfc, "f32", even(32, 3), 6, odd=False),
    Pieces("ERFCX_PIECES_DOUBLE", scaled_erfc, "f64", quarters(27.3), 13, odd=False),
]


# ---------------------------------------------------------------------------------------------------------- the file

COEFFICIENTS = '''"""Numbers and polynomials, the latter from our own Remez exchange: `tools/remez.py` writes this file.

A number is given in parts, largest first, whose sum is good to more digits than one float.  A polynomial is a tuple of
coefficients, lowest power first; its comment gives the function it stands for, the interval, and the largest error
relative to the function the polynomial is part of.  Both by the element type that they are computed with in.
"""

from typing import Final

Parts = tuple[float, ...]
Polynomial = tuple[float, ...]

# fmt: off
'''

TABLES = '''"""Tables that AVX-512 code keeps in registers: `tools/remez.py` writes this file.

What is in them: powers of two and logarithms, as sums of a head and a tail, and functions cut into pieces.  The bits
of 2/pi, lowest byte first and zeros above the point, lie in memory.
"""

from typing import Final

Table = tuple[float, ...]
Columns = tuple[Table, ...]  # centres, values there, coefficients of each power of the distance

# fmt: off
'''


def wrapped(values: list[float], indent: str) -> str:
    """The numbers, as many to a line as fit."""
    lines, line = [], indent
    for v in values:
        word = f"{float(v)!r},"
        if len(line) + len(word) > 118:
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    return "\n".join([*lines, line.rstrip()])


def polynomial_text(name: str) -> Iterator[str]:
    yield f"{name}: Final[dict[str, Polynomial]] = {{"
    for fit in (fit for fit in FITS if fit.name == name):
        target = TARGETS[fit.target]
        coefficients, error = remez(target.f, target.weight, fit.lo, fit.hi, fit.n)
        print(name, fit.dtype, fit.n, f"2^{float(mp.log(error, 2)):.1f}", flush=True)
        yield f"    # {target.formula} on [{fit.lo:.6g}, {fit.hi:.6g}], error 2^{float(mp.log(error, 2)):.1f}"
        yield f'    "{fit.dtype}": (\n{wrapped(coefficients, "        ")}\n    ),'
    yield "}\n"


def coefficients_text() -> Iterator[str]:
    yield COEFFICIENTS
    yield from constants_text()
    for name in dict.fromkeys(fit.name for fit in FITS):
        yield from polynomial_text(name)


def tables_text() -> Iterator[str]:
    yield TABLES
    yield from two_over_pi_text()
    for name, values in [*exp2_tables(), *log_tables(), *short_log_tables()]:
        yield f"{name}: Final[Table] = (\n{wrapped(values, '    ')}\n)\n"
    for pieces in PIECES:
        print(pieces.name, flush=True)
        yield f"{pieces.name}: Final[Columns] = ("
        for column in pieces.columns():
            yield f"    (\n{wrapped(column, '        ')}\n    ),"
        yield ")\n"


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "coefficients.py").write_text("\n".join(coefficients_text()))
    (folder / "tables.py").write_text("\n".join(tables_text()))


if __name__ == "__main__":
    main()
