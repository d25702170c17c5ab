"""Matrix products, of operands as they are and transposed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.workloads.workload import Workload, normal, workload


def product(a: Any, b: Any) -> Any:
    return a @ b


def product_of_transposed(a: Any, b: Any) -> Any:
    """As the gradient of weights."""
    return a.swapaxes(-1, -2) @ b


def product_with_transposed(a: Any, b: Any) -> Any:
    """As the gradient of activations, and the scores of attention."""
    return a @ b.swapaxes(-1, -2)


def gemm(
    name: str,
    shape: tuple[int, int, int],
    dtype: str = "float32",
    batch: tuple[int, ...] = (),
    form: Callable[[Any, Any], Any] = product,
) -> Workload:
    """[m, k] by [k, n], where shape is (m, k, n)."""
    m, k, n = shape
    a_shape = (k, m) if form is product_of_transposed else (m, k)
    b_shape = (n, k) if form is product_with_transposed else (k, n)

    def arguments(rng: Any) -> Any:
        return normal(rng, *batch, *a_shape, dtype=dtype), normal(rng, *batch, *b_shape, dtype=dtype)

    transposed = {
        product: "",
        product_of_transposed: ", left one transposed",
        product_with_transposed: ", right one transposed",
    }
    about = f"{' x '.join(map(str, (*batch, '')))}{m}x{k} by {k}x{n}, {dtype}{transposed[form]}"
    return workload(name, about, arguments, form, program=form.__name__)


WORKLOADS: list[Workload] = [
    *(gemm(f"gemm_f32_{n}", (n, n, n)) for n in (64, 128, 256, 512, 1024, 2048)),
    *(gemm(f"gemm_f64_{n}", (n, n, n), "float64") for n in (64, 256, 1024)),
    gemm("gemm_skinny", (128, 784, 512)),
    gemm("gemm_tn", (784, 128, 512), form=product_of_transposed),
    gemm("gemm_nt", (128, 512, 784), form=product_with_transposed),
    gemm("bmm_64", (64, 64, 64), batch=(64,)),
    gemm("bmm_nt", (128, 32, 128), batch=(64,), form=product_with_transposed),
]
