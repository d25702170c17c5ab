"""The way from Python into a compiled program: what an entry takes and gives, and the callable made of it.

The entry is a built-in function whose code `emit_entry` writes into the module of the program.  Where the layout of
arrays is unknown, a Python object that behaves the same takes its place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from graphc.codegen.native.array_layout import api_symbols, layout_is_known, numpy_dtype
from graphc.codegen.native.engine import Library
from graphc.records import dataclass

METH_FASTCALL = 0x80


@dataclass(frozen=True)
class Cell:
    """A number that may differ from call to call: item `index` of the block that the owner keeps up to date."""

    index: int


@dataclass(frozen=True)
class ArrayType:
    """An element type and a shape; an output's shape has either no cells, or nothing but consecutive ones."""

    dtype: str
    shape: tuple[int | Cell, ...]

    @property
    def is_static(self) -> bool:
        return not any(isinstance(n, Cell) for n in self.shape)


@dataclass(frozen=True)
class Input:
    """Argument k: as a word its data address, as a result the array itself."""

    index: int


@dataclass(frozen=True)
class Output:
    """Fresh array j: as a word its data address, as a result the array itself."""

    index: int


@dataclass(frozen=True)
class Arena:
    """A place in the arena, in bytes from its start."""

    offset: int


@dataclass(frozen=True)
class Address:
    """A fixed address in this process, of storage that the owner keeps alive."""

    value: int


@dataclass(frozen=True)
class Number:
    """A number, such as the value of a symbolic dimension."""

    value: int


@dataclass(frozen=True)
class Object:
    """The address (`id`) of a Python object that the owner keeps alive; returned as it is."""

    address: int


Word: TypeAlias = Input | Output | Arena | Address | Number | Cell
Returned: TypeAlias = Input | Output | Object


@dataclass(frozen=True)
class EntrySpec:
    """What the entry takes, passes on and gives back: one object, a tuple of them, or None."""

    inputs: tuple[ArrayType, ...]
    outputs: tuple[ArrayType, ...]
    words: tuple[Word, ...]
    returns: Returned | tuple[Returned, ...] | None

    @property
    def is_static(self) -> bool:
        return all(t.is_static for t in (*self.inputs, *self.outputs))


@dataclass(frozen=True)
class Bindings:
    """The parts of one process: `slow(*args)` takes over, `raise_status(status)` raises for a failed check.

    `arena`, `block` and `fork` are addresses; `fork` may be 0.
    """

    slow: Callable[..., Any]
    raise_status: Callable[[int], Any]
    arena: int = 0
    fork: int = 0
    block: int = 0


# ------------------------------------------------------------------------------------------------------------- linking


def entry_imports(spec: EntrySpec, bindings: Bindings) -> dict[str, int]:
    """The address of every symbol in the entry's text; the objects of `bindings` must outlive the library."""
    symbols = api_symbols() | {dtype_symbol(t): id(numpy_dtype(t.dtype)) for t in spec.inputs}
    symbols |= {f"graphc.word.{n}": w.value for n, w in enumerate(spec.words) if isinstance(w, Address)}
    symbols |= {f"graphc.result.{n}": r.address for n, r in enumerate(results(spec)) if isinstance(r, Object)}
    symbols |= {"graphc.slow": id(bindings.slow), "graphc.raise": id(bindings.raise_status)}
    symbols |= {"graphc.arena": bindings.arena, "graphc.block": bindings.block}
    return symbols | {"graphc.fork": bindings.fork}


def results(spec: EntrySpec) -> tuple[Returned, ...]:
    """What the entry returns, one by one."""
    if spec.returns is None:
        return ()
    return spec.returns if isinstance(spec.returns, tuple) else (spec.returns,)


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
        self.method = _MethodDef(b"entry", library["entry"], METH_FASTCALL, None)


def bind_entry(library: Library, spec: EntrySpec, bindings: Bindings, keep: Any = None) -> Callable[..., Any]:
    """The callable of a library that holds `entry` and `run`, linked with `entry_imports(spec, bindings)`.

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

    Where shapes have cells the slow callable does all the work.
    """

    def __init__(self, library: Library, spec: EntrySpec, bindings: Bindings, keep: Any) -> None:
        self.spec, self.bindings = spec, bindings
        self._owned = library, keep
        self._run = run_function(library["run"])

    def __call__(self, *args: Any) -> Any:
        spec, bindings = self.spec, self.bindings
        fits = len(args) == len(spec.inputs) and spec.is_static and all(map(_fits, args, spec.inputs))
        if not fits:
            return bindings.slow(*args)
        outputs = [np.empty(_numbers(t), numpy_dtype(t.dtype)) for t in spec.outputs]
        words = np.array([_word(w, args, outputs, bindings.arena) for w in spec.words], np.int64)
        status = self._run(words.ctypes.data, bindings.fork or None)
        return bindings.raise_status(status) if status else _result(spec.returns, args, outputs)


def _numbers(t: ArrayType) -> tuple[int, ...]:
    return tuple(n for n in t.shape if isinstance(n, int))


def _fits(a: Any, t: ArrayType) -> bool:
    exact = type(a) is np.ndarray and a.dtype is numpy_dtype(t.dtype) and a.shape == t.shape
    return exact and a.flags.c_contiguous and a.flags.aligned


def _word(w: Word, args: tuple[Any, ...], outputs: list[Any], arena: int) -> int:
    match w:
        case Input(k):
            return int(args[k].ctypes.data)
        case Output(j):
            return int(outputs[j].ctypes.data)
        case Arena(offset):
            return arena + offset
        case Address(value) | Number(value):
            return value
        case Cell():
            raise TypeError("a word that changes has no place in an entry with fixed shapes")


def _result(returns: Returned | tuple[Returned, ...] | None, args: tuple[Any, ...], outputs: list[Any]) -> Any:
    match returns:
        case Input(k):
            return args[k]
        case Output(j):
            return outputs[j]
        case Object(address):
            return ctypes.cast(address, ctypes.py_object).value
        case tuple():
            return tuple(_result(r, args, outputs) for r in returns)
    return None
