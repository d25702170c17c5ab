"""`graphc passes`: every level, pass and rule, with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphc.passes.pipelines import PIPELINES, all_pass_names, all_rule_names


def listing() -> str:
    return "\n".join([*_levels(), "", *_table("passes", all_pass_names()), "", *_table("rules", all_rule_names())])


def _levels() -> Iterator[str]:
    yield "levels"
    for pipeline in PIPELINES.values():
        yield f"  {pipeline.name}: {' -> '.join(s.action.name for s in pipeline.steps) or 'none'}"


def _table(title: str, reasons: Mapping[str, str]) -> Iterator[str]:
    yield title
    width = max(map(len, reasons), default=0)
    yield from (f"  {name:{width}}  {reason}" for name, reason in reasons.items())
