"""Programs of higher order: create_graph, Hessians, Newton's method, penalties on gradients, functional forms."""

from __future__ import annotations

from .passes import leaf
from .programs import case, fails


@case
def four_derivatives(t):
    x = leaf(t, 2.0)
    y = x**5
    for _ in range(5):
        (y,) = t.autograd.grad(y, x, create_graph=True)
        yield y.item()


@case
def derivatives_of_sine(t):
    x = leaf(t, [0.0, 0.5, 1.0])
    y = t.sin(x).sum()
    for _ in range(4):
        (g,) = t.autograd.grad(y, x, create_graph=True)
        yield g.detach()
        y = g.sum()


@case
def second_by_backward(t):
    x = leaf(t, 3.0)
    y = x**3
    (g,) = t.autograd.grad(y, x, create_graph=True)
    g.backward()
    yield g.detach(), x.grad


@case
def grad_without_create_graph_has_no_graph(t):
    x = leaf(t, 3.0)
    (g,) = t.autograd.grad(x**3, x)
    yield g.requires_grad, fails(g.backward)


@case
def create_graph_retains(t):
    x = leaf(t, 3.0)
    y = x**3
    t.autograd.grad(y, x, create_graph=True)
    yield t.autograd.grad(y, x)


@case
def hessian_vector_product(t):
    x, v = leaf(t, [1.0, 2.0, 3.0]), t.tensor([1.0, -1.0, 0.5], dtype=t.float64)
    y = (x[0] ** 2 * x[1] + x[2] ** 3 * x[0]).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    yield t.autograd.grad(g, x, grad_outputs=v, retain_graph=True), t.autograd.grad((g * v).sum(), x)


@case
def hessian_by_rows(t):
    x = leaf(t, [1.0, 2.0])
    y = x[0] ** 3 * x[1] + t.exp(x[0] * x[1])
    (g,) = t.autograd.grad(y, x, create_graph=True)
    yield t.stack([t.autograd.grad(g[k], x, retain_graph=True)[0] for k in range(2)])


@case
def newton(t):
    x = leaf(t, 3.0)
    for _ in range(6):
        y = x**4 - 3 * x**3 + 2
        (g,) = t.autograd.grad(y, x, create_graph=True)
        (h,) = t.autograd.grad(g, x)
        with t.no_grad():
            x -= g / h
        yield x.item()


@case
def newton_in_two_dimensions(t):
    x = leaf(t, [-1.2, 1.0])
    for _ in range(4):
        y = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        (g,) = t.autograd.grad(y, x, create_graph=True)
        h = t.stack([t.autograd.grad(g[k], x, retain_graph=True)[0] for k in range(2)])
        a, b, c, d = h[0, 0], h[0, 1], h[1, 0], h[1, 1]
        step = t.stack([d * g[0] - b * g[1], a * g[1] - c * g[0]]) / (a * d - b * c)
        x = (x - step).detach().requires_grad_()
        yield x.tolist()


@case
def gradient_penalty(t):
    x, w = leaf(t, [[1.0, 2.0], [0.5, -1.0]]), leaf(t, [0.3, -0.7])
    score = t.tanh(x @ w).sum()
    (g,) = t.autograd.grad(score, x, create_graph=True)
    penalty = ((g.norm(dim=1) - 1) ** 2).mean()
    (score + 10 * penalty).backward()
    yield penalty.detach(), w.grad, x.grad


@case
def double_backward_through_a_layer(t):
    x, w = t.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=t.float64), leaf(t, [[0.1, 0.2], [-0.3, 0.4]])
    loss = t.sigmoid(x @ w).pow(2).sum()
    (g,) = t.autograd.grad(loss, w, create_graph=True)
    g.pow(2).sum().backward()
    yield g.detach(), w.grad


@case
def inner_step_of_meta_learning(t):
    w = leaf(t, [1.0, -1.0])
    inner = ((w - 3) ** 2).sum()
    (g,) = t.autograd.grad(inner, w, create_graph=True)
    adapted = w - 0.1 * g
    outer = (adapted**4).sum()
    outer.backward()
    yield w.grad


@case
def mixed_partials(t):
    x, y = leaf(t, 2.0), leaf(t, 3.0)
    z = x**2 * y**3
    gx, gy = t.autograd.grad(z, [x, y], create_graph=True)
    yield t.autograd.grad(gx, [x, y], retain_graph=True), t.autograd.grad(gy, [x, y])


@case
def second_derivative_of_linear(t):
    x = leaf(t, [1.0, 2.0])
    (g,) = t.autograd.grad((3 * x).sum(), x, create_graph=True)
    yield g.requires_grad, fails(g.sum().backward)


@case
def batched_second(t):
    x = leaf(t, [1.0, 2.0])
    y = (x**3).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    yield t.autograd.grad(g, x, t.eye(2, dtype=t.float64), is_grads_batched=True)


@case
def double_trick_for_jvp(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    y = t.stack([x.prod(), (x**2).sum()])
    u = t.zeros(2, dtype=t.float64, requires_grad=True)
    (g,) = t.autograd.grad(y, x, u, create_graph=True)
    yield t.autograd.grad(g, u, t.tensor([1.0, 0.5, -1.0], dtype=t.float64))


@case
def functional_jacobian(t):
    x, y = t.tensor([1.0, 2.0], dtype=t.float64), t.tensor([3.0, 4.0], dtype=t.float64)
    yield t.autograd.functional.jacobian(lambda x: x.exp().sum(), x)
    yield t.autograd.functional.jacobian(lambda x: t.outer(x, x), x)
    yield t.autograd.functional.jacobian(lambda x, y: 2 * x + x * y, (x, y))
    yield t.autograd.functional.jacobian(lambda x: (x * 2, x.sum()), x)
    yield t.autograd.functional.jacobian(lambda x, y: x * 2, (x, y))


@case
def functional_hessian(t):
    x, y = t.tensor([1.0, 2.0], dtype=t.float64), t.tensor([3.0, 4.0], dtype=t.float64)
    yield t.autograd.functional.hessian(lambda x: (x**3).sum() * x[0], x)
    yield t.autograd.functional.hessian(lambda x, y: (x**2 * y).sum(), (x, y))
    yield fails(lambda: t.autograd.functional.hessian(lambda x: x * x, x))


@case
def functional_products(t):
    x, v = t.tensor([1.0, 2.0], dtype=t.float64), t.tensor([0.5, -1.0], dtype=t.float64)
    yield t.autograd.functional.vjp(lambda x: x.exp(), x, v)
    yield t.autograd.functional.jvp(lambda x: x.exp(), x, v)
    yield t.autograd.functional.vjp(lambda x: (x**2).sum(), x)
    yield t.autograd.functional.hvp(lambda x: (x**3).sum(), x, v)
    yield t.autograd.functional.vhp(lambda x: (x**3).sum(), x, v)
    yield (
        fails(lambda: t.autograd.functional.vjp(lambda x: x.exp(), x)),
        fails(lambda: t.autograd.functional.vjp(lambda x: x.exp(), x, v.sum())),
    )


@case
def functional_jacobian_again_differentiated(t):
    x = leaf(t, [1.0, 2.0])
    j = t.autograd.functional.jacobian(lambda x: x**3, x, create_graph=True)
    j.sum().backward()
    yield j.detach(), x.grad


@case
def third_derivative_of_product(t):
    x = leaf(t, [1.0, 0.5, 2.0])
    y = x.prod() * x.sum()
    for _ in range(3):
        (g,) = t.autograd.grad(y, x, create_graph=True)
        y = (g * g).sum()
    yield y.detach()
