"""Programs about memory: which functions share it, strides, contiguity, NumPy."""

from __future__ import annotations

import numpy as np

from .passes import leaf
from .programs import case, fails


def counting(t, *shape):
    return t.arange(int(np.prod(shape)), dtype=t.float64).reshape(*shape)


def shares(a, b):
    """Whether writing to b shows in a."""
    before = a.clone()
    b.view(-1).add_(1) if b.is_contiguous() else b.add_(1)
    changed = bool((a != before).any())
    a.copy_(before)
    return changed


@case
def functions_that_share(t):
    x = counting(t, 2, 3)
    views = {
        "view": x.view(3, 2),
        "reshape": x.reshape(6),
        "t": x.t(),
        "T": x.T,
        "permute": x.permute(1, 0),
        "unsqueeze": x.unsqueeze(0),
        "squeeze": x.unsqueeze(0).squeeze(),
        "slice": x[:, 1:],
        "item": x[0, 1],
        "row": x[1],
        "detach": x.detach(),
        "flatten": x.flatten(),
        "ravel": x.ravel(),
        "narrow": x.narrow(1, 0, 2),
        "select": x.select(0, 1),
        "chunk": x.chunk(2)[1],
        "split": x.split(1)[0],
        "unbind": x.unbind(1)[2],
        "none": x[None],
        "swapaxes": x.swapaxes(0, 1),
        "data": x.data,
        "view_as": x.view_as(x),
        "mT": x.mT,
        "movedim": x.movedim(0, 1),
        "numpy": t.from_numpy(x.numpy()),
        "contiguous": x.contiguous(),
        "expand_as": x.expand_as(x),
        "unflatten": x.unflatten(1, (3, 1)),
        "to": x.to(t.float64),
        "double": x.double(),
    }
    for name, v in views.items():
        yield name, shares(x, v)


@case
def functions_that_copy(t):
    x = counting(t, 2, 3)
    copies = {
        "clone": x.clone(),
        "contiguous": x.t().contiguous(),
        "reshape": x.t().reshape(6),
        "list": x[[0, 1]],
        "tensor": t.tensor(x.tolist()),
        "add": x + 0,
        "flatten": x.t().flatten(),
        "mask": x[x > -1],
        "cat": t.cat([x, x]),
        "float": x.float().double(),
        "roll": x.roll(1),
        "index_select": x.index_select(0, t.tensor([0, 1])),
        "where": t.where(x > -1, x, 0.0),
    }
    for name, v in copies.items():
        yield name, shares(x, v)


@case
def strides(t):
    x = counting(t, 2, 3, 4)
    for v in (x, x.permute(2, 0, 1), x[:, 1:], x[..., ::2], x[0], x.swapaxes(0, 1)):
        yield v.stride(), v.shape, v.is_contiguous()
    yield x.stride(1), x.stride(-1), x.dim(), x.ndim
    yield x.expand(2, 3, 4).stride(), x[:, :1].expand(2, 3, 4).stride()


@case
def contiguity(t):
    x = counting(t, 2, 3)
    y = x.t()
    yield x.is_contiguous(), y.is_contiguous(), y.contiguous().is_contiguous(), y.contiguous().stride()
    yield x.contiguous() is x, y.contiguous().tolist() == y.tolist()
    yield x[:, 0].is_contiguous(), x[0].is_contiguous(), x[:1].is_contiguous()


@case
def view_of_other_strides_fails(t):
    x = counting(t, 2, 3)
    yield fails(lambda: x.t().view(6)), x.t().reshape(6), fails(lambda: x.view(4)), fails(lambda: x.reshape(4))
    yield fails(lambda: x.view(-1, -1)), x[:, 1:].unsqueeze(0).view(1, 2, 2)


@case
def sizes(t):
    x = counting(t, 2, 3)
    yield x.size(0), x.size(-1), list(x.size()), list(x.shape), x.numel(), x.dim(), x.nelement(), len(x)
    yield fails(lambda: x.size(5)), t.numel(x)
    yield x.element_size(), x.is_floating_point(), x.long().is_floating_point()


@case
def numpy_shares(t):
    a = np.array([1.0, 2.0, 3.0])
    x = t.from_numpy(a)
    a[0] = 10.0
    x[1] = 20.0
    yield x, a, x.numpy() is not None
    b = x.numpy()
    b[2] = 30.0
    yield x


@case
def tensor_copies(t):
    a = np.array([1.0, 2.0])
    x = t.tensor(a)
    a[0] = 9.0
    yield x
    y = t.as_tensor(a)
    a[1] = 8.0
    yield y


@case
def numpy_of_recorded_fails(t):
    x = leaf(t, [1.0])
    yield fails(x.numpy), fails((x * 2).numpy), (x * 2).detach().numpy(), fails(lambda: np.asarray(x * 2))
    with t.no_grad():
        yield (x * 2).numpy()


@case
def conversion_to_numpy(t):
    x = counting(t, 2, 2)
    yield np.asarray(x), np.array(x), np.asarray(x, dtype="float32"), np.from_dlpack(x).tolist()
    yield t.from_dlpack(np.array([1.0, 2.0])) if hasattr(t, "from_dlpack") else None


@case
def numbers(t):
    x = leaf(t, 3.5)
    yield x.item(), float(x), int(x), bool(x), x.tolist(), (x * 2).item()
    yield t.tensor([[7]]).item(), t.tensor(True).item(), fails(t.tensor([1.0, 2.0]).item)
    yield fails(lambda: bool(t.tensor([1.0, 2.0]))), fails(lambda: float(t.tensor([1.0, 2.0])))
    yield [1, 2, 3][t.tensor(1)], t.tensor([[1, 2], [3, 4]]).tolist(), fails(lambda: [1, 2][t.tensor(1.0)])


@case
def iteration(t):
    x = leaf(t, [[1.0, 2.0], [3.0, 4.0]])
    total = 0
    for row in x:
        for item in row:
            total = total + item**2
    total.backward()
    yield total.detach(), x.grad, len(x), 3.0 in x, 9.0 in x
    yield fails(lambda: len(t.tensor(1.0))), fails(lambda: list(t.tensor(1.0)))


@case
def forms_of_tensor(t):
    yield t.tensor(3), t.tensor(3.0, dtype=t.float64), t.tensor([]), t.tensor([[1, 2], [3, 4]]), t.tensor(True)
    yield t.tensor([1, 2], dtype=t.float32), t.tensor([1.7, -1.7], dtype=t.int64), t.tensor([0, 2], dtype=t.bool)
    yield (
        t.tensor((1.0, 2.0), dtype=t.float64),
        t.tensor(np.float32(1.5)),
        t.tensor(np.arange(3)),
        t.tensor([True, False]),
    )
    yield fails(lambda: t.tensor([[1.0], [1.0, 2.0]])), fails(lambda: t.tensor("text")), fails(lambda: t.tensor(None))


@case
def new_tensors(t):
    yield t.zeros(2, 3), t.ones((2,)), t.full((2, 2), 7.0), t.eye(2), t.arange(4), t.arange(1, 2, 0.25), t.zeros(0)
    yield t.linspace(0, 1, 5), t.zeros(2, dtype=t.int32), t.ones(1, dtype=t.bool), t.full((2,), 3), t.eye(2, 3)
    x = t.ones(2, 3, dtype=t.float32)
    yield t.zeros_like(x), t.ones_like(x, dtype=t.float64), t.full_like(x, 2.5), x.new_zeros(2), x.new_full((1,), 3)
    yield x.new_tensor([1, 2]), x.new_ones(2, dtype=t.int64), t.zeros_like(leaf(t, 1.0)).requires_grad
    yield t.ones(2, requires_grad=True).requires_grad, t.zeros(()).shape, list(t.empty(2, 3).shape)


@case
def element_types(t):
    x = t.tensor([1.5, -2.5], dtype=t.float64)
    yield x.float(), x.double(), x.half().float(), x.int(), x.long(), x.short(), x.bool()
    yield x.to(t.float32), x.to("cpu"), x.type_as(t.ones(1, dtype=t.float32)), x.to(t.ones(1, dtype=t.int32))
    yield x.dtype == t.float64, x.float().dtype == t.float32, x.to(t.float64) is x, t.tensor([1]).dtype == t.int64
    yield str(x.device), x.is_floating_point(), (x > 0).dtype == t.bool


@case
def promotion_of_numbers(t):
    n, f, d = t.tensor([1, 2]), t.tensor([1.0], dtype=t.float32), t.tensor([1.0], dtype=t.float64)
    yield n + 1, f + 1, f * 2.5, f + d, n / 2, n * 2, n // 2, (n > 1) + 1, -n, n**2, f**2, n.sum(), n.double() + f


@case
def expand_and_backward(t):
    x = leaf(t, [[1.0], [2.0]])
    y = x.expand(2, 3)
    (y * counting(t, 2, 3)).sum().backward()
    yield x.grad, y.stride(), y.is_contiguous(), fails(lambda: x.expand(3, 3)), fails(lambda: x.expand(2))


@case
def gradients_through_views(t):
    x = leaf(t, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    y = x.t()[1:].reshape(-1).view(2, 2)[:, 0] * x[0, :2]
    y.sum().backward()
    yield x.grad, x.grad.is_contiguous()


@case
def views_require_grad(t):
    x = leaf(t, [[1.0, 2.0], [3.0, 4.0]])
    v = x[0]
    yield v.requires_grad, v.is_leaf, x.view(-1).is_leaf, v._base is x, x._base is None


@case
def unpickled_and_copied(t):
    import copy
    import pickle

    x = leaf(t, [1.0, 2.0])
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    yield y.detach(), y.requires_grad, y.grad, fails(lambda: copy.deepcopy(x * 2))
    z = pickle.loads(pickle.dumps(x.detach()))
    yield z


@case
def out_of_range(t):
    x = counting(t, 2, 3)
    yield fails(lambda: x[2]), fails(lambda: x[0, 3]), fails(lambda: x[0, 0, 0]), fails(lambda: x[[0, 5]])
    yield fails(lambda: x.sum(dim=2)), fails(lambda: x.permute(0, 0)), fails(lambda: t.cat([x, x[:, :2]]))
    yield (
        fails(lambda: x @ x),
        fails(lambda: x + counting(t, 2, 2)),
        fails(lambda: x.mm(x[0])),
        fails(lambda: x.unsqueeze(4)),
    )
    yield (
        fails(lambda: t.gather(x, 1, t.tensor([[3]]))),
        fails(lambda: t.stack([x, x[0]])),
        fails(lambda: x.narrow(0, 1, 2)),
    )
    yield fails(lambda: t.zeros(2, 3).view(5)), fails(lambda: x.split([1, 2])), fails(lambda: t.dot(x, x))


@case
def emptiness(t):
    x = t.zeros(0, 3, dtype=t.float64, requires_grad=True)
    y = x.sum() + 2 * x.prod()
    y.backward()
    yield y.detach(), x.grad, x.sum(dim=0).detach(), x.mean(dim=1).detach(), fails(x.max)
