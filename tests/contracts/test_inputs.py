"""Arrays of any layout give the results of plain ones, by both ways in."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.models import chain, graph, layer, numbers, softmax

from graphc.runtime.executable import compile_graph


class Sub(np.ndarray):
    """An array of another class."""


def every_other(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def backwards(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x[::-1])[::-1]


def misaligned(x: np.ndarray) -> np.ndarray:
    raw = bytearray(1) + x.tobytes()
    return np.frombuffer(raw, x.dtype, x.size, 1).reshape(x.shape)


def swapped(x: np.ndarray) -> np.ndarray:
    return x.astype(x.dtype.newbyteorder())


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = [every_other, backwards, misaligned, swapped, read_only, np.asfortranarray, lambda x: x.copy().view(Sub)]
NAMES = ["every other", "backwards", "misaligned", "swapped", "read-only", "fortran", "subclass"]
PROGRAMS = [(chain, ("f32[6,5]", "f32[5]")), (softmax, ("f64[7,9]",)), (layer, ("f32[4,8]", "f32[8,3]"))]


@pytest.mark.parametrize("change", LAYOUTS, ids=NAMES)
@pytest.mark.parametrize(("f", "types"), PROGRAMS, ids=lambda p: getattr(p, "__name__", ""))
def test_layout_does_not_matter(f, types, change):
    run, arrays = compile_graph(graph(f, *types)), numbers(*types)
    want = run(*arrays)
    kept = [a.copy() for a in arrays]
    for way in (run, run.native):
        for a, b in zip(way(*map(change, arrays)), want, strict=True):
            assert type(a) is np.ndarray
            assert a.dtype.isnative
            np.testing.assert_array_equal(a, b)
    for a, b in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("change", LAYOUTS, ids=NAMES)
def test_layout_does_not_matter_with_symbolic_extents(change):
    run = compile_graph(graph(softmax, "f32[n,8]"))
    for n in (1, 5):
        (x,) = numbers("f32[n,8]", n=n)
        np.testing.assert_array_equal(run(change(x))[0], run(x)[0])


def test_repeated_items_and_one_array_twice():
    run = compile_graph(graph(chain, "f32[6,5]", "f32[6,5]"))
    (row,) = numbers("f32[5]")
    wide = np.broadcast_to(row, (6, 5))
    for way in (run, run.native):
        np.testing.assert_array_equal(way(wide, wide)[0], run(wide.copy(), wide.copy())[0])
