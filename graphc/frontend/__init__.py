"""What users call: tracing and compiling functions, transforming them, and defining graphs by hand."""

from __future__ import annotations

from typing import Any

from graphc.numpy.tensor import Tensor


def _function(function: Any, args: tuple[Any, ...]) -> Any:
    from graphc.frontend.function import traced

    return traced(function, args)


Tensor.__graphc_function__ = _function
