"""Formulas over axes: sums, moments, norms, extremes with ties, softmax."""

from __future__ import annotations

from math import inf, nan

from .programs import pure

VECTOR = [0.5, -1.5, 2.0, 3.25]
MATRIX = [[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]]
CUBE = [[[1.0, 2.0], [3.0, -4.0]], [[0.5, -0.25], [1.5, 2.5]]]
TIES = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, -1.0, 5.0]]

for name in ("sum", "mean", "prod", "var", "std", "logsumexp", "amax", "amin", "norm"):
    for dims in (0, 1, -1):
        pure(f"{name}_along_{dims}", lambda t, x, n=name, d=dims: getattr(t, n)(x, dim=d), MATRIX)
    pure(f"{name}_kept", lambda t, x, n=name: getattr(t, n)(x, dim=1, keepdim=True) * x, MATRIX)
for name in ("sum", "mean", "var", "std", "logsumexp", "amax", "amin"):
    pure(f"{name}_of_two_axes", lambda t, x, n=name: getattr(t, n)(x, dim=(0, 2)), CUBE)
for name in ("sum", "mean", "prod", "var", "std", "max", "min", "norm"):
    pure(f"{name}_of_all", lambda t, x, n=name: getattr(t, n)(x), MATRIX)
for name in ("sum", "mean", "prod", "max", "min", "norm"):
    pure(f"method_{name}_of_all", lambda t, x, n=name: getattr(x, n)(), MATRIX)

pure("sum_method_dim", lambda t, x: x.sum(dim=0) * x.mean(dim=1, keepdim=True), MATRIX)
pure("sum_positional", lambda t, x: x.sum(0) + x.mean(0), MATRIX)
pure("sum_of_no_axes", lambda t, x: t.sum(x, dim=()), MATRIX)
pure("std_keywords", lambda t, x: x.std(dim=0, unbiased=False) + x.var(dim=0, correction=0), MATRIX)
pure("var_unbiased", lambda t, x: t.var(x, unbiased=True) + t.var(x, unbiased=False), MATRIX)
pure("var_correction", lambda t, x: t.var(x, dim=1, correction=2), MATRIX)
pure("std_of_equals", lambda t, x: t.std(x), [2.0, 2.0, 2.0], orders=1)
pure("var_of_one", lambda t, x: t.var(x, unbiased=False), [2.0])
pure("std_mean", lambda t, x: t.std_mean(x, dim=1), MATRIX)
pure("var_mean", lambda t, x: t.var_mean(x, dim=0), MATRIX)
pure("standardised", lambda t, x: (x - x.mean(dim=0)) / (t.std(x, dim=0) + 1e-5), MATRIX)

# products with zeros
pure("prod_with_zero", lambda t, x: x.prod(), [2.0, 0.0, 3.0, -1.0])
pure("prod_with_two_zeros", lambda t, x: x.prod(), [2.0, 0.0, 3.0, 0.0])
pure("prod_rows_with_zeros", lambda t, x: t.prod(x, dim=1), [[1.0, 2.0, 0.0], [0.0, 0.0, 3.0], [2.0, 3.0, 4.0]])

# norms
for p in (1, 2, 3, inf, 0.5):
    pure(f"p_norm_{p}", lambda t, x, p=p: t.norm(x, p), VECTOR)
    pure(f"p_norm_{p}_rows", lambda t, x, p=p: t.norm(x, p, dim=1), MATRIX)
pure("norm_zero", lambda t, x: t.norm(x, 0), [0.0, 1.0, 2.0], orders=0)
pure("norm_at_zero", lambda t, x: t.norm(x), [0.0, 0.0], orders=1)
pure("norm_row_at_zero", lambda t, x: t.norm(x, dim=1), [[0.0, 0.0], [3.0, 4.0]], orders=1)
pure("norm_1_at_zero", lambda t, x: t.norm(x, 1), [0.0, -2.0], orders=1)
pure("norm_3_at_zero", lambda t, x: t.norm(x, 3), [0.0, 0.0], orders=1)
pure("norm_inf_ties", lambda t, x: t.norm(x, inf), [2.0, -2.0, 1.0], orders=1)
pure("norm_fro", lambda t, x: t.norm(x, "fro"), MATRIX)
pure("normalized", lambda t, x: x / x.norm(dim=1, keepdim=True), MATRIX)

# extremes
pure("max_of_all_ties", lambda t, x: t.max(x), TIES, orders=1)
pure("min_of_all_ties", lambda t, x: x.min(), [[1.0, 1.0], [1.0, 2.0]], orders=1)
pure("amax_ties", lambda t, x: t.amax(x, dim=1), TIES)
pure("amin_ties", lambda t, x: t.amin(x, dim=0), TIES)
pure("amax_of_all", lambda t, x: t.amax(x), TIES)
pure("max_dim", lambda t, x: t.max(x, 1), TIES)
pure("max_dim_kept", lambda t, x: t.max(x, dim=0, keepdim=True), TIES)
pure("max_method_dim", lambda t, x: x.max(dim=1).values * 2, TIES)
pure("min_dim", lambda t, x: t.min(x, dim=-1)[0], TIES)
pure("max_of_squares", lambda t, x: (x * x).max(dim=1)[0], MATRIX)
pure("max_with_nan", lambda t, x: t.max(x, 1), [[1.0, nan, 2.0], [3.0, 2.0, 1.0]], orders=1)
pure("argmax", lambda t, x: (t.argmax(x), t.argmax(x, dim=1), t.argmin(x, dim=0, keepdim=True)), TIES, orders=0)
pure("argmax_method", lambda t, x: (x.argmax(), x.argmax(dim=1), x.argmin(dim=1)), TIES, orders=0)
pure("aminmax", lambda t, x: tuple(t.aminmax(x, dim=1)), MATRIX)
pure("any_all", lambda t, x: (t.any(x > 2), t.all(x > -2), (x > 0).any(dim=1), (x > 0).all(dim=0)), TIES, orders=0)
pure("count_nonzero", lambda t, x: (t.count_nonzero(x), t.count_nonzero(x, dim=1)), TIES, orders=0)
pure("nansum", lambda t, x: t.nansum(x) + t.nanmean(x), [1.0, nan, 3.0], orders=1)
pure("sum_of_bools", lambda t, x: (x > 0).sum(), TIES, orders=0)
pure("sum_of_nothing", lambda t, x: x.sum() + x.prod(), [])
pure("mean_of_nothing", lambda t, x: x.mean(), [], orders=0)
pure("cumsum", lambda t, x: x.cumsum(0) * x, VECTOR)
pure("cumprod", lambda t, x: x.cumprod(0), VECTOR)
pure("cumprod_with_zero", lambda t, x: x.cumprod(0), [2.0, 0.0, 3.0], orders=1)

# softmax and kin
pure("softmax", lambda t, x: t.softmax(x, dim=1), MATRIX)
pure("softmax_columns", lambda t, x: x.softmax(dim=0), MATRIX)
pure("softmax_large", lambda t, x: t.softmax(x, dim=0), [1000.0, 999.0, -1000.0])
pure("softmax_masked", lambda t, x: t.softmax(t.where(x > 0, x, -inf), dim=1), [[1.0, -1.0, 2.0], [3.0, 1.0, -2.0]])
pure("log_softmax", lambda t, x: t.log_softmax(x, dim=-1), MATRIX)
pure("logsumexp_large", lambda t, x: t.logsumexp(x, dim=0), [1000.0, 1000.0, -inf], orders=1)
pure("logsumexp_of_minus_infinity", lambda t, x: t.logsumexp(x, dim=0), [-inf, -inf], orders=0)
pure("entropy", lambda t, x: -(t.softmax(x, 1) * t.log_softmax(x, 1)).sum(), MATRIX)
pure("manual_softmax", lambda t, x: t.exp(x) / t.exp(x).sum(dim=1, keepdim=True), MATRIX)
