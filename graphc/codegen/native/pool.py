"""The process-wide thread pool: `fork(function, words, count)` runs function(words, c, count) for every chunk c.

Threads claim chunks one at a time, and so does the caller, which therefore never waits for a worker that has not begun.
All of it is native code: a claim is one compare-and-swap on a word (generation, chunks left).  Workers are started at
the first fork; they spin for about a millisecond, then sleep on a lock.  A second thread that forks meanwhile runs its
chunks itself.  After a fork of the process the child starts workers of its own.

A worker whose processor is taken away in the midst of a chunk keeps the caller waiting; `neighbours` makes that rare.
A balance is kept of the time that workers saved, reckoned as what the caller did itself, and that it waited for them,
up to a credit of some milliseconds.  When it is used up, forks run without workers for sixteen times what is missing:
most calls then take about as long as on one thread.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

from graphc.codegen.native import neighbours
from graphc.codegen.native.engine import Library, host, kept_object
from graphc.records import dataclass

MOST_THREADS = 64  # one bit each in the word of sleepers
_PYTHON = ("PyThread_allocate_lock", "PyThread_acquire_lock", "PyThread_release_lock", "PyThread_start_new_thread")


@dataclass(frozen=True)
class _Spinning:
    """How a processor waits: a pause, its clock, and the ticks of about a millisecond."""

    pause: str
    clock: str
    ticks: int
    declarations: str


_SPINNING = {
    "x86_64": _Spinning(
        "call void @llvm.x86.sse2.pause()",
        "call i64 @llvm.readcyclecounter()",
        2_600_000,
        "declare void @llvm.x86.sse2.pause()\ndeclare i64 @llvm.readcyclecounter()\n",
    ),
    "aarch64": _Spinning(
        'call void asm sideeffect "yield", ""()',
        'call i64 asm sideeffect "mrs $0, cntvct_el0", "=r"()',
        50_000,
        "",
    ),
}


def fork_address(threads: int) -> int:
    """The address of `fork` for so many threads, the caller included; 0, which means "run the chunks here", for one.

    The address stays valid as long as the process lives.  Raises ValueError for fewer than one thread.
    """
    if threads < 1:
        raise ValueError(f"at least one thread is needed, got {threads}")
    return 0 if threads == 1 else _fork_address(min(threads, MOST_THREADS))


@cache
def _fork_address(threads: int) -> int:
    imports = {n: ctypes.cast(getattr(ctypes.pythonapi, n), ctypes.c_void_p).value or 0 for n in _PYTHON}
    libc = neighbours.addresses()
    text = pool_text(threads, host().architecture, bool(libc))
    library = Library(kept_object(text), ["fork", "reset"], imports | libc)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))  # the workers outlive every module, to the end of the process
    reset = ctypes.PYFUNCTYPE(None)(library["reset"])
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reset)
    return library["fork"]


def pool_text(threads: int, architecture: str, gives_way: bool) -> str:
    """The module: `void @fork(ptr function, ptr words, i32 count)` and `void @reset()`."""
    spinning = _SPINNING[architecture]
    text = (_TEXT + neighbours.text(gives_way)).replace("PAUSE", spinning.pause).replace("CLOCK", spinning.clock)
    text = text.replace("CREDIT", str(4 * spinning.ticks)).replace("TURN", str(2 * spinning.ticks))
    return text.replace("TICKS", str(spinning.ticks)).replace("THREADS", str(threads)) + spinning.declarations


_TEXT = r"""
; claim (generation << 32 | chunks left), done, sleepers, busy, started, each on a line of its own; the work: function,
; words, chunks, the caller's processor; the locks
%Line = type [56 x i8]
%Pool = type { i64, %Line, i64, %Line, i64, %Line, i64, %Line, i64, %Line, ptr, ptr, i32, i32, [64 x ptr] }
@pool = internal global %Pool zeroinitializer, align 64
@balance = internal global i64 0, align 64    ; ticks that workers have saved, less those that they were waited for
@alone.until = internal global i64 0, align 8    ; when to share work again

declare ptr @PyThread_allocate_lock()
declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare i64 @PyThread_start_new_thread(ptr, ptr)
declare i64 @llvm.cttz.i64(i64, i1 immarg)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg)

; Forget all threads: they do not exist in a child process.
define void @reset() {
entry:
  %end = getelementptr %Pool, ptr null, i32 1
  %size = ptrtoint ptr %end to i64
  call void @llvm.memset.p0.i64(ptr align 64 @pool, i8 0, i64 %size, i1 false)
  store i64 0, ptr @balance, align 8
  store i64 0, ptr @alone.until, align 8
  ret void
}

; A thread that cannot be started leaves a lock that nobody waits on.
define internal void @start() {
entry:
  %started = getelementptr %Pool, ptr @pool, i32 0, i32 8
  store i64 1, ptr %started, align 8
  br label %next
next:
  %n = phi i64 [1, %entry], [%following, %next]
  %lock = call ptr @PyThread_allocate_lock()
  %held = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  %at = getelementptr %Pool, ptr @pool, i32 0, i32 14, i64 %n
  store ptr %lock, ptr %at, align 8
  %number = inttoptr i64 %n to ptr
  %thread = call i64 @PyThread_start_new_thread(ptr @work, ptr %number)
  %following = add i64 %n, 1
  %more = icmp slt i64 %following, THREADS
  br i1 %more, label %next, label %done
done:
  ret void
}

; Claim and run chunks until none is left.  A worker gives way in between; the caller, with a null `since`, does not.
define internal void @drain(ptr %since) noinline {
entry:
  %works = icmp ne ptr %since, null
  %done.at = getelementptr %Pool, ptr @pool, i32 0, i32 2
  %function.at = getelementptr %Pool, ptr @pool, i32 0, i32 10
  %words.at = getelementptr %Pool, ptr @pool, i32 0, i32 11
  %count.at = getelementptr %Pool, ptr @pool, i32 0, i32 12
  br label %next
next:
  br i1 %works, label %pause, label %look
pause:
  call void @rest(ptr %since)
  br label %look
look:
  %claim = load atomic i64, ptr @pool acquire, align 8
  %left = trunc i64 %claim to i32
  %empty = icmp eq i32 %left, 0
  br i1 %empty, label %end, label %take
take:
  %lower = sub i64 %claim, 1
  %swap = cmpxchg ptr @pool, i64 %claim, i64 %lower acq_rel acquire, align 8
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %run, label %look
run:
  %function = load ptr, ptr %function.at, align 8
  %words = load ptr, ptr %words.at, align 8
  %count = load i32, ptr %count.at, align 4
  %chunk = sub i32 %count, %left
  call void %function(ptr %words, i32 %chunk, i32 %count)
  %finished = atomicrmw add ptr %done.at, i64 1 release, align 8
  br label %next
end:
  ret void
}

define internal void @rest(ptr %since) {
  %caller.at = getelementptr %Pool, ptr @pool, i32 0, i32 13
  %caller = load atomic i32, ptr %caller.at monotonic, align 4
  call void @give.way(ptr %since, i32 %caller)
  ret void
}

; A worker: spin while work may come soon, then set its bit among the sleepers and wait for its lock.
define internal void @work(ptr %number) {
entry:
  %n = ptrtoint ptr %number to i64
  %bit = shl i64 1, %n
  %others = xor i64 %bit, -1
  %sleepers = getelementptr %Pool, ptr @pool, i32 0, i32 4
  %lock.at = getelementptr %Pool, ptr @pool, i32 0, i32 14, i64 %n
  %lock = load ptr, ptr %lock.at, align 8
  %turn = alloca i64, align 8
  store i64 0, ptr %turn, align 8
  br label %awake
awake:
  %since = CLOCK
  br label %spin
spin:
  %claim = load atomic i64, ptr @pool acquire, align 8
  %left = trunc i64 %claim to i32
  %some = icmp ne i32 %left, 0
  br i1 %some, label %help, label %idle
help:
  call void @drain(ptr %turn)
  br label %awake
idle:
  PAUSE
  call void @rest(ptr %turn)
  %now = CLOCK
  %passed = sub i64 %now, %since
  %patient = icmp ult i64 %passed, TICKS
  br i1 %patient, label %spin, label %tire
tire:
  %before = atomicrmw or ptr %sleepers, i64 %bit seq_cst, align 8
  %again = load atomic i64, ptr @pool seq_cst, align 8
  %late = trunc i64 %again to i32
  %missed = icmp ne i32 %late, 0
  br i1 %missed, label %rouse, label %sleep
rouse:
  %was = atomicrmw and ptr %sleepers, i64 %others seq_cst, align 8
  %own = and i64 %was, %bit
  %kept = icmp ne i64 %own, 0
  br i1 %kept, label %awake, label %sleep   ; a bit already taken means that the lock is about to be released
sleep:
  %woken = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  store i64 0, ptr %turn, align 8
  br label %awake
}

define void @fork(ptr %function, ptr %words, i32 %count) {
entry:
  %done.at = getelementptr %Pool, ptr @pool, i32 0, i32 2
  %sleepers = getelementptr %Pool, ptr @pool, i32 0, i32 4
  %busy = getelementptr %Pool, ptr @pool, i32 0, i32 6
  %started.at = getelementptr %Pool, ptr @pool, i32 0, i32 8
  %function.at = getelementptr %Pool, ptr @pool, i32 0, i32 10
  %words.at = getelementptr %Pool, ptr @pool, i32 0, i32 11
  %count.at = getelementptr %Pool, ptr @pool, i32 0, i32 12
  %caller.at = getelementptr %Pool, ptr @pool, i32 0, i32 13
  %any = icmp sgt i32 %count, 0
  br i1 %any, label %try, label %end
try:
  %begin = CLOCK
  %until = load atomic i64, ptr @alone.until monotonic, align 8
  %shuns = icmp slt i64 %begin, %until
  br i1 %shuns, label %alone, label %claim
claim:
  %swap = cmpxchg ptr %busy, i64 0, i64 1 acquire monotonic, align 8
  %free = extractvalue { i64, i1 } %swap, 1
  br i1 %free, label %ready, label %alone
alone:
  %chunk = phi i32 [0, %try], [0, %claim], [%following, %alone]
  call void %function(ptr %words, i32 %chunk, i32 %count)
  %following = add i32 %chunk, 1
  %more = icmp slt i32 %following, %count
  br i1 %more, label %alone, label %end
ready:
  %started = load i64, ptr %started.at, align 8
  %running = icmp ne i64 %started, 0
  br i1 %running, label %publish, label %first
first:
  call void @start()
  br label %publish
publish:
  store ptr %function, ptr %function.at, align 8
  store ptr %words, ptr %words.at, align 8
  store i32 %count, ptr %count.at, align 4
  %processor = call i32 @processor()
  store atomic i32 %processor, ptr %caller.at monotonic, align 4
  store atomic i64 0, ptr %done.at monotonic, align 8
  %old = load atomic i64, ptr @pool monotonic, align 8
  %left = zext i32 %count to i64
  %next = add i64 %old, 4294967296
  %new = or i64 %next, %left
  store atomic i64 %new, ptr @pool seq_cst, align 8
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %wake = icmp ne i64 %asleep, 0
  br i1 %wake, label %call, label %share
call:
  %taken = atomicrmw xchg ptr %sleepers, i64 0 seq_cst, align 8
  br label %each
each:
  %set = phi i64 [%taken, %call], [%rest, %release]
  %none = icmp eq i64 %set, 0
  br i1 %none, label %share, label %release
release:
  %n = call i64 @llvm.cttz.i64(i64 %set, i1 true)
  %lock.at = getelementptr %Pool, ptr @pool, i32 0, i32 14, i64 %n
  %lock = load ptr, ptr %lock.at, align 8
  call void @PyThread_release_lock(ptr %lock)
  %less = sub i64 %set, 1
  %rest = and i64 %set, %less
  br label %each
share:
  call void @drain(ptr null)
  %drained = CLOCK
  %total = zext i32 %count to i64
  br label %wait
wait:
  %done = load atomic i64, ptr %done.at acquire, align 8
  %all = icmp eq i64 %done, %total
  br i1 %all, label %free.it, label %pause
pause:
  PAUSE
  br label %wait
free.it:
  %finish = CLOCK
  %work = sub i64 %drained, %begin
  %waited = sub i64 %finish, %drained
  %gain = sub i64 %work, %waited
  %had = load i64, ptr @balance, align 8
  %has = add i64 %had, %gain
  %rich = icmp sgt i64 %has, CREDIT
  %capped = select i1 %rich, i64 CREDIT, i64 %has
  %poor = icmp slt i64 %capped, 0
  %balance = select i1 %poor, i64 0, i64 %capped
  store i64 %balance, ptr @balance, align 8
  store atomic i64 0, ptr %busy release, align 8
  br i1 %poor, label %shun, label %end
shun:
  %times = mul i64 %capped, -16
  %then = add i64 %finish, %times
  store atomic i64 %then, ptr @alone.until monotonic, align 8
  br label %end
end:
  ret void
}
"""
