"""Entries to test: what they compute, and the callables beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphc.codegen.native.entry import ArrayType, Bindings, EntrySpec, Input, Number, Otherwise, Output

F = ArrayType("f32", (2, 3))
HALF = ArrayType("f16", (5,))
NUMBER_TYPES = ["bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "f32", "f64"]

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

NUMBERS = np.arange(6, dtype="f4").reshape(2, 3)
STRANGE = {
    "order": np.asfortranarray(NUMBERS),
    "strides": np.repeat(NUMBERS, 2, axis=1)[:, ::2],
    "backwards": NUMBERS[::-1, ::-1].copy()[::-1, ::-1],
    "alignment": np.frombuffer(b"\0" + NUMBERS.tobytes(), "f4", 6, 1).reshape(2, 3),
    "broadcast": np.broadcast_to(NUMBERS[:1], (2, 3)),
}
