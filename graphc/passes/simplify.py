"""Simplification: all the rules that cost no accuracy, a file per family."""

from __future__ import annotations

from typing import ClassVar

from graphc.passes import (
    simplify_arithmetic,
    simplify_cast,
    simplify_logic,
    simplify_movement,
    simplify_power,
    simplify_reduction,
    simplify_stack,
)
from graphc.passes.rewrite import RewritePass, Rule
from graphc.records import dataclass

_FAMILIES = (
    simplify_arithmetic,
    simplify_power,
    simplify_cast,
    simplify_logic,
    simplify_movement,
    simplify_reduction,
    simplify_stack,
)


@dataclass(frozen=True)
class Simplify(RewritePass):
    """Replace operations by cheaper ones that give the same bits (powers and merged sums: within their ULPs)."""

    name: ClassVar[str] = "simplify"
    rules: tuple[Rule, ...] = tuple(r for family in _FAMILIES for r in family.rule)
