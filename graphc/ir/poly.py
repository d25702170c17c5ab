"""The one index type: integer polynomials over named symbols.

A symbolic dimension (`Dim("batch")`), the extent of a loop, a stride, an offset and a bound are all a `Poly`.  A symbol
is an identifier or a floor-division of a polynomial by a positive number, which is a symbol of its own and is written
out in its name, `"((batch + 1)//2)"`, so that text alone determines every value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

from graphc.records import dataclass

Term: TypeAlias = tuple[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Poly:
    """`terms` maps sorted tuples of symbols to non-zero coefficients; two equal polynomials are one record."""

    terms: tuple[Term, ...] = ()

    @staticmethod
    def of(value: Size | str) -> Poly:
        return value if value.__class__ is Poly else _atom(value)

    @staticmethod
    def _sum(terms: Iterable[Term]) -> Poly:
        total: dict[tuple[str, ...], int] = {}
        for names, c in terms:
            total[names] = total.get(names, 0) + c
        return Poly(tuple(sorted((n, c) for n, c in total.items() if c)))

    def __add__(self, other: Size) -> Poly:
        terms = Poly.of(other).terms
        if not self.terms or not terms:
            return Poly(terms) if terms else self
        return Poly._sum(self.terms + terms)

    def __mul__(self, other: Size) -> Poly:
        terms = Poly.of(other).terms
        if len(terms) == 1 and not terms[0][0]:
            factor = terms[0][1]
            return self if factor == 1 else Poly(tuple([(names, c * factor) for names, c in self.terms]))
        return Poly._sum((tuple(sorted(a + b)), c * d) for a, c in self.terms for b, d in terms)

    def __neg__(self) -> Poly:
        return self * -1

    def __sub__(self, other: Size) -> Poly:
        return self + Poly.of(other) * -1

    def __rsub__(self, other: Size) -> Poly:
        return Poly.of(other) - self

    __radd__, __rmul__ = __add__, __mul__

    def __floordiv__(self, divisor: int) -> Poly:
        """Exact where every coefficient divides, else a symbol that names the division."""
        if not isinstance(divisor, int) or divisor <= 0:
            raise ValueError(f"a dimension is divided by a positive number, not by {divisor!r}")
        if all(c % divisor == 0 for _, c in self.terms):
            return Poly(tuple((names, c // divisor) for names, c in self.terms))
        if self.constant is not None:
            return Poly.of(self.constant // divisor)
        return Poly.of(f"(({self})//{divisor})")

    def __mod__(self, divisor: int) -> Poly:
        return self - self // divisor * divisor

    @property
    def names(self) -> frozenset[str]:
        return frozenset(n for names, _ in self.terms for n in names)

    @property
    def free(self) -> frozenset[str]:
        """The identifiers that the value depends on, those inside floor-divisions included."""
        return frozenset().union(*(_division(n)[0].free if "//" in n else (n,) for n in self.names))

    @property
    def constant(self) -> int | None:
        """The value if it is a number, else None."""
        if not self.terms:
            return 0
        names, c = self.terms[0]
        return c if not names and len(self.terms) == 1 else None

    def coefficient(self, var: str) -> Poly:
        """d self / d var (affine in var)."""
        if not any(var in names for names, _ in self.terms):
            return _ZERO
        return Poly._sum((tuple(n for n in names if n != var), c) for names, c in self.terms if var in names)

    def substitute(self, var: str, value: Poly) -> Poly:
        """Replace a symbol in which self is affine (never one inside a floor-division)."""
        if not any(var in names for names, _ in self.terms):
            return self
        return Poly._sum(t for t in self.terms if var not in t[0]) + self.coefficient(var) * value

    def evaluate(self, env: Mapping[str, int]) -> int:
        total = 0
        for names, c in self.terms:
            for n in names:
                c *= env[n] if n in env else _evaluate_symbol(n, env)
            total += c
        return total

    def __str__(self) -> str:
        parts = ["*".join(([] if c == 1 and names else [str(c)]) + list(names)) for names, c in self.terms[::-1]]
        return " + ".join(parts).replace("+ -", "- ") or "0"


_ZERO = Poly()


@lru_cache(maxsize=4096)
def _atom(value: int | str) -> Poly:
    """A symbol or a number."""
    if isinstance(value, str):
        return Poly((((value,), 1),))
    return Poly((((), int(value)),)) if value else _ZERO


Size: TypeAlias = Poly | int
"""An extent: a number or a polynomial."""


def as_size(value: Size) -> Size:
    """A number where the polynomial is constant."""
    if isinstance(value, Poly):
        return value if value.constant is None else value.constant
    return int(value)


@lru_cache(maxsize=4096)
def parse_poly(text: str) -> Poly:
    """The inverse of `str`: sums, products and floor-divisions of identifiers and numbers."""
    return _convert(ast.parse(text, mode="eval").body, text)


def _convert(tree: ast.expr, text: str) -> Poly:
    match tree:
        case ast.Constant(value=int(value)):
            return Poly.of(value)
        case ast.Name(id=name):
            return Poly.of(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_convert(operand, text)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _convert(left, text) + _convert(right, text)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _convert(left, text) - _convert(right, text)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _convert(left, text) * _convert(right, text)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=ast.Constant(value=int(divisor))):
            return _convert(left, text) // divisor
    raise ValueError(f"{text!r} is not a sum of products of names and numbers")


@lru_cache(maxsize=4096)
def _division(symbol: str) -> tuple[Poly, int]:
    """The parts of a floor-division symbol."""
    numerator, _, divisor = symbol[1:-1].rpartition("//")
    return parse_poly(numerator), int(divisor)


def _evaluate_symbol(symbol: str, env: Mapping[str, int]) -> int:
    if "//" not in symbol:
        raise KeyError(symbol)
    numerator, divisor = _division(symbol)
    return numerator.evaluate(env) // divisor
