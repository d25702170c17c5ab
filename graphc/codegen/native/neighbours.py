"""How a worker gets on with other busy threads: it gives way between chunks, and keeps off the caller's processor.

A thread of another library that spins, as those of OpenBLAS do for a tenth of a second after a product, is worth as
much to the scheduler as a worker: they get the processor in turns of some milliseconds.  A worker that loses its turn
in the midst of a chunk keeps the caller waiting for that long.  So it offers its turn after a few milliseconds, at a
time when it has no chunk; where nobody wants it, that costs a third of a microsecond.  A worker that was woken on the
caller's processor, because the others were busy at that moment, would stay there: it moves.

All of this is Linux's; elsewhere workers leave it to the scheduler.
"""

from __future__ import annotations

import ctypes
import sys

_FROM_LIBC = ("sched_yield", "sched_getcpu", "sched_getaffinity", "sched_setaffinity")


def addresses() -> dict[str, int]:
    """What `text` imports, by name; nothing where the system does not have all of it."""
    if not sys.platform.startswith("linux"):
        return {}
    libc = ctypes.CDLL(None)
    if not all(hasattr(libc, name) for name in _FROM_LIBC):
        return {}
    return {name: ctypes.cast(getattr(libc, name), ctypes.c_void_p).value or 0 for name in _FROM_LIBC}


def text(imported: bool) -> str:
    """`i32 @processor()` and `void @give.way(ptr since, i32 theirs)`; CLOCK and TURN are for the module to replace."""
    return _LINUX if imported else _ELSEWHERE


_ELSEWHERE = r"""
define internal i32 @processor() alwaysinline {
  ret i32 -1
}

define internal void @give.way(ptr %since, i32 %theirs) alwaysinline {
  ret void
}
"""

_LINUX = r"""
declare i32 @sched_yield()
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)

define internal i32 @processor() alwaysinline {
  %number = call i32 @sched_getcpu()
  ret i32 %number
}

; Leave the processor `theirs`, if this thread is on it and may run on another one.
define internal void @keep.off(i32 %theirs) noinline {
entry:
  %mine = call i32 @sched_getcpu()
  %shared = icmp eq i32 %mine, %theirs
  %known = icmp ult i32 %theirs, 1024
  %look = and i1 %shared, %known
  br i1 %look, label %ask, label %end
ask:
  %mask = alloca [32 x i32], align 8    ; as many bits as the system has processors, up to 1024
  %failed = call i32 @sched_getaffinity(i32 0, i64 128, ptr %mask)
  %told = icmp eq i32 %failed, 0
  br i1 %told, label %move, label %end
move:
  %place = lshr i32 %theirs, 5
  %bit.number = and i32 %theirs, 31
  %bit = shl i32 1, %bit.number
  %others = xor i32 %bit, -1
  %at = getelementptr i32, ptr %mask, i32 %place
  %all = load i32, ptr %at, align 4
  %rest = and i32 %all, %others
  store i32 %rest, ptr %at, align 4
  %left = call i32 @sched_setaffinity(i32 0, i64 128, ptr %mask)    ; fails where there is no other
  store i32 %all, ptr %at, align 4
  %restored = call i32 @sched_setaffinity(i32 0, i64 128, ptr %mask)
  br label %end
end:
  ret void
}

; Offer the processor to others, if that was not done for a while; `since` is when it was done last.
define internal void @give.way(ptr %since, i32 %theirs) noinline {
entry:
  %last = load i64, ptr %since, align 8
  %now = CLOCK
  %passed = sub i64 %now, %last
  %long = icmp ugt i64 %passed, TURN
  br i1 %long, label %offer, label %end
offer:
  %failed = call i32 @sched_yield()
  call void @keep.off(i32 %theirs)
  %then = CLOCK
  store i64 %then, ptr %since, align 8
  br label %end
end:
  ret void
}
"""
