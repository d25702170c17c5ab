"""Variables as native code sees them: for each an array to read, and a spare one that the next update is written to.

A run that succeeds swaps the two, so that an update allocates nothing, and a run that fails has changed nothing.  An
array is written to only while nobody but this table refers to it: whoever holds a value keeps it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"
ROW = 16  # bytes: the address of the current array, that of the spare one
OPEN, CLOSED = 0, 1  # what the gate says for all threads; any other number lets in updates of the thread so numbered
_ALONE = 2  # references to an array that only the table holds: the table's, and the one that asks


class State:
    """The current arrays by number.  All of them are read, or replaced, in one step under the interpreter lock.

    The arrays are contiguous and of NumPy's own types; native code does not look again.
    """

    def __init__(self, values: Sequence[Array]) -> None:
        self._table = np.empty((len(values), 2), object)
        self._gate = np.full(1, OPEN, np.uint64)
        self._table[:, 0] = _objects(values)

    def row(self, n: int) -> int:
        """The address of the pair of variable n."""
        return int(self._table.ctypes.data) + ROW * n

    @property
    def gate(self) -> int:
        """The address of the word that native code looks at."""
        return int(self._gate.ctypes.data)

    @property
    def is_closed(self) -> bool:
        return bool(self._gate[0] == CLOSED)

    def lets_in(self, thread: int) -> bool:
        """Whether this thread may update in several steps."""
        return bool(self._gate[0] == thread)

    def let_in(self, whom: int) -> int:
        """Updates of one thread, or of all (OPEN); whom it was before.  Readers always come in, until it is closed."""
        before = int(self._gate[0])
        if before != CLOSED:
            self._gate[0] = whom
        return before

    def close(self) -> None:
        """Let go of all arrays."""
        self._gate[0] = CLOSED
        self._table[:] = None

    def values(self) -> list[Array]:
        """All current arrays; not to be written to."""
        arrays: list[Array] = self._table[:, 0].tolist()
        return arrays

    def store(self, numbers: Sequence[int], values: Sequence[Array]) -> None:
        """Replace several arrays at once; they are handed over."""
        self._table[list(numbers), 0] = _objects(values)

    def prepare(self, numbers: Sequence[int]) -> None:
        """See to it that these variables have a spare array which nobody else refers to."""
        for n in numbers:
            if self._table[n, 1] is None or sys.getrefcount(self._table[n, 1]) > _ALONE:
                self._table[n, 1] = np.empty_like(self._table[n, 0])


def _objects(values: Sequence[Array]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Arrays as items, whatever their shapes."""
    items = np.empty(len(values), object)
    for k, value in enumerate(values):
        items[k] = value
    return items
