"""The kinds of kernels, and their uses: a group becomes a loop nest, a product, or an operation of the library."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from graphc.codegen.alike import beginnings, form, rebased
from graphc.codegen.lift import lift
from graphc.codegen.llvm.emit import Code, emit
from graphc.codegen.lower import lower
from graphc.codegen.nest.cluster import Cluster, Reduction
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.outline import Outline, outline
from graphc.codegen.schedule import schedule
from graphc.passes.fuse import Fusion, Group
from graphc.records import dataclass

if TYPE_CHECKING:
    from graphc.codegen.gemm.kernel import ProductKernel
    from graphc.codegen.library.kernel import LibraryKernel

AnyKernel: TypeAlias = "Kernel | ProductKernel | LibraryKernel"
T = TypeVar("T")


def kernel_of(cluster: Cluster, features: frozenset[str]) -> AnyKernel:
    """A product for a target with these features, where the cluster holds one; else an unscheduled nest."""
    if not any(isinstance(e, Reduction) and e.args[0].op == "mul" for e in cluster.effects):
        return lower(cluster)
    from graphc.codegen.gemm.kernel import product_kernel  # loaded by programs with products alone

    return product_kernel(cluster, features) or lower(cluster)


def scheduled(kernel: AnyKernel) -> AnyKernel:
    """Products and library operations are planned when they are made."""
    return schedule(kernel) if isinstance(kernel, Kernel) else kernel


def code_of(kernel: AnyKernel, features: frozenset[str]) -> Code:
    return emit(kernel, features) if isinstance(kernel, Kernel) else kernel.code(features)


@dataclass(frozen=True)
class Use:
    """A kernel in one place of a program: which array each of its arrays is there, and from which element on.

    Uses of clusters that are alike share one kernel, which is lowered, scheduled and compiled once.
    """

    name: str
    kernel: AnyKernel
    arrays: Mapping[str, tuple[str, int]]

    def __str__(self) -> str:
        places = [f"{own} = {name}{f'[{start}:]' if start else ''}" for own, (name, start) in self.arrays.items()]
        return f"{self.name} is {self.kernel.name} with {', '.join(places)}"

    @property
    def offsets(self) -> tuple[int, ...]:
        """In bytes, for each buffer of the kernel."""
        return tuple(ITEMSIZE[b.dtype] * self.arrays.get(b.name, ("", 0))[1] for b in self.kernel.buffers)


def uses(fusion: Fusion, features: frozenset[str]) -> list[Use]:
    """The unscheduled kernel of every group."""
    makers = _Makers(fusion, features)
    return [_library(fusion, g, features) or makers.use(g) for g in fusion.groups]


def _library(fusion: Fusion, group: Group, features: frozenset[str]) -> Use | None:
    """The use of a kernel that is written by hand, where the group is an operation that has one."""
    if not any("library" in n.op.traits for n in group.nodes):
        return None
    from graphc.codegen.library.kernel import library_kernel  # loaded by programs that sort or scan alone

    kernel = library_kernel(fusion, group, features)
    return Use(group.name, kernel, {b.name: (b.name, 0) for b in kernel.arrays})


class _Makers:
    """The kernels that there are, by the outline of a group and by the form of a cluster."""

    def __init__(self, fusion: Fusion, features: frozenset[str]) -> None:
        self.fusion, self.features = fusion, features
        self.drawn: dict[Hashable, tuple[Outline, Use]] = {}
        self.known: dict[Hashable, tuple[AnyKernel, list[str]]] = {}

    def use(self, group: Group) -> Use:
        """The use of the kernel of the first group like this one."""
        own = outline(self.fusion, group)
        if own is None:
            return self._nest(lift(self.fusion, group))
        if own.key not in self.drawn:
            self.drawn[own.key] = own, self._nest(lift(self.fusion, group))
        return _redrawn(*self.drawn[own.key], own, group.name)

    def _nest(self, cluster: Cluster) -> Use:
        """The use of the kernel of the first cluster like this one."""
        start = beginnings(cluster)
        whole = rebased(cluster, start)
        key = form(whole)
        if key not in self.known:
            self.known[key] = kernel_of(whole, self.features), list(whole.arrays)
        kernel, names = self.known[key]
        pairs = zip(names, cluster.arrays, strict=True)
        return Use(cluster.name, kernel, {own: (name, start[name]) for own, name in pairs})


def _redrawn(first: Outline, use: Use, own: Outline, name: str) -> Use:
    """The use of a kernel by a group with the outline of the first."""
    places = dict(zip(first.arrays, zip(own.arrays, own.starts, first.starts, strict=True), strict=True))
    moved = {inner: (*places[array], start) for inner, (array, start) in use.arrays.items()}
    return Use(name, use.kernel, {k: (array, start + mine - its) for k, (array, mine, its, start) in moved.items()})


def each_once(f: Callable[[AnyKernel], T], kernels: Iterable[AnyKernel]) -> list[T]:
    """`f` of every kernel, called once for those that are the same object."""
    known: dict[int, T] = {}
    return [known[id(k)] if id(k) in known else known.setdefault(id(k), f(k)) for k in kernels]
