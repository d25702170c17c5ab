"""The kinds of kernels: a group becomes a loop nest, the kernel of a matrix product, or one of the library."""

from __future__ import annotations

from typing import TypeAlias

from graphc.codegen.gemm.kernel import ProductKernel, product_kernel
from graphc.codegen.library.kernel import LibraryKernel, library_kernel
from graphc.codegen.lift import lift
from graphc.codegen.llvm.emit import Code, emit
from graphc.codegen.lower import lower
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.schedule import schedule
from graphc.passes.fuse import Fusion, Group

AnyKernel: TypeAlias = Kernel | ProductKernel | LibraryKernel


def kernel_of(fusion: Fusion, group: Group, features: frozenset[str]) -> AnyKernel:
    """A library operation or a product, for a target with these features, where there is one; else a nest."""
    known = library_kernel(fusion, group, features)
    if known is not None:
        return known
    cluster = lift(fusion, group)
    return product_kernel(cluster, features) or lower(cluster)


def scheduled(kernel: AnyKernel) -> AnyKernel:
    """Products and library operations are planned when they are made."""
    return schedule(kernel) if isinstance(kernel, Kernel) else kernel


def code_of(kernel: AnyKernel, features: frozenset[str]) -> Code:
    return emit(kernel, features) if isinstance(kernel, Kernel) else kernel.code(features)
