"""Symbolic extents that were bound before: native code binds them again by itself."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from codegen.entries import Bind, raise_status, slow
from contracts.models import graph, layer

from graphc.codegen.native.entry import (
    ArrayType,
    Bindings,
    Cell,
    EntrySpec,
    Input,
    Number,
    Otherwise,
    Output,
    PythonEntry,
)
from graphc.codegen.native.extents import ROWS, row_of
from graphc.runtime.executable import Native, compile_graph


class Extents:
    """An entry of x[n, 3] and y[m, n] that copies x, and the blocks of some extents."""

    spec = EntrySpec(
        inputs=(ArrayType("f32", (Cell(0), 3)), ArrayType("f64", (Cell(1), Cell(0)))),
        outputs=(ArrayType("f32", (Cell(2), Cell(3))),),
        words=(Input(0), Output(0), Cell(4), Number(0)),
        is_single=True,
    )

    def __init__(self, bind: Bind) -> None:
        self.block, self.blocks = np.full(5, -1), np.full((ROWS, 5), -1)
        places = {"block": self.block.ctypes.data, "blocks": self.blocks.ctypes.data}
        self.call = bind(self.spec, Bindings(Otherwise(slow), raise_status, **places))

    def remember(self, n: int, m: int) -> None:
        """The extents stand in the order n, m, n in the axes of the inputs."""
        self.blocks[row_of((n, m, n))] = n, m, n, 3, 12 * n

    def fits(self, n: int, m: int) -> bool:
        x = np.arange(3 * n, dtype="f4").reshape(n, 3)
        found = self.call(x, np.zeros((m, n)))
        return type(found) is np.ndarray and np.array_equal(found, x)


@pytest.fixture
def extents(bind: Bind) -> Extents:
    made = Extents(bind)
    if isinstance(made.call, PythonEntry):
        pytest.skip("Python binds extents itself")
    return made


def test_what_was_bound_before_is_bound_again(extents: Extents) -> None:
    assert not extents.fits(2, 5)
    for n, m in ((2, 5), (4, 5), (0, 0), (2, 6)):
        extents.remember(n, m)
    for n, m in [(2, 5), (4, 5), (2, 5), (0, 0), (2, 6), (4, 5)] * 3:
        assert extents.fits(n, m)
        assert extents.block.tolist() == [n, m, n, 3, 12 * n]
    assert not extents.fits(5, 2) and not extents.fits(4, 6)


def test_strided_arrays_are_bound_too(extents: Extents) -> None:
    extents.remember(2, 5), extents.remember(4, 5)
    for n in (2, 4, 2):
        x = np.asfortranarray(np.arange(3 * n, dtype="f4").reshape(n, 3))
        np.testing.assert_array_equal(extents.call(x, np.zeros((n, 5)).T), x)


def test_misfits_change_nothing(extents: Extents) -> None:
    extents.remember(2, 5), extents.remember(4, 5)
    assert extents.fits(2, 5)
    x, y = np.zeros((4, 3), "f4"), np.zeros((5, 4))
    for args in (
        (),
        (x,),
        (x, y, y),
        (x, None),
        (None, y),
        (x, 1.0),
        (x, y[0]),
        (x[None], y),
        (x, np.zeros((5, 2))),
        (x[:, :2], np.zeros((5, 3))),
    ):
        assert extents.call(*args)[0] == "slow"
        assert extents.block[0] == 2
    assert extents.call(x, y=y)[0] == "slow" and extents.block[0] == 2
    assert extents.call(x.astype("f8"), y)[0] == "slow"  # its extents are known, its type is not
    assert extents.fits(2, 5)


def test_rows_are_spread() -> None:
    """Multiples of powers of two, as sizes of batches are, do not meet in few rows."""
    for step in (1, 8, 64, 1024, 1 << 20):
        assert len({row_of([step * k]) for k in range(ROWS)}) > ROWS // 3
    assert all(0 <= row_of([2**62 + k, k]) < ROWS for k in range(1000))


def test_every_size_of_many() -> None:
    """More sizes than rows: each that was bound is right, whether its row was taken over or not."""
    run = compile_graph(graph(layer, "f32[n,8]", "f32[8,3]"))
    rng = np.random.default_rng(0)
    w = rng.normal(size=(8, 3)).astype("f4")
    for n in [*range(200), *range(0, 200, 7), *range(199, 0, -3)]:
        x = rng.normal(size=(n, 8)).astype("f4")
        np.testing.assert_allclose(run.native(x, w)[0], np.tanh(x @ w), rtol=1e-4, atol=1e-6)


def test_sizes_in_turn_stay_in_native_code() -> None:
    run = compile_graph(graph(layer, "f32[n,8]", "f32[8,3]"))
    w, sizes = np.ones((8, 3), "f4"), (1, 2, 30, 400)
    arrays: list[Any] = [np.ones((n, 8), "f4") for n in sizes]
    first = [run.native(x, w)[0] for x in arrays]
    with patch.object(Native, "set_extents", side_effect=AssertionError):
        for _ in range(3):
            for x, wanted in zip(arrays, first, strict=True):
                np.testing.assert_array_equal(run.native(x, w)[0], wanted)
