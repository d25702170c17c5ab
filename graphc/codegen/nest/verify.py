"""The verifier of the loop-nest IR: run after lowering and after every step of a schedule.

It checks single assignment, definition before use, names and affinity of indices, shapes of loops, roles of buffers,
and that types agree.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.codegen.nest.elements import is_integer, register
from graphc.codegen.nest.loops import (
    Accumulate,
    Body,
    Buffer,
    Check,
    Finish,
    Fold,
    Get,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    LoadTuple,
    Loop,
    Merge,
    Phase,
    Prefetch,
    Put,
    Stmt,
    Store,
    StoreTuple,
    parts,
    print_stmt,
    touched,
)
from graphc.ir.poly import Poly
from graphc.records import dataclass, replace

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
UNIFORM = frozenset({
    "add", "sub", "mul", "xadd", "xsub", "xmul", "div", "neg", "abs", "fma", "quotient", "rest", "floordiv",
    "mod", "and_", "or_", "xor", "not_", "shl", "shr", "maximum", "minimum", "floor", "ceil", "rint", "trunc",
    "sqrt", "copysign", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin",
    "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "logit", "erf", "erfc", "sigmoid",
    "pow", "lgamma", "digamma", "trigamma", "rsqrt", "cbrt", "wrap",
})  # fmt: skip
"""Operations whose operands and result have one type."""

Types = dict[str, tuple[str, ...]]


class NestError(Exception):
    """A loop nest breaks a rule of the grammar: a defect of the compiler, never of the user's program."""


def verify(kernel: Kernel) -> Kernel:
    """The kernel itself; raises NestError."""
    verifier = _Verifier({b.name: b for b in kernel.buffers})
    for b in kernel.buffers:
        _need(b.role in ("in", "out", "work", "status"), "buffer", b.name, "has the role", b.role)
    for phase in kernel.phases:
        verifier.body(phase.body, {}, _Scope(_parameters(kernel, phase)))
    return kernel


def _parameters(kernel: Kernel, phase: Phase) -> frozenset[str]:
    cut = {f"{phase.chunk.axis}.lo", f"{phase.chunk.axis}.hi"} if phase.chunk else set()
    return frozenset(kernel.dims) | {"c", "nc"} | cut


def _need(ok: bool, *message: str) -> None:
    if not ok:
        raise NestError(" ".join(message))


@dataclass(frozen=True)
class _Scope:
    """What an index may mention."""

    parameters: frozenset[str]
    loops: frozenset[str] = frozenset()

    def check(self, at: Poly) -> None:
        unknown = at.names - self.parameters - self.loops
        _need(not unknown, "unknown in an index:", *sorted(unknown))
        affine = all(sum(n in self.loops for n in names) <= 1 for names, _ in at.terms)
        _need(affine, "not affine in", *sorted(self.loops))

    def inside(self, var: str) -> _Scope:
        _need(var not in self.loops and var not in self.parameters, "the name is taken:", var)
        return replace(self, loops=self.loops | {var})


@dataclass(frozen=True)
class _Verifier:
    buffers: dict[str, Buffer]

    def body(self, body: Body, live: Types, scope: _Scope) -> None:
        live = dict(live)
        for s in body:
            if isinstance(s, Loop):
                self.loop(s, live, scope)
            else:
                self.statement(s, live, scope)

    def loop(self, s: Loop, live: Types, scope: _Scope) -> None:
        try:
            for part in parts(s):
                _need(part.var == s.var and part.hi == s.hi, "the rest has another variable or bound")
                _loop_shape(part)
                for bound in (part.lo, *part.hi):
                    scope.check(bound)
                inside = scope.inside(s.var)
        except NestError as problem:
            raise NestError(f"loop {s.var}: {problem}") from None
        for part in parts(s):
            self.body(part.body, live, inside)

    def statement(self, s: Stmt, live: Types, scope: _Scope) -> None:
        try:
            made = self.checked(s, live, scope)
        except NestError as problem:
            raise NestError(f"{print_stmt(s)}: {problem}") from None
        live.update(made)

    def checked(self, s: Stmt, live: Types, scope: _Scope) -> Types:
        """Check one statement; gives the types of the names that it defines."""
        for at in _polys(s):
            scope.check(at)
        for b in touched(s):
            _need(b in self.buffers, "no such buffer")
        missing = [u for u in _uses(s) if u not in live]
        _need(not missing, "used before its definition:", *missing)
        made = self.types(s, live)
        _need(live.keys().isdisjoint(made), "assigned twice:", *made)
        return made

    def types(self, s: Stmt, live: Types) -> Types:
        """Check the types of a statement; gives those of the names that it defines."""
        match s:
            case Load(name, buffer):
                _integers(s.indices, live)
                return {name: (register(self.buffers[buffer].dtype),)}
            case Store(buffer, _, value) | Accumulate(buffer, _, value):
                _integers(s.indices, live)
                self.written(buffer, live[value])
            case LoadTuple(names, buffer):
                return {n: (register(self.buffers[buffer].dtype),) for n in names}
            case StoreTuple(buffer, _, values):
                for v in values:
                    self.written(buffer, live[v])
            case Let(name, op, args, dtype):
                _let(op, [live[a][0] for a in args if isinstance(a, str)], dtype)
                return {name: (dtype,)}
            case Index(name, _, dtype):
                return {name: (dtype,)}
            case Check(index, _, site):
                _need(live[index] == ("i64",) and site != 0, "an i64 and a site that is not 0 expected")
            case Init(acc, monoid, dtypes):
                _need(len(dtypes) == len(monoid.state), "one type per component expected")
                return {acc: dtypes}
            case Fold(acc, args):
                found = tuple(live[a][0] for a in args)
                _need(found == live[acc][: len(found)], "items of", *found, "for a state of", *live[acc])
            case Merge(acc, other):
                _need(live[acc] == live[other], "states of", *live[acc], "and", *live[other])
            case Get(acc, _, buffers, _, dtypes):
                self.state(buffers, dtypes)
                return {acc: dtypes}
            case Put(acc, buffers):
                self.state(buffers, live[acc])
            case Finish(names, acc):
                _need(len(names) == len(live[acc]), "one name per component expected")
                return {n: (t,) for n, t in zip(names, live[acc], strict=True)}
        return {}

    def written(self, buffer: str, dtypes: tuple[str, ...]) -> None:
        b = self.buffers[buffer]
        _need(b.role in ("out", "work"), buffer, "may not be written")
        _need(dtypes == (register(b.dtype),), *dtypes, "into", b.dtype)

    def state(self, buffers: tuple[str, ...], dtypes: tuple[str, ...]) -> None:
        found = tuple(self.buffers[b].dtype for b in buffers)
        _need(found == dtypes, "buffers of", *found, "for a state of", *dtypes)


def _loop_shape(s: Loop) -> None:
    _need(s.kind in ("serial", "vector", "unroll"), "unknown kind of loop:", s.kind)
    _need(s.step > 0 and s.step % s.width == 0, "the step is no multiple of the width")
    _need(s.width == 1 or s.kind == "vector", "only a vector loop has a width")
    fixed = all(b.constant is not None for b in (s.lo, *s.hi))
    _need(s.kind != "unroll" or (fixed and s.rest is None), "an unrolled loop needs numbers for bounds, and no rest")


def _let(op: str, operands: list[str], dtype: str) -> None:
    if op in COMPARISONS or op == "isnan":
        _need(dtype == "bool", "a comparison gives bool, not", dtype)
    if op in COMPARISONS:
        _need(len(set(operands)) <= 1, "operands of", *operands)
    if op in UNIFORM:
        _need(set(operands) <= {dtype}, "operands of", *operands)
    if op == "select":
        _need(set(operands[1:]) <= {dtype}, "choices of", *operands[1:])


def _integers(indices: Iterable[tuple[str, Poly]], live: Types) -> None:
    for name, _ in indices:
        _need(is_integer(live[name][0]), "an index of", *live[name])


def _polys(s: Stmt) -> list[Poly]:
    match s:
        case Load() | Store() | Accumulate():
            guards = [p for g in s.guards for p in (g.index, g.bound)]
            return [s.at, *guards, *(stride for _, stride in s.indices)]
        case LoadTuple() | StoreTuple() | Prefetch() | Index() | Get() | Put():
            return [s.at]
        case Check():
            return [s.bound]
    return []


def _uses(s: Stmt) -> list[str]:
    match s:
        case Load():
            return [name for name, _ in s.indices]
        case Store() | Accumulate():
            return [s.value, *(name for name, _ in s.indices)]
        case StoreTuple():
            return list(s.values)
        case Let():
            return [a for a in s.args if isinstance(a, str)]
        case Check():
            return [s.index]
        case Fold():
            return [s.acc, *s.args]
        case Merge():
            return [s.acc, s.other]
        case Put() | Finish():
            return [s.acc]
    return []
