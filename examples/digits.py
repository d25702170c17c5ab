"""The main job: train a classifier of handwritten digits, define-then-run, and look at what the compiler did.

Data: the 1,797 images of 8x8 pixels of the UCI "Optical Recognition of Handwritten Digits" set, which scikit-learn
carries.  The loss below is plain NumPy; it is traced once for the session and run as it is by the eager twin.

    python examples/digits.py        writes out/digits-*.dot, and .svg where Graphviz is installed
"""

from __future__ import annotations

import shutil
import subprocess
import time
import tracemalloc
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import graphc as gx
from graphc.eager.tape import ancestors
from graphc.ir.dot import to_dot

HIDDEN, BATCH, EPOCHS, RATE, MOMENTUM = 128, 64, 30, 0.1, 0.9
OUT = Path(__file__).parents[1] / "out"
console = Console()


# ------------------------------------------------------------------------------------------- the model, once for both


def scores(x, w1, b1, w2, b2):
    """x: f32[batch,64] -> f32[batch,10]"""
    return np.maximum(x @ w1 + b1, 0) @ w2 + b2


def cross_entropy(x, labels, *parameters):
    """Mean of -log softmax at the label, as one would write it on paper: the compiler makes it safe from overflow."""
    z = scores(x, *parameters)
    log_probability = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    is_label = labels[:, None] == np.arange(10)
    return -np.where(is_label, log_probability, 0).sum(axis=1).mean()


def momentum_step(w, velocity, gradient, rate):
    velocity = MOMENTUM * velocity + gradient
    return w - rate * velocity, velocity


def initial_parameters(rng):
    w1 = rng.normal(0, np.sqrt(2 / 64), (64, HIDDEN))
    w2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10))
    return [p.astype("float32") for p in (w1, np.zeros(HIDDEN), w2, np.zeros(10))]


# -------------------------------------------------------------------------------------------------------------- data


def load(rng, held_out=360):
    """Training and held-out images in [0, 1] with their labels, in an order drawn by `rng`."""
    data = load_digits()
    order = rng.permutation(len(data.target))
    x, labels = (data.data / 16).astype("float32")[order], data.target.astype("int64")[order]
    return (x[held_out:], labels[held_out:]), (x[:held_out], labels[:held_out])


def batches(rng, x, labels):
    order = rng.permutation(len(x))
    for start in range(0, len(x) - BATCH + 1, BATCH):
        rows = order[start : start + BATCH]
        yield x[rows], labels[rows]


# ------------------------------------------------------------------------------------------------- static: the session


class Classifier:
    """The graph: placeholders, variables, loss, gradients, updates."""

    def __init__(self, start):
        self.graph = gx.Graph("digits")
        with self.graph:
            batch = gx.Dim("batch")
            self.x = gx.placeholder("float32", (batch, 64), name="x")
            self.labels = gx.placeholder("int64", (batch,), name="labels")
            self.rate = gx.placeholder("float32", (), name="rate")
            names = ("w1", "b1", "w2", "b2")
            parameters = [gx.variable(p, name=n) for p, n in zip(start, names, strict=True)]
            velocities = [gx.variable(np.zeros_like(p), name=f"v_{n}") for p, n in zip(start, names, strict=True)]
            self.loss = cross_entropy(self.x, self.labels, *parameters)
            gradients = gx.gradients(self.loss, parameters)
            self.guess = scores(self.x, *parameters).argmax(axis=1)
            self.updates = []
            for w, v, g in zip(parameters, velocities, gradients, strict=True):
                new_w, new_v = momentum_step(w, v, g, self.rate)
                self.updates += [w.assign(new_w), v.assign(new_v)]

    def feed(self, x, labels, rate=RATE):
        return {self.x: x, self.labels: labels, self.rate: rate}


def train(model, session, rng, data):
    columns = TextColumn("training"), BarColumn(), TextColumn("loss {task.fields[loss]:.4f}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("training", total=EPOCHS, loss=float("nan"))
        for epoch in range(EPOCHS):
            rate = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
            for x, labels in batches(rng, *data):
                loss, _ = session.run([model.loss, model.updates], model.feed(x, labels, float(rate)))
            progress.update(bar, advance=1, loss=float(loss))


def accuracy(model, session, x, labels):
    return float((session.run(model.guess, {model.x: x}) == labels).mean())


# ---------------------------------------------------------------------------------------------------- dynamic: the tape


class EagerTrainer:
    """The same training step on the tape, which is built anew by every call."""

    def __init__(self, start):
        self.parameters = [gx.eager.tensor(p, requires_grad=True) for p in start]
        self.velocities = [gx.eager.tensor(np.zeros_like(p)) for p in start]
        self.nodes = 0

    def step(self, x, labels):
        loss = cross_entropy(gx.eager.tensor(x), gx.eager.tensor(labels), *self.parameters)
        self.nodes = len(ancestors([loss]))
        gradients = gx.eager.grad(loss, self.parameters)
        with gx.eager.no_grad():
            moved = [
                momentum_step(w, v, g, RATE)
                for w, v, g in zip(self.parameters, self.velocities, gradients, strict=True)
            ]
        self.parameters = [w.detach().requires_grad_() for w, _ in moved]
        self.velocities = [v for _, v in moved]
        return float(loss)


def timed(step, data):
    """Losses of the steps, and the median time of one."""
    losses, seconds = [], []
    for x, labels in data:
        start = time.perf_counter()
        losses.append(step(x, labels))
        seconds.append(time.perf_counter() - start)
    return np.array(losses), float(np.median(seconds))


def traced_peak(step, x, labels):
    """Bytes that one step allocates through Python and NumPy, at its worst moment."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        step(x, labels)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def compare(start, data):
    """Both models from the same start over the same batches, side by side, on one thread each."""
    model, eager = Classifier(start), EagerTrainer(start)
    with gx.Session(model.graph, threads=1) as session, threadpool_limits(1):

        def step(x, labels):
            return float(session.run([model.loss, model.updates], model.feed(x, labels))[0])

        step(*data[0])
        eager.step(*data[0])
        static_losses, static_seconds = timed(step, data)
        eager_losses, eager_seconds = timed(eager.step, data)
        arena = stages(model, session).layout.bound({"batch": BATCH}).size
        rows = [
            ("graph nodes built per step", f"0 ({len(model.graph)} once)", str(eager.nodes)),
            ("time per step", f"{static_seconds * 1e6:.0f} us", f"{eager_seconds * 1e6:.0f} us"),
            ("peak bytes", f"{arena + traced_peak(step, *data[0]):,}", f"{traced_peak(eager.step, *data[0]):,}"),
            ("largest difference in the loss", "", f"{np.abs(static_losses - eager_losses).max():.1e}"),
        ]
    table = Table("one training step", "static (Session)", "dynamic (tape)", title="two execution models")
    for row in rows:
        table.add_row(*row)
    console.print(table)


# ----------------------------------------------------------------------------------------------------- a look inside


def stages(model, session):
    return session.stages([model.loss, model.updates], [model.x, model.labels, model.rate])


def draw(model, session):
    """The graph of the training step before and after optimisation, as DOT and as pictures."""
    OUT.mkdir(exist_ok=True)
    compiled = stages(model, session)
    fused = [(g.name, [n.id for n in g.nodes]) for g in compiled.fusion.groups]
    pictures = {"before": to_dot(compiled.graph), "after": to_dot(compiled.fusion.graph, fused)}
    for name, text in pictures.items():
        path = OUT / f"digits-{name}.dot"
        path.write_text(text)
        if shutil.which("dot"):
            subprocess.run(["dot", "-Tsvg", str(path), "-o", str(path.with_suffix(".svg"))], check=True)
    console.print(f"wrote {', '.join(sorted(str(p.relative_to(OUT.parent)) for p in OUT.glob('digits-*')))}")


def report(model, session):
    console.rule("what the compiler did")
    console.print(session.explain(), markup=False, highlight=False, soft_wrap=True)
    memory = stages(model, session).layout.bound({"batch": BATCH})
    console.print(f"memory of a training step of {BATCH} images:", *memory.explain(), sep="\n  ", highlight=False)


def main():
    rng = np.random.default_rng(0)
    data, held_out = load(rng)
    start = initial_parameters(rng)
    model = Classifier(start)
    with gx.Session(model.graph) as session:
        began = time.perf_counter()
        train(model, session, rng, data)
        seconds = time.perf_counter() - began
        reached = accuracy(model, session, *held_out)
        console.print(f"{reached:.1%} of {len(held_out[0])} held-out digits right after {seconds:.1f} s")
        report(model, session)
        draw(model, session)
    compare(start, list(batches(rng, *data)))
    if reached < 0.96 or seconds > 10:
        raise SystemExit("expected at least 96 % within 10 s")


if __name__ == "__main__":
    main()
