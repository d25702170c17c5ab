"""One transformer block, normalised first (Xiong et al. 2020): causal attention, then a network four times as wide."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gx
from benchmarks.workloads.rows import layer_norm_gradient
from benchmarks.workloads.workload import Array, Workload, erf, normal, workload

BATCH, TIME, WIDTH, HEADS = 8, 128, 256, 8
DEPTH = WIDTH // HEADS


def normalise(x: Any, gain: Any, bias: Any) -> Any:
    d = x - x.mean(axis=-1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + 1e-5) * gain + bias


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + erf(x * 0.5**0.5))


def split(x: Any) -> Any:
    """[batch, time, width] -> [batch, head, time, depth]"""
    return x.reshape(BATCH, TIME, HEADS, DEPTH).transpose(0, 2, 1, 3)


def join(x: Any) -> Any:
    return x.transpose(0, 2, 1, 3).reshape(BATCH, TIME, WIDTH)


def attention_weights(q: Any, k: Any) -> Any:
    scores = q @ k.swapaxes(-1, -2) * DEPTH**-0.5
    scores = np.where(np.tri(TIME, dtype=bool), scores, -1e30)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def block(p: Any, x: Any) -> Any:
    """x: f32[batch, time, width] -> the same"""
    h = normalise(x, p["gain1"], p["bias1"])
    q, k, v = (split(h @ p[name]) for name in ("query", "key", "value"))
    x = x + join(attention_weights(q, k) @ v) @ p["out"]
    h = normalise(x, p["gain2"], p["bias2"])
    return x + gelu(h @ p["up"] + p["up_bias"]) @ p["down"] + p["down_bias"]


def loss(p: Any, x: Any, weight: Any) -> Any:
    return (block(p, x) * weight).mean()


# -------------------------------------------------------------------------------------------------- gradient by hand


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _normalise_gradient(g: Array, x: Array, gain: Array, bias: Array) -> tuple[Array, Array, Array]:
    _, (slope, gain_slope, bias_slope) = layer_norm_gradient((_rows(x), gain, bias), _rows(g))
    return slope.reshape(x.shape), gain_slope, bias_slope


def _gelu_gradient(g: Array, x: Array) -> Array:
    slope: Array = 0.5 * (1 + erf(x * 0.5**0.5)) + x * np.exp(-0.5 * x * x) * (2 * np.pi) ** -0.5
    return g * slope


def loss_gradient(p: Any, x: Array, weight: Array) -> Any:
    h1 = normalise(x, p["gain1"], p["bias1"])
    q, k, v = (split(h1 @ p[name]) for name in ("query", "key", "value"))
    a = attention_weights(q, k)
    mixed = join(a @ v)
    y = x + mixed @ p["out"]
    h2 = normalise(y, p["gain2"], p["bias2"])
    wide = h2 @ p["up"] + p["up_bias"]
    active = gelu(wide)
    result = y + active @ p["down"] + p["down_bias"]

    g = weight / weight.size
    slopes = {"down": _rows(active).T @ _rows(g), "down_bias": _rows(g).sum(0)}
    gw = _gelu_gradient(g @ p["down"].T, wide)
    slopes |= {"up": _rows(h2).T @ _rows(gw), "up_bias": _rows(gw).sum(0)}
    gy, slopes["gain2"], slopes["bias2"] = _normalise_gradient(gw @ p["up"].T, y, p["gain2"], p["bias2"])
    gy = gy + g
    slopes["out"] = _rows(mixed).T @ _rows(gy)
    gh = np.zeros_like(x)
    for name, slope in _attention_gradient(split(gy @ p["out"].T), a, q, k, v).items():
        slopes[name] = _rows(h1).T @ _rows(slope)
        gh = gh + slope @ p[name].T
    _, slopes["gain1"], slopes["bias1"] = _normalise_gradient(gh, x, p["gain1"], p["bias1"])
    return (result * weight).mean(), {name: slopes[name] for name in p}


def _attention_gradient(g: Array, a: Array, q: Array, k: Array, v: Array) -> dict[str, Array]:
    ga = g @ v.swapaxes(-1, -2)
    gs = a * (ga - (ga * a).sum(axis=-1, keepdims=True)) * DEPTH**-0.5
    slopes = {"query": gs @ k, "key": gs.swapaxes(-1, -2) @ q, "value": a.swapaxes(-1, -2) @ g}
    return {name: join(s) for name, s in slopes.items()}


def parameters(rng: np.random.Generator) -> dict[str, Array]:
    """In the order of their names, which is JAX's."""
    square = {name: normal(rng, WIDTH, WIDTH, scale=WIDTH**-0.5) for name in ("key", "out", "query", "value")}
    gains = {name: 1 + normal(rng, WIDTH, scale=0.1) for name in ("gain1", "gain2")}
    biases = {name: normal(rng, WIDTH, scale=0.1) for name in ("bias1", "bias2", "down_bias")}
    wide = {
        "up": normal(rng, WIDTH, 4 * WIDTH, scale=WIDTH**-0.5),
        "up_bias": normal(rng, 4 * WIDTH, scale=0.1),
        "down": normal(rng, 4 * WIDTH, WIDTH, scale=0.5 * WIDTH**-0.5),
    }
    return dict(sorted((square | gains | biases | wide).items()))


def tokens(rng: np.random.Generator) -> Array:
    return normal(rng, BATCH, TIME, WIDTH)


WORKLOADS: list[Workload] = [
    workload(
        "transformer_fwd",
        "one causal block, 8x128 tokens, width 256, 8 heads, network 4x",
        lambda rng: (parameters(rng), tokens(rng)),
        block,
        numpy_is_timed=False,
        tolerance=1e-3,
    ),
    workload(
        "transformer_grad",
        "its weighted mean and 12 gradients",
        lambda rng: (parameters(rng), tokens(rng), tokens(rng)),
        gx.value_and_grad(loss),
        loss_gradient,
        numpy_is_timed=False,
        tolerance=1e-3,
    ),
]
