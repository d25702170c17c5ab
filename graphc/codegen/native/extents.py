"""Extents that were bound before are bound again by native code that all entries share.

An owner of symbolic extents keeps the blocks of numbers (`entry.Cell`) of those that it has bound in a table of so many
rows, each in the row that its extents hash to; a row that is not used has -1 everywhere, which is no extent.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.codegen.native.array_layout import DIMS, NDIM

ROWS = 64
_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: Knuth, The Art of Computer Programming, 6.4
_SHIFT = 58  # leaves the six bits that number a row


def row_of(extents: Iterable[int]) -> int:
    """The row for these extents: of all axes that are no numbers, in the order of the arguments."""
    key = 0
    for extent in extents:
        key = (key ^ extent) * _GOLDEN % 2**64
    return key >> _SHIFT


def extents_text() -> str:
    """`i1 @rebind(args, n, names, axes, blocks, block)`: make the block of these arguments the current one.

    False where it is so already, where no row has their extents, or where they are not arrays of these ranks.  `axes`
    is a `%Axes` and an `%Axis` for each axis that is no number.
    """
    numbers = {"DIMS": DIMS, "NDIM": NDIM, "SHIFT": _SHIFT, "GOLDEN": _GOLDEN - 2**64}
    text = _TEXT
    for name, value in numbers.items():
        text = text.replace(name, str(value))
    return text


_TEXT = r"""
%Axes = type { i64, i64, i64 }        ; how many arguments, cells of a block, axes that follow
%Axis = type { i32, i32, i32, i32 }   ; the argument, its rank, the axis, the cell that has its extent

define internal i32 @number_of(ptr %axis, i32 %k) {
entry:
  %at = getelementptr i32, ptr %axis, i32 %k
  %number = load i32, ptr %at, align 4
  ret i32 %number
}

; The extent of an axis, -1 where there is no such array.
define internal i64 @extent(ptr %args, ptr %axis) {
entry:
  %k = call i32 @number_of(ptr %axis, i32 0)
  %rank = call i32 @number_of(ptr %axis, i32 1)
  %n = call i32 @number_of(ptr %axis, i32 2)
  %wide = zext i32 %k to i64
  %a = call ptr @argument(ptr %args, i64 %wide)
  %array = call i1 @is_array(ptr %a)
  br i1 %array, label %look, label %no
look:
  %ndim.at = getelementptr i8, ptr %a, i64 NDIM
  %ndim = load i32, ptr %ndim.at, align 4
  %alike = icmp eq i32 %ndim, %rank
  br i1 %alike, label %read, label %no
read:
  %dims.at = getelementptr i8, ptr %a, i64 DIMS
  %dims = load ptr, ptr %dims.at, align 8
  %at = getelementptr i64, ptr %dims, i32 %n
  %extent = load i64, ptr %at, align 8
  ret i64 %extent
no:
  ret i64 -1
}

; The number of the row, -1 where there is none.
define internal i64 @row(ptr %args, ptr %first, i64 %count) {
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %mix]
  %key = phi i64 [0, %entry], [%mixed, %mix]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %axis = getelementptr %Axis, ptr %first, i64 %k
  %extent = call i64 @extent(ptr %args, ptr %axis)
  %there = icmp sge i64 %extent, 0
  br i1 %there, label %mix, label %no
mix:
  %both = xor i64 %key, %extent
  %mixed = mul i64 %both, GOLDEN
  %following = add i64 %k, 1
  br label %next
end:
  %row = lshr i64 %key, SHIFT
  ret i64 %row
no:
  ret i64 -1
}

; Whether a block has the extents of the arguments.
define internal i1 @has_extents(ptr %args, ptr %first, i64 %count, ptr %block) {
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %yes
one:
  %axis = getelementptr %Axis, ptr %first, i64 %k
  %extent = call i64 @extent(ptr %args, ptr %axis)
  %cell = call i32 @number_of(ptr %axis, i32 3)
  %at = getelementptr i64, ptr %block, i32 %cell
  %own = load i64, ptr %at, align 8
  %following = add i64 %k, 1
  %same = icmp eq i64 %own, %extent
  br i1 %same, label %next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define i1 @rebind(ptr %args, i64 %n, ptr %names, ptr %axes, ptr %blocks, ptr %block) {
entry:
  %cells.at = getelementptr %Axes, ptr %axes, i32 0, i32 1
  %count.at = getelementptr %Axes, ptr %axes, i32 0, i32 2
  %arguments = load i64, ptr %axes, align 8
  %cells = load i64, ptr %cells.at, align 8
  %count = load i64, ptr %count.at, align 8
  %first = getelementptr %Axes, ptr %axes, i64 1
  %positional = icmp eq ptr %names, null
  %all = icmp eq i64 %n, %arguments
  %plain = and i1 %positional, %all
  br i1 %plain, label %find, label %no
find:
  %row = call i64 @row(ptr %args, ptr %first, i64 %count)
  %arrays = icmp sge i64 %row, 0
  br i1 %arrays, label %compare, label %no
compare:
  %before = mul i64 %row, %cells
  %found = getelementptr i64, ptr %blocks, i64 %before
  %known = call i1 @has_extents(ptr %args, ptr %first, i64 %count, ptr %found)
  br i1 %known, label %look, label %no
look:
  %already = call i1 @has_extents(ptr %args, ptr %first, i64 %count, ptr %block)
  br i1 %already, label %no, label %bind
bind:
  %bytes = mul i64 %cells, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %block, ptr %found, i64 %bytes, i1 false)
  ret i1 true
no:
  ret i1 false
}
"""
