"""The workloads as a user of PyTorch writes them: eager, and as `torch.compile` takes them.

A program that computes gradients is a loss here, one that trains also the step of an optimiser; `program` joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from benchmarks.workloads.ordering import K
from benchmarks.workloads.simulation import CLUSTERS, STEPS
from benchmarks.workloads.training import BETA1, BETA2, EPSILON, MOMENTUM, RATE
from benchmarks.workloads.transformer import BATCH, DEPTH, HEADS, TIME, WIDTH
from graphc.runtime.tree import flatten

# ------------------------------------------------------------------------------------------------------------ small


def overhead_add(x: Tensor) -> Tensor:
    return x + 1


def mlp_tiny_fwd(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return torch.addmm(b2, torch.tanh(torch.addmm(b1, x, w1)), w2)


def mlp_tiny_loss(parameters: Any, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(mlp_tiny_fwd(x, *parameters), y)


def log_density(p: Any, x: Tensor, y: Tensor, group: Tensor) -> Tensor:
    a, mu, log_tau, b, log_sigma = p
    z = (y - a[group] - b * x) * torch.exp(-log_sigma)
    u = (a - mu) * torch.exp(-log_tau)
    likelihood = -0.5 * (z * z).sum() - len(y) * log_sigma
    prior = -0.5 * (u * u).sum() - len(a) * log_tau - 0.5 * (mu * mu + log_tau * log_tau + b * b + log_sigma**2)
    return likelihood + prior


def small_gemm_chain(x: Tensor, *ws: Tensor) -> Tensor:
    for w in ws:
        x = torch.tanh(x @ w)
    return x


# ------------------------------------------------------------------------------------------------------ elementwise


def blackscholes(spot: Tensor, strike: Tensor, years: Tensor) -> Any:
    rate, volatility = 0.02, 0.3
    spread = volatility * torch.sqrt(years)
    d1 = (torch.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    n1, n2 = (0.5 * (1 + torch.erf(d * 0.5**0.5)) for d in (d1, d1 - spread))
    discounted = strike * torch.exp(-rate * years)
    call = spot * n1 - discounted * n2
    return call, call - spot + discounted


def elementwise_chain(x: Tensor, row: Tensor, column: Tensor) -> Tensor:
    a = torch.tanh(x * row + column)
    b = torch.exp(-(a * a)) - 0.5 * x
    return torch.where(b > 0, torch.sqrt(torch.abs(b)), b * 0.1) + a * row


def gelu_bias_residual(residual: Tensor, x: Tensor, bias: Tensor) -> Tensor:
    return residual + F.gelu(x + bias)


# ------------------------------------------------------------------------------------------------------- reductions


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, 1)


def layernorm_fwd(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], gain, bias)


def layernorm_loss(arguments: Any, weight: Tensor) -> Tensor:
    return (layernorm_fwd(*arguments) * weight).sum()


def lse_argmax_ax0(x: Tensor) -> Any:
    return torch.logsumexp(x, 0), torch.argmax(x, 0)


def lse_argmax_ax1(x: Tensor) -> Any:
    return torch.logsumexp(x, 1), torch.argmax(x, 1)


def sum_ax0(x: Tensor) -> Tensor:
    return x.sum(0)


def sum_ax1(x: Tensor) -> Tensor:
    return x.sum(1)


def sum_all(x: Tensor) -> Tensor:
    return x.sum()


def meanvar_ax0(x: Tensor) -> Any:
    variance, mean = torch.var_mean(x, 0, correction=0)
    return mean, variance


# --------------------------------------------------------------------------------------------------------- training


def logistic_loss(parameters: Any, x: Tensor, y: Tensor) -> Tensor:
    w, b = parameters
    return F.binary_cross_entropy_with_logits(x @ w + b, y)


def mlp_fwd_loss(parameters: Any, x: Tensor, labels: Tensor) -> Tensor:
    w1, b1, w2, b2, w3, b3 = parameters
    h = torch.relu(torch.addmm(b1, x, w1))
    h = torch.relu(torch.addmm(b2, h, w2))
    return F.cross_entropy(torch.addmm(b3, h, w3), labels)


def momentum(slopes: Any, parameters: Any, velocities: Any) -> Any:
    velocities = torch._foreach_add(slopes, velocities, alpha=MOMENTUM)
    return torch._foreach_add(parameters, velocities, alpha=-RATE), velocities


def adam(slopes: Any, parameters: Any, state: Any) -> Any:
    means, squares, step = state
    means = torch._foreach_lerp(means, slopes, 1 - BETA1)
    squares = torch._foreach_mul(squares, BETA2)
    torch._foreach_addcmul_(squares, slopes, slopes, value=1 - BETA2)
    scale = torch._foreach_div(squares, 1 - BETA2**step)
    torch._foreach_sqrt_(scale)
    torch._foreach_add_(scale, EPSILON)
    moves = torch._foreach_div(means, scale)
    torch._foreach_mul_(moves, -1e-3 / (1 - BETA1**step))
    return torch._foreach_add(parameters, moves), (means, squares)


# ------------------------------------------------------------------------------------------------------ transformer


def _split(x: Tensor) -> Tensor:
    return x.view(BATCH, TIME, HEADS, DEPTH).transpose(1, 2)


def transformer_fwd(p: Any, x: Tensor) -> Tensor:
    h = F.layer_norm(x, (WIDTH,), p["gain1"], p["bias1"])
    q, k, v = (_split(h @ p[name]) for name in ("query", "key", "value"))
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    x = x + mixed.transpose(1, 2).reshape(BATCH, TIME, WIDTH) @ p["out"]
    h = F.layer_norm(x, (WIDTH,), p["gain2"], p["bias2"])
    return x + F.gelu(h @ p["up"] + p["up_bias"]) @ p["down"] + p["down_bias"]


def transformer_loss(p: Any, x: Tensor, weight: Tensor) -> Tensor:
    return (transformer_fwd(p, x) * weight).mean()


# ------------------------------------------------------------------------------------------------------- simulation


def nbody(position: Tensor, mass: Tensor) -> Tensor:
    d = position[None, :, :] - position[:, None, :]
    inverse = ((d * d).sum(-1) + 1e-3) ** -1.5
    return (d * (inverse * mass)[:, :, None]).sum(1)


def kmeans(x: Tensor, centroids: Tensor) -> Any:
    distance = torch.addmm((centroids * centroids).sum(1), x, centroids.T, alpha=-2)
    labels = distance.argmin(1)
    sums = torch.zeros_like(centroids).index_add_(0, labels, x)
    return labels, sums / torch.bincount(labels, minlength=CLUSTERS).clamp_min(1)[:, None]


def heat2d(u: Tensor) -> Tensor:
    for _ in range(STEPS):
        p = F.pad(u, (1, 1, 1, 1))
        u = u + 0.2 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u)
    return u


# -------------------------------------------------------------------------------------------------------- embedding


def embed_fwd(table: Tensor, ids: Tensor) -> Tensor:
    return F.embedding_bag(ids, table, mode="sum")


def embed_loss(table: Tensor, ids: Tensor, weight: Tensor) -> Tensor:
    return (embed_fwd(table, ids) * weight).sum()


def product(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


def product_of_transposed(a: Tensor, b: Tensor) -> Tensor:
    return a.mT @ b


def product_with_transposed(a: Tensor, b: Tensor) -> Tensor:
    return a @ b.mT


# --------------------------------------------------------------------------------------------------------- ordering


def sort(x: Tensor) -> Tensor:
    return torch.sort(x).values


def argsort(x: Tensor) -> Tensor:
    return torch.argsort(x, stable=True)


def topk50(x: Tensor) -> Any:
    return tuple(torch.topk(x, K))


def cumsum_ax0(x: Tensor) -> Tensor:
    return torch.cumsum(x, 0)


def cumsum_ax1(x: Tensor) -> Tensor:
    return torch.cumsum(x, 1)


# -------------------------------------------------------------------------------------------------------- recurrent


def lstm_fwd(parameters: Any, x: Tensor) -> Tensor:
    wx, wh, b = parameters
    start = torch.zeros(1, x.shape[1], wh.shape[0])
    weights = [wx.t().contiguous(), wh.t().contiguous(), b, torch.zeros_like(b)]
    return torch.lstm(x, (start, start), weights, True, 1, 0.0, False, False, False)[1][0]


def lstm_loss(parameters: Any, x: Tensor, weight: Tensor) -> Tensor:
    return (lstm_fwd(parameters, x) * weight).sum()


# ----------------------------------------------------------------------------------------------------------- images


def luma_u8(picture: Tensor) -> Tensor:
    x = picture.float()
    return 0.299 * x[..., 0] + 0.587 * x[..., 1] + 0.114 * x[..., 2]


def sobel_u8(picture: Tensor) -> Tensor:
    x = picture.float()
    across = x[:-2, 2:] + 2 * x[1:-1, 2:] + x[2:, 2:] - x[:-2, :-2] - 2 * x[1:-1, :-2] - x[2:, :-2]
    down = x[2:, :-2] + 2 * x[2:, 1:-1] + x[2:, 2:] - x[:-2, :-2] - 2 * x[:-2, 1:-1] - x[:-2, 2:]
    return torch.sqrt(across * across + down * down)


def channels_first_u8(pictures: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return ((pictures.float() / 255 - mean) / deviation).permute(0, 3, 1, 2).contiguous()


# --------------------------------------------------------------------------------------------------------- geometry


def rotations(v: Tensor) -> Tensor:
    angle = torch.linalg.vector_norm(v, dim=1)
    x, y, z = (v / angle[:, None]).T
    c, s = torch.cos(angle), torch.sin(angle)
    rest = 1 - c
    flat = [
        c + x * x * rest, x * y * rest - z * s, x * z * rest + y * s,
        y * x * rest + z * s, c + y * y * rest, y * z * rest - x * s,
        z * x * rest - y * s, z * y * rest + x * s, c + z * z * rest,
    ]  # fmt: skip
    return torch.stack(flat, 1).reshape(-1, 3, 3)


def quaternions(q: Tensor, v: Tensor) -> Tensor:
    w, u = q[:, :1], q[:, 1:]
    t = 2 * torch.linalg.cross(u, v)
    return v + w * t + torch.linalg.cross(u, t)


def inverse_2x2(m: Tensor) -> Tensor:
    a, b, c, d = m.reshape(-1, 4).T
    return (torch.stack([d, -b, -c, a], 1) / (a * d - b * c)[:, None]).reshape(-1, 2, 2)


# ------------------------------------------------------------------------------------------------------- statistics


def standardise(x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, 0, correction=0)
    return (x - mean) / (variance.sqrt() + 1e-6)


def covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (x.shape[0] - 1)


def kernel_matrix(x: Tensor, y: Tensor) -> Tensor:
    return torch.exp(-0.5 * ((x * x).sum(1, keepdim=True) + (y * y).sum(1) - 2 * x @ y.T))


def normal_logp(x: Tensor, mean: Tensor, log_deviation: Tensor) -> Tensor:
    z = (x - mean) * torch.exp(-log_deviation)
    return (-0.5 * z * z - log_deviation - 0.9189385).sum(1)


def powers(x: Tensor) -> Tensor:
    return 1 + 2 * x + 3 * x**2 + 4 * x**3 + 5 * x**4 + 6 * x**5


# ---------------------------------------------------------------------------------------------------------- joining

LOSSES: dict[str, Callable[..., Tensor]] = {
    "mlp_tiny_grad": mlp_tiny_loss,
    "hier_logp": log_density,
    "layernorm_grad": layernorm_loss,
    "logreg_grad": logistic_loss,
    "transformer_grad": transformer_loss,
    "embed_grad": embed_loss,
    "lstm_grad": lstm_loss,
}
OPTIMISERS: dict[str, Callable[..., Any]] = {"mlp_train_sgdm": momentum, "mlp_train_adam": adam}

Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]


def program(name: str, compiler: Compiler, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    """A workload on its tensors; `compiler` is applied to every function that is no plain backward pass."""
    if name in LOSSES:
        return with_gradients(compiler(LOSSES[name]), arguments[0], arguments[1:])
    if name in OPTIMISERS:
        parameters, state, *data = arguments
        return trained(compiler(mlp_fwd_loss), compiler(OPTIMISERS[name]), parameters, state, data)
    return partial(compiler(globals()[name]), *arguments)


def with_gradients(loss: Callable[..., Tensor], parameters: Any, data: Sequence[Any]) -> Callable[[], Any]:
    """The loss and the gradient of every parameter, which are leaves of the tape from now on."""
    leaves = [p.requires_grad_() for p in flatten(parameters)[0]]

    def call() -> Any:
        value = loss(parameters, *data)
        return value, torch.autograd.grad(value, leaves)

    return call


def trained(
    loss: Callable[..., Tensor], optimiser: Callable[..., Any], parameters: Any, state: Any, data: Sequence[Any]
) -> Callable[[], Any]:
    """The loss, and what the step of an optimiser gives."""
    gradient = with_gradients(loss, parameters, data)

    def call() -> Any:
        value, slopes = gradient()
        with torch.no_grad():
            return value, *optimiser(slopes, parameters, state)

    return call
