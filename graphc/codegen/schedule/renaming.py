"""Copies of straight-line code for several rows: what differs between them, and names of their own for it."""

from __future__ import annotations

from collections.abc import Collection

from graphc.codegen.nest.loops import Body, Check, Finish, Fold, Index, Indices, Init, Let, Load, Stmt, Store
from graphc.records import dataclass, replace


@dataclass(frozen=True)
class Renaming:
    """Gives the values and accumulators in `own` a suffix."""

    suffix: str
    own: Collection[str]

    def name(self, name: str) -> str:
        return name + self.suffix if name in self.own else name

    def names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(self.name, names))

    def indices(self, indices: Indices) -> Indices:
        return tuple((self.name(v), stride) for v, stride in indices)

    def body(self, body: Body) -> Body:
        return tuple(map(self.statement, body))

    def statement(self, s: Stmt) -> Stmt:
        match s:
            case Load(name, indices=indices):
                return replace(s, name=self.name(name), indices=self.indices(indices))
            case Let(name, args=args):
                return replace(
                    s, name=self.name(name), args=tuple(self.name(a) if isinstance(a, str) else a for a in args)
                )
            case Index(name):
                return replace(s, name=self.name(name))
            case Store(value=value, indices=indices):
                return replace(s, value=self.name(value), indices=self.indices(indices))
            case Check(index):
                return replace(s, index=self.name(index))
            case Init(acc):
                return replace(s, acc=self.name(acc))
            case Fold(acc, args):
                return replace(s, acc=self.name(acc), args=self.names(args))
            case Finish(names, acc):
                return replace(s, names=self.names(names), acc=self.name(acc))
        return s


def parted(body: Body, var: str, own: set[str]) -> tuple[Body, Body]:
    """What is the same for all values of `var`, and what is not, in order.

    `own` has values and accumulators that are not the same; those of this body are added.
    """
    steady: list[Stmt] = []
    changing: list[Stmt] = []
    for x in body:
        moves = isinstance(x, Fold | Store) or _differs(x, var, own)
        (changing if moves else steady).append(x)
        if moves and isinstance(x, Load | Let | Index):
            own.add(x.name)
        elif moves and isinstance(x, Finish):
            own.update(x.names)
    return tuple(steady), tuple(changing)


def _differs(x: Stmt, var: str, own: Collection[str]) -> bool:
    match x:
        case Load(at=at, guards=guards, indices=indices):
            moves = var in at.names or any(var in g.index.names for g in guards)
            return moves or any(name in own for name, _ in indices)
        case Index(at=at):
            return var in at.names
        case Let(args=args):
            return any(a in own for a in args if isinstance(a, str))
        case Init(acc) | Finish(acc=acc):
            return acc in own
    return False
