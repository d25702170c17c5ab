"""The eager tensor: an array that is computed at once and remembers how, if a gradient may be asked for.

PyTorch's rules: what is computed from a tensor that requires grad requires grad itself; only leaves keep `.grad`, other
tensors on request (`retain_grad`); gradients add up over backward passes until they are set to None.  Views (reshape,
slices, permute, expand, detach) share memory as NumPy's do.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.eager.modes import mode
from graphc.eager.node import Edge, TapeNode
from graphc.errors import DTypeError, GradientError, OutOfRangeError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import alias, stop_gradient
from graphc.ir.primitive import Primitive, type_of
from graphc.ir.types import Type, numpy_dtype, short_dtype
from graphc.numpy.array import Array

_ndarray = np.ndarray


class Tensor(Array):
    """`Tensor(array)` shares memory with the array; `graphc.eager.tensor(...)` copies.

    Raises DTypeError for element types that graphc does not have, GradientError for integers that require grad.
    """

    __slots__ = ("__weakref__", "_requires_grad", "array", "grad", "grad_fn")

    array: np.ndarray[Any, Any]
    grad: Tensor | None
    grad_fn: TapeNode | None

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.array = data.array if isinstance(data, Tensor) else np.asarray(data)
        short_dtype(self.array.dtype)  # raises for types that graphc does not have
        self.grad = None
        self.grad_fn = None
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    # ----------------------------------------------------------------------------------------------- operations

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Compute with the operation's NumPy rule; put it on the tape if an operand requires grad."""
        arrays: list[Any] = []
        edges: list[Edge] = []
        tracked = False
        for a in args:
            if isinstance(a, Tensor):
                arrays.append(a.array)
                if a._requires_grad:
                    tracked = True
                    edges.append(a.grad_fn or a)
                else:
                    edges.append(None)
            elif type(a) in _WEAK:
                arrays.append(_number(a, op, args))
                edges.append(None)
            elif hasattr(a, "__graphc_bind__"):  # a traced tensor: it takes eager ones as constants
                return type(a).__graphc_bind__(op, args, attrs)
            else:
                arrays.append(np.asarray(a))
                edges.append(None)
        try:
            y = op.numpy(*arrays, **attrs)
        except (ValueError, TypeError, IndexError) as error:
            raise _explained(error, op, arrays, attrs) from error
        if type(y) is not _ndarray:
            y = np.asarray(y)
        if tracked and mode.recording and y.dtype.kind == "f" and op.vjp is not None and op is not stop_gradient:
            return wrapped(y, TapeNode(op, attrs, edges, y, arrays))
        return wrapped(y, None)

    def __graphc_constant__(self, array: np.ndarray[Any, Any]) -> Tensor:
        return Tensor(array)

    def __graphc_source__(self, op: Primitive, attrs: Mapping[str, Any]) -> Tensor:
        return Tensor(op.numpy(**attrs))

    def clone(self) -> Tensor:
        """A copy in memory of its own, through which gradients pass."""
        copy = self.array.copy()
        if not (self._requires_grad and mode.recording):
            return wrapped(copy, None)
        return wrapped(copy, TapeNode(alias, {"tag": 0}, [self.edge], copy, [self.array]))

    def copy(self) -> Tensor:
        return self.clone()

    def detach(self) -> Tensor:
        """The same memory, off the tape."""
        return wrapped(self.array, None)

    # -------------------------------------------------------------------------------------------------- gradient

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and self.array.dtype.kind != "f":
            raise GradientError(
                "only floats have gradients",
                expected="float16, float32 or float64",
                got=str(self.array.dtype),
                fix='convert it with x.astype("float32")',
                loc=user_location(),
            )
        if not wanted and self.grad_fn is not None:
            raise GradientError(
                "a computed tensor requires grad as its operands do", fix="x.detach()", loc=user_location()
            )
        self._requires_grad = bool(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Not computed on the tape: made by the user, or requiring no grad."""
        return self.grad_fn is None

    @property
    def edge(self) -> Edge:
        """Where the cotangent of this tensor goes: to the node that made it, to a leaf itself, or nowhere."""
        return (self.grad_fn or self) if self._requires_grad else None

    @property
    def retains_grad(self) -> bool:
        return self.grad_fn is not None and self.grad_fn.retained is not None and self.grad_fn.retained() is self

    def retain_grad(self) -> None:
        """Let backward passes add to `.grad` of this computed tensor too.  Raises GradientError off the tape."""
        if not self._requires_grad:
            raise GradientError("a tensor that does not require grad retains none", loc=user_location())
        if self.grad_fn is not None:
            self.grad_fn.retained = weakref.ref(self)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradient of this tensor to `.grad` of the leaves; see `graphc.eager.backward`."""
        from graphc.eager.tape import backward

        backward(self, gradient, retain_graph, create_graph, inputs)

    # ---------------------------------------------------------------------------------------------------- values

    @property
    def data(self) -> Tensor:
        """The same memory, off the tape; assigning replaces the values and leaves the tape as it is."""
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        self.array = Tensor(value).array

    @property
    def type(self) -> Type:
        return Type(short_dtype(self.array.dtype), self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.array.shape
        return shape

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself, in shared memory.  Raises GradientError where the tape would lose track of it."""
        if self._requires_grad:
            raise GradientError(
                "an array does not keep the gradient of a tensor that requires grad",
                fix="x.detach().numpy()",
                loc=user_location(),
            )
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> float | int | bool:
        """The only element as a Python number.  Raises ShapeError where there are more or none."""
        if self.array.size != 1:
            raise ShapeError(
                "a tensor of one element is a number",
                expected="1 element",
                got=f"{self.array.size} elements, shape {self.array.shape}",
                fix="index it, or use x.tolist()",
                loc=user_location(),
            )
        number: float | int | bool = self.array.item()
        return number

    def tolist(self) -> Any:
        return self.array.tolist()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.array.__index__()

    def __repr__(self) -> str:
        values = np.array2string(self.array, separator=", ", prefix="tensor(")
        parts = [values if self.array.size else f"[], shape={self.array.shape}"]
        if self.array.dtype.name not in ("float64", "int64", "bool"):
            parts.append(f"dtype={self.array.dtype.name}")
        if self.grad_fn is not None:
            parts.append(f"grad_fn={self.grad_fn}")
        elif self._requires_grad:
            parts.append("requires_grad=True")
        return f"tensor({', '.join(parts)})"


_new = Tensor.__new__


def wrapped(array: np.ndarray[Any, Any], grad_fn: TapeNode | None = None) -> Tensor:
    """A tensor around a checked array, made by `grad_fn` where that is given."""
    t = _new(Tensor)
    t.array = array
    t.grad = None
    t.grad_fn = grad_fn
    t._requires_grad = grad_fn is not None
    return t


def attached(array: np.ndarray[Any, Any], edge: Edge) -> Tensor:
    """A tensor of these values at that place of the tape."""
    if isinstance(edge, Tensor):
        return edge
    return wrapped(array, edge)


_WEAK = frozenset({bool, int, float})


def _number(a: float, op: Primitive, args: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """A Python number in the element type of the first tensor or array beside it."""
    dtype = next(x.dtype for x in args if type(x) not in _WEAK)
    try:
        return np.array(a, dtype)
    except OverflowError:
        raise DTypeError(
            f"`{op.name}`: a number that the tensor's element type does not hold",
            expected=str(dtype),
            got=repr(a),
            fix="x.astype(...) to a wider type first",
            loc=user_location(),
        ) from None


def _explained(error: Exception, op: Primitive, arrays: Sequence[Any], attrs: dict[str, Any]) -> Exception:
    """NumPy's complaint in graphc's words: `infer` raises where the types do not fit."""
    op.infer(*map(type_of, arrays), **attrs)
    if isinstance(error, IndexError):
        return OutOfRangeError(f"`{op.name}`: {error}", loc=user_location())
    return error


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A leaf that holds a copy of numbers, nested sequences, an array or a tensor.

    `dtype` is anything that NumPy takes, or a short name ("f32"); Python floats become float64 without it.
    """
    source = data.detach().array if isinstance(data, Tensor) else data
    kind = None if dtype is None else numpy_dtype(short_dtype(dtype))
    return Tensor(np.array(source, dtype=kind), requires_grad)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor in the array's own memory."""
    return Tensor(array)
