"""Random clusters: values, reductions and writes over up to three axes, against the same program in NumPy arrays."""

from __future__ import annotations

import numpy as np
import pytest
from codegen.rechunk import in_small_chunks

from graphc.codegen.lower import lower
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.schedule import schedule
from graphc.ir.poly import Poly

SIZES = {"i": 3, "j": 5, "k": 4}
UNARY = {"neg": np.negative, "exp": lambda x: np.exp(-np.abs(x)), "abs": np.abs}
BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum}
REDUCTIONS = {"sum": np.sum, "max": np.max, "min": np.min}


class Program:
    """A cluster, and beside each value its array with one dimension per axis (1 where it does not vary)."""

    def __init__(self, seed: int) -> None:
        self.r = np.random.default_rng(seed)
        self.c = Cluster("random")
        self.axes = "ijk"[: self.r.integers(1, 4)]
        self.symbolic = bool(self.r.random() < 0.7)
        for a in self.axes:
            self.c.axis(a, Poly.of(f"n{a}") if self.symbolic else SIZES[a])
        self.values, self.inputs, self.outputs = [], {}, {}
        self.grow()

    def grow(self):
        for _ in range(2):
            self.load()
        for _ in range(self.r.integers(3, 14)):
            kinds = [self.load, self.unary, self.binary, self.reduce]
            self.r.choice(kinds, p=[0.1, 0.25, 0.35, 0.3])()
        for _ in range(self.r.integers(1, 4)):
            self.store()

    def some_axes(self, axes):
        return [a for a in axes if self.r.random() < 0.6]

    def pick(self):
        """Recent values are likelier, so that programs are deep."""
        return self.values[max(self.r.integers(len(self.values), size=3))]

    def at(self, axes):
        place, step = Poly(), Poly.of(1)
        for a in axes[::-1]:
            place, step = place + Poly.of(a) * step, step * self.c.axes[a]
        return place

    def load(self):
        axes = self.some_axes(self.axes)
        if self.r.random() < 0.3:
            axes = axes[::-1]
        name = f"x{len(self.inputs)}"
        self.c.array(name, "f64", "in")
        array = self.r.standard_normal([SIZES[a] for a in axes])
        self.inputs[name] = array
        order = sorted(range(len(axes)), key=lambda n: axes[n])
        whole = array.transpose(order).reshape([SIZES[a] if a in axes else 1 for a in self.axes])
        self.values.append((self.c.load(name, self.at(axes)), whole))

    def unary(self):
        self.apply(str(self.r.choice(["neg", "abs", "exp", "exp"])), self.pick())

    def binary(self):
        self.combine(self.pick(), self.pick())

    def apply(self, name, pair):
        v, x = pair
        if name == "exp":
            v = self.c.op("neg", "f64", self.c.op("abs", "f64", v))
        self.values.append((self.c.op(name, "f64", v), UNARY[name](x)))

    def combine(self, first, second):
        (v, x), (w, y) = first, second
        name = str(self.r.choice(list(BINARY)))
        self.values.append((self.c.op(name, "f64", v, w), BINARY[name](x, y)))

    def reduce(self):
        name = str(self.r.choice(list(REDUCTIONS)))
        v, x = self.pick()
        over = self.some_axes(self.axes)
        if not over:
            return
        positions = tuple(self.axes.index(a) for a in over)
        made = self.c.reduce(monoids.MONOIDS[name], over, v)[0]
        y = REDUCTIONS[name](x, axis=positions, keepdims=True)
        if name == "sum":  # what does not vary with an axis is there once for each of its points
            y = y * np.prod([SIZES[a] for a in over if a not in v.axes])
        self.values.append((self.c.op("mul", "f64", made, 0.25), y * 0.25))
        if self.r.random() < 0.5:
            self.apply("exp", self.values[-1])
        if self.r.random() < 0.5:
            self.combine(self.values[-1], (v, x))

    def store(self):
        v, x = self.pick()
        axes = [a for a in self.axes if a in v.axes or self.r.random() < 0.3]
        name = f"y{len(self.outputs)}"
        self.c.array(name, "f64", "out")
        self.c.store(name, self.at(axes), v, axes)
        self.outputs[name] = np.broadcast_to(x, [SIZES[a] if a in axes else 1 for a in self.axes])

    def check(self, kernel):
        outs = {name: np.full(want.shape, np.nan) for name, want in self.outputs.items()}
        dims = {f"n{a}": SIZES[a] for a in self.axes}
        assert interp.run(kernel, {**self.inputs, **outs}, dims) == 0
        for name, want in self.outputs.items():
            np.testing.assert_allclose(outs[name], want, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("seed", range(80))
def test_random_cluster(seed):
    program = Program(seed)
    kernel = lower(program.c)
    program.check(kernel)
    program.check(in_small_chunks(kernel))
    program.check(schedule(in_small_chunks(kernel)))
