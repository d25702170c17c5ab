"""Which memory was changed in place, and when: on the clock that also numbers the nodes of the tape.

A value that a node keeps is stale if its memory changed after the node was numbered.  Recording pays nothing for this:
memory that was never changed is not known here, and is forgotten when it is freed.
"""

from __future__ import annotations

import weakref
from itertools import count
from typing import Any

import numpy as np

from graphc.records import dataclass

Array = np.ndarray[Any, Any]

next_number = count(1).__next__
"""The clock."""


@dataclass(slots=True)
class _Change:
    memory: weakref.ref[Array]
    times: int
    last: int


_changes: dict[int, _Change] = {}


def memory(array: Array) -> Array:
    """The array that owns the items of a view, or the first one around memory that is not NumPy's."""
    owner: Any = array
    while (owner := getattr(owner, "base", None)) is not None:
        if isinstance(owner, np.ndarray):
            array = owner
    return array


def changed(array: Array) -> None:
    """Note that the memory of an array was changed just now."""
    owner = memory(array)
    key = id(owner)
    if key not in _changes:
        _changes[key] = _Change(weakref.ref(owner, lambda _: _changes.pop(key, None)), 0, 0)
    _changes[key].times += 1
    _changes[key].last = next_number()


def last_change(array: Array) -> int:
    """When that was, 0 for never."""
    known = _changes.get(id(memory(array))) if _changes else None
    return 0 if known is None else known.last


def version(array: Array) -> int:
    """How often the memory was changed in place."""
    known = _changes.get(id(memory(array)))
    return 0 if known is None else known.times
