"""The collector waits while something is compiled, and goes on whatever happens."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import graphc as gx
from graphc.runtime.collection import collection_paused


@pytest.fixture(autouse=True)
def collecting():
    assert gc.isenabled()
    yield
    gc.enable()


def test_tracing_and_compiling_are_not_interrupted():
    seen = []
    f = gx.jit(lambda x: (seen.append(gc.isenabled()), x + 1)[1])
    f(np.ones(3))
    assert seen == [False] and gc.isenabled()


def test_a_mistake_does_not_leave_it_off():
    with pytest.raises(gx.errors.ConcretizationError):
        gx.jit(lambda x: x if x.sum() > 0 else -x)(np.ones(3))
    assert gc.isenabled()


def test_who_wants_none_gets_none():
    gc.disable()
    gx.jit(lambda x: x + 1)(np.ones(3))
    assert not gc.isenabled()


def test_blocks_nest():
    with collection_paused():
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
