"""The entry of a program as LLVM text: `ptr @entry(ptr self, ptr args, i64 n, ptr names)`, a built-in function.

It reads NumPy's array structs, checks every argument, allocates the outputs, fills the table of words on the stack and
calls `run`.  What does not fit exactly it leaves to `refused`.  The text names every outside address by symbol, so that
an object made from it may be kept on disk; `entry_imports` of `entry` gives the addresses.

All but `run` happens under the interpreter lock: reading the variables is one step, and so is their replacement.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from graphc.codegen.llvm.writer import QUICK, Operand, Writer
from graphc.codegen.native.array_layout import (
    CONTIGUOUS_ALIGNED,
    DATA,
    DESCR,
    DIMS,
    FLAGS,
    NDIM,
    REFERENCES,
    SCALAR,
    TYPE,
    numpy_dtype,
)
from graphc.codegen.native.entry import (
    Address,
    Arena,
    ArrayType,
    Cell,
    Current,
    EntrySpec,
    Input,
    Number,
    Output,
    Spare,
    Word,
    dtype_symbol,
    scalar_symbol,
)
from graphc.codegen.native.state import CLOSED, OPEN


def entry_text(spec: EntrySpec) -> str:
    """The function and what it declares, to be joined with the module that defines `run`."""
    return _Entry(spec).text()


class _Entry:
    def __init__(self, spec: EntrySpec) -> None:
        self.spec, self.w = spec, Writer()
        self.globals: dict[str, None] = {}
        self.args: list[Operand] = []
        self.outputs: list[Operand] = []
        self.current: dict[int, Operand] = {}
        self.spare: dict[int, Operand] = {}

    def text(self) -> str:
        self.check_arguments()
        self.check_variables()
        self.allocate()
        result = self.pack()
        arena = self.take_arena()
        self.fill_table(arena)
        status = self.run()
        self.give_arena(arena)
        self.finish(status, result)
        self.leave(result)
        body = "\n".join(s if s.endswith(":") else f"  {s}" for s in self.w.here.lines)
        head = f"define ptr @entry(ptr %self, ptr %args, i64 %n, ptr %names) {QUICK} {{\nentry:"
        return "\n".join([*self.globals, head, body, "}", *_DECLARATIONS, ""])

    # ------------------------------------------------------------------------------------------------ writing

    def external(self, name: str) -> str:
        self.globals[f"@{name} = external global i8"] = None
        return f"@{name}"

    def start(self, label: str) -> None:
        self.w.effect(f"{label}:")

    def field(self, of: Operand | str, offset: int, dtype: str) -> Operand:
        base = of if isinstance(of, Operand) else Operand(of, "ptr")
        at = self.w.emit("ptr", 1, f"getelementptr i8, {base}, i64 {offset}", base) if offset else base
        return self.w.ordered(dtype, 1, f"load {dtype}, {at}, align {4 if dtype == 'i32' else 8}")

    def number(self, n: int | Cell) -> str:
        """A number, or the item of the block as it is now."""
        return str(n) if isinstance(n, int) else self.field(self.block, 8 * n.index, "i64").text

    @property
    def block(self) -> str:
        return self.external("graphc.block")

    def compare(self, how: str, v: Operand, to: str | int) -> Operand:
        return self.w.ordered("bool", 1, f"icmp {how} {v}, {to}")

    def equal(self, v: Operand, to: str | int) -> Operand:
        return self.compare("eq", v, to)

    def every(self, conditions: Iterable[Operand]) -> Operand:
        return reduce(lambda x, y: self.w.ordered("bool", 1, f"and {x}, {y.text}"), conditions)

    def need(self, condition: Operand, otherwise: str = "slow") -> None:
        """Go on where it holds, elsewhere to a label."""
        on = self.w.label("on")
        self.w.effect(f"br {condition}, label %{on}, label %{otherwise}")
        self.start(on)

    def need_object(self, v: Operand, otherwise: str) -> Operand:
        self.need(self.compare("ne", v, "null"), otherwise)
        return v

    def reference(self, of: Operand | str, change: str) -> None:
        self.w.effect(f"call void @Py_{change}Ref(ptr {of.text if isinstance(of, Operand) else of})")

    # ------------------------------------------------------------------------------------------------ checking

    def check_arguments(self) -> None:
        words = max(1, len(self.spec.words))
        self.w.effect(f"%table = alloca [{words} x i64], align 8")
        self.w.effect("%cell = alloca ptr, align 8")
        positional = self.equal(Operand("%names", "ptr"), "null")
        self.need(self.every([positional, self.equal(Operand("%n", "i64"), len(self.spec.inputs))]))
        for k, t in enumerate(self.spec.inputs):
            self.args.append(self.field("%args", 8 * k, "ptr"))
            if self.spec.is_weak(k):
                self.need(self.equal(self.field(self.args[-1], TYPE, "ptr"), self.external("PyFloat_Type")))
            elif self.spec.is_number(k):
                self.check_number(k, self.args[-1], t)
            else:
                self.check(self.args[-1], t)
        if self.spec.written:
            call = f"call i1 @graphc.separate(ptr %args, i64 %n, ptr {self.given()})"
            self.need(self.w.ordered("bool", 1, call), "shared")

    def given(self) -> str:
        """For each argument the bytes of an element, and whether it is written to (see `donation`)."""
        items = (f"i32 {numpy_dtype(t.dtype).itemsize}" for t in self.spec.inputs)
        rows = [f"{{ i32, i32 }} {{ {x}, i32 {int(k in self.spec.written)} }}" for k, x in enumerate(items)]
        self.globals[f"@entry.given = internal constant [{len(rows)} x {{ i32, i32 }}] [{', '.join(rows)}]"] = None
        return "@entry.given"

    def check(self, a: Operand, t: ArrayType) -> None:
        """Exactly an ndarray, of this dtype in native byte order, aligned, contiguous and of this shape."""
        self.need(self.is_array(a))
        self.check_array(a, t)

    def is_array(self, a: Operand) -> Operand:
        return self.equal(self.field(a, TYPE, "ptr"), self.external("PyArray_Type"))

    def check_number(self, k: int, a: Operand, t: ArrayType) -> None:
        """An array without axes, or something else that holds one number (see `numbers`): `%place.k` is where."""
        array, number, known = (self.w.label(stem) for stem in ("array", "number", "known"))
        self.w.effect(f"%place.{k} = alloca ptr, align 8")
        self.w.effect(f"%rounded.{k} = alloca i64, align 8")
        self.w.effect(f"br {self.is_array(a)}, label %{array}, label %{number}")
        self.start(number)
        rest = f"i32 {self.spec.floats(k)}, ptr %rounded.{k}"
        call = f"call ptr @graphc.number({a}, ptr {self.external(scalar_symbol(t))}, {rest})"
        self.place(k, self.need_object(self.w.ordered("ptr", 1, call), "slow"), known)
        self.start(array)
        self.check_array(a, t)
        self.place(k, self.field(a, DATA, "ptr"), known)
        self.start(known)

    def place(self, k: int, address: Operand, then: str) -> None:
        self.w.effect(f"store {address}, ptr %place.{k}, align 8")
        self.w.effect(f"br label %{then}")

    def check_array(self, a: Operand, t: ArrayType) -> None:
        flags = self.w.ordered("i32", 1, f"and {self.field(a, FLAGS, 'i32')}, {CONTIGUOUS_ALIGNED}")
        descr, ndim = self.field(a, DESCR, "ptr"), self.field(a, NDIM, "i32")
        plain = self.equal(descr, self.external(dtype_symbol(t))), self.equal(ndim, len(t.shape))
        self.need(self.every([*plain, self.equal(flags, CONTIGUOUS_ALIGNED)]))
        if t.shape:
            dims = self.field(a, DIMS, "ptr")
            pairs = [(self.field(dims, 8 * k, "i64"), self.number(n)) for k, n in enumerate(t.shape)]
            self.need(self.every([self.equal(have, want) for have, want in pairs]))

    def check_variables(self) -> None:
        """The gate is open for this call, and nobody holds the arrays that it writes to."""
        if self.spec.reads or self.spec.writes:
            gate = self.field(self.external("graphc.gate"), 0, "i64")
            self.need(self.may_update(gate) if self.spec.writes else self.compare("ne", gate, CLOSED))
        for n in self.spec.reads:
            self.current[n] = self.field(self.variable(n), 0, "ptr")
        for n in self.spec.writes:
            spare = self.spare[n] = self.field(self.variable(n), 8, "ptr")
            self.need(self.compare("ne", spare, self.external("_Py_NoneStruct")))
            self.need(self.equal(self.field(spare, REFERENCES, "i64"), 1))

    def may_update(self, gate: Operand) -> Operand:
        """A call that lets other threads run must come from the thread that the gate is open for: it has shut it for
        all other updates.  Any other call is one step."""
        thread = self.w.ordered("i64", 1, "call i64 @PyThread_get_thread_ident()")
        mine, is_open = self.equal(gate, thread.text), self.equal(gate, OPEN)
        if isinstance(self.spec.releases, Cell):
            small = self.equal(self.field(self.block, 8 * self.spec.releases.index, "i64"), 0)
            is_open = self.every([is_open, small])
        return mine if self.spec.releases == 1 else self.w.ordered("bool", 1, f"or {mine}, {is_open.text}")

    def variable(self, n: int) -> str:
        return self.external(f"graphc.variable.{n}")

    # ---------------------------------------------------------------------------------------------- allocating

    def allocate(self) -> None:
        returned = dict(self.spec.returned)
        for j, t in enumerate(self.spec.outputs):
            if j in returned:
                self.outputs.append(self.args[returned[j]])
                self.reference(self.outputs[j], "Inc")
                continue
            new = f"ptr {self.external('PyArray_Type')}, i32 {len(t.shape)}, ptr {self.shape(j, t)}"
            number = numpy_dtype(t.dtype).num
            rest = f"i32 {number}, ptr null, ptr null, i32 0, i32 0, ptr null"
            array = self.w.ordered("ptr", 1, f"call ptr {self.allocator()}({new}, {rest})")
            self.outputs.append(self.need_object(array, f"fail.{j}"))

    def allocator(self) -> str:
        if isinstance(self.spec.recycles, Cell):
            large = self.compare("ne", self.field(self.block, 8 * self.spec.recycles.index, "i64"), 0)
            return self.w.ordered("ptr", 1, f"select {large}, ptr @graphc.new_array, ptr @PyArray_New").text
        return "@graphc.new_array" if self.spec.recycles else "@PyArray_New"

    def shape(self, j: int, t: ArrayType) -> str:
        """The address of a shape: a constant, or a part of the block."""
        first = next((n.index for n in t.shape if isinstance(n, Cell)), None)
        if first is not None:
            return f"getelementptr (i8, ptr {self.block}, i64 {8 * first})"
        items = ", ".join(f"i64 {n}" for n in t.shape or (0,))
        self.globals[f"@entry.shape.{j} = internal constant [{max(1, len(t.shape))} x i64] [{items}]"] = None
        return f"@entry.shape.{j}"

    def pack(self) -> Operand:
        """What is returned; it owns the outputs."""
        if self.spec.is_single:
            return self.outputs[0]
        new = self.w.ordered("ptr", 1, f"call ptr @graphc.container(i64 {len(self.outputs)})")
        self.need_object(new, f"fail.{len(self.outputs)}")
        for j, array in enumerate(self.outputs):
            self.w.ordered("i32", 1, f"call i32 @graphc.put({new}, i64 {j}, {array})")
        return new

    def take_arena(self) -> Operand:
        """Its address; where it has no bytes, any that may be read from."""
        if self.spec.arena == 0:
            return Operand("%table", "ptr")
        arena = self.w.ordered("ptr", 1, f"call ptr @graphc.take(i64 {self.number(self.spec.arena)})")
        return self.need_object(arena, "full")

    def give_arena(self, arena: Operand) -> None:
        if self.spec.arena != 0:
            self.w.effect(f"call void @graphc.give({arena})")

    # ------------------------------------------------------------------------------------------------- running

    def fill_table(self, arena: Operand) -> None:
        for n, word in enumerate(self.spec.words):
            value = self.word(n, word, arena)
            at = self.w.emit("ptr", 1, f"getelementptr i64, ptr %table, i64 {n}")
            self.w.effect(f"store {value}, {at}, align 8")

    def word(self, n: int, word: Word, arena: Operand) -> Operand:
        match word:
            case Input(k):
                return self.data(k)
            case Output(j):
                return self.field(self.outputs[j], DATA, "ptr")
            case Current(v):
                return self.field(self.current[v], DATA, "ptr")
            case Spare(v):
                return self.field(self.spare[v], DATA, "ptr")
            case Arena(offset):
                return self.w.ordered("ptr", 1, f"getelementptr i8, {arena}, i64 {self.number(offset)}")
            case Address():
                return Operand(self.external(f"graphc.word.{n}"), "ptr")
            case Number(value):
                return Operand(str(value), "i64")
            case Cell():
                return Operand(self.number(word), "i64")

    def data(self, k: int) -> Operand:
        """Where the elements of argument k begin."""
        if self.spec.is_weak(k):
            return self.w.emit("ptr", 1, f"getelementptr i8, {self.args[k]}, i64 {SCALAR}")
        return self.field(f"%place.{k}", 0, "ptr") if self.spec.is_number(k) else self.field(self.args[k], DATA, "ptr")

    def run(self) -> Operand:
        call = f"call i32 @run(ptr %table, ptr {self.external('graphc.fork')})"
        if self.spec.releases == 0:
            return self.w.ordered("i32", 1, call)
        held = [*self.current.values(), *self.spare.values()]
        for array in held:
            self.reference(array, "Inc")
        thread = self.w.ordered("ptr", 1, f"call ptr {self.either('PyEval_SaveThread', 'entry.keep')}()")
        status = self.w.ordered("i32", 1, call)
        self.w.effect(f"call void {self.either('PyEval_RestoreThread', 'entry.go_on')}({thread})")
        for array in held:
            self.reference(array, "Dec")
        return status

    def either(self, release: str, hold: str) -> str:
        """The function that lets other threads run, or the one that does nothing where the work is small."""
        if isinstance(self.spec.releases, int):
            return f"@{release}"
        self.globals[_KEEP] = None
        large = self.compare("ne", self.field(self.block, 8 * self.spec.releases.index, "i64"), 0)
        return self.w.ordered("ptr", 1, f"select {large}, ptr @{release}, ptr @{hold}").text

    def finish(self, status: Operand, result: Operand) -> None:
        self.need(self.equal(status, 0), "raise")
        for n in self.spec.writes:
            self.swap(self.variable(n))
        self.w.effect(f"ret {result}")
        self.start("raise")
        self.reference(result, "Dec")
        self.raise_(status)

    def swap(self, row: str) -> None:
        before, after = self.field(row, 0, "ptr"), self.field(row, 8, "ptr")
        at = self.w.emit("ptr", 1, f"getelementptr i8, ptr {row}, i64 8")
        self.w.effect(f"store {after}, ptr {row}, align 8")
        self.w.effect(f"store {before}, {at}, align 8")

    # ------------------------------------------------------------------------------------------------- leaving

    def raise_(self, status: Operand) -> None:
        wide = self.w.ordered("i64", 1, f"sext {status} to i64")
        number = self.w.ordered("ptr", 1, f"call ptr @PyLong_FromLong(i64 {wide.text})")
        self.need_object(number, "fail.0")
        self.w.effect(f"store {number}, ptr %cell, align 8")
        call = f"call ptr @PyObject_Vectorcall(ptr {self.external('graphc.raise')}, ptr %cell, i64 1, ptr null)"
        answer = self.w.ordered("ptr", 1, call)
        self.reference(number, "Dec")
        self.w.effect(f"ret {answer}")

    def bind_again(self) -> None:
        """For extents that were bound before, set the block to them, and begin again."""
        call = f"call i1 @graphc.rebind(ptr %args, i64 %n, ptr %names, ptr {self.axes()}"
        bound = self.w.ordered("bool", 1, f"{call}, ptr {self.external('graphc.blocks')}, ptr {self.block})")
        again, refused = self.w.label("again"), self.w.label("refused")
        self.w.effect(f"br {bound}, label %{again}, label %{refused}")
        self.start(again)
        self.w.effect(f"ret {self.w.ordered('ptr', 1, 'call ptr @entry(ptr %self, ptr %args, i64 %n, ptr %names)')}")
        self.start(refused)

    def axes(self) -> str:
        """A `%Axes`, and a `%Axis` for each of the inputs' axes that is no number."""
        row = "{ i32, i32, i32, i32 }"
        rows = [f"{row} {{ {', '.join(f'i32 {n}' for n in axis)} }}" for axis in self.spec.axes]
        head = f"i64 {len(self.spec.inputs)}, i64 {self.spec.cells}, i64 {len(rows)}"
        value = f"{{ i64, i64, i64, [{len(rows)} x {row}] }} {{ {head}, [{len(rows)} x {row}] [{', '.join(rows)}] }}"
        self.globals[f"@entry.axes = internal constant {value}"] = None
        return "@entry.axes"

    def leave(self, result: Operand) -> None:
        """The ways out: arguments that do not fit; a failed allocation, for which what was made so far is dropped."""
        self.start("slow")
        if self.spec.axes:
            self.bind_again()
        call = f"ptr %self, ptr %args, i64 %n, ptr %names, ptr @entry, ptr {self.external('graphc.slow')}"
        self.w.effect(f"ret {self.w.ordered('ptr', 1, f'call ptr @graphc.refused({call})')}")
        if self.spec.written:
            self.start("shared")
            again = f"ptr %self, ptr %args, i64 %n, ptr @entry, ptr {self.given()}"
            self.w.effect(f"ret {self.w.ordered('ptr', 1, f'call ptr @graphc.afresh({again})')}")
        if self.spec.arena != 0:
            self.start("full")
            self.reference(result, "Dec")
            self.w.effect("call ptr @PyErr_NoMemory()")
            self.w.effect("br label %fail.0")
        for j in range(len(self.outputs), 0, -1):
            self.start(f"fail.{j}")
            self.reference(self.outputs[j - 1], "Dec")
            self.w.effect(f"br label %fail.{j - 1}")
        self.start("fail.0")
        self.w.effect("ret ptr null")


_KEEP = """
define internal ptr @entry.keep() {
  ret ptr null
}
define internal void @entry.go_on(ptr %thread) {
  ret void
}"""

_DECLARATIONS = (
    "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "declare ptr @PyArray_New(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)",
    "declare ptr @graphc.new_array(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)",
    "declare ptr @graphc.container(i64)",
    "declare i32 @graphc.put(ptr, i64, ptr)",
    "declare ptr @graphc.number(ptr, ptr, i32, ptr)",
    "declare i1 @graphc.rebind(ptr, i64, ptr, ptr, ptr, ptr)",
    "declare ptr @graphc.take(i64)",
    "declare void @graphc.give(ptr)",
    "declare i1 @graphc.separate(ptr, i64, ptr)",
    "declare ptr @graphc.afresh(ptr, ptr, i64, ptr, ptr)",
    "declare ptr @graphc.refused(ptr, ptr, i64, ptr, ptr, ptr)",
    "declare i64 @PyThread_get_thread_ident()",
    "declare ptr @PyEval_SaveThread()",
    "declare void @PyEval_RestoreThread(ptr)",
    "declare ptr @PyErr_NoMemory()",
    "declare ptr @PyLong_FromLong(i64)",
    "declare void @Py_IncRef(ptr)",
    "declare void @Py_DecRef(ptr)",
)
