"""Kernels joined to one module with a single entry: `i32 @run(ptr words, ptr fork)`.

`words` is the table of the whole program: addresses and numbers, 64 bits each.  A step names the kernel to call and,
for each word that the kernel expects, the slot of the table it comes from.  `run` calls the steps in order and returns
the status word, 0 where every check held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TypeAlias

from graphc.codegen.llvm.emit import SHARE, Code
from graphc.codegen.llvm.emit_memory import ZEROS_TEXT
from graphc.codegen.llvm.writer import QUICK
from graphc.records import dataclass

Slot: TypeAlias = int | None
"""A position in the table of the program, or None: the address of the status word."""


@dataclass(frozen=True)
class Step:
    """One call of a kernel; its buffers come first in `slots`, then its dims.

    `offsets`: bytes from the address in the table to where a buffer begins for this call; 0 for those not given.
    """

    code: Code
    slots: tuple[Slot, ...]
    offsets: tuple[int, ...] = ()


def module_text(steps: Sequence[Step]) -> str:
    """The module of a program; a kernel that several steps share is written once.

    Raises ValueError where two kernels have one name.
    """
    codes = {s.code.name: s.code for s in steps}
    if len(codes) < len({s.code for s in steps}):
        raise ValueError(f"two kernels have one name: {sorted(codes)}")
    declarations = sorted(frozenset[str]().union(*(c.declarations for c in codes.values())))
    helpers = sorted(frozenset[str]().union(*(c.helpers for c in codes.values())))
    sharing = [_SHARE] if any(c.is_shared for c in codes.values()) else []
    kernels = [c.text for c in codes.values()]
    return "\n".join([ZEROS_TEXT, *sharing, *helpers, *kernels, *_run(steps), *declarations, ""])


def _run(steps: Sequence[Step]) -> Iterator[str]:
    longest = max((len(s.slots) for s in steps), default=0)
    yield f"define i32 @run(ptr %words, ptr %fork) {QUICK} {{"
    yield "entry:"
    yield "  %status = alloca i64, align 8"
    yield "  store i64 0, ptr %status, align 8"
    yield f"  %table = alloca [{max(longest, 1)} x i64], align 8"
    for n, step in enumerate(steps):
        if step.slots == tuple(range(len(step.slots))) and not any(step.offsets):
            yield f"  call void @{step.code.name}(ptr %words, ptr %fork)"
            continue
        for k, (slot, offset) in enumerate(zip_longest(step.slots, step.offsets, fillvalue=0)):
            yield from _copy(f"{n}.{k}", k, slot, offset)
        yield f"  call void @{step.code.name}(ptr %table, ptr %fork)"
    yield "  %found = load i64, ptr %status, align 8"
    yield "  %code = trunc i64 %found to i32"
    yield "  ret i32 %code"
    yield "}"


def _copy(name: str, k: int, slot: Slot, offset: int) -> Iterator[str]:
    yield f"  %to.{name} = getelementptr i64, ptr %table, i64 {k}"
    if slot is None:
        yield f"  store ptr %status, ptr %to.{name}, align 8"
        return
    yield f"  %from.{name} = getelementptr i64, ptr %words, i64 {slot}"
    yield f"  %word.{name} = load i64, ptr %from.{name}, align 8"
    yield f"  %moved.{name} = add i64 %word.{name}, {offset}"
    yield f"  store i64 %moved.{name}, ptr %to.{name}, align 8"


_SHARE = f"""
define internal void {SHARE}(ptr %fork, ptr %function, ptr %words, i32 %count) {QUICK} {{
entry:
  %alone = icmp eq ptr %fork, null
  %single = icmp eq i32 %count, 1
  %here = or i1 %alone, %single
  br i1 %here, label %loop, label %share
share:
  call void %fork(ptr %function, ptr %words, i32 %count)
  ret void
loop:
  %chunk = phi i32 [0, %entry], [%next, %loop]
  call void %function(ptr %words, i32 %chunk, i32 %count)
  %next = add i32 %chunk, 1
  %more = icmp slt i32 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""
