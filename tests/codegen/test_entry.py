"""The native entry: what it accepts, what it hands to the slow path, what it returns, and whom it owns."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.codegen.native.array_layout import layout_is_known
from graphc.codegen.native.emit_entry import entry_text
from graphc.codegen.native.engine import Library, host
from graphc.codegen.native.entry import (
    Address,
    Arena,
    ArrayType,
    Bindings,
    EntrySpec,
    Input,
    Number,
    Object,
    Output,
    PythonEntry,
    bind_entry,
    entry_imports,
)

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


def slow(*args: Any) -> tuple[str, tuple[Any, ...]]:
    return "slow", args


def raise_status(status: int) -> None:
    raise IndexError(f"site {status}")


DEFAULT = Bindings(slow, raise_status)


def copy_spec(t: ArrayType = F, size: int = 24, status: int = 0) -> EntrySpec:
    return EntrySpec((t,), (t,), (Input(0), Output(0), Number(size), Number(status)), Output(0))


Bind = Callable[..., Callable[..., Any]]


@pytest.fixture(params=["native", "python"])
def bind(request: pytest.FixtureRequest) -> Bind:
    """Builds the callable of a spec in either form."""

    def make(spec: EntrySpec, bindings: Bindings = DEFAULT, keep: Any = None) -> Any:
        library = Library(COPY + entry_text(spec), ["run", "entry"], entry_imports(spec, bindings))
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
    "order": np.zeros((2, 3), "f4", order="F"),
    "strides": np.zeros((2, 6), "f4")[:, ::2],
    "alignment": np.frombuffer(bytearray(25), "f4", 6, 1).reshape(2, 3),
    "subclass": np.zeros((2, 3), "f4").view(Sub),
    "list": [[1.0]],
    "scalar": np.float32(1),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_exactly_takes_the_slow_path(bind: Bind, name: str) -> None:
    assert bind(copy_spec())(MISFITS[name]) == ("slow", (MISFITS[name],))


def test_the_number_of_arguments_is_checked(bind: Bind) -> None:
    f, x = bind(copy_spec()), np.zeros((2, 3), "f4")
    assert f() == ("slow", ())
    assert f(x, x)[0] == "slow"


def test_an_error_of_the_slow_path_is_raised(bind: Bind) -> None:
    def refuse(*_: Any) -> None:
        raise TypeError("no such input")

    with pytest.raises(TypeError, match="no such input"):
        bind(copy_spec(), Bindings(refuse, raise_status))(3)


def test_a_status_is_raised(bind: Bind) -> None:
    f, x = bind(copy_spec(status=7)), np.zeros((2, 3), "f4")
    for _ in range(3):
        with pytest.raises(IndexError, match="site 7"):
            f(x)


def test_a_failed_allocation_is_raised(bind: Bind) -> None:
    huge = ArrayType("f32", (1 << 50,))
    spec = EntrySpec((F,), (F, huge), (Input(0), Output(0), Number(24), Number(0)), Output(0))
    with pytest.raises(MemoryError):
        bind(spec)(np.zeros((2, 3), "f4"))


def test_every_kind_of_result(bind: Bind) -> None:
    x, thing = np.ones((2, 3), "f4"), object()
    words = copy_spec().words
    for returns, want in (
        (None, None),
        ((), ()),
        (Input(0), x),
        (Object(id(thing)), thing),
        ((Input(0), Object(id(thing)), Input(0)), (x, thing, x)),
    ):
        got = bind(EntrySpec((F,), (F,), words, returns))(x)
        assert type(got) is type(want)
        assert got is want or all(a is b for a, b in zip(got, want, strict=True))
    twice = bind(EntrySpec((F,), (F,), words, (Output(0), Output(0))))(x)
    assert twice[0] is twice[1]
    np.testing.assert_array_equal(twice[0], x)


def test_arena_and_addresses_are_words(bind: Bind) -> None:
    arena, constant = np.zeros(100, "u1"), np.arange(6, dtype="f4")
    words = (Address(constant.ctypes.data), Arena(16), Number(24), Number(0))
    f = bind(EntrySpec((), (), words, None), Bindings(slow, raise_status, arena.ctypes.data))
    assert f() is None
    np.testing.assert_array_equal(arena[16:40].view("f4"), constant)
    assert not arena[:16].any()
    assert not arena[40:].any()


def test_reference_counts_stay_flat(bind: Bind) -> None:
    """A hundred thousand calls of every path leave no reference behind, and none too few."""
    if isinstance(bind(copy_spec()), PythonEntry):
        pytest.skip("Python counts its own references")
    x, wrong, thing = np.zeros((2, 3), "f4"), np.zeros(3), object()
    spec = EntrySpec((F,), (F, F), copy_spec().words, (Output(0), Input(0), Object(id(thing)), Output(0)))
    bindings = Bindings(slow, raise_status)
    f, failing = bind(spec, bindings), bind(copy_spec(status=3), bindings)

    def counts() -> list[int]:
        gc.collect()
        return [sys.getrefcount(o) for o in (x, wrong, thing, x.dtype, np.ndarray, slow, raise_status, None)]

    before, blocks = counts(), sys.getallocatedblocks()
    for _ in range(100_000):
        f(x)
    for _ in range(10_000):
        f(wrong)
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
        thing, constant = object(), np.zeros(3)
        words = (Address(constant.ctypes.data), *copy_spec().words[1:])
        return entry_text(EntrySpec((F, HALF), (F,), words, (Output(0), Object(id(thing)))))

    assert made() == made()
    assert str(id(np.ndarray)) not in made()
    assert host().architecture not in made()
