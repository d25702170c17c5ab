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

define internal ptr @key(ptr %row) {
entry:
  %at = getelementptr %Row, ptr %row, i32 0, i32 4
  %key = load ptr, ptr %at, align 8
  ret ptr %key
}

define internal i1 @has_key(ptr %row, ptr %key) {
entry:
  %own = call ptr @key(ptr %row)
  %same = call i1 @is_same(ptr %key, ptr %own)
  ret i1 %same
}

; ---------------------------------------------------------------------------------------------------------- reading

; Follow one row, and those inside it, and add the operands: the row after them, null where the object is not as they
; say.
define internal ptr @read(ptr %row, ptr %x, ptr %operands) {
entry:
  %what = load i64, ptr %row, align 8
  %count.at = getelementptr %Row, ptr %row, i32 0, i32 1
  %object.at = getelementptr %Row, ptr %row, i32 0, i32 2
  %object = load ptr, ptr %object.at, align 8
  %next = getelementptr %Row, ptr %row, i64 1
  switch i64 %what, label %yes [i64 #OPERAND, label %operand
                                i64 #HANDLE, label %handle
                                i64 #EQUAL, label %equal
                                i64 #TUPLE, label %container
                                i64 #LIST, label %container
                                i64 #DICT, label %container
                                i64 #ORDERED, label %container
                                i64 #RECORD, label %container]
operand:
  call void @Py_IncRef(ptr %x)
  %place = load ptr, ptr %operands, align 8
  store ptr %x, ptr %place, align 8
  %following = getelementptr ptr, ptr %place, i64 1
  store ptr %following, ptr %operands, align 8
  ret ptr %next
handle:
  %same = call i1 @is_same(ptr %x, ptr %object)
  br i1 %same, label %yes, label %no
equal:
  %equals = call i1 @is_equal(ptr %x, ptr %object)
  br i1 %equals, label %yes, label %no
container:
  %count = load i64, ptr %count.at, align 8
  %type.at = getelementptr i8, ptr %x, i64 TYPE
  %type = load ptr, ptr %type.at, align 8
  %alike = icmp eq ptr %type, %object
  br i1 %alike, label %inside, label %no
inside:
  switch i64 %what, label %no [i64 #TUPLE, label %sequence
                               i64 #LIST, label %sequence
                               i64 #DICT, label %mapping
                               i64 #ORDERED, label %ordered
                               i64 #RECORD, label %record]
sequence:
  %list = icmp eq i64 %what, #LIST
  %items = call ptr @read_sequence(ptr %next, ptr %x, ptr %operands, i64 %count, i1 %list)
  ret ptr %items
mapping:
  %values = call ptr @read_mapping(ptr %next, ptr %x, ptr %operands, i64 %count)
  ret ptr %values
ordered:
  %in.order = call ptr @read_ordered(ptr %next, ptr %x, ptr %operands, i64 %count)
  ret ptr %in.order
record:
  %fields = call ptr @read_record(ptr %next, ptr %x, ptr %operands, i64 %count)
  ret ptr %fields
yes:
  ret ptr %next
no:
  ret ptr null
}

; The same for an object that is only borrowed from its container: what runs other code holds it meanwhile.
define internal ptr @read_borrowed(ptr %row, ptr %x, ptr %operands) {
entry:
  %what = load i64, ptr %row, align 8
  %simple = icmp ule i64 %what, #HANDLE
  br i1 %simple, label %at.once, label %hold
at.once:
  %taken = call ptr @read(ptr %row, ptr %x, ptr %operands)
  ret ptr %taken
hold:
  call void @Py_IncRef(ptr %x)
  %next = call ptr @read(ptr %row, ptr %x, ptr %operands)
  call void @Py_DecRef(ptr %x)
  ret ptr %next
}

; The size of a list is looked at again for every item.
define internal ptr @read_sequence(ptr %first, ptr %x, ptr %operands, i64 %count, i1 %list) {
entry:
  %size.at = getelementptr i8, ptr %x, i64 SIZE
  %items.at = getelementptr i8, ptr %x, i64 ITEMS
  %all = load i64, ptr %size.at, align 8
  %alike = icmp eq i64 %all, %count
  br i1 %alike, label %next, label %no
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %row = phi ptr [%first, %entry], [%after, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %end
look:
  %size = load i64, ptr %size.at, align 8
  %there = icmp slt i64 %k, %size
  br i1 %there, label %find, label %no
find:
  br i1 %list, label %apart, label %one
apart:
  %elsewhere = load ptr, ptr %items.at, align 8
  br label %one
one:
  %items = phi ptr [%items.at, %find], [%elsewhere, %apart]
  %at = getelementptr ptr, ptr %items, i64 %k
  %item = load ptr, ptr %at, align 8
  %after = call ptr @read_borrowed(ptr %row, ptr %item, ptr %operands)
  %following = add i64 %k, 1
  %read = icmp ne ptr %after, null
  br i1 %read, label %next, label %no
end:
  ret ptr %row
no:
  ret ptr null
}

define internal ptr @read_mapping(ptr %first, ptr %x, ptr %operands, i64 %count) {
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
  %row = phi ptr [%first, %entry], [%after, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %end
look:
  %found = call i32 @PyDict_Next(ptr %x, ptr %position, ptr %key.at, ptr %value.at)
  %some = icmp ne i32 %found, 0
  br i1 %some, label %compare, label %no
compare:
  %key = load ptr, ptr %key.at, align 8
  %same = call i1 @has_key(ptr %row, ptr %key)
  br i1 %same, label %one, label %no
one:
  %value = load ptr, ptr %value.at, align 8
  %after = call ptr @read_borrowed(ptr %row, ptr %value, ptr %operands)
  %following = add i64 %k, 1
  %read = icmp ne ptr %after, null
  br i1 %read, label %next, label %no
end:
  ret ptr %row
no:
  ret ptr null
}

; An ordered dict has an order of its own.
define internal ptr @read_ordered(ptr %first, ptr %x, ptr %operands, i64 %count) {
entry:
  %size = call i64 @PyDict_Size(ptr %x)
  %alike = icmp eq i64 %size, %count
  br i1 %alike, label %begin, label %no
begin:
  %keys = call ptr @PyObject_GetIter(ptr %x)
  %none = icmp eq ptr %keys, null
  br i1 %none, label %forget, label %next
next:
  %k = phi i64 [0, %begin], [%following, %one]
  %row = phi ptr [%first, %begin], [%after, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %end
look:
  %key = call ptr @PyIter_Next(ptr %keys)
  %some = icmp ne ptr %key, null
  br i1 %some, label %compare, label %end
compare:
  %same = call i1 @has_key(ptr %row, ptr %key)
  %own = call ptr @key(ptr %row)
  call void @Py_DecRef(ptr %key)
  br i1 %same, label %find, label %end
find:
  %value = call ptr @PyDict_GetItemWithError(ptr %x, ptr %own)
  %there = icmp ne ptr %value, null
  br i1 %there, label %one, label %end
one:
  %after = call ptr @read_borrowed(ptr %row, ptr %value, ptr %operands)
  %following = add i64 %k, 1
  %read = icmp ne ptr %after, null
  br i1 %read, label %next, label %end
end:
  %last = phi ptr [%row, %next], [null, %look], [null, %compare], [null, %find], [null, %one]
  call void @Py_DecRef(ptr %keys)
  call void @PyErr_Clear()
  ret ptr %last
forget:
  call void @PyErr_Clear()
  br label %no
no:
  ret ptr null
}

define internal ptr @read_record(ptr %first, ptr %x, ptr %operands, i64 %count) {
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%following, %one]
  %row = phi ptr [%first, %entry], [%after, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %end
look:
  %name = call ptr @key(ptr %row)
  %field = call ptr @PyObject_GetAttr(ptr %x, ptr %name)
  %missing = icmp eq ptr %field, null
  br i1 %missing, label %forget, label %one
one:
  %after = call ptr @read(ptr %row, ptr %field, ptr %operands)
  call void @Py_DecRef(ptr %field)
  %following = add i64 %k, 1
  %read = icmp ne ptr %after, null
  br i1 %read, label %next, label %no
forget:
  call void @PyErr_Clear()
  br label %no
end:
  ret ptr %row
no:
  ret ptr null
}

; Arguments by position, then those by name, in the order of the first rows.
define internal i1 @read_arguments(ptr %door, ptr %args, i64 %n, ptr %names, ptr %operands) {
entry:
  %positions.at = getelementptr %Door, ptr %door, i32 0, i32 2
  %positions = load i64, ptr %positions.at, align 8
  %named.at = getelementptr %Door, ptr %door, i32 0, i32 3
  %named = load i64, ptr %named.at, align 8
  %first = getelementptr %Door, ptr %door, i64 1
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
  %row = phi ptr [%first, %counted], [%after, %one]
  %more = icmp slt i64 %k, %all
  br i1 %more, label %pick, label %yes
pick:
  %by.name = icmp sge i64 %k, %n
  br i1 %by.name, label %compare, label %one
compare:
  %m = sub i64 %k, %n
  %name = call ptr @PyTuple_GetItem(ptr %names, i64 %m)
  %same = call i1 @has_key(ptr %row, ptr %name)
  br i1 %same, label %one, label %no
one:
  %at = getelementptr ptr, ptr %args, i64 %k
  %x = load ptr, ptr %at, align 8
  %after = call ptr @read(ptr %row, ptr %x, ptr %operands)
  %following = add i64 %k, 1
  %read = icmp ne ptr %after, null
  br i1 %read, label %next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}
"""
