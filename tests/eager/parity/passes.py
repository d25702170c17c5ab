"""Programs about backward passes: leaves, accumulation, retained graphs, arguments of backward and grad."""

from __future__ import annotations

from .programs import case, fails


def leaf(t, data):
    return t.tensor(data, dtype=t.float64, requires_grad=True)


@case
def attributes_of_leaves(t):
    x, c = leaf(t, [1.0, 2.0]), t.tensor([3.0, 4.0], dtype=t.float64)
    yield x.requires_grad, x.is_leaf, x.grad_fn is None, x.grad
    yield c.requires_grad, c.is_leaf, c.grad_fn is None, c.grad


@case
def attributes_of_results(t):
    x, c = leaf(t, [1.0, 2.0]), t.tensor([3.0, 4.0], dtype=t.float64)
    y, z = x * c, c * c
    yield y.requires_grad, y.is_leaf, y.grad_fn is not None
    yield z.requires_grad, z.is_leaf, z.grad_fn is None
    yield (y + z).requires_grad, (x > 1).requires_grad, x.detach().requires_grad, x.long().requires_grad


@case
def simplest_backward(t):
    x = leaf(t, 2.0)
    y = x**2
    y.backward()
    yield x.grad, y.item(), x.grad.requires_grad, x.grad.is_leaf


@case
def tutorial_of_a_and_b(t):
    a, b = leaf(t, [2.0, 3.0]), leaf(t, [6.0, 4.0])
    q = 3 * a**3 - b**2
    q.backward(gradient=t.tensor([1.0, 1.0], dtype=t.float64))
    yield a.grad == 9 * a**2, b.grad == -2 * b
    yield a.grad, b.grad


@case
def quickstart(t):
    x = t.ones(2, 2, dtype=t.float64, requires_grad=True)
    y = x + 2
    z = y * y * 3
    out = z.mean()
    out.backward()
    yield y, z, out, x.grad


@case
def one_layer_network(t):
    x, y = t.ones(5, dtype=t.float64), t.zeros(3, dtype=t.float64)
    w = t.linspace(-1, 1, 15, dtype=t.float64).reshape(5, 3).requires_grad_()
    b = t.zeros(3, dtype=t.float64, requires_grad=True)
    z = t.matmul(x, w) + b
    loss = ((t.sigmoid(z) - y) ** 2).sum()
    loss.backward()
    yield loss, w.grad, b.grad, w.is_leaf


@case
def gradients_accumulate(t):
    x = leaf(t, [1.0, 2.0])
    for _ in range(3):
        (x * x).sum().backward()
        yield x.grad.clone()
    x.grad.zero_()
    yield x.grad
    (x * 3).sum().backward()
    yield x.grad
    x.grad = None
    (x * 4).sum().backward()
    yield x.grad


@case
def the_same_grad_tensor_accumulates(t):
    x = leaf(t, [1.0, 2.0])
    (x * x).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    yield first is x.grad, first


@case
def accumulation_with_create_graph(t):
    x = leaf(t, [1.0, 2.0])
    (x**3).sum().backward(create_graph=True)
    yield x.grad.requires_grad
    (x**3).sum().backward(create_graph=True)
    yield x.grad
    x.grad.sum().backward()
    yield x.grad.detach()


@case
def second_backward_fails(t):
    x = leaf(t, [1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    yield fails(y.backward), x.grad


@case
def second_backward_of_a_sum_works(t):
    x = leaf(t, [1.0, 2.0])
    y = (x + x).sum()
    y.backward()
    y.backward()
    yield x.grad


@case
def retained_graph(t):
    x = leaf(t, [1.0, 2.0])
    y = (x.exp()).sum()
    y.backward(retain_graph=True)
    y.backward()
    yield x.grad, fails(y.backward)


@case
def shared_part_released(t):
    x = leaf(t, 2.0)
    h = x.exp()
    a, b = h * 2, h * 3
    a.backward()
    yield x.grad, fails(b.backward)


@case
def shared_part_retained(t):
    x = leaf(t, 2.0)
    h = x**2
    a, b = h * 2, h * 3
    a.backward(retain_graph=True)
    b.backward()
    yield x.grad


@case
def backward_of_a_vector(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    y = x * x
    yield fails(y.backward)
    y.backward(t.tensor([1.0, 0.1, 0.01], dtype=t.float64))
    yield x.grad


@case
def backward_of_one_element(t):
    x = leaf(t, [[3.0]])
    (x * x).backward()
    yield x.grad


@case
def gradient_of_another_shape_fails(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    yield fails(lambda: (x * x).backward(t.ones(2, dtype=t.float64)))
    yield fails(lambda: (x * x).sum().backward(t.ones(3, dtype=t.float64)))
    yield fails(lambda: (x * x).backward(t.ones(1, 3, dtype=t.float64)))


@case
def backward_without_grad_fails(t):
    c = t.tensor([1.0, 2.0], dtype=t.float64)
    yield fails(c.sum().backward), fails(c.backward)
    x = leaf(t, [1.0, 2.0])
    yield fails((x > 1).sum().backward), fails(x.detach().sum().backward)


@case
def backward_of_a_leaf(t):
    x = leaf(t, 3.0)
    x.backward()
    yield x.grad
    x.backward(t.tensor(5.0, dtype=t.float64))
    yield x.grad


@case
def backward_of_several(t):
    x = leaf(t, [1.0, 2.0])
    t.autograd.backward([(x * x).sum(), (3 * x).sum()])
    yield x.grad
    t.autograd.backward([x * x, x * 3], [t.ones(2, dtype=t.float64), t.tensor([2.0, 4.0], dtype=t.float64)])
    yield x.grad


@case
def backward_of_the_same_twice(t):
    x = leaf(t, [1.0, 2.0])
    y = x * x
    ones = t.ones(2, dtype=t.float64)
    t.autograd.backward([y, y], [ones, ones])
    yield x.grad


@case
def backward_into_inputs(t):
    x, w = leaf(t, [1.0, 2.0]), leaf(t, [3.0, 4.0])
    (x * w).sum().backward(inputs=[w])
    yield x.grad, w.grad
    (x * w).sum().backward(inputs=x)
    yield x.grad, w.grad


@case
def backward_into_computed_inputs(t):
    x = leaf(t, [1.0, 2.0])
    h = x * 3
    h.retain_grad()
    (h * h).sum().backward(inputs=[h])
    yield h.grad, x.grad


@case
def retain_grad(t):
    x = leaf(t, [1.0, 2.0])
    h = x * 3
    yield h.retains_grad, x.retains_grad
    h.retain_grad()
    h.retain_grad()
    x.retain_grad()
    (h**2).sum().backward()
    yield h.retains_grad, h.grad, x.grad, h.is_leaf


@case
def retain_grad_without_grad_fails(t):
    c = t.tensor([1.0], dtype=t.float64)
    yield fails(c.retain_grad)


@case
def grad_of_one(t):
    x = leaf(t, [1.0, 2.0])
    g = t.autograd.grad((x**3).sum(), x)
    yield len(g), g[0], x.grad, g[0].requires_grad


@case
def grad_of_several(t):
    x, y = leaf(t, [1.0, 2.0]), leaf(t, 3.0)
    gx, gy = t.autograd.grad([(x * y).sum(), (x * x).sum()], [x, y])
    yield gx, gy


@case
def grad_with_grad_outputs(t):
    x = leaf(t, [1.0, 2.0])
    v = t.tensor([0.5, -1.0], dtype=t.float64)
    yield t.autograd.grad(x**2, x, grad_outputs=v), t.autograd.grad([x**2], [x], [v])
    yield fails(lambda: t.autograd.grad(x**2, x)), fails(lambda: t.autograd.grad(x**2, x, v.sum()))


@case
def grad_of_computed(t):
    x = leaf(t, [1.0, 2.0])
    h = x * x
    y = (h * 3).sum()
    (gh,) = t.autograd.grad(y, h, retain_graph=True)
    (gx,) = t.autograd.grad(y, x)
    yield gh, gx, h.grad


@case
def grad_of_output_and_its_part(t):
    x = leaf(t, [1.0, 2.0])
    h = x * x
    y = (h * x).sum()
    gh, gx = t.autograd.grad(y, [h, x])
    yield gh, gx


@case
def grad_of_itself(t):
    x = leaf(t, 2.0)
    y = x * x
    yield t.autograd.grad(y, y), t.autograd.grad(x, x)


@case
def unused_inputs(t):
    x, z = leaf(t, 1.0), leaf(t, [1.0, 2.0])
    yield fails(lambda: t.autograd.grad(x * 2, [x, z]))
    yield t.autograd.grad(x * 2, [x, z], allow_unused=True)
    yield t.autograd.grad(x * 2, [x, z], materialize_grads=True)
    yield fails(lambda: t.autograd.grad(x * 2, [x, z], allow_unused=False, materialize_grads=True))


@case
def inputs_without_grad_fail(t):
    x, c = leaf(t, 1.0), t.tensor(2.0, dtype=t.float64)
    yield fails(lambda: t.autograd.grad(x * c, c)), fails(lambda: t.autograd.grad(c * c, x))


@case
def batched_gradients(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    rows = t.eye(3, dtype=t.float64)
    yield t.autograd.grad(x**2, x, rows, is_grads_batched=True)


@case
def jacobian_row_by_row(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    y = t.stack([x[0] * x[1], x[1] ** 2 + x[2], t.sin(x[0])])
    rows = [t.autograd.grad(y[k], x, retain_graph=True)[0] for k in range(3)]
    yield t.stack(rows)


@case
def jacobian_product_three_times(t):
    x = t.eye(4, 5, dtype=t.float64, requires_grad=True)
    out = (x + 1).pow(2).t()
    out.backward(t.ones_like(out), retain_graph=True)
    yield x.grad.clone()
    out.backward(t.ones_like(out), retain_graph=True)
    yield x.grad.clone()
    x.grad.zero_()
    out.backward(t.ones_like(out), retain_graph=True)
    yield x.grad


@case
def doubling_until_large(t):
    x = leaf(t, [0.5, -1.0, 2.0])
    y = x * 2
    steps = 0
    while y.detach().norm() < 1000:
        y = y * 2
        steps += 1
    y.backward(t.tensor([0.1, 1.0, 0.0001], dtype=t.float64))
    yield steps, y, x.grad


@case
def branches_of_data(t):
    for value in (3.0, -2.0):
        x = leaf(t, value)
        y = x**2 if x > 0 else -x * 5
        y.backward()
        yield x.grad


@case
def a_loop_of_data(t):
    x = leaf(t, 5.0)
    y, n = x, 0
    while y > 1:
        y, n = y / 2 + 0.1 * x, n + 1
        if n > 6:
            break
    y.backward()
    yield n, y, x.grad


@case
def diamond(t):
    x = leaf(t, 3.0)
    a, b = x * 2, x**2
    c = a * b
    (c + a + b).backward()
    yield x.grad


@case
def one_tensor_used_often(t):
    x = leaf(t, 1.5)
    y = x
    for _ in range(10):
        y = y * x + x
    y.backward()
    yield x.grad


@case
def deep_graph(t):
    x = leaf(t, 1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    y.backward()
    yield x.grad


@case
def wide_graph(t):
    x = leaf(t, 1.0)
    sum(x * float(k) for k in range(500)).backward()
    yield x.grad


@case
def requires_grad_of_leaves_is_switched(t):
    x = t.tensor([1.0, 2.0], dtype=t.float64)
    x.requires_grad = True
    y = (x * 2).sum()
    x.requires_grad_(False)
    yield x.requires_grad, y.requires_grad
    yield fails(lambda: setattr(y, "requires_grad", False)), fails(lambda: y.requires_grad_(True))


@case
def frozen_parameters(t):
    x, w, v = t.tensor([1.0, 2.0], dtype=t.float64), leaf(t, [0.5, 0.5]), leaf(t, [1.0, -1.0])
    w.requires_grad_(False)
    ((x * w) * v).sum().backward()
    yield w.grad, v.grad


@case
def integers_have_no_gradient(t):
    yield fails(lambda: t.tensor([1, 2], requires_grad=True)), fails(lambda: t.tensor([1, 2]).requires_grad_())
    yield fails(lambda: t.tensor([True], requires_grad=True))
    x = leaf(t, [1.5, 2.5])
    yield x.long().requires_grad, (x.long() * x).requires_grad


@case
def gradient_in_single_precision(t):
    x = t.tensor([1.0, 2.0], dtype=t.float32, requires_grad=True)
    (x * x).sum().backward()
    yield x.grad
    w = leaf(t, [3.0, 4.0])
    y = (x * w).sum()
    yield y.dtype == t.float64
    y.backward()
    yield x.grad, w.grad


@case
def gradient_through_casts(t):
    x = t.tensor([1.5, 2.5], dtype=t.float32, requires_grad=True)
    y = x.double() ** 2
    y.sum().backward()
    yield x.grad, y


@case
def broadcast_gradients(t):
    a, b, c = leaf(t, [[1.0], [2.0]]), leaf(t, [1.0, 2.0, 3.0]), leaf(t, 2.0)
    (a * b + c).sum().backward()
    yield a.grad, b.grad, c.grad


@case
def assigned_grad(t):
    x = leaf(t, [1.0, 2.0])
    x.grad = t.tensor([10.0, 20.0], dtype=t.float64)
    (x * x).sum().backward()
    yield x.grad
    yield fails(lambda: setattr(x, "grad", t.ones(3, dtype=t.float64))), fails(lambda: setattr(x, "grad", 3.0))


@case
def gradients_do_not_share_memory(t):
    x, y = leaf(t, [1.0, 2.0]), leaf(t, [3.0, 4.0])
    (x + y).sum().backward()
    x.grad += 1
    yield x.grad, y.grad


@case
def a_failed_pass_leaves_grad(t):
    x = leaf(t, [1.0, 2.0])
    y = x.exp()
    y.sum().backward()
    before = x.grad.clone()
    yield fails(y.sum().backward), (x.grad == before).all()


@case
def names_and_next_functions(t):
    x = leaf(t, 2.0)
    y = x * 3
    z = y + x
    yield len(z.grad_fn.next_functions), z.grad_fn.next_functions[0][0] is y.grad_fn
    accumulate = z.grad_fn.next_functions[1][0]
    yield accumulate.name().split("::")[-1], accumulate.variable is x, x.grad_fn is None
    yield (x * t.tensor(2.0, dtype=t.float64)).grad_fn.next_functions[1][0] is None
