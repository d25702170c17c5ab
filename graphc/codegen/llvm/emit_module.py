"""Kernels joined to one module with a single entry: `i32 @run(ptr words, ptr fork)`.

`words` is the table of the whole program: addresses and numbers, 64 bits each.  A step names the kernel to call and,
for each word that the kernel expects, the slot of the table it comes from and what is added to it.  `run` calls the
steps in order and returns the status word, 0 where every check held.

The steps are data that `run` walks through, for an unrolled loop has thousands: as instructions they take longer to
compile than all the kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from graphc.codegen.llvm.emit import SHARE, Code
from graphc.codegen.llvm.emit_memory import ZEROS_TEXT
from graphc.codegen.llvm.writer import QUICK
from graphc.records import dataclass

Slot: TypeAlias = tuple[int | None, int]
"""A position in the table of the program, or None, the address of the status word; and the bytes to add."""


@dataclass(frozen=True)
class Step:
    """One call of a kernel; its buffers come first in `slots`, then its dims."""

    code: Code
    slots: tuple[Slot, ...]


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
    return "\n".join([ZEROS_TEXT, *sharing, *helpers, *kernels, _run(steps), *declarations, ""])


def _run(steps: Sequence[Step]) -> str:
    match steps:
        case [Step(code=only, slots=slots)] if slots == tuple((k, 0) for k in range(len(slots))):
            return _RUN_ONE.replace("KERNEL", only.name)
    return "".join(_tables(steps)) + _RUN.replace("LONGEST", str(max((len(s.slots) for s in steps), default=0)))


def _tables(steps: Sequence[Step]) -> Iterator[str]:
    """Kernels with the number of the slot at which each ends, the last one null; slots, -1 for the status word."""
    end, rows = 0, list[str]()
    for s in steps:
        end += len(s.slots)
        rows.append(f"%Step {{ ptr @{s.code.name}, i64 {end} }}")
    numbers = [n for s in steps for slot, offset in s.slots for n in (-1 if slot is None else slot, offset)]
    yield "\n%Step = type { ptr, i64 }\n"
    yield f"@run.steps = internal constant [{len(rows) + 1} x %Step] [{', '.join([*rows, '%Step zeroinitializer'])}]\n"
    yield f"@run.slots = internal constant [{len(numbers)} x i64] [{', '.join(f'i64 {n}' for n in numbers)}]\n"


_RUN_ONE = f"""
define i32 @run(ptr %words, ptr %fork) {QUICK} {{
  call void @KERNEL(ptr %words, ptr %fork)
  ret i32 0
}}
"""

_RUN = """
define i32 @run(ptr %words, ptr %fork) {
entry:
  %status = alloca i64, align 8
  %status.word = alloca ptr, align 8
  %table = alloca i64, i64 LONGEST, align 8
  store i64 0, ptr %status, align 8
  store ptr %status, ptr %status.word, align 8
  br label %step
step:
  %at = phi ptr [@run.steps, %entry], [%next, %call]
  %first = phi i64 [0, %entry], [%end, %call]
  %kernel = load ptr, ptr %at, align 8
  %end.at = getelementptr %Step, ptr %at, i64 0, i32 1
  %end = load i64, ptr %end.at, align 8
  %over = icmp eq ptr %kernel, null
  br i1 %over, label %done, label %look
look:
  %n = phi i64 [%first, %step], [%following, %word]
  %to = phi ptr [%table, %step], [%after, %word]
  %more = icmp ult i64 %n, %end
  br i1 %more, label %word, label %call
word:
  %slot.at = getelementptr { i64, i64 }, ptr @run.slots, i64 %n
  %slot = load i64, ptr %slot.at, align 8
  %offset.at = getelementptr i8, ptr %slot.at, i64 8
  %offset = load i64, ptr %offset.at, align 8
  %common = getelementptr i64, ptr %words, i64 %slot
  %own = icmp slt i64 %slot, 0
  %from = select i1 %own, ptr %status.word, ptr %common
  %content = load i64, ptr %from, align 8
  %moved = add i64 %content, %offset
  store i64 %moved, ptr %to, align 8
  %after = getelementptr i8, ptr %to, i64 8
  %following = add i64 %n, 1
  br label %look
call:
  call void %kernel(ptr %table, ptr %fork)
  %next = getelementptr %Step, ptr %at, i64 1
  br label %step
done:
  %found = load i64, ptr %status, align 8
  %code = trunc i64 %found to i32
  ret i32 %code
}
"""

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
