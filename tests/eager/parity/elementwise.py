"""Formulas of single items: elementary functions, corner cases of their derivatives, choices."""

from __future__ import annotations

from math import inf, nan

from .programs import pure

REAL = [-2.5, -1.0, -0.25, 0.5, 1.25, 3.0]
SIGNED = [-2.0, -1.0, 0.0, 1.0, 2.0]
POSITIVE = [0.25, 0.5, 1.0, 2.5, 7.0]
UNIT = [-0.9, -0.3, 0.2, 0.75]
MATRIX = [[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]]
OTHER = [[1.5, 2.0, -0.5], [-1.0, 3.0, 0.5]]

for name in (
    "exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "asinh", "erf", "erfc", "sigmoid",
    "square", "neg", "reciprocal", "abs", "sign", "floor", "ceil", "trunc", "frac", "round", "relu", "isnan",
):  # fmt: skip
    pure(name, lambda t, x, name=name: getattr(t, name)(x), REAL, orders=0 if name == "isnan" else 2)
for name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "lgamma", "digamma"):
    pure(name, lambda t, x, name=name: getattr(t, name)(x), POSITIVE, orders=1 if name == "digamma" else 2)
for name in ("asin", "acos", "atanh", "arcsin", "arctan"):
    pure(name, lambda t, x, name=name: getattr(t, name)(x), UNIT)
pure("acosh", lambda t, x: t.acosh(x), [1.5, 2.0, 9.0])
pure("logit", lambda t, x: t.logit(x), [0.1, 0.5, 0.8])
for name in ("exp", "log1p", "sqrt", "sigmoid", "tanh", "relu", "rsqrt", "square", "reciprocal", "abs", "floor"):
    pure(f"method_{name}", lambda t, x, name=name: getattr(x, name)(), POSITIVE)

# derivatives where they are not obvious
pure("abs_at_zero", lambda t, x: x.abs(), SIGNED)
pure("sign_at_zero", lambda t, x: t.sign(x) * x, SIGNED)
pure("relu_at_zero", lambda t, x: t.relu(x), SIGNED)
pure("sqrt_at_zero", lambda t, x: t.sqrt(x), [0.0, 1.0, 4.0], orders=1)
pure("log_at_zero", lambda t, x: t.log(x), [0.0, 1.0], orders=1)
pure("log_of_negative", lambda t, x: t.log(x), [-1.0, 1.0])
pure("sqrt_of_negative", lambda t, x: t.sqrt(x), [-1.0, 1.0])
pure("reciprocal_at_zero", lambda t, x: 1 / x, [0.0, -0.0, 2.0], orders=1)
pure("division_of_zero", lambda t, x, y: x / y, [0.0, 1.0, -1.0], [0.0, 0.0, 2.0], orders=1)
pure("xlogy", lambda t, x, y: t.xlogy(x, y), [0.0, 1.0, 2.0], [0.5, 2.0, 3.0], orders=1)
pure("asin_at_one", lambda t, x: t.asin(x), [-1.0, 0.0, 1.0], orders=1)
pure("saturated_sigmoid", lambda t, x: t.sigmoid(x), [-800.0, -30.0, 30.0, 800.0])
pure("saturated_tanh", lambda t, x: t.tanh(x), [-400.0, -20.0, 0.0, 20.0, 400.0])
pure("exp_overflow", lambda t, x: t.exp(x), [-800.0, 0.0, 800.0])
pure("nan_and_infinity", lambda t, x: x * 2 + 1 / x, [nan, inf, -inf, 1.0])
pure("nan_through_relu", lambda t, x: t.relu(x), [nan, -1.0, 1.0])
pure("nan_through_maximum", lambda t, x, y: t.maximum(x, y), [nan, 1.0, 2.0], [1.0, nan, 1.0], orders=1)
pure("fmax_of_nan", lambda t, x, y: t.fmax(x, y), [nan, 1.0, 2.0], [1.0, nan, 1.0])

# powers
for exponent in (0, 1, 2, 3, -1, -2, 0.5, 1.5, -0.5):
    pure(f"power_{exponent}", lambda t, x, e=exponent: x**e, POSITIVE)
for exponent in (0, 1, 2, 3):
    pure(f"power_{exponent}_at_zero", lambda t, x, e=exponent: x**e, SIGNED)
pure("power_half_at_zero", lambda t, x: x**0.5, [0.0, 4.0], orders=1)
pure("power_of_negative", lambda t, x: x**1.5, [-2.0, 2.0], orders=1)
pure("power_of_tensors", lambda t, x, y: x**y, POSITIVE, [2.0, -1.0, 0.0, 0.5, 1.5])
pure("power_of_zero", lambda t, x, y: x**y, [0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 0.0], orders=1)
pure("power_of_number", lambda t, x: 2.0**x, REAL)
pure("power_of_zero_number", lambda t, x: 0.0**x, [0.0, 1.0, 2.0], orders=1)
pure("pow_method", lambda t, x: x.pow(3).pow(2), UNIT)
pure("pow_function", lambda t, x: t.pow(x, 2.5), POSITIVE)
pure("float_power", lambda t, x: t.float_power(x, 3), POSITIVE)

# two operands
for name in ("add", "sub", "mul", "div", "maximum", "minimum", "atan2", "hypot", "fmax", "fmin", "logaddexp"):
    pure(f"two_{name}", lambda t, x, y, name=name: getattr(t, name)(x, y), MATRIX, OTHER)
    pure(f"broadcast_{name}", lambda t, x, y, name=name: getattr(t, name)(x, y), MATRIX, [0.75, -1.25, 2.5])
pure("column_times_row", lambda t, x, y: x * y, [[1.0], [2.0]], [3.0, 4.0, 5.0])
pure("scalar_times_matrix", lambda t, x, y: x * y - x, 2.0, MATRIX)
pure("remainder", lambda t, x, y: t.remainder(x, y), [5.5, -5.5, 7.0], [2.0, 2.0, -3.0], orders=1)
pure("modulo_operator", lambda t, x: x % 2, [5.5, -5.5, 7.0], orders=1)
pure("fmod", lambda t, x, y: t.fmod(x, y), [5.5, -5.5, 7.0], [2.0, 2.0, -3.0], orders=1)
pure("floor_division", lambda t, x: x // 2, [5.5, -5.5, 7.0], orders=0)
pure("div_floor", lambda t, x: t.div(x, 2, rounding_mode="floor"), [5.5, -5.5], orders=1)
pure("div_trunc", lambda t, x: t.div(x, 2, rounding_mode="trunc"), [5.5, -5.5], orders=1)
pure("add_alpha", lambda t, x, y: t.add(x, y, alpha=3) - t.sub(x, y, alpha=0.5), MATRIX, OTHER)
pure("addcmul", lambda t, x, y: t.addcmul(x, y, x, value=0.5), MATRIX, OTHER)
pure("addcdiv", lambda t, x, y: t.addcdiv(x, x, y, value=2.0), MATRIX, OTHER)
pure("lerp", lambda t, x, y: t.lerp(x, y, 0.25), MATRIX, OTHER)
pure("copysign", lambda t, x, y: t.copysign(x, y), MATRIX, OTHER, orders=1)
pure("reversed_operators", lambda t, x: (2 - x) + 3 / x + (1 + x) * 4, POSITIVE)
pure("x_times_x", lambda t, x: x * x + x - x, SIGNED)

# ties
pure("maximum_ties", lambda t, x, y: t.maximum(x, y), [1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
pure("minimum_ties", lambda t, x, y: t.minimum(x, y), [1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
pure("maximum_with_itself", lambda t, x: t.maximum(x, x), SIGNED)
pure("fmax_ties", lambda t, x, y: t.fmax(x, y), [1.0, 2.0], [1.0, 1.0], orders=1)
pure("max_of_two", lambda t, x, y: t.max(x, y), [1.0, 2.0, 3.0], [1.0, 3.0, 2.0])

# bounds
pure("clamp", lambda t, x: t.clamp(x, -1.0, 1.0), SIGNED)
pure("clamp_min", lambda t, x: x.clamp(min=0.0), SIGNED)
pure("clamp_max", lambda t, x: x.clamp(max=1.0), SIGNED)
pure("clamp_crossed", lambda t, x: t.clamp(x, 1.0, -1.0), SIGNED)
pure("clamp_by_tensors", lambda t, x, y: t.clamp(x, y, y + 1), SIGNED, [-3.0, -1.0, 0.5, 0.0, 0.0])
pure("clip_method", lambda t, x: x.clip(-1, 1) * x, SIGNED)
pure("clamp_nan", lambda t, x: t.clamp(x, -1.0, 1.0), [nan, inf, -inf, 0.0], orders=0)
pure("clamp_of_products", lambda t, x: (x * x).clamp(0.5, 3.0).log(), SIGNED)

# choices
pure("where", lambda t, x, y: t.where(x > 0, x, y), SIGNED, [5.0, 4.0, 3.0, 2.0, 1.0])
pure("where_number", lambda t, x: t.where(x > 0, x * x, -1.0), SIGNED)
pure("where_broadcast", lambda t, x, y: t.where(x > 0.3, x, y), MATRIX, [9.0, 8.0, 7.0])
pure("where_condition_of_rows", lambda t, x, y: t.where(y > 0, x, 0.0), MATRIX, [1.0, -1.0, 1.0])
pure("where_method", lambda t, x, y: x.where(x < 1, y), SIGNED, [5.0, 4.0, 3.0, 2.0, 1.0])
pure("where_hides_nan", lambda t, x: t.where(x > 0, t.sqrt(x), x), SIGNED, compiled=False, orders=1)
pure("masked_fill", lambda t, x: x.masked_fill(x < 0, -7.0) * x, SIGNED)
pure("masked_fill_row", lambda t, x, y: t.masked_fill(x, y > 0, 2.5), MATRIX, [1.0, -1.0, 0.0])
pure("heaviside_like", lambda t, x: (x > 0).double() * x, SIGNED)
pure("comparisons", lambda t, x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y), SIGNED, SIGNED[::-1], orders=0)
pure("logic", lambda t, x: (t.logical_and(x > 0, x < 2), t.logical_not(x), ~(x > 0) | (x > 1)), SIGNED, orders=0)
pure("tests", lambda t, x: (t.isnan(x), t.isinf(x), t.isfinite(x)), [nan, inf, 1.0], orders=0)
pure("isclose", lambda t, x, y: (t.isclose(x, y), t.isposinf(x)), [1.0, nan, 2.0], [1.0 + 1e-9, nan, 2.1], orders=0)
pure("nan_to_num", lambda t, x: t.nan_to_num(x, 0.0), [nan, inf, -inf, 1.0], orders=0)
pure("integers", lambda t, x: (x.long() // 2, x.long() % 3, -x.long(), x.long() * 2), [-5.0, 4.0, 7.0], orders=0)
pure("integer_division", lambda t, x: x.long() / 2, [-5.0, 4.0, 7.0], orders=0)
pure("casts", lambda t, x: (x.float(), x.long(), x.int(), x.bool(), x.double()), [-1.5, 0.0, 2.5], orders=0)
pure("cast_and_back", lambda t, x: (x.float() * 2).double(), [0.5, 1.5], orders=1)
pure("round_decimals", lambda t, x: t.round(x, decimals=1), [0.26, -1.34, 2.0], orders=1)
pure("detached_factor", lambda t, x: x.detach() * x, SIGNED)
pure("detached_exponential", lambda t, x: t.exp(x - x.max().detach()), SIGNED)
