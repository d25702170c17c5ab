"""Which clusters hold a product that is worth a kernel of its own, and its operands as strided matrices.

C[q, i, j] = sum over k of A[q, i, k] * B[q, k, j], where q stands for any number of batch axes.  An axis of the cluster
is a row of the product where only A moves along it, a column where only B does, and a batch axis otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphc.codegen.nest.cluster import Cluster, Place, Reduction, Value, Write
from graphc.codegen.nest.loops import ZERO
from graphc.ir.poly import Poly
from graphc.passes.access import FEW
from graphc.records import dataclass

LEAST_WORK = 1024  # multiplications; below, a plain loop nest is as fast
LEAST_SIDE = 2  # of rows and columns; with one, a product only streams its larger operand, as a loop nest does
USUAL = 256  # what a symbolic extent is reckoned as
PRODUCT = "product"  # the array of C, where an epilogue reads it


@dataclass(frozen=True, slots=True)
class Matrix:
    """Elements of a buffer at offset + q * batch + i * row + j * column."""

    buffer: str
    offset: int
    batch: tuple[int, ...]
    row: int
    column: int

    def __str__(self) -> str:
        return f"{self.buffer}[{', '.join(map(str, (*self.batch, self.row, self.column)))}]"


@dataclass(frozen=True, slots=True)
class Space:
    """The axes of the cluster: a row axis of extent 1 and the like have no name."""

    batch: tuple[str, ...]
    row: str
    column: str

    @property
    def axes(self) -> frozenset[str]:
        return frozenset((*self.batch, self.row, self.column))


@dataclass(frozen=True, slots=True)
class Product:
    """Rows and steps of k may be symbolic extents; all strides are numbers."""

    dtype: str
    batch: tuple[int, ...]
    m: Poly
    n: int
    k: Poly
    a: Matrix
    b: Matrix
    c: Matrix
    space: Space

    @property
    def rows(self) -> int:
        """How many there are, or are reckoned to be."""
        return usual(self.m)

    @property
    def steps(self) -> int:
        return usual(self.k)

    @property
    def work(self) -> int:
        """Multiplications of one matrix of the batch."""
        return self.rows * self.n * self.steps

    @property
    def is_symmetric(self) -> bool:
        """A matrix by itself, turned over."""
        a, b = self.a, self.b
        same = (a.buffer, a.offset, a.batch, a.row, a.column) == (b.buffer, b.offset, b.batch, b.column, b.row)
        return same and self.m.constant == self.n

    def __str__(self) -> str:
        sizes = "x".join(map(str, (*self.batch, self.m, self.k, self.n)))
        return f"{self.dtype} {sizes}: {self.c} = {self.a} @ {self.b}"


def usual(extent: Poly) -> int:
    return USUAL if extent.constant is None else extent.constant


def find_product(cluster: Cluster) -> tuple[Reduction, Product] | None:
    """The product of a normalised cluster, or None where there is none or a loop nest does as well."""
    reductions = [e for e in cluster.effects if isinstance(e, Reduction)]
    if len(reductions) != 1 or cluster.fills or any(isinstance(e, Write) and e.op for e in cluster.effects):
        return None
    (r,) = reductions
    operands = _operands(cluster, r)
    if operands is None:
        return None
    for left, right in (operands, operands[::-1]):
        product = _product(cluster, r, left, right)
        if product is not None:
            return r, product
    return None


def _operands(cluster: Cluster, r: Reduction) -> tuple[Place, Place] | None:
    """Two plain loads that are multiplied and summed over one axis."""
    value = r.args[0]
    if r.monoid.name != "sum" or len(r.over) != 1 or value.op != "mul" or value.dtype not in ("f32", "f64"):
        return None
    places = [a.place for a in value.args if isinstance(a, Value) and a.place and a.dtype == value.dtype]
    plain = [p for p in places if not p.guards and not p.strides and cluster.arrays[p.buffer].dtype == value.dtype]
    if len(plain) != 2 or any(_is_division(p.at) for p in plain):
        return None
    return plain[0], plain[1]


def _is_division(at: Poly) -> bool:
    return any("//" in n for n in at.names)


def _product(cluster: Cluster, r: Reduction, left: Place, right: Place) -> Product | None:
    """The product with `left` as A, if its columns are neighbours in C and it is large enough."""
    (k,) = r.over
    extents = cluster.axes
    kept = [a for a in cluster.axes if a in r.kept]
    result = storage_of(cluster, r, kept)
    rows = [a for a in kept if a in left.names and a not in right.names]
    columns = [a for a in kept if a in right.names and a not in left.names and _step(result, a) == 1]
    if not rows or not columns:
        return None
    row, column = max(rows, key=lambda a: usual(extents[a])), columns[-1]
    batch = tuple(a for a in kept if a not in (row, column))
    a, b, c = _matrix(left, batch, row, k), _matrix(right, batch, k, column), _matrix(result, batch, row, column)
    if extents[row].constant is None and not all(row in e.axes for e in cluster.effects if e is not r):
        return None  # where there are no rows nothing would be done
    counts, n = _numbers(extents[x] for x in batch), extents[column].constant
    if a is None or b is None or c is None or counts is None or n is None or (counts and not extents[row].constant):
        return None
    product = Product(r.args[0].dtype, counts, extents[row], n, extents[k], a, b, c, Space(batch, row, column))
    return product if _is_worthwhile(product) else None


def _is_worthwhile(p: Product) -> bool:
    side = min(p.rows, p.n)
    is_thin = side < LEAST_SIDE or max(side, p.steps) <= FEW
    return 0 not in p.batch and p.work > 0 and p.work >= LEAST_WORK and not is_thin


def _step(place: Place, axis: str) -> int | None:
    return place.at.coefficient(axis).constant


def _matrix(p: Place, batch: tuple[str, ...], row: str, column: str) -> Matrix | None:
    """None where a stride is no number."""
    offset = p.at
    for axis in (*batch, row, column):
        offset = offset.substitute(axis, ZERO)
    numbers = _numbers(p.at.coefficient(x) for x in (*batch, row, column))
    if numbers is None or offset.constant is None:
        return None
    *steps, down, across = numbers
    return Matrix(p.buffer, offset.constant, tuple(steps), down, across)


def _numbers(sizes: Iterable[Poly]) -> tuple[int, ...] | None:
    """The values, or None where one is symbolic."""
    values = [p.constant for p in sizes]
    known = [v for v in values if v is not None]
    return tuple(known) if len(known) == len(values) else None


# --------------------------------------------------------------------------------------------------- where C lives


def storage_of(cluster: Cluster, r: Reduction, kept: list[str]) -> Place:
    """An output that holds the product, or that is overwritten in place of it; else an array of its own."""
    for write in _candidates(cluster, r, kept):
        return write.place
    at, size = ZERO, Poly.of(1)
    for axis in reversed(kept):
        at, size = at + Poly.of(axis) * size, size * cluster.axes[axis]
    return Place(PRODUCT, at)


def _candidates(cluster: Cluster, r: Reduction, kept: list[str]) -> Iterator[Write]:
    """Writes of one element per element of the product; the product itself comes first.

    Another result may take its place only where one loop writes everything: none reads the product again later.
    """
    every = writes(cluster)
    over_all = [e for e in every if is_plain(e) and e.axes == frozenset(kept)]
    arrays = [cluster.arrays[e.place.buffer] for e in over_all]
    own = [e for e, a in zip(over_all, arrays, strict=True) if a.dtype == r.args[0].dtype and a.alias is None]
    yield from (e for e in own if e.value.reduction is r)
    if len(over_all) == len(every):
        yield from own


def writes(cluster: Cluster) -> list[Write]:
    return [e for e in cluster.effects if isinstance(e, Write)]


def is_plain(e: Write) -> bool:
    return e.op is None and not e.indices and not e.place.guards
