"""The five programs of docs/static-and-dynamic.md in both execution models, and what each model does for a call.

python examples/contrast.py            # the table
python examples/contrast.py chain rnn  # of some of them
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as gx

# ------------------------------------------------------------------------------------------- the programs, in NumPy


def chain(x):
    """Twenty operations on one number. x: f64[] -> f64[]"""
    for _ in range(10):
        x = np.sin(x) * 0.9
    return x


def mlp(params, images, labels):
    """The loss of a classifier. images: f32[64,32], labels: f32[64,10] -> f32[]"""
    hidden = np.maximum(images @ params["w1"] + params["b1"], 0)
    scores = hidden @ params["w2"] + params["b2"]
    return np.mean(np.log(np.exp(scores).sum(axis=1)) - (labels * scores).sum(axis=1))


def root(a):
    """The square root by Newton's method, as long as it takes: the tape alone can do this. a: f64[] -> f64[]"""
    x = a
    while abs(x * x - a) > 1e-12 * a:
        x = (x + a / x) / 2
    return x


def root_masked(a, steps=40):
    """The same in a fixed number of steps, of which those that are not needed change nothing."""
    x = a
    for _ in range(steps):
        x = np.where(np.abs(x * x - a) > 1e-12 * a, (x + a / x) / 2, x)
    return x


def rnn(params, inputs):
    """The last state of a recurrent network. inputs: f32[32,16,8] (time, batch, features) -> f32[]"""
    state = np.zeros((16, 32), "f4")
    for step in inputs:
        state = np.tanh(step @ params["inputs"] + state @ params["state"])
    return np.mean(state**2)


def softmax(x):
    """Rows that add up to one. x: f32[512,128] -> f32[512,128]"""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# ------------------------------------------------------------------------------------------------------- measuring


def programs():
    """Name to function, arguments, and by which of them to differentiate."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return (rng.standard_normal(shape) * 0.3).astype("f4")

    network = {"w1": draw(32, 64), "b1": draw(64), "w2": draw(64, 10), "b2": draw(10)}
    labels = np.eye(10, dtype="f4")[rng.integers(0, 10, 64)]
    cell = {"inputs": draw(8, 32), "state": draw(32, 32)}
    return {
        "chain": (chain, (np.array(0.5),), 0),
        "mlp": (mlp, (network, draw(64, 32), labels), 0),
        "root": (root_masked, (np.array(2.0),), 0),
        "rnn": (rnn, (cell, draw(32, 16, 8)), 0),
        "softmax": (softmax, (draw(512, 128),), None),
    }


COLUMNS = (
    "program", "nodes: graph", "tape", "kernels", "time: static", "dynamic", "memory: static", "dynamic",
    "first call: static", "dynamic", "difference",
)  # fmt: skip


def row(name, found):
    """One line of the table; nodes of the graph as traced and after the passes."""
    s, d = found.static, found.dynamic
    difference = max(found.difference, found.gradient_difference or 0.0)
    times = [f"{t * 1e6:,.1f} us" for t in (s.seconds, d.seconds)]
    memory = [f"{m.bytes / 1e3:,.1f} kB" for m in (s, d)]
    first = [f"{m.first * 1e3:,.1f} ms" for m in (s, d)]
    counts = [" -> ".join(map(str, found.graph)), str(d.nodes), str(found.kernels)]
    return [name, *counts, *times, *memory, *first, f"{difference:.0e}"]


def line(cells):
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description="five programs in both execution models")
    parser.add_argument("names", nargs="*", help="all by default", metavar="NAME")
    wanted = parser.parse_args().names
    print(line(COLUMNS))
    print(line(["---", *["---:"] * (len(COLUMNS) - 1)]))
    for name, (function, args, argnums) in programs().items():
        if not wanted or name in wanted:
            print(line(row(name, gx.compare(function, *args, argnums=argnums))))


if __name__ == "__main__":
    main()
