"""The way from Python into a compiled program: what an entry takes and gives, and the callable made of it.

The entry is a built-in function whose code `emit_entry` writes into the module of the program.  Where the layout of
arrays is unknown, a Python object that behaves the same takes its place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any, TypeAlias

import numpy as np

from graphc.codegen.native.array_layout import api_symbols, layout_is_known, numpy_dtype
from graphc.codegen.native.engine import Library
from graphc.codegen.native.memory import MEMORY
from graphc.codegen.native.state import State
from graphc.codegen.native.support import memory_symbols, refusal_object
from graphc.records import dataclass, field

METH_FASTCALL, METH_KEYWORDS = 0x80, 0x2
ALIGNMENT = 64  # of the arena: one cache line, one AVX-512 vector


@dataclass(frozen=True)
class Cell:
    """A number that may differ from call to call: item `index` of the block that the owner keeps up to date."""

    index: int


@dataclass(frozen=True)
class ArrayType:
    """An element type and a shape; an output's shape has either no cells, or nothing but consecutive ones."""

    dtype: str
    shape: tuple[int | Cell, ...]


@dataclass(frozen=True)
class Input:
    """The data address of argument k."""

    index: int


@dataclass(frozen=True)
class Output:
    """The data address of fresh array j, which is returned."""

    index: int


@dataclass(frozen=True)
class Current:
    """The data address of the value of variable n before the run."""

    variable: int


@dataclass(frozen=True)
class Spare:
    """The data address of what becomes the value of variable n if the run succeeds."""

    variable: int


@dataclass(frozen=True)
class Arena:
    """A place in the arena, in bytes from its start."""

    offset: int | Cell


@dataclass(frozen=True)
class Address:
    """A fixed address in this process, of storage that the owner keeps alive."""

    value: int


@dataclass(frozen=True)
class Number:
    """A number, such as the value of a symbolic dimension."""

    value: int


Word: TypeAlias = Input | Output | Current | Spare | Arena | Address | Number | Cell


@dataclass(frozen=True)
class EntrySpec:
    """What the entry takes and passes on; it gives the outputs in a container, or one of them as it is (`is_single`).

    It takes arrays of exactly these types and any strides.

    `arena`: bytes of working memory, for the time of the call.  `releases`: other Python threads may run meanwhile (a
    number is a truth value).  `recycles`: outputs are large.

    `written`: the inputs that it writes to; where one is not writeable, or shares memory with another input, they are
    copied first.  `returned`: pairs of an output and the input of its type that is returned for it.
    """

    inputs: tuple[ArrayType, ...]
    outputs: tuple[ArrayType, ...]
    words: tuple[Word, ...]
    is_single: bool = False
    arena: int | Cell = 0
    releases: int | Cell = 0
    recycles: int | Cell = 0
    written: tuple[int, ...] = ()
    returned: tuple[tuple[int, int], ...] = ()

    @property
    def cells(self) -> int:
        """How many numbers the block has at least."""
        shapes = (n for t in (*self.inputs, *self.outputs) for n in t.shape)
        places = (w.offset for w in self.words if isinstance(w, Arena))
        found = (*shapes, *places, *self.words, self.arena, self.releases, self.recycles)
        return max((n.index + 1 for n in found if isinstance(n, Cell)), default=0)

    @property
    def reads(self) -> tuple[int, ...]:
        """The variables that are read."""
        return tuple(w.variable for w in self.words if isinstance(w, Current))

    @property
    def writes(self) -> tuple[int, ...]:
        """The variables that get new values."""
        return tuple(w.variable for w in self.words if isinstance(w, Spare))


class Otherwise:
    """The callable that takes over what an entry refuses, with the same arguments; it may be exchanged at any time."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._address = ctypes.c_void_p(id(function))

    @property
    def function(self) -> Callable[..., Any]:
        return self._function

    @function.setter
    def function(self, function: Callable[..., Any]) -> None:
        before, self._function = self._function, function
        self._address.value = id(function)
        del before  # no longer, once native code does not know it

    @property
    def address(self) -> int:
        """Of the word that has the callable's address."""
        return ctypes.addressof(self._address)


@dataclass(frozen=True)
class Bindings:
    """The parts of one process: `slow` takes over, `raise_status(status)` raises for a failed check.

    `block` and `fork` are addresses; `fork` may be 0.  `state` has the variables that words name.
    """

    slow: Otherwise
    raise_status: Callable[[int], Any]
    fork: int = 0
    block: int = 0
    container: type[tuple[Any, ...]] | type[list[Any]] = tuple
    state: State = field(default_factory=lambda: State(()))


# ------------------------------------------------------------------------------------------------------------- linking


def entry_imports(spec: EntrySpec, bindings: Bindings) -> dict[str, int]:
    """The address of every symbol in the entry's text; the objects of `bindings` must outlive the library."""
    api = api_symbols()
    symbols = api | {dtype_symbol(t): id(numpy_dtype(t.dtype)) for t in spec.inputs}
    if spec.arena != 0 or spec.recycles != 0:
        symbols |= memory_symbols() if layout_is_known() else {f"graphc.{name}": 0 for name in MEMORY}
    symbols |= {f"graphc.word.{n}": w.value for n, w in enumerate(spec.words) if isinstance(w, Address)}
    symbols |= {f"graphc.variable.{n}": bindings.state.row(n) for n in (*spec.reads, *spec.writes)}
    kind = "List" if bindings.container is list else "Tuple"
    symbols |= {"graphc.container": api[f"Py{kind}_New"], "graphc.put": api[f"Py{kind}_SetItem"]}
    symbols |= {"graphc.slow": bindings.slow.address, "graphc.raise": id(bindings.raise_status)}
    return symbols | {"graphc.gate": bindings.state.gate, "graphc.block": bindings.block, "graphc.fork": bindings.fork}


def link_entry(code: str | bytes, spec: EntrySpec, bindings: Bindings) -> Library:
    """The library of a module that holds `entry` and `run`; the objects of `bindings` must outlive it."""
    helpers = [refusal_object(donates=bool(spec.written))]
    return Library(code, ["run", "entry"], entry_imports(spec, bindings), helpers)


def dtype_symbol(t: ArrayType) -> str:
    """The name of NumPy's dtype object of an element type."""
    return f"graphc.dtype.{t.dtype}"


# ------------------------------------------------------------------------------------------------------------- calling


def run_function(address: int) -> Callable[[int, int | None], int]:
    """`i32 run(ptr words, ptr fork)` as a Python function of two addresses; the interpreter lock is held."""
    return ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)(address)


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Owner:
    """`self` of the built-in function: keeps the code, the method record and all that the code refers to alive."""

    def __init__(self, library: Library, bindings: Bindings, keep: Any) -> None:
        self.library, self.bindings, self.keep = library, bindings, keep
        self.method = _MethodDef(b"entry", library["entry"], METH_FASTCALL | METH_KEYWORDS, None)


def bind_entry(library: Library, spec: EntrySpec, bindings: Bindings, keep: Any = None) -> Callable[..., Any]:
    """The callable of a library that `link_entry` made.

    It owns the library and whatever `keep` refers to.
    """
    if not layout_is_known():
        return PythonEntry(library, spec, bindings, keep)
    owner = _Owner(library, bindings, keep)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    function: Callable[..., Any] = make(ctypes.addressof(owner.method), owner, None)
    return function


class PythonEntry:
    """The same behaviour without native access to arrays; it owns what the native function would own.

    A call takes several steps, so it updates variables only where the gate is open for its thread.
    """

    def __init__(self, library: Library, spec: EntrySpec, bindings: Bindings, keep: Any) -> None:
        self.spec, self.bindings = spec, bindings
        self._owned = library, keep
        self._run = run_function(library["run"])
        self._block = (ctypes.c_int64 * spec.cells).from_address(bindings.block) if spec.cells else ()

    def __call__(self, *args: Any, **named: Any) -> Any:
        state = self.bindings.state
        may_run = state.lets_in(get_ident()) if self.spec.writes else not state.is_closed
        call = _PythonCall(self.spec, args, self._block[:])
        if named or not may_run or not call.fits:
            return self.bindings.slow.function(*args, **named)
        return call.run(self.bindings, self._run)


@dataclass(frozen=True)
class _PythonCall:
    """One call, with the numbers of the block as they were at its beginning."""

    spec: EntrySpec
    args: tuple[Any, ...]
    block: Sequence[int]

    @property
    def fits(self) -> bool:
        return len(self.args) == len(self.spec.inputs) and all(map(self._fits, self.args, self.spec.inputs))

    def run(self, bindings: Bindings, run: Callable[[int, int | None], int]) -> Any:
        spec, values = self.spec, bindings.state.values()
        new = {n: np.empty_like(values[n]) for n in spec.writes}
        arena = np.empty(self._number(spec.arena) + ALIGNMENT, np.uint8)
        args = self._arguments()
        returned = dict(spec.returned)
        outputs = [
            args[returned[j]] if j in returned else np.empty(self._shape(t), numpy_dtype(t.dtype))
            for j, t in enumerate(spec.outputs)
        ]
        arrays: dict[type[Word], Any] = {Input: args, Output: outputs, Current: values, Spare: new}
        words = np.array([self._word(w, arrays, arena) for w in spec.words], np.int64)
        status = run(words.ctypes.data, bindings.fork or None)
        if status:
            return bindings.raise_status(status)
        bindings.state.store(spec.writes, list(new.values()))
        return outputs[0] if spec.is_single else bindings.container(outputs)

    def _arguments(self) -> list[np.ndarray[Any, Any]]:
        """In order; copies of those that are written to where one cannot be."""
        args = [np.require(a, requirements=("C", "A")) for a in self.args]
        written = self.spec.written
        shared = any(np.may_share_memory(args[k], a) for k in written for n, a in enumerate(args) if n != k)
        if shared or not all(args[k].flags.writeable for k in written):
            args = [a.copy() if k in written else a for k, a in enumerate(args)]
        return args

    def _fits(self, a: Any, t: ArrayType) -> bool:
        return type(a) is np.ndarray and a.dtype is numpy_dtype(t.dtype) and a.shape == self._shape(t)

    def _shape(self, t: ArrayType) -> tuple[int, ...]:
        return tuple(map(self._number, t.shape))

    def _number(self, n: int | Cell) -> int:
        return n if isinstance(n, int) else self.block[n.index]

    def _word(self, w: Word, arrays: dict[type[Word], Any], arena: np.ndarray[Any, Any]) -> int:
        match w:
            case Input(k) | Output(k) | Current(k) | Spare(k):
                return int(arrays[type(w)][k].ctypes.data)
            case Arena(offset):
                return int(arena.ctypes.data) + -arena.ctypes.data % ALIGNMENT + self._number(offset)
            case Address(value) | Number(value):
                return value
            case Cell():
                return self._number(w)
