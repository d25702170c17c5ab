"""Sums of exponentials: subtract the maximum first, which leaves log-sum-exp, softmax and their gradients as they are.

exp(x) overflows above 709 (f32: 88); exp(x - max(x)) is at most 1, and is 1 somewhere.  The maximum is taken as 0 where
it is infinite or NaN, so that inf - inf never arises and those values come through as before.
"""

from __future__ import annotations

import numpy as np

from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import absolute, add, div, mul, neg, sub
from graphc.ir.ops.logic import lt, select
from graphc.ir.ops.maths import exp, log
from graphc.ir.ops.reduce import Axes, amax, restore, sum_
from graphc.ir.ops.shape import expand, permute, reshape
from graphc.passes.match import fit, number, operand
from graphc.passes.rewrite import Result, RuleSet
from graphc.records import dataclass

rule = RuleSet("stabilize")

_VIEWS = (reshape, expand, permute)


@rule(log)
def log_sum_exp(n: Node) -> Result:
    """log(sum(exp(x))) -> m + log(sum(exp(x - m))), m = max(x): exp overflows"""
    found = _Exponentials.find(n.inputs[0])
    return found and found.seen(add(found.top, log(found.total)))


@rule(div)
def softmax(n: Node) -> Result:
    """exp(x) / sum(exp(x)) -> exp(x - m) / sum(exp(x - m)), m = max(x): exp overflows, then inf / inf"""
    found = _Exponentials.find(n.inputs[1])
    if found is None or found.plain != n.inputs[0]:
        return None
    return fit(div(found.shifted, found.seen(found.total)), n)


@rule(mul)
def softmax_of_gradient(n: Node) -> Result:
    """(g / sum(exp(x))) * exp(x), the gradient of log(sum(exp(x))) -> the same with x - m, m = max(x)"""
    for quotient, e in (n.inputs, n.inputs[::-1]):
        views, q = _peel(quotient)
        found = _Exponentials.find(q.node.inputs[1]) if q.op is div else None
        if found and found.plain == e:
            scaled = div(q.node.inputs[0], found.seen(found.total))
            return fit(mul(_replay(views, scaled), found.shifted), n)
    return None


@rule(mul)
def gradient_of_softmax(n: Node) -> Result:
    """(g / s - sum(g * q / s)) * e, e = exp(x), s = sum(e), q = e / s -> (g - sum(g * q)) * q: e and s overflow

    Besides, q is all that is kept for the gradient.
    """
    for outer, e in (n.inputs, n.inputs[::-1]):
        if e.op is exp and outer.op is add:
            for scaled, total in (outer.node.inputs, outer.node.inputs[::-1]):
                found = _Cotangent.find(total, e)
                if found and scaled in found.scaled():
                    return fit(mul(sub(found.g, found.mean()), found.q), n)
    return None


@rule(log)
def log_of_quotient(n: Node) -> Result:
    """log(exp(x) / s) -> x - log(s): the quotient is 0 where x is far below log(s)"""
    quotient = n.inputs[0]
    x = operand(quotient.node.inputs[0], exp) if quotient.op is div else None
    return None if x is None else fit(sub(x, log(quotient.node.inputs[1])), n)


@dataclass(frozen=True)
class _Exponentials:
    """Views of sum(exp(x)): `plain` is exp(x), `shifted` is exp(x - m), `total` its sum, `top` is m."""

    plain: Value
    shifted: Value
    total: Value
    top: Value
    views: tuple[Node, ...]

    @staticmethod
    def find(v: Value) -> _Exponentials | None:
        """Recognise it, unless x has been shifted already or there may be nothing to take the maximum of."""
        views, total = _peel(v)
        x = operand(total.node.inputs[0], exp) if total.op is sum_ else None
        if x is None or _is_shifted(x):
            return None
        axes: Axes = total.node.attrs["axes"]
        if not all(isinstance(x.shape[a], int) and x.shape[a] != 0 for a in axes):
            return None
        top = _finite(amax(x, axes=axes))
        shifted = exp(sub(x, restore(top, x.shape, axes)))
        return _Exponentials(total.node.inputs[0], shifted, sum_(shifted, axes=axes), top, views)

    def seen(self, v: Value) -> Value:
        return _replay(self.views, v)


@dataclass(frozen=True)
class _Cotangent:
    """g of q = e / s; `views` lead from a sum over the axes of s to what meets e."""

    g: Value
    q: Value
    s: Value
    views: tuple[Node, ...]

    @staticmethod
    def find(total: Value, e: Value) -> _Cotangent | None:
        """What -sum(g * q / s) is made of, with q as `softmax` leaves it."""
        views, dot = _peel(total)
        if dot.op is not sum_:
            return None
        product = dot.node.inputs[0]
        if product.op is not mul or product.shape != e.shape:
            return None
        for g, w in (product.node.inputs, product.node.inputs[::-1]):
            quotient = operand(w, neg)
            if quotient and quotient.op is div:
                q, s = quotient.node.inputs
                if s == _replay(views, sum_(e, **dot.node.attrs)) and q == _quotient(e, s):
                    return _Cotangent(g, q, s, views)
        return None

    def scaled(self) -> tuple[Value, Value]:
        """g / s as the rule of a division writes it."""
        inverse = div(number(1, self.s), self.s)
        return mul(self.g, inverse), mul(inverse, self.g)

    def mean(self) -> Value:
        """sum(g * q)"""
        axes = _peel(self.s)[1].node.attrs["axes"]
        return _replay(self.views, sum_(mul(self.g, self.q), axes=axes))


def _quotient(e: Value, s: Value) -> Value:
    """e / s without an overflow."""
    found = _Exponentials.find(s)
    quotient: Value = div(e, s) if found is None else div(found.shifted, found.seen(found.total))
    return quotient


def _finite(m: Value) -> Value:
    """m, but 0 where it is infinite or NaN."""
    finite: Value = select(lt(absolute(m), number(np.inf, m)), m, number(0, m))
    return finite


def _is_shifted(x: Value) -> bool:
    """Whether x is y minus some maximum, made finite or not."""
    if x.op is not sub:
        return False
    m = _peel(x.node.inputs[1])[1]
    return m.op is amax or (m.op is select and m.node.inputs[1].op is amax)


def _peel(v: Value) -> tuple[tuple[Node, ...], Value]:
    """The views on top of a value, outermost first, and the value."""
    views = []
    while v.op in _VIEWS:
        views.append(v.node)
        v = v.node.inputs[0]
    return tuple(views), v


def _replay(views: tuple[Node, ...], v: Value) -> Value:
    """The same views of another value."""
    for node in reversed(views):
        v = node.op(v, **node.attrs)
    return v
