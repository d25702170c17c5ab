"""graphc: a static-graph compiler for numeric Python, and beside it an eager twin.

    import numpy as np, graphc as gx

    @gx.jit
    def predict(x, w):
        return np.tanh(x @ w)

What every compiled function needs, also where its code comes from the disk, is loaded with the package: no first call
waits for modules.  Other names are loaded when they are first used, and the compiler with the first program that is not
on the disk.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphc.frontend.jit import jit

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphc import eager, errors, numpy
    from graphc.autodiff.check import check_grads
    from graphc.frontend.checkpoint import checkpoint
    from graphc.frontend.compare import compare
    from graphc.frontend.custom import custom_jvp, custom_vjp
    from graphc.frontend.define import gradients, placeholder, variable
    from graphc.frontend.jacobian import hessian, hvp, jacobian
    from graphc.frontend.transforms import grad, jvp, linearize, stop_gradient, value_and_grad, vjp
    from graphc.frontend.vmap import vmap
    from graphc.ir.graph import Graph
    from graphc.ir.types import Dim
    from graphc.runtime.session import Session

_HOMES = {
    "Dim": "ir.types",
    "Graph": "ir.graph",
    "Session": "runtime.session",
    "check_grads": "autodiff.check",
    "checkpoint": "frontend.checkpoint",
    "compare": "frontend.compare",
    "custom_jvp": "frontend.custom",
    "custom_vjp": "frontend.custom",
    "grad": "frontend.transforms",
    "gradients": "frontend.define",
    "hessian": "frontend.jacobian",
    "hvp": "frontend.jacobian",
    "jacobian": "frontend.jacobian",
    "jvp": "frontend.transforms",
    "linearize": "frontend.transforms",
    "placeholder": "frontend.define",
    "stop_gradient": "frontend.transforms",
    "value_and_grad": "frontend.transforms",
    "variable": "frontend.define",
    "vjp": "frontend.transforms",
    "vmap": "frontend.vmap",
}
_ROOMS = ("eager", "errors", "numpy")

__all__ = [
    "Dim",
    "Graph",
    "Session",
    "__version__",
    "check_grads",
    "checkpoint",
    "compare",
    "custom_jvp",
    "custom_vjp",
    "eager",
    "errors",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "linearize",
    "numpy",
    "placeholder",
    "stop_gradient",
    "value_and_grad",
    "variable",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"graphc.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'graphc' has no attribute {name!r}")
    value = getattr(import_module(f"graphc.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
