"""Native code that takes nested arguments apart, by the rows of a door (see `walk`).

It gives up at the first thing that is not as its row says.  Every operand is owned from then on, and so is every
container while it is walked: other code may run in between and change what the arguments are made of.
"""

from __future__ import annotations

TAKING_APART = r"""
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

; ---------------------------------------------------------------------------------------------------------- reading

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
"""
