"""The entry of a program as LLVM text: `ptr @entry(ptr self, ptr args, i64 n)`, a METH_FASTCALL function.

It reads NumPy's array structs, checks every argument, allocates the outputs, fills the table of words on the stack and
calls `run`.  An argument that does not fit exactly makes it call the slow callable with the same arguments instead.
The text names every outside address by symbol, so that an object made from it may be kept on disk; `entry_imports` of
`entry` gives the addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from graphc.codegen.llvm.writer import Operand, Writer
from graphc.codegen.native.array_layout import (
    CONTIGUOUS_ALIGNED,
    DATA,
    DESCR,
    DIMS,
    FLAGS,
    NDIM,
    TYPE,
    numpy_dtype,
)
from graphc.codegen.native.entry import (
    Address,
    Arena,
    ArrayType,
    Cell,
    EntrySpec,
    Input,
    Number,
    Object,
    Output,
    Returned,
    Word,
    dtype_symbol,
    results,
)


def entry_text(spec: EntrySpec) -> str:
    """The function and what it declares, to be joined with the module that defines `run`."""
    return _Entry(spec).text()


class _Entry:
    def __init__(self, spec: EntrySpec) -> None:
        self.spec, self.w = spec, Writer()
        self.globals: dict[str, None] = {}
        self.args: list[Operand] = []
        self.outputs: list[Operand] = []

    def text(self) -> str:
        self.check_arguments()
        self.allocate()
        self.call()
        self.leave()
        body = "\n".join(s if s.endswith(":") else f"  {s}" for s in self.w.here.lines)
        head = "define ptr @entry(ptr %self, ptr %args, i64 %n) {\nentry:"
        return "\n".join([*self.globals, head, body, "}", *_DECLARATIONS, ""])

    # ------------------------------------------------------------------------------------------------ writing

    def external(self, name: str) -> str:
        self.globals[f"@{name} = external global i8"] = None
        return f"@{name}"

    def start(self, label: str) -> None:
        self.w.effect(f"{label}:")

    def field(self, of: Operand, offset: int, dtype: str) -> Operand:
        at = self.w.emit("ptr", 1, f"getelementptr i8, {of}, i64 {offset}", of)
        return self.w.ordered(dtype, 1, f"load {dtype}, {at}, align {4 if dtype == 'i32' else 8}")

    def number(self, n: int | Cell) -> str:
        """A number, or the item of the block as it is now."""
        return str(n) if isinstance(n, int) else self.field(self.block, 8 * n.index, "i64").text

    @property
    def block(self) -> Operand:
        return Operand(self.external("graphc.block"), "ptr")

    def equal(self, v: Operand, to: str | int) -> Operand:
        return self.w.ordered("bool", 1, f"icmp eq {v}, {to}")

    def every(self, conditions: Iterable[Operand]) -> Operand:
        return reduce(lambda x, y: self.w.ordered("bool", 1, f"and {x}, {y.text}"), conditions)

    def need(self, condition: Operand) -> None:
        """Go on where it holds, to the slow callable elsewhere."""
        on = self.w.label("on")
        self.w.effect(f"br {condition}, label %{on}, label %slow")
        self.start(on)

    def reference(self, of: str, change: str) -> None:
        self.w.effect(f"call void @Py_{change}Ref(ptr {of})")

    # ----------------------------------------------------------------------------------------------- argument

    def check_arguments(self) -> None:
        words = max(1, len(self.spec.words))
        self.w.effect(f"%table = alloca [{words} x i64], align 8")
        self.w.effect("%cell = alloca ptr, align 8")
        self.need(self.equal(Operand("%n", "i64"), len(self.spec.inputs)))
        for k, t in enumerate(self.spec.inputs):
            at = self.w.emit("ptr", 1, f"getelementptr ptr, ptr %args, i64 {k}")
            self.args.append(self.w.ordered("ptr", 1, f"load ptr, {at}, align 8"))
            self.check(self.args[-1], t)

    def check(self, a: Operand, t: ArrayType) -> None:
        """Exactly an ndarray, of this dtype in native byte order, aligned, contiguous and of this shape."""
        self.need(self.equal(self.field(a, TYPE, "ptr"), self.external("PyArray_Type")))
        flags = self.w.ordered("i32", 1, f"and {self.field(a, FLAGS, 'i32')}, {CONTIGUOUS_ALIGNED}")
        descr, ndim = self.field(a, DESCR, "ptr"), self.field(a, NDIM, "i32")
        plain = self.equal(descr, self.external(dtype_symbol(t))), self.equal(ndim, len(t.shape))
        self.need(self.every([*plain, self.equal(flags, CONTIGUOUS_ALIGNED)]))
        if t.shape:
            dims = self.field(a, DIMS, "ptr")
            pairs = [(self.field(dims, 8 * k, "i64"), self.number(n)) for k, n in enumerate(t.shape)]
            self.need(self.every([self.equal(have, want) for have, want in pairs]))

    # ------------------------------------------------------------------------------------------------ running

    def allocate(self) -> None:
        for j, t in enumerate(self.spec.outputs):
            new = f"ptr {self.external('PyArray_Type')}, i32 {len(t.shape)}, ptr {self.shape(j, t)}"
            number = numpy_dtype(t.dtype).num
            rest = f"i32 {number}, ptr null, ptr null, i32 0, i32 0, ptr null"
            array = self.w.ordered("ptr", 1, f"call ptr @PyArray_New({new}, {rest})")
            self.or_fail(array, f"fail.{j}")
            self.outputs.append(array)

    def shape(self, j: int, t: ArrayType) -> str:
        """The address of a shape: a constant, or a part of the block."""
        first = next((n.index for n in t.shape if isinstance(n, Cell)), None)
        if first is not None:
            return f"getelementptr (i8, ptr {self.block.text}, i64 {8 * first})"
        items = ", ".join(f"i64 {n}" for n in t.shape or (0,))
        self.globals[f"@entry.shape.{j} = internal constant [{max(1, len(t.shape))} x i64] [{items}]"] = None
        return f"@entry.shape.{j}"

    def or_fail(self, v: Operand, label: str) -> None:
        on = self.w.label("on")
        self.w.effect(f"br {self.equal(v, 'null')}, label %{label}, label %{on}")
        self.start(on)

    def call(self) -> None:
        for n, word in enumerate(self.spec.words):
            value = self.word(n, word)
            at = self.w.emit("ptr", 1, f"getelementptr i64, ptr %table, i64 {n}")
            self.w.effect(f"store {value}, {at}, align 8")
        fork = self.external("graphc.fork")
        status = self.w.ordered("i32", 1, f"call i32 @run(ptr %table, ptr {fork})")
        self.w.effect(f"br {self.equal(status, 0)}, label %give, label %raise")
        self.start("give")
        self.give()
        self.start("raise")
        for array in self.outputs:
            self.reference(array.text, "Dec")
        self.raise_(status)

    def word(self, n: int, word: Word) -> str:
        match word:
            case Input(k):
                return str(self.field(self.args[k], DATA, "ptr"))
            case Output(j):
                return str(self.field(self.outputs[j], DATA, "ptr"))
            case Arena(offset):
                return f"ptr getelementptr (i8, ptr {self.external('graphc.arena')}, i64 {offset})"
            case Address():
                return f"ptr {self.external(f'graphc.word.{n}')}"
            case Number(value):
                return f"i64 {value}"
            case Cell():
                return f"i64 {self.number(word)}"

    # ------------------------------------------------------------------------------------------------- giving

    def give(self) -> None:
        """Results are handed over: the first use of an output passes our reference on, any other takes a new one."""
        given = [self.result(n, r) for n, r in enumerate(results(self.spec))]
        packed = isinstance(self.spec.returns, tuple)
        if packed:
            items = self.w.ordered("ptr", 1, f"call ptr @PyTuple_New(i64 {len(given)})")
            self.or_fail(items, f"fail.{len(self.outputs)}")
        kept = {v.text for v in self.outputs}
        for text in given:
            if text not in kept:
                self.reference(text, "Inc")
            kept.discard(text)
        for text in sorted(kept):
            self.reference(text, "Dec")
        if packed:
            for n, text in enumerate(given):
                done = f"call i32 @PyTuple_SetItem({items}, i64 {n}, ptr {text})"
                self.w.ordered("i32", 1, done)
            self.w.effect(f"ret {items}")
        elif given:
            self.w.effect(f"ret ptr {given[0]}")
        else:
            self.give_none()

    def give_none(self) -> None:
        none = self.external("_Py_NoneStruct")
        self.reference(none, "Inc")
        self.w.effect(f"ret ptr {none}")

    def result(self, n: int, r: Returned) -> str:
        match r:
            case Input(k):
                return self.args[k].text
            case Output(j):
                return self.outputs[j].text
            case Object():
                return self.external(f"graphc.result.{n}")

    # ------------------------------------------------------------------------------------------------ leaving

    def raise_(self, status: Operand) -> None:
        wide = self.w.ordered("i64", 1, f"sext {status} to i64")
        number = self.w.ordered("ptr", 1, f"call ptr @PyLong_FromLong({wide})")
        self.or_fail(number, "fail.0")
        self.w.effect(f"store {number}, ptr %cell, align 8")
        call = f"call ptr @PyObject_Vectorcall(ptr {self.external('graphc.raise')}, ptr %cell, i64 1, ptr null)"
        answer = self.w.ordered("ptr", 1, call)
        self.reference(number.text, "Dec")
        self.w.effect(f"ret {answer}")

    def leave(self) -> None:
        """The ways out: the slow callable, and a failed allocation, for which the outputs made so far are dropped."""
        self.start("slow")
        call = f"call ptr @PyObject_Vectorcall(ptr {self.external('graphc.slow')}, ptr %args, i64 %n, ptr null)"
        self.w.effect(f"ret {self.w.ordered('ptr', 1, call)}")
        for j in range(len(self.outputs), 0, -1):
            self.start(f"fail.{j}")
            self.reference(self.outputs[j - 1].text, "Dec")
            self.w.effect(f"br label %fail.{j - 1}")
        self.start("fail.0")
        self.w.effect("ret ptr null")


_DECLARATIONS = (
    "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "declare ptr @PyArray_New(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)",
    "declare ptr @PyTuple_New(i64)",
    "declare i32 @PyTuple_SetItem(ptr, i64, ptr)",
    "declare ptr @PyLong_FromLong(i64)",
    "declare void @Py_IncRef(ptr)",
    "declare void @Py_DecRef(ptr)",
)
