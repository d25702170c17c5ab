"""Control flow: a rotated loop behind a guard, the values that it carries as phis, and an effect under a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from graphc.codegen.writer import Operand, Region, Writer

LoopBody: TypeAlias = Callable[[list[Operand]], tuple[list[Operand], Operand]]
"""Takes the carried values; gives what they become, and the condition under which the loop goes on."""


def write_loop(b: Writer, guard: Operand, before: Sequence[Operand], body: LoopBody) -> list[Operand]:
    """A loop that runs at least once where `guard` holds and never elsewhere; gives the carried values at its end."""
    outer, sure = b.here, guard.is_constant
    pre, inside = Region(b.label("pre"), None if sure else guard), Region(b.label("body"))
    head, done = inside.label, b.label("done")
    b.regions += [pre, inside]
    carried = _renamed(b, before)
    after, more = body(carried)
    del b.regions[-2:]
    end = [replace(v, depth=min(v.depth, b.depth)) for v in after] if sure else _renamed(b, before)
    outer.lines += [
        f"br label %{pre.label}" if sure else f"br {guard}, label %{pre.label}, label %{done}",
        f"{pre.label}:",
        *pre.lines,
        f"br label %{head}",
        f"{head}:",
        *_phis(carried, (before, pre.label), (after, inside.label)),
        *inside.lines,
        f"br {more}, label %{head}, label %{done}",
        f"{done}:",
        *(() if sure else _phis(end, (before, outer.label), (after, inside.label))),
    ]
    outer.label = done
    return end


def _renamed(b: Writer, values: Sequence[Operand]) -> list[Operand]:
    """New names of the same types, defined in the innermost region."""
    return [replace(v, text=b.name("s"), depth=b.depth) for v in values]


def _phis(values: Sequence[Operand], *edges: tuple[Sequence[Operand], str]) -> Iterator[str]:
    for n, v in enumerate(values):
        arms = ", ".join(f"[{incoming[n].text}, %{label}]" for incoming, label in edges)
        yield f"{v.text} = phi {v.type} {arms}"


def write_if(b: Writer, condition: Operand, effect: str) -> None:
    """An effect off the main path, under a condition."""
    then, on = b.label("then"), b.label("on")
    for line in (f"br {condition}, label %{then}, label %{on}", f"{then}:", effect, f"br label %{on}", f"{on}:"):
        b.effect(line)
    b.here.label = on
