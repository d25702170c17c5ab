"""What scalar operations cost, in additions per item of vector code; fusion, lowering and the schedule choose by it."""

from __future__ import annotations

COST = {
    "div": 8,
    "sqrt": 8,
    "rsqrt": 10,
    "cbrt": 30,
    "quotient": 12,
    "rest": 12,
    "floordiv": 14,
    "mod": 14,
    "exp": 20,
    "exp2": 18,
    "expm1": 24,
    "log": 24,
    "log2": 24,
    "log10": 26,
    "log1p": 28,
    "sin": 26,
    "cos": 26,
    "tan": 36,
    "asin": 26,
    "acos": 26,
    "atan": 28,
    "atan2": 36,
    "sinh": 28,
    "cosh": 28,
    "tanh": 24,
    "asinh": 36,
    "acosh": 36,
    "atanh": 32,
    "sigmoid": 26,
    "erf": 30,
    "erfc": 50,
    "pow": 60,
    "lgamma": 100,
    "digamma": 80,
    "trigamma": 60,
}
HEAVY = 16  # from here on an operation fills the machine by itself, and its result is worth keeping


def cost(op: str) -> int:
    """One for everything that is a single instruction, and for names this table does not know."""
    return COST.get(op, 1)
