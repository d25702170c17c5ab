"""NumPy's functions under NumPy's names and signatures, written once over the primitives.

They take symbolic tensors (and add nodes), eager tensors (and record a tape), arrays, numbers and lists (and compute).
Beside NumPy's names: scipy.special's most used functions and the activations of neural networks.
"""

from numpy import bool_ as bool  # noqa: A004, F401 - NumPy's name
from numpy import e as e
from numpy import euler_gamma as euler_gamma
from numpy import float16 as float16
from numpy import float32 as float32
from numpy import float64 as float64
from numpy import inf as inf
from numpy import int8 as int8
from numpy import int16 as int16
from numpy import int32 as int32
from numpy import int64 as int64
from numpy import nan as nan
from numpy import newaxis as newaxis
from numpy import pi as pi
from numpy import uint8 as uint8
from numpy import uint16 as uint16
from numpy import uint32 as uint32
from numpy import uint64 as uint64

from graphc.numpy import linalg as linalg
from graphc.numpy import special as special
from graphc.numpy.array import Array as Array
from graphc.numpy.creation import *  # noqa: F403
from graphc.numpy.cumulative import *  # noqa: F403
from graphc.numpy.elementwise import *  # noqa: F403
from graphc.numpy.formulas import *  # noqa: F403
from graphc.numpy.indexing import *  # noqa: F403
from graphc.numpy.joining import *  # noqa: F403
from graphc.numpy.like import *  # noqa: F403
from graphc.numpy.linear_algebra import *  # noqa: F403
from graphc.numpy.movement import *  # noqa: F403
from graphc.numpy.reductions import *  # noqa: F403
from graphc.numpy.sorting import *  # noqa: F403
from graphc.numpy.special import *  # noqa: F403
from graphc.numpy.summation import *  # noqa: F403
from graphc.numpy.tensor import Tensor as Tensor
from graphc.numpy.variable import Variable as Variable
