"""Native code that takes nested arguments apart, calls an entry with what is in them, and nests its results.

It follows a table of rows that `door` writes: one row for every container and leaf, each before those inside it.  Taking
apart gives up at the first thing that is not as its row says; the call then goes to whatever takes over.  Every operand
is owned for the time of the call, and so is every container while it is walked: other code may run in between and change
what the arguments are made of.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.native.array_layout import DATA, TYPE

WALK_IMPORTS = (
    "PyObject_Vectorcall", "PyObject_RichCompareBool", "PyObject_GetAttr", "PyTuple_New", "PyTuple_Size",
    "PyTuple_GetItem", "PyTuple_SetItem", "PyList_New", "PyList_Size", "PyList_GetItem", "PyList_SetItem",
    "PyDict_Size", "PyDict_Next", "PyDict_Copy", "PyDict_SetItem", "PyErr_Clear", "PyErr_Occurred", "Py_IncRef",
    "Py_DecRef", "PyTuple_Type", "PyUnicode_Type", "PyLong_Type",
)  # fmt: skip


def walk_text(operations: Mapping[str, int]) -> str:
    """`ptr @call(self, args, n, names)`, a built-in function whose `self` is the array of a `%Door` and its rows.

    `operations` are the numbers of what a row may say, by name.
    """
    text = _TEXT.replace("DATA", str(DATA)).replace("TYPE", str(TYPE))
    for name, number in operations.items():
        text = text.replace(f"#{name}", str(number))
    return text


_TEXT = r"""
%Door = type { ptr, ptr, i64, i64, i64, i64 }
; the entry, the word with the callable that takes over, numbers: of arguments by position, of arguments by name, of
; operands, of the row where the result begins

%Row = type { i64, i64, ptr, ptr, ptr }
; what to do, how many there are inside (or: which result), a class or an object, names, the key by which the row above
; holds this one

%Cursor = type { ptr, ptr }  ; the next row, the place for the next operand

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

; The key of the row that comes next.
define internal ptr @key(ptr %cursor) {
  %row = load ptr, ptr %cursor, align 8
  %at = getelementptr %Row, ptr %row, i32 0, i32 4
  %key = load ptr, ptr %at, align 8
  ret ptr %key
}

define internal ptr @next_row(ptr %cursor) {
  %row = load ptr, ptr %cursor, align 8
  %next = getelementptr %Row, ptr %row, i64 1
  store ptr %next, ptr %cursor, align 8
  ret ptr %row
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

; -------------------------------------------------------------------------------------------------------- comparing

; The same object, or one of the same class that says so.
define internal i1 @is_equal(ptr %x, ptr %y) {
entry:
  %identical = icmp eq ptr %x, %y
  br i1 %identical, label %yes, label %look
look:
  %type = call ptr @type(ptr %x)
  %other = call ptr @type(ptr %y)
  %alike = icmp eq ptr %type, %other
  br i1 %alike, label %ask, label %no
ask:
  %answer = call i32 @PyObject_RichCompareBool(ptr %x, ptr %y, i32 2)
  %failed = icmp slt i32 %answer, 0
  br i1 %failed, label %forget, label %tell
forget:
  call void @PyErr_Clear()
  ret i1 false
tell:
  %equal = icmp ne i32 %answer, 0
  ret i1 %equal
yes:
  ret i1 true
no:
  ret i1 false
}

; The same object, or an equal string or int.
define internal i1 @is_same(ptr %x, ptr %y) {
entry:
  %identical = icmp eq ptr %x, %y
  br i1 %identical, label %yes, label %look
look:
  %type = call ptr @type(ptr %x)
  %text = icmp eq ptr %type, @PyUnicode_Type
  %int = icmp eq ptr %type, @PyLong_Type
  %plain = or i1 %text, %int
  br i1 %plain, label %ask, label %no
ask:
  %equal = call i1 @is_equal(ptr %x, ptr %y)
  ret i1 %equal
yes:
  ret i1 true
no:
  ret i1 false
}

; ---------------------------------------------------------------------------------------------------- taking apart

; Follow one row, and those inside it; false where the object is not as they say.
define internal i1 @read(ptr %cursor, ptr %x) {
entry:
  %row = call ptr @next_row(ptr %cursor)
  %what = load i64, ptr %row, align 8
  %object = call ptr @object(ptr %row)
  switch i64 %what, label %yes [i64 #OPERAND, label %operand
                                i64 #HANDLE, label %handle
                                i64 #EQUAL, label %equal
                                i64 #TUPLE, label %container
                                i64 #LIST, label %container
                                i64 #DICT, label %container
                                i64 #RECORD, label %container]
operand:
  call void @Py_IncRef(ptr %x)
  %place.at = getelementptr %Cursor, ptr %cursor, i32 0, i32 1
  %place = load ptr, ptr %place.at, align 8
  store ptr %x, ptr %place, align 8
  %following = getelementptr ptr, ptr %place, i64 1
  store ptr %following, ptr %place.at, align 8
  br label %yes
handle:
  %same = call i1 @is_same(ptr %x, ptr %object)
  ret i1 %same
equal:
  %equals = call i1 @is_equal(ptr %x, ptr %object)
  ret i1 %equals
container:
  %type = call ptr @type(ptr %x)
  %alike = icmp eq ptr %type, %object
  br i1 %alike, label %inside, label %no
inside:
  %count = call i64 @count(ptr %row)
  switch i64 %what, label %no [i64 #TUPLE, label %sequence
                               i64 #LIST, label %sequence
                               i64 #DICT, label %mapping
                               i64 #RECORD, label %record]
sequence:
  %list = icmp eq i64 %what, #LIST
  %items = call i1 @read_sequence(ptr %cursor, ptr %x, i64 %count, i1 %list)
  ret i1 %items
mapping:
  %values = call i1 @read_mapping(ptr %cursor, ptr %x, i64 %count)
  ret i1 %values
record:
  %fields = call i1 @read_record(ptr %cursor, ptr %x, i64 %count)
  ret i1 %fields
yes:
  ret i1 true
no:
  ret i1 false
}

; The same for an object that is only borrowed from its container.
define internal i1 @read_borrowed(ptr %cursor, ptr %x) {
entry:
  %row = load ptr, ptr %cursor, align 8
  %what = load i64, ptr %row, align 8
  %operand = icmp eq i64 %what, #OPERAND
  br i1 %operand, label %at.once, label %hold
at.once:
  %taken = call i1 @read(ptr %cursor, ptr %x)
  ret i1 %taken
hold:
  call void @Py_IncRef(ptr %x)
  %read = call i1 @read(ptr %cursor, ptr %x)
  call void @Py_DecRef(ptr %x)
  ret i1 %read
}

define internal i1 @read_sequence(ptr %cursor, ptr %x, i64 %count, i1 %list) {
entry:
  %size.of = select i1 %list, ptr @PyList_Size, ptr @PyTuple_Size
  %item.of = select i1 %list, ptr @PyList_GetItem, ptr @PyTuple_GetItem
  %size = call i64 %size.of(ptr %x)
  %alike = icmp eq i64 %size, %count
  br i1 %alike, label %next, label %no
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %yes
look:
  %item = call ptr %item.of(ptr %x, i64 %k)
  %gone = icmp eq ptr %item, null
  br i1 %gone, label %forget, label %one
one:
  %read = call i1 @read_borrowed(ptr %cursor, ptr %item)
  %following = add i64 %k, 1
  br i1 %read, label %next, label %no
forget:
  call void @PyErr_Clear()
  br label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define internal i1 @read_mapping(ptr %cursor, ptr %x, i64 %count) {
entry:
  %position = alloca i64, align 8
  %key.at = alloca ptr, align 8
  %value.at = alloca ptr, align 8
  store i64 0, ptr %position, align 8
  %size = call i64 @PyDict_Size(ptr %x)
  %alike = icmp eq i64 %size, %count
  br i1 %alike, label %next, label %no
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %yes
look:
  %wanted = call ptr @key(ptr %cursor)
  %found = call i32 @PyDict_Next(ptr %x, ptr %position, ptr %key.at, ptr %value.at)
  %some = icmp ne i32 %found, 0
  br i1 %some, label %compare, label %no
compare:
  %key = load ptr, ptr %key.at, align 8
  %same = call i1 @is_same(ptr %key, ptr %wanted)
  br i1 %same, label %one, label %no
one:
  %value = load ptr, ptr %value.at, align 8
  %read = call i1 @read_borrowed(ptr %cursor, ptr %value)
  %following = add i64 %k, 1
  br i1 %read, label %next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define internal i1 @read_record(ptr %cursor, ptr %x, i64 %count) {
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %yes
look:
  %name = call ptr @key(ptr %cursor)
  %field = call ptr @PyObject_GetAttr(ptr %x, ptr %name)
  %missing = icmp eq ptr %field, null
  br i1 %missing, label %forget, label %one
one:
  %read = call i1 @read(ptr %cursor, ptr %field)
  call void @Py_DecRef(ptr %field)
  %following = add i64 %k, 1
  br i1 %read, label %next, label %no
forget:
  call void @PyErr_Clear()
  br label %no
yes:
  ret i1 true
no:
  ret i1 false
}

; -------------------------------------------------------------------------------------------------- putting together

; What a row and those inside it make of the results: a new reference, null after an error.
define internal ptr @build(ptr %cursor, ptr %results) {
entry:
  %row = call ptr @next_row(ptr %cursor)
  %what = load i64, ptr %row, align 8
  %object = call ptr @object(ptr %row)
  %count = call i64 @count(ptr %row)
  switch i64 %what, label %constant [i64 #WHOLE, label %whole
                                     i64 #RESULT, label %result
                                     i64 #TUPLE, label %sequence
                                     i64 #LIST, label %sequence
                                     i64 #DICT, label %mapping
                                     i64 #RECORD, label %record]
whole:
  call void @Py_IncRef(ptr %results)
  ret ptr %results
result:
  %type = call ptr @type(ptr %results)
  %several = icmp eq ptr %type, @PyTuple_Type
  br i1 %several, label %pick, label %whole
pick:
  %one = call ptr @PyTuple_GetItem(ptr %results, i64 %count)
  call void @Py_IncRef(ptr %one)
  ret ptr %one
constant:
  call void @Py_IncRef(ptr %object)
  ret ptr %object
sequence:
  %list = icmp eq i64 %what, #LIST
  %items = call ptr @build_sequence(ptr %cursor, ptr %results, i64 %count, i1 %list)
  ret ptr %items
mapping:
  %pattern = call ptr @names(ptr %row)
  %values = call ptr @build_mapping(ptr %cursor, ptr %results, i64 %count, ptr %pattern)
  ret ptr %values
record:
  %names = call ptr @names(ptr %row)
  %made = call ptr @build_record(ptr %cursor, ptr %results, i64 %count, ptr %object, ptr %names)
  ret ptr %made
}

define internal ptr @build_sequence(ptr %cursor, ptr %results, i64 %count, i1 %list) {
entry:
  %new.of = select i1 %list, ptr @PyList_New, ptr @PyTuple_New
  %put = select i1 %list, ptr @PyList_SetItem, ptr @PyTuple_SetItem
  %new = call ptr %new.of(i64 %count)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %no, label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %make, label %end
make:
  %item = call ptr @build(ptr %cursor, ptr %results)
  %missing = icmp eq ptr %item, null
  br i1 %missing, label %undo, label %one
one:
  %ignored = call i32 %put(ptr %new, i64 %k, ptr %item)
  %following = add i64 %k, 1
  br label %next
end:
  ret ptr %new
undo:
  call void @Py_DecRef(ptr %new)
  br label %no
no:
  ret ptr null
}

; A dict begins as a copy of one that has its keys: they are hashed once.
define internal ptr @build_mapping(ptr %cursor, ptr %results, i64 %count, ptr %pattern) {
entry:
  %new = call ptr @PyDict_Copy(ptr %pattern)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %no, label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %make, label %end
make:
  %key = call ptr @key(ptr %cursor)
  %value = call ptr @build(ptr %cursor, ptr %results)
  %missing = icmp eq ptr %value, null
  br i1 %missing, label %undo, label %one
one:
  %status = call i32 @PyDict_SetItem(ptr %new, ptr %key, ptr %value)
  call void @Py_DecRef(ptr %value)
  %following = add i64 %k, 1
  %put = icmp eq i32 %status, 0
  br i1 %put, label %next, label %undo
end:
  ret ptr %new
undo:
  call void @Py_DecRef(ptr %new)
  br label %no
no:
  ret ptr null
}

; Call a class with what is inside, by name if there are names.
define internal ptr @build_record(ptr %cursor, ptr %results, i64 %count, ptr %class, ptr %names) {
entry:
  %items = alloca ptr, i64 %count, align 8
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %at = getelementptr ptr, ptr %items, i64 %k
  %more = icmp slt i64 %k, %count
  br i1 %more, label %make, label %end
make:
  %item = call ptr @build(ptr %cursor, ptr %results)
  %missing = icmp eq ptr %item, null
  br i1 %missing, label %undo, label %one
one:
  store ptr %item, ptr %at, align 8
  %following = add i64 %k, 1
  br label %next
end:
  %by.position = icmp eq ptr %names, null
  %positions = select i1 %by.position, i64 %count, i64 0
  %made = call ptr @PyObject_Vectorcall(ptr %class, ptr %items, i64 %positions, ptr %names)
  call void @drop_all(ptr %items, ptr %at)
  ret ptr %made
undo:
  call void @drop_all(ptr %items, ptr %at)
  ret ptr null
}

; ----------------------------------------------------------------------------------------------------------- calling

; Whether the names of arguments are those of the next rows, each of which is then followed.
define internal i1 @read_arguments(ptr %door, ptr %cursor, ptr %args, i64 %n, ptr %names) {
entry:
  %positions.at = getelementptr %Door, ptr %door, i32 0, i32 2
  %positions = load i64, ptr %positions.at, align 8
  %named.at = getelementptr %Door, ptr %door, i32 0, i32 3
  %named = load i64, ptr %named.at, align 8
  %alike = icmp eq i64 %n, %positions
  br i1 %alike, label %look, label %no
look:
  %nameless = icmp eq ptr %names, null
  br i1 %nameless, label %counted, label %measure
measure:
  %size = call i64 @PyTuple_Size(ptr %names)
  br label %counted
counted:
  %given = phi i64 [0, %look], [%size, %measure]
  %fits = icmp eq i64 %given, %named
  %all = add i64 %n, %named
  br i1 %fits, label %next, label %no
next:
  %k = phi i64 [0, %counted], [%following, %one]
  %more = icmp slt i64 %k, %all
  br i1 %more, label %pick, label %yes
pick:
  %by.name = icmp sge i64 %k, %n
  br i1 %by.name, label %compare, label %one
compare:
  %m = sub i64 %k, %n
  %name = call ptr @PyTuple_GetItem(ptr %names, i64 %m)
  %wanted = call ptr @key(ptr %cursor)
  %same = call i1 @is_same(ptr %name, ptr %wanted)
  br i1 %same, label %one, label %no
one:
  %at = getelementptr ptr, ptr %args, i64 %k
  %x = load ptr, ptr %at, align 8
  %read = call i1 @read(ptr %cursor, ptr %x)
  %following = add i64 %k, 1
  br i1 %read, label %next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define ptr @call(ptr %self, ptr %args, i64 %n, ptr %names) {
entry:
  %cursor = alloca %Cursor, align 8
  %place.at = getelementptr %Cursor, ptr %cursor, i32 0, i32 1
  %door.at = getelementptr i8, ptr %self, i64 DATA
  %door = load ptr, ptr %door.at, align 8
  %count.at = getelementptr %Door, ptr %door, i32 0, i32 4
  %count = load i64, ptr %count.at, align 8
  %operands = alloca ptr, i64 %count, align 8
  %rows = getelementptr %Door, ptr %door, i64 1
  store ptr %rows, ptr %cursor, align 8
  store ptr %operands, ptr %place.at, align 8
  %read = call i1 @read_arguments(ptr %door, ptr %cursor, ptr %args, i64 %n, ptr %names)
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
  %first = getelementptr %Row, ptr %rows, i64 %result
  store ptr %first, ptr %cursor, align 8
  %made = call ptr @build(ptr %cursor, ptr %results)
  call void @Py_DecRef(ptr %results)
  ret ptr %made
why:
  %error = call ptr @PyErr_Occurred()
  %raised = icmp ne ptr %error, null
  br i1 %raised, label %raise, label %hand.on
raise:
  ret ptr null
other:
  %reached = load ptr, ptr %place.at, align 8
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
declare ptr @PyTuple_New(i64)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyList_New(i64)
declare i64 @PyList_Size(ptr)
declare ptr @PyList_GetItem(ptr, i64)
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
