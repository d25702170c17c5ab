"""Reductions as monoids over a state of one or more components, written against the builder protocol.

`lift` turns a *block* of items into one state, `merge` joins two states.  Lanes of a vector, rows of a block, blocks of
a chunk and chunks of a kernel are all joined by the same `merge`, so a reduction is described once, whatever the
schedule.  Items and states are tuples of builder values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.codegen.nest.elements import greatest, is_float, least
from graphc.records import dataclass, field

State = tuple[Any, ...]
Binary = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Monoid:
    """`state` gives each component as 'x' (the type of the first argument) or 'i' (an index: the type of the second).

    `empty` gives the identity of each component: a number, or "least" / "greatest" of the component's type.
    """

    name: str
    state: str
    empty: tuple[float | str, ...]
    lift: Callable[[Any, Sequence[State]], State] = field(compare=False, repr=False)
    merge: Callable[[Any, State, State], State] = field(compare=False, repr=False)

    def dtypes(self, args: Sequence[str]) -> tuple[str, ...]:
        """Types of the state's components for arguments of the given types."""
        return tuple(args["xi".index(component)] for component in self.state)

    def identity(self, dtypes: Sequence[str]) -> tuple[float, ...]:
        """The state of no items, one number per component."""
        extremes = {"least": least, "greatest": greatest}
        return tuple(extremes[e](t) if isinstance(e, str) else e for e, t in zip(self.empty, dtypes, strict=True))


def tree(f: Callable[[Any, Any], Any], items: Sequence[Any]) -> Any:
    """Combine neighbours pairwise: logarithmic depth and error growth."""
    level = list(items)
    while len(level) > 1:
        level = [f(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


def _scalar(name: str, empty: float | str, op: Binary) -> Monoid:
    """A reduction whose state is one value of the type of the items."""

    def lift(b: Any, items: Sequence[State]) -> State:
        return (tree(lambda p, q: op(b, p, q), [x for (x,) in items]),)

    return Monoid(name, "x", (empty,), lift, lambda b, s, t: (op(b, s[0], t[0]),))


def _arg(name: str, empty: str, better: Binary) -> Monoid:
    """The best value and where it is first."""

    def merge(b: Any, s: State, t: State) -> State:
        return _arg_merge(b, s, t, better)

    def lift(b: Any, items: Sequence[State]) -> State:
        return State(tree(lambda p, q: merge(b, p, q), items))

    return Monoid(name, "xi", (empty, "greatest"), lift, merge)


def _arg_merge(b: Any, s: State, t: State, better: Binary) -> State:
    """NaN beats all; between equals the lower index wins, whatever the order of merging."""
    (v, i), (w, j) = s, t
    wins, ties = better(b, w, v), b.eq(w, v)
    if is_float(v.dtype):
        s_nan, t_nan = b.isnan(v), b.isnan(w)
        wins = b.or_(wins, b.and_(t_nan, b.not_(s_nan)))
        ties = b.or_(ties, b.and_(t_nan, s_nan))
    take = b.or_(wins, b.and_(ties, b.lt(j, i)))
    return b.select(take, w, v), b.select(take, j, i)


def _logsumexp_lift(b: Any, items: Sequence[State]) -> State:
    xs = [x for (x,) in items]
    if len(xs) == 1:
        return xs[0], b.const(1.0, xs[0])
    m = tree(b.maximum, xs)
    return m, tree(b.add, [_shifted_exp(b, x, m) for x in xs])


def _shifted_exp(b: Any, x: Any, m: Any) -> Any:
    """exp(x - m) for x <= m, where equal infinities give 1."""
    return b.exp(b.select(b.eq(x, m), b.const(0.0, x), b.sub(x, m)))


def _logsumexp_merge(b: Any, s: State, t: State) -> State:
    """The state (m, z) stands for m + log(z)."""
    m = b.maximum(s[0], t[0])
    return m, b.fma(s[1], _shifted_exp(b, s[0], m), b.mul(t[1], _shifted_exp(b, t[0], m)))


def _moments_lift(b: Any, items: Sequence[State]) -> State:
    """Two passes over the block, the second corrected for the rounding of the mean."""
    xs = [x for (x,) in items]
    share = 1.0 / len(xs)
    mean = b.mul(tree(b.add, xs), share) if len(xs) > 1 else xs[0]
    deviations = [b.sub(x, mean) for x in xs]
    drift = tree(b.add, deviations)
    squares = tree(b.add, [b.mul(d, d) for d in deviations])
    return b.const(float(len(xs)), xs[0]), mean, b.sub(squares, b.mul(b.mul(drift, drift), share))


def _moments_merge(b: Any, s: State, t: State) -> State:
    """Count, mean and sum of squared deviations of two sets together.

    Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """
    n = b.add(s[0], t[0])
    share = b.div(t[0], b.maximum(n, 1.0))
    delta = b.sub(t[1], s[1])
    squares = b.fma(b.mul(delta, b.mul(s[0], share)), delta, b.add(s[2], t[2]))
    return n, b.fma(delta, share, s[1]), squares


SUM = _scalar("sum", 0, lambda b, p, q: b.add(p, q))
PROD = _scalar("prod", 1, lambda b, p, q: b.mul(p, q))
MAX = _scalar("max", "least", lambda b, p, q: b.maximum(p, q))
MIN = _scalar("min", "greatest", lambda b, p, q: b.minimum(p, q))
ANY = _scalar("any", 0, lambda b, p, q: b.or_(p, q))
ALL = _scalar("all", 1, lambda b, p, q: b.and_(p, q))
ARGMAX = _arg("argmax", "least", lambda b, p, q: b.gt(p, q))
ARGMIN = _arg("argmin", "greatest", lambda b, p, q: b.lt(p, q))
LOGSUMEXP = Monoid("logsumexp", "xx", ("least", 0), _logsumexp_lift, _logsumexp_merge)
MOMENTS = Monoid("moments", "xxx", (0, 0, 0), _moments_lift, _moments_merge)

MONOIDS = {m.name: m for m in (SUM, PROD, MAX, MIN, ANY, ALL, ARGMAX, ARGMIN, LOGSUMEXP, MOMENTS)}
