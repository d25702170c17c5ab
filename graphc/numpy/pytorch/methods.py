"""PyTorch's methods of a tensor, symbolic or eager: the functions of this folder, with the tensor as first argument.

Where NumPy's arrays have a method of the same name, that one stays (`graphc.numpy.array`), so that code for arrays runs
on tensors; PyTorch's keywords ask for PyTorch's function there: `x.max(dim=1)` has values and indices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import stop_gradient
from graphc.ir.types import short_dtype
from graphc.numpy import linear_algebra, movement
from graphc.numpy.promote import cast_to
from graphc.numpy.pytorch import elementwise, ordering, products, reductions, same, selection, shapes

Method = Callable[..., Any]

_KEYWORDS = frozenset({"dim", "keepdim", "unbiased", "correction", "descending"})


def either(name: str, ours: Method, theirs: Method) -> Method:
    """NumPy's method, or PyTorch's where one of its keywords is given."""

    def method(self: Any, *args: Any, **options: Any) -> Any:
        return (ours if _KEYWORDS.isdisjoint(options) else theirs)(self, *args, **options)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"NumPy's {name}; PyTorch's with its keywords `dim`, `keepdim`, `descending` ..."
    return method


class Methods:
    """Rows of names; the functions say what they take and raise."""

    __slots__ = ()

    # ------------------------------------------------------------------------------------------------ elementwise

    abs, absolute, neg, negative, positive, sign = (
        same.abs, same.absolute, elementwise.neg, same.negative, same.positive, same.sign,
    )  # fmt: skip
    exp, exp2, expm1, log, log2, log10, log1p = (
        same.exp, same.exp2, same.expm1, same.log, same.log2, same.log10, same.log1p,
    )  # fmt: skip
    sqrt, rsqrt, square, reciprocal, pow = same.sqrt, same.rsqrt, same.square, same.reciprocal, elementwise.pow
    sin, cos, tan, asin, acos, atan = same.sin, same.cos, same.tan, same.asin, same.acos, same.atan
    sinh, cosh, tanh, asinh, acosh, atanh = same.sinh, same.cosh, same.tanh, same.asinh, same.acosh, same.atanh
    arcsin, arccos, arctan, atan2, arctan2 = same.arcsin, same.arccos, same.arctan, same.atan2, same.arctan2
    sigmoid, erf, erfc, lgamma, digamma, logit = (
        same.sigmoid, same.erf, same.erfc, elementwise.lgamma, same.digamma, same.logit,
    )  # fmt: skip
    relu, floor, ceil, trunc, frac, nan_to_num = (
        same.relu, same.floor, same.ceil, same.trunc, elementwise.frac, same.nan_to_num,
    )  # fmt: skip
    add, sub, mul, div, subtract, multiply, divide = (
        elementwise.add, elementwise.sub, elementwise.mul, elementwise.div, elementwise.subtract,
        elementwise.multiply, elementwise.divide,
    )  # fmt: skip
    true_divide, floor_divide, remainder, fmod = same.true_divide, same.floor_divide, same.remainder, same.fmod
    maximum, minimum, fmax, fmin, hypot, copysign = (
        same.maximum, same.minimum, same.fmax, same.fmin, same.hypot, same.copysign,
    )  # fmt: skip
    logaddexp, float_power, lerp, addcmul, addcdiv = (
        same.logaddexp, same.float_power, elementwise.lerp, elementwise.addcmul, elementwise.addcdiv,
    )  # fmt: skip
    clamp, clamp_min, clamp_max = elementwise.clamp, elementwise.clamp_min, elementwise.clamp_max

    eq, ne, lt, le, gt, ge = (
        elementwise.eq, elementwise.ne, elementwise.lt, elementwise.le, elementwise.gt, elementwise.ge,
    )  # fmt: skip
    greater, greater_equal, less, less_equal, not_equal = (
        same.greater, same.greater_equal, same.less, same.less_equal, same.not_equal,
    )  # fmt: skip
    isnan, isinf, isfinite, isclose, allclose, equal = (
        same.isnan, same.isinf, same.isfinite, same.isclose, same.allclose, reductions.equal,
    )  # fmt: skip
    logical_and, logical_or, logical_xor, logical_not = (
        same.logical_and, same.logical_or, same.logical_xor, same.logical_not,
    )  # fmt: skip
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
        same.bitwise_and, same.bitwise_or, same.bitwise_xor, same.bitwise_not,
    )  # fmt: skip

    # ------------------------------------------------------------------------------------------------- reductions

    amax, amin, aminmax, logsumexp, norm = (
        reductions.amax, reductions.amin, reductions.aminmax, reductions.logsumexp, reductions.norm,
    )  # fmt: skip
    nansum, nanmean, count_nonzero = reductions.nansum, reductions.nanmean, reductions.count_nonzero
    softmax, log_softmax = reductions.softmax, reductions.log_softmax

    # --------------------------------------------------------------------------------------------------- ordering

    sort, msort, topk, kthvalue = ordering.sort, ordering.msort, ordering.topk, ordering.kthvalue
    median, quantile, unique = ordering.median, ordering.quantile, ordering.unique
    cummax, cummin, logcumsumexp = ordering.cummax, ordering.cummin, ordering.logcumsumexp

    # -------------------------------------------------------------------------------------------- shapes and axes

    unsqueeze, unflatten, expand, permute, t = (
        shapes.unsqueeze, shapes.unflatten, shapes.expand, shapes.permute, shapes.t,
    )  # fmt: skip
    movedim, swapdims, flip, fliplr, flipud, roll, rot90 = (
        shapes.movedim, shapes.swapdims, shapes.flip, same.fliplr, same.flipud, shapes.roll, shapes.rot90,
    )  # fmt: skip
    split, chunk, tensor_split, unbind, narrow, select = (
        shapes.split, shapes.chunk, shapes.tensor_split, shapes.unbind, shapes.narrow, shapes.select,
    )  # fmt: skip
    tile, repeat_interleave, broadcast_to = same.tile, shapes.repeat_interleave, same.broadcast_to
    diag, diag_embed, tril, triu = shapes.diag, shapes.diag_embed, shapes.tril, shapes.triu

    def expand_as(self, other: Any) -> Any:
        return shapes.expand(self, other.shape)

    def reshape_as(self, other: Any) -> Any:
        return movement.reshape(self, other.shape)

    def view(self, *shape: Any) -> Any:
        """The same items under another shape; of an eager tensor, in the same memory."""
        return movement.reshape(self, shapes.listed(shape))

    def view_as(self, other: Any) -> Any:
        return self.view(other.shape)

    def numel(self: Any) -> Any:
        """The number of items; a polynomial where an extent is symbolic."""
        return self.type.size

    nelement = numel

    def dim(self: Any) -> int:
        """The number of axes."""
        return len(self.shape)

    ndimension = dim

    def contiguous(self) -> Any:
        return self

    # -------------------------------------------------------------------------------------- selection and products

    gather, scatter_add, index_select, index_add = (
        selection.gather, selection.scatter_add, selection.index_select, selection.index_add,
    )  # fmt: skip
    masked_fill, masked_select, nonzero, argwhere, take_along_dim = (
        selection.masked_fill, selection.masked_select, selection.nonzero, selection.argwhere, selection.take_along_dim,
    )  # fmt: skip
    matmul, mm, bmm, mv, outer, ger, inner, vdot = (
        same.matmul, products.mm, products.bmm, products.mv, same.outer, products.ger, same.inner, same.vdot,
    )  # fmt: skip
    addmm, addmv, baddbmm, kron, cross = (
        products.addmm, products.addmv, products.baddbmm, same.kron, linear_algebra.cross,
    )  # fmt: skip

    def where(self, condition: Any, other: Any) -> Any:
        """The tensor where the condition holds, else `other`."""
        return selection.where(condition, self, other)

    # ---------------------------------------------------------------------------------------------- element types

    device = "cpu"
    layout = "strided"

    def to(self, *targets: Any) -> Any:
        """In an element type, or in that of another tensor; "cpu" is where it is.

        Raises UnsupportedError for another device, DTypeError for what is no element type.
        """
        result = self
        for target in targets:
            if isinstance(target, str) and target.partition(":")[0] in _DEVICES:
                _check_device(target)
            else:
                result = cast_to(result, short_dtype(target.dtype if issubclass(type(target), Methods) else target))
        return result

    def cpu(self) -> Any:
        return self

    def type_as(self, other: Any) -> Any:
        return cast_to(self, other.dtype)

    def half(self) -> Any:
        return cast_to(self, "f16")

    def float(self) -> Any:
        return cast_to(self, "f32")

    def double(self) -> Any:
        return cast_to(self, "f64")

    def short(self) -> Any:
        return cast_to(self, "i16")

    def int(self) -> Any:
        return cast_to(self, "i32")

    def long(self) -> Any:
        return cast_to(self, "i64")

    def bool(self) -> Any:
        return cast_to(self, "bool")

    def element_size(self: Any) -> Any:
        """Bytes of an item."""
        return self.dtype.itemsize

    def is_floating_point(self: Any) -> Any:
        return self.dtype.kind == "f"

    # --------------------------------------------------------------------------------------------------- gradients

    def detach(self) -> Any:
        """The same values, through which no gradient passes."""
        return stop_gradient(self)

    def clone(self) -> Any:
        """A copy, through which gradients pass."""
        return movement.copy(self)


_DEVICES = ("cpu", "cuda", "mps", "xpu", "gpu")


def _check_device(name: str) -> None:
    if name.partition(":")[0] != "cpu":
        raise UnsupportedError("tensors live in the CPU's memory", got=name, fix='x.to("cpu")', loc=user_location())
