"""The kinds of kernels: a cluster becomes a loop nest, or the kernel of a matrix product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from graphc.codegen.gemm.kernel import ProductKernel, product_kernel
from graphc.codegen.llvm.emit import Code, emit
from graphc.codegen.lower import lower
from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.nest.loops import Kernel, renamed
from graphc.codegen.schedule import schedule

AnyKernel: TypeAlias = Kernel | ProductKernel


def kernel_of(cluster: Cluster, features: frozenset[str]) -> AnyKernel:
    """A product for a target with these features, where the cluster holds one; else an unscheduled nest."""
    return product_kernel(cluster, features) or lower(cluster)


def scheduled(kernel: AnyKernel) -> AnyKernel:
    """A product is planned when it is made."""
    return schedule(kernel) if isinstance(kernel, Kernel) else kernel


def code_of(kernel: AnyKernel, features: frozenset[str]) -> Code:
    return emit(kernel, features) if isinstance(kernel, Kernel) else kernel.code(features)


def codes(kernels: Sequence[AnyKernel], features: frozenset[str]) -> Iterator[Code]:
    """The code of every kernel; those that differ in names alone share what is made of the first."""
    known: dict[AnyKernel, Code] = {}
    texts: dict[str, Code] = {}
    for kernel in kernels:
        form = _form(kernel)
        if form not in known:
            code = code_of(kernel, features)
            known[form] = texts.setdefault(code.text.replace(f"@{code.name}", "@"), code)
        yield known[form]


def _form(kernel: AnyKernel) -> AnyKernel:
    """A nest without the names of its own and of its buffers, which its code does not mention."""
    if not isinstance(kernel, Kernel):
        return kernel
    return renamed(kernel, "", {b.name: f"b{n}" for n, b in enumerate(kernel.buffers)})
