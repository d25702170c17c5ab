"""Sorting, selecting and running along a dimension: PyTorch's methods, whose values pass gradients back.

Beside NumPy's positions of arguments they take PyTorch's keywords `dim`, `keepdim` and `descending`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops import scan
from graphc.ir.ops.along import gather_along
from graphc.numpy import cumulative, sorting
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.array import Array
from graphc.numpy.axes import normalize_axis, static_extent
from graphc.numpy.indexing import take_along_axis
from graphc.numpy.movement import moveaxis, ravel, squeeze
from graphc.numpy.promote import cast_to


class Found(NamedTuple):
    """Values, and where they were found along the dimension."""

    values: Any
    indices: Any


class Ordering(Array):
    """Methods of an eager tensor."""

    __slots__ = ()

    # --------------------------------------------------------------------------------------------------- sorting

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = False) -> Found:
        """The items in order and their positions; NaN counts as the greatest.  Equals always keep their order."""
        return self._found(sorting.argsort(self, dim, descending=descending), dim)

    def argsort(
        self,
        axis: int | None = -1,
        kind: str | None = None,
        *,
        stable: bool | None = None,
        dim: int | None = None,
        descending: bool = False,
    ) -> Any:
        return sorting.argsort(self, axis if dim is None else dim, kind, descending=descending)

    def msort(self) -> Any:
        """The items in order along the first dimension."""
        return sorting.sort(self, 0)

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:  # noqa: A002 - PyTorch's
        """The k largest or smallest items and their positions, always in order."""
        return Found(*sorting.top_k(self, k, axis=dim, mode="largest" if largest else "smallest"))

    def kthvalue(self, k: int, dim: int = -1, keepdim: bool = False) -> Found:
        """The k-th smallest item, counted from 1, and its position.  Raises ShapeError where there is none."""
        n = static_extent(self.shape[normalize_axis(dim, self.ndim)], "kthvalue")
        if not 1 <= k <= n:
            raise ShapeError(f"there is no item number {k}", expected=f"1 to {n}", got=str(k), loc=user_location())
        last = sorting.top_k(self, k, axis=dim, mode="smallest")[1]
        return self._found(moveaxis(moveaxis(last, dim, -1)[..., -1:], -1, dim), dim, keepdim)

    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The middle item, of two the lower one (np.median gives their mean); with `dim` its position too.

        NaN where there is one.
        """
        if dim is None:
            return _middle(ravel(self), 0, False).values
        return _middle(self, dim, keepdim)

    def quantile(self, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
        return sorting.quantile(self, q, dim, interpolation, keepdim)

    def unique(self, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
        """The different items in order, off the tape."""
        return sorting.unique(self, False, return_inverse, return_counts, dim)

    def gather(self, dim: int, index: Any) -> Any:
        """out[i, j] = x[i, index[i, j]] for dimension 1."""
        return take_along_axis(self, index, dim)

    # ----------------------------------------------------------------------------------------------------- scans

    def cumsum(self, axis: int | None = None, dtype: Any = None, *, dim: int | None = None) -> Any:
        return cumulative.cumsum(self, axis if dim is None else dim, dtype)

    def cumprod(self, axis: int | None = None, dtype: Any = None, *, dim: int | None = None) -> Any:
        return cumulative.cumprod(self, axis if dim is None else dim, dtype)

    def logcumsumexp(self, dim: int) -> Any:
        return cumulative.logcumsumexp(self, dim)

    def cummax(self, dim: int) -> Found:
        """The greatest items so far and where they were; of equals the latest."""
        return self._extreme(cumulative.cummax(self, dim), dim)

    def cummin(self, dim: int) -> Found:
        """The least items so far and where they were; of equals the latest."""
        return self._extreme(cumulative.cummin(self, dim), dim)

    def _extreme(self, values: Any, dim: int) -> Found:
        x = cast_to(self, "u8") if self.dtype.kind == "b" else self
        found = scan.extreme_position(cast_to(values, x.dtype), x, axis=normalize_axis(dim, self.ndim), reverse=False)
        return Found(values, found)

    def _found(self, indices: Any, dim: int, keepdim: bool = True) -> Found:
        """The items at these positions."""
        values = gather_along(self, indices, normalize_axis(dim, self.ndim))
        return Found(values, indices) if keepdim else Found(squeeze(values, dim), squeeze(indices, dim))


def _middle(x: Any, dim: int, keepdim: bool) -> Found:
    """The lower middle item, or the first NaN."""
    n = x.shape[normalize_axis(dim, x.ndim)]
    middle = x.kthvalue((n + 1) // 2, dim, True).indices
    if x.dtype.kind == "f":
        spoilt = rd.any(ew.isnan(x), dim, True)
        middle = fm.where(spoilt, rd.argmax(x, dim, True), middle)
    found: Found = x._found(middle, dim, keepdim)
    return found
