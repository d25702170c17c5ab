"""A group of nodes -> a cluster: every node's `loops` or `scalar` rule, run on the axes that fusion gave it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphc.codegen.nest import monoids
from graphc.codegen.nest.cluster import Cluster, Value
from graphc.codegen.nest.elements import register
from graphc.codegen.nest.loops import Guard
from graphc.ir import node as ir
from graphc.ir.ops.reindex import ravel_index
from graphc.ir.ops.shape import broadcast_index
from graphc.ir.poly import Poly, Size
from graphc.ir.types import numpy_dtype
from graphc.passes.access import is_view, storage
from graphc.passes.fuse import Fusion, Group
from graphc.passes.parts import Part


def buffer_name(value: ir.Value) -> str:
    """The array that holds a value, the same in every kernel."""
    return f"v{value.node.id}" + (f"_{value.index}" if value.index else "")


def lift(fusion: Fusion, group: Group) -> Cluster:
    return _Lift(fusion, group).cluster


class _Lift:
    def __init__(self, fusion: Fusion, group: Group) -> None:
        self.fusion, self.group = fusion, group
        self.cluster = Cluster(group.name)
        self.home: dict[int, Value] = {}
        for v in group.arrays:
            self.cluster.array(buffer_name(v), v.dtype, "out")
        if group.around:
            self._fill_around(group.around)
            return
        for name, extent in group.axes:
            self.cluster.axis(name, extent)
        for n in group.nodes:
            if "scatter" in n.op.traits:
                self._scatter(n)
            else:
                self.home[n.id] = _Kit(self, n).home()
                self._store(n)

    def _store(self, n: ir.Node) -> None:
        axes = self.group.result[n.id]
        index = [_axis(a) for a in axes]
        places = [(n.out, ravel_index(index, n.types[0].shape))] if n.out in self.group.writes else []
        places += [(p.target, p.position(index)) for p in self.group.parts if p.source == n.out]
        for target, at in places:
            assert at is not None
            self.cluster.store(buffer_name(target), at, self.home[n.id], [a for a in axes if a])

    def _fill_around(self, p: Part) -> None:
        """Box by box, with axes of its own each."""
        dtype = p.target.dtype
        value = self.cluster.const(numpy_dtype(dtype).type(p.rim).item(), register(dtype))
        for n, box in enumerate(p.around()):
            names = [f"b{n}_{k}" for k in range(len(box))]
            point = [start + self.cluster.axis(a, e) for a, (start, e) in zip(names, box, strict=True)]
            self.cluster.store(buffer_name(p.target), ravel_index(point, p.target.shape), value, names)

    def _scatter(self, n: ir.Node) -> None:
        """Zeros, then one addition per update, in order."""
        updates, *indices = n.inputs
        axis, shape = n.attrs["axis"], n.attrs["shape"]
        name = buffer_name(n.out)
        point = [self.cluster.axis(f"u{k}", e) for k, e in enumerate(updates.shape)]
        where = point[axis : axis + len(indices[0].shape)]
        strides = _strides(shape)
        kit = _Kit(self, n)
        value = kit.at(updates, point)
        picks = []
        for k, i in enumerate(indices):
            index = self.cluster.checked(kit.at(i, where), shape[axis + k], n.id + 1)
            picks.append((index, strides[axis + k]))
        rest = [(k, p) for k, p in enumerate(point[:axis])]
        rest += [(axis + len(indices) + k, p) for k, p in enumerate(point[axis + len(where) :])]
        at = sum((p * strides[k] for k, p in rest), Poly())
        size = Poly.of(n.types[0].size)
        self.cluster.fill(name, size, 0)
        self.cluster.accumulate(name, at, value, indices=picks, axes=[f"u{k}" for k in range(len(point))])


class _Kit:
    """The `LoopKit` of one node."""

    def __init__(self, lift: _Lift, node: ir.Node) -> None:
        self.lift, self.node, self.cluster = lift, node, lift.cluster
        self.guards: list[Guard] = []
        self.fill: float = 0
        self.picks: dict[str, Value] = {}

    def home(self) -> Value:
        """The element of the node at its own place in the iteration space."""
        node, group = self.node, self.lift.group
        index = [_axis(a) for a in group.result[node.id]]
        if not node.op.is_elementwise:
            assert node.op.loops is not None
            element: Value = node.op.loops(self, index, *node.inputs, **node.attrs)
            return element
        args = [self.at(v, broadcast_index(index, v.shape)) for v in node.inputs]
        return self.op(node.op.name, node.types[0].dtype, *args)

    # ------------------------------------------------------------------------------------- what a rule may ask

    def at(self, operand: ir.Value, index: Sequence[Poly]) -> Value:
        node = operand.node
        if node.id in self.lift.home:
            return self.lift.home[node.id]
        if node.op.name == "constant" and operand.type.size == 1:
            return self.cluster.const(node.attrs["value"].array.item(), register(operand.dtype))
        if is_view(node) and node.id not in self.lift.fusion.anchors:
            return self._element(node, index)
        return self._load(operand, ravel_index(index, operand.shape))

    def _element(self, view: ir.Node, index: Sequence[Poly]) -> Value:
        """The element of a view; a check that its rule makes is one of the view, not of its reader."""
        assert view.op.loops is not None
        reader, self.node = self.node, view
        element: Value = view.op.loops(self, index, *view.inputs, **view.attrs)
        self.node = reader
        return element

    def flat(self, operand: ir.Value, index: Poly) -> Value:
        base = storage(operand, self.lift.fusion.anchors)
        if base.node.op.name == "constant" and base.type.size == 1:
            return self.at(base, [Poly()] * base.type.ndim)
        return self._load(base, index)

    def op(self, name: str, dtype: str, *elements: Any) -> Value:
        if name == "cast" and dtype == "f16":
            return self.cluster.op("to_half", "f32", *elements)  # rounded, but held in the type it is computed with
        return self.cluster.op(name, register(dtype), *elements)

    def position(self, index: Poly, dtype: str) -> Value:
        named = {n: index.coefficient(n) for n in index.names if n in self.picks}
        if named:
            return self._position_of_picks(index, named, dtype)
        if dtype in ("i32", "i64"):
            return self.cluster.index(index, dtype)
        return self.op("cast", dtype, self.cluster.index(index, "i64"))

    def inside(self, bounds: Sequence[tuple[Poly, Size]], element: Callable[[], Value], fill: float) -> Value:
        with self._guarded([Guard(i, Poly.of(n)) for i, n in bounds], fill):
            value = element()
            whole = value.op == "load" and value.place is not None and list(value.place.guards) == self.guards
        if whole and value.fill == fill:
            return value
        held: Value | None = None
        for i, n in bounds:
            for test, limit in (("ge", Poly()), ("lt", Poly.of(n))):
                one = self.op(test, "bool", self.position(i, "i64"), self.position(limit, "i64"))
                held = one if held is None else self.op("and", "bool", held, one)
        return value if held is None else self.op("select", value.dtype, held, value, fill)

    def axes(self, extents: Sequence[Size]) -> list[Poly]:
        return [Poly.of(a) for a in self.lift.group.reduced[self.node.id]]

    def reduce(self, monoid: str, axes: Sequence[Poly], *elements: Value) -> tuple[Value, ...]:
        if not axes:
            return elements
        over = [str(a) for a in axes]
        return self.cluster.reduce(monoids.MONOIDS[monoid], over, *elements)

    def checked(self, index: Value, bound: Size) -> Poly:
        name = f"@{len(self.picks)}"
        self.picks[name] = self.cluster.checked(index, bound, self.node.id + 1)
        return Poly.of(name)

    # ---------------------------------------------------------------------------------------------------- loads

    def _load(self, base: ir.Value, at: Poly) -> Value:
        name = buffer_name(base)
        if name not in self.cluster.arrays:
            self.cluster.array(name, base.dtype, "in")
        picked = [(self.picks[n], at.coefficient(n)) for n in sorted(at.names) if n in self.picks]
        for n in [n for n in at.names if n in self.picks]:
            at = at.substitute(n, Poly())
        return self.cluster.load(name, at, tuple(self.guards), self.fill, picked)

    def _position_of_picks(self, index: Poly, picks: dict[str, Poly], dtype: str) -> Value:
        rest = index
        for n in picks:
            rest = rest.substitute(n, Poly())
        total = self.cluster.index(rest, "i64")
        for n, c in picks.items():
            total = self.op("add", "i64", total, self.op("mul", "i64", self.picks[n], self.cluster.index(c, "i64")))
        return total if dtype == "i64" else self.op("cast", dtype, total)

    @contextmanager
    def _guarded(self, guards: list[Guard], fill: float) -> Iterator[None]:
        before = self.guards, self.fill
        self.guards, self.fill = [*self.guards, *guards], fill
        yield
        self.guards, self.fill = before


def _axis(name: str | None) -> Poly:
    return Poly() if name is None else Poly.of(name)


def _strides(shape: Sequence[Size]) -> list[Poly]:
    out = [Poly.of(1)]
    for e in list(shape)[:0:-1]:
        out.insert(0, out[0] * e)
    return out[: len(shape)]
