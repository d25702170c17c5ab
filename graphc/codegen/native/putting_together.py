"""Native code that nests results, by the rows of a door (see `walk`)."""

from __future__ import annotations

PUTTING_TOGETHER = r"""
; One of the results; a single one is in no tuple.
define internal ptr @pick(ptr %results, i64 %k) {
entry:
  %type = call ptr @type(ptr %results)
  %several = icmp eq ptr %type, @PyTuple_Type
  br i1 %several, label %item, label %all
item:
  %one = call ptr @PyTuple_GetItem(ptr %results, i64 %k)
  ret ptr %one
all:
  ret ptr %results
}

; What the row at `cursor`, which comes next, and those inside it make of the results: a new reference, null after an
; error.
define internal ptr @build(ptr %cursor, ptr %results) {
entry:
  %row = load ptr, ptr %cursor, align 8
  %following = getelementptr %Row, ptr %row, i64 1
  store ptr %following, ptr %cursor, align 8
  %what = load i64, ptr %row, align 8
  %object = call ptr @object(ptr %row)
  %count = call i64 @count(ptr %row)
  switch i64 %what, label %constant [i64 #WHOLE, label %whole
                                     i64 #RESULT, label %result
                                     i64 #COPY, label %copy
                                     i64 #TUPLE, label %sequence
                                     i64 #LIST, label %sequence
                                     i64 #DICT, label %mapping
                                     i64 #ORDERED, label %mapping
                                     i64 #RECORD, label %record]
whole:
  call void @Py_IncRef(ptr %results)
  ret ptr %results
result:
  %one = call ptr @pick(ptr %results, i64 %count)
  call void @Py_IncRef(ptr %one)
  ret ptr %one
copy:
  %original = call ptr @pick(ptr %results, i64 %count)
  %copied = call ptr @PyArray_NewCopy(ptr %original, i32 0)
  ret ptr %copied
constant:
  call void @Py_IncRef(ptr %object)
  ret ptr %object
sequence:
  %list = icmp eq i64 %what, #LIST
  %items = call ptr @build_sequence(ptr %cursor, ptr %results, i64 %count, ptr %object, i1 %list)
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

; A list, a tuple, or a tuple of another class, which is without items at first.
define internal ptr @new_sequence(ptr %class, i64 %count, i1 %list) {
entry:
  %plain = icmp eq ptr %class, @PyTuple_Type
  %usual = or i1 %plain, %list
  br i1 %usual, label %new, label %named
new:
  %new.of = select i1 %list, ptr @PyList_New, ptr @PyTuple_New
  %made = call ptr %new.of(i64 %count)
  ret ptr %made
named:
  %empty = call ptr @PyType_GenericAlloc(ptr %class, i64 %count)
  ret ptr %empty
}

define internal ptr @build_sequence(ptr %cursor, ptr %results, i64 %count, ptr %class, i1 %list) {
entry:
  %put = select i1 %list, ptr @PyList_SetItem, ptr @PyTuple_SetItem
  %new = call ptr @new_sequence(ptr %class, i64 %count, i1 %list)
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

; A dict begins as a copy of one that has its keys: they are hashed once.  An ordered one begins empty.
define internal ptr @build_mapping(ptr %cursor, ptr %results, i64 %count, ptr %pattern) {
entry:
  %ordered = icmp eq ptr %pattern, null
  br i1 %ordered, label %empty, label %copy
empty:
  %in.order = call ptr @PyODict_New()
  br label %check
copy:
  %copied = call ptr @PyDict_Copy(ptr %pattern)
  br label %check
check:
  %new = phi ptr [%in.order, %empty], [%copied, %copy]
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %no, label %next
next:
  %k = phi i64 [0, %check], [%following, %one]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %make, label %end
make:
  %row = load ptr, ptr %cursor, align 8
  %key = call ptr @key(ptr %row)
  %value = call ptr @build(ptr %cursor, ptr %results)
  %missing = icmp eq ptr %value, null
  br i1 %missing, label %undo, label %one
one:
  %put = select i1 %ordered, ptr @PyObject_SetItem, ptr @PyDict_SetItem
  %status = call i32 %put(ptr %new, ptr %key, ptr %value)
  call void @Py_DecRef(ptr %value)
  %following = add i64 %k, 1
  %done = icmp eq i32 %status, 0
  br i1 %done, label %next, label %undo
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
"""
