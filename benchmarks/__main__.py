"""Compiled code beside NumPy and the eager twin: microseconds per call, and what a session adds to a call.

    python -m benchmarks             (or: make bench)

Every figure is the fastest of several rounds on one thread of this machine; nothing is stored or compared with others.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("GRAPHC_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np

import graphc as gx

ROUNDS, SECONDS = 7, 0.05


def microseconds(call: Callable[[], object]) -> float:
    """Per call, in the fastest round."""
    call()
    start = time.perf_counter()
    call()
    count = max(1, int(SECONDS / max(time.perf_counter() - start, 1e-7)))
    return min(_round(call, count) for _ in range(ROUNDS)) * 1e6


def _round(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def layer_norm(x):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)


def chain(x):
    return np.tanh(x) * np.exp(-x * x) + np.sqrt(np.abs(x)) / (1 + x * x)


def two_layers(x):
    return np.tanh(x @ x.T) @ x


def energy(x):
    return (layer_norm(x) * softmax(x)).sum()


def functions(rng):
    """Name, function of NumPy, argument."""
    small, large = rng.normal(size=8).astype("float32"), rng.normal(size=(512, 512)).astype("float32")
    yield "x + 1, 8 numbers", lambda x: x + 1, small
    for f in (chain, softmax, layer_norm, two_layers):
        yield f"{f.__name__}, 512 x 512", f, large


def main():
    rng = np.random.default_rng(0)
    print(f"{'us per call':28}{'compiled':>12}{'NumPy':>12}{'eager twin':>12}")
    for name, f, x in functions(rng):
        report(name, gx.jit(f), f, x)
    x = rng.normal(size=(512, 512)).astype("float32")
    report("gradient of energy", gx.jit(gx.grad(energy)), None, x, gx.grad(energy))
    sessions(rng.normal(size=8).astype("float32"))


def report(name, compiled, plain, x, eager=None):
    eager_x = x if eager else gx.eager.tensor(x)
    columns = [
        microseconds(lambda: compiled(x)),
        microseconds(lambda: plain(x)) if plain else None,
        microseconds(lambda: (eager or plain)(eager_x)),
    ]
    print(f"{name:28}" + "".join(f"{'' if c is None else format(c, '.2f'):>12}" for c in columns))


def sessions(a):
    """The same small sum through every door."""
    with gx.Graph() as graph:
        x = gx.placeholder("float32", a.shape, name="x")
        w = gx.variable(np.zeros_like(a), name="w")
        y, step = x + 1, w.assign(w + x)
    with gx.Session(graph) as session:
        fast, feed = session.make_callable(y, [x]), {x: a}
        for name, call in (
            ("make_callable", lambda: fast(a)),
            ("run(y)", lambda: session.run(y, feed)),
            ("run([y, update])", lambda: session.run([y, step], feed)),
        ):
            print(f"{name:28}{microseconds(call):12.2f}")


if __name__ == "__main__":
    main()
