"""`compare`: one function in both execution models, and what each of them does for a call."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, TypeAlias

import numpy as np

from graphc import eager
from graphc.config import config
from graphc.eager.tape import ancestors
from graphc.errors import SignatureError
from graphc.frontend.jit import Jit, jit
from graphc.frontend.point import argument_positions, float_leaf
from graphc.frontend.trace import abstract, function_name
from graphc.frontend.transforms import value_and_grad
from graphc.ir.location import user_location
from graphc.records import dataclass
from graphc.runtime.executable import Native
from graphc.runtime.tree import flatten

Function: TypeAlias = Callable[..., Any]
Call: TypeAlias = Callable[[], Any]
_BATCH = 2e-4  # seconds of calls between two looks at the clock, which takes a tenth of the fastest call itself


@dataclass(frozen=True)
class Model:
    """One execution model at work.  `nodes` are built by every call, `first` are the seconds before the second call."""

    nodes: int
    seconds: float
    bytes: int
    first: float


@dataclass(frozen=True)
class Comparison:
    """What `compare` has found; as text, a table.

    graph: nodes as traced and after the passes.  kernels: what they became.  differences: the largest absolute ones of
    values and, where they were asked for, gradients; NaN where only one side is NaN.
    """

    title: str
    static: Model
    dynamic: Model
    graph: tuple[int, int]
    kernels: int
    difference: float
    gradient_difference: float | None

    def __str__(self) -> str:
        rows = list(self._rows())
        width = max(len(name) for name, _, _ in rows)
        return "\n".join(f"{name:<{width}}{left:>14}{right:>12}" for name, left, right in rows)

    __repr__ = __str__

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        s, d = self.static, self.dynamic
        yield self.title, "static", "dynamic"
        yield "nodes built by every call", str(s.nodes), str(d.nodes)
        yield "nodes traced, and after passes", " -> ".join(map(str, self.graph)), ""
        yield "kernels", str(self.kernels), ""
        yield "time per call", _time(s.seconds), _time(d.seconds)
        yield "time of the first call", _time(s.first), _time(d.first)
        yield "memory at the peak of a call", _size(s.bytes), _size(d.bytes)
        yield "largest difference of values", f"{self.difference:.1e}", ""
        if self.gradient_difference is not None:
            yield "largest difference of gradients", f"{self.gradient_difference:.1e}", ""


def compare(f: Function, *args: Any, argnums: int | Sequence[int] | None = None, seconds: float = 0.2) -> Comparison:
    """Run f at these arguments compiled and on the tape; with argnums also its gradient, by these arguments.

    Static: `jit(f)`, or `jit(value_and_grad(f, argnums))`, compiled anew.  Dynamic: f on eager tensors, of which those
    in argnums (else all floats) require grad, so that each call records a tape; then `eager.grad`.  `seconds` go into
    measuring time, by turns; memory is what a call has allocated at its peak, results included, and for the static side
    the storage that its code keeps.

    Raises what tracing f raises: what only the tape can do has no comparison.  SignatureError where f returns nothing
    that is computed; GradientError, with argnums, where its result is no scalar or an argument no float.
    """
    compiled, dynamic = _Static(f, args, argnums), _Dynamic(f, args, argnums)
    first = [_once(compiled.call), _once(dynamic.call)]
    times = _by_turns([compiled.call, dynamic.call], seconds)
    stages = compiled.native.stages
    values, slopes = zip(compiled.results(), dynamic.results(), strict=True)
    return Comparison(
        title=f"{function_name(f)}({', '.join(map(_described, flatten(args)[0]))})",
        static=Model(0, times[0], compiled.native.peak_bytes() + _allocated(compiled.call), first[0]),
        dynamic=Model(dynamic.nodes(), times[1], _allocated(dynamic.call), first[1]),
        graph=(len(stages.graph), len(stages.optimized)),
        kernels=len(stages.fusion.groups),
        difference=_difference(*values),
        gradient_difference=None if argnums is None else _difference(*slopes),
    )


Leaves: TypeAlias = list[Any]


class _Static:
    def __init__(self, f: Function, args: tuple[Any, ...], argnums: int | Sequence[int] | None) -> None:
        self._args, self._has_gradient = args, argnums is not None
        self._compiled: Jit = jit(f if argnums is None else value_and_grad(f, argnums))

    def call(self) -> Any:
        if not self._compiled.cache_size:
            with config(cache_dir=None):
                return self._compiled(*self._args)
        return self._compiled(*self._args)

    @property
    def native(self) -> Native:
        executable = self._compiled.compile(*self._args)
        if not isinstance(executable, Native):
            raise SignatureError("compare: the function computes no tensor", loc=user_location())
        return executable

    def results(self) -> tuple[Leaves, Leaves]:
        """Values and gradients."""
        found = self.call()
        value, slopes = found if self._has_gradient else (found, ())
        return flatten(value)[0], flatten(slopes)[0]


class _Dynamic:
    def __init__(self, f: Function, args: tuple[Any, ...], argnums: int | Sequence[int] | None) -> None:
        self._f, self._args = f, args
        self._positions = None if argnums is None else argument_positions(argnums, len(args))

    def call(self) -> tuple[Any, Leaves]:
        value, leaves = self._forward()
        if self._positions is None:
            return value, []
        return value, list(eager.grad(value, leaves, materialize_grads=True))

    def nodes(self) -> int:
        """How many a call records."""
        value, _ = self._forward()
        return len(ancestors([y for y in flatten(value)[0] if isinstance(y, eager.Tensor)]))

    def results(self) -> tuple[Leaves, Leaves]:
        """By NumPy's rules, also for large arrays: else kernels would be compared with kernels."""
        with config(kernels=None):
            value, slopes = self.call()
        return [_array(y) for y in flatten(value)[0]], [_array(g) for g in slopes]

    def _forward(self) -> tuple[Any, Leaves]:
        """The value, and the tensors to differentiate by."""
        leaves: Leaves = []
        return self._f(*[self._tensors(a, k, leaves) for k, a in enumerate(self._args)]), leaves

    def _tensors(self, argument: Any, position: int, leaves: Leaves) -> Any:
        items, structure = flatten(argument)
        return structure.unflatten([self._tensor(x, position, leaves) for x in items])

    def _tensor(self, x: Any, position: int, leaves: Leaves) -> Any:
        is_asked = self._positions is not None and position in self._positions
        if abstract(x) is None or (type(x) is float and not is_asked):
            return x
        array = np.asarray(float_leaf(x, f"argument {position}") if is_asked else x)
        tensor = eager.Tensor(array, requires_grad=is_asked or (self._positions is None and array.dtype.kind == "f"))
        if tensor.requires_grad:
            leaves.append(tensor)
        return tensor


# ----------------------------------------------------------------------------------------------------- measuring


def _once(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _by_turns(calls: Sequence[Call], seconds: float) -> list[float]:
    """The median time of each."""
    counts = [max(1, int(_BATCH / max(_once(call), 1e-9))) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + seconds
    while not times[0] or time.perf_counter() < end:
        for call, count, found in zip(calls, counts, times, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                call()
            found.append((time.perf_counter() - start) / count)
    return [median(found) for found in times]


def _allocated(call: Call) -> int:
    """Bytes that a call has allocated at its peak."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
        del result
        return max(0, peak - before)
    finally:
        if not was_tracing:
            tracemalloc.stop()


def _array(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, eager.Tensor) else x


def _difference(ours: Leaves, theirs: Leaves) -> float:
    return max((_distance(a, b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _distance(a: Any, b: Any) -> float:
    """The largest absolute difference of two arrays, 0 for two other things that are equal."""
    if abstract(a) is None:
        return 0.0 if a == b else np.inf
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    return float(apart.max(initial=0.0))


# ------------------------------------------------------------------------------------------------------ in words


def _described(x: Any) -> str:
    kind = abstract(x)
    return repr(x)[:20] if kind is None else str(kind)


def _time(seconds: float) -> str:
    unit, name = next(((u, n) for u, n in ((1.0, "s"), (1e-3, "ms")) if seconds >= u), (1e-6, "us"))
    return f"{seconds / unit:.3g} {name}"


def _size(count: int) -> str:
    unit, name = next(((u, n) for u, n in ((1e6, "MB"), (1e3, "kB")) if count >= u), (1, "B"))
    return f"{count / unit:.3g} {name}"
