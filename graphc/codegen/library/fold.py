"""What a scan folds with: the operation, the states that it begins with, and in which direction it goes."""

from __future__ import annotations

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.elements import lanes_of
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import greatest, is_float, least, register
from graphc.records import dataclass

_OPERATIONS = {"cumsum": "add", "cumprod": "mul", "cummax": "maximum", "cummin": "minimum"}


@dataclass(frozen=True)
class Fold:
    """`op` is the name of the primitive, `dtype` the type of the result."""

    op: str
    dtype: str
    reverse: bool
    exclusive: bool

    @property
    def held(self) -> str:
        """The type of a state in a register."""
        return register(self.dtype)

    @property
    def lanes(self) -> int:
        return lanes_of(self.dtype)

    @property
    def title(self) -> str:
        flags = ".reverse" * self.reverse + ".exclusive" * self.exclusive
        return f"{self.op}.{self.dtype}{flags}"

    @property
    def identity(self) -> float:
        """That of sums is -0, which leaves every number as it is."""
        if self.op in ("cummax", "cummin"):
            return (least if self.op == "cummax" else greatest)(self.held)
        return 1 if self.op == "cumprod" else -0.0 if is_float(self.held) else 0

    @property
    def first(self) -> float:
        """The state before the first item, which an exclusive scan shows."""
        shows_zero = self.op == "recurrence" or (self.op == "cumsum" and self.exclusive)
        return 0 if shows_zero else self.identity

    def apply(self, f: Routine, x: Operand, y: Operand) -> Operand:
        result: Operand = getattr(f.b, _OPERATIONS[self.op])(x, y)
        return result
