"""Control flow: a rotated loop behind a guard, the values that it carries as phis, and what runs under a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from graphc.codegen.llvm.writer import Operand, Region, Writer
from graphc.records import replace

Values: TypeAlias = Sequence[Operand]
LoopBody: TypeAlias = Callable[[list[Operand]], tuple[list[Operand], Operand]]
"""Takes the carried values; gives what they become, and the condition under which the loop goes on."""


def write_loop(b: Writer, guard: Operand, before: Values, body: LoopBody) -> list[Operand]:
    """A loop that runs at least once where `guard` holds and never elsewhere; gives the carried values at its end."""
    outer, sure = b.here, guard.is_constant
    pre, inside = Region(b.label("pre"), None if sure else guard), Region(b.label("body"))
    enter, head, done = pre.label, inside.label, b.label("done")
    b.regions += [pre, inside]
    carried = _renamed(b, before)
    after, more = body([_opaque(b, v) for v in carried])
    del b.regions[-2:]
    end = [replace(v, depth=min(v.depth, b.depth)) for v in after] if sure else _renamed(b, before)
    outer.lines += [
        f"br label %{enter}" if sure else f"br {guard}, label %{enter}, label %{done}",
        f"{enter}:",
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


def _opaque(b: Writer, v: Operand) -> Operand:
    """The value itself; a counter as one that loop strength reduction does not follow.

    That pass of LLVM takes up to a third of the time of code generation, and finds nothing: address arithmetic stands
    in the outermost loop that it may stand in.  An annotation is dropped when instructions are selected.
    """
    if v.type != "i64":
        return v
    name = "llvm.annotation.i64.p0"
    b.declare(name, "i64", "i64", "ptr", "ptr", "i32")
    return b.ordered(v.dtype, 1, f"call i64 @{name}({v}, ptr null, ptr null, i32 0)")


def _renamed(b: Writer, values: Values) -> list[Operand]:
    """New names of the same types, defined in the innermost region."""
    return [replace(v, text=b.name("s"), depth=b.depth) for v in values]


def _phis(values: Values, *edges: tuple[Values, str]) -> Iterator[str]:
    for n, v in enumerate(values):
        arms = ", ".join(f"[{incoming[n].text}, %{label}]" for incoming, label in edges)
        yield f"{v.text} = phi {v.type} {arms}"


def write_if(b: Writer, condition: Operand, effect: str) -> None:
    """An effect off the main path, under a condition."""
    then, on = b.label("then"), b.label("on")
    for line in (f"br {condition}, label %{then}, label %{on}", f"{then}:", effect, f"br label %{on}", f"{on}:"):
        b.effect(line)
    b.here.label = on


def write_rarely(
    b: Writer, condition: Operand, fast: Values, slow: Callable[..., Values], args: Values
) -> list[Operand]:
    """The values `fast`, or slow(*args) behind a branch that is taken where the condition, of one lane, holds.

    The branch stands in the shallowest region where all operands live, like a pure instruction.  What `slow` computes
    lives one region deeper, which ends here: no other code can refer to it.
    """
    held = b.regions
    b.regions = held[: max(v.depth for v in (condition, *fast, *args)) + 1]
    outer, inside = b.here, Region(b.label("rare"))
    enter, join = inside.label, b.label("join")
    b.regions.append(inside)
    values = slow(*(replace(v, depth=b.depth) for v in args))
    b.regions.pop()
    end = _renamed(b, fast)
    outer.lines += [
        f"br {condition}, label %{enter}, label %{join}",
        f"{enter}:",
        *inside.lines,
        f"br label %{join}",
        f"{join}:",
        *_phis(end, (fast, outer.label), (values, inside.label)),
    ]
    outer.label, b.regions = join, held
    return end
