"""What follows a product in its kernel, as a loop nest over one block of its rows and columns.

The nest reads C from the array `product` and takes the block as symbols: its first row and column, their counts, and a
position along every batch axis.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graphc.codegen.gemm.product import PRODUCT, Product, is_plain
from graphc.codegen.lower import lower
from graphc.codegen.nest.cluster import BoundCheck, Cluster, Effect, Place, Reduction, Value, Write
from graphc.codegen.nest.loops import Body, Guard, Kernel, Load, Loop, Prefetch, Store, map_loops
from graphc.ir.poly import Poly
from graphc.records import dataclass, field, replace

ROWS_AHEAD = 4  # few, as lines of large arrays meet in few sets of the nearest cache
ROW, ROWS, COLUMN, COLUMNS = "__row", "__rows", "__column", "__columns"  # no names of dimensions


def batch_symbol(axis: str) -> str:
    return f"__batch_{axis}"


def epilogue(cluster: Cluster, r: Reduction, product: Product, *, narrow: bool) -> Kernel | None:
    """The nest, not yet scheduled, or None where nothing is left to do; `narrow`: blocks need not have all columns."""
    effects = _rest(cluster, r, product)
    return lower(_Block(cluster, product, narrow).rewritten(effects)) if effects else None


def is_followed(cluster: Cluster, r: Reduction, product: Product) -> bool:
    return bool(_rest(cluster, r, product))


def _rest(cluster: Cluster, r: Reduction, product: Product) -> list[Effect]:
    """What is not done when the product is."""
    return [e for e in cluster.effects if e is not r and not _is_done(e, r, product)]


def with_hints(nest: Kernel) -> Kernel:
    """The nest with hints for what it will need of its arrays some rows later.

    A panel has a few cache lines of each row, on a page of their own in large arrays: no processor foresees those, and
    behind long chains of arithmetic it does not get to them in time.
    """
    arrays = frozenset(b.name for b in nest.buffers if b.role in ("in", "out") and PRODUCT not in (b.name, b.alias))

    def hints(rows: Loop) -> Body:
        return tuple(
            _hinted(s, rows.var, arrays) if isinstance(s, Loop) and s.kind == "vector" else s for s in rows.body
        )

    phases = (replace(p, body=map_loops(lambda s: (replace(s, body=hints(s)),), p.body)) for p in nest.phases)
    return replace(nest, phases=tuple(phases))


def _hinted(columns: Loop, row: str, arrays: Collection[str]) -> Loop:
    places = {
        (x.buffer, x.at, isinstance(x, Store)): None
        for x in columns.body
        if isinstance(x, Load | Store) and x.buffer in arrays and not x.indices and {row, columns.var} <= x.at.names
    }
    later = Poly.of(row) + ROWS_AHEAD
    asked = (Prefetch(name, at.substitute(row, later), write) for name, at, write in places)
    return replace(columns, body=(*asked, *columns.body))


def _is_done(e: Effect, r: Reduction, product: Product) -> bool:
    """The write of the product itself to where C lives."""
    return isinstance(e, Write) and e.value.reduction is r and e.place.buffer == product.c.buffer and is_plain(e)


@dataclass
class _Block:
    """Copies values and effects into a cluster over one block."""

    old: Cluster
    product: Product
    narrow: bool
    new: Cluster = field(init=False)
    copies: dict[int, Value] = field(default_factory=dict)
    moved: dict[str, Poly] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.new = Cluster(f"{self.old.name}.epilogue")
        space = self.product.space
        sums = frozenset[str]().union(*(e.over for e in self.old.effects if isinstance(e, Reduction)))
        for axis, extent in self.old.axes.items():
            if axis in space.batch:
                self.moved[axis] = Poly.of(batch_symbol(axis))
            elif axis == space.row:
                self.moved[axis] = self.new.axis(axis, Poly.of(ROWS)) + Poly.of(ROW)
            elif axis == space.column and self.narrow:
                self.moved[axis] = self.new.axis(axis, Poly.of(COLUMNS)) + Poly.of(COLUMN)
            elif axis not in sums:
                self.new.axis(axis, extent)

    def rewritten(self, effects: Sequence[Effect]) -> Cluster:
        self.new.array(PRODUCT, self.product.dtype, "in")
        for e in effects:
            if isinstance(e, Write):
                self._write(e)
            elif isinstance(e, BoundCheck):
                index, n = self.value(e.args[0]), len(self.new.effects)
                self.new.effects.append(BoundCheck(n, (index,), e.bound, e.site))
        return self.new

    def _write(self, e: Write) -> None:
        name = e.place.buffer
        old = self.old.arrays[name]
        self.new.array(name, old.dtype, "out", PRODUCT if name == self.product.c.buffer else old.alias)
        value, indices = self.value(e.value), [self.value(v) for v in e.indices]
        axes = [a for a in e.axes if a in self.new.axes]
        strides = list(zip(indices, e.place.strides, strict=True))
        self.new.store(name, self._moved(e.place.at), value, axes, indices=strides, guards=self._guards(e.place))

    def value(self, v: Value) -> Value:
        """The copy of a value, made after those of what it depends on."""
        pending = [v]
        while pending:
            top = pending[-1]
            missing = [a for a in top.inputs if a.id not in self.copies]
            if top.id in self.copies or not missing:
                self.copies[top.id] = self.copies.get(top.id) or self._copy(top)
                pending.pop()
            else:
                pending += missing
        return self.copies[v.id]

    def _copy(self, v: Value) -> Value:
        args = [self.copies[a.id] if isinstance(a, Value) else a for a in v.args]
        match v.op:
            case "result":
                return self.new.load(PRODUCT, self._moved(self._place_of_product()))
            case "load":
                return self._load(v, [a for a in args if isinstance(a, Value)])
            case "index":
                return self.new.index(self._moved(v.index), v.dtype)
            case _:
                return self.new.op(v.op, v.dtype, *args)

    def _load(self, v: Value, indices: list[Value]) -> Value:
        assert v.place is not None
        name = v.place.buffer
        if name not in self.new.arrays:
            self.new.array(name, self.old.arrays[name].dtype, "in")
        strides = list(zip(indices, v.place.strides, strict=True))
        return self.new.load(name, self._moved(v.place.at), self._guards(v.place), v.fill, strides)

    def _place_of_product(self) -> Poly:
        c, space = self.product.c, self.product.space
        at = Poly.of(c.offset)
        for axis, step in zip((*space.batch, space.row, space.column), (*c.batch, c.row, c.column), strict=True):
            at = at + Poly.of(axis) * step
        return at

    def _guards(self, place: Place) -> list[Guard]:
        return [Guard(self._moved(g.index), g.bound) for g in place.guards]

    def _moved(self, at: Poly) -> Poly:
        """An index over the axes of the old cluster as one over the block.

        The new expressions mention old names, so all are replaced at once.
        """
        out = at
        for axis in self.moved:
            out = out.substitute(axis, Poly())
        return sum((at.coefficient(axis) * to for axis, to in self.moved.items()), out)
