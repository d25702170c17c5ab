"""The workloads as a user of JAX writes them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, nn
from jax.scipy.special import logsumexp

from benchmarks.workloads.ordering import K
from benchmarks.workloads.simulation import CLUSTERS, STEPS
from benchmarks.workloads.training import BETA1, BETA2, EPSILON, MOMENTUM, RATE
from benchmarks.workloads.transformer import BATCH, DEPTH, HEADS, TIME, WIDTH

# ------------------------------------------------------------------------------------------------------------ small


def overhead_add(x: Any) -> Any:
    return x + 1


def mlp_tiny_fwd(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return jnp.tanh(x @ w1 + b1) @ w2 + b2


def _squared_error(parameters: Any, x: Any, y: Any) -> Any:
    return ((mlp_tiny_fwd(x, *parameters) - y) ** 2).mean()


mlp_tiny_grad = jax.value_and_grad(_squared_error)


def _log_density(p: Any, x: Any, y: Any, group: Any) -> Any:
    a, mu, log_tau, b, log_sigma = p
    z = (y - a[group] - b * x) * jnp.exp(-log_sigma)
    u = (a - mu) * jnp.exp(-log_tau)
    likelihood = -0.5 * (z * z).sum() - len(y) * log_sigma
    prior = -0.5 * (u * u).sum() - len(a) * log_tau - 0.5 * (mu * mu + log_tau * log_tau + b * b + log_sigma**2)
    return likelihood + prior


hier_logp = jax.value_and_grad(_log_density)


def small_gemm_chain(x: Any, *ws: Any) -> Any:
    for w in ws:
        x = jnp.tanh(x @ w)
    return x


# ------------------------------------------------------------------------------------------------------ elementwise


def blackscholes(spot: Any, strike: Any, years: Any) -> Any:
    rate, volatility = 0.02, 0.3
    spread = volatility * jnp.sqrt(years)
    d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    n1, n2 = (0.5 * (1 + lax.erf(d * 0.5**0.5)) for d in (d1, d1 - spread))
    discounted = strike * jnp.exp(-rate * years)
    call = spot * n1 - discounted * n2
    return call, call - spot + discounted


def elementwise_chain(x: Any, row: Any, column: Any) -> Any:
    a = jnp.tanh(x * row + column)
    b = jnp.exp(-(a * a)) - 0.5 * x
    return jnp.where(b > 0, jnp.sqrt(jnp.abs(b)), b * 0.1) + a * row


def gelu_bias_residual(residual: Any, x: Any, bias: Any) -> Any:
    return residual + nn.gelu(x + bias, approximate=False)


# ------------------------------------------------------------------------------------------------------- reductions


def softmax(x: Any) -> Any:
    return nn.softmax(x, axis=1)


def layernorm_fwd(x: Any, gain: Any, bias: Any) -> Any:
    d = x - x.mean(axis=-1, keepdims=True)
    return d * lax.rsqrt((d * d).mean(axis=-1, keepdims=True) + 1e-5) * gain + bias


def _layer_norm_loss(arguments: Any, weight: Any) -> Any:
    return (layernorm_fwd(*arguments) * weight).sum()


layernorm_grad = jax.value_and_grad(_layer_norm_loss)


def lse_argmax_ax0(x: Any) -> Any:
    return logsumexp(x, axis=0), x.argmax(axis=0)


def lse_argmax_ax1(x: Any) -> Any:
    return logsumexp(x, axis=1), x.argmax(axis=1)


def sum_ax0(x: Any) -> Any:
    return x.sum(axis=0)


def sum_ax1(x: Any) -> Any:
    return x.sum(axis=1)


def sum_all(x: Any) -> Any:
    return x.sum()


def meanvar_ax0(x: Any) -> Any:
    return x.mean(axis=0), x.var(axis=0)


# --------------------------------------------------------------------------------------------------------- training


def _logistic_loss(parameters: Any, x: Any, y: Any) -> Any:
    w, b = parameters
    z = x @ w + b
    return (nn.softplus(z) - y * z).mean()


logreg_grad = jax.value_and_grad(_logistic_loss)


def mlp_fwd_loss(parameters: Any, x: Any, labels: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = parameters
    h = nn.relu(x @ w1 + b1)
    log_p = nn.log_softmax(nn.relu(h @ w2 + b2) @ w3 + b3)
    return -jnp.take_along_axis(log_p, labels[:, None], 1).mean()


_gradient = jax.value_and_grad(mlp_fwd_loss)


def mlp_train_sgdm(parameters: Any, velocities: Any, x: Any, labels: Any) -> Any:
    loss, slopes = _gradient(parameters, x, labels)
    velocities = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocities, slopes)
    return loss, jax.tree.map(lambda p, v: p - RATE * v, parameters, velocities), velocities


def mlp_train_adam(parameters: Any, state: Any, x: Any, labels: Any) -> Any:
    means, squares, step = state
    loss, slopes = _gradient(parameters, x, labels)
    means = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, means, slopes)
    squares = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, squares, slopes)
    c1, c2 = 1 - BETA1**step, 1 - BETA2**step

    def moved(p: Any, m: Any, s: Any) -> Any:
        return p - 1e-3 * (m / c1) / (jnp.sqrt(s / c2) + EPSILON)

    return loss, jax.tree.map(moved, parameters, means, squares), (means, squares)


# ------------------------------------------------------------------------------------------------------ transformer


def _split(x: Any) -> Any:
    return x.reshape(BATCH, TIME, HEADS, DEPTH)


def transformer_fwd(p: Any, x: Any) -> Any:
    h = layernorm_fwd(x, p["gain1"], p["bias1"])
    q, k, v = (_split(h @ p[name]) for name in ("query", "key", "value"))
    x = x + nn.dot_product_attention(q, k, v, is_causal=True).reshape(BATCH, TIME, WIDTH) @ p["out"]
    h = layernorm_fwd(x, p["gain2"], p["bias2"])
    return x + nn.gelu(h @ p["up"] + p["up_bias"], approximate=False) @ p["down"] + p["down_bias"]


def _transformer_loss(p: Any, x: Any, weight: Any) -> Any:
    return (transformer_fwd(p, x) * weight).mean()


transformer_grad = jax.value_and_grad(_transformer_loss)


# ------------------------------------------------------------------------------------------------------- simulation


def nbody(position: Any, mass: Any) -> Any:
    d = position[None, :, :] - position[:, None, :]
    inverse = ((d * d).sum(axis=-1) + 1e-3) ** -1.5
    return (d * (inverse * mass)[:, :, None]).sum(axis=1)


def kmeans(x: Any, centroids: Any) -> Any:
    distance = (centroids * centroids).sum(axis=1) - 2 * (x @ centroids.T)
    labels = distance.argmin(axis=1)
    sums = jax.ops.segment_sum(x, labels, CLUSTERS)
    return labels, sums / jnp.maximum(jnp.bincount(labels, length=CLUSTERS), 1)[:, None]


def heat2d(u: Any) -> Any:
    def step(_: Any, u: Any) -> Any:
        p = jnp.pad(u, 1)
        return u + 0.2 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u)

    return lax.fori_loop(0, STEPS, step, u)


# -------------------------------------------------------------------------------------------------------- embedding


def embed_fwd(table: Any, ids: Any) -> Any:
    return table[ids].sum(axis=1)


def _embed_loss(table: Any, ids: Any, weight: Any) -> Any:
    return (embed_fwd(table, ids) * weight).sum()


embed_grad = jax.value_and_grad(_embed_loss)


def product(a: Any, b: Any) -> Any:
    return a @ b


# --------------------------------------------------------------------------------------------------------- ordering


def sort(x: Any) -> Any:
    return jnp.sort(x)


def argsort(x: Any) -> Any:
    return jnp.argsort(x)


def topk50(x: Any) -> Any:
    return lax.top_k(x, K)


def cumsum_ax0(x: Any) -> Any:
    return jnp.cumsum(x, axis=0)


def cumsum_ax1(x: Any) -> Any:
    return jnp.cumsum(x, axis=1)


def product_of_transposed(a: Any, b: Any) -> Any:
    return a.mT @ b


def product_with_transposed(a: Any, b: Any) -> Any:
    return a @ b.mT


# -------------------------------------------------------------------------------------------------------- recurrent


def lstm_fwd(p: Any, x: Any) -> Any:
    wx, wh, b = p

    def step(state: Any, z: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(z + h @ wh, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    start = jnp.zeros((x.shape[1], wh.shape[0]), x.dtype)
    return lax.scan(step, (start, start), x @ wx + b)[0][0]


def _lstm_loss(p: Any, x: Any, weight: Any) -> Any:
    return (lstm_fwd(p, x) * weight).sum()


lstm_grad = jax.value_and_grad(_lstm_loss)


# ----------------------------------------------------------------------------------------------------------- images


def luma_u8(picture: Any) -> Any:
    x = picture.astype(jnp.float32)
    return 0.299 * x[..., 0] + 0.587 * x[..., 1] + 0.114 * x[..., 2]


def sobel_u8(picture: Any) -> Any:
    x = picture.astype(jnp.float32)
    across = x[:-2, 2:] + 2 * x[1:-1, 2:] + x[2:, 2:] - x[:-2, :-2] - 2 * x[1:-1, :-2] - x[2:, :-2]
    down = x[2:, :-2] + 2 * x[2:, 1:-1] + x[2:, 2:] - x[:-2, :-2] - 2 * x[:-2, 1:-1] - x[:-2, 2:]
    return jnp.sqrt(across * across + down * down)


def channels_first_u8(pictures: Any, mean: Any, deviation: Any) -> Any:
    return ((pictures.astype(jnp.float32) / 255 - mean) / deviation).transpose(0, 3, 1, 2)


# --------------------------------------------------------------------------------------------------------- geometry


def rotations(v: Any) -> Any:
    angle = jnp.linalg.norm(v, axis=1)
    x, y, z = (v / angle[:, None]).T
    c, s = jnp.cos(angle), jnp.sin(angle)
    rest = 1 - c
    flat = [
        c + x * x * rest, x * y * rest - z * s, x * z * rest + y * s,
        y * x * rest + z * s, c + y * y * rest, y * z * rest - x * s,
        z * x * rest - y * s, z * y * rest + x * s, c + z * z * rest,
    ]  # fmt: skip
    return jnp.stack(flat, 1).reshape(-1, 3, 3)


def quaternions(q: Any, v: Any) -> Any:
    w, u = q[:, :1], q[:, 1:]
    t = 2 * jnp.cross(u, v)
    return v + w * t + jnp.cross(u, t)


def inverse_2x2(m: Any) -> Any:
    a, b, c, d = m.reshape(-1, 4).T
    return (jnp.stack([d, -b, -c, a], 1) / (a * d - b * c)[:, None]).reshape(-1, 2, 2)


# ------------------------------------------------------------------------------------------------------- statistics


def standardise(x: Any) -> Any:
    return (x - x.mean(0)) / (x.std(0) + 1e-6)


def covariance(x: Any) -> Any:
    centred = x - x.mean(0)
    return centred.T @ centred / (x.shape[0] - 1)


def kernel_matrix(x: Any, y: Any) -> Any:
    return jnp.exp(-0.5 * ((x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T))


def normal_logp(x: Any, mean: Any, log_deviation: Any) -> Any:
    z = (x - mean) * jnp.exp(-log_deviation)
    return (-0.5 * z * z - log_deviation - 0.9189385).sum(1)


def powers(x: Any) -> Any:
    return 1 + 2 * x + 3 * x**2 + 4 * x**3 + 5 * x**4 + 6 * x**5
