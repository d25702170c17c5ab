"""`custom_vjp`, `custom_jvp`: a function with a derivative written by hand.

Where such a function is called on tensors that can be differentiated, its operations become part of the graph or run at
once, as those of any function; each float result then passes through a `custom` operation (graphc.ir.ops.custom), whose
primitive holds the rule.  Reverse and forward mode find it there, as they find every rule.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from graphc.errors import GradientError, SignatureError
from graphc.frontend.nest import Nest
from graphc.frontend.point import Function
from graphc.frontend.rules import is_differentiable, is_float, is_tensor, lifted, lowered, marked
from graphc.frontend.trace import parameters
from graphc.frontend.transforms import vjp
from graphc.ir.location import user_location
from graphc.numpy.like import full_like, zeros_like
from graphc.runtime.tree import flatten, flatten_as


class _Custom:
    """A function whose derivative is given by a rule."""

    def __init__(self, function: Function) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._by_position(args, kwargs)
        if not any(map(is_differentiable, flatten(args)[0])):
            return self.function(*args)
        return self._with_rule(args)

    def _by_position(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments, defaults included, as rules take them. Raises SignatureError for what has a name only."""
        signature = parameters(self.function)
        if not signature.parameters and not kwargs:  # a function that does not tell
            return args
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise SignatureError(
                "a function with its own derivative takes arguments by position",
                got=", ".join(bound.kwargs),
                fix="parameters without `*` or `**`",
                loc=user_location(),
            )
        return bound.args

    def _with_rule(self, args: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.function!r}>"


class custom_vjp(_Custom):  # noqa: N801 - it is used as a decorator
    """A function with a rule for reverse mode, given by `defvjp`.

        @custom_vjp
        def clip_gradient(x, limit): return x
        clip_gradient.defvjp(lambda x, limit: (x, limit), lambda limit, g: (np.clip(g, -limit, limit), None))

    What the function closes over is a constant to its derivative.  Forward mode is refused with GradientError, which
    is also raised where the rule is missing or its cotangents do not fit the arguments.
    """

    forward: Function | None = None
    backward: Function

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        self._local = threading.local()

    def defvjp(self, forward: Function, backward: Function) -> None:
        """The rule: forward(*args) gives (result, residuals), backward(residuals, cotangent) a tuple with a cotangent
        for every argument, or None for one that has none.

        Of a function with several results, backward is called for each of them, with zeros for the others.
        """
        self.forward, self.backward = forward, backward

    def _with_rule(self, args: tuple[Any, ...]) -> Any:
        """Where `forward` calls the function itself, the residuals of that call are computed when they are needed."""
        if getattr(self._local, "running", False):
            result, saved = self.function(*args), None
        else:
            result, residuals = self._run_forward(args)
            saved = Nest.of(residuals, is_tensor)
        return self._marked(Nest.of(args, is_tensor), result, saved)

    def _run_forward(self, args: Sequence[Any]) -> tuple[Any, Any]:
        if self.forward is None:
            raise _no_rule("custom_vjp", "f.defvjp(forward, backward)")
        self._local.running = True
        try:
            return _pair(self.forward(*args), "forward returns (result, residuals)")
        finally:
            self._local.running = False

    def _marked(self, call: Nest, result: Any, saved: Nest | None) -> Any:
        ys, structure = flatten(result)
        types = [(y.shape, y.dtype) if hasattr(y, "dtype") else ((), np.dtype(type(y))) for y in ys]

        def rule(k: int) -> Function:
            def pull_back(g: Any, z: Any, y: Any, *operands: Any, tag: int) -> list[Any]:
                one, *tensors = lifted(g, *operands)
                xs, rs = tensors[: len(call.places)], tensors[len(call.places) :]
                each = [one if j == k else full_like(one, 0, t[1], shape=t[0]) for j, t in enumerate(types)]
                residuals = saved.filled(rs) if saved else self._run_forward(call.filled(xs))[1]
                parts = self._cotangents(self.backward(residuals, structure.unflatten(each)), call)
                return [None, *[lowered(p, x, g) for p, x in zip(parts, xs, strict=True)], *[None] * len(rs)]

            return pull_back

        operands = [*call.operands, *(saved.operands if saved else ())]
        return structure.unflatten([marked(y, operands, rule(k), _no_forward_mode) for k, y in enumerate(ys)])

    def _cotangents(self, given: Any, call: Nest) -> list[Any]:
        """What the rule gives for every operand."""
        arguments = call.structure.children
        if not isinstance(given, tuple | list) or len(given) != len(arguments):
            raise GradientError(
                "backward gives one cotangent per argument",
                expected=f"a tuple of {len(arguments)}",
                got=repr(given)[:80],
                loc=user_location(),
            )
        leaves: list[Any] = []
        for part, structure in zip(given, arguments, strict=True):
            leaves += [None] * structure.leaf_count if part is None else flatten_as(structure, part)
        return [leaves[k] for k in call.places]


class custom_jvp(_Custom):  # noqa: N801 - it is used as a decorator
    """A function with a rule for forward mode, given by `defjvp`; reverse mode transposes it.

        @custom_jvp
        def log1pexp(x): return np.log1p(np.exp(x))

        @log1pexp.defjvp
        def rule(primals, tangents): return log1pexp(*primals), tangents[0] / (1 + np.exp(-primals[0]))

    What the function closes over is a constant to its derivative.  Raises GradientError where the rule is missing.
    """

    rule: Function | None = None

    def defjvp(self, rule: Function) -> Function:
        """The rule: rule(primals, tangents) gives (result, tangent of the result), linear in the tangents.

        primals are the arguments, tangents nest like them, with None for what is no float tensor.
        """
        self.rule = rule
        return rule

    def _with_rule(self, args: tuple[Any, ...]) -> Any:
        if self.rule is None:
            raise _no_rule("custom_jvp", "@f.defjvp")
        call = Nest.of(args, is_tensor)
        ys, structure = flatten(self.function(*args))

        def along(k: int, xs: Sequence[Any], ts: Sequence[Any]) -> Any:
            assert self.rule is not None
            _, slopes = _pair(self.rule(call.filled(xs), call.only(ts)), "the rule returns (result, tangent)")
            return flatten_as(structure, slopes)[k]

        def rules(k: int) -> tuple[Function, Function]:
            def push(ts: Sequence[Any], z: Any, y: Any, *operands: Any, tag: int) -> Any:
                xs = lifted(*operands)
                given = [_tangent(t, x) for t, x in zip(ts[1:], xs, strict=True)]
                return lowered(along(k, xs, given), lifted(y)[0], y)

            def pull_back(g: Any, z: Any, y: Any, *operands: Any, tag: int) -> list[Any]:
                xs = lifted(*operands)
                (parts,) = vjp(lambda ts: along(k, xs, ts), [_tangent(None, x) for x in xs])[1](lifted(g)[0])
                return [None, *[lowered(p, x, g) for p, x in zip(parts, xs, strict=True)]]

            return pull_back, push

        return structure.unflatten([marked(y, call.operands, *rules(k)) for k, y in enumerate(ys)])


def _tangent(t: Any, x: Any) -> Any:
    """As users see it: zeros in place of none, and none for what is no float."""
    return lifted(t)[0] if t is not None else zeros_like(x) if is_float(x) else None


def _no_rule(name: str, fix: str) -> GradientError:
    return GradientError(f"a {name} function without its rule", fix=fix, loc=user_location())


def _no_forward_mode(*_: Any, tag: int) -> NoReturn:
    raise GradientError(
        "a custom_vjp function has no derivative in forward mode",
        fix="custom_jvp, whose rule serves both modes",
        loc=user_location(),
    )


def _pair(result: Any, expected: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise SignatureError(expected, got=repr(result)[:80], loc=user_location())
    return result
