"""Text to linked code, and its release."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

import pytest

from graphc.codegen.native.engine import Library, assembly, emit_object, host

ANSWER = "define i64 @answer() {\n  ret i64 42\n}\n"
CALLER = "declare i64 @outside(i64)\ndefine i64 @twice(i64 %x) {\n  %y = call i64 @outside(i64 %x)\n  ret i64 %y\n}\n"


def call(library: Library, name: str, *args: int) -> int:
    return int(ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(args))(library[name])(*args))


def test_a_library_runs_from_text_and_from_its_object() -> None:
    library = Library(ANSWER, ["answer"])
    assert call(library, "answer") == 42
    again = Library(library.object, ["answer"])
    assert call(again, "answer") == 42
    assert again.object == library.object == emit_object(ANSWER)


def test_imports_are_called() -> None:
    double = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: 2 * x)
    library = Library(CALLER, ["twice"], {"outside": ctypes.cast(double, ctypes.c_void_p).value or 0})
    assert call(library, "twice", 21) == 42


def test_a_missing_symbol_and_bad_text_raise() -> None:
    with pytest.raises(RuntimeError):
        Library(CALLER, ["twice"])
    with pytest.raises(RuntimeError, match="expected"):
        emit_object("define nonsense")
    with pytest.raises(RuntimeError):
        emit_object("define i64 @f() {\n  ret i32 0\n}")


def test_assembly_shows_instructions() -> None:
    assert "42" in assembly(ANSWER)


def test_the_host_is_described() -> None:
    assert host().triple.startswith(host().architecture)
    assert host().cpu in host().key
    assert ("avx512" in host().features) == ({"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= host().features)


def test_dropped_libraries_are_freed() -> None:
    def mappings() -> int:
        return Path("/proc/self/maps").read_text().count("\n")

    if not sys.platform.startswith("linux"):
        pytest.skip("memory maps are read from /proc")
    code = emit_object(ANSWER)
    for _ in range(20):
        Library(code, ["answer"])
    gc.collect()
    before = mappings()
    for _ in range(200):
        assert call(Library(code, ["answer"]), "answer") == 42
    gc.collect()
    assert mappings() <= before + 20


def test_the_engine_starts_only_when_it_is_used() -> None:
    code = "import graphc.codegen.native.engine as e; assert not e._initialize.cache_info().currsize; e.host()"
    subprocess.run([sys.executable, "-c", code], check=True)
