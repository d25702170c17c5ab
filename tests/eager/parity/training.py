"""Programs that train: regressions, networks, momentum, clipping, step by step with the losses of every step."""

from __future__ import annotations

import numpy as np

from .passes import leaf
from .programs import case
from .shapes import functional


def data(n, features):
    """Deterministic inputs and targets."""
    x = np.sin(1.0 + 0.9 * np.arange(n * features)).reshape(n, features)
    return x, x @ np.linspace(1.0, -1.0, features) + 0.25


@case
def linear_regression(t):
    x, y = (t.tensor(a) for a in data(20, 3))
    w, b = t.zeros(3, dtype=t.float64, requires_grad=True), t.zeros((), dtype=t.float64, requires_grad=True)
    for _ in range(25):
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        with t.no_grad():
            w -= 0.3 * w.grad
            b -= 0.3 * b.grad
        w.grad.zero_()
        b.grad.zero_()
        yield loss.item()
    yield w.detach(), b.detach()


@case
def logistic_regression(t):
    x, y = (t.tensor(a) for a in data(20, 3))
    labels = (y > 0.25).double()
    w = t.zeros(3, dtype=t.float64, requires_grad=True)
    for _ in range(15):
        p = t.sigmoid(x @ w)
        loss = -(labels * t.log(p) + (1 - labels) * t.log(1 - p)).mean()
        (g,) = t.autograd.grad(loss, w)
        w = (w - 0.5 * g).detach().requires_grad_()
        yield loss.item()
    yield ((p > 0.5) == (labels > 0.5)).double().mean().item()


@case
def softmax_classifier(t):
    x, y = (t.tensor(a) for a in data(18, 4))
    labels = (y > 0).long() + (y > 0.6).long()
    w = leaf(t, np.zeros((4, 3)).tolist())
    for _ in range(10):
        loss = functional(t).cross_entropy(x @ w, labels)
        loss.backward()
        w.data -= 0.5 * w.grad
        w.grad = None
        yield loss.item()
    yield (x @ w).argmax(dim=1)


@case
def two_layer_network(t):
    x, y = (t.tensor(a) for a in data(16, 3))
    y = y.unsqueeze(1)
    w1 = leaf(t, np.cos(np.arange(15.0)).reshape(3, 5).tolist())
    w2 = leaf(t, np.sin(np.arange(5.0)).reshape(5, 1).tolist())
    for _ in range(12):
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        with t.no_grad():
            w1 -= 5e-3 * w1.grad
            w2 -= 5e-3 * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()
        yield loss.item()


@case
def polynomial_of_degree_three(t):
    x = t.linspace(-3.0, 3.0, 50, dtype=t.float64)
    y = t.sin(x)
    parameters = [leaf(t, v) for v in (0.1, -0.2, 0.3, 0.05)]
    a, b, c, d = parameters
    for _ in range(10):
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).mean()
        loss.backward()
        with t.no_grad():
            for p in parameters:
                p -= 1e-3 * p.grad
                p.grad = None
        yield loss.item()


@case
def momentum(t):
    w, v = leaf(t, [3.0, -2.0]), t.zeros(2, dtype=t.float64)
    for _ in range(8):
        loss = (w**2 * t.tensor([1.0, 10.0], dtype=t.float64)).sum()
        (g,) = t.autograd.grad(loss, w)
        v = 0.9 * v + g
        with t.no_grad():
            w -= 0.02 * v
        yield loss.item()


@case
def adam(t):
    w = leaf(t, [3.0, -2.0])
    m, s = t.zeros_like(w), t.zeros_like(w)
    for step in range(1, 9):
        loss = ((w - 1) ** 4).sum()
        (g,) = t.autograd.grad(loss, w)
        with t.no_grad():
            m.mul_(0.9).add_(g, alpha=0.1)
            s.mul_(0.999).add_(g * g, alpha=0.001)
            w -= 0.1 * (m / (1 - 0.9**step)) / (t.sqrt(s / (1 - 0.999**step)) + 1e-8)
        yield loss.item()


@case
def clipped_gradients(t):
    w = leaf(t, [10.0, 0.5])
    for _ in range(5):
        w.grad = None
        (w**4).sum().backward()
        norm = w.grad.norm()
        scale = t.clamp(1.0 / (norm + 1e-6), max=1.0)
        with t.no_grad():
            w.sub_(0.5 * scale * w.grad)
        yield norm.item(), w.tolist()


@case
def accumulated_batches(t):
    x, y = (t.tensor(a) for a in data(12, 2))
    w = t.zeros(2, dtype=t.float64, requires_grad=True)
    for xs, ys in zip(x.split(4), y.split(4), strict=True):
        (((xs @ w - ys) ** 2).sum() / 12).backward()
    whole = t.autograd.grad(((x @ w - y) ** 2).mean(), w)[0]
    yield w.grad, bool(t.allclose(w.grad, whole))


@case
def weight_decay_and_frozen_layer(t):
    x = t.tensor(data(8, 2)[0])
    w1, w2 = leaf(t, [[0.5, -0.5], [0.25, 1.0]]), leaf(t, [1.0, -1.0])
    w1.requires_grad_(False)
    for _ in range(4):
        loss = (t.tanh(x @ w1) @ w2).pow(2).mean() + 0.1 * w2.norm() ** 2
        loss.backward()
        with t.no_grad():
            w2 -= 0.5 * w2.grad
        w2.grad.zero_()
        yield loss.item()
    yield w1.grad, w2.detach()


@case
def recurrent_network(t):
    w, u = leaf(t, [[0.3, -0.2], [0.1, 0.4]]), leaf(t, [[0.5, 0.1], [-0.3, 0.2]])
    h = t.zeros(2, dtype=t.float64)
    loss = 0
    for step in range(6):
        x = t.tensor([np.sin(step), np.cos(step)])
        h = t.tanh(w @ x + u @ h)
        loss = loss + (h**2).sum()
    loss.backward()
    yield loss.detach(), w.grad, u.grad


@case
def truncated_backpropagation(t):
    u = leaf(t, 0.9)
    h = t.tensor(1.0, dtype=t.float64)
    for step in range(6):
        h = t.tanh(u * h + 0.1)
        if step % 2:
            h.backward()
            h = h.detach()
    yield u.grad


@case
def embedding_updates(t):
    table = leaf(t, np.arange(8.0).reshape(4, 2).tolist())
    rows = t.tensor([1, 3, 1])
    (table[rows] ** 2).sum().backward()
    yield table.grad


@case
def autoencoder(t):
    x = t.tensor(data(10, 4)[0])
    encoder, decoder = (
        leaf(t, np.cos(np.arange(8.0)).reshape(4, 2).tolist()),
        leaf(t, np.sin(np.arange(8.0)).reshape(2, 4).tolist()),
    )
    for _ in range(6):
        loss = ((t.relu(x @ encoder) @ decoder - x) ** 2).mean()
        ge, gd = t.autograd.grad(loss, [encoder, decoder])
        with t.no_grad():
            encoder -= 0.1 * ge
            decoder -= 0.1 * gd
        yield loss.item()


@case
def attention_step(t):
    x = t.tensor(data(5, 4)[0])
    q, k, v = (leaf(t, np.cos(s + np.arange(16.0)).reshape(4, 4).tolist()) for s in range(3))
    scores = (x @ q) @ (x @ k).t() / 2
    causal = t.tril(t.ones(5, 5, dtype=t.float64))
    attended = t.softmax(scores.masked_fill(causal == 0, float("-inf")), dim=-1) @ (x @ v)
    attended.pow(2).mean().backward()
    yield attended.detach(), q.grad, k.grad, v.grad


@case
def batch_norm_by_hand(t):
    x, gamma, beta = leaf(t, data(6, 3)[0].tolist()), leaf(t, [1.0, 2.0, 0.5]), leaf(t, [0.0, 0.1, -0.1])
    mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
    y = (x - mean) / t.sqrt(var + 1e-5) * gamma + beta
    (y**3).sum().backward()
    yield y.detach(), x.grad, gamma.grad, beta.grad
