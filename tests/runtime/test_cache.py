"""Compiled code on disk: the files, what finds them again, and that nothing in them is trusted blindly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.cli import main
from graphc.codegen.native.store import Store, digest
from graphc.config import Config, config
from graphc.errors import OutOfRangeError, SignatureError
from graphc.ir.graph import Graph
from graphc.runtime.cache import _SOURCES, _fingerprint
from graphc.runtime.executable import Native, compile_graph

KEY, OTHER = digest("one"), digest("other")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "code")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    """The store in which the programs of a test are kept."""
    with config(cache_dir=tmp_path / "code"):
        yield Store(tmp_path / "code")


# -------------------------------------------------------------------------------------------------------------- files


def test_bytes_come_back(store: Store) -> None:
    assert store.get(KEY) is None
    store.put(KEY, b"content")
    store.put(OTHER, b"")
    assert store.get(KEY) == b"content"
    assert store.get(OTHER) == b""
    assert sorted(e.path.stem for e in store.entries()) == sorted([KEY, OTHER])


def test_keys_tell_where_parts_end() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("ab", "c", "")}) == 4


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "one bit": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
    "checksum": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "foreign": lambda data: b"#!/bin/sh\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_counts_as_missing_and_is_replaced(store: Store, damage: str) -> None:
    store.put(KEY, b"the content of the file")
    (entry,) = store.entries()
    entry.path.write_bytes(DAMAGE[damage](entry.path.read_bytes()))
    assert store.get(KEY) is None
    store.put(KEY, b"again")
    assert store.get(KEY) == b"again"


def test_the_content_of_another_key_is_not_taken(store: Store) -> None:
    store.put(KEY, b"content")
    (entry,) = store.entries()
    entry.path.rename(entry.path.with_stem(OTHER))
    assert store.get(OTHER) is None


def test_the_folder_is_the_users_alone(store: Store) -> None:
    store.put(KEY, b"content")
    assert store.folder.stat().st_mode & 0o777 == 0o700
    store.folder.chmod(0o755)
    assert store.get(KEY) is None
    assert "others" in store.refusal()
    store.put(OTHER, b"content")
    assert len(list(store.folder.iterdir())) == 1


def test_a_folder_of_somebody_else_is_not_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(KEY, b"content")
    monkeypatch.setattr(os, "getuid", lambda: store.folder.stat().st_uid + 1)
    assert store.get(KEY) is None
    assert "somebody else" in store.refusal()


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "code"):
        store = Store(folder)
        store.put(KEY, b"content")
        assert store.get(KEY) is None
        assert store.refusal()
        assert store.entries() == []


def test_what_was_used_least_recently_goes_first(store: Store) -> None:
    keys = [digest(str(n)) for n in range(5)]
    for n, key in enumerate(keys):
        store.put(key, bytes(1000))
        os.utime(store._path(key), ns=(n, n))
    assert store.get(keys[0]) is not None  # used again
    Store(store.folder, most=3 * 1032).trim()
    assert [key in {e.path.stem for e in store.entries()} for key in keys] == [True, False, False, True, True]


def test_a_file_that_would_push_out_all_others_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "code", most=8000)
    store.put(KEY, bytes(1001))
    assert store.get(KEY) is None
    store.put(KEY, bytes(1000))
    assert store.get(KEY) == bytes(1000)


def test_writers_at_one_time_leave_one_whole_file(store: Store) -> None:
    contents = [bytes([n]) * 100_000 for n in range(16)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda c: store.put(KEY, c), contents))
    assert store.get(KEY) in contents
    assert len(list(store.folder.iterdir())) == 1


# ------------------------------------------------------------------------------------------------------------ programs


def f(x: Any, w: Any) -> Any:
    return np.tanh(x @ w + np.arange(20, dtype="f4")).sum(axis=0)


X, W = np.linspace(-1, 1, 12, dtype="f4").reshape(3, 4), np.linspace(0, 1, 80, dtype="f4").reshape(4, 20)


def is_from_cache(executable: Any) -> bool:
    return "loaded from the cache" in executable.explain()


def compiled(function: Callable[..., Any], *args: Any, **options: Any) -> Native:
    executable = gx.jit(function, **options).compile(*args)
    assert isinstance(executable, Native)
    return executable


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("signature", [None, "f32[n,4], f32[4,20]"])
def test_the_second_compilation_is_loaded(signature: str | None) -> None:
    first, second = (compiled(f, X, W, signature=signature) for _ in range(2))
    assert [is_from_cache(first), is_from_cache(second)] == [False, True]
    np.testing.assert_array_equal(first(X, W)[0], second(X, W)[0])
    np.testing.assert_allclose(second(X, W)[0], f(X, W), rtol=1e-6)
    dims = {} if signature is None else {"n": 3}
    assert first.peak_bytes(dims) == second.peak_bytes(dims) == first.stages.layout.bound(dims).size
    assert str(first.stages.optimized) == str(second.stages.optimized)
    if signature is None:
        assert second.native is not None
        np.testing.assert_array_equal(second.native(X[::-1], W), first(X[::-1], W)[0])
        with pytest.raises(SignatureError, match="wrong number"):
            second.native(X)


@pytest.mark.usefixtures("kept")
def test_anything_that_decides_the_code_is_in_the_key() -> None:
    compiled(f, X, W)
    others = [
        compiled(lambda x, w: np.tanh(x @ w + np.arange(1, 21, dtype="f4")).sum(axis=0), X, W),
        compiled(f, X.astype("f8"), W.astype("f8")),
        compiled(f, X[:2], W),
        compiled(f, X, W, level="O1"),
        compiled(f, X, W, disable=["stabilize"]),
    ]
    assert not any(map(is_from_cache, others))
    assert is_from_cache(compiled(f, X, W, threads=1))


def test_a_changed_compiler_finds_nothing(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(f, X, W)
    found = len(kept.entries())
    monkeypatch.setattr("graphc.runtime.cache._compiler", lambda: "another")
    assert not is_from_cache(compiled(f, X, W))
    assert len(kept.entries()) == found + 1


def test_no_change_of_the_sources_goes_unnoticed(kept: Store, tmp_path: Path) -> None:
    package = tmp_path / "package"
    for room in _SOURCES:
        (package / room / "inner").mkdir(parents=True)
    one, inner = package / "ir" / "one.py", package / "codegen" / "inner" / "two.py"
    one.write_text("x = 1")
    before = _fingerprint(str(package))
    os.utime(one, (0, 0))
    assert _fingerprint(str(package)) == before  # read again, and found to be the same
    one.write_text("x = 2")
    os.utime(one, (0, 0))
    assert _fingerprint(str(package)) != before
    one.write_text("x = 1")
    assert _fingerprint(str(package)) == before
    inner.write_text("")
    assert _fingerprint(str(package)) != before


def test_unchanged_sources_are_not_read_again(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    package = str(Path(gx.__file__).parent)
    first = _fingerprint(package)
    monkeypatch.setattr("graphc.runtime.cache._hash", lambda *files: pytest.fail("the sources are read again"))
    assert _fingerprint(package) == first


def test_memory_is_planned_once(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def g(x: Any) -> Any:
        return np.tanh(x @ x) @ x

    first = compiled(g, np.eye(3))
    assert first.peak_bytes() > 0
    with monkeypatch.context() as patched:
        patched.setattr("graphc.passes.memory._Row.place", lambda *array: pytest.fail("it is planned again"))
        again = compiled(g, np.eye(3))
        assert again.peak_bytes() == first.peak_bytes()
        np.testing.assert_array_equal(again(np.eye(3))[0], first(np.eye(3))[0])
    assert is_from_cache(again)


def test_a_damaged_program_is_compiled_again_and_replaced(kept: Store) -> None:
    compiled(f, X, W)
    for entry in kept.entries():
        entry.path.write_bytes(entry.path.read_bytes()[:-100])
    assert not is_from_cache(compiled(f, X, W))
    again = compiled(f, X, W)
    assert is_from_cache(again)
    np.testing.assert_allclose(again(X, W)[0], f(X, W), rtol=1e-6)


def test_without_a_folder_everything_still_works(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with config(cache_dir=tmp_path / "file" / "code"):
        for _ in range(2):
            executable = compiled(f, X, W)
            assert not is_from_cache(executable)
            np.testing.assert_allclose(executable(X, W)[0], f(X, W), rtol=1e-6)


def pick(x: Any, i: Any) -> Any:
    return x[i] * 2


before = pick


def pick(x: Any, i: Any) -> Any:  # the same function, after an edit that moved it
    return x[i] * 2


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("signature", [None, "f64[n], i64[m]"])
def test_errors_name_the_lines_of_this_program(signature: str | None) -> None:
    x, inside, outside = np.arange(5.0), np.array([0, -5, 4]), np.array([0, 5, 1])
    for function in (before, pick):
        executable = compiled(function, x, inside, signature=signature)
        assert is_from_cache(executable) == (function is pick)
        np.testing.assert_array_equal(executable(x, inside)[0], function(x, inside))
        with pytest.raises(OutOfRangeError) as caught:
            executable(x, outside)
        assert caught.value.loc is not None
        assert caught.value.loc.line == function.__code__.co_firstlineno + 1


def counter() -> tuple[Graph, Any, Any]:
    graph = gx.Graph("counter")
    with graph:
        x = gx.placeholder("float64", (3,), name="x")
        total = gx.variable(np.ones(3), name="total")
        step = total.assign(total + x)
    return graph, x, step


@pytest.mark.usefixtures("kept")
def test_sessions_use_it_too() -> None:
    for from_cache in (False, True):
        graph, x, step = counter()
        with gx.Session(graph) as session:
            session.run(step, {x: np.arange(3.0)})
            np.testing.assert_array_equal(session.run(step, {x: np.arange(3.0)}), [1, 3, 5])
            assert is_from_cache(session) == from_cache


@pytest.mark.usefixtures("kept")
def test_constants_of_any_kind_come_back() -> None:
    rng = np.random.default_rng(0)
    for dtype in ("bool", "i1", "u8", "f2", "f4", "f8"):
        table = rng.integers(0, 2, (3, 50)).astype(dtype)
        graph = Graph()
        with graph:
            i = gx.placeholder("int64", (4,))
            graph.outputs.append(gx.numpy.take(table, i, axis=1).value)
        where = np.array([0, 7, 49, -1])
        for from_cache in (False, True):
            executable = compile_graph(graph)
            assert is_from_cache(executable) == from_cache
            np.testing.assert_array_equal(executable(where)[0], table[:, where])


# ----------------------------------------------------------------------------------------------------------- processes

SECOND = """
import json, sys
import numpy as np, graphc as gx
def f(x, w):
    return np.tanh(x @ w).sum(axis=0)
before = set(sys.modules)
y = gx.jit(f)(np.ones((3, 4), "f4"), np.ones((4, 5), "f4"))
late = sorted(set(sys.modules) - before)
compiler = ("passes.pipelines", "passes.fuse", "codegen.lift", "codegen.lower", "codegen.schedule", "codegen.llvm.emit")
print(json.dumps([y.tolist(), [m for m in compiler if f"graphc.{m}" in sys.modules], late]))
"""


def test_another_process_loads_the_code_and_not_the_compiler(tmp_path: Path) -> None:
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path / "code")}
    runs = []
    for _ in range(2):
        out = subprocess.run(
            [sys.executable, "-c", SECOND], env=environment, capture_output=True, text=True, check=True
        )
        runs.append(json.loads(out.stdout))
    (first, loaded, _), (second, nothing, late) = runs
    assert first == second
    assert len(loaded) == 6
    assert nothing == [] and late == []  # all that it needs came with the package


# -------------------------------------------------------------------------------------------------------------- knobs


def test_the_folder_comes_from_the_environment() -> None:
    def folder(**environment: str) -> Path | None:
        return Config.from_environment(environment).cache_dir

    assert folder(HOME="/h") == Path("/h/.cache/graphc")
    assert folder(HOME="/h", XDG_CACHE_HOME="/x") == Path("/x/graphc")
    assert folder(HOME="/h", GRAPHC_CACHE_DIR="/d") == Path("/d")
    assert folder(HOME="/h", GRAPHC_CACHE_DIR="off") is None
    assert folder() is None


def test_switched_off_nothing_is_kept(tmp_path: Path) -> None:
    with config(cache_dir=None):
        assert not is_from_cache(compiled(f, X, W))
        assert not is_from_cache(compiled(f, X, W))


def test_the_command_shows_and_clears(kept: Store, capsys: pytest.CaptureFixture[str]) -> None:
    def said(action: str) -> str:
        assert main(["cache", action]) == 0
        return capsys.readouterr().out

    assert "nothing was written" in said("show")
    compiled(f, X, W)
    files = len(kept.entries())
    assert f"{files} files" in said("show")
    assert f"removed {files} files" in said("clear")
    assert kept.entries() == []
    with config(cache_dir=None):
        assert "switched off" in said("show")
        assert "switched off" in said("clear")
