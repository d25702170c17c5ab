"""How an operation on arrays is computed at once: by its NumPy rule, or, of large ones, by its machine code.

The compiler stands above this room, so it is named and not imported: the knob `kernels` (graphc.config) is the module
whose `compute` takes an operation with its arrays, and gives the result, or None where the NumPy rule is to do it;
its `pull` gives derivatives in the same way.
With GRAPHC_KERNELS=off that is everywhere.  The reference evaluation of graphs, constant folding and all tests that
compare use the rules themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from graphc.config import current

if TYPE_CHECKING:
    from graphc.ir.primitive import Primitive

Array: TypeAlias = "np.ndarray[Any, Any]"

LARGE = 1 << 16
"""Elements from which a call of machine code is worth the time that loading it takes once in a process."""


def computed(op: Primitive, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The result of an operation on arrays (and Python numbers) of which one is large."""
    module = current().kernels
    y = None if module is None else _kernels(module).compute(op, arrays, attrs)
    return op.numpy(*arrays, **attrs) if y is None else y


def pulled(op: Primitive, g: Any, values: Sequence[Any], wanted: int) -> Sequence[Any] | None:
    """The cotangents of the operands of an elementwise operation, in one go; None where its vjp rule is to do it.

    `values` are the result and the operands, of which those that the rule does not read may be only types; `wanted` has
    a bit per operand, the last one lowest.
    """
    if type(g) is not np.ndarray or g.size < LARGE or not op.is_elementwise:
        return None
    module = current().kernels
    if module is None:
        return None
    y, *xs = values
    parts: Sequence[Any] | None = _kernels(module).pull(op, g, y, xs, wanted)
    return parts


@lru_cache
def _kernels(module: str) -> ModuleType:
    return import_module(module)
