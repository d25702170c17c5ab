"""The arguments of one call of a compiled function: taken apart, told static from dynamic, made into a cache key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.errors import SignatureError
from graphc.frontend.trace import abstract
from graphc.ir.location import user_location
from graphc.ir.types import Type, parse_type
from graphc.numpy.array import Array
from graphc.records import dataclass
from graphc.runtime.tree import LEAF, Structure, flatten


def parse_signature(signature: str | Sequence[Type]) -> tuple[Type, ...]:
    """ "f32[batch,64], f64[]" as types. Raises ParseError for what is no type."""
    if not isinstance(signature, str):
        return tuple(signature)
    parts, depth = [""], 0
    for c in signature:
        depth += (c == "[") - (c == "]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return tuple(map(parse_type, parts))


@dataclass(frozen=True, slots=True)
class Call:
    """`leaves` of (args, kwargs) in order; `kinds` has the type of a dynamic leaf and None for a static one."""

    structure: Structure
    values: tuple[Any, ...]
    kinds: tuple[Type | None, ...]

    @staticmethod
    def of(args: Sequence[Any], kwargs: Mapping[str, Any], static_argnums: Sequence[int] = ()) -> Call:
        """Raises SignatureError for a position in static_argnums that is not there."""
        positions = _positions(static_argnums, len(args))
        nests = [_take_apart(a, k in positions) for k, a in enumerate(args)]
        rest, named = flatten(dict(kwargs))
        values = tuple(x for leaves, _ in nests for x in leaves) + tuple(rest)
        kinds = tuple(None if k in positions else abstract(x) for k, (leaves, _) in enumerate(nests) for x in leaves)
        tuples = Structure(tuple, tuple(range(len(args))), tuple(s for _, s in nests))
        return Call(Structure(tuple, (0, 1), (tuples, named)), values, kinds + tuple(map(abstract, rest)))

    @property
    def dynamic(self) -> list[Any]:
        """The leaves that become placeholders."""
        return [v for v, t in zip(self.values, self.kinds, strict=True) if t is not None]

    @property
    def types(self) -> tuple[Type, ...]:
        return tuple(t for t in self.kinds if t is not None)

    @property
    def static(self) -> tuple[Any, ...]:
        return tuple(v for v, t in zip(self.values, self.kinds, strict=True) if t is None)

    @property
    def is_flat(self) -> bool:
        """All arguments are by position, and become placeholders as they are."""
        args, named = self.structure.children
        return not named.keys and None not in self.kinds and all(s.is_leaf for s in args.children)

    @property
    def has_tensors(self) -> bool:
        return any(isinstance(v, Array) for v in self.values)

    def placed(self, types: Sequence[Type]) -> list[Type | None]:
        """A type for every leaf, None for static ones."""
        each = iter(types)
        return [None if t is None else next(each) for t in self.kinds]

    def key(self, types: Sequence[Type]) -> Any:
        """Equal for calls that one compilation serves. Raises SignatureError where something static has no hash."""
        static = tuple((type(v), v) for v in self.static)
        try:
            hash(static)
        except TypeError:
            raise SignatureError(
                "a static argument must be hashable: it is part of the compiled code",
                expected="arrays, floats, and hashable Python values",
                got=", ".join(type(v).__name__ for v in self.static),
                fix="give arrays as np.ndarray; make other objects hashable",
                loc=user_location(),
            ) from None
        return self.structure, tuple(self.placed(types)), static

    def difference(self, other: Call, types: Sequence[Type]) -> str:
        """In words, why the code for `other`, compiled for `types`, does not serve this call."""
        if self.structure != other.structure:
            return "the arguments nest in another way"
        for name, v, t, w, u in zip(
            self.paths, self.values, self.kinds, other.values, other.placed(types), strict=True
        ):
            if t is None and (type(v), v) != (type(w), w):
                return f"{name} is static: {v!r}, was {w!r}"
            if t != u:
                return f"{name} is {t}, was {u}"
        return "the types are not those that were declared"

    @property
    def paths(self) -> list[str]:
        args, kwargs = self.structure.children
        return [*args.paths("argument "), *kwargs.paths("argument ")]


def _positions(static_argnums: Sequence[int], count: int) -> set[int]:
    for k in static_argnums:
        if not -count <= k < count:
            raise SignatureError(
                "static_argnums names a position without argument",
                expected=f"positions of {count} arguments",
                got=str(k),
                loc=user_location(),
            )
    return {k % count for k in static_argnums}


def _take_apart(arg: Any, is_static: bool) -> tuple[list[Any], Structure]:
    return ([arg], LEAF) if is_static else flatten(arg)
