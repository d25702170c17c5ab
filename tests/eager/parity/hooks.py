"""Programs with hooks: order, replacement, removal, on leaves, computed tensors and nodes."""

from __future__ import annotations

from .passes import leaf
from .programs import case, fails


@case
def hook_on_a_leaf(t):
    x = leaf(t, [1.0, 2.0])
    seen = []
    x.register_hook(lambda g: seen.append(g.clone()))
    (x * x).sum().backward()
    yield seen, x.grad


@case
def hook_replaces(t):
    x = leaf(t, [1.0, 2.0])
    x.register_hook(lambda g: g * 2)
    (x * x).sum().backward()
    yield x.grad


@case
def hook_on_a_computed_tensor(t):
    x = leaf(t, [1.0, 2.0])
    h = x * 3
    h.register_hook(lambda g: g * 10)
    (h * h).sum().backward()
    yield x.grad, h.grad_fn is not None


@case
def hook_sees_the_sum_once(t):
    x = leaf(t, 2.0)
    h = x * 1
    seen = []
    h.register_hook(lambda g: seen.append(g.item()))
    (h * 2 + h * 3 + h * h).backward()
    yield seen, x.grad


@case
def hooks_in_order(t):
    x = leaf(t, 1.0)
    seen = []
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 5).backward()
    yield seen, x.grad


@case
def removed_hooks(t):
    x = leaf(t, 1.0)
    handle = x.register_hook(lambda g: g * 100)
    handle.remove()
    handle.remove()
    (x * 5).backward()
    yield x.grad
    with x.register_hook(lambda g: g * 2):
        (x * 5).backward()
    (x * 5).backward()
    yield x.grad


@case
def hooks_run_in_every_pass(t):
    x = leaf(t, 1.0)
    count = []
    x.register_hook(lambda g: count.append(1))
    for _ in range(3):
        (x * 2).backward()
    yield len(count), x.grad


@case
def hook_and_retain_grad(t):
    x = leaf(t, 1.0)
    h = x * 2
    h.retain_grad()
    h.register_hook(lambda g: g * 3)
    (h * 5).backward()
    yield h.grad, x.grad
    x = leaf(t, 1.0)
    h = x * 2
    h.register_hook(lambda g: g * 3)
    h.retain_grad()
    (h * 5).backward()
    yield h.grad, x.grad


@case
def hooks_and_grad(t):
    x = leaf(t, 1.0)
    x.register_hook(lambda g: g * 2)
    h = x * 3
    h.register_hook(lambda g: g + 1)
    yield t.autograd.grad(h * 5, [x]), x.grad


@case
def hook_of_a_captured_tensor(t):
    x = leaf(t, 1.0)
    h = x * 3
    h.register_hook(lambda g: g * 7)
    yield t.autograd.grad(h * 5, [h], retain_graph=True), t.autograd.grad(h * 5, [x])


@case
def post_accumulate_hook(t):
    x = leaf(t, [1.0, 2.0])
    seen = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    yield seen
    yield fails(lambda: (x * 2).register_post_accumulate_grad_hook(lambda p: None))


@case
def optimizer_in_backward(t):
    w = leaf(t, [1.0, 2.0])

    def step(p):
        with t.no_grad():
            p -= 0.1 * p.grad
        p.grad = None

    w.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        (w**2).sum().backward()
    yield w.detach(), w.grad


@case
def hook_without_grad_fails(t):
    c = t.tensor([1.0], dtype=t.float64)
    yield fails(lambda: c.register_hook(lambda g: g))


@case
def wrong_hook_results_fail(t):
    x = leaf(t, [1.0, 2.0])
    h = x * 2
    h.register_hook(lambda g: g.sum())
    yield fails(h.sum().backward), x.grad


@case
def clipping_by_hook(t):
    x = leaf(t, [1.0, 20.0])
    x.register_hook(lambda g: g.clamp(-1, 1))
    (x**2).sum().backward()
    yield x.grad


@case
def zeroing_by_hook(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    mask = t.tensor([1.0, 0.0, 1.0], dtype=t.float64)
    x.register_hook(lambda g: g * mask)
    (x**2).sum().backward()
    yield x.grad


@case
def hook_with_create_graph(t):
    x = leaf(t, 2.0)
    h = x**2
    h.register_hook(lambda g: g * x)
    (g,) = t.autograd.grad(h * 3, x, create_graph=True)
    yield g.detach(), t.autograd.grad(g, x)


@case
def node_hooks(t):
    x = leaf(t, [1.0, 2.0])
    y = x * 3
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs[0], outputs[0])))
    (y * 2).sum().backward()
    yield seen, x.grad


@case
def node_hook_replaces(t):
    x, c = leaf(t, [1.0, 2.0]), leaf(t, [3.0, 4.0])
    y = x * c
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10, None))
    y.sum().backward()
    yield x.grad


@case
def node_prehook(t):
    x = leaf(t, [1.0, 2.0])
    y = x * 3
    handle = y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 5,))
    (y * 2).sum().backward(retain_graph=True)
    yield x.grad
    handle.remove()
    (y * 2).sum().backward()
    yield x.grad


@case
def order_of_tensor_and_node_hooks(t):
    x = leaf(t, 1.0)
    y = x * 2
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append("node"))
    y.grad_fn.register_prehook(lambda outputs: seen.append("before"))
    y.register_hook(lambda g: seen.append("tensor"))
    x.register_hook(lambda g: seen.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda p: seen.append("after"))
    y.backward()
    yield seen
