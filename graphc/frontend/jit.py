"""`jit`: a function of arrays becomes native code at its first call with arguments of a kind.

Arguments are of the same kind when arrays have the same element type and shape (or fit the declared signature), nests
have the same structure, and what is static is equal.  Every kind is compiled once; `explain()` says what made a kind
new.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from threading import RLock
from types import MethodType
from typing import Any, overload

from graphc.codegen.native.array_layout import layout_is_known
from graphc.codegen.native.door import Reader, reader
from graphc.errors import SignatureError
from graphc.frontend.compiled import Compiled, Way, argument_parts
from graphc.frontend.donation import Donate, Donated
from graphc.frontend.signature import Call, parse_signature
from graphc.frontend.trace import function_name, trace_leaves
from graphc.ir.graph import Graph
from graphc.ir.location import user_location
from graphc.ir.types import Type
from graphc.runtime.collection import collection_paused
from graphc.runtime.executable import Executable, warn_of_unused
from graphc.runtime.parts import has_parts

Function = Callable[..., Any]
_REMEMBERED = 4096
_STRUCTURES = 8  # nests that are remembered
_ENTRIES = 16  # native entries that are tried one after the other: each costs a few nanoseconds


class Jit:
    """A compiled function; made by `jit`.

    Called with arrays, numbers and nests of them it runs native code and returns new arrays (0-d ones for scalars) in
    the nest that the function returns.  Called with tensors it is the function itself: inside another trace it becomes
    part of that graph, on eager tensors it is recorded on their tape.  A call raises SignatureError and FeedError for
    arguments that do not fit the signature.

    The call itself is an attribute.  At first it is `_dispatch`; from the first kind of arguments on it is the native
    entry of that kind, or the door to it, which hands on what it does not take to that of the next kind, and the last
    one to `_dispatch`.
    """

    __slots__ = ("__call__", "__dict__", "__weakref__")
    __call__: Callable[..., Any]

    def __init__(
        self,
        function: Function,
        *,
        signature: str | Sequence[Type] | None = None,
        static_argnums: int | Sequence[int] = (),
        level: str = "O3",
        disable: Sequence[str] = (),
        threads: int | None = None,
        donate: Donate = (),
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.signature = signature
        self.static_argnums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
        self.donated = Donated(function, donate, self.static_argnums)
        self.name = function_name(function)
        self.level, self.disable, self.threads = level, tuple(disable), threads
        self._declared = None if signature is None else parse_signature(signature)
        self._compiled: dict[Any, Compiled] = {}
        self._ways: dict[Way, None] = {}  # in the order in which they hand on
        self._known: list[tuple[Reader, dict[tuple[Any, ...], Compiled]]] = []  # by nest, then by types and shapes
        self._lock = RLock()
        self.__call__ = self._dispatch

    def _dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """A call that no way takes which is tried: of new extents, of a new kind, or of one of too many."""
        for read, known in self._known:
            leaves = read(*args, **kwargs)
            if leaves is not None:
                compiled = _look_up(known, leaves)
                if compiled is None:
                    break
                if compiled.way is None or compiled.way in self._ways:
                    return compiled.run(compiled.check(leaves))
                return compiled.way.native(*args, **kwargs)
        return self._call_any(*args, **kwargs)

    def _call_any(self, *args: Any, **kwargs: Any) -> Any:
        """A call that nothing is known of."""
        call = Call.of(args, kwargs, self.static_argnums)
        if call.has_tensors:
            return self.function(*args, **kwargs)
        compiled = self._find(call)
        arrays = compiled.check(call.dynamic)
        self._remember(args, kwargs, call, arrays, compiled)
        return compiled.run(arrays)

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        """As a method: the instance is a static argument, known by its identity."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<jit {self.function!r}, {self.cache_size} compiled>"

    # ----------------------------------------------------------------------------------------------------- stages

    def trace(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph as the function writes it; with a signature no arguments are needed."""
        return self._trace(self._call(args, kwargs))[0]

    def optimize(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph after the passes."""
        from graphc.passes.pipelines import optimize

        return optimize(self.trace(*args, **kwargs), self.level, self.disable)

    def compile(self, *args: Any, **kwargs: Any) -> Executable:
        """The native code for arguments of this kind, without running it."""
        return self._find(self._call(args, kwargs)).executable

    @property
    def cache_size(self) -> int:
        """How many kinds of arguments have been compiled."""
        return len(self._compiled)

    def explain(self) -> str:
        """What was compiled, for which arguments, and what made each kind new."""
        if not self._compiled:
            return f"{self.name}: nothing compiled yet"
        return "\n\n".join(f"{self.name}{c.title}\n{c.executable.explain()}" for c in self._compiled.values())

    # ----------------------------------------------------------------------------------------------------- inside

    def _call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """The arguments of a stage; the declared types stand for missing ones."""
        if not args and not kwargs and self._declared is not None:
            args = self._declared
        return Call.of(args, kwargs, self.static_argnums)

    def _trace(self, call: Call) -> tuple[Graph, Any]:
        return trace_leaves(self.function, call.structure, call.values, call.placed(self._types(call)))

    def _types(self, call: Call) -> Sequence[Type]:
        if self._declared is None:
            return call.types
        if len(self._declared) != len(call.dynamic):
            raise SignatureError(
                f"{self.name} is declared for another number of arrays",
                expected=", ".join(map(str, self._declared)),
                got=f"{len(call.dynamic)} arrays or floats",
                loc=user_location(),
            )
        return self._declared

    def _find(self, call: Call) -> Compiled:
        key = call.key(self._types(call))
        known = self._compiled.get(key)
        if known is not None:
            return known
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._compile(call)
            return self._compiled[key]

    @collection_paused()
    def _compile(self, call: Call) -> Compiled:
        graph, results = self._trace(call)
        last = next(reversed(self._compiled.values()), None)
        why = call.difference(last.call, last.types) if last else ""
        options = {"level": self.level, "disable": self.disable, "threads": self.threads}
        donated = self.donated.leaves(call)
        is_declared = self._declared is not None
        compiled = Compiled.make(graph, results, call, why, is_declared=is_declared, **options, donated=donated)
        warn_of_unused(self.name, compiled.executable)
        return compiled

    def _remember(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], call: Call, arrays: Collection[Any], compiled: Compiled
    ) -> None:
        """Take the short way for arguments like these, where none had to be converted."""
        read = _reader(call)
        if read is None or not all(map(_is_same, call.dynamic, arrays)):
            return
        if compiled.way is not None:
            self._enter(compiled.way)
        known = next((known for other, known in self._known if other(*args, **kwargs) is not None), None)
        if known is None:
            known = {}
            self._known = [(read, known), *self._known[: _STRUCTURES - 1]]
        if len(known) >= _REMEMBERED:
            known.clear()
        known[_kinds(call.dynamic)] = compiled

    def _enter(self, way: Way) -> None:
        """Let calls go there, after what earlier compilations do not take; or at least from `_dispatch`."""
        with self._lock:
            if way in self._ways:
                return
            if len(self._ways) == _ENTRIES:
                way.hand_on(self._call_any)
                return
            way.hand_on(self._dispatch)
            if self._ways:
                next(reversed(self._ways)).hand_on(way.native)
            else:
                self.__call__ = way.native
            self._ways[way] = None


def _reader(call: Call) -> Reader | None:
    """Gives the leaves of calls that nest like this one, and None for others; there may be no such function."""
    count = len(call.kinds)
    if call.is_flat:
        return lambda *args, **kwargs: [*args] if len(args) == count and not kwargs else None
    return reader(*argument_parts(call)) if layout_is_known() and has_parts(call.structure) else None


def _kinds(leaves: Iterable[Any]) -> tuple[Any, ...]:
    """What decides which compilation takes them.  Raises AttributeError where one is no array or number."""
    return tuple([float if x.__class__ is float else (x.__class__, x.dtype, x.shape) for x in leaves])


def _look_up(known: Mapping[tuple[Any, ...], Compiled], leaves: Sequence[Any]) -> Compiled | None:
    try:
        return known.get(_kinds(leaves))
    except (AttributeError, TypeError):  # no arrays
        return None


def _is_same(leaf: Any, array: Any) -> bool:
    """Nothing had to be converted; a number becomes an array without axes."""
    return type(leaf) is float or leaf is array or (not leaf.ndim and leaf.dtype == array.dtype)


@overload
def jit(f: Function) -> Jit: ...
@overload
def jit(
    f: None = None,
    *,
    signature: str | Sequence[Type] | None = None,
    static_argnums: int | Sequence[int] = (),
    level: str = "O3",
    disable: Sequence[str] = (),
    threads: int | None = None,
    donate: Donate = (),
) -> Callable[[Function], Jit]: ...


def jit(f: Function | None = None, **options: Any) -> Any:
    """Compile a function written with NumPy; as a decorator with or without options.

    signature: types of the arrays among the arguments, in order, "f32[batch,64], f32[64,10]"; a name is an extent of
    any size, and one compilation serves all.  static_argnums: positions of arguments that are constants of the code;
    ints, bools, strings and None are so anyway.  level, disable: as of `graphc.Session`.

    donate: parameters, by position or name, whose arrays the caller gives up, all of a nest.  Results may be computed
    in their memory, and are then the very same array objects, so that `x = f(x)` allocates nothing; what a donated
    array holds after the call is not defined.  Donating is a permission: arrays that are read-only, strided, or in the
    memory of another argument are copied first.  In the graph of another function, on eager tensors and at level O0 it
    has no effect.  Raises SignatureError for parameters that are not there, static or no arrays; a DonationWarning
    tells, once per compilation, of arguments in which no result can lie.

        @jit
        def predict(x, w):
            return np.tanh(x @ w)
    """
    if f is None:
        return lambda g: jit(g, **options)
    return Jit(f, **options)
