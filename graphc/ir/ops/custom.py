"""Operations that compute nothing: what they mean to differentiation and to the order of a run is all they are for.

`custom` is its first operand.  The others are what it depends on in the eyes of autodiff: no cotangent goes to the
first, and a rule says what goes to them.  A user's rule (custom_vjp, custom_jvp) or the rule that computes a function
again (checkpoint) comes with a primitive of its own, made by `with_rules`; its nodes are `custom` to everything else.

`barrier` is its first operand too, but it is not there before the second.  It is what makes a second computation of
the same thing another one, and late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from graphc.ir.ops.batching import all_mapped
from graphc.ir.ops.shape import pad, reshape, slice_
from graphc.ir.poly import Poly
from graphc.ir.primitive import Case, Operand, Primitive, register, traits, type_of
from graphc.ir.types import Type

_next_tag = count(1).__next__


def _infer(y: Type, *xs: Type, tag: int) -> Type:
    return y


def _loops(k: Any, index: Sequence[Poly], y: Any, *xs: Any, tag: int) -> Any:
    return k.at(y, index)


def _plain_vjp(g: Any, z: Any, y: Any, *xs: Any, tag: int) -> list[Any]:
    return [g, *[None] * len(xs)]


def _plain_batch(mapped: Sequence[bool], y: Any, *xs: Any, tag: int) -> Any:
    return custom(all_mapped(mapped, (y, *xs))[0], *xs, tag=tag)


custom: Primitive = register(
    Primitive(
        "custom", _infer, lambda y, *xs, tag: y, vjp=_plain_vjp, jvp=lambda ts, z, y, *xs, tag: ts[0],
        batch=_plain_batch, loops=_loops, traits=traits("pure view"),
        cases=(Case((Operand((3, 17)), Operand((2,))), {"tag": 0}),),
    )
)  # fmt: skip
"""Without rules of its own, as it is read from text: differentiated like its first operand."""


def with_rules(
    y: Any, xs: Sequence[Any], vjp: Callable[..., Any], jvp: Callable[..., Any], batch: Callable[..., Any]
) -> Any:
    """y, as a function of xs with these rules; each gets `(..., z, y, *xs, tag)` like those of any primitive."""
    op = Primitive(
        "custom", _infer, custom.numpy, vjp, jvp, batch, loops=_loops, traits=traits("pure view custom")
    )  # fmt: skip
    return op(y, *xs, tag=_next_tag())


def _barrier_infer(x: Type, token: Type) -> Type:
    return x


def _barrier_loops(k: Any, index: Sequence[Poly], x: Any, token: Any) -> Any:
    k.at(token, [])
    return k.at(x, index)


def _barrier_batch(mapped: Sequence[bool], x: Any, token: Any) -> Any:
    if not mapped[1]:
        return barrier(x, token)
    return barrier(all_mapped(mapped, (x, token))[0], first_item(token))


barrier: Primitive = register(
    Primitive(
        "barrier", _barrier_infer, lambda x, token: x, vjp=lambda g, y, x, token: [g, None],
        jvp=lambda ts, y, x, token: ts[0], batch=_barrier_batch, loops=_barrier_loops, traits=traits("pure view"),
        cases=(Case((Operand((3, 17)), Operand(()))),),
    )
)  # fmt: skip


def first_item(x: Any) -> Any:
    """The item at index 0, 0-d: it is there when x is.  A symbolic extent may be 0: then it is one of padding."""
    type_ = type_of(x)
    zeros, ones = (0,) * type_.ndim, (1,) * type_.ndim
    safe = x if type_.is_static else pad(x, low=zeros, high=ones, value=0.0)
    return reshape(slice_(safe, starts=zeros, sizes=ones, steps=ones), shape=())
