"""The eager twin: the same operations and rules, run at once and differentiated on a tape."""

from graphc.eager.draw import to_dot
from graphc.eager.forward import jvp
from graphc.eager.function import Function
from graphc.eager.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from graphc.eager.tape import backward, grad
from graphc.eager.tensor import Tensor, from_dlpack, from_numpy, tensor

__all__ = [
    "Function",
    "Tensor",
    "backward",
    "enable_grad",
    "from_dlpack",
    "from_numpy",
    "grad",
    "is_grad_enabled",
    "jvp",
    "no_grad",
    "set_grad_enabled",
    "tensor",
    "to_dot",
]
