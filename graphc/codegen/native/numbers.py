"""Where the number lies in what stands for an array without axes: native code that all entries share.

NumPy's scalars and Python's floats have their value in the object itself, so that an entry reads it there.
"""

from __future__ import annotations

from graphc.codegen.native.array_layout import SCALAR, TYPE

FLOATS = {"f64": 1, "f32": 2}
"""How a Python float becomes an element: it is one, or is rounded to one.  0 stands for: not at all."""
NUMBERS_DECLARATIONS = ("declare double @llvm.fabs.f64(double)", "declare i32 @PyType_IsSubtype(ptr, ptr)")


def numbers_text() -> str:
    """`ptr @number(object, class, floats, space)`: the address of the number that an object holds, null where it is
    neither of this class of NumPy's scalars nor, if `floats` lets them in, a Python float.

    `i1 @is_number(object)`: whether it is of any of these classes.
    """
    return _TEXT.replace("SCALAR", str(SCALAR)).replace("TYPE", str(TYPE))


_TEXT = r"""
@PyFloat_Type = external global i8
@PyGenericArrType_Type = external global i8

define internal ptr @type(ptr %a) {
entry:
  %at = getelementptr i8, ptr %a, i64 TYPE
  %type = load ptr, ptr %at, align 8
  ret ptr %type
}

define ptr @number(ptr %a, ptr %class, i32 %floats, ptr %space) {
entry:
  %type = call ptr @type(ptr %a)
  %at = getelementptr i8, ptr %a, i64 SCALAR
  %exact = icmp eq ptr %type, %class
  br i1 %exact, label %there, label %look
look:
  %float = icmp eq ptr %type, @PyFloat_Type
  %way = select i1 %float, i32 %floats, i32 0
  switch i32 %way, label %no [i32 1, label %there
                              i32 2, label %round]
round:
  %wide = load double, ptr %at, align 8
  %narrow = fptrunc double %wide to float
  store float %narrow, ptr %space, align 4
  %again = fpext float %narrow to double
  %size = call double @llvm.fabs.f64(double %again)
  %before = call double @llvm.fabs.f64(double %wide)
  %became = fcmp oeq double %size, 0x7FF0000000000000
  %was = fcmp oeq double %before, 0x7FF0000000000000
  %overflows = icmp ne i1 %became, %was
  br i1 %overflows, label %no, label %rounded
there:
  ret ptr %at
rounded:
  ret ptr %space
no:
  ret ptr null
}

define internal i1 @is_number(ptr %a) {
entry:
  %type = call ptr @type(ptr %a)
  %float = icmp eq ptr %type, @PyFloat_Type
  br i1 %float, label %yes, label %look
look:
  %below = call i32 @PyType_IsSubtype(ptr %type, ptr @PyGenericArrType_Type)
  %scalar = icmp ne i32 %below, 0
  ret i1 %scalar
yes:
  ret i1 true
}
"""
