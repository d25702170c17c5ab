"""The eager twin: the same operations and rules, run at once and differentiated on a tape.

Functions have PyTorch's names and signatures here; those of `graphc.numpy` take the same tensors.
"""

from graphc.eager import autograd as autograd
from graphc.eager import functional as functional
from graphc.eager.creation import *  # noqa: F403
from graphc.eager.draw import to_dot as to_dot
from graphc.eager.dtypes import *  # noqa: F403
from graphc.eager.forward import jvp as jvp
from graphc.eager.function import Function as Function
from graphc.eager.modes import enable_grad as enable_grad
from graphc.eager.modes import is_grad_enabled as is_grad_enabled
from graphc.eager.modes import no_grad as no_grad
from graphc.eager.modes import set_grad_enabled as set_grad_enabled
from graphc.eager.tape import backward as backward
from graphc.eager.tape import grad as grad
from graphc.eager.tensor import Tensor as Tensor
from graphc.eager.tensor import from_dlpack as from_dlpack
from graphc.eager.tensor import from_numpy as from_numpy
from graphc.eager.tensor import tensor as tensor
from graphc.numpy.pytorch.elementwise import *  # noqa: F403
from graphc.numpy.pytorch.networks import *  # noqa: F403
from graphc.numpy.pytorch.ordering import *  # noqa: F403
from graphc.numpy.pytorch.products import *  # noqa: F403
from graphc.numpy.pytorch.reductions import *  # noqa: F403
from graphc.numpy.pytorch.same import *  # noqa: F403
from graphc.numpy.pytorch.selection import *  # noqa: F403
from graphc.numpy.pytorch.shapes import *  # noqa: F403
