"""Programs about recording: no_grad, enable_grad, set_grad_enabled, detach, threads."""

from __future__ import annotations

import threading

from .passes import leaf
from .programs import case, fails


@case
def no_grad_block(t):
    x = leaf(t, [1.0, 2.0])
    with t.no_grad():
        y = x * 2
        yield y.requires_grad, y.is_leaf, t.is_grad_enabled()
    yield t.is_grad_enabled(), (x * 2).requires_grad


@case
def leaves_made_in_no_grad(t):
    with t.no_grad():
        x = t.tensor([1.0], dtype=t.float64, requires_grad=True)
        y = t.ones(2, dtype=t.float64).requires_grad_()
    (x * 3).sum().backward()
    yield x.requires_grad, y.requires_grad, x.grad


@case
def nested_modes(t):
    x = leaf(t, 1.0)
    with t.no_grad():
        with t.enable_grad():
            yield (x * 2).requires_grad
            with t.no_grad():
                yield (x * 2).requires_grad
            yield (x * 2).requires_grad
        yield (x * 2).requires_grad
    yield (x * 2).requires_grad


@case
def mode_after_an_error(t):
    def failing():
        with t.no_grad():
            raise ValueError

    yield fails(failing), t.is_grad_enabled()


@case
def decorators(t):
    x = leaf(t, 2.0)

    @t.no_grad()
    def without(x):
        return x * 2

    @t.enable_grad()
    def within(x):
        return x * 2

    @t.no_grad
    def bare(x):
        return x * 2

    yield without(x).requires_grad, bare(x).requires_grad, within(x).requires_grad
    with t.no_grad():
        yield within(x).requires_grad, t.is_grad_enabled()


@case
def set_grad_enabled_forms(t):
    x = leaf(t, 1.0)
    with t.set_grad_enabled(False):
        yield (x * 2).requires_grad
    yield (x * 2).requires_grad
    t.set_grad_enabled(False)
    yield (x * 2).requires_grad
    t.set_grad_enabled(True)
    yield (x * 2).requires_grad
    is_training = False
    with t.set_grad_enabled(is_training):
        yield (x * 2).requires_grad


@case
def set_grad_enabled_decorator(t):
    @t.set_grad_enabled(False)
    def f(x):
        return x * 2

    x = leaf(t, 1.0)
    yield f(x).requires_grad, (x * 2).requires_grad


@case
def modes_belong_to_threads(t):
    x = leaf(t, 1.0)
    seen = []
    with t.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        seen.append((x * 2).requires_grad)
    yield seen


@case
def passes_in_threads(t):
    x = leaf(t, 2.0)
    results = [None] * 4

    def work(k):
        y = leaf(t, float(k))
        (y**2 * x.detach()).backward()
        results[k] = y.grad.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield results


@case
def detach_stops_gradients(t):
    x = leaf(t, 3.0)
    y = x * x.detach()
    y.backward()
    yield x.grad
    d = (x * 2).detach()
    yield d.requires_grad, d.is_leaf, d.grad_fn is None


@case
def detach_shares_memory(t):
    x = leaf(t, [1.0, 2.0])
    d = x.detach()
    d[0] = 9.0
    yield x.detach(), d.data_ptr() == x.data_ptr()


@case
def detach_in_place(t):
    x = leaf(t, [1.0, 2.0])
    y = x * 2
    y.detach_()
    yield y.requires_grad, y.is_leaf, (y * x).requires_grad


@case
def data_attribute(t):
    x = leaf(t, [1.0, 2.0])
    y = x * x
    x.data.mul_(10)
    yield x.data.requires_grad, x.detach()
    y.sum().backward()
    yield x.grad
    x.data = t.tensor([5.0, 6.0], dtype=t.float64)
    yield x.detach(), x.requires_grad, x.is_leaf


@case
def update_in_no_grad(t):
    w = leaf(t, [1.0, 2.0])
    (w**2).sum().backward()
    with t.no_grad():
        w -= 0.1 * w.grad
        w.grad.zero_()
    yield w.detach(), w.requires_grad, w.is_leaf, w.grad


@case
def no_grad_results_in_recorded_ones(t):
    x = leaf(t, 2.0)
    with t.no_grad():
        c = x**2
    y = x * c
    y.backward()
    yield x.grad, y.requires_grad


@case
def clone_keeps_gradients(t):
    x = leaf(t, [1.0, 2.0])
    y = x.clone()
    (y * 2).sum().backward()
    yield x.grad, y.requires_grad, y.is_leaf, y.data_ptr() != x.data_ptr()
    yield x.clone().detach().requires_grad, x.detach().clone().requires_grad


@case
def comparison_of_modes_on_backward(t):
    x = leaf(t, 2.0)
    y = x**3
    with t.no_grad():
        y.backward()
    yield x.grad


@case
def grad_with_create_graph_in_no_grad(t):
    x = leaf(t, 2.0)
    y = x**3
    with t.no_grad():
        (g,) = t.autograd.grad(y, x, create_graph=True)
    yield g.requires_grad, g.detach()
