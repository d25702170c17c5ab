"""Local rewriting: named rules on nodes, and the driver that applies them to a fixpoint.

    rule = RuleSet("simplify")

    @rule(neg)
    def neg_of_neg(n: Node) -> Result:
        '''-(-x) -> x'''
        x = n.inputs[0]
        return x.node.inputs[0] if x.op is neg else None

A rule gets a node whose operands are rewritten already, and returns what takes its place, or None.  It makes nodes by
calling primitives; each of them is rewritten as it is made, so one walk over the graph reaches the fixpoint.  The
driver checks that the type stays, hands on the user's line, counts what fired, and stops an endless rule by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from graphc.errors import RewriteError
from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.primitive import Primitive
from graphc.passes.base import Pass, first_line
from graphc.passes.rebuild import copy, reachable, rebuild
from graphc.records import dataclass, field, replace

Result: TypeAlias = Any
"""What a rule returns: a Value, or None where it does not apply.  (What a primitive returns is typed Any.)"""
Fire: TypeAlias = Callable[[Node], Result]

_DEPTH = 48
_FIRINGS_PER_NODE = 2000


@dataclass(frozen=True)
class Rule:
    """A function on nodes of some operations; its name and docstring are what users see."""

    name: str
    ops: tuple[str, ...]
    fire: Fire

    @property
    def reason(self) -> str:
        return first_line(self.fire.__doc__)


@dataclass
class RuleSet:
    """Collects rules by use as a decorator; the order of definition is the order of trial."""

    name: str
    rules: list[Rule] = field(default_factory=list)

    def __call__(self, *ops: Primitive) -> Callable[[Fire], Rule]:
        def collect(fire: Fire) -> Rule:
            if not fire.__doc__:
                raise ValueError(f"rule {fire.__name__} has no docstring")
            if any(fire.__name__ == r.name for r in self.rules):
                raise ValueError(f"two rules named {fire.__name__}")
            self.rules.append(Rule(fire.__name__, tuple(op.name for op in ops), fire))
            return self.rules[-1]

        return collect

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)


@dataclass(frozen=True)
class RewritePass(Pass):
    """A pass that is nothing but rules."""

    rules: tuple[Rule, ...] = ()
    name: ClassVar[str] = "rewrite"

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        return rewrite(graph, self.rules, fired)

    def without(self, names: Collection[str]) -> RewritePass:
        return replace(self, rules=tuple(r for r in self.rules if r.name not in names))


def rewrite(graph: Graph, rules: Sequence[Rule], fired: Counter[str] | None = None) -> Graph:
    """Apply rules bottom-up until none fires; what no output needs any more is dropped.

    Raises RewriteError, naming the rule, for one that fails, changes a type, or never ends.
    """
    scratch = _Rewriting(graph.name, rules)
    rebuild(graph, _transfer, into=scratch)
    if fired is not None:
        fired.update(scratch.fired)
    return rebuild(scratch, keep=reachable(scratch)) if scratch.fired else graph


def _transfer(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    assert isinstance(graph, _Rewriting)
    results = copy(graph, node, inputs)
    if len(results) > 1 or node.op.name not in graph.table:
        return results
    graph.budget = _FIRINGS_PER_NODE
    with graph.building(node.loc):
        return (graph.settle(results[0]),)


class _Rewriting(Graph):
    """A graph in which whatever an operation makes is rewritten at once."""

    def __init__(self, name: str, rules: Sequence[Rule]) -> None:
        super().__init__(name)
        self.table: dict[str, list[Rule]] = {}
        for r in rules:
            for op in r.ops:
                self.table.setdefault(op, []).append(r)
        self.fired: Counter[str] = Counter()
        self.budget = _FIRINGS_PER_NODE
        self._active: list[str] = []
        self._settled: dict[int, Value] = {}

    def apply(self, op: Primitive, args: Sequence[Any], attrs: Mapping[str, Any]) -> Value:
        return self.settle(super().apply(op, args, attrs))

    def settle(self, value: Value) -> Value:
        """What the rules make of a value."""
        known = self._settled.get(value.node.id)
        if known is None:
            known = self._settled[value.node.id] = self._rewritten(value)
        return known

    def _rewritten(self, value: Value) -> Value:
        rules = self.table.get(value.node.op.name)
        if not rules:
            return value
        if len(self._active) >= _DEPTH:
            raise _endless(Counter(self._active).most_common(1)[0][0], value)
        self._active.append("")
        try:
            return self._first_better(rules, value)
        except RewriteError:
            raise
        except Exception as error:
            raise _failed(self._active[-1], value, error) from error
        finally:
            self._active.pop()

    def _first_better(self, rules: Sequence[Rule], value: Value) -> Value:
        for r in rules:
            self._active[-1] = r.name
            better: Value | None = r.fire(value.node)
            if better is not None and better != value:
                _check_type(r, value, better)
                self._count(r, value)
                return better
        return value

    def _count(self, r: Rule, value: Value) -> None:
        self.fired[r.name] += 1
        self.budget -= 1
        if self.budget < 0:
            raise _endless(r.name, value)


def _failed(name: str, value: Value, error: Exception) -> RewriteError:
    return RewriteError(
        f"rule {name!r} failed on {value.node}: {type(error).__name__}: {error}",
        fix=f"disable=[{name!r}]",
        loc=value.node.loc,
    )


def _endless(name: str, value: Value) -> RewriteError:
    return RewriteError(
        f"rule {name!r} goes on without end on {value.node}", fix=f"disable=[{name!r}]", loc=value.node.loc
    )


def _check_type(r: Rule, value: Value, better: Value) -> None:
    if better.type != value.type:
        raise RewriteError(
            f"rule {r.name!r} changed the type of {value.node}",
            expected=str(value.type),
            got=str(better.type),
            fix=f"disable=[{r.name!r}]",
            loc=value.node.loc,
        )
