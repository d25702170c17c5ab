"""Indexing by integers and slices with little overhead: the operations that it takes are found once and remembered.

They are found by `graphc.numpy.indexing`, which serves all kinds of tensors: it is run on a recorder.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from graphc.eager.view import Step
from graphc.ir.primitive import Primitive
from graphc.ir.types import Type
from graphc.numpy.array import Array
from graphc.numpy.indexing import getitem


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


@lru_cache(maxsize=4096)
def plan(dtype: str, shape: tuple[int, ...], items: tuple[Any, ...]) -> tuple[Step, ...]:
    """The primitives behind an index that `plain` has made hashable. Raises IndexingError for one out of range."""
    recorder = _Recorder(Type(dtype, shape), [])
    getitem(recorder, tuple(slice(*k) if isinstance(k, tuple) else k for k in items))
    return tuple(recorder.steps)


class _Recorder(Array):
    """A tensor without numbers, which notes what is done to it."""

    __slots__ = ("_type", "steps")

    def __init__(self, type_: Type, steps: list[Step]) -> None:
        self._type = type_
        self.steps = steps

    @property
    def type(self) -> Type:
        return self._type

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[_Recorder, ...], attrs: dict[str, Any]) -> _Recorder:
        (x,) = args
        x.steps.append((op, attrs))
        return _Recorder(op.infer(x.type, **attrs), x.steps)
