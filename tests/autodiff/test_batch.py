"""The batch rule of every primitive: a batch at once = the items one by one, for every choice of mapped operands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from cases import PrimitiveCase, draw, primitive_cases, tolerance

import graphc as gx
from graphc.autodiff.batch import batch
from graphc.errors import ShapeError, UnsupportedError
from graphc.frontend.vmap import vmap
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.primitive import PRIMITIVES, type_of
from graphc.ir.types import Type, short_dtype

ITEMS = 3
CASES = [c for c in primitive_cases(frozenset({"f64", "i64", "bool"})) if c.case.operands]


def choices(c: PrimitiveCase) -> Iterator[tuple[bool, ...]]:
    """Which operands are mapped: every non-empty choice."""
    return (m for m in itertools.product((True, False), repeat=len(c.case.operands)) if any(m))


def operands(c: PrimitiveCase, mapped: tuple[bool, ...]) -> list[np.ndarray]:
    """Arrays as the case has them, stacked for mapped operands."""
    rng = np.random.default_rng([c.number, len(c.op.name)])
    return [
        np.stack([draw(rng, o, c.dtype) for _ in range(ITEMS)]) if m else draw(rng, o, c.dtype)
        for o, m in zip(c.case.operands, mapped, strict=True)
    ]


def one_by_one(c: PrimitiveCase, mapped: tuple[bool, ...], xs: list[np.ndarray]) -> np.ndarray:
    items = ([x[k] if m else x for x, m in zip(xs, mapped, strict=True)] for k in range(ITEMS))
    with np.errstate(all="ignore"):
        return np.stack([np.asarray(c.op(*item, **c.case.attrs)) for item in items])


@pytest.mark.parametrize("c", CASES, ids=str)
def test_a_batch_is_its_items(c: PrimitiveCase) -> None:
    for mapped in choices(c):
        xs = operands(c, mapped)
        want = one_by_one(c, mapped, xs)
        with np.errstate(all="ignore"):
            got = np.asarray(c.op.batch(mapped, *xs, **c.case.attrs))
        assert type_of(got) == type_of(want)
        np.testing.assert_allclose(got, want, **tolerance(c.op, want, xs))


@pytest.mark.parametrize("c", CASES, ids=str)
def test_a_batch_in_a_graph(c: PrimitiveCase) -> None:
    """Types that the rules infer, with all operands mapped."""
    mapped = (True,) * len(c.case.operands)
    xs = operands(c, mapped)
    graph = Graph()
    with graph:
        items = [graph.placeholder(Type(short_dtype(x.dtype), x.shape[1:])) for x in xs]
        whole = [graph.placeholder(type_of(x)) for x in xs]
        y = graph.apply(c.op, items, c.case.attrs)
    (found,) = batch(graph, [y], dict(zip(items, whole, strict=True)))
    assert found.is_mapped and found.value.type == y.type.with_shape((ITEMS, *y.shape))
    assert all(n.loc == y.node.loc for n in graph.nodes[y.node.id :])
    (got,) = evaluate(graph, [found.value], dict(zip(whole, xs, strict=True)))
    want = one_by_one(c, mapped, xs)
    np.testing.assert_allclose(got, want, **tolerance(c.op, want, xs))


@pytest.mark.parametrize("c", [c for c in CASES if c.dtype == "f64"], ids=str)
def test_vmap_is_the_loop(c: PrimitiveCase) -> None:
    """The primitive through `vmap`: mapped along the last axis, in and out."""
    mapped = (True,) * len(c.case.operands)
    xs = operands(c, mapped)
    got = vmap(lambda *items: c.op(*items, **c.case.attrs), -1, -1)(*(np.moveaxis(x, 0, -1) for x in xs))
    want = np.moveaxis(one_by_one(c, mapped, xs), 0, -1)
    assert type_of(got) == type_of(want)
    np.testing.assert_allclose(got, want, **tolerance(c.op, want, xs))


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_with_operands_has_a_batch_rule(name: str) -> None:
    op = PRIMITIVES[name]
    assert (op.batch is None) == op.is_source


def test_what_does_not_depend_on_the_items_is_computed_once() -> None:
    graph = Graph()
    with graph:
        item, whole, shared = (graph.placeholder(Type("f32", s)) for s in ((2,), (5, 2), (2,)))
        root = graph.apply(PRIMITIVES["sqrt"], [shared], {})
        y = graph.apply(PRIMITIVES["add"], [item, root], {})
        (found, same) = batch(graph, [y, root], {item: whole})
    assert found.is_mapped and same == (root, False)
    assert [n.op.name for n in graph.nodes].count("sqrt") == 1


def test_a_placeholder_inside_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="placeholder made inside"):
        vmap(lambda x: x + gx.placeholder("float64"))(np.ones(3))


def test_sizes_must_agree() -> None:
    with pytest.raises(ShapeError, match="different numbers of items"):
        vmap(np.add)(np.ones(3), np.ones(4))
