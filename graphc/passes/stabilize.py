"""Formulas that overflow or cancel, replaced by equal ones that do not.

These rules change bits on purpose: each says what the first form loses.  Where the first form gives the right infinity
or NaN, so does the second.  One liberty is taken: at -0.0 a result of 0.0 may become -0.0, the limit from below.
"""

from __future__ import annotations

from typing import ClassVar

from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import absolute, add, div, mul, neg, sub
from graphc.ir.ops.logic import eq, maximum, minimum, select
from graphc.ir.ops.maths import erf, erfc, exp, exp2, expm1, log, log1p, log2, sigmoid, sqrt
from graphc.ir.primitive import Primitive
from graphc.passes import stabilize_softmax
from graphc.passes.match import fit, is_float, is_item, item, number, operand
from graphc.passes.rewrite import Result, RewritePass, Rule, RuleSet
from graphc.records import dataclass

rule = RuleSet("stabilize")

_INVERSE: dict[Primitive, Primitive] = {log: exp, log2: exp2, log1p: expm1}
_COMPLEMENT: dict[Primitive, Primitive] = {erf: erfc, erfc: erf}


# ------------------------------------------------------------------------------------------------- log near one


@rule(log, log2, log1p)
def log_of_exp(n: Node) -> Result:
    """log(exp(x)) -> x: exp overflows above 709, and is 0 below -745"""
    return operand(n.inputs[0], _INVERSE[n.op])


@rule(log)
def log_of_one_plus(n: Node) -> Result:
    """log(1 + x) -> log1p(x): 1 + x drops the digits of a small x"""
    x = _plus(n.inputs[0], 1)
    return None if x is None else fit(log1p(x), n)


@rule(add, sub)
def exp_minus_one(n: Node) -> Result:
    """exp(x) - 1 -> expm1(x): near 0 the difference cancels"""
    e = _plus(n.out, -1)
    x = operand(e, exp) if e else None
    return None if x is None else fit(expm1(x), n)


@rule(sub)
def one_minus_exp(n: Node) -> Result:
    """1 - exp(x) -> 0 - expm1(x): near 0 the difference cancels"""
    x = _complemented(n, exp)
    return None if x is None else fit(sub(number(0.0, x), expm1(x)), n)


def _plus(v: Value, constant: float) -> Value | None:
    """x where v is x + constant, written in any way."""
    if v.op not in (add, sub):
        return None
    x, y = v.node.inputs
    if v.op is sub:
        if is_item(x, constant):
            return neg(y)  # type: ignore[no-any-return]
        return x if is_item(y, -constant) else None
    return x if is_item(y, constant) else y if is_item(x, constant) else None


def _complemented(n: Node, op: Primitive) -> Value | None:
    """x where n is 1 - op(x)."""
    return operand(n.inputs[1], op) if is_item(n.inputs[0], 1) else None


# ------------------------------------------------------------------------------------------ sigmoid and softplus


@rule(sub)
def one_minus_sigmoid(n: Node) -> Result:
    """1 - sigmoid(x) -> sigmoid(-x): for large x the difference cancels"""
    x = _complemented(n, sigmoid)
    return None if x is None else fit(sigmoid(neg(x)), n)


@rule(div)
def quotient_to_sigmoid(n: Node) -> Result:
    """1 / (1 + exp(x)) -> sigmoid(-x), exp(x) / (1 + exp(x)) -> sigmoid(x): exp overflows, then inf / inf"""
    top, e = n.inputs[0], _plus(n.inputs[1], 1)
    x = operand(e, exp) if e else None
    if x is None:
        return None
    if is_item(top, 1):
        return fit(sigmoid(neg(x)), n)
    return fit(sigmoid(x), n) if top == e else None


@rule(mul)
def gradient_of_sigmoid(n: Node) -> Result:
    """g * -(s / (1 + e)) * e, e = exp(x), s = 1 / (1 + e) -> -(g * s * sigmoid(x)): e overflows, then 0 * inf"""
    for product, e in (n.inputs, n.inputs[::-1]):
        if e.op is exp and product.op is mul:
            for g, w in (product.node.inputs, product.node.inputs[::-1]):
                s = _share_of_one(w, e)
                if s is not None:
                    return fit(neg(mul(g, mul(s, sigmoid(e.node.inputs[0])))), n)
    return None


def _share_of_one(w: Value, e: Value) -> Value | None:
    """s where w is -(s / (1 + e)) and s is 1 / (1 + e)."""
    quotient = operand(w, neg)
    if quotient is None or quotient.op is not div:
        return None
    s, total = quotient.node.inputs
    return s if _plus(total, 1) == e and s == sigmoid(neg(e.node.inputs[0])) else None


@rule(log1p)
def softplus(n: Node) -> Result:
    """log1p(exp(x)) -> max(x, 0) + log1p(exp(-|x|)): exp overflows where the result is x"""
    x = operand(n.inputs[0], exp)
    if x is None or _is_negative_magnitude(x):
        return None
    return add(maximum(x, number(0, x)), _log1p_exp_minus(absolute(x)))


@rule(log)
def log_of_sigmoid(n: Node) -> Result:
    """log(sigmoid(x)) -> min(x, 0) - log1p(exp(-|x|)): sigmoid is 0 below -745, and rounds to 1 above 37"""
    x = operand(n.inputs[0], sigmoid)
    return None if x is None else _log_sigmoid(x)


@rule(log1p)
def log_of_one_minus_sigmoid(n: Node) -> Result:
    """log1p(-sigmoid(x)) -> log(sigmoid(-x)), as above"""
    s = operand(n.inputs[0], neg)
    x = operand(s, sigmoid) if s else None
    return None if x is None else _log_sigmoid(neg(x))


@rule(log)
def log_of_two_exps(n: Node) -> Result:
    """log(exp(x) + exp(y)) -> max(x, y) + log1p(exp(-|x - y|)): either exp can overflow"""
    total = n.inputs[0]
    if total.op is not add:
        return None
    x, y = (operand(v, exp) for v in total.node.inputs)
    if x is None or y is None:
        return None
    gap = select(eq(x, y), number(0, x), absolute(sub(x, y)))  # of equal infinities the gap is 0
    return add(maximum(x, y), _log1p_exp_minus(gap))


def _log_sigmoid(x: Value) -> Result:
    return sub(minimum(x, number(0, x)), _log1p_exp_minus(absolute(x)))


def _log1p_exp_minus(magnitude: Value) -> Result:
    return log1p(exp(neg(magnitude)))


def _is_negative_magnitude(x: Value) -> bool:
    """-|x| or -select(...), as the rules above make it: exp of it cannot overflow."""
    y = operand(x, neg)
    return y is not None and y.op in (absolute, select)


# -------------------------------------------------------------------------------------------- other functions


@rule(sub)
def error_function_complement(n: Node) -> Result:
    """1 - erf(x) -> erfc(x), 1 - erfc(x) -> erf(x): the difference cancels where the result is small"""
    for op, other in _COMPLEMENT.items():
        x = _complemented(n, op)
        if x is not None:
            return fit(other(x), n)
    return None


@rule(sqrt)
def root_of_square(n: Node) -> Result:
    """sqrt(x * x) -> |x|: the square overflows above 1e154 (f32: 1e19), and is 0 below 1e-162"""
    square = n.inputs[0]
    if square.op is not mul or square.node.inputs[0] != square.node.inputs[1]:
        return None
    return absolute(square.node.inputs[0])


@rule(mul)
def product_with_reciprocal(n: Node) -> Result:
    """x * (1 / y) -> x / y unless x is made of 1 / y: one rounding in place of two, and 1 / y may overflow"""
    for x, r in (n.inputs, n.inputs[::-1]):
        shared = r in (x, *x.node.inputs)
        if r.op is div and is_item(r.node.inputs[0], 1) and r.shape == n.types[0].shape and item(x) is None:
            return None if shared else fit(div(x, r.node.inputs[1]), n)
    return None


# ------------------------------------------------------------------------------------------------ cancellation

_FACTORS = 8
_POSITIVE = (exp, sigmoid)


@dataclass
class _Product:
    """A product of factors over a product of factors, up to its sign."""

    over: list[Value]
    under: list[Value]
    negative: bool = False

    @staticmethod
    def of(n: Node) -> _Product:
        """Take multiplications, divisions and signs apart, down to at most `_FACTORS` factors."""
        product = _Product([], [])
        pending = [(n.out, False)]
        while pending:
            v, inverse = pending.pop()
            room = len(product.over) + len(product.under) + len(pending) + 2 <= _FACTORS
            if v.op is neg:
                product.negative = not product.negative
                pending.append((v.node.inputs[0], inverse))
            elif v.op in (mul, div) and room:
                x, y = v.node.inputs
                pending += [(y, inverse ^ (v.op is div)), (x, inverse)]
            else:
                (product.under if inverse else product.over).append(v)
        return product

    def value(self, like: Value) -> Value:
        total = self.over[0] if self.over else number(1, like)
        for x in self.over[1:]:
            total = mul(total, x)
        for y in self.under:
            total = div(total, y)
        return neg(total) if self.negative else total


@rule(mul, div)
def cancel_positive_factor(n: Node) -> Result:
    """(x / exp(y)) * exp(y) -> x, and the same with sigmoid: the factor may be 0 or overflow, then 0 / 0"""
    if not is_float(n.out):
        return None
    product = _Product.of(n)
    common = next((v for v in product.under if v.op in _POSITIVE and v in product.over), None)
    if common is None:
        return None
    product.over.remove(common)
    product.under.remove(common)
    return fit(product.value(common), n)


@dataclass(frozen=True)
class Stabilize(RewritePass):
    """Replace formulas that overflow or cancel by equal ones that do not."""

    name: ClassVar[str] = "stabilize"
    rules: tuple[Rule, ...] = (*stabilize_softmax.rule, *rule)
