"""The kinds of kernels: a cluster becomes a loop nest, or the kernel of a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from graphc.codegen.llvm.emit import Code, emit
from graphc.codegen.lower import lower
from graphc.codegen.nest.cluster import Cluster, Reduction
from graphc.codegen.nest.loops import Kernel
from graphc.codegen.schedule import schedule

if TYPE_CHECKING:
    from graphc.codegen.gemm.kernel import ProductKernel

AnyKernel: TypeAlias = "Kernel | ProductKernel"


def kernel_of(cluster: Cluster, features: frozenset[str]) -> AnyKernel:
    """A product for a target with these features, where the cluster holds one; else an unscheduled nest."""
    if not any(isinstance(e, Reduction) and e.args[0].op == "mul" for e in cluster.effects):
        return lower(cluster)
    from graphc.codegen.gemm.kernel import product_kernel  # loaded by programs with products alone

    return product_kernel(cluster, features) or lower(cluster)


def scheduled(kernel: AnyKernel) -> AnyKernel:
    """A product is planned when it is made."""
    return schedule(kernel) if isinstance(kernel, Kernel) else kernel


def code_of(kernel: AnyKernel, features: frozenset[str]) -> Code:
    return emit(kernel, features) if isinstance(kernel, Kernel) else kernel.code(features)
