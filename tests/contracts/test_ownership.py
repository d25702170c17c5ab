"""Who owns what: results share nothing, nothing leaks, executables go when they are dropped."""

from __future__ import annotations

import gc
import itertools
import resource
import sys
import weakref

import numpy as np
import pytest
from contracts.models import chain, graph, layer, mirrored, numbers, softmax, with_table

from graphc.errors import GraphcError
from graphc.runtime.executable import compile_graph

RUNS = 10_000


@pytest.mark.parametrize("level", ["O0", "O1", "O3"])
@pytest.mark.parametrize("extent", ["4", "n"])
def test_results_share_storage_with_nothing(level, extent):
    run = compile_graph(graph(with_table, f"f64[{extent},3]"), level)
    (x,) = numbers("f64[4,3]")
    first = run(x)
    for a, b in itertools.combinations((x, *first), 2):
        assert not np.shares_memory(a, b)
    kept = [a.copy() for a in first]
    for a in first:
        a[...] = -7
    for a, b in zip(run(x), kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_of_the_native_entry_share_nothing():
    run = compile_graph(graph(with_table, "f64[4,3]")).native
    (x,) = numbers("f64[4,3]")
    for a, b in itertools.combinations((x, *run(x), *run(x)), 2):
        assert not np.shares_memory(a, b)


def peak() -> int:
    """The largest memory of the process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("way", ["call", "native"])
def test_memory_is_flat(way):
    types = ("f32[32,32]", "f32[32]")
    executable, arrays = compile_graph(graph(chain, *types)), numbers(*types)
    run = executable.native if way == "native" else executable
    counts = [sys.getrefcount(a) for a in arrays]
    for _ in range(RUNS // 10):
        run(*arrays)
    before = peak()
    for _ in range(RUNS):
        run(*arrays)
    assert peak() - before < RUNS * 128  # a result has 4 kB
    assert [sys.getrefcount(a) for a in arrays] == counts


def test_failed_calls_leak_no_references():
    run, x = compile_graph(graph(softmax, "f32[7,9]")).native, np.zeros((3, 3), "f4")
    count = sys.getrefcount(x)
    for _ in range(100):
        with pytest.raises(GraphcError):
            run(x)
    assert sys.getrefcount(x) == count


@pytest.mark.parametrize("types", [("f32[4,8]", "f32[8,3]"), ("f32[n,8]", "f32[8,3]")], ids=["static", "symbolic"])
def test_a_dropped_executable_is_freed(types):
    run = compile_graph(graph(layer, *types))
    run(*numbers(*types, n=4))
    gone = weakref.ref(run), weakref.ref(run.native.__self__)
    del run
    gc.collect()
    assert [r() for r in gone] == [None, None]


def test_the_native_entry_outlives_its_executable():
    run = compile_graph(graph(mirrored, "f64[9]"))
    (x,) = numbers("f64[9]")
    want, native = run(x), run.native
    del run
    gc.collect()
    np.testing.assert_array_equal(native(x)[0], want[0])
    np.testing.assert_array_equal(native(x[::-1])[0], native(x[::-1].copy())[0])
