"""Which arguments of a call are given up: `jit(f, donate=...)` names parameters by position or by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter
from typing import Any, TypeAlias

from graphc.errors import SignatureError
from graphc.frontend.signature import Call
from graphc.frontend.trace import WeakFloat, parameters
from graphc.ir.location import user_location
from graphc.runtime.tree import Structure

Donate: TypeAlias = "int | str | Sequence[int | str]"
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Donated:
    """The parameters that are given up, each known by its position and its name as far as it has them.

    Raises SignatureError for a name or position that the function does not have, or that is static.
    """

    def __init__(self, function: Callable[..., Any], donate: Donate, static_argnums: Sequence[int]) -> None:
        every = list(parameters(function).parameters.values())
        self._by_place = [p for p in every if p.kind in _BY_PLACE]
        self._named = {p.name for p in every if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)}
        self._takes_more = not every or any(p.kind is Parameter.VAR_POSITIONAL for p in every)
        self._takes_names = not every or any(p.kind is Parameter.VAR_KEYWORD for p in every)
        self.parameters = tuple(map(self._parameter, (donate,) if isinstance(donate, int | str) else donate))
        for place, name in self.parameters:
            if place in static_argnums:
                raise _mistake("a static argument is donated: it is part of the code", name or f"position {place}")

    def __bool__(self) -> bool:
        return bool(self.parameters)

    def leaves(self, call: Call) -> tuple[int, ...]:
        """The places of the given-up arrays among the dynamic leaves of a call.

        A parameter that is left to its default is not there to be given up.  Raises SignatureError for an argument
        without any array, and for a position beyond those of the call.
        """
        args, kwargs = call.structure.children
        spans = [*_spans(args.children, 0)]
        named = dict(zip(kwargs.keys, _spans(kwargs.children, args.leaf_count), strict=True))
        given = set[int]()
        for place, name in self.parameters:
            if place is not None and place < len(spans):
                given.update(_arrays(call, spans[place], name or f"position {place}"))
            elif name in named:
                given.update(_arrays(call, named[name], str(name)))
            elif place is not None and place >= len(self._by_place):
                raise _mistake(f"donate names a position beyond the {len(spans)} arguments of the call", str(place))
        dynamic = [k for k, t in enumerate(call.kinds) if t is not None]
        return tuple(n for n, k in enumerate(dynamic) if k in given)

    def _parameter(self, which: int | str) -> tuple[int | None, str | None]:
        if isinstance(which, int):
            if which < 0 or (which >= len(self._by_place) and not self._takes_more):
                raise _mistake(f"donate names a position without parameter; there are {self._listed()}", str(which))
            return which, self._by_place[which].name if which < len(self._by_place) else None
        if which not in self._named and not self._takes_names:
            raise _mistake(f"donate names no parameter; there are {self._listed()}", repr(which))
        return next((k for k, p in enumerate(self._by_place) if p.name == which), None), which

    def _listed(self) -> str:
        return ", ".join(f"{k} {p.name}" for k, p in enumerate(self._by_place)) or "none"


def _spans(children: Sequence[Structure], start: int) -> Iterator[range]:
    """The leaves of each child."""
    for child in children:
        yield range(start, start + child.leaf_count)
        start += child.leaf_count


def _arrays(call: Call, leaves: range, name: str) -> list[int]:
    """The arrays among the leaves of an argument; numbers and static leaves have no memory to give up."""
    arrays = [k for k in leaves if call.kinds[k] is not None and not isinstance(call.kinds[k], WeakFloat)]
    if not arrays:
        got = ", ".join(type(call.values[k]).__name__ for k in leaves) or "nothing"
        raise _mistake(f"the donated argument {name} has no array: there is no memory to give up", got)
    return arrays


def _mistake(problem: str, got: str) -> SignatureError:
    fix = 'jit(f, donate=("name", 1)): parameters whose arguments are arrays, or nests with arrays'
    return SignatureError(problem, got=got, fix=fix, loc=user_location())
