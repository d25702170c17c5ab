"""Which passes run at which level, in which order, and why."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from graphc.errors import OptionError
from graphc.ir.graph import Graph
from graphc.passes.base import OnPass, Pipeline, Step
from graphc.passes.fold import Fold
from graphc.passes.prune import Prune
from graphc.passes.rewrite import RewritePass, Rule
from graphc.passes.safe_where import SafeWhere
from graphc.passes.simplify import Simplify
from graphc.passes.stabilize import Stabilize

_PRUNE = Step(Prune(), "nothing later need look at dead nodes")
_SAFE_WHERE = Step(SafeWhere(), "while the gradient of `where` still has the form that autodiff gave it")
_FOLD = Step(Fold(), "rules see constants as numbers")
_SIMPLIFY = Step(Simplify(), "fewer nodes; equal formulas get one form, which the next rules look for")
_STABILIZE = Step(Stabilize(), "overflow and cancellation go, at the price of other last bits")
_TIDY = Step(Simplify(), "the signs, constants and views that the stable formulas brought")
_FOLD_AGAIN = Step(Fold(), "constants that rules made")

PIPELINES: dict[str, Pipeline] = {
    p.name: p
    for p in (
        Pipeline("O0", (_SAFE_WHERE,)),
        Pipeline("O1", (_PRUNE, _SAFE_WHERE, _FOLD)),
        Pipeline("O2", (_PRUNE, _SAFE_WHERE, _FOLD, _SIMPLIFY, _FOLD_AGAIN)),
        Pipeline("O3", (_PRUNE, _SAFE_WHERE, _FOLD, _SIMPLIFY, _STABILIZE, _TIDY, _FOLD_AGAIN)),
    )
}
"""O0: as written. O1: nothing but less of it. O2: the same bits. O3: what runs by default.

Gradients of `where` are the same at each level."""


def optimize(graph: Graph, level: str = "O3", disable: Collection[str] = (), on_pass: OnPass | None = None) -> Graph:
    """The graph after the passes of a level, without the passes and rules named in `disable`.

    `on_pass(name, before, after, seconds, fired)` is called after each pass.  Raises OptionError for an unknown level,
    pass or rule, RewriteError where a pass fails.
    """
    _check_name(level, PIPELINES, "level")
    known = {**all_pass_names(), **all_rule_names()}
    for name in disable:
        _check_name(name, known, "pass or rule")
    return PIPELINES[level].run(graph, disable, on_pass)


def all_pass_names() -> dict[str, str]:
    """Every pass with its reason."""
    return {s.action.name: s.action.reason for p in PIPELINES.values() for s in p.steps}


def all_rules() -> dict[str, list[Rule]]:
    """The rules of each rewriting pass."""
    actions = [s.action for p in PIPELINES.values() for s in p.steps]
    return {a.name: list(a.rules) for a in actions if isinstance(a, RewritePass)}


def all_rule_names() -> dict[str, str]:
    """Every rule with its reason."""
    return {r.name: r.reason for rules in all_rules().values() for r in rules}


def _check_name(name: str, known: Collection[str], kind: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, 3, 0.4)
        raise OptionError(f"no {kind} is named {name!r}", expected=", ".join(near or sorted(known)))
