"""Memory that is used again: the arena of every call, and the data of large results.

The system hands out large blocks page by page, each cleared at its first touch, which costs more than the arithmetic on
it.  So blocks that are given back stay on a shelf, and the next call takes the newest that fits.  The shelf holds 32
blocks and 256 MiB, or a single larger arena; what was put there first leaves first.

All of it is native code that runs under the interpreter lock.  Large results are ordinary arrays that own their data:
NumPy is told for one allocation to take it from here (its NEP 49), and gives it back when the array dies.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from typing import Any

LARGE = 32 << 20  # bytes of results from which on recycling pays: the C library keeps smaller blocks itself
MOST_BYTES = 256 << 20  # on the shelf
HANDLER_PARTS = ("malloc", "calloc", "realloc", "free")
MEMORY = ("take", "give", "new_array")  # what entries call
MEMORY_EXPORTS = (*MEMORY, *(f"handler.{name}" for name in HANDLER_PARTS))


class Handler(ctypes.Structure):
    """PyDataMem_Handler of NumPy's C API, version 1: where arrays take their data from, and give it back to."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in HANDLER_PARTS),
    )

    def __init__(self) -> None:
        super().__init__(b"graphc", 1)

    def capsule(self) -> Any:
        """As NumPy takes it; this record must outlive it."""
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        return make(ctypes.addressof(self), _CAPSULE, None)

    def fill(self, addresses: Mapping[str, int]) -> None:
        """Set the functions, by the names of `MEMORY_EXPORTS`."""
        for name in HANDLER_PARTS:
            setattr(self, name, addresses[f"handler.{name}"])


_CAPSULE = b"mem_handler"  # the capsule does not copy its name


def memory_text() -> str:
    """Three functions: `ptr @take(i64 bytes)` gives a block on a line of its own, null where there is none;
    `void @give(ptr)` takes it back; `@new_array` is PyArray_New with recycled data.

    Only Linux is asked for large pages.
    """
    return _TEXT.replace("MOST_BYTES", str(MOST_BYTES)) + (_ADVICE if sys.platform == "linux" else _NO_ADVICE)


MEMORY_DECLARATIONS = (
    "declare ptr @PyMem_RawMalloc(i64)",
    "declare void @PyMem_RawFree(ptr)",
    "declare ptr @PyArray_New(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)",
    "declare ptr @PyDataMem_SetHandler(ptr)",
    "declare void @Py_DecRef(ptr)",
    "declare i32 @madvise(ptr, i64, i32)",
    "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1 immarg)",
    "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)",
    "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg)",
)

_TEXT = r"""
; A block is preceded by a line of its own: what the system gave, and the bytes of the block.
%Head = type { ptr, i64, [48 x i8] }
%Shelf = type { i64, i64, [32 x ptr] }
@shelf = internal global %Shelf zeroinitializer, align 64    ; blocks, bytes, the blocks from the oldest on
@graphc.handler = external global i8

define internal i64 @size(ptr %block) {
entry:
  %at = getelementptr %Head, ptr %block, i64 -1, i32 1
  %size = load i64, ptr %at, align 8
  ret i64 %size
}

; Take the block at a position off the shelf.
define internal ptr @pick(i64 %n) {
entry:
  %bytes.at = getelementptr %Shelf, ptr @shelf, i32 0, i32 1
  %at = getelementptr %Shelf, ptr @shelf, i32 0, i32 2, i64 %n
  %next = getelementptr ptr, ptr %at, i64 1
  %block = load ptr, ptr %at, align 8
  %count = load i64, ptr @shelf, align 8
  %fewer = sub i64 %count, 1
  %behind = sub i64 %fewer, %n
  %moved = mul i64 %behind, 8
  call void @llvm.memmove.p0.p0.i64(ptr %at, ptr %next, i64 %moved, i1 false)
  store i64 %fewer, ptr @shelf, align 8
  %bytes = load i64, ptr %bytes.at, align 8
  %size = call i64 @size(ptr %block)
  %less = sub i64 %bytes, %size
  store i64 %less, ptr %bytes.at, align 8
  ret ptr %block
}

; The newest block that fits without wasting more than a quarter, or a page.
define ptr @take(i64 %bytes) {
entry:
  %up = add i64 %bytes, 63
  %whole = and i64 %up, -64
  %quarter = lshr i64 %whole, 2
  %slack = add i64 %quarter, 4096
  %most = add i64 %whole, %slack
  %count = load i64, ptr @shelf, align 8
  br label %look
look:
  %left = phi i64 [%count, %entry], [%n, %try]
  %none = icmp eq i64 %left, 0
  br i1 %none, label %make, label %try
try:
  %n = sub i64 %left, 1
  %at = getelementptr %Shelf, ptr @shelf, i32 0, i32 2, i64 %n
  %block = load ptr, ptr %at, align 8
  %size = call i64 @size(ptr %block)
  %large = icmp uge i64 %size, %whole
  %tight = icmp ule i64 %size, %most
  %fits = and i1 %large, %tight
  br i1 %fits, label %found, label %look
found:
  %picked = call ptr @pick(i64 %n)
  ret ptr %picked
make:
  %total = add i64 %whole, 128
  %sane = icmp ugt i64 %total, %bytes
  br i1 %sane, label %ask, label %no
ask:
  %raw = call ptr @PyMem_RawMalloc(i64 %total)
  %failed = icmp eq ptr %raw, null
  br i1 %failed, label %no, label %head
head:
  call void @advise(ptr %raw, i64 %total)
  %address = ptrtoint ptr %raw to i64
  %behind = add i64 %address, 127
  %aligned = and i64 %behind, -64
  %new = inttoptr i64 %aligned to ptr
  %raw.at = getelementptr %Head, ptr %new, i64 -1, i32 0
  %size.at = getelementptr %Head, ptr %new, i64 -1, i32 1
  store ptr %raw, ptr %raw.at, align 8
  store i64 %whole, ptr %size.at, align 8
  ret ptr %new
no:
  ret ptr null
}

define internal void @drop(ptr %block) {
entry:
  %raw.at = getelementptr %Head, ptr %block, i64 -1, i32 0
  %raw = load ptr, ptr %raw.at, align 8
  call void @PyMem_RawFree(ptr %raw)
  ret void
}

; Put a block on the shelf, after taking off what is then too much: a block that is too large by itself stays alone.
define void @give(ptr %block) {
entry:
  %bytes.at = getelementptr %Shelf, ptr @shelf, i32 0, i32 1
  %size = call i64 @size(ptr %block)
  br label %room
room:
  %count = load i64, ptr @shelf, align 8
  %bytes = load i64, ptr %bytes.at, align 8
  %all = add i64 %bytes, %size
  %some = icmp ne i64 %count, 0
  %full = icmp eq i64 %count, 32
  %heavy = icmp ugt i64 %all, MOST_BYTES
  %many = or i1 %full, %heavy
  %crowded = and i1 %some, %many
  br i1 %crowded, label %oldest, label %put
oldest:
  %old = call ptr @pick(i64 0)
  call void @drop(ptr %old)
  br label %room
put:
  %at = getelementptr %Shelf, ptr @shelf, i32 0, i32 2, i64 %count
  store ptr %block, ptr %at, align 8
  %more = add i64 %count, 1
  store i64 %more, ptr @shelf, align 8
  store i64 %all, ptr %bytes.at, align 8
  ret void
}

; PyArray_New, with data that NumPy takes from here and gives back to here.
define ptr @new_array(
    ptr %type, i32 %rank, ptr %shape, i32 %dtype, ptr %strides, ptr %data, i32 %flags, i32 %item, ptr %base) {
entry:
  %usual = call ptr @PyDataMem_SetHandler(ptr @graphc.handler)
  %failed = icmp eq ptr %usual, null
  br i1 %failed, label %no, label %make
no:
  ret ptr null
make:
  %array = call ptr @PyArray_New(
    ptr %type, i32 %rank, ptr %shape, i32 %dtype, ptr %strides, ptr %data, i32 %flags, i32 %item, ptr %base)
  %ours = call ptr @PyDataMem_SetHandler(ptr %usual)
  call void @Py_DecRef(ptr %usual)
  %stuck = icmp eq ptr %ours, null
  br i1 %stuck, label %undo, label %done
undo:
  %made = icmp ne ptr %array, null
  br i1 %made, label %unmake, label %no
unmake:
  call void @Py_DecRef(ptr %array)
  ret ptr null
done:
  call void @Py_DecRef(ptr %ours)
  ret ptr %array
}

define ptr @handler.malloc(ptr %context, i64 %bytes) {
entry:
  %block = call ptr @take(i64 %bytes)
  ret ptr %block
}

define ptr @handler.calloc(ptr %context, i64 %count, i64 %item) {
entry:
  %bytes = mul i64 %count, %item
  %block = call ptr @take(i64 %bytes)
  %none = icmp eq ptr %block, null
  br i1 %none, label %end, label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %block, i8 0, i64 %bytes, i1 false)
  br label %end
end:
  ret ptr %block
}

define ptr @handler.realloc(ptr %context, ptr %block, i64 %bytes) {
entry:
  %size = call i64 @size(ptr %block)
  %fits = icmp ule i64 %bytes, %size
  br i1 %fits, label %same, label %grow
same:
  ret ptr %block
grow:
  %new = call ptr @take(i64 %bytes)
  %none = icmp eq ptr %new, null
  br i1 %none, label %end, label %move
move:
  call void @llvm.memcpy.p0.p0.i64(ptr %new, ptr %block, i64 %size, i1 false)
  call void @give(ptr %block)
  br label %end
end:
  ret ptr %new
}

; What a user has let go of is not kept where it is huge.
define void @handler.free(ptr %context, ptr %block, i64 %bytes) {
entry:
  %size = call i64 @size(ptr %block)
  %huge = icmp ugt i64 %size, MOST_BYTES
  br i1 %huge, label %away, label %keep
away:
  call void @drop(ptr %block)
  ret void
keep:
  call void @give(ptr %block)
  ret void
}
"""

_ADVICE = r"""
; Large pages (MADV_HUGEPAGE) where they pay, as NumPy asks for them.
define internal void @advise(ptr %raw, i64 %bytes) {
entry:
  %pays = icmp uge i64 %bytes, 4194304
  br i1 %pays, label %ask, label %end
ask:
  %address = ptrtoint ptr %raw to i64
  %up = add i64 %address, 4095
  %page = and i64 %up, -4096
  %skipped = sub i64 %page, %address
  %rest = sub i64 %bytes, %skipped
  %from = inttoptr i64 %page to ptr
  %ignored = call i32 @madvise(ptr %from, i64 %rest, i32 14)
  br label %end
end:
  ret void
}
"""

_NO_ADVICE = r"""
define internal void @advise(ptr %raw, i64 %bytes) {
entry:
  ret void
}
"""
