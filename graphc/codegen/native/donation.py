"""What an entry does with arguments that it writes to: native code that all entries share.

Such an argument must be writeable, and no other argument may lie in its memory.  Where that does not hold, those
arguments are copied and the entry is called again with the copies: the results are right, and in fresh memory.
"""

from __future__ import annotations

from graphc.codegen.native.array_layout import DATA, DIMS, FLAGS, NDIM, WRITEABLE


def donation_text() -> str:
    """Two functions of an entry's arguments and of a `%Given` for each, to follow `refusal_text`.

    `i1 @graphc.separate(args, n, given)`: whether it may write to those that are given up, all arrays being contiguous.
    `ptr @graphc.afresh(self, args, n, entry, given)`: call the entry with copies of these.
    """
    numbers = {"DATA": DATA, "DIMS": DIMS, "NDIM": NDIM, "FLAGS": FLAGS, "WRITEABLE": WRITEABLE}
    text = _TEXT
    for name, value in numbers.items():
        text = text.replace(name, str(value))
    return text


_TEXT = r"""
%Range = type { i64, i64, i32 }   ; the first byte, the byte after the last, whether it is written to

define internal i1 @is_writeable(ptr %a) {
entry:
  %at = getelementptr i8, ptr %a, i64 FLAGS
  %flags = load i32, ptr %at, align 4
  %some = and i32 %flags, WRITEABLE
  %writeable = icmp ne i32 %some, 0
  ret i1 %writeable
}

define internal i64 @bytes(ptr %a, i64 %item) {
entry:
  %rank.at = getelementptr i8, ptr %a, i64 NDIM
  %rank = load i32, ptr %rank.at, align 4
  %dims.at = getelementptr i8, ptr %a, i64 DIMS
  %dims = load ptr, ptr %dims.at, align 8
  br label %next
next:
  %d = phi i32 [0, %entry], [%following, %one]
  %bytes = phi i64 [%item, %entry], [%product, %one]
  %more = icmp slt i32 %d, %rank
  br i1 %more, label %one, label %end
one:
  %at = getelementptr i64, ptr %dims, i32 %d
  %extent = load i64, ptr %at, align 8
  %product = mul i64 %bytes, %extent
  %following = add i32 %d, 1
  br label %next
end:
  ret i64 %bytes
}

; Put a range among those that are sorted by their first bytes: later ones move up.
define internal void @insert(ptr %ranges, i64 %count, i64 %first, i64 %end, i32 %written) {
entry:
  br label %look
look:
  %n = phi i64 [%count, %entry], [%before, %move]
  %to = getelementptr %Range, ptr %ranges, i64 %n
  %none = icmp eq i64 %n, 0
  br i1 %none, label %put, label %compare
compare:
  %before = sub i64 %n, 1
  %from = getelementptr %Range, ptr %ranges, i64 %before
  %other = load i64, ptr %from, align 8
  %later = icmp ugt i64 %other, %first
  br i1 %later, label %move, label %put
move:
  %range = load %Range, ptr %from, align 8
  store %Range %range, ptr %to, align 8
  br label %look
put:
  %end.at = getelementptr %Range, ptr %to, i32 0, i32 1
  %written.at = getelementptr %Range, ptr %to, i32 0, i32 2
  store i64 %first, ptr %to, align 8
  store i64 %end, ptr %end.at, align 8
  store i32 %written, ptr %written.at, align 4
  ret void
}

; Whether no sorted range that is written to meets another.
define internal i1 @are_apart(ptr %ranges, i64 %count) {
entry:
  br label %next
next:
  %n = phi i64 [0, %entry], [%following, %apart]
  %reached = phi i64 [0, %entry], [%reach, %apart]      ; by any range so far
  %taken = phi i64 [0, %entry], [%take, %apart]         ; by those that are written to
  %more = icmp slt i64 %n, %count
  br i1 %more, label %one, label %end
one:
  %first.at = getelementptr %Range, ptr %ranges, i64 %n
  %end.at = getelementptr %Range, ptr %first.at, i32 0, i32 1
  %written.at = getelementptr %Range, ptr %first.at, i32 0, i32 2
  %first = load i64, ptr %first.at, align 8
  %last = load i64, ptr %end.at, align 8
  %word = load i32, ptr %written.at, align 4
  %written = icmp ne i32 %word, 0
  %limit = select i1 %written, i64 %reached, i64 %taken
  %met = icmp ult i64 %first, %limit
  br i1 %met, label %no, label %apart
apart:
  %reach = call i64 @llvm.umax.i64(i64 %reached, i64 %last)
  %longer = call i64 @llvm.umax.i64(i64 %taken, i64 %last)
  %take = select i1 %written, i64 %longer, i64 %taken
  %following = add i64 %n, 1
  br label %next
end:
  ret i1 true
no:
  ret i1 false
}

define i1 @graphc.separate(ptr %args, i64 %n, ptr %given) {
entry:
  %ranges = alloca %Range, i64 %n, align 8
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %done]
  %count = phi i64 [0, %entry], [%counted, %done]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %one, label %compare
one:
  %a = call ptr @argument(ptr %args, i64 %k)
  %written = call i1 @is_written(ptr %given, i64 %k)
  %writeable = call i1 @is_writeable(ptr %a)
  %unwritten = xor i1 %written, true
  %fits = or i1 %unwritten, %writeable
  br i1 %fits, label %measure, label %no
measure:
  %item.at = getelementptr %Given, ptr %given, i64 %k
  %item = load i32, ptr %item.at, align 4
  %wide = zext i32 %item to i64
  %bytes = call i64 @bytes(ptr %a, i64 %wide)
  %some = icmp ne i64 %bytes, 0
  br i1 %some, label %put, label %done
put:
  %data.at = getelementptr i8, ptr %a, i64 DATA
  %first = load i64, ptr %data.at, align 8
  %end = add i64 %first, %bytes
  %word = zext i1 %written to i32
  call void @insert(ptr %ranges, i64 %count, i64 %first, i64 %end, i32 %word)
  br label %done
done:
  %step = zext i1 %some to i64
  %counted = add i64 %count, %step
  %following = add i64 %k, 1
  br label %next
compare:
  %apart = call i1 @are_apart(ptr %ranges, i64 %count)
  ret i1 %apart
no:
  ret i1 false
}

define ptr @graphc.afresh(ptr %self, ptr %args, i64 %n, ptr %function, ptr %given) {
  %answer = call ptr @copy_and_call(ptr %self, ptr %args, i64 %n, ptr %function, ptr %given)
  ret ptr %answer
}

declare i64 @llvm.umax.i64(i64, i64)
"""
