"""What an entry does with arguments that it does not take as they are: native code that all entries share.

Arrays of other strides, or not aligned, are copied, and the entry is called again with the copies.  All else goes to
the callable that takes over, with the same arguments.
"""

from __future__ import annotations

from graphc.codegen.native.array_layout import CONTIGUOUS_ALIGNED, FLAGS, TYPE


def refusal_text() -> str:
    """`ptr @graphc.refused(self, args, n, names, function, slow)`: the first four are what the entry was called with,
    then the entry itself and the address of a word that has the address of the callable."""
    numbers = {"FLAGS": FLAGS, "TYPE": TYPE, "PLAIN": CONTIGUOUS_ALIGNED}
    text = _TEXT
    for name, value in numbers.items():
        text = text.replace(name, str(value))
    return text


REFUSAL_DECLARATIONS = (
    "declare ptr @PyArray_NewCopy(ptr, i32)",
    "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "declare void @Py_IncRef(ptr)",
    "declare void @Py_DecRef(ptr)",
)

_TEXT = r"""
%Given = type { i32, i32 }        ; bytes of an element, whether the argument is written to

@PyArray_Type = external global i8

define internal ptr @argument(ptr %args, i64 %k) {
entry:
  %at = getelementptr ptr, ptr %args, i64 %k
  %a = load ptr, ptr %at, align 8
  ret ptr %a
}

define internal i1 @is_plain(ptr %a) {
entry:
  %at = getelementptr i8, ptr %a, i64 FLAGS
  %flags = load i32, ptr %at, align 4
  %some = and i32 %flags, PLAIN
  %plain = icmp eq i32 %some, PLAIN
  ret i1 %plain
}

; Whether all are arrays, and some cannot be read in order.
define internal i1 @can_be_copied(ptr %args, i64 %n) {
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %array]
  %odd = phi i1 [false, %entry], [%odder, %array]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %look, label %end
look:
  %a = call ptr @argument(ptr %args, i64 %k)
  %type.at = getelementptr i8, ptr %a, i64 TYPE
  %type = load ptr, ptr %type.at, align 8
  %exact = icmp eq ptr %type, @PyArray_Type
  br i1 %exact, label %array, label %no
array:
  %plain = call i1 @is_plain(ptr %a)
  %other = xor i1 %plain, true
  %odder = or i1 %odd, %other
  %following = add i64 %k, 1
  br label %next
end:
  ret i1 %odd
no:
  ret i1 false
}

; The array itself, if it can be read in order and need not be another one.
define internal ptr @straight(ptr %a, i1 %anew) {
entry:
  %plain = call i1 @is_plain(ptr %a)
  %old = xor i1 %anew, true
  %stays = and i1 %plain, %old
  br i1 %stays, label %same, label %copy
same:
  call void @Py_IncRef(ptr %a)
  ret ptr %a
copy:
  %new = call ptr @PyArray_NewCopy(ptr %a, i32 0)
  ret ptr %new
}

define internal void @drop_all(ptr %objects, i64 %n) {
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %one, label %end
one:
  %a = call ptr @argument(ptr %objects, i64 %k)
  call void @Py_DecRef(ptr %a)
  %following = add i64 %k, 1
  br label %next
end:
  ret void
}

define internal ptr @hand_on(ptr %slow.at, ptr %args, i64 %n, ptr %names) {
entry:
  %slow = load ptr, ptr %slow.at, align 8
  call void @Py_IncRef(ptr %slow)
  %answer = call ptr @PyObject_Vectorcall(ptr %slow, ptr %args, i64 %n, ptr %names)
  call void @Py_DecRef(ptr %slow)
  ret ptr %answer
}

define internal i1 @is_written(ptr %given, i64 %k) {
entry:
  %none = icmp eq ptr %given, null
  br i1 %none, label %no, label %look
look:
  %at = getelementptr %Given, ptr %given, i64 %k, i32 1
  %word = load i32, ptr %at, align 4
  %written = icmp ne i32 %word, 0
  ret i1 %written
no:
  ret i1 false
}

; Copied is what cannot be read in order, and what is `given` up (null: nothing is).
define internal ptr @copy_and_call(ptr %self, ptr %args, i64 %n, ptr %function, ptr %given) {
entry:
  %copies = alloca ptr, i64 %n, align 8
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %made]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %one, label %call
one:
  %a = call ptr @argument(ptr %args, i64 %k)
  %anew = call i1 @is_written(ptr %given, i64 %k)
  %new = call ptr @straight(ptr %a, i1 %anew)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %no, label %made
made:
  %at = getelementptr ptr, ptr %copies, i64 %k
  store ptr %new, ptr %at, align 8
  %following = add i64 %k, 1
  br label %next
call:
  %answer = call ptr %function(ptr %self, ptr %copies, i64 %n, ptr null)
  call void @drop_all(ptr %copies, i64 %n)
  ret ptr %answer
no:
  call void @drop_all(ptr %copies, i64 %k)
  ret ptr null
}

define ptr @graphc.refused(ptr %self, ptr %args, i64 %n, ptr %names, ptr %function, ptr %slow.at) {
entry:
  %positional = icmp eq ptr %names, null
  %few = icmp ult i64 %n, 4096
  %walk = and i1 %positional, %few
  br i1 %walk, label %look, label %slow
look:
  %copy = call i1 @can_be_copied(ptr %args, i64 %n)
  br i1 %copy, label %again, label %slow
again:
  %computed = call ptr @copy_and_call(ptr %self, ptr %args, i64 %n, ptr %function, ptr null)
  ret ptr %computed
slow:
  %answer = call ptr @hand_on(ptr %slow.at, ptr %args, i64 %n, ptr %names)
  ret ptr %answer
}
"""
