"""Where instructions go: SSA text, each pure instruction once and in the shallowest place where its operands live.

A function body is a stack of open regions: the entry, then for every open loop its preheader (which runs once, and
only when the loop runs at all) and its body.  Every operand knows the region that defines it, its `depth`.  A pure
instruction is appended to the deepest region among its operands, under its own text as the key; so code that does not
vary leaves its loop, and equal code is written once, with no pass over the finished text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from graphc.codegen.llvm.types import item_type, literal, register_type, suffix
from graphc.codegen.nest.elements import is_float
from graphc.records import dataclass, field, replace

INTRINSICS = frozenset(
    {"fabs", "sqrt", "copysign", "fma", "fmuladd", "floor", "ceil", "rint", "trunc"}
    | {"abs", "smin", "smax", "umin", "umax", "fptosi.sat", "fptoui.sat", "vector.reduce.or"}
)
"""What every target lowers, or calls from the C library; LLVM ends the process where a lowering is missing."""
QUICK = "noinline optnone"
"""Attributes of a function that does not compute: LLVM emits it in a third of the time, and it runs as fast."""


@dataclass(frozen=True, slots=True)
class Operand:
    """An SSA value or a constant of `lanes` elements; `depth` is the region that defines it."""

    text: str
    dtype: str
    lanes: int = 1
    depth: int = 0

    @property
    def type(self) -> str:
        return register_type(self.dtype, self.lanes)

    @property
    def is_constant(self) -> bool:
        return not self.text.startswith("%")

    @property
    def integer(self) -> int | None:
        """The value of an integer constant that is the same in all lanes."""
        return _integer(self.text, self.dtype) if self.text[0] != "%" else None

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


@lru_cache(maxsize=4096)
def _integer(text: str, dtype: str) -> int | None:
    if text[0] == "<" or is_float(dtype) or dtype in ("bool", "ptr"):
        return None
    return int(text.rpartition(" ")[2].rstrip(")"))


@dataclass
class Region:
    """The text of an open region; `label` is the basic block that the next line falls into.

    `guard` belongs to a preheader: the run-time condition under which the loop runs, None where it surely runs.
    """

    label: str
    guard: Operand | None = None
    lines: list[str] = field(default_factory=list)
    known: dict[str, Operand] = field(default_factory=dict)


class Writer:
    """Appends instructions to the regions of one function."""

    def __init__(self) -> None:
        self.regions = [Region("entry")]
        self.declared: set[str] = set()
        self._count = 0

    @property
    def here(self) -> Region:
        return self.regions[-1]

    @property
    def depth(self) -> int:
        return len(self.regions) - 1

    def name(self, stem: str = "v") -> str:
        self._count += 1
        return f"%{stem}{self._count}"

    def label(self, stem: str) -> str:
        return self.name(stem)[1:]

    # ------------------------------------------------------------------------------------------- instructions

    def emit(self, dtype: str, lanes: int, text: str, *operands: Operand) -> Operand:
        """A pure instruction, in the shallowest region where its operands live."""
        return self.place(max((v.depth for v in operands), default=0), dtype, lanes, text)

    def place(self, depth: int, dtype: str, lanes: int, text: str) -> Operand:
        """A pure instruction in the region `depth`."""
        region = self.regions[depth]
        if text not in region.known:
            region.known[text] = self._append(depth, dtype, lanes, text)
        known = region.known[text]
        return known if known.dtype == dtype else replace(known, dtype=dtype)  # i8 and u8 are one type to LLVM

    def ordered(self, dtype: str, lanes: int, text: str) -> Operand:
        """An instruction with a result that must stay where it is, among the effects around it."""
        return self._append(self.depth, dtype, lanes, text)

    def effect(self, text: str) -> None:
        self.here.lines.append(text)

    def _append(self, depth: int, dtype: str, lanes: int, text: str) -> Operand:
        v = Operand(self.name(), dtype, lanes, depth)
        self.regions[depth].lines.append(f"{v.text} = {text}")
        return v

    def reach(self, depth: int) -> tuple[int, list[Operand]]:
        """How far a load with operands at `depth` may leave its loops: the region, and when it is needed there.

        Above a loop that may not run at all the load has to ask, so it goes no higher than the guards are known.
        """
        level, conditions = self.depth, []
        while level > depth:
            guard = self.regions[level].guard
            if guard is not None:
                conditions.append(guard)
                depth = max(depth, guard.depth)
            level -= 1
        return level, conditions

    # --------------------------------------------------------------------------------------------- operands

    def number(self, value: float, dtype: str, lanes: int = 1) -> Operand:
        text = literal(value, dtype)
        return Operand(text if lanes == 1 else f"splat ({item_type(dtype)} {text})", dtype, lanes)

    def vector(self, values: Sequence[float], dtype: str) -> Operand:
        """A constant with the given lanes."""
        if len(values) == 1:
            return self.number(values[0], dtype)
        items = ", ".join(f"{item_type(dtype)} {literal(v, dtype)}" for v in values)
        return Operand(f"<{items}>", dtype, len(values))

    def spread(self, v: Operand, lanes: int) -> Operand:
        """One element in every lane."""
        if v.lanes == lanes:
            return v
        if v.lanes != 1:
            raise ValueError(f"{v.lanes} lanes cannot be spread over {lanes}")
        if v.is_constant and v.dtype != "ptr":
            return Operand(f"splat ({v})", v.dtype, lanes)
        one = self.emit(v.dtype, lanes, f"insertelement {register_type(v.dtype, lanes)} poison, {v}, i64 0", v)
        return self.shuffle(one, [0] * lanes)

    def lane(self, v: Operand, n: int) -> Operand:
        if v.lanes == 1:
            return v
        return self.emit(v.dtype, 1, f"extractelement {v}, i64 {n}", v)

    def shuffle(self, v: Operand, picks: Sequence[int]) -> Operand:
        """The lanes of v in another order or number; a pick of -1 leaves the lane undefined."""
        order = _lanes(picks) if any(picks) else "zeroinitializer"
        text = f"shufflevector {v}, {v.type} poison, <{len(picks)} x i32> {order}"
        return self.emit(v.dtype, len(picks), text, v)

    def blend(self, v: Operand, w: Operand, picks: Sequence[int]) -> Operand:
        """Lanes of v, and after them those of w, by number; a pick of -1 leaves the lane undefined."""
        return self.emit(v.dtype, len(picks), f"shufflevector {v}, {w}, <{len(picks)} x i32> {_lanes(picks)}", v, w)

    def part(self, v: Operand, first: int, lanes: int) -> Operand:
        return self.lane(v, first) if lanes == 1 else self.shuffle(v, range(first, first + lanes))

    def reverse(self, v: Operand) -> Operand:
        return v if v.lanes == 1 else self.shuffle(v, range(v.lanes)[::-1])

    # ------------------------------------------------------------------------------------------------- calls

    def declare(self, name: str, result: str, *args: str) -> None:
        self.declared.add(f"declare {result} @{name}({', '.join(args)})")

    def call(self, name: str, dtype: str, lanes: int, *args: Operand) -> Operand:
        """A call that has no effect."""
        result = register_type(dtype, lanes)
        self.declare(name, result, *(a.type for a in args))
        return self.emit(dtype, lanes, f"call {result} @{name}({', '.join(map(str, args))})", *args)

    def intrinsic_name(self, name: str, *types: tuple[str, int]) -> str:
        """`llvm.<name>` overloaded for (item type, lanes) pairs."""
        if name not in INTRINSICS:
            raise ValueError(f"llvm.{name} is not known to have a lowering on every target")
        return ".".join(["llvm", name, *(suffix(item, lanes) for item, lanes in types)])

    def intrinsic(self, name: str, *args: Operand) -> Operand:
        """An intrinsic whose operands and result are of one type."""
        dtype, lanes = args[0].dtype, args[0].lanes
        return self.call(self.intrinsic_name(name, (item_type(dtype), lanes)), dtype, lanes, *args)


def _lanes(picks: Sequence[int]) -> str:
    return "<" + ", ".join(f"i32 {n}" if n >= 0 else "i32 poison" for n in picks) + ">"
