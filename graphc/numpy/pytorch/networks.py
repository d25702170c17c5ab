"""Activations and losses of networks, by the names of PyTorch's torch.nn.functional."""

from __future__ import annotations

from typing import Any

from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import stop_gradient
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import linear_algebra as la
from graphc.numpy import reductions as rd
from graphc.numpy import special as sp
from graphc.numpy.movement import moveaxis, transpose
from graphc.numpy.promote import as_tensor, to_float
from graphc.numpy.pytorch.reductions import norm
from graphc.numpy.pytorch.selection import gather
from graphc.numpy.pytorch.shapes import squeeze, unsqueeze


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """input @ weight.T + bias"""
    y = la.matmul(input, transpose(weight))
    return y if bias is None else ew.add(y, bias)


# ---------------------------------------------------------------------------------------------------- activations


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    return sp.leaky_relu(input, negative_slope)


def elu(input: Any, alpha: float = 1.0) -> Any:
    """x above zero, alpha (exp(x) - 1) below."""
    return sp.elu(input, alpha)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x Phi(x), or with "tanh" its approximation."""
    return sp.gelu(input, approximate == "tanh")


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold."""
    x = to_float(input)
    scaled = ew.multiply(x, beta)
    return fm.where(ew.greater(scaled, threshold), x, ew.divide(sp.softplus(scaled), beta))


def logsigmoid(input: Any) -> Any:
    """log(sigmoid(x))"""
    return sp.log_expit(input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """Clipped; the gradient at the bounds is zero."""
    x = to_float(input)
    inside = ew.logical_and(ew.greater(x, min_val), ew.less(x, max_val))
    return fm.where(inside, x, ew.minimum(ew.maximum(stop_gradient(x), min_val), max_val))


def relu6(input: Any) -> Any:
    return hardtanh(input, 0.0, 6.0)


def softsign(input: Any) -> Any:
    """x / (1 + |x|)"""
    x = to_float(input)
    return ew.divide(x, ew.add(1, ew.absolute(x)))


def tanhshrink(input: Any) -> Any:
    """x - tanh(x)"""
    return ew.subtract(input, ew.tanh(input))


def mish(input: Any) -> Any:
    """x tanh(softplus(x))"""
    return ew.multiply(input, ew.tanh(sp.softplus(input)))


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """x over its norm along an axis, which counts as eps at least."""
    return ew.divide(input, fm.clip(norm(input, p, dim, True), eps))


# --------------------------------------------------------------------------------------------------------- losses


def _reduced(loss: Any, reduction: str) -> Any:
    """Raises UnsupportedError for another reduction than PyTorch's."""
    if reduction == "none":
        return loss
    if reduction not in ("mean", "sum"):
        raise UnsupportedError(
            "a reduction of a loss", expected='"mean", "sum" or "none"', got=repr(reduction), loc=user_location()
        )
    return rd.mean(loss) if reduction == "mean" else rd.sum(loss)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """(input - target)^2"""
    return _reduced(fm.square(ew.subtract(input, target)), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """|input - target|"""
    return _reduced(ew.absolute(ew.subtract(input, target)), reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """d^2 / (2 beta) for distances below beta, else d - beta / 2."""
    d = ew.absolute(ew.subtract(input, target))
    inner = ew.multiply(fm.square(d), 0.5 / beta)
    return _reduced(fm.where(ew.less(d, beta), inner, ew.subtract(d, 0.5 * beta)), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """d^2 / 2 for distances of delta at most, else delta (d - delta / 2)."""
    return _reduced(sp.huber(delta, ew.subtract(input, target)), reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(t log(p) + (1 - t) log(1 - p)) of probabilities p, with logarithms of -100 at least."""
    p, t = to_float(input), as_tensor(target)
    yes = fm.clip(ew.log(p), -100.0)
    no = fm.clip(ew.log1p(ew.negative(p)), -100.0)
    loss = ew.negative(ew.add(ew.multiply(t, yes), ew.multiply(ew.subtract(1, t), no)))
    return _reduced(loss if weight is None else ew.multiply(loss, weight), reduction)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """`binary_cross_entropy` of sigmoid(input), without overflow."""
    x, t = to_float(input), as_tensor(target)
    loss = ew.subtract(sp.softplus(x), ew.multiply(x, t))
    if pos_weight is not None:
        yes = ew.multiply(ew.multiply(t, ew.subtract(pos_weight, 1)), sp.softplus(ew.negative(x)))
        loss = ew.add(loss, yes)
    return _reduced(loss if weight is None else ew.multiply(loss, weight), reduction)


def nll_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """-input at the class that the target names; classes are axis 1, or the only one."""
    x, classes = to_float(input), as_tensor(target)
    axis = min(1, len(x.shape) - 1)
    chosen = squeeze(gather(x, axis, unsqueeze(classes, axis)), axis)
    return _reduced(ew.negative(chosen), reduction)


def cross_entropy(
    input: Any,
    target: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Of logits and class indices (integers), or probabilities (floats, of input's shape); classes are axis 1."""
    x, t = to_float(input), as_tensor(target)
    axis = min(1, len(x.shape) - 1)
    logs = sp.log_softmax(x, axis)
    classes = x.shape[axis]
    if t.dtype.kind != "f":
        t = moveaxis(sp.one_hot(t, classes, dtype=x.dtype), -1, axis)
    if label_smoothing:
        t = ew.add(ew.multiply(t, 1 - label_smoothing), label_smoothing / classes)
    return _reduced(ew.negative(rd.sum(ew.multiply(t, logs), axis)), reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """target (log(target) - input), of log-probabilities `input`; "batchmean" divides the sum by the first extent."""
    x, t = to_float(input), as_tensor(target)
    if log_target:
        loss = ew.multiply(ew.exp(t), ew.subtract(t, x))
    else:
        loss = ew.subtract(sp.xlogy(t, t), ew.multiply(t, x))
    if reduction == "batchmean":
        return ew.divide(rd.sum(loss), x.shape[0])
    return _reduced(loss, reduction)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The product of two vectors over that of their norms, each eps at least."""
    lengths = ew.multiply(fm.clip(norm(x1, 2, dim), eps), fm.clip(norm(x2, 2, dim), eps))
    return ew.divide(rd.sum(ew.multiply(x1, x2), dim), lengths)


__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity", "cross_entropy", "elu", "gelu",
    "hardtanh", "huber_loss", "kl_div", "l1_loss", "leaky_relu", "linear", "logsigmoid", "mish", "mse_loss",
    "nll_loss", "normalize", "relu6", "smooth_l1_loss", "softplus", "softsign", "tanhshrink",
]  # fmt: skip
