"""What PyTorch has as torch.autograd, under the same names."""

from graphc.eager import function, functional
from graphc.eager.function import Function
from graphc.eager.modes import enable_grad, no_grad, set_grad_enabled
from graphc.eager.tape import backward, grad

__all__ = ["Function", "backward", "enable_grad", "function", "functional", "grad", "no_grad", "set_grad_enabled"]
