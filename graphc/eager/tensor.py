"""The eager tensor: an array that is computed at once and remembers how, if a gradient may be asked for.

PyTorch's rules: what is computed from a tensor that requires grad requires grad itself; only leaves keep `.grad`, other
tensors on request (`retain_grad`); gradients add up over backward passes until they are set to None.  Views (reshape,
slices, permute, expand, detach) share memory as NumPy's do.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.eager.hooks import Hook, Hooks, RemovableHandle
from graphc.eager.inplace import InPlace
from graphc.eager.modes import GradMode, mode
from graphc.eager.node import Edge, Node, TapeNode
from graphc.eager.select import SelectionNode, plain, selection
from graphc.eager.versions import version
from graphc.eager.view import Part, Step
from graphc.errors import DTypeError, GradientError, OutOfRangeError
from graphc.ir import compute
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import alias, stop_gradient
from graphc.ir.ops.linalg import matmul
from graphc.ir.ops.reduce import sum_
from graphc.ir.primitive import Primitive, type_of
from graphc.ir.types import numpy_dtype, short_dtype

_ndarray = np.ndarray
_new = object.__new__


class Tensor(InPlace):
    """`Tensor(array)` shares memory with the array; `graphc.eager.tensor(...)` copies.

    Raises DTypeError for element types that graphc does not have, GradientError for integers that require grad.
    """

    __slots__ = ("__weakref__", "_grad", "_hooks", "_requires_grad", "array", "grad_fn")

    array: np.ndarray[Any, Any]
    grad_fn: Node | None
    _grad: Tensor | None
    _hooks: Hooks | None
    _requires_grad: bool

    watched = True
    """Whether backward passes should notice in-place changes."""

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.array = data.array if isinstance(data, Tensor) else np.asarray(data)
        short_dtype(self.array.dtype)  # raises for types that graphc does not have
        self._grad = None
        self._hooks = None
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
        tracked, large = 0, False  # a bit per operand; whether one is worth machine code
        for a in args:
            tracked += tracked
            if isinstance(a, Tensor):
                array = a.array
                arrays.append(array)
                if array.size >= compute.LARGE:
                    large = True
                if a._requires_grad:
                    tracked += 1
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
            y = compute.computed(op, arrays, attrs) if large else op.numpy(*arrays, **attrs)
        except (ValueError, TypeError, IndexError) as error:
            raise _explained(error, op, arrays, attrs) from error
        if type(y) is not _ndarray:
            y = np.asarray(y)
        shares = (y.base is not None or y is arrays[0]) and _shares(y, arrays[0])
        if shares and len(args) > 1:
            y, shares = y.copy(), False
        recorded = tracked and mode.recording and y.dtype.kind == "f" and op.vjp is not None and op is not stop_gradient
        node = TapeNode(op, attrs, edges, (y, *arrays), tracked) if recorded else None
        return args[0]._viewed(((op, attrs),), y, node) if shares else wrapped(y, node)

    def __graphc_constant__(self, array: np.ndarray[Any, Any]) -> Tensor:
        return Tensor(array)

    def __graphc_source__(self, op: Primitive, attrs: Mapping[str, Any]) -> Tensor:
        return Tensor(op.numpy(**attrs))

    def __getitem__(self, key: Any) -> Any:
        items = plain(key)
        if items is None:
            return super().__getitem__(key)
        chosen = selection(self.array.dtype, self.array.shape, items)
        if not chosen.steps:
            return self
        array = self.array[(*key, ...) if type(key) is tuple else (key, ...)]
        node = SelectionNode(chosen, self.edge) if self._requires_grad and mode.recording else None
        return self._viewed(chosen.steps, array, node)

    def __matmul__(self, other: Any) -> Any:
        a, b = self.array, other.array if isinstance(other, Tensor) else None
        if b is not None and a.ndim > 1 and b.ndim > 1 and a.dtype == b.dtype and a.dtype.kind == "f":
            return Tensor.__graphc_bind__(matmul, (self, other), {})
        return super().__matmul__(other)

    def sum(self, *args: Any, **options: Any) -> Any:
        if not args and not options and self.array.dtype.kind == "f":
            return Tensor.__graphc_bind__(sum_, (self,), {"axes": tuple(range(self.array.ndim))})
        return super().sum(*args, **options)

    def clone(self) -> Tensor:
        """A copy in memory of its own, through which gradients pass."""
        copy = self.array.copy()
        if not (self._requires_grad and mode.recording):
            return wrapped(copy)
        return wrapped(copy, TapeNode(alias, {"tag": 0}, [self.edge], (copy, self.array), 1))

    def copy(self) -> Tensor:
        return self.clone()

    def detach(self) -> Tensor:
        """The same memory, off the tape."""
        return wrapped(self.array)

    def detach_(self) -> Tensor:
        """This tensor off the tape: a leaf that does not require grad.  Raises GradientError for a view."""
        self.grad_fn = None
        self._requires_grad = False
        return self

    # ------------------------------------------------------------------------------------------ views and changes

    @property
    def origin(self) -> tuple[Tensor, tuple[Step, ...] | None]:
        """The tensor that this is a view of, and the way from there; itself where it is none."""
        return self, ()

    @property
    def _base(self) -> Tensor | None:
        """The tensor that this is a view of."""
        base = self.origin[0]
        return None if base is self else base

    @property
    def _version(self) -> int:
        """How often the memory was changed in place."""
        return version(self.array)

    def _viewed(self, way: tuple[Step, ...], array: np.ndarray[Any, Any], node: Node | None) -> View:
        """A view of this tensor; one made where nothing is recorded does not know the way."""
        base, steps = self.origin
        view = _new(View)
        view.array = array
        view._grad = None
        view._hooks = None
        view._root = base
        view._seen = base.grad_fn
        view._steps = (*steps, *way) if mode.recording and steps is not None else None
        _set_grad_fn(view, node)
        _set_needs(view, node is not None)
        return view

    def _update(self, function: Callable[..., Any], *others: Any) -> Any:
        from graphc.eager.write import update

        return update(self, function, others)

    def _overwrite(self, value: Any, key: Any = ...) -> Tensor:
        from graphc.eager.write import overwrite

        return overwrite(self, value, key)

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
    def grad(self) -> Tensor | None:
        """The sum of the gradients so far.  Assigning another one raises GradientError unless it is of this type."""
        return self._grad

    @grad.setter
    def grad(self, g: Tensor | None) -> None:
        if g is not None and not (isinstance(g, Tensor) and (g.dtype, g.shape) == (self.dtype, self.shape)):
            raise GradientError(
                "a gradient has the type of its tensor",
                expected=f"None, or a tensor of {self.dtype}, shape {self.shape}",
                got=f"{g.dtype}, shape {g.shape}" if isinstance(g, Tensor) else repr(g)[:60],
                loc=user_location(),
            )
        self._grad = g

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
        self._grad = None

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(gradient)` in backward passes, once the gradient of this tensor is complete.

        What it returns, unless None, takes the gradient's place.  Hooks run in the order in which they were registered,
        before the gradient is stored; of a tensor that is changed in place later, for the values that it has now.
        Raises GradientError for a tensor that does not require grad.
        """
        return RemovableHandle(self._all_hooks().before, hook)

    def register_post_accumulate_grad_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(tensor)` after a backward pass has added to `.grad`.  Raises GradientError unless it is a leaf."""
        if not self.is_leaf:
            raise GradientError("only a leaf accumulates its gradient", fix="register_hook", loc=user_location())
        return RemovableHandle(self._all_hooks().after, hook)

    def _all_hooks(self) -> Hooks:
        """Those of a leaf are its own; of a computed tensor they belong to the node."""
        if not self._requires_grad:
            raise GradientError(
                "a tensor that does not require grad has no gradient for a hook",
                fix="x.requires_grad_()",
                loc=user_location(),
            )
        node = self.grad_fn
        if node is not None:
            return node.all_hooks().of_type(self.shape, self.dtype)
        if self._hooks is None:
            self._hooks = Hooks().of_type(self.shape, self.dtype)
        return self._hooks

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
        """The same memory, off the tape, which does not notice changes made through it.

        Assigning replaces the values and leaves the tape as it is.
        """
        t = Unwatched.__new__(Unwatched)
        Tensor.__init__(t, self.array)
        return t

    @data.setter
    def data(self, value: Any) -> None:
        self.array = Tensor(value).array


_grad_fn: Any = Tensor.__dict__["grad_fn"]
_needs: Any = Tensor.__dict__["_requires_grad"]
_set_grad_fn, _set_needs = _grad_fn.__set__, _needs.__set__
"""The slots behind the properties of a view."""


class View(Tensor):
    """A tensor in the memory of another.  After an in-place change its place on the tape is found anew from there."""

    __slots__ = ("_root", "_seen", "_steps")

    _root: Tensor
    _seen: Node | None
    _steps: tuple[Step, ...] | None

    @property
    def origin(self) -> tuple[Tensor, tuple[Step, ...] | None]:
        return self._root, self._steps

    @property
    def grad_fn(self) -> Node | None:
        self._follow()
        node: Node | None = _grad_fn.__get__(self)
        return node

    @grad_fn.setter
    def grad_fn(self, node: Node | None) -> None:
        _set_grad_fn(self, node)

    @property
    def _requires_grad(self) -> bool:
        self._follow()
        needs: bool = _needs.__get__(self)
        return needs

    @_requires_grad.setter
    def _requires_grad(self, needs: bool) -> None:
        _set_needs(self, needs)

    def _follow(self) -> None:
        """Go the way from the root again if the root has another node by now."""
        if self._steps is None or self._root.grad_fn is self._seen:
            return
        self._seen = self._root.grad_fn
        with GradMode(True):
            again = Part(self._steps).of(self._root)
        self.grad_fn = again.grad_fn
        self._requires_grad = again._requires_grad

    def detach_(self) -> Tensor:
        raise GradientError("a view is not taken off the tape in place", fix="x = x.detach()", loc=user_location())


class Unwatched(Tensor):
    """What `x.data` gives: changes made through it are not noticed, not even where a backward pass reads the values."""

    __slots__ = ()

    watched = False


def wrapped(array: np.ndarray[Any, Any], grad_fn: Node | None = None) -> Tensor:
    """A tensor around a checked array, made by `grad_fn` where that is given."""
    t = _new(Tensor)
    t.array = array
    t._grad = None
    t._hooks = None
    t.grad_fn = grad_fn
    t._requires_grad = grad_fn is not None
    return t


def attached(array: np.ndarray[Any, Any], edge: Edge) -> Tensor:
    """A tensor of these values at that place of the tape."""
    if isinstance(edge, Tensor):
        return edge
    return wrapped(array, edge)


_WEAK = frozenset({bool, int, float})


def _shares(y: np.ndarray[Any, Any], x: np.ndarray[Any, Any]) -> bool:
    """Whether an operation has returned its operand, or a view of it: NumPy's views point to the owner."""
    return y is x or y.base is x or (y.base is not None and y.base is x.base)


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


def from_dlpack(source: Any) -> Tensor:
    """A tensor in the memory of another library's array, which offers `__dlpack__`; on the CPU only."""
    return Tensor(np.from_dlpack(source))
