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
    "logit": 34,
    "sigmoid": 26,
    "erf": 30,
    "erfc": 50,
    "pow": 60,
    "lgamma": 100,
    "digamma": 80,
    "trigamma": 60,
}
LONGEST_TUPLE = 9  # neighbours in memory that are loaded or stored together, as vectors whose lanes change places
HEAVY = 16  # from here on an operation fills the machine by itself, and its result is worth keeping


def shuffles(count: int) -> int:
    """Instructions per vector that bring the lanes of `count` interleaved vectors to their places: by prime factors."""
    factor = next((p for p in (2, 3, 5, 7) if count % p == 0), 0)
    return factor - 1 + shuffles(count // factor) if factor else 0


def cost(op: str) -> int:
    """One for everything that is a single instruction, and for names this table does not know."""
    return COST.get(op, 1)
