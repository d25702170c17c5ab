"""Memory that is used again: which block is taken, how much is kept, what arrays do with it."""

from __future__ import annotations

import ctypes
import gc
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from contracts.child import python

from graphc.codegen.native.array_layout import api_symbols
from graphc.codegen.native.engine import Library
from graphc.codegen.native.memory import MEMORY_EXPORTS, MOST_BYTES, Handler
from graphc.codegen.native.support import memory_module, memory_symbols

BLOCKS = 32
KIB, MIB = 1 << 10, 1 << 20


class Memory:
    """A shelf of its own."""

    def __init__(self) -> None:
        self.handler = Handler()
        self.capsule = self.handler.capsule()
        imports = api_symbols() | {"graphc.handler": id(self.capsule)}
        self.library = Library(memory_module(), MEMORY_EXPORTS, imports)
        self.handler.fill({name: self.library[name] for name in MEMORY_EXPORTS})
        self.take = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_uint64)(self.library["take"])
        self.give = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self.library["give"])
        number, pointer = ctypes.c_int, ctypes.c_void_p
        new = (pointer, number, pointer, number, pointer, pointer, number, number, pointer)
        self._new = ctypes.PYFUNCTYPE(ctypes.py_object, *new)(self.library["new_array"])

    def new(self, shape: tuple[int, ...]) -> np.ndarray:
        """An f32 array with data from the shelf, not cleared."""
        extents = (ctypes.c_int64 * len(shape))(*shape)
        array_type, f32 = api_symbols()["PyArray_Type"], np.dtype("f4").num
        return self._new(array_type, len(shape), ctypes.addressof(extents), f32, None, None, 0, 0, None)


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    memory = Memory()
    yield memory
    gc.collect()


@pytest.fixture(autouse=True)
def empty(memory: Memory) -> None:
    """Blocks of a size that no test asks for push all others out."""
    for block in [memory.take(7 * MIB) for _ in range(BLOCKS)]:
        memory.give(block)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 4 * KIB + 1, 5 * MIB])
def test_blocks_are_apart_and_on_lines_of_their_own(memory: Memory, size: int) -> None:
    blocks = [memory.take(size) for _ in range(4)]
    assert all(b % 64 == 0 for b in blocks)
    for k, b in enumerate(blocks):
        ctypes.memset(b, k + 1, size)
    assert all(bytes((ctypes.c_ubyte * size).from_address(b)) == bytes([k + 1]) * size for k, b in enumerate(blocks))
    for b in blocks:
        memory.give(b)


def test_the_newest_block_that_fits_is_used_again(memory: Memory) -> None:
    old, new, large = memory.take(MIB), memory.take(MIB), memory.take(2 * MIB)
    for block in (old, new, large):
        memory.give(block)
    assert [memory.take(MIB) for _ in range(2)] == [new, old]
    assert memory.take(2 * MIB - 100 * KIB) == large
    for block in (old, new, large):
        memory.give(block)


def test_no_large_block_for_little(memory: Memory) -> None:
    block = memory.take(2 * MIB)
    memory.give(block)
    small = memory.take(MIB)
    assert small != block
    assert memory.take(2 * MIB) == block
    memory.give(small), memory.give(block)


def test_the_shelf_is_bounded(memory: Memory) -> None:
    """So many blocks, so many bytes, of which the oldest go; or one that is larger."""
    blocks = [memory.take(MIB) for _ in range(BLOCKS + 1)]
    for b in blocks:
        memory.give(b)
    again = [memory.take(MIB) for _ in range(BLOCKS)]
    assert again == blocks[:0:-1]
    for b in again:
        memory.give(b)
    halves = [memory.take(MOST_BYTES // 2) for _ in range(3)]
    for b in halves:
        memory.give(b)
    assert [memory.take(MOST_BYTES // 2) for _ in range(2)] == halves[:0:-1]
    for b in halves[1:]:
        memory.give(b)
    huge = memory.take(MOST_BYTES + MIB)
    memory.give(huge)
    assert memory.take(MOST_BYTES + MIB) == huge
    memory.give(huge)
    small = memory.take(MIB)
    memory.give(small)
    assert memory.take(MIB) == small
    memory.give(small)
    tracemalloc.start()
    other = memory.take(MOST_BYTES + MIB)
    assert tracemalloc.get_traced_memory()[0] > MOST_BYTES  # the small one has pushed out the huge one
    memory.give(other)
    memory.give(memory.take(KIB))
    assert tracemalloc.get_traced_memory()[0] < MIB
    tracemalloc.stop()


def test_huge_results_are_not_kept(memory: Memory) -> None:
    tracemalloc.start()
    a = memory.new((MOST_BYTES // 4 + MIB,))
    assert tracemalloc.get_traced_memory()[0] > MOST_BYTES
    del a
    assert tracemalloc.get_traced_memory()[0] < MIB
    tracemalloc.stop()


@pytest.mark.parametrize("size", [1 << 60, (1 << 64) - 1, (1 << 64) - 64])
def test_too_much_is_refused(memory: Memory, size: int) -> None:
    assert memory.take(size) is None


def test_arrays_give_their_data_back(memory: Memory) -> None:
    a = memory.new((MIB,))
    place, a[:] = a.ctypes.data, 3
    assert a.flags.owndata and a.flags.writeable and a.base is None
    view = a[5:]
    del a
    assert memory.new((MIB,)).ctypes.data != place
    assert view.sum() == 3 * (MIB - 5)
    del view
    assert memory.new((MIB,)).ctypes.data == place


def test_arrays_grow_and_shrink(memory: Memory) -> None:
    a = memory.new((MIB,))
    a[:] = 3
    for size in (100, MIB // 2, 4 * MIB, 10):
        a.resize(size)
        assert a[0] == a[9] == 3 and a.shape == (size,)
    a.resize(4 * MIB)
    assert not a[10:].any()


def test_only_one_allocation_is_taken_from_here(memory: Memory) -> None:
    name = np._core.multiarray.get_handler_name
    assert name(memory.new((3,))) == "graphc"
    assert name() == name(np.zeros(3)) == "default_allocator"
    with pytest.raises(MemoryError):
        memory.new((1 << 50,))
    assert name() == "default_allocator"


def test_one_library_for_the_process() -> None:
    assert memory_symbols() is memory_symbols()


OUTLIVING = """
import atexit, numpy as np, graphc as gx
f = gx.jit(lambda x: x + 1)
large = np.ones(9 << 20, "f4")
results = [f(large) for _ in range(3)]
atexit.register(lambda: print(results[0][5], f(large)[7]))
del f.__wrapped__
gx.result = results
"""


def test_large_results_outlive_everything() -> None:
    assert python(OUTLIVING).split() == ["2.0", "2.0"]
