"""Work buffers of a nest: states of reductions, rows kept for a later stage, values of a strip of rows.

Storage that is private to a chunk comes in a copy for each.  They lie apart, because neighbouring chunks run at the
same time on different cores: a gap of 4 KiB keeps even the prefetchers off each other's lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.cluster import Cluster, Reduction
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import ZERO, Buffer
from graphc.ir.poly import Poly

GAP_BYTES = 4096


class Storage:
    """The buffers of a kernel; those of the cluster come first."""

    def __init__(self, cluster: Cluster, chunk: Chunk | None):
        self.extents = cluster.axes
        self.chunk = chunk
        self.buffers = [Buffer(n, a.dtype, a.role, alias=a.alias) for n, a in cluster.arrays.items()]

    def work(self, name: str, dtype: str, size: Poly, start: Poly = ZERO) -> str:
        """`start`: where the piece of this chunk starts, for storage that is private to a chunk."""
        if all(b.name != name for b in self.buffers):
            chunk = self.chunk if "c" in start.names else None
            self.buffers.append(Buffer(name, dtype, "work", size, chunk=chunk))
        return name

    def private(self, size: Poly, *dtypes: str) -> tuple[Poly, Poly]:
        """(size of the piece of a chunk, where the piece of chunk `c` starts), in elements."""
        if not self.chunk:
            return size, ZERO
        apart = size + self.gap(*dtypes)
        return apart, Poly.of("c") * apart

    @staticmethod
    def gap(*dtypes: str) -> int:
        return GAP_BYTES // min(ITEMSIZE[t] for t in dtypes)

    def states(self, name: str, r: Reduction, size: Poly, start: Poly = ZERO) -> tuple[str, ...]:
        """One buffer per component of the state, all of one size."""
        return tuple(self.work(f"{name}.{n}", t, size, start) for n, t in enumerate(r.dtypes))

    def row(self, name: str, dtype: str, axis: str) -> tuple[str, Poly]:
        """A buffer for one value per point of an axis, and the place of the current point."""
        size, start = self.extents[axis], ZERO
        if not self.chunk or self.chunk.axis != axis:
            size, start = self.private(size, dtype)
        return self.work(name, dtype, size, start), start + Poly.of(axis)

    def volume(self, axes: Iterable[str]) -> Poly:
        size = Poly.of(1)
        for a in axes:
            size = size * self.extents[a]
        return size

    def flat(self, axes: Sequence[str]) -> Poly:
        """The row-major position of the current point in the space of some axes."""
        return sum((Poly.of(a) * self.volume(axes[n + 1 :]) for n, a in enumerate(axes)), ZERO)
