"""Matrix products."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads.workload import Workload, normal, workload


def product(a: Any, b: Any) -> Any:
    return a @ b


def gemm(name: str, shape: tuple[int, int, int], dtype: str = "float32", batch: tuple[int, ...] = ()) -> Workload:
    """[m, k] by [k, n], where shape is (m, k, n)."""
    m, k, n = shape

    def arguments(rng: Any) -> Any:
        return normal(rng, *batch, m, k, dtype=dtype), normal(rng, *batch, k, n, dtype=dtype)

    about = f"{' x '.join(map(str, (*batch, '')))}{m}x{k} by {k}x{n}, {dtype}"
    return workload(name, about, arguments, product, program="product")


WORKLOADS: list[Workload] = [
    *(gemm(f"gemm_f32_{n}", (n, n, n)) for n in (64, 128, 256, 512, 1024, 2048)),
    *(gemm(f"gemm_f64_{n}", (n, n, n), "float64") for n in (64, 256, 1024)),
    gemm("gemm_skinny", (128, 784, 512)),
    gemm("bmm_64", (64, 64, 64), batch=(64,)),
]
