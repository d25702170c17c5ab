"""Programs that change tensors in place: what is refused, what is noticed, what the gradients become."""

from __future__ import annotations

from .passes import leaf
from .programs import case, fails


@case
def leaves_are_not_changed(t):
    x = leaf(t, [1.0, 2.0])

    def set_item():
        x[0] = 5.0

    yield fails(lambda: x.add_(1)), fails(x.zero_), fails(set_item), fails(lambda: x.__iadd__(1))
    yield fails(lambda: x[0].add_(1)), fails(lambda: x.view(-1).mul_(2)), x.detach()


@case
def constants_are_changed(t):
    c = t.tensor([1.0, 2.0], dtype=t.float64)
    c += 1
    c.mul_(3)
    c[0] = 10
    yield c, c._version


@case
def versions(t):
    x = t.tensor([1.0, 2.0], dtype=t.float64)
    yield x._version
    x.add_(1)
    y = x[0]
    y.mul_(2)
    yield x._version, y._version, x.detach()._version, x.clone()._version


@case
def computed_tensors_are_changed(t):
    x = leaf(t, [1.0, 2.0])
    y = x * 2
    y += 1
    y *= x
    y.sum().backward()
    yield y.detach(), x.grad


@case
def a_changed_saved_value_is_noticed(t):
    x = leaf(t, [1.0, 2.0])
    y = x.exp()
    z = y.sum()
    y += 1
    yield fails(z.backward)
    y = x * 3
    z = (y * y).sum()
    y.add_(1)
    yield fails(z.backward)


@case
def a_changed_unsaved_value_is_not(t):
    x = leaf(t, [1.0, 2.0])
    y = x + 1
    z = (y + y).sum()
    y += 1
    z.backward()
    yield x.grad


@case
def a_changed_operand_is_noticed(t):
    x, c = leaf(t, [1.0, 2.0]), t.tensor([3.0, 4.0], dtype=t.float64)
    y = (x * c).sum()
    c += 1
    yield fails(y.backward)
    x, c = leaf(t, [1.0, 2.0]), t.tensor([3.0, 4.0], dtype=t.float64)
    y = (x + c).sum()
    c += 1
    y.backward()
    yield x.grad


@case
def a_leaf_changed_after_its_use(t):
    w = leaf(t, [1.0, 2.0])
    y = (w * w).sum()
    with t.no_grad():
        w += 1
    yield fails(y.backward)
    w = leaf(t, [1.0, 2.0])
    y = (w * w).sum()
    w.data += 1
    y.backward()
    yield w.grad


@case
def results_in_place(t):
    x = leaf(t, [0.5, -1.0, 2.0])
    for name in ("exp_", "tanh_", "sigmoid_", "relu_", "sin_", "cos_", "neg_", "abs_", "sqrt_", "zero_"):
        y = (x * x + 0.1).clone()
        getattr(y, name)()
        (g,) = t.autograd.grad(y.sum(), x, allow_unused=True, retain_graph=True)
        yield name, y.detach(), g


@case
def clamps_in_place(t):
    x = leaf(t, [0.5, -1.0, 2.0])
    y = x * 1
    y.clamp_(-0.5, 1.0)
    y.clamp_(min=0)
    (y * 3).sum().backward()
    yield y.detach(), x.grad


@case
def arithmetic_in_place(t):
    x, w = leaf(t, [1.0, 2.0]), leaf(t, [3.0, 5.0])
    y = x.clone()
    y.add_(w, alpha=2)
    y.sub_(w)
    y.mul_(w)
    y.div_(2)
    y.pow_(2)
    y.sum().backward()
    yield y.detach(), x.grad, w.grad


@case
def copy_in_place(t):
    x, w = leaf(t, [1.0, 2.0]), leaf(t, [[3.0, 4.0], [5.0, 6.0]])
    y = w * 1
    y.copy_(x)
    (y * w).sum().backward()
    yield y.detach(), x.grad, w.grad


@case
def fill_in_place(t):
    x = leaf(t, [1.0, 2.0])
    y = x * 2
    y[0].fill_(7)
    y.sum().backward()
    yield y.detach(), x.grad


@case
def items_assigned(t):
    x, v = leaf(t, [1.0, 2.0, 3.0]), leaf(t, 10.0)
    y = x * 2
    y[1] = v
    y[2] = 0.5
    (y * y).sum().backward()
    yield y.detach(), x.grad, v.grad


@case
def rows_collected(t):
    x = leaf(t, [1.0, 2.0])
    buffer = t.zeros(3, 2, dtype=t.float64)
    for k in range(3):
        buffer[k] = x * (k + 1)
    buffer.pow(2).sum().backward()
    yield buffer.requires_grad, buffer.detach(), x.grad


@case
def columns_assigned(t):
    x, v = leaf(t, [[1.0, 2.0], [3.0, 4.0]]), leaf(t, [5.0, 6.0])
    y = x.clone()
    y[:, 0] = v
    (y * x).sum().backward()
    yield y.detach(), x.grad, v.grad


@case
def slices_with_steps_assigned(t):
    x, v = leaf(t, [1.0, 2.0, 3.0, 4.0]), leaf(t, [10.0, 20.0])
    y = x * 1
    y[::2] = v
    y[1::2] *= 3
    y.sum().backward()
    yield y.detach(), x.grad, v.grad


@case
def masks_assigned(t):
    x = leaf(t, [1.0, -2.0, 3.0])
    y = x * 2
    y[y < 0] = 0.0
    y.sum().backward()
    yield y.detach(), x.grad
    z = x * 2
    v = leaf(t, [7.0, 8.0])
    z[t.tensor([True, False, True])] = v
    (z * z).sum().backward()
    yield z.detach(), v.grad


@case
def lists_assigned(t):
    x, v = leaf(t, [1.0, 2.0, 3.0]), leaf(t, [7.0, 8.0])
    y = x * 2
    y[[2, 0]] = v
    (y * x).sum().backward()
    yield y.detach(), x.grad, v.grad


@case
def masked_fill_in_place(t):
    x = leaf(t, [1.0, -2.0, 3.0])
    y = x * 2
    y.masked_fill_(x < 0, -9.0)
    (y * y).sum().backward()
    yield y.detach(), x.grad


@case
def changed_views_reach_the_base(t):
    x = leaf(t, [1.0, 2.0, 3.0, 4.0])
    y = x * 2
    v = y[1:3]
    v *= 10
    y.sum().backward()
    yield y.detach(), x.grad, v.requires_grad


@case
def changed_bases_reach_the_view(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    y = x * 2
    v = y[1:]
    y *= x
    v.sum().backward()
    yield v.detach(), x.grad


@case
def views_of_views(t):
    x = leaf(t, [[1.0, 2.0], [3.0, 4.0]])
    y = x * 3
    row = y.t()[0]
    row += 5
    (y * y).sum().backward()
    yield y.detach(), x.grad


@case
def views_of_constants_become_recorded(t):
    base, w = t.zeros(2, 2, dtype=t.float64), leaf(t, [2.0, 3.0])
    row = base[1]
    row += w * w
    yield base.requires_grad, row.requires_grad
    base.sum().backward()
    yield base.detach(), w.grad


@case
def a_saved_view_is_noticed(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    y = x * 1
    z = (y[0] * y[0]) + 0
    y[0] = 5.0
    yield fails(z.backward)


@case
def elsewhere_changed_memory_counts_too(t):
    x = leaf(t, [1.0, 2.0, 3.0])
    y = x * 1
    z = y[0] * y[0]
    y[1] = 5.0
    yield fails(z.backward)


@case
def expanded_memory_is_not_written(t):
    x = t.ones(3, dtype=t.float64).expand(2, 3)
    yield fails(lambda: x.add_(1))


@case
def shapes_and_types_stay(t):
    x = t.ones(2, dtype=t.float64)
    yield fails(lambda: x.add_(t.ones(2, 2, dtype=t.float64))), fails(lambda: x.copy_(t.ones(3, dtype=t.float64)))
    n = t.tensor([1, 2])
    yield fails(lambda: n.add_(0.5)), fails(lambda: n.div_(2))
    n += 1
    yield n
    f = t.ones(2, dtype=t.float32)
    f += t.ones(2, dtype=t.float64)
    yield f


@case
def detached_changes_are_noticed(t):
    x = leaf(t, [1.0, 2.0])
    y = x.exp()
    z = y.sum()
    y.detach().zero_()
    yield fails(z.backward)


@case
def hooks_after_changes(t):
    x = leaf(t, [1.0, 2.0])
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(("old", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("new", g.tolist())))
    (y * 5).sum().backward()
    yield seen, x.grad


@case
def retained_after_changes(t):
    x = leaf(t, [1.0, 2.0])
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * 5).sum().backward()
    yield y.grad, x.grad


@case
def relu_in_place_of_a_layer(t):
    x, w = t.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=t.float64), leaf(t, [[1.0, -1.0], [0.5, 0.25]])
    h = x @ w
    t.relu_(h) if hasattr(t, "relu_") else h.relu_()
    h.sum().backward()
    yield h.detach(), w.grad


@case
def overlapping_updates_of_leaves(t):
    w = leaf(t, [1.0, 2.0, 3.0])
    with t.no_grad():
        w[0] = 9.0
        w[1:] += 1
        w.view(-1)[2].zero_()
    yield w.detach(), w.is_leaf, w._version > 0
