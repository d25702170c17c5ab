"""Programs with operations of the user's: contexts, saved tensors, several results, double backward."""

from __future__ import annotations

from .passes import leaf
from .programs import case, fails


@case
def exponential(t):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, i):
            result = i.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad_output):
            (result,) = ctx.saved_tensors
            return grad_output * result

    x = leaf(t, [0.5, 1.0])
    y = Exp.apply(x)
    y.sum().backward()
    yield y, x.grad, y.requires_grad, y.is_leaf, y.grad_fn.name().split("Backward")[0]


@case
def legendre_function(t):
    class LegendrePolynomial3(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 0.5 * (5 * x**3 - 3 * x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * 1.5 * (5 * x**2 - 1)

    p3 = LegendrePolynomial3.apply
    x = t.linspace(-3, 3, 40, dtype=t.float64)
    y = t.sin(x)
    a, b, c, d = leaf(t, 0.0), leaf(t, -1.0), leaf(t, 0.0), leaf(t, 0.3)
    for _ in range(20):
        loss = (a + b * p3(c + d * x) - y).pow(2).sum()
        loss.backward()
        with t.no_grad():
            for w in (a, b, c, d):
                w -= 5e-6 * w.grad
                w.grad = None
    yield loss.item(), a.item(), b.item(), c.item(), d.item()


@case
def arguments_that_are_no_tensors(t):
    class MulConstant(t.autograd.Function):
        @staticmethod
        def forward(ctx, tensor, constant, text=None):
            ctx.constant = constant
            return tensor * constant

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.constant, None, None

    x = leaf(t, [1.0, 2.0])
    MulConstant.apply(x, 5.5, "text").sum().backward()
    yield x.grad


@case
def needs_input_grad(t):
    seen = []

    class Product(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            seen.append(list(ctx.needs_input_grad))
            a, b = ctx.saved_tensors
            return g * b, g * a if ctx.needs_input_grad[1] else None, None

    x, c = leaf(t, 2.0), t.tensor(3.0, dtype=t.float64)
    Product.apply(x, c, 1).backward()
    y = leaf(t, 4.0)
    Product.apply(x, y, 1).backward()
    yield seen, x.grad, y.grad


@case
def straight_through(t):
    class Round(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return t.round(x)

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(t, [0.4, 1.6])
    y = Round.apply(x)
    (y * 3).sum().backward()
    yield y, x.grad


@case
def gradient_reversal(t):
    class Reverse(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.scale = scale
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g.neg() * ctx.scale, None

    x = leaf(t, [1.0, 2.0])
    (Reverse.apply(x, 0.5) ** 2).sum().backward()
    yield x.grad


@case
def two_results(t):
    class SinCos(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s, c = x.sin(), x.cos()
            ctx.save_for_backward(s, c)
            return s, c

        @staticmethod
        def backward(ctx, gs, gc):
            s, c = ctx.saved_tensors
            return gs * c - gc * s

    x = leaf(t, [0.5, 1.0])
    s, c = SinCos.apply(x)
    (s * 2 + c).sum().backward()
    yield x.grad
    x.grad = None
    s, c = SinCos.apply(x)
    s.sum().backward()
    yield x.grad


@case
def materialized_gradients(t):
    seen = []

    class Two(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, materialize):
            ctx.set_materialize_grads(materialize)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            seen.append([a is None, b is None])
            return (0 if a is None else a) + (0 if b is None else 2 * b), None

    x = leaf(t, [1.0, 2.0])
    Two.apply(x, True)[1].sum().backward()
    Two.apply(x, False)[1].sum().backward()
    yield seen, x.grad


@case
def non_differentiable_results(t):
    class Sorted(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            index = x.argmax()
            ctx.mark_non_differentiable(index)
            ctx.save_for_backward(index)
            return x.max() * 1, index

        @staticmethod
        def backward(ctx, g, _):
            (index,) = ctx.saved_tensors
            out = t.zeros(3, dtype=t.float64)
            out[index] = g
            return out

    x = leaf(t, [1.0, 5.0, 2.0])
    value, index = Sorted.apply(x)
    value.backward()
    yield value.requires_grad, index.requires_grad, index, x.grad


@case
def with_setup_context(t):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(x):
            return x**3, 3 * x**2

        @staticmethod
        def setup_context(ctx, inputs, output):
            (x,) = inputs
            _, slope = output
            ctx.mark_non_differentiable(slope)
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, g, _):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    x = leaf(t, 2.0)
    y, slope = Cube.apply(x)
    (g,) = t.autograd.grad(y, x, create_graph=True)
    yield y, slope, g.detach(), t.autograd.grad(g, x)


@case
def double_backward(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = leaf(t, [3.0, -1.0])
    y = Square.apply(x).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    (h,) = t.autograd.grad(g.pow(2).sum(), x)
    yield g.detach(), h


@case
def double_backward_of_a_saved_result(t):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = t.exp(x)
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, g):
            (result,) = ctx.saved_tensors
            return g * result

    x = leaf(t, 1.5)
    y = Exp.apply(x)
    for _ in range(3):
        (y,) = t.autograd.grad(y, x, create_graph=True)
        yield y.item()


@case
def intermediate_as_a_result(t):
    class Sinh(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            a, b = t.exp(x), t.exp(-x)
            ctx.save_for_backward(a, b)
            return (a - b) / 2, a, b

        @staticmethod
        def backward(ctx, g, ga, gb):
            a, b = ctx.saved_tensors
            return g * (a + b) / 2 + ga * a - gb * b

    x = leaf(t, [0.5, 1.0])
    y, _, _ = Sinh.apply(x)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    yield g.detach(), t.autograd.grad(g.sum(), x)


@case
def functions_in_a_chain(t):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(t, 1.5)
    y = x
    for _ in range(5):
        y = Double.apply(y) * x
    y.backward()
    yield x.grad


@case
def operations_in_forward_are_not_recorded(t):
    seen = []

    class Seen(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append([t.is_grad_enabled(), (x * 2).requires_grad])
            return x * 2

        @staticmethod
        def backward(ctx, g):
            seen.append(t.is_grad_enabled())
            return g * 7

    x = leaf(t, 1.0)
    Seen.apply(x).backward()
    yield seen, x.grad


@case
def backward_under_create_graph_is_recorded(t):
    seen = []

    class Seen(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            seen.append(t.is_grad_enabled())
            return g * 2

    x = leaf(t, 1.0)
    t.autograd.grad(Seen.apply(x), x, create_graph=True)
    t.autograd.grad(Seen.apply(x), x)
    yield seen


@case
def wrong_numbers_of_gradients(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, count):
            ctx.count = count
            return x * y

        @staticmethod
        def backward(ctx, g):
            return (g,) * ctx.count

    def run(count):
        Wrong.apply(leaf(t, 1.0), leaf(t, 2.0), count).backward()

    yield fails(lambda: run(1)), fails(lambda: run(2))


@case
def wrong_shape_of_a_gradient(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g.new_ones(5)

    yield fails(lambda: Wrong.apply(leaf(t, [1.0, 2.0])).sum().backward())


@case
def gradient_that_broadcast_is_summed(t):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, s):
            ctx.save_for_backward(x, s)
            return x * s

        @staticmethod
        def backward(ctx, g):
            x, s = ctx.saved_tensors
            return g * s, (g * x).sum()

    x, s = leaf(t, [1.0, 2.0, 3.0]), leaf(t, 2.0)
    Scale.apply(x, s).sum().backward()
    yield x.grad, s.grad


@case
def none_for_an_argument(t):
    class OnlyFirst(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    a, b = leaf(t, 1.0), leaf(t, 2.0)
    OnlyFirst.apply(a, b).backward()
    yield a.grad, b.grad
    c = leaf(t, 3.0)
    OnlyFirst.apply(a, c * c).backward()
    yield a.grad, c.grad


@case
def saved_argument_changed(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(t, [1.0, 2.0])
    h = x * 1
    y = Square.apply(h)
    h += 1
    yield fails(y.sum().backward)


@case
def released_saved_tensors(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(t, [1.0, 2.0])
    y = Square.apply(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    yield x.grad, fails(y.backward)


@case
def without_apply_fails(t):
    class Nothing(t.autograd.Function):
        pass

    yield fails(lambda: Nothing.apply(leaf(t, 1.0)))


@case
def result_in_no_grad(t):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(t, 1.0)
    with t.no_grad():
        yield Double.apply(x).requires_grad
    yield Double.apply(t.tensor(1.0, dtype=t.float64)).requires_grad


@case
def once_differentiable(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @t.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(t, 3.0)
    yield t.autograd.grad(Square.apply(x), x)
    (g,) = t.autograd.grad(Square.apply(x), x, create_graph=True)
    yield g.detach(), g.requires_grad, fails(g.backward)
    (g,) = t.autograd.grad(Square.apply(x) * x, x, create_graph=True)
    yield g.detach(), g.requires_grad, fails(g.backward)
