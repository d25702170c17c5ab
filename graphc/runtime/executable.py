"""A compiled graph: called with arrays, it gives arrays.

`Native` owns machine code with an entry point that Python calls directly.  With symbolic extents one machine code
serves all sizes: a binding of the symbols gives it another table of words and another arena, and the entry takes
arguments of the sizes that were bound last without leaving native code.  `Reference` is level O0: the operations' own
NumPy rules, one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from graphc.codegen.native import entry
from graphc.codegen.native.engine import Library
from graphc.codegen.native.pool import default_threads, fork_address
from graphc.config import current
from graphc.errors import FeedError, OutOfRangeError, SignatureError
from graphc.ir.evaluate import bind_dims, evaluate
from graphc.ir.graph import Graph
from graphc.ir.location import user_location
from graphc.ir.types import numpy_dtype
from graphc.runtime.cache import kept_program
from graphc.runtime.program import (
    Argument,
    Constant,
    Entry,
    Extent,
    Planned,
    Program,
    Result,
    Signature,
    numbers,
)

if TYPE_CHECKING:
    from graphc.runtime.stages import Stages

Array: TypeAlias = "np.ndarray[Any, Any]"
ALIGNMENT = 64  # of the arena: one cache line, one AVX-512 vector
REMEMBERED = 16  # bindings that keep their arena


def compile_graph(
    graph: Graph,
    level: str = "O3",
    disable: Sequence[str] = (),
    threads: int | None = None,
    *,
    unwrap: bool = False,
    otherwise: Callable[..., Any] | None = None,
) -> Executable:
    """Compile the outputs of a graph as a function of its inputs.

    `unwrap`: a single result comes from `native` as it is, not in a tuple.  `otherwise`: `native` hands arguments on to
    it that are not of the declared types, instead of raising.
    """
    if level == "O0":
        from graphc.passes.pipelines import optimize

        return Reference(optimize(graph, level, disable))
    return Native(graph, level, disable, threads, unwrap=unwrap, otherwise=otherwise)


class Reference:
    """Evaluates the graph node by node."""

    native: Callable[..., Any] | None = None

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Arrays as the graph's inputs; results as its outputs, never sharing storage with anything."""
        return tuple(evaluate(self.graph, self.graph.outputs, dict(zip(self.graph.inputs, arrays, strict=True))))

    def explain(self) -> str:
        return f"{len(self.graph)} nodes, evaluated one by one by their NumPy rules (level O0)"


@dataclass(frozen=True)
class _Binding:
    """What the values of the symbolic extents decide: the words, the arena, the entry's block, the results' shapes."""

    table: Array
    arena: Array
    block: list[int]
    shapes: tuple[tuple[int, ...], ...]


class Native:
    """Machine code and all that it needs to run."""

    def __init__(
        self,
        graph: Graph,
        level: str,
        disable: Sequence[str],
        threads: int | None,
        *,
        unwrap: bool,
        otherwise: Callable[..., Any] | None,
    ) -> None:
        started = time.perf_counter()
        self.graph, self._options = graph, (level, tuple(disable))
        self.types = tuple(v.type for v in graph.inputs)
        self.results = tuple(v.type for v in graph.outputs)
        self._signature = Signature(self.types, self.results, unwrap)
        self.program = kept_program(graph, f"{self._options} {unwrap}", self._build)
        self._fork = fork_address(threads or current().threads or default_threads())
        self._otherwise = otherwise
        self._entry = Entry(self.program.plan, self._signature)
        self._block = np.full(max(1, len(self._entry.cells)), -1, np.int64)  # no extent is -1: nothing fits yet
        self._bindings: dict[tuple[int, ...], _Binding] = {}
        self._bound: _Binding | None = None  # what the entry's block says
        words = self.program.plan.words
        self._arguments = [(n, w.position) for n, w in enumerate(words) if isinstance(w, Argument)]
        self._outputs = [(n, w.position) for n, w in enumerate(words) if isinstance(w, Result)]
        self.native: Callable[..., Any] = self._link()
        self._run = entry.run_function(self.library["run"])
        how = "compiled" if "stages" in vars(self) else "loaded from the cache"
        self._origin = f"{how} in {(time.perf_counter() - started) * 1e3:.0f} ms"

    @cached_property
    def stages(self) -> Stages:
        """What lies between graph and code; computed anew where the code came from the cache."""
        from graphc.runtime.stages import Stages

        return Stages(self.graph, *self._options)

    def _build(self) -> Program:
        from graphc.runtime.build import build

        return build(self.stages, self._signature)

    def _link(self) -> Callable[..., Any]:
        def slow(*args: Any) -> Any:
            if self._otherwise is not None and not self._fits(args):
                return self._otherwise(*args)
            results = self(*self._checked(args))
            return results[0] if self._signature.is_single else results

        arena = self._bind({}).arena.ctypes.data if self._signature.is_static else 0
        bindings = entry.Bindings(slow, self._fail, arena, self._fork, self._block.ctypes.data)
        imports = entry.entry_imports(self._entry.spec, bindings)
        self.library = Library(self.program.object, ["run", "entry"], imports)
        return entry.bind_entry(self.library, self._entry.spec, bindings, keep=self)

    # --------------------------------------------------------------------------------------------------- calling

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Arrays as the graph's inputs, of the declared types and any strides; fresh results as its outputs.

        Raises FeedError where symbolic extents do not agree, OutOfRangeError for a run-time index outside its axis.
        """
        binding = self._bind(bind_dims(self.types, arrays))
        outputs = [np.empty(s, numpy_dtype(t.dtype)) for s, t in zip(binding.shapes, self.results, strict=True)]
        inputs = [_plain(a) for a in arrays]
        table = binding.table.copy()
        for n, k in self._arguments:
            table[n] = inputs[k].ctypes.data
        for n, j in self._outputs:
            table[n] = outputs[j].ctypes.data
        status = self._run(table.ctypes.data, self._fork or None)
        if status:
            self._fail(status)
        return tuple(outputs)

    def _fits(self, args: tuple[Any, ...]) -> bool:
        try:
            self._checked(args)
        except (SignatureError, FeedError):
            return False
        return True

    def _checked(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments that the entry did not take: of other strides, or not what was declared, which raises."""
        if len(args) != len(self.types):
            count = str(len(self.types)), str(len(args))
            raise SignatureError("wrong number of arguments", expected=count[0], got=count[1], loc=user_location())
        for a, t in zip(args, self.types, strict=True):
            if not isinstance(a, np.ndarray) or a.dtype.newbyteorder("=") != numpy_dtype(t.dtype):
                got = f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else type(a).__name__
                raise FeedError("an argument of another type", expected=f"an array {t}", got=got, loc=user_location())
        bind_dims(self.types, args)
        return args

    def _fail(self, status: int) -> NoReturn:
        site = self.program.sites[status]
        raise OutOfRangeError(
            f"an index of `{site.op}` lies outside the axis",
            expected=f"indices in [-n, n) for {site.type}",
            loc=site.loc,
        )

    # --------------------------------------------------------------------------------------------------- binding

    def _bind(self, dims: Mapping[str, int]) -> _Binding:
        """The binding for these extents, which the entry takes from now on without asking."""
        key = tuple(dims.values())
        if key not in self._bindings:
            if len(self._bindings) >= REMEMBERED:
                del self._bindings[next(iter(self._bindings))]
            self._bindings[key] = self._binding(dims)
        binding = self._bindings[key]
        if binding is not self._bound:
            self._block[: len(binding.block)] = binding.block
            self._bound = binding
        return binding

    def _binding(self, dims: Mapping[str, int]) -> _Binding:
        """Plan the arena and fill in all words but the addresses of arguments and results."""
        plan = self.program.plan
        layout = plan.arena(dims)
        arena = _aligned(layout.size)
        start = arena.ctypes.data
        table = np.zeros(max(1, len(plan.words)), np.int64)
        for n, w in enumerate(plan.words):
            match w:
                case Planned(name):
                    table[n] = start + layout.offsets[name]
                case Constant(literal):
                    table[n] = literal.array.ctypes.data
                case Extent():
                    table[n] = w.evaluate(dims)
                case Argument() | Result():
                    pass
        block = self._entry.block(dims, layout.offsets, start)
        return _Binding(table, arena, block, tuple(numbers(t.shape, dims) for t in self.results))

    def peak_bytes(self, dims: Mapping[str, int] | None = None) -> int:
        """The size of the arena: all storage but arguments, results and constants."""
        return self.program.plan.arena(dims or {}).size

    def explain(self) -> str:
        """What was compiled and why: passes, kernels, memory, time."""
        from graphc.runtime.report import explain

        return explain(self.stages, self._origin)


Executable: TypeAlias = Native | Reference


def _plain(a: Array) -> Array:
    """The array itself where it is contiguous, aligned and in native byte order, else a copy that is."""
    flags = a.flags
    if flags.c_contiguous and flags.aligned and a.dtype.isnative:
        return a
    return np.array(a, a.dtype.newbyteorder("="), order="C")


def _aligned(size: int) -> Array:
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
