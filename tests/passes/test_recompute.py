"""Which values kernels compute again instead of reading them, and that results are the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roads import interpreted, reference

import graphc as gx
import graphc.numpy as gnp
from graphc.ir.poly import Poly
from graphc.passes import fuse, recompute
from graphc.passes.fuse import Fusion
from graphc.passes.minimum_cut import UNBOUNDED, Network
from graphc.runtime.stages import Stages

ROWS, COLUMNS = 512, 256  # half a megabyte in f32


def arrays(rows: int = ROWS) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype("float32") * 0.3 for s in ((rows, 32), (32, COLUMNS), (COLUMNS, 16))]


def gelu(x, w, v):
    h = x @ w
    return (0.5 * h * (1 + gnp.erf(h * 0.5**0.5)) @ v).sum()


def layer_norm(x, w, v):
    h = x @ w
    d = h - h.mean(axis=1, keepdims=True)
    return ((d / np.sqrt((d * d).mean(axis=1, keepdims=True) + 1e-5) * w[0]) @ v).sum()


def maximum_of_rows(x, w, v):
    """The gradient of a maximum asks which item it is equal to."""
    h = np.tanh(x @ w) * 0.7
    return (h @ v).sum() + h.max(axis=1).sum()


PROGRAMS = [gelu, layer_norm, maximum_of_rows]


def fusion_of(f: Callable[..., Any], *args: Any) -> Fusion:
    return Stages(gx.jit(gx.value_and_grad(f, argnums=(0, 1, 2))).trace(*args)).fusion


def stored(fusion: Fusion) -> list[str]:
    """The large arrays that kernels write and that are no results."""
    outputs = set(fusion.graph.outputs)
    return [v.op.name for g in fusion.groups for v in g.writes if v.shape == (ROWS, COLUMNS) and v not in outputs]


def repeated(fusion: Fusion) -> set[str]:
    nodes = [n for g in fusion.groups for n in g.nodes]
    return {n.op.name for n in nodes if nodes.count(n) > 1}


def test_a_gradient_keeps_what_an_activation_is_computed_from() -> None:
    """Of the forward pass the product and the activation are kept, which the next product reads."""
    fusion = fusion_of(gelu, *arrays())
    assert stored(fusion) == ["matmul", "mul", "add"]
    assert "erf" in repeated(fusion)
    erf = next(n for n in fusion.graph.nodes if n.op.name == "erf")
    (reader,) = (g for g in fusion.groups[1:] if erf in g.nodes)
    assert fusion.why_not_fused(erf.out, reader.nodes[-1].out) == ""


def test_small_arrays_are_read() -> None:
    assert not repeated(fusion_of(gelu, *arrays(rows=16)))


def test_what_is_compared_for_equality_is_read() -> None:
    """A second computation might be rounded in another way, and nothing would be equal to the maximum."""
    fusion = fusion_of(maximum_of_rows, *arrays())
    compared = {v for n in fusion.graph.nodes if n.op.name == "eq" for v in n.inputs}
    assert compared
    assert all(sum(v.node in g.nodes for g in fusion.groups) <= 1 for v in compared)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("far", [1, recompute.FAR])
def test_values(f: Callable[..., Any], far: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "FAR", far)
    monkeypatch.setattr(fuse, "LEAST", min(far, recompute.LEAST))
    args = [a.astype("float64") for a in arrays(rows=24 if far == 1 else ROWS)]
    program = gx.jit(gx.value_and_grad(f, argnums=(0, 1, 2)))
    graph = program.trace(*args)
    assert repeated(Stages(graph).fusion)
    value, slopes = program(*args)
    for got, want in zip([value, *slopes], reference(graph, args), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_nests_mean_the_same(f: Callable[..., Any], scheduled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "FAR", 1)
    monkeypatch.setattr(fuse, "LEAST", 1)
    args = [a[:9, :5] for a in arrays(rows=9)]
    args = [args[0], args[1][:5], args[2][:5]]
    graph = Stages(gx.jit(gx.value_and_grad(f, argnums=(0, 1, 2))).trace(*args)).optimized
    for got, want in zip(interpreted(graph, args, scheduled=scheduled), reference(graph, args), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5)


def test_a_result_is_stored_and_may_be_computed_again_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "FAR", 1)
    monkeypatch.setattr(fuse, "LEAST", 1)

    def f(x, w, v):
        h = x @ w
        y = np.exp(h)
        return y, (np.tanh(y) @ v).sum(axis=0), (y * 2) @ v

    args = [a.astype("float64") for a in arrays(rows=24)]
    for got, want in zip(gx.jit(f)(*args), f(*args), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


# -------------------------------------------------------------------------------------------------- minimum cuts

Edges = dict[tuple[int, int], int]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda e: e[0] != e[1]), st.integers(0, 9), max_size=24
    )
)
def test_cuts_are_those_of_networkx(edges: Edges) -> None:
    network: Network[int] = Network()
    other = nx.DiGraph()
    other.add_nodes_from(range(7))
    for (x, y), most in edges.items():
        network.edge(x, y, most)
        other.add_edge(x, y, capacity=most)
    behind = network.behind_cut(0, 6)
    assert 6 in behind and 0 not in behind
    cut = sum(most for (x, y), most in edges.items() if x not in behind and y in behind)
    assert cut == nx.minimum_cut_value(other, 0, 6)


def test_an_unbounded_path_is_refused() -> None:
    network: Network[str] = Network()
    network.edge("source", "between", UNBOUNDED)
    network.edge("between", "sink", UNBOUNDED)
    with pytest.raises(ValueError, match="unbounded"):
        network.behind_cut("source", "sink")


def test_no_choice_costs_less() -> None:
    """Against every set of values that could be computed again, for several prices of a read array."""
    graph = gx.jit(lambda x: np.exp(-(np.sin(x * 2.0) ** 2)) + np.tanh(x * 2.0)).trace(np.ones((64, 64)))
    fusion = Stages(graph, level="O1").fusion
    spaces = _spaces(fusion)
    needed = [n.out for n in fusion.graph.nodes if n.op.name in ("exp", "tanh")]
    for one in (1, 5, 17, 24, 40, 100):
        again = recompute.computed_again(needed, spaces, lambda v, p=one: p * recompute.size(Poly.of(v.type.size)))
        assert again == sorted(again, key=lambda n: -n.id)
        sets = itertools.chain.from_iterable(itertools.combinations(spaces, k) for k in range(len(spaces) + 1))
        assert _price({n.id for n in again}, needed, spaces, one) == min(
            _price(set(s), needed, spaces, one) for s in sets
        )


def _spaces(fusion: Fusion) -> dict[int, Any]:
    from graphc.passes.access import footprint

    return {n.id: footprint(n, fusion.anchors) for g in fusion.groups for n in g.nodes if n.op.is_elementwise}


def _price(again: set[int], needed: list[Any], spaces: dict[int, Any], one: int) -> int:
    """Of computing these, and of reading what is needed then and is none of them."""
    wanted, total, pending = set(), 0, list(needed)
    while pending:
        v = pending.pop()
        if v in wanted:
            continue
        wanted.add(v)
        if v.node.id in again:
            total += recompute.work(spaces[v.node.id])
            pending += [a.value for a in spaces[v.node.id].accesses]
        else:
            total += one * recompute.size(Poly.of(v.type.size))
    return total
