"""Concatenations and pads that are computed in place: which they are, and that results are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from roads import interpreted

import graphc as gx
from graphc.ir.poly import Poly
from graphc.passes.fuse import Fusion, fuse
from graphc.passes.own_outputs import own_outputs
from graphc.passes.parts import Part, Place
from graphc.runtime.stages import Stages

A, B = (np.random.default_rng(0).standard_normal((n, 4)) for n in (2, 3))


def fusion_of(f: Callable[..., Any], *args: Any) -> Fusion:
    return Stages(gx.jit(f).trace(*args)).fusion


def copies(fusion: Fusion) -> int:
    """Kernels with nothing but a copy."""
    return sum({n.op.name for n in g.nodes} <= {"alias", "concatenate"} for g in fusion.groups)


def two(a, b):
    return np.concatenate([np.exp(a), b * 2.0])


def argument(a, b):
    return np.concatenate([a, b * 2.0])


def repeated(a, b):
    e = np.exp(a)
    return np.concatenate([e, b + 1.0, e])


def also_a_result(a, b):
    e = np.exp(a)
    return np.concatenate([e, b * 2.0]), e


def stacked(a, b):
    return np.stack([np.exp(a), a @ a.T @ a, a + b[:2]])


def after_products(a, b):
    return np.concatenate([a, b @ b.T @ b]) @ np.ones((4, 4))


def read_again(a, b):
    whole = np.concatenate([np.exp(a), np.tanh(b)])
    return whole, whole.sum(axis=0) + whole[1]


def nested(a, b):
    return np.concatenate([np.concatenate([np.exp(a), b]), a * 2.0])


def nested_across(a, b):
    """The parts of the outer array are arrays that no kernel makes as a whole."""
    rows = [np.stack([np.exp(a), a * k], axis=1) for k in (2.0, 3.0)]
    return np.stack([*rows, np.stack([b[:2], np.tanh(b[1:])], axis=1)], axis=1)


def parts_of_two(a, b):
    e, t = np.exp(a), np.tanh(b)
    return np.concatenate([e, t]), np.concatenate([t, e])


def other_axis(a, b):
    return np.concatenate([np.exp(a), b[:2] * 2.0], axis=1)


def scattered(a, b):
    return np.concatenate([gx.grad(lambda x: (x[np.array([0, 0, 1])] ** 2).sum())(a), b * 2.0])


PROGRAMS = [
    two, argument, repeated, also_a_result, stacked, after_products, read_again, nested, nested_across, parts_of_two,
    other_axis, scattered,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_values(f):
    want = f(A, B)
    got = gx.jit(f)(A, B)
    graph = gx.jit(f).trace(A, B)
    roads = [got, *(interpreted(graph, [A, B], scheduled=s) for s in (False, True))]
    for road in roads:
        for x, y in zip(_list(road), _list(want), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)


def _list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple | list) else [x]


def test_parts_are_written_where_they_belong():
    fusion = fusion_of(two, A, B)
    assert (len(fusion.groups), copies(fusion)) == (2, 0)
    (whole,) = {s.whole for s in fusion.slices.values()}
    assert [s.start for s in fusion.slices.values()] == [0, A.size]
    assert fusion.why_not_fused(next(iter(fusion.slices)), whole) == "it is computed in its place in the array"


@pytest.mark.parametrize(
    ("f", "copied", "alone"),
    [(two, 0, 0), (argument, 1, 1), (repeated, 1, 0), (also_a_result, 1, 0), (stacked, 0, 0), (parts_of_two, 2, 0)],
)
def test_what_is_shared_is_written_twice(f, copied, alone):
    """A copy is made by the kernel that computes; only an argument takes one that does nothing else."""
    fusion = fusion_of(f, A, B)
    assert sum(n.op.name == "alias" for n in fusion.graph.nodes) == copied
    assert copies(fusion) == alone


def test_parts_with_a_symbolic_size_or_along_another_axis_are_joined_by_a_kernel():
    assert not fusion_of(other_axis, A, B).slices
    n = gx.Dim("n")
    with gx.Graph() as graph:
        x = gx.placeholder("float64", (n, 4), name="x")
        graph.outputs = [np.concatenate([np.exp(x), np.tanh(x)]).value]
    assert not fuse(own_outputs(graph)).slices


def test_a_stack_of_steps_takes_no_storage_beside_the_result():
    def steps(x, w):
        out = []
        for _ in range(20):
            x = np.tanh(x @ w)
            out.append(x)
        return np.stack(out)

    x, w = np.ones((8, 16)), np.eye(16) * 0.5
    compiled = gx.jit(steps)
    np.testing.assert_allclose(compiled(x, w), steps(x, w), rtol=1e-12)
    assert compiled.compile(x, w).peak_bytes() == 0
    assert len(compiled.compile(x, w).stages.fusion.groups) == 20


def test_stacks_of_stacks_are_written_by_one_kernel():
    """Rows of a matrix for each of many points, put together item by item."""

    def inverse(m):
        a, b, c, d = m[:, 0, 0], m[:, 0, 1], m[:, 1, 0], m[:, 1, 1]
        rows = [np.stack([d, -b], axis=1), np.stack([-c, a], axis=1)]
        return np.stack(rows, axis=1) / (a * d - b * c)[:, None, None]

    def twice(x, y):
        inner = np.stack([np.cos(x), np.sin(y)], axis=1)
        return np.stack([inner, np.stack([x * y, x + y], axis=1)], axis=2), inner

    m = np.random.default_rng(0).standard_normal((70, 2, 2)) + 4 * np.eye(2)
    assert len(fusion_of(inverse, m).groups) == 1
    np.testing.assert_allclose(gx.jit(inverse)(m), np.linalg.inv(m), rtol=1e-12)
    x, y = m[:, 0].T
    assert copies(fusion_of(twice, x.copy(), y.copy())) == 0
    for got, want in zip(gx.jit(twice)(x, y), twice(x, y), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_chain_of_cross_products_is_one_kernel():
    def cross(a, b):
        parts = [a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1))]
        return np.stack(parts, axis=1)

    def chain(a, b):
        c = 2 * cross(a, b) + b * 3
        d = cross(a, c)
        return d / np.sqrt((d * d).sum(axis=1, keepdims=True)) + c

    a, b = np.random.default_rng(0).standard_normal((2, 100, 3))
    assert len(fusion_of(chain, a, b).groups) == 1
    np.testing.assert_allclose(gx.jit(chain)(a, b), chain(a, b), rtol=1e-11)
    gradient = gx.grad(lambda a, b: chain(a, b).sum())
    np.testing.assert_allclose(gx.jit(gradient)(a, b), gradient(a, b), rtol=1e-9, atol=1e-10)


def gates(x, w):
    return np.concatenate([np.tanh(x @ w[k]) for k in range(3)], axis=1)


def plain_products(x, w):
    return np.stack([x @ w[0], x @ w[1] + 1.0], axis=1)


def product_that_is_read_again(x, w):
    y = x @ w[0]
    return np.concatenate([y, np.exp(y)], axis=1), y.sum(axis=0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(64, 32, 48), (300, 40, 17), (9, 33, 1)], ids=str)
@pytest.mark.parametrize("f", [gates, plain_products, product_that_is_read_again], ids=lambda f: f.__name__)
def test_products_store_their_parts(f, shape, threads):
    m, k, n = shape
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((m, k)), rng.standard_normal((3, k, n))
    program = gx.jit(f, threads=threads)
    for got, want in zip(_list(program(x, w)), _list(f(x, w)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    assert copies(fusion_of(f, x, w)) == 0


def test_products_of_any_number_of_rows_store_their_parts():
    w = np.random.default_rng(0).standard_normal((3, 16, 24))
    graph = gx.Graph()
    with graph:
        x = gx.placeholder("float64", (gx.Dim("n"), 16), name="x")
        y = gates(x, gx.numpy.asarray(w))
    with gx.Session(graph) as session:
        for n in (0, 1, 5, 130):
            rows = np.random.default_rng(n).standard_normal((n, 16))
            np.testing.assert_allclose(session.run(y, {x: rows}), gates(rows, w), rtol=1e-11, atol=1e-12)


def test_a_matrix_that_many_products_read_turned_is_turned_once():
    def steps(x, w):
        for _ in range(10):
            x = np.tanh(x @ w.T)
        return x

    x, w = np.ones((8, 16)), np.random.default_rng(0).standard_normal((16, 16))
    turned = [n for g in fusion_of(steps, x, w).groups for n in g.nodes if n.op.name == "permute"]
    assert len(turned) == 1
    np.testing.assert_allclose(gx.jit(steps)(x, w), steps(x, w), rtol=1e-11)


# -------------------------------------------------------------------------------------------------------------- pads


def padded(a, b):
    return np.pad(np.exp(a), ((1, 2), (3, 0)), constant_values=-1.5)


def padded_at_no_side(a, b):
    return np.pad(np.exp(a), 0), np.pad(np.tanh(b), ((0, 0), (0, 0)))


def padded_product(a, b):
    return np.pad(a @ a.T @ a, 1), a.sum()


def padded_argument(a, b):
    return np.pad(a, 1)


def padded_and_read(a, b):
    y = np.sin(a)
    wide = np.pad(y, ((0, 0), (1, 1)))
    return wide, y + 1.0, wide @ np.ones((6, 2))


def padded_sums(a, b):
    return np.pad(a.sum(axis=1), (2, 3), constant_values=np.nan)


def padded_integers(a, b):
    return np.pad((a * 10).astype("int8") // 3, 2, constant_values=-7), np.pad(a > 0, 1, constant_values=True)


def padded_reshaped(a, b):
    return np.pad(np.exp(a).reshape(2, 2, 2), 1)


def padded_nothing(a, b):
    return np.pad(np.exp(a[:0]), ((1, 1), (0, 2)), constant_values=3.0)


PADS = [
    padded, padded_at_no_side, padded_product, padded_argument, padded_and_read, padded_sums, padded_integers,
    padded_reshaped, padded_nothing,
]  # fmt: skip


@pytest.mark.parametrize("f", PADS, ids=lambda f: f.__name__)
def test_values_of_pads(f):
    test_values(f)


@pytest.mark.parametrize(("f", "rims"), [(padded, 1), (padded_product, 1), (padded_argument, 0), (padded_sums, 1)])
def test_results_are_computed_inside_of_pads(f, rims):
    """Only an argument is copied; beside computed ones there is a kernel for the rim, which reads nothing."""
    fusion = fusion_of(f, A, B)
    assert sum(g.around is not None for g in fusion.groups) == rims
    assert all(not g.reads for g in fusion.groups if g.around)
    inside = {p.target for g in fusion.groups for p in g.parts}
    assert inside == {g.writes[0] for g in fusion.groups if g.around}


@pytest.mark.parametrize(
    "sizes", [((1, 3, 2),), ((0, 4, 1), (2, 3, 0)), ((1, 2, 1), (0, 3, 0), (2, 1, 1)), ((1, 0, 2),)], ids=str
)
def test_boxes_around_a_part_cover_the_rest_once(sizes):
    """Each of `sizes`: what is before the part, its length, what is behind it."""
    whole = tuple(map(sum, sizes))
    with gx.Graph():
        x = gx.placeholder("float64", tuple(n for _, n, _ in sizes), name="x").value
        target = gx.placeholder("float64", whole, name="y").value
    place = Place(x.shape, tuple(Poly.of(low) for low, _, _ in sizes), whole)
    part = Part(x, target, (place,), 0.0)
    counts = np.zeros(whole, int)
    counts[tuple(slice(low, low + n) for low, n, _ in sizes)] += 1
    for box in part.around():
        spans = [(s.evaluate({}), Poly.of(e).evaluate({})) for s, e in box]
        counts[tuple(slice(start, start + n) for start, n in spans)] += 1
    assert (counts == 1).all()


def test_pads_of_any_size_are_computed_in_place():
    graph = gx.Graph()
    with graph:
        x = gx.placeholder("float64", (gx.Dim("n"), 4), name="x")
        y = np.pad(np.exp(x), ((2, 1), (0, 3)), constant_values=2.0)
    with gx.Session(graph) as session:
        for n in (0, 1, 7, 300):
            rows = np.random.default_rng(n).standard_normal((n, 4))
            want = np.pad(np.exp(rows), ((2, 1), (0, 3)), constant_values=2.0)
            np.testing.assert_allclose(session.run(y, {x: rows}), want, rtol=1e-12)


def pads_in_joins(a, b):
    return np.concatenate([np.pad(np.exp(a), 1), np.pad(np.tanh(a), 1)], axis=1)


def joins_in_pads(a, b):
    return np.pad(np.stack([np.exp(a), np.tanh(a)], axis=1), 1, constant_values=7.0)


@pytest.mark.parametrize("f", [pads_in_joins, joins_in_pads], ids=lambda f: f.__name__)
def test_pads_and_joins_inside_of_each_other(f):
    test_values(f)
