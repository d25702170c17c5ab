"""Native code that takes nested arguments apart, calls an entry with what is in them, and nests its results.

It follows a table of rows that `door` writes: one row for every container and leaf, each before those inside it.  What
is not as the rows say goes to whatever takes over, with the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.native.array_layout import DATA, ITEMS, SIZE, TYPE
from graphc.codegen.native.putting_together import PUTTING_TOGETHER
from graphc.codegen.native.taking_apart import TAKING_APART

WALK_IMPORTS = (
    "PyObject_Vectorcall", "PyObject_RichCompareBool", "PyObject_GetAttr", "PyObject_GetIter", "PyIter_Next",
    "PyObject_SetItem", "PyODict_New", "PyDict_GetItemWithError", "PyType_GenericAlloc",
    "PyTuple_New", "PyTuple_Size", "PyTuple_GetItem", "PyTuple_SetItem", "PyList_New", "PyList_SetItem",
    "PyDict_Size", "PyDict_Next", "PyDict_Copy", "PyDict_SetItem", "PyArray_NewCopy",
    "PyErr_Clear", "PyErr_Occurred", "Py_IncRef", "Py_DecRef",
    "_Py_NoneStruct", "PyTuple_Type", "PyUnicode_Type", "PyLong_Type",
)  # fmt: skip


def walk_text(operations: Mapping[str, int]) -> str:
    """Built-in functions `ptr @call(self, args, n, names)`, whose `self` is the array of a `%Door` and its rows.
    `@operands` gives a list of the operands, or None.

    `operations` are the numbers of what a row may say, by name.
    """
    text = "".join([_ROWS, TAKING_APART, PUTTING_TOGETHER, _CALLS])
    offsets = {"DATA": DATA, "ITEMS": ITEMS, "SIZE": SIZE, "TYPE": TYPE}
    for name, number in [*offsets.items(), *((f"#{name}", n) for name, n in operations.items())]:
        text = text.replace(name, str(number))
    return text


_ROWS = r"""
%Door = type { ptr, ptr, i64, i64, i64, i64 }
; the entry, the word with the callable that takes over, numbers: of arguments by position, of arguments by name, of
; operands, of the row where the result begins

%Row = type { i64, i64, ptr, ptr, ptr }
; what to do, how many there are inside (or: which result), a class or an object, names, the key by which the row above
; holds this one

@_Py_NoneStruct = external global i8
@PyTuple_Type = external global i8
@PyUnicode_Type = external global i8
@PyLong_Type = external global i8

; ---------------------------------------------------------------------------------------------------------- fields

define internal ptr @type(ptr %x) {
  %at = getelementptr i8, ptr %x, i64 TYPE
  %type = load ptr, ptr %at, align 8
  ret ptr %type
}

define internal i64 @count(ptr %row) {
  %at = getelementptr %Row, ptr %row, i32 0, i32 1
  %count = load i64, ptr %at, align 8
  ret i64 %count
}

define internal ptr @object(ptr %row) {
  %at = getelementptr %Row, ptr %row, i32 0, i32 2
  %object = load ptr, ptr %at, align 8
  ret ptr %object
}

define internal ptr @names(ptr %row) {
  %at = getelementptr %Row, ptr %row, i32 0, i32 3
  %names = load ptr, ptr %at, align 8
  ret ptr %names
}

define internal void @drop_all(ptr %from, ptr %to) {
entry:
  br label %next
next:
  %at = phi ptr [%from, %entry], [%following, %one]
  %more = icmp ult ptr %at, %to
  br i1 %more, label %one, label %end
one:
  %x = load ptr, ptr %at, align 8
  call void @Py_DecRef(ptr %x)
  %following = getelementptr ptr, ptr %at, i64 1
  br label %next
end:
  ret void
}
"""

_CALLS = r"""
define ptr @operands(ptr %self, ptr %args, i64 %n, ptr %names) {
entry:
  %door.at = getelementptr i8, ptr %self, i64 DATA
  %door = load ptr, ptr %door.at, align 8
  %count.at = getelementptr %Door, ptr %door, i32 0, i32 4
  %count = load i64, ptr %count.at, align 8
  %operands = alloca ptr, i64 %count, align 8
  %place = alloca ptr, align 8
  store ptr %operands, ptr %place, align 8
  %read = call i1 @read_arguments(ptr %door, ptr %args, i64 %n, ptr %names, ptr %place)
  br i1 %read, label %make, label %other
make:
  %new = call ptr @PyList_New(i64 %count)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %no, label %next
next:
  %k = phi i64 [0, %make], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %at = getelementptr ptr, ptr %operands, i64 %k
  %x = load ptr, ptr %at, align 8
  %ignored = call i32 @PyList_SetItem(ptr %new, i64 %k, ptr %x)
  %following = add i64 %k, 1
  br label %next
end:
  ret ptr %new
no:
  %last = getelementptr ptr, ptr %operands, i64 %count
  call void @drop_all(ptr %operands, ptr %last)
  ret ptr null
other:
  %reached = load ptr, ptr %place, align 8
  call void @drop_all(ptr %operands, ptr %reached)
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  ret ptr @_Py_NoneStruct
}

define ptr @call(ptr %self, ptr %args, i64 %n, ptr %names) {
entry:
  %door.at = getelementptr i8, ptr %self, i64 DATA
  %door = load ptr, ptr %door.at, align 8
  %count.at = getelementptr %Door, ptr %door, i32 0, i32 4
  %count = load i64, ptr %count.at, align 8
  %operands = alloca ptr, i64 %count, align 8
  %place = alloca ptr, align 8
  store ptr %operands, ptr %place, align 8
  %read = call i1 @read_arguments(ptr %door, ptr %args, i64 %n, ptr %names, ptr %place)
  br i1 %read, label %run, label %other
run:
  %function = load ptr, ptr %door, align 8
  %results = call ptr %function(ptr null, ptr %operands, i64 %count, ptr null)
  %end = getelementptr ptr, ptr %operands, i64 %count
  call void @drop_all(ptr %operands, ptr %end)
  %none = icmp eq ptr %results, null
  br i1 %none, label %why, label %nest
nest:
  %result.at = getelementptr %Door, ptr %door, i32 0, i32 5
  %result = load i64, ptr %result.at, align 8
  %rows = getelementptr %Door, ptr %door, i64 1
  %first = getelementptr %Row, ptr %rows, i64 %result
  store ptr %first, ptr %place, align 8
  %made = call ptr @build(ptr %place, ptr %results)
  call void @Py_DecRef(ptr %results)
  ret ptr %made
why:
  %error = call ptr @PyErr_Occurred()
  %raised = icmp ne ptr %error, null
  br i1 %raised, label %raise, label %hand.on
raise:
  ret ptr null
other:
  %reached = load ptr, ptr %place, align 8
  call void @drop_all(ptr %operands, ptr %reached)
  br label %hand.on
hand.on:
  %slow.at.at = getelementptr %Door, ptr %door, i32 0, i32 1
  %slow.at = load ptr, ptr %slow.at.at, align 8
  %answer = call ptr @graphc.hand_on(ptr %slow.at, ptr %args, i64 %n, ptr %names)
  ret ptr %answer
}

declare ptr @graphc.hand_on(ptr, ptr, i64, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare i32 @PyObject_RichCompareBool(ptr, ptr, i32)
declare ptr @PyObject_GetAttr(ptr, ptr)
declare ptr @PyObject_GetIter(ptr)
declare i32 @PyObject_SetItem(ptr, ptr, ptr)
declare ptr @PyIter_Next(ptr)
declare ptr @PyODict_New()
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyArray_NewCopy(ptr, i32)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyTuple_New(i64)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare i64 @PyDict_Size(ptr)
declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)
declare ptr @PyDict_Copy(ptr)
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare void @PyErr_Clear()
declare ptr @PyErr_Occurred()
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
"""
