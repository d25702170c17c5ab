"""Floats to integers: towards zero, saturated, NaN to 0.

LLVM's own saturating conversion takes vectors apart.  Here a vector is first brought into the range of the type, where
the machine's conversion is defined.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from graphc.codegen.llvm.types import is_unsigned, item_type
from graphc.codegen.nest.elements import greatest, least

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand


def saturated(b: Builder, x: Operand, dtype: str) -> Operand:
    """The integer part of x, or the nearest integer that the type has."""
    if x.lanes == 1:
        name = "fptoui.sat" if is_unsigned(dtype) else "fptosi.sat"
        overloads = (item_type(dtype), x.lanes), (item_type(x.dtype), x.lanes)
        return b.call(b.intrinsic_name(name, *overloads), dtype, x.lanes, x)
    low, high = float(least(dtype)), _highest(x.dtype, dtype)
    number = b.select(b.isnan(x), 0.0, x)
    inside = b.select(b.lt(number, low), low, b.select(b.gt(number, high), high, number))
    value = b.truncated(inside, dtype)
    return value if high == greatest(dtype) else b.select(b.gt(x, high), greatest(dtype), value)


@cache
def _highest(real: str, dtype: str) -> float:
    """The largest float that is not above the largest integer."""
    kind = np.float32 if real == "f32" else np.float64
    rounded = kind(greatest(dtype))
    return float(rounded if int(rounded) <= greatest(dtype) else np.nextafter(rounded, kind(-math.inf)))
