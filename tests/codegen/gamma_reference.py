"""log |Gamma|, digamma and trigamma in the precision of their argument, f64 or longer, for tests of vector code.

Around 2 by the series of Abramowitz & Stegun 6.1.33 and its derivatives, from there by recurrence; by the asymptotic
series after 32 steps of the recurrence for large arguments; by reflection for negative ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Triple = tuple[Array, Array, Array]

EULER = np.longdouble("0.57721566490153286060651209008240243104")
PI = np.longdouble("3.14159265358979323846264338327950288420")
NUMERATORS, DENOMINATORS = (1, -1, 1, -1, 5, -691, 7), (6, 30, 42, 30, 66, 2730, 6)  # of Bernoulli's numbers
LARGE, STEPS, TERMS = 8, 32, 48


def zeta_minus_one(k: int) -> Any:
    """By 300 terms, smallest first, and Euler and Maclaurin's sum of the others."""
    n, e = np.longdouble(300), np.longdouble(k)
    head = sum(np.longdouble(j) ** -e for j in range(299, 1, -1))
    corrections = e / 12 / n - e * (e + 1) * (e + 2) / 720 / n**3
    corrections += e * (e + 1) * (e + 2) * (e + 3) * (e + 4) / 30240 / n**5
    return head + n**-e * (n / (e - 1) + np.longdouble(0.5) + corrections)


ZETA = [zeta_minus_one(k) for k in range(2, TERMS)]


def gamma_functions(x: Array) -> Triple:
    """(log |Gamma(x)|, digamma(x), trigamma(x))."""
    with np.errstate(all="ignore"):
        positive = np.where(x < 0, 1 - x, x)
        near, far = _near(np.minimum(positive, LARGE)), _far(np.maximum(positive, LARGE))
        values = [np.where(positive < LARGE, a, b) for a, b in zip(near, far, strict=True)]
        return _reflected(x, *values)


def _near(x: Array) -> Triple:
    """The recurrence from the number in [3/2, 5/2) that is a whole number away."""
    y = np.where(x < 0.5, x + 2, np.where(x < 1.5, x + 1, x - np.floor(x - 1.5)))
    t = np.where(x < 0.5, x, np.where(x < 1.5, x - 1, y - 2))
    log, psi, prime = _around_two(t)
    for k in range(LARGE):
        below, above = (x + k < 1.5) & (k < 2), x - 1 - k >= 1.5
        low, high = np.where(below, x + k, 1), np.where(above, x - 1 - k, 1)
        log = log - np.where((k == 0) & (x > 0.5), np.log1p(low - 1), np.log(low)) + np.log(high)
        psi = psi - below / low + above / high
        prime = prime + below / low**2 - above / high**2
    return log, psi, prime


def _around_two(t: Array) -> Triple:
    log, psi, prime = (1 - EULER) * t, 1 - EULER + 0 * t, 0 * t
    for k, z in reversed([*enumerate(ZETA, 2)]):
        z = z * (-1) ** k
        log, psi, prime = log + z * t**k / k, psi + z * t ** (k - 1), prime + z * (k - 1) * t ** (k - 2)
    return tuple(v.astype(t.dtype) for v in (log, psi, prime))  # type: ignore[return-value]


def _far(x: Array) -> Triple:
    z, w = x + STEPS, 1 / (x + STEPS)
    steps = [x + k for k in range(STEPS)]
    log = (z - 0.5) * (np.log(z) - 1) + (np.log(2 * PI) - 1) / 2 - sum(map(np.log, steps))
    psi = np.log(z) - w / 2 - sum(1 / s for s in steps)
    prime = w + w * w / 2 + sum(1 / s**2 for s in steps)
    for k, (a, b) in enumerate(zip(NUMERATORS, DENOMINATORS, strict=True), 1):
        c = np.longdouble(a) / b
        log = log + c / (2 * k * (2 * k - 1)) * w ** (2 * k - 1)
        psi, prime = psi - c / (2 * k) * w ** (2 * k), prime + c * w ** (2 * k + 1)
    log = np.where(z > 1e30, x * (np.log(x) - 1), log)
    return tuple(v.astype(x.dtype) for v in (log, psi, prime))  # type: ignore[return-value]


def _reflected(x: Array, log: Array, psi: Array, prime: Array) -> Triple:
    angle = PI * (x - np.rint(x))
    sine = np.abs(np.sin(angle))
    pole = (x < 0) & (x == np.floor(x))
    psi = np.where(x == 0, -1 / x, psi)  # of the sign that the recurrence loses
    return (
        np.where(x < 0, np.where(pole | np.isinf(x), np.inf, np.log(PI / sine) - log), log).astype(x.dtype),
        np.where(x < 0, np.where(pole, np.nan, psi - PI / np.tan(angle)), np.where(x == 0, -1 / x, psi)).astype(
            x.dtype
        ),
        np.where(x < 0, (PI / sine) ** 2 - prime, prime).astype(x.dtype),
    )
