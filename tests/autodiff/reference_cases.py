"""Functions of graphc.numpy at smooth points and at corners, on which reference.json has PyTorch's derivatives.

Points and weights are multiples of the golden ratio, modulo 1: fixed, and nothing in them is special.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc.numpy as gnp
from graphc.numpy import linalg, special

Function = Callable[..., Any]


def points(*shape: int, low: float = -2.0, high: float = 2.0, start: int = 1) -> np.ndarray:
    k = start + np.arange(int(np.prod(shape)))
    return (low + (high - low) * (k * 0.6180339887498949 % 1)).reshape(shape)


def positive(*shape: int, start: int = 1) -> np.ndarray:
    return points(*shape, low=0.2, high=3.0, start=start)


@dataclass(frozen=True)
class Case:
    function: Function
    args: tuple[np.ndarray, ...]
    is_corner: bool = False


# ---------------------------------------------------------------------------------------------------- elementwise

_REAL = points(7)
_DOMAINS = {
    "sin cos tan exp exp2 expm1 square sinh cosh tanh arctan arcsinh abs negative sign floor sinc deg2rad fabs": _REAL,
    "log log2 log10 log1p sqrt reciprocal": positive(7),
    "arcsin arccos arctanh": points(7, low=-0.9, high=0.9),
    "arccosh": positive(7) + 1,
}
_SPECIAL = {
    "erf erfc expit log_expit ndtr exp10 relu silu softplus elu leaky_relu gelu": _REAL,
    "gammaln digamma entr rsqrt": positive(7),
    "logit": positive(7) / 4,
}
_PAIRS = "add subtract multiply divide arctan2 hypot maximum minimum logaddexp logaddexp2 remainder fmod"


def _elementwise() -> dict[str, Case]:
    found = {n: Case(getattr(np, n), (x,)) for names, x in _DOMAINS.items() for n in names.split()}
    found |= {n: Case(getattr(special, n), (x,)) for names, x in _SPECIAL.items() for n in names.split()}
    pair = points(3, 4), positive(4, start=20)
    found |= {n: Case(getattr(np, n), pair) for n in _PAIRS.split()}
    found["power"] = Case(np.power, (positive(3, 4), points(4)))
    for n in ("xlogy", "xlog1py", "rel_entr", "kl_div"):
        found[n] = Case(getattr(special, n), (positive(7), positive(7, start=30)))
    formulas: dict[str, tuple[Function, np.ndarray]] = {
        "x**3": (lambda x: x**3, _REAL),
        "x**2.5": (lambda x: x**2.5, positive(7)),
        "2**x": (lambda x: 2.0**x, _REAL),
        "x**-2": (lambda x: x**-2, _REAL),
        "clip": (lambda x: np.clip(x, -1, 1) ** 2, _REAL),
        "huber": (lambda x: special.huber(1.0, x), _REAL),
        "modf": (lambda x: gnp.modf(x)[0] * x, _REAL),
        "heaviside": (lambda x: np.heaviside(x, 0.5) * x * x, _REAL),
        "softsign": (lambda x: x / (1 + np.abs(x)), _REAL),
        "mish": (lambda x: x * np.tanh(special.softplus(x)), _REAL),
        "gauss": (lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi), _REAL),
    }
    return found | {name: Case(f, (x,)) for name, (f, x) in formulas.items()}


# ----------------------------------------------------------------------------------- reductions, shapes, products


def _squared(f: Function) -> Function:
    """What is linear has no second derivative: its square has."""
    return lambda *xs: f(*xs) ** 2


_REDUCTIONS: dict[str, Function] = {
    "sum": _squared(lambda x: np.sum(x, axis=1)),
    "mean keepdims": _squared(lambda x: np.mean(x, axis=0, keepdims=True)),
    "prod": lambda x: np.prod(x, axis=1),
    "var": lambda x: np.var(x, axis=1, ddof=1),
    "std": lambda x: np.std(x, axis=0),
    "max": _squared(lambda x: np.max(x, axis=1)),
    "min": _squared(np.min),
    "ptp": _squared(lambda x: np.ptp(x, axis=0)),
    "cumsum": _squared(lambda x: np.cumsum(x, axis=1)),
    "cumprod": lambda x: np.cumprod(x, axis=1),
    "diff": _squared(lambda x: np.diff(x, n=2)),
    "softmax": lambda x: special.softmax(x, -1),
    "log_softmax": lambda x: special.log_softmax(x, -1),
    "logsumexp": special.logsumexp,
    "norm": np.linalg.norm,
    "norm 3": lambda x: np.linalg.norm(x, 3, axis=1),
    "norm inf": _squared(lambda x: np.linalg.norm(x, np.inf, axis=1)),
}
_SHAPES: dict[str, Function] = {
    "reshape": lambda x: x.reshape(2, 6),
    "transpose": np.transpose,
    "flip": lambda x: np.flip(x, 0),
    "rot90": np.rot90,
    "roll": lambda x: np.roll(x, (1, -1), (0, 1)),
    "tile": lambda x: np.tile(x, (2, 3)),
    "repeat": lambda x: np.repeat(x, 3, axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "diagonal": lambda x: np.diagonal(x, 1),
    "tril": np.tril,
    "pad": lambda x: np.pad(x, ((1, 2), (0, 1))),
    "pad reflect": lambda x: np.pad(x, ((0, 0), (2, 1)), mode="reflect"),
    "pad edge": lambda x: np.pad(x, ((0, 0), (2, 1)), mode="edge"),
    "slice": lambda x: x[::2, 1:3],
    "reversed": lambda x: x[::-1],
    "fancy": lambda x: x[[0, 2, 2], [1, 1, 1]],
    "fancy mixed": lambda x: x[:, [3, 0, 0]],
    "take": lambda x: np.take(x, [1, 1, 3], axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[0, 1], [1, 1], [3, 0]]), axis=1),
}
_PRODUCTS: dict[str, tuple[Function, tuple[int, ...], tuple[int, ...]]] = {
    "matmul": (np.matmul, (3, 4), (4, 5)),
    "matmul batched": (np.matmul, (2, 3, 4), (4, 5)),
    "matmul vector": (np.matmul, (3, 4), (4,)),
    "dot": (np.dot, (4,), (4,)),
    "inner": (np.inner, (3, 4), (2, 4)),
    "outer": (np.outer, (3,), (4,)),
    "kron": (np.kron, (2, 3), (3, 2)),
    "tensordot": (lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0])), (2, 3, 4), (4, 2, 5)),
    "einsum": (lambda a, b: np.einsum("bij,bkj->bki", a, b), (2, 3, 4), (2, 5, 4)),
    "einsum diagonal": (lambda a, b: np.einsum("ii,j->j", a, b), (3, 3), (4,)),
    "cross": (np.cross, (4, 3), (4, 3)),
    "concatenate": (lambda a, b: np.concatenate([a, b], 1), (3, 2), (3, 4)),
    "stack": (lambda a, b: np.stack([a, b], 1), (3, 4), (3, 4)),
    "where": (lambda a, b: np.where(a > b, a * b, a - b), (3, 4), (4,)),
    "distances": (lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)), (3, 4), (5, 4)),
    "cosine": (lambda a, b: (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1)), (3, 4), (3, 4)),
}


def _layer_norm(x: Any, w: Any, b: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w + b


def _attention(q: Any, k: Any, v: Any) -> Any:
    return special.softmax(q @ np.swapaxes(k, -1, -2) / 2, -1) @ v


def _arrays() -> dict[str, Case]:
    found = {n: Case(f, (points(3, 4),)) for n, f in _REDUCTIONS.items()}
    found |= {n: Case(_squared(f), (points(3, 4),)) for n, f in _SHAPES.items()}
    found |= {n: Case(_squared(f), (points(*a), points(*b, start=40))) for n, (f, a, b) in _PRODUCTS.items()}
    found["trace"] = Case(_squared(np.trace), (points(4, 4),))
    found["matrix_power"] = Case(lambda x: linalg.matrix_power(x, 3), (points(3, 3),))
    found["multi_dot"] = Case(
        lambda a, b, c: linalg.multi_dot([a, b, c]), (points(2, 3), points(3, 4), points(4, 2, start=9))
    )
    found["layer norm"] = Case(_layer_norm, (points(3, 4), positive(4), points(4, start=9)))
    found["attention"] = Case(_attention, (points(2, 3, 4), points(2, 5, 4, start=9), points(2, 5, 4, start=77)))
    return found


# ------------------------------------------------------------------------------------------------------- corners

_ZEROS = np.array([0.0, -0.0, 1.0, -1.0, 2.0])
_LARGE = np.array([800.0, -800.0, 40.0, -40.0, 1e-9])
_LEFT, _RIGHT = np.array([0.0, 1.0, -1.0, 2.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0, -2.0, 1.0, -1.0])
_TIES = np.array([[1.0, 3.0, 3.0], [3.0, 3.0, 0.0]])

_AT_ZERO = "abs sign sqrt square log reciprocal floor rint arcsin arccos arctanh sinc log1p expm1 tanh cumprod"
_AT_ZERO_SPECIAL = "relu silu gelu leaky_relu"
_AT_LARGE = "expit log_expit silu softplus erf erfc ndtr elu gelu"
_POWERS: dict[str, Function] = {
    "x**0": lambda x: x**0,
    "x**1": lambda x: x**1,
    "x**2": lambda x: x**2,
    "x**3": lambda x: x**3,
    "abs(x)**2": lambda x: np.abs(x) ** 2,
    "max(x, 0)": lambda x: np.maximum(x, 0),
    "x % 1": lambda x: x % 1.0,
    "softmax": lambda x: special.softmax(x * 1000, -1),
    "where log": lambda x: np.where(x > 0, np.log(x), 0),
    "where sqrt": lambda x: np.where(x > 0, np.sqrt(x), x),
    "where 1/x": lambda x: np.where(x != 0, 1 / x, 0),
    "where chosen": lambda x: np.where(x[[0, 2, 4, 0]] > 0, np.log(x)[[0, 2, 4, 0]], 0),
}


def _corners() -> dict[str, Case]:
    found = {n: (getattr(np, n), _ZEROS) for n in _AT_ZERO.split()}
    found |= {n: (getattr(special, n), _ZEROS) for n in _AT_ZERO_SPECIAL.split()} | {
        n: (f, _ZEROS) for n, f in _POWERS.items()
    }
    found |= {f"large {n}": (getattr(special, n), _LARGE) for n in _AT_LARGE.split()}
    found |= {f"large {n}": (getattr(np, n), _LARGE) for n in ("tanh", "arctan", "arcsinh", "sinc", "expm1")}
    found["ties of max"] = (lambda x: np.max(x, axis=0), _TIES)
    found["ties of min"] = (np.min, _TIES)
    found["arccosh"] = (np.arccosh, np.array([1.0, 2.0]))
    pairs = {
        n: (getattr(np, n), (_LEFT, _RIGHT)) for n in ["maximum", "minimum", "arctan2", "hypot", "multiply", "divide"]
    }
    return {f"corner: {n}": Case(f, (x,), True) for n, (f, x) in found.items()} | {
        f"corner: {n}": Case(f, xs, True) for n, (f, xs) in pairs.items()
    }


CASES = _elementwise() | _arrays() | _corners()
