"""Elementary functions as straight-line builder code: they fuse with what surrounds them and serve any width.

Each takes the builder and operands of one float type (f32 or f64, any number of lanes) and returns an operand of the
same type.  There is a form for AVX-512, whose instructions take floats apart and hold tables in registers, and a
portable one; `Builder.wide` decides.  Nothing calls a library, and branches are for rare arguments alone.  Special
values (signed zeros, infinities, NaN, subnormals, the ends of the range) are those of C99 Annex F.

`ULP` bounds the error of both forms, in units in the last place, as measured where the target has fused multiply-add:
in f32 against f64 on blocks of consecutive floats, 1 in 32 of all floats or more; in f64 against 64-bit significands on
half a million arguments or more.  The gamma functions stay below 2.75 for a positive x; of a negative one they are a
difference, and the unit is that of 1 or the value at 1 - x if larger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final

_FAMILIES = {
    "exponential": "exp exp2 expm1 sigmoid",
    "logarithm": "log log2 log10 log1p",
    "power": "pow",
    "roots": "sqrt rsqrt cbrt",
    "trigonometric": "sin cos tan",
    "inverse_trigonometric": "asin acos atan atan2",
    "hyperbolic": "sinh cosh tanh asinh acosh atanh logit",
    "error": "erf erfc",
    "gamma": "lgamma digamma trigamma",
}


class _Functions(Mapping[str, Callable[..., Any]]):
    """Functions by name; the file of one is loaded with the first program that needs it."""

    def __init__(self) -> None:
        self.homes = {name: family for family, names in _FAMILIES.items() for name in names.split()}

    def __getitem__(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(import_module(f"{__name__}.{self.homes[name]}"), name)
        return function

    def __iter__(self) -> Iterator[str]:
        return iter(self.homes)

    def __len__(self) -> int:
        return len(self.homes)


FUNCTIONS: Final = _Functions()

ULP: Final[dict[str, tuple[float, float]]] = {  # in f32 and f64
    "exp": (1.25, 1.25),
    "exp2": (1.5, 1.75),
    "expm1": (1.75, 2.0),
    "sigmoid": (2.5, 2.5),
    "log": (1.0, 1.25),
    "log2": (2.0, 2.25),
    "log10": (2.25, 2.0),
    "log1p": (1.25, 1.5),
    "pow": (2.25, 1.5),
    "sqrt": (0.5, 0.5),
    "rsqrt": (1.5, 1.5),
    "cbrt": (0.75, 0.75),
    "sin": (1.75, 1.75),
    "cos": (1.75, 1.75),
    "tan": (2.0, 2.5),
    "asin": (2.0, 2.25),
    "acos": (1.5, 1.5),
    "atan": (1.75, 2.0),
    "atan2": (2.0, 2.25),
    "sinh": (2.0, 2.25),
    "cosh": (2.0, 1.75),
    "tanh": (1.25, 2.0),
    "asinh": (1.5, 1.5),
    "acosh": (2.25, 2.5),
    "atanh": (2.0, 1.5),
    "logit": (1.5, 1.5),
    "erf": (1.5, 1.75),
    "erfc": (2.25, 2.5),
    "lgamma": (0.75, 2.5),
    "digamma": (0.75, 3.0),
    "trigamma": (0.75, 2.75),
}
