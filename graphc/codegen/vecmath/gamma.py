"""The logarithm of the gamma function and its first two derivatives, digamma (psi) and trigamma.

Abramowitz & Stegun, chapter 6.  A positive argument is served near the functions' roots by a polynomial with those
roots, after at most two steps of the recurrence (6.1.15, 6.3.5), and from 2 or 5/2 on by the terms of the asymptotic
series that grow (6.1.41, 6.3.18, 6.4.12) with a polynomial for the others.  Negative ones are reflected (6.1.17, 6.3.7,
6.4.7), which no vector of positive ones runs.  f32 is computed in f64, with shorter polynomials and logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import INF, NAN, multiply_exactly, polynomial, sum_exactly
from graphc.codegen.vecmath.logarithm import log, short_log, split
from graphc.codegen.vecmath.logarithm_in_parts import log_of_parts
from graphc.codegen.vecmath.trigonometric import precise_sine_and_cosine, reduce_half_turns, sine_of_quarter

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

    Pair = tuple[Operand, Operand]
    Positive = Callable[[Builder, Operand, str], Operand]
    Reflection = Callable[[Builder, Operand, Operand], tuple[Operand]]

STIRLING_START, DIGAMMA_START, TRIGAMMA_START = 2.5, 2.0, 2.0


def lgamma(b: Builder, x: Operand) -> Operand:
    """log |Gamma(x)|; infinite at 0, at negative integers and at both infinities."""
    return _everywhere(b, x, _log_gamma, _reflect_log_gamma)


def digamma(b: Builder, x: Operand) -> Operand:
    """The derivative of lgamma; infinite at a zero, with the other sign, and NaN at negative integers and -inf."""
    return _everywhere(b, x, _digamma, _reflect_digamma)


def trigamma(b: Builder, x: Operand) -> Operand:
    """The derivative of digamma; infinite at 0 and at negative integers, NaN at -inf."""
    return _everywhere(b, x, _trigamma, _reflect_trigamma)


def _everywhere(b: Builder, x: Operand, positive: Positive, reflect: Reflection) -> Operand:
    """positive(x, digits) or, for x < 0, reflect(x, positive(1 - x))."""
    z = b.cast(x, "f64")
    negative = b.lt(z, 0.0)
    value = positive(b, b.select(negative, b.xsub(1.0, z), z), x.dtype)
    return b.cast(b.rarely(negative, [value], reflect, z, value)[0], x.dtype)


# ------------------------------------------------------------------------------------------- log of the gamma function


def _log_gamma(b: Builder, x: Operand, digits: str) -> Operand:
    """factor * log(argument) + rest; these cancel below 5/2, so they are kept in two parts."""
    direct = b.lt(x, STIRLING_START)
    argument, near = _near_two(b, x, digits)
    head, tail = _log_in_parts(b, b.select(direct, argument, x), digits)
    head = b.select(direct, head, b.xsub(head, 1.0))
    factor = b.select(direct, -1.0, b.xsub(x, 0.5))
    rest, low = (b.select(direct, n, f) for n, f in zip(near, _stirling(b, x, digits), strict=True))
    product, error = multiply_exactly(b, factor, head)
    total, lost = sum_exactly(b, product, rest)
    small = b.xadd(lost, b.xadd(low, b.fma(factor, tail, error)))
    return b.select(b.lt(b.abs(product), INF), b.xadd(total, small), product)


def _near_two(b: Builder, x: Operand, digits: str) -> tuple[Operand, Pair]:
    """(p, log Gamma(p x)): p x is the number in [3/2, 5/2] that is an integer away; the second in two parts."""
    two_steps, no_step = b.lt(x, 0.5), b.ge(x, 1.5)
    argument = b.select(two_steps, b.fma(x, x, x), b.select(no_step, 1.0, x))
    t = b.select(two_steps, x, b.xsub(x, b.select(no_step, b.const(2.0, x), 1.0)))
    slope, slope_low, _ = c.DIGAMMA_OF_TWO["f64"]
    rise, error = multiply_exactly(b, t, slope)
    bend = b.fma(b.mul(t, t), polynomial(b, t, c.LGAMMA[digits]), b.fma(t, slope_low, error))
    return argument, (rise, bend)


def _stirling(b: Builder, x: Operand, digits: str) -> Pair:
    """log Gamma(x) - (x - 1/2) (log x - 1) in two parts, for x >= 5/2."""
    head, tail, _ = c.STIRLING_CONSTANT["f64"]
    w = b.div(1.0, x)
    return b.const(head, x), b.fma(w, polynomial(b, b.mul(w, w), c.STIRLING[digits]), tail)


def _log_in_parts(b: Builder, x: Operand, digits: str) -> Pair:
    if digits == "f32":
        return short_log(b, x), b.const(0.0, x)
    return log_of_parts(b, *split(b, x))


def _reflect_log_gamma(b: Builder, x: Operand, other: Operand) -> tuple[Operand]:
    """-log(|sin(pi x)| / pi) - log Gamma(1 - x); infinite beyond the range, where all numbers are integers."""
    n, r, _ = reduce_half_turns(b, x)
    sine = b.abs(sine_of_quarter(b, n, r))
    value = b.xsub(b.neg(log(b, b.mul(sine, 1 / math.pi))), other)
    return (b.select(b.lt(other, INF), value, INF),)


# ------------------------------------------------------------------------------------------------------------- digamma


def _digamma(b: Builder, x: Operand, digits: str) -> Operand:
    """psi(x) or, for x < 1, psi(x + 1) - 1 / x by the polynomial; log x - 1 / (2 x) - ... from 2 on."""
    below, w = b.lt(x, 1.0), b.div(1.0, x)
    direct = b.xsub(_near_root(b, b.select(below, b.xadd(x, 1.0), x), digits), b.select(below, w, 0.0))
    square = b.mul(w, w)
    tail = b.fma(square, polynomial(b, square, c.DIGAMMA_TAIL[digits]), b.mul(w, 0.5))
    far = b.xsub(short_log(b, x) if digits == "f32" else log(b, x), tail)
    return b.select(b.lt(x, DIGAMMA_START), direct, far)


def _near_root(b: Builder, x: Operand, digits: str) -> Operand:
    """psi(x) for 1 <= x <= 2, precise also next to its root."""
    head, tail, _ = c.DIGAMMA_ROOT["f64"]
    slope, slope_low, _ = c.DIGAMMA_SLOPE["f64"]
    near = b.xsub(x, head)  # exact
    t = b.xsub(near, tail)
    bend = b.fma(b.mul(t, t), polynomial(b, t, c.DIGAMMA[digits]), b.fma(near, slope_low, -slope * tail))
    return b.fma(near, slope, bend)


def _reflect_digamma(b: Builder, x: Operand, other: Operand) -> tuple[Operand]:
    """psi(1 - x) - pi cot(pi x), rounded once from a cotangent in two parts."""
    sine, cosine = _of_half_turns(b, x)
    cotangent, rest = _quotient(b, cosine, 0.0, sine)
    head, tail, _ = c.PI["f64"]
    product, error = multiply_exactly(b, cotangent, head)
    total, lost = sum_exactly(b, other, b.neg(product))
    small = b.fma(cotangent, tail, b.fma(rest, head, error))
    value = b.select(b.lt(b.abs(product), INF), b.xadd(total, b.xsub(lost, small)), total)
    return (b.select(b.eq(b.rint(x), x), NAN, value),)


def _of_half_turns(b: Builder, x: Operand) -> Pair:
    """(sin(pi x), cos(pi x)), but for a sign that both may have lost; each rounded little more than once."""
    n, r, low = reduce_half_turns(b, x)
    sine, cosine = precise_sine_and_cosine(b, r, low)
    odd = b.ne(b.and_(n, 1), 0)
    return b.select(odd, cosine, sine), b.select(odd, b.neg(sine), cosine)


def _quotient(b: Builder, x: Operand, low: float, y: Operand) -> Pair:
    """(x + low) / y in two parts."""
    quotient = b.div(x, y)
    return quotient, b.div(b.xadd(b.fma(b.neg(quotient), y, x), low), y)


# ------------------------------------------------------------------------------------------------------------ trigamma


def _trigamma(b: Builder, x: Operand, digits: str) -> Operand:
    """1 / x^2 + 1 / (x + 1)^2 + psi'(x + 2), the first two only below 2."""
    near = b.lt(x, TRIGAMMA_START)
    first, second = b.div(1.0, x), b.div(1.0, b.xadd(x, 1.0))
    steps = b.fma(first, first, b.mul(second, second))
    far = _trigamma_tail(b, b.select(near, b.xadd(x, 2.0), x), digits)
    return b.add(far, b.select(near, steps, 0.0))


def _trigamma_tail(b: Builder, x: Operand, digits: str) -> Operand:
    """1 / x + 1 / (2 x^2) + ... for x >= 2."""
    w = b.div(1.0, x)
    square = b.mul(w, w)
    curve = b.fma(w, polynomial(b, square, c.TRIGAMMA_TAIL[digits]), 0.5)
    return b.fma(square, curve, w)


def _reflect_trigamma(b: Builder, x: Operand, other: Operand) -> tuple[Operand]:
    """(pi / sin(pi x))^2 - psi'(1 - x), the quotient in two parts; infinite where the sine is 0."""
    sine, _ = _of_half_turns(b, x)
    head, tail, _ = c.PI["f64"]
    ratio, rest = _quotient(b, b.const(head, x), tail, sine)
    square, error = multiply_exactly(b, ratio, ratio)
    small = b.fma(b.add(ratio, ratio), rest, error)
    value = b.xadd(b.xsub(square, other), small)
    return (b.select(b.lt(square, INF), value, b.xsub(square, other)),)
