"""`check_grads`: derivatives against central differences, along random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphc import eager
from graphc.eager import Tensor
from graphc.errors import OptionError
from graphc.records import dataclass

Function = Callable[..., list[Tensor]]
Array = np.ndarray[Any, Any]
Arrays = Sequence[Array]


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("rev", "fwd"),
    *,
    eps: float = 1e-5,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Check the derivatives of f at `args`, in float64, to the given order.

    f takes the args (arrays or numbers; floats are differentiated, others held) and returns a tensor or a sequence of
    them.  In mode "rev" a random combination of the results is differentiated backwards and the gradient is projected
    on a random direction; in mode "fwd" every result is differentiated along that direction.  Both are compared with
    (f(x + eps u) - f(x - eps u)) / (2 eps).  For the next order each derivative is itself such a function, so that
    order 2 checks reverse over reverse, forward over reverse, reverse over forward and forward over forward.

    Raises AssertionError with the direction, expected and got; OptionError for an unknown mode.
    """
    unknown = set(modes) - {"rev", "fwd"}
    if unknown:
        raise OptionError("not a mode of check_grads", expected='"rev", "fwd"', got=", ".join(sorted(unknown)))
    arrays = [np.asarray(a) for a in args]
    moving = [k for k, a in enumerate(arrays) if a.dtype.kind == "f"]
    point = [arrays[k].astype(np.float64) for k in moving]
    settings = _Settings(modes, eps, rtol, atol, np.random.default_rng(seed))
    _check(partial(_results, f, arrays, moving), point, order, settings)


@dataclass(frozen=True)
class _Settings:
    modes: Sequence[str]
    eps: float
    rtol: float
    atol: float
    rng: np.random.Generator

    def directions(self, like: Arrays) -> list[Array]:
        return [np.asarray(self.rng.standard_normal(x.shape)) for x in like]


def _results(f: Callable[..., Any], arrays: Arrays, moving: Sequence[int], *xs: Tensor) -> list[Tensor]:
    """f with xs in the moving places: its float results."""
    operands: list[Any] = [Tensor(a) for a in arrays]
    for k, x in zip(moving, xs, strict=True):
        operands[k] = x
    ys = f(*operands)
    return [y for y in (ys if isinstance(ys, list | tuple) else [ys]) if y.dtype.kind == "f"]


def _check(f: Function, point: Arrays, order: int, settings: _Settings, path: str = "") -> None:
    us, vs = settings.directions(point), settings.directions(_values(f, point))
    slopes = _differences(f, point, us, settings.eps)
    for mode in settings.modes:
        where = f"{mode} of {path}" if path else mode
        derivative = partial(_reverse, f, vs) if mode == "rev" else partial(_forward, f, us)
        got = _values(derivative, point)
        if mode == "rev":
            _compare(where, us, [_dot(vs, slopes)], [_dot(us, got)], settings)
        else:
            _compare(where, us, slopes, got, settings)
        if order > 1:
            _check(derivative, point, order - 1, settings, where)


def _values(f: Function, point: Arrays) -> list[Array]:
    return [y.array for y in f(*_leaves(point))]


def _leaves(point: Arrays) -> list[Tensor]:
    return [Tensor(x, requires_grad=True) for x in point]


def _differences(f: Function, point: Arrays, us: Arrays, eps: float) -> list[Array]:
    ahead = _values(f, [x + eps * u for x, u in zip(point, us, strict=True)])
    behind = _values(f, [x - eps * u for x, u in zip(point, us, strict=True)])
    return [(a - b) / (2 * eps) for a, b in zip(ahead, behind, strict=True)]


def _reverse(f: Function, vs: Arrays, *xs: Tensor) -> list[Tensor]:
    """The gradients of the results, combined by vs."""
    pairs = [(y, Tensor(v)) for y, v in zip(f(*xs), vs, strict=True) if y.requires_grad]
    if not pairs:
        return [Tensor(np.zeros(x.shape)) for x in xs]
    ys, cotangents = zip(*pairs, strict=True)
    return [g for g in eager.grad(ys, xs, cotangents, create_graph=True, materialize_grads=True) if g is not None]


def _forward(f: Function, us: Arrays, *xs: Tensor) -> list[Tensor]:
    """The derivatives of the results along us."""
    ys = f(*xs)
    tracked = [y for y in ys if y.requires_grad]
    along = iter(eager.jvp(tracked, xs, us, create_graph=True))
    return [next(along) if y.requires_grad else Tensor(np.zeros(y.shape)) for y in ys]


def _dot(xs: Arrays, ys: Arrays) -> Array:
    return np.asarray(sum(np.vdot(x, y) for x, y in zip(xs, ys, strict=True)))


def _compare(where: str, us: Arrays, expected: Arrays, got: Arrays, settings: _Settings) -> None:
    for e, g in zip(expected, got, strict=True):
        if e.shape != g.shape or not np.allclose(g, e, settings.rtol, settings.atol, equal_nan=True):
            raise AssertionError(
                f"derivative `{where}` differs from central differences\n"
                f"  direction: {[u.tolist() for u in us]}\n  expected:  {e.tolist()}\n  got:       {g.tolist()}"
            )
