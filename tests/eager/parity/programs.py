"""What a parity case is: a program that runs with PyTorch and with the eager twin, and what it yields.

`t` is the library: torch, or graphc.eager.  A program is a generator (`@case`) whose yielded values are compared one by
one; or a formula of arrays (`pure`), whose value, gradient and second derivatives are compared, eager and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Library = Any
PROGRAMS: dict[str, Callable[[Library], Iterator[Any]]] = {}
FORMULAS: dict[str, Formula] = {}


def case(program: Callable[[Library], Iterator[Any]]) -> Callable[[Library], Iterator[Any]]:
    """Enter a program under its name."""
    assert program.__name__ not in PROGRAMS, f"two programs are named {program.__name__}"
    PROGRAMS[program.__name__] = program
    return program


@dataclass(frozen=True)
class Formula:
    """`apply(t, *tensors)`, a tensor or a tuple of them; `inputs` are nested lists of numbers.

    `compiled`: whether a compiled gradient is the same.  `orders`: how often it is differentiated, 0 to 2.
    """

    apply: Callable[..., Any]
    inputs: tuple[Any, ...]
    compiled: bool = True
    orders: int = 2


def pure(name: str, apply: Callable[..., Any], *inputs: Any, compiled: bool = True, orders: int = 2) -> None:
    """Enter a formula."""
    assert name not in FORMULAS, f"two formulas are named {name}"
    FORMULAS[name] = Formula(apply, inputs, compiled, orders)


# -------------------------------------------------------------------------------------------------------- values


def fails(action: Callable[[], Any]) -> str:
    """Whether it raises: the classes and words of the libraries differ."""
    try:
        action()
    except (AttributeError, AssertionError):
        raise
    except Exception:
        return "fails"
    return "works"


def plain(value: Any) -> Any:
    """A value as JSON has it: a tensor as its element type, shape and items."""
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return [str(value.dtype), list(value.shape), value.tolist()]
    return [str(value.dtype).removeprefix("torch."), list(value.shape), value.detach().clone().tolist()]


def weights(y: Any) -> np.ndarray:
    """Fixed, unequal numbers of a shape: the cotangent of a formula's result."""
    return np.cos(1.0 + 0.7 * np.arange(int(np.prod(tuple(y.shape))))).reshape(tuple(y.shape))


def floats(result: Any) -> list[Any]:
    """The differentiable results of a formula."""
    ys = list(result) if isinstance(result, tuple | list) else [result]
    return [y for y in ys if "float" in str(y.dtype)]


def total(t: Library, result: Any) -> Any:
    """One number that depends on every item of every result."""
    parts = [(y * t.as_tensor(weights(y))).sum() for y in floats(result)]
    return sum(parts[1:], parts[0])


def derivatives(t: Library, formula: Formula) -> dict[str, Any]:
    """Value, gradient, and the gradient of a weighted sum of the gradient, on the tape of a library."""
    xs = [t.tensor(x, dtype=t.float64, requires_grad=formula.orders > 0) for x in formula.inputs]
    result = formula.apply(t, *xs)
    found = {"value": plain(result)}
    if not formula.orders:
        return found
    twice = formula.orders > 1
    first = t.autograd.grad(total(t, result), xs, create_graph=twice, materialize_grads=True)
    found["first"] = plain(first)
    if twice:
        slope = total(t, tuple(first))
        second = t.autograd.grad(slope, xs, materialize_grads=True) if slope.requires_grad else map(t.zeros_like, xs)
        found["second"] = plain(list(second))
    return found


def yielded(t: Library, program: Callable[[Library], Iterator[Any]]) -> list[Any]:
    return [plain(value) for value in program(t)]
