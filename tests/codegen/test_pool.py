"""The thread pool: every chunk exactly once, under stress, from several threads, after a fork of the process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

from graphc.codegen.native import neighbours
from graphc.codegen.native.engine import Library
from graphc.codegen.native.pool import fork_address, pool_text
from graphc.codegen.native.processors import default_threads, quotas

# Adds 1 to words[chunk], after `words[63]` rounds of a loop.
COUNT = """
define void @count(ptr %words, i32 %chunk, i32 %chunks) {
entry:
  %rounds.at = getelementptr i64, ptr %words, i64 63
  %rounds = load i64, ptr %rounds.at, align 8
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %rounds
  br i1 %more, label %loop, label %done
done:
  %at = getelementptr i64, ptr %words, i32 %chunk
  %old = atomicrmw add ptr %at, i64 1 monotonic, align 8
  ret void
}
"""
TESTS = str(Path(__file__).parents[1])
LIBRARY = Library(COUNT, ["count"])
Fork = Callable[[int, int, int], None]


def fork_function(threads: int, *, hold_lock: bool = True) -> Fork:
    make = ctypes.PYFUNCTYPE if hold_lock else ctypes.CFUNCTYPE
    return make(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(fork_address(threads))


def run(fork: Fork, chunks: int, times: int, rounds: int = 0) -> None:
    words = np.zeros(64, "i8")
    words[63] = rounds
    for _ in range(times):
        fork(LIBRARY["count"], words.ctypes.data, chunks)
    assert (words[:chunks] == times).all()
    assert not words[chunks:63].any()


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("chunks", [0, 1, 2, 7, 60])
def test_every_chunk_runs_once(threads: int, chunks: int) -> None:
    fork = fork_function(threads)
    run(fork, chunks, 2000)
    run(fork, chunks, 20, rounds=20_000)


def test_workers_wake_after_sleep() -> None:
    fork = fork_function(3)
    for pause in (0.0, 0.003, 0.02) * 5:
        time.sleep(pause)
        run(fork, 5, 3, rounds=1000)


def test_forks_of_several_threads_at_once() -> None:
    fork = fork_function(2, hold_lock=False)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            run(fork, 9, 1000, rounds=50)
        except AssertionError as e:
            failed.append(e)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


def test_a_worker_that_was_late_is_left_alone_for_a_while() -> None:
    """As where its processor is busy: the caller does not wait for it again, and asks it again in the end."""
    code = (
        f"import ctypes, sys, threading, time; sys.path.insert(0, {TESTS!r})\n"
        "from codegen.test_pool import fork_function\n"
        "fork, me = fork_function(2, hold_lock=False), threading.get_ident()\n"
        "begun, by = threading.Event(), []\n"
        "def chunk(words, c, n):\n"
        "    by.append(threading.get_ident())\n"
        "    if by[-1] != me: begun.set(); time.sleep(stall)\n"
        "    else: begun.wait(patience); time.sleep(rest)\n"
        "call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)(chunk)\n"
        "def shared(n=2):\n"
        "    by.clear(); begun.clear(); fork(ctypes.cast(call, ctypes.c_void_p).value, None, n)\n"
        "    return set(by) != {me}\n"
        "stall, patience, rest = 0.0, 5.0, 0.05\n"  # a credit, whatever else this machine does
        "assert shared()\n"
        "stall, rest = 0.05, 0.0\n"
        "assert shared()\n"
        "stall, patience = 0.0, 0.0\n"
        "assert not any(shared() for _ in range(20))\n"
        "time.sleep(1.2); patience = 5.0\n"
        "assert shared()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_child_process_has_workers_of_its_own() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    code = (
        f"import os, sys; sys.path.insert(0, {TESTS!r})\n"
        "from codegen.test_pool import fork_function, run\n"
        "fork = fork_function(2); run(fork, 8, 500)\n"
        "child = os.fork()\n"
        "run(fork, 8, 500, rounds=1000)\n"
        "if child == 0: os._exit(0)\n"
        "sys.exit(os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_the_process_ends_while_workers_spin() -> None:
    code = (
        f"import sys; sys.path.insert(0, {TESTS!r})\n"
        "from codegen.test_pool import fork_function, run\n"
        "run(fork_function(2), 4, 10)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_one_thread_needs_no_pool() -> None:
    assert fork_address(1) == 0
    assert fork_address(2) == fork_address(2) != 0
    with pytest.raises(ValueError, match="at least one"):
        fork_address(0)


def test_default_threads_respect_affinity() -> None:
    assert 1 <= default_threads() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})
        try:
            assert default_threads() == 1
        finally:
            os.sched_setaffinity(0, allowed)


def test_quotas_of_control_groups(tmp_path: Path) -> None:
    own, inner = tmp_path / "own", tmp_path / "cpu" / "outer" / "inner"
    assert quotas(tmp_path, own) == []
    inner.mkdir(parents=True)
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("350000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert quotas(tmp_path, own) == [3]
    (inner / "cpu.cfs_quota_us").write_text("200000\n")
    (inner / "cpu.cfs_period_us").write_text("100000\n")
    own.write_text("4:memory:/other\n2:cpu,cpuacct:/outer/inner\n")
    assert sorted(quotas(tmp_path, own)) == [2, 3]
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert sorted(quotas(tmp_path, own)) == [1, 2, 3]
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert sorted(quotas(tmp_path, own)) == [2, 3]


def test_quotas_of_groups_in_groups(tmp_path: Path) -> None:
    own, inner = tmp_path / "own", tmp_path / "outer" / "inner"
    own.write_text("0::/outer/inner\n")
    assert quotas(tmp_path, own) == []
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (inner.parent / "cpu.max").write_text("400000 100000\n")
    assert quotas(tmp_path, own) == [4]


@pytest.mark.parametrize("gives_way", [False, True])
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_text_is_valid_for_every_architecture(architecture: str, gives_way: bool) -> None:
    llvm.parse_assembly(pool_text(4, architecture, gives_way)).verify()


def test_workers_share_where_the_system_offers_no_giving_way() -> None:
    code = (
        f"import sys; sys.path.insert(0, {TESTS!r})\n"
        "from codegen.test_pool import fork_function, run\n"
        "from graphc.codegen.native import neighbours\n"
        "neighbours.addresses = dict\n"
        "run(fork_function(2), 7, 500, rounds=1000)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.skipif(not neighbours.addresses(), reason="needs Linux")
def test_a_thread_leaves_the_processor_of_another_and_may_run_anywhere_afterwards() -> None:
    text = f"{neighbours.text(True)}\ndefine void @off(i32 %p) {{\n  call void @keep.off(i32 %p)\n  ret void\n}}\n"
    text = text.replace("CLOCK", "call i64 @llvm.readcyclecounter()").replace("TURN", "1")
    library = Library(f"{text}\ndeclare i64 @llvm.readcyclecounter()\n", ["off"], neighbours.addresses())
    off = ctypes.CFUNCTYPE(None, ctypes.c_int32)(library["off"])
    processor = ctypes.CDLL(None).sched_getcpu
    allowed = os.sched_getaffinity(0)
    try:
        one = min(allowed)
        os.sched_setaffinity(0, {one})
        off(one)  # there is no other
        assert (os.sched_getaffinity(0), processor()) == ({one}, one)
        if len(allowed) > 1:
            os.sched_setaffinity(0, allowed)
            before = [processor() for _ in range(20) if off(processor()) is None]
            assert os.sched_getaffinity(0) == allowed
            assert len(set(before)) > 1
        off(-1)
        assert os.sched_getaffinity(0) == allowed
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.skipif(not neighbours.addresses(), reason="needs Linux")
def test_beside_threads_that_spin_everything_is_done() -> None:
    """As many busy processes as processors: workers lose their turns all the time."""
    spin = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass"
    busy = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(default_threads())]
    try:
        fork = fork_function(3)
        for _ in range(60):
            run(fork, 16, 1, rounds=400_000)
    finally:
        for each in busy:
            each.wait()
