"""Formulas of models: activations, losses, layers, the small functions that tutorials differentiate."""

from __future__ import annotations

from .programs import pure
from .shapes import functional

X = [[0.5, -1.5, 2.0], [1.0, 0.25, -0.75], [-0.5, 0.75, 1.5], [2.0, -1.0, 0.0]]
W = [[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]]
B = [0.05, -0.1]
LOGITS = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]]
SIGNED = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]

for name in (
    "relu",
    "elu",
    "leaky_relu",
    "gelu",
    "silu",
    "softplus",
    "mish",
    "softsign",
    "tanhshrink",
    "logsigmoid",
    "relu6",
):
    pure(
        f"activation_{name}",
        lambda t, x, n=name: getattr(functional(t), n)(x),
        SIGNED,
        orders=1 if name == "elu" else 2,
    )
pure("gelu_tanh", lambda t, x: functional(t).gelu(x, approximate="tanh"), SIGNED)
pure("leaky_relu_slope", lambda t, x: functional(t).leaky_relu(x, 0.2), SIGNED)
pure("elu_alpha", lambda t, x: functional(t).elu(x, alpha=0.5), SIGNED, orders=1)
pure("softplus_beta", lambda t, x: functional(t).softplus(x, beta=2.0), SIGNED)
pure("softplus_large", lambda t, x: functional(t).softplus(x), [-50.0, 25.0, 800.0])
pure("hardtanh", lambda t, x: functional(t).hardtanh(x), SIGNED)

pure("linear", lambda t, x, w, b: functional(t).linear(x, w.t(), b), X, W, B)
pure("affine", lambda t, x, w, b: x @ w + b, X, W, B)
pure("mlp", lambda t, x, w, b: ((x @ w + b).tanh() @ w.t()).relu().mean(), X, W, B)
pure("sigmoid_layer", lambda t, x, w, b: t.sigmoid(x.mm(w) + b), X, W, B)
pure(
    "layer_norm",
    lambda t, x: (x - x.mean(dim=1, keepdim=True)) / t.sqrt(t.var(x, dim=1, unbiased=False, keepdim=True) + 1e-5),
    X,
)
pure("attention", lambda t, q, k: t.softmax(q @ k.t() / 3**0.5, dim=-1) @ k, X, X[:2])
pure("normalize", lambda t, x: functional(t).normalize(x), X)
pure(
    "cosine_similarity",
    lambda t, x, y: functional(t).cosine_similarity(x, y),
    LOGITS,
    [[1.0, 2.0, 3.0], [0.5, -0.5, 1.0]],
)

for reduction in ("mean", "sum", "none"):
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        pure(
            f"{name}_{reduction}",
            lambda t, x, y, n=name, r=reduction: getattr(functional(t), n)(x, y, reduction=r),
            LOGITS,
            [[0.0, -1.0, 0.0], [3.0, 0.5, -0.75]],
        )
    pure(
        f"bce_logits_{reduction}",
        lambda t, x, r=reduction: functional(t).binary_cross_entropy_with_logits(
            x, t.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.3]], dtype=t.float64), reduction=r
        ),
        LOGITS,
    )
    pure(
        f"cross_entropy_{reduction}",
        lambda t, x, r=reduction: functional(t).cross_entropy(x, t.tensor([2, 0]), reduction=r),
        LOGITS,
    )
    pure(
        f"nll_loss_{reduction}",
        lambda t, x, r=reduction: functional(t).nll_loss(t.log_softmax(x, 1), t.tensor([1, 1]), reduction=r),
        LOGITS,
    )
pure("bce", lambda t, x, y: functional(t).binary_cross_entropy(t.sigmoid(x), y), [0.5, -1.0, 2.0], [1.0, 0.0, 0.5])
pure(
    "bce_of_certain",
    lambda t, x: functional(t).binary_cross_entropy(x, t.tensor([1.0, 1.0, 0.0], dtype=t.float64)),
    [0.0, 0.5, 0.25],
    orders=0,
)
pure(
    "bce_logits_targets",
    lambda t, x, y: functional(t).binary_cross_entropy_with_logits(x, y),
    [0.5, -100.0, 100.0],
    [1.0, 0.0, 1.0],
)
pure(
    "bce_logits_pos_weight",
    lambda t, x, y: functional(t).binary_cross_entropy_with_logits(x, y, pos_weight=t.tensor(3.0, dtype=t.float64)),
    [0.5, -1.0],
    [1.0, 0.0],
    orders=1,
)
pure(
    "cross_entropy_probabilities", lambda t, x, y: functional(t).cross_entropy(x, t.softmax(y, 1)), LOGITS, LOGITS[::-1]
)
pure("cross_entropy_smooth", lambda t, x: functional(t).cross_entropy(x, t.tensor([2, 0]), label_smoothing=0.1), LOGITS)
pure("cross_entropy_of_one", lambda t, x: functional(t).cross_entropy(x, t.tensor(1)), [0.5, -1.0, 2.0])
pure(
    "kl_div",
    lambda t, x, y: functional(t).kl_div(t.log_softmax(x, 1), t.softmax(y, 1), reduction="batchmean"),
    LOGITS,
    LOGITS[::-1],
)

# the functions of tutorials
pure("polynomial", lambda t, x: 3 * x**3 - 2 * x**2 + x - 7, SIGNED)
pure("q_of_a_and_b", lambda t, a, b: 3 * a**3 - b**2, [2.0, 3.0], [6.0, 4.0])
pure("mean_of_scaled_square", lambda t, x: (3 * (x + 2) * (x + 2)).mean(), [[1.0, 1.0], [1.0, 1.0]])
pure("legendre", lambda t, a, b, c, d: a + b * (0.5 * (5 * (c + d) ** 3 - 3 * (c + d))), 0.5, -1.0, 0.25, 0.3)
pure("rosenbrock", lambda t, x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, [-1.2, 1.0])
pure("himmelblau", lambda t, x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2, [1.0, 2.0])
pure("sine_of_square", lambda t, x: t.sin(x**2) * t.exp(-x), SIGNED)
pure("logistic", lambda t, x, w: -t.log(t.sigmoid(x @ w)).mean(), X, [0.5, -0.5, 1.0])
pure("hinge", lambda t, x: t.clamp(1 - x, min=0).sum(), SIGNED)
pure("distance", lambda t, x, y: ((x - y) ** 2).sum().sqrt(), [1.0, 2.0], [4.0, 6.0])
pure("gaussian", lambda t, x, m, s: (-((x - m) ** 2) / (2 * s**2)).exp() / s, SIGNED, 0.5, 1.5)


def unrolled(x):
    y = x
    for k in range(1, 5):
        y = y * x + k
    return y


def recurrent(t, h, w):
    states = []
    for _ in range(4):
        h = t.tanh(w @ h + 0.1)
        states.append(h)
    return t.stack(states).sum(dim=0)


pure("unrolled_loop", lambda t, x: unrolled(x) * 1, 0.5)
pure("recurrence", recurrent, [0.1, -0.2], [[0.5, -0.3], [0.2, 0.8]])
