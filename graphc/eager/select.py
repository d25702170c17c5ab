"""Indexing by integers and slices with little overhead: the operations that it takes are found once and remembered.

They are found by `graphc.numpy.indexing`, which serves all kinds of tensors: it is run on a recorder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from graphc.eager.node import Blank, Edge, Node
from graphc.eager.view import Step
from graphc.ir.primitive import Primitive
from graphc.ir.types import Type, numpy_dtype, short_dtype
from graphc.numpy.array import Array
from graphc.numpy.indexing import getitem
from graphc.records import dataclass


def plain(key: Any) -> Any:
    """An index of integers and slices as something hashable; None for others."""
    items = []
    for k in key if type(key) is tuple else (key,):
        if type(k) is slice:
            k = (k.start, k.stop, k.step)
            if not all(type(b) is int or b is None for b in k):
                return None
        elif type(k) is not int:
            return None
        items.append(k)
    return tuple(items)


@dataclass(frozen=True, slots=True)
class Selection:
    """The primitives behind an index, and the types of the operand, of what is between them and of the result."""

    steps: tuple[Step, ...]
    types: tuple[Blank, ...]


@lru_cache(maxsize=4096)
def selection(dtype: np.dtype[Any], shape: tuple[int, ...], items: tuple[Any, ...]) -> Selection:
    """Of an index that `plain` has made hashable. Raises IndexingError for one out of range."""
    recorder = _Recorder(Type(short_dtype(dtype), shape), [])
    getitem(recorder, tuple(slice(*k) if isinstance(k, tuple) else k for k in items))
    known = (recorder.type, *(t for _, t in recorder.steps))
    return Selection(
        tuple(step for step, _ in recorder.steps), tuple(Blank(t.shape, numpy_dtype(t.dtype)) for t in known)
    )


class _Recorder(Array):
    """A tensor without numbers, which notes what is done to it and the type of the result."""

    __slots__ = ("_type", "steps")

    def __init__(self, type_: Type, steps: list[tuple[Step, Type]]) -> None:
        self._type = type_
        self.steps = steps

    @property
    def type(self) -> Type:
        return self._type

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[_Recorder, ...], attrs: dict[str, Any]) -> _Recorder:
        (x,) = args
        result = op.infer(x.type, **attrs)
        x.steps.append(((op, attrs), result))
        return _Recorder(result, x.steps)


class SelectionNode(Node):
    """An index on the tape: one node for all its primitives, whose rules read no values."""

    __slots__ = ("selection",)

    def __init__(self, chosen: Selection, edge: Edge) -> None:
        super().__init__([edge])
        self.selection = chosen

    def name(self) -> str:
        return "GetitemBackward"

    def pull(self, g: Any, record: bool) -> Sequence[Any]:
        steps, types = self.selection.steps, self.selection.types
        for (op, attrs), x, y in zip(steps[::-1], types[-2::-1], types[:0:-1], strict=True):
            if g is not None and op.vjp is not None:
                (g,) = op.vjp(g, y, x, **attrs)
        return (g,)

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        (t,) = tangents
        for (op, attrs), x, y in zip(
            self.selection.steps, self.selection.types, self.selection.types[1:], strict=False
        ):
            if op.jvp is not None:
                t = op.jvp([t], y, x, **attrs)
        return t
