"""A compiled graph: called with arrays, it gives arrays.

`Native` owns machine code with an entry point that Python calls directly.  With symbolic extents one machine code
serves all sizes: a block of numbers says what the entry takes, and is rewritten for arguments of other sizes than those
that were bound last.  `Reference` is level O0: the operations' own NumPy rules, one after the other.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from graphc.codegen.native.engine import Library
from graphc.codegen.native.entry import Bindings, EntrySpec, Otherwise, bind_entry, entry_imports
from graphc.codegen.native.extents import ROWS, row_of
from graphc.codegen.native.pool import fork_address
from graphc.codegen.native.processors import default_threads
from graphc.codegen.native.state import State
from graphc.config import current
from graphc.errors import DonationWarning, FeedError, OutOfRangeError, SignatureError
from graphc.ir.evaluate import bind_dims, evaluate
from graphc.ir.graph import Graph
from graphc.ir.location import user_location
from graphc.ir.types import numpy_dtype
from graphc.records import dataclass
from graphc.runtime.cache import kept_program
from graphc.runtime.collection import collection_paused
from graphc.runtime.program import Entry, Program, Signature, numbers

if TYPE_CHECKING:
    from graphc.runtime.stages import Stages

Array: TypeAlias = "np.ndarray[Any, Any]"
Container: TypeAlias = type[tuple[Any, ...]] | type[list[Any]]
REMEMBERED = 256  # shapes whose memory plan is kept


@dataclass(frozen=True)
class Stateful:
    """The variables of a run: the graph's last inputs are the variables `reads` of `state`, its last outputs new values
    of the variables `writes`."""

    state: State
    reads: tuple[int, ...]
    writes: tuple[int, ...]


_STATELESS = Stateful(State(()), (), ())


@collection_paused()
def compile_graph(
    graph: Graph,
    level: str = "O3",
    disable: Sequence[str] = (),
    threads: int | None = None,
    *,
    unwrap: bool = False,
    container: Container = tuple,
    variables: Stateful = _STATELESS,
    donated: Sequence[int] = (),
    weak: tuple[int, ...] | None = (),
) -> Executable:
    """Compile the outputs of a graph as a function of its inputs.

    `native` gives its results in a `container`, with `unwrap` a single one as it is.  `variables`: inputs and outputs
    that native code reads and writes by itself; the `Reference` takes and gives them like all others.  `donated`: the
    inputs, by position, whose arrays native code may write to, and return (`Plan.donation`).  `weak`: the f64
    inputs that are Python floats when `native` is called; with None, any f32 or f64 without axes may be one.
    """
    if level == "O0":
        from graphc.passes.pipelines import optimize

        return Reference(optimize(graph, level, disable))
    return Native(
        graph, level, disable, threads,
        unwrap=unwrap, container=container, variables=variables, donated=tuple(donated), weak=weak,
    )  # fmt: skip


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
        container: Container,
        variables: Stateful,
        donated: tuple[int, ...],
        weak: tuple[int, ...] | None,
    ) -> None:
        started = time.perf_counter()
        self.graph, self._options = graph, (level, tuple(disable), donated)
        inputs, outputs = (tuple(v.type for v in vs) for vs in (graph.inputs, graph.outputs))
        self._signature = Signature(inputs, outputs, unwrap, variables.reads, variables.writes, weak)
        self._state, self._container = variables.state, container
        self.types, self.results = self._signature.arguments, self._signature.results
        self._dtypes = tuple(numpy_dtype(t.dtype) for t in self.types)
        options = f"{self._options} {unwrap} {variables.reads} {variables.writes} {weak}"
        self.program = kept_program(graph, options, self._build)
        threads = threads or current().threads or default_threads()
        self._fork = fork_address(threads if self.program.is_shared else min(threads, 1))
        self._entry = Entry(self.program.plan, self._signature)
        self._block = np.full(len(self._entry.cells), -1, np.int64)  # no extent is -1: nothing fits yet
        self._axes = self.spec.axes
        self._table = np.full((ROWS if self._axes else 0, self.spec.cells), -1, np.int64)  # see `extents`
        self._blocks: dict[tuple[tuple[int, ...], ...], Array] = {}  # by the shapes of the arguments
        self._slow = Otherwise(self._convert)
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

    @cached_property
    def native(self) -> Callable[..., Any]:
        """The entry point."""
        return self._link(self._container, self._slow)

    def hand_on(self, otherwise: Callable[..., Any]) -> None:
        """From now on `native` hands on to this callable what it does not take as it is."""
        self._slow.function = otherwise

    def bind(self, container: Container, otherwise: Callable[..., Any]) -> Callable[..., Any]:
        """An entry point of its own, which gives results in such a container and hands on to `otherwise`."""
        return self._link(container, Otherwise(otherwise))

    def _link(self, container: Container, slow: Otherwise) -> Callable[..., Any]:
        places = self._block.ctypes.data, self._table.ctypes.data
        bindings = Bindings(slow, self._fail, self._fork, *places, container, self._state)
        library = Library(self.program.object, ["run", "entry"], entry_imports(self.spec, bindings))
        return bind_entry(library, self.spec, bindings, keep=self)

    @property
    def spec(self) -> EntrySpec:
        """What the entry point takes, allocates and decides."""
        return self._entry.spec

    # --------------------------------------------------------------------------------------------------- calling

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Arrays of the declared types; fresh results.

        Raises FeedError where types or extents do not agree, OutOfRangeError for a run-time index outside its axis.
        """
        results = self.native(*self.fitting(arrays))
        return (results,) if self._signature.is_single else tuple(results)

    def fitting(self, arrays: Sequence[Any]) -> list[Any]:
        """The arrays, or numbers, as `native` takes them: exactly of NumPy's own types.  It is set to their extents."""
        arrays = [a if isinstance(a, np.ndarray) else np.asarray(a) for a in arrays]
        self.set_extents(arrays)
        pairs = zip(arrays, self._dtypes, strict=True)
        fitting: list[Any] = [a if a.__class__ is np.ndarray and a.dtype is t else _copied(a, t) for a, t in pairs]
        for k in self._signature.weak or ():
            fitting[k] = float(fitting[k])
        return fitting

    def _convert(self, *args: Any, **named: Any) -> Any:
        """What `native` does not take, unless told otherwise: arrays of other extents; the rest raises."""
        if named or len(args) != len(self.types):
            got = " and ".join([str(len(args)), *(f"{name}=..." for name in named)])
            raise SignatureError(
                "wrong number of arguments", expected=str(len(self.types)), got=got, loc=user_location()
            )
        for a, t in zip(args, self.types, strict=True):
            is_array = isinstance(a, np.ndarray | np.generic)
            if not is_array or a.dtype.newbyteorder("=") != numpy_dtype(t.dtype):
                got = f"{a.dtype}{list(a.shape)}" if is_array else type(a).__name__
                raise FeedError("an argument of another type", expected=f"an array {t}", got=got, loc=user_location())
        return self.native(*self.fitting(args))

    def _fail(self, status: int) -> NoReturn:
        site = self.program.sites[status]
        raise OutOfRangeError(
            f"an index of `{site.op}` lies outside the axis",
            expected=f"indices in [-n, n) for {site.type}",
            loc=site.loc,
        )

    # --------------------------------------------------------------------------------------------------- binding

    def set_extents(self, arrays: Sequence[Array]) -> None:
        """Let the entry take arguments of these shapes from now on, without asking.  Raises FeedError."""
        shapes = tuple([a.shape for a in arrays])
        block = self._blocks.get(shapes)
        if block is None:
            block = self._new_block(bind_dims(self.types, arrays))
            if len(self._blocks) >= REMEMBERED:
                self._blocks.clear()
            self._blocks[shapes] = block
        if self._axes:
            self._table[row_of(shapes[k][n] for k, _, n, _ in self._axes)] = block
        self._block[:] = block  # in one step, and always: another thread may just have set other extents

    def _new_block(self, dims: Mapping[str, int]) -> Array:
        for t in self.results:
            numbers(t.shape, dims)  # raises where an extent comes out negative
        return np.array(self._entry.block(dims), np.int64)

    def peak_bytes(self, dims: Mapping[str, int] | None = None) -> int:
        """The size of the arena: all storage but arguments, results, variables and constants."""
        return self.program.plan.bytes(dims or {})

    def explain(self) -> str:
        """What was compiled and why: passes, kernels, memory, time."""
        from graphc.runtime.report import explain

        return explain(self.stages, self._origin)


Executable: TypeAlias = Native | Reference


def warn_of_unused(name: str, executable: Executable) -> None:
    """Say which arguments were given up in vain, where the function is called or prepared first."""
    loc = user_location()
    for k, why in executable.program.plan.donation.unused if isinstance(executable, Native) else ():
        v = executable.graph.inputs[k]
        text = f"{name}: the donated argument {v.node.attrs['name']} ({v.type}) is not used for a result: {why}"
        warnings.warn_explicit(text, DonationWarning, loc.file, loc.line)


def _copied(a: Array, dtype: np.dtype[Any]) -> Array:
    """An array with this very dtype object: of another byte order, with metadata, of a subclass it is refused."""
    copy = np.empty(a.shape, dtype)
    np.copyto(copy, a)
    return copy
