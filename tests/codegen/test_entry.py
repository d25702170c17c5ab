"""The native entry: what it accepts, what it hands to the slow path, what it returns, and whom it owns."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import numpy as np
import pytest

from graphc.codegen.native.array_layout import layout_is_known
from graphc.codegen.native.emit_entry import entry_text
from graphc.codegen.native.engine import host
from graphc.codegen.native.entry import (
    Address,
    Arena,
    ArrayType,
    Bindings,
    Cell,
    Current,
    EntrySpec,
    Input,
    Number,
    Otherwise,
    Output,
    PythonEntry,
    Spare,
    bind_entry,
    link_entry,
)
from graphc.codegen.native.memory import LARGE
from graphc.codegen.native.state import CLOSED, OPEN, State

F = ArrayType("f32", (2, 3))
HALF = ArrayType("f16", (5,))

# words: source, destination, bytes, status to return
COPY = """
define i32 @run(ptr %words, ptr %fork) {
  %from.at = getelementptr ptr, ptr %words, i64 0
  %to.at = getelementptr ptr, ptr %words, i64 1
  %size.at = getelementptr i64, ptr %words, i64 2
  %status.at = getelementptr i64, ptr %words, i64 3
  %from = load ptr, ptr %from.at, align 8
  %to = load ptr, ptr %to.at, align 8
  %size = load i64, ptr %size.at, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
  %wide = load i64, ptr %status.at, align 8
  %status = trunc i64 %wide to i32
  ret i32 %status
}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)
"""

# words: the address of a flag, how often to look at it
SPIN = """
define i32 @run(ptr %words, ptr %fork) {
entry:
  %flag.at = getelementptr ptr, ptr %words, i64 0
  %count.at = getelementptr i64, ptr %words, i64 1
  %flag = load ptr, ptr %flag.at, align 8
  %count = load i64, ptr %count.at, align 8
  br label %look
look:
  %left = phi i64 [%count, %entry], [%fewer, %again]
  %seen = load volatile i64, ptr %flag, align 8
  %set = icmp ne i64 %seen, 0
  br i1 %set, label %yes, label %again
again:
  %fewer = sub i64 %left, 1
  %more = icmp ne i64 %fewer, 0
  br i1 %more, label %look, label %no
yes:
  ret i32 0
no:
  ret i32 1
}
"""


@contextmanager
def switched_by_hand() -> Iterator[None]:
    """No other Python thread gets its turn unless the running one lets go of the interpreter."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def slow(*args: Any, **named: Any) -> tuple[Any, ...]:
    return ("slow", args, named) if named else ("slow", args)


def raise_status(status: int) -> None:
    raise IndexError(f"site {status}")


DEFAULT = Bindings(Otherwise(slow), raise_status)


def copy_spec(t: ArrayType = F, size: int = 24, status: int = 0, **options: Any) -> EntrySpec:
    words = Input(0), Output(0), Number(size), Number(status)
    return EntrySpec((t,), (t,), words, **{"is_single": True, **options})


Bind = Callable[..., Callable[..., Any]]


@pytest.fixture(params=["native", "python"])
def bind(request: pytest.FixtureRequest) -> Bind:
    """Builds the callable of a spec in either form."""

    def make(spec: EntrySpec, bindings: Bindings = DEFAULT, keep: Any = None) -> Any:
        library = link_entry(COPY + entry_text(spec), spec, bindings)
        form = bind_entry if request.param == "native" else PythonEntry
        return form(library, spec, bindings, keep)

    return make


def test_this_layout_is_known() -> None:
    assert layout_is_known()


@pytest.mark.parametrize("dtype", ["bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "f32", "f64"])
def test_every_dtype_is_copied(bind: Bind, dtype: str) -> None:
    kind = np.dtype("?" if dtype == "bool" else f"{dtype[0]}{int(dtype[1:]) // 8}")
    x = np.arange(5).astype(kind)
    got = bind(copy_spec(ArrayType(dtype, (5,)), x.nbytes))(x)
    np.testing.assert_array_equal(got, x)
    assert got.dtype == kind
    assert type(got) is np.ndarray
    assert got is not x
    assert got.flags.owndata


@pytest.mark.parametrize("shape", [(), (0,), (4, 0, 2), (1, 1, 1, 1, 3)])
def test_every_rank(bind: Bind, shape: tuple[int, ...]) -> None:
    x = np.ones(shape, "f4")
    got = bind(copy_spec(ArrayType("f32", shape), x.nbytes))(x)
    assert type(got) is np.ndarray
    assert got.shape == shape
    np.testing.assert_array_equal(got, x)


class Sub(np.ndarray[Any, Any]):
    pass


MISFITS = {
    "dtype": np.zeros((2, 3), "f8"),
    "byte order": np.zeros((2, 3), ">f4"),
    "shape": np.zeros((3, 2), "f4"),
    "rank": np.zeros(6, "f4"),
    "other order and shape": np.zeros((2, 4), "f4", order="F"),
    "dtype with metadata": np.zeros((2, 3), np.dtype("f4", metadata={"unit": "m"})),
    "subclass": np.zeros((2, 3), "f4").view(Sub),
    "list": [[1.0]],
    "scalar": np.float32(1),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_exactly_takes_the_slow_path(bind: Bind, name: str) -> None:
    kind, (found,) = bind(copy_spec())(MISFITS[name])
    assert kind == "slow"
    assert type(found) is type(MISFITS[name])
    np.testing.assert_array_equal(found, MISFITS[name])


NUMBERS = np.arange(6, dtype="f4").reshape(2, 3)
STRANGE = {
    "order": np.asfortranarray(NUMBERS),
    "strides": np.repeat(NUMBERS, 2, axis=1)[:, ::2],
    "backwards": NUMBERS[::-1, ::-1].copy()[::-1, ::-1],
    "alignment": np.frombuffer(b"\0" + NUMBERS.tobytes(), "f4", 6, 1).reshape(2, 3),
    "broadcast": np.broadcast_to(NUMBERS[:1], (2, 3)),
}


@pytest.mark.parametrize("name", STRANGE)
def test_any_strides(bind: Bind, name: str) -> None:
    x = STRANGE[name]
    count = sys.getrefcount(x)
    found = bind(copy_spec())(x)
    np.testing.assert_array_equal(found, x)
    both = EntrySpec((F, F), (F,), copy_spec().words, is_single=True)
    np.testing.assert_array_equal(bind(both)(x, NUMBERS), x)
    assert bind(both)(x, 3)[0] == "slow"
    assert sys.getrefcount(x) == count


def test_the_number_of_arguments_is_checked(bind: Bind) -> None:
    f, x = bind(copy_spec()), np.zeros((2, 3), "f4")
    assert f() == ("slow", ())
    assert f(x, x)[0] == "slow"


def test_an_error_of_the_slow_path_is_raised(bind: Bind) -> None:
    def refuse(*_: Any) -> None:
        raise TypeError("no such input")

    with pytest.raises(TypeError, match="no such input"):
        bind(copy_spec(), Bindings(Otherwise(refuse), raise_status))(3)


def test_a_status_is_raised(bind: Bind) -> None:
    f, x = bind(copy_spec(status=7)), np.zeros((2, 3), "f4")
    for _ in range(3):
        with pytest.raises(IndexError, match="site 7"):
            f(x)


def test_a_failed_allocation_is_raised(bind: Bind) -> None:
    huge = ArrayType("f32", (1 << 50,))
    x, words = np.zeros((2, 3), "f4"), copy_spec().words
    for recycles in (0, 1):
        with pytest.raises(MemoryError):
            bind(EntrySpec((F,), (F, huge), words, recycles=recycles))(x)
    with pytest.raises(MemoryError):
        bind(copy_spec(arena=1 << 60))(x)


def test_every_kind_of_result(bind: Bind) -> None:
    x = np.ones((2, 3), "f4")
    words = copy_spec().words
    assert type(bind(copy_spec())(x)) is np.ndarray
    for container in (tuple, list):
        bindings = Bindings(Otherwise(slow), raise_status, container=container)
        (one,) = found = bind(copy_spec(is_single=False), bindings)(x)
        assert type(found) is container
        np.testing.assert_array_equal(one, x)
        first, second = found = bind(EntrySpec((F,), (F, HALF), words), bindings)(x)
        assert type(found) is container
        np.testing.assert_array_equal(first, x)
        assert second.shape == (5,)
        assert bind(EntrySpec((F,), (), (Input(0), Input(0), Number(24), Number(0))), bindings)(x) == container()


def test_arguments_by_name_take_the_slow_path(bind: Bind) -> None:
    x = np.ones((2, 3), "f4")
    assert bind(copy_spec())(x, y=3) == ("slow", (x,), {"y": 3})


def test_the_slow_path_may_be_exchanged(bind: Bind) -> None:
    other = Otherwise(slow)
    f = bind(copy_spec(), Bindings(other, raise_status))
    assert f(1) == ("slow", (1,))
    other.function = lambda *args: args
    gc.collect()
    assert f(1) == (1,)


def test_arena_and_addresses_are_words(bind: Bind) -> None:
    """Constant to arena: the copy must not touch anything else, and the arena is a line of its own."""
    constant = np.arange(6, dtype="f4")
    words = (Address(constant.ctypes.data), Arena(64), Number(24), Number(0))
    f = bind(EntrySpec((), (), words, arena=128))
    assert f() == ()
    back = EntrySpec((), (F,), (Arena(0), Output(0), Number(24), Number(0)), is_single=True, arena=128)
    assert bind(back)().shape == (2, 3)


def test_cells_are_read_at_every_call(bind: Bind) -> None:
    """Shapes, sizes, the place in the arena and every decision may change between two calls."""
    block = np.zeros(8, np.int64)
    types = ArrayType("f32", (Cell(0),)), ArrayType("f32", (Cell(1),))
    words = Input(0), Output(0), Cell(2), Number(0), Arena(Cell(3))
    options = {"arena": Cell(4), "releases": Cell(5), "recycles": Cell(6), "is_single": True}
    spec = EntrySpec(types[:1], types[1:], words, **options)
    f = bind(spec, Bindings(Otherwise(slow), raise_status, block=block.ctypes.data))
    for n in (3, 5, 0, 3):
        for decision in (0, 1):
            block[:7] = n, n, 4 * n, 64, 4096 * n, decision, decision
            x = np.arange(n, dtype="f4")
            np.testing.assert_array_equal(f(x), x)
            assert f(np.zeros(n + 1, "f4"))[0] == "slow"


# ---------------------------------------------------------------------------------------------------------- variables


def stored(status: int = 0, **options: Any) -> EntrySpec:
    """The argument becomes the value of variable 1."""
    words = Input(0), Spare(1), Number(24), Number(status)
    return EntrySpec((F,), (), words, **options)


READ = EntrySpec((), (F,), (Current(1), Output(0), Number(24), Number(0)), is_single=True)


def state_of(*values: float) -> State:
    state = State([np.full((2, 3), v, "f4") for v in values])
    state.prepare(range(len(values)))
    return state


def let_in(state: State) -> State:
    """Open for this thread."""
    state.let_in(get_ident())
    return state


@pytest.mark.parametrize("releases", [0, 1])
def test_a_variable_is_read_and_stored(bind: Bind, releases: int) -> None:
    state = let_in(state_of(7, 8))
    bindings = Bindings(Otherwise(slow), raise_status, state=state)
    read, store = bind(READ, bindings), bind(stored(releases=releases), bindings)
    for k in range(4):
        before = read()
        assert store(np.full((2, 3), k, "f4")) == ()
        assert read()[0, 0] == state.values()[1][0, 0] == k
        assert before[0, 0] == (k - 1 if k else 8)
    assert state.values()[0][0, 0] == 7


def test_a_failed_run_stores_nothing(bind: Bind) -> None:
    state = let_in(state_of(7, 8))
    with pytest.raises(IndexError):
        bind(stored(3), Bindings(Otherwise(slow), raise_status, state=state))(np.zeros((2, 3), "f4"))
    assert [v[0, 0] for v in state.values()] == [7, 8]


def test_a_value_that_somebody_holds_is_not_written_to(bind: Bind) -> None:
    state = let_in(state_of(7, 8))
    store = bind(stored(), Bindings(Otherwise(slow), raise_status, state=state))
    held, ones = state.values()[1], np.ones((2, 3), "f4")
    store(ones)
    if store(ones) == ("slow", (ones,)):  # native: what was the value is now the spare array, and held
        state.prepare([1])
        assert store(ones) == ()
    assert held[0, 0] == 8


@pytest.mark.parametrize("releases", [0, 1, Cell(0)], ids=str)
@pytest.mark.parametrize("decision", [0, 1])
def test_who_is_let_in(bind: Bind, releases: int | Cell, decision: int) -> None:
    """An update in one step while the gate is open, one in several steps where it is open for this thread only."""
    state, block = state_of(7, 8), np.full(1, decision)
    bindings = Bindings(Otherwise(slow), raise_status, state=state, block=block.ctypes.data)
    read, store = bind(READ, bindings), bind(stored(releases=releases), bindings)
    x, several = np.ones((2, 3), "f4"), bool(decision if isinstance(releases, Cell) else releases)
    for whom, is_in in (
        (OPEN, not several and not isinstance(store, PythonEntry)),
        (get_ident(), True),
        (12345, False),
    ):
        state.let_in(whom)
        assert store(x) == (() if is_in else ("slow", (x,)))
        assert read().shape == (2, 3)
    state.close()
    assert state.let_in(get_ident()) == CLOSED
    assert store(x) == ("slow", (x,))
    assert read() == ("slow", ())


def test_variables_that_nobody_needs_are_freed(bind: Bind) -> None:
    state = let_in(state_of(7, 8))
    store = bind(stored(releases=1), Bindings(Otherwise(slow), raise_status, state=state))
    gone = weakref.ref(state.values()[1])
    store(np.ones((2, 3), "f4"))
    state.close()
    assert gone() is None


# ------------------------------------------------------------------------------------------------------------- memory


def test_large_results_are_arrays_like_all_others(bind: Bind) -> None:
    f, x = bind(copy_spec(recycles=1)), np.ones((2, 3), "f4")
    y = f(x)
    assert y.flags.owndata and y.base is None
    y.resize((40, 3))
    np.testing.assert_array_equal(y[:2], x)
    assert not y[2:].any()


def test_the_data_of_large_results_is_used_again(bind: Bind) -> None:
    t = ArrayType("u8", (LARGE,))
    f, x = bind(copy_spec(t, 100, recycles=1)), np.ones(LARGE, "u1")
    if isinstance(f, PythonEntry):
        pytest.skip("Python takes memory from NumPy")
    first = f(x)
    place = first.ctypes.data
    second = f(x)
    assert second.ctypes.data != place
    del first
    third = f(x)
    assert third.ctypes.data == place
    assert third[:100].all() and second[:100].all()


def test_other_threads_run_only_where_it_says_so(bind: Bind) -> None:
    """`run` spins until another thread has set a flag, or for a long while."""
    if isinstance(bind(copy_spec()), PythonEntry):
        pytest.skip("ctypes holds the interpreter lock")
    flag = np.zeros(1, np.int64)
    words = Address(flag.ctypes.data), Number(1 << 28)
    for releases, status in ((0, 1), (1, 0)):
        flag[0] = 0
        spec = EntrySpec((), (), words, releases=releases)
        bindings = Bindings(Otherwise(slow), lambda status: status)
        f = bind_entry(link_entry(SPIN + entry_text(spec), spec, bindings), spec, bindings)
        started = threading.Event()

        def raise_flag(started: threading.Event = started) -> None:
            started.wait()
            flag[0] = 1

        other = threading.Thread(target=raise_flag)
        other.start()
        with switched_by_hand():
            started.set()
            assert f() == (status or ())
        other.join()


def test_reference_counts_stay_flat(bind: Bind) -> None:
    """A hundred thousand calls of every path leave no reference behind, and none too few."""
    if isinstance(bind(copy_spec()), PythonEntry):
        pytest.skip("Python counts its own references")
    x, wrong, odd = np.zeros((2, 3), "f4"), np.zeros(3), STRANGE["strides"]
    spec = EntrySpec((F,), (F, F), copy_spec().words, arena=100, releases=1)
    state = let_in(state_of(1, 2))
    bindings = Bindings(Otherwise(slow), raise_status, state=state)
    f, failing = bind(spec, bindings), bind(copy_spec(status=3), bindings)
    store, large = bind(stored(releases=1), bindings), bind(copy_spec(recycles=1, is_single=False), bindings)

    def counts() -> list[int]:
        gc.collect()
        objects = (x, wrong, odd, state.values()[1], x.dtype, np.ndarray, slow, raise_status, None)
        return [sys.getrefcount(o) for o in objects]

    before, blocks = counts(), sys.getallocatedblocks()
    for _ in range(100_000):
        f(x)
    for _ in range(10_000):
        f(wrong), store(x), large(x), f(odd)
    for _ in range(1000):
        with pytest.raises(IndexError):
            failing(x)
    after = counts()
    assert all(abs(a - b) < 50 for a, b in zip(after, before, strict=True)), (before, after)
    assert sys.getallocatedblocks() - blocks < 500


def test_outputs_are_freed(bind: Bind) -> None:
    f, x = bind(copy_spec()), np.zeros((2, 3), "f4")
    held = [weakref.ref(f(x)) for _ in range(5)]
    assert all(r() is None for r in held)


def test_the_callable_owns_the_library_and_what_it_keeps(bind: Bind) -> None:
    class Kept:
        pass

    kept = Kept()
    gone = weakref.ref(kept)
    f = bind(copy_spec(), keep=kept)
    del kept
    gc.collect()
    assert gone() is not None
    assert f(np.ones((2, 3), "f4")).sum() == 6
    del f
    gc.collect()
    assert gone() is None


def test_the_text_holds_no_address_of_this_process() -> None:
    def made() -> str:
        constant = np.zeros(3)
        words = (Address(constant.ctypes.data), *copy_spec().words[1:], Arena(8), Spare(2))
        return entry_text(EntrySpec((F, HALF), (F,), words, arena=64))

    assert made() == made()
    assert str(id(np.ndarray)) not in made()
    assert host().architecture not in made()
