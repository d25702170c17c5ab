"""One compilation for every size, memory as planned, and errors that leave everything usable."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.child import python
from contracts.models import graph, histogram, layer, mirrored, numbers, pick, softmax, statistics
from roads import reference

from graphc.errors import FeedError, OutOfRangeError
from graphc.runtime import executable
from graphc.runtime.executable import compile_graph


class Counted(executable.Library):
    """Linked code that counts itself."""

    made = 0

    def __init__(self, *args, **options):
        Counted.made += 1
        super().__init__(*args, **options)


@pytest.mark.parametrize(
    ("f", "types"),
    [(softmax, ("f32[n,8]",)), (layer, ("f32[n,8]", "f32[8,3]")), (statistics, ("f64[5,n]",)), (mirrored, ("f64[n]",))],
    ids=lambda p: getattr(p, "__name__", ""),
)
def test_fifty_sizes_and_one_compilation(f, types, monkeypatch):
    monkeypatch.setattr(executable, "Library", Counted)
    monkeypatch.setattr(Counted, "made", 0)
    g = graph(f, *types)
    run = compile_graph(g)
    for n in range(50):
        arrays = numbers(*types, n=n)
        for a, b in zip(run(*arrays), reference(g, arrays), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert Counted.made == 1


PEAK = """
import tracemalloc
from contracts.models import *
from graphc.runtime.executable import compile_graph
n = int(input())
run, arrays = compile_graph(graph(mirrored, "f64[n]")), numbers("f64[n]", n=n)
run(*numbers("f64[n]", n=2))
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
for _ in range(3):
    results = run(*arrays)
held = tracemalloc.get_traced_memory()[0] - before - sum(a.nbytes for a in results)
assert run.peak_bytes({"n": n}) >= 8 * n
assert 0 <= held - run.peak_bytes({"n": n}) < 8000, held  # beside the arena: its head, the block of extents
"""


@pytest.mark.parametrize("n", [10_000, 30_000])
def test_peak_bytes_is_what_is_allocated(n):
    """In a process of its own, which has no memory from other runs to use again; results are too small to be kept."""
    python(PEAK, text=str(n))


GOOD, BAD = np.array([0, 4, -5, -1]), [np.array([0, 4, 5, -1]), np.array([0, -6, 0, 0]), np.array([2**62, 0, 0, 0])]


@pytest.mark.parametrize("bad", BAD, ids=["above", "below", "far"])
@pytest.mark.parametrize(("f", "types"), [(pick, ("f32[5]", "i64[4]")), (histogram, ("f32[4]", "i64[4]"))])
@pytest.mark.parametrize("extent", ["4", "n"])
def test_an_index_outside_raises_and_harms_nothing(f, types, extent, bad):
    types = tuple(t.replace("[4]", f"[{extent}]") for t in types)
    run = compile_graph(graph(f, *types))
    x = numbers(types[0], n=4)[0]
    want = run(x, GOOD)[0]
    for way in (run, *filter(None, [run.native])):
        with pytest.raises(OutOfRangeError) as raised:
            way(x, bad)
        assert raised.value.loc.function == f.__name__
        assert raised.value.loc.line == f.__code__.co_firstlineno + 1
        np.testing.assert_array_equal(way(x, GOOD)[0], want)


def test_a_misfit_raises_and_harms_nothing():
    run = compile_graph(graph(layer, "f32[n,8]", "f32[8,n]"))
    x, w = numbers("f32[n,8]", "f32[8,n]", n=4)
    want = run(x, w)[0]
    with pytest.raises(FeedError, match="n = 3"):
        run(x[:3], w)
    np.testing.assert_array_equal(run(x, w)[0], want)
