"""Every rule, text in and text out, and both texts evaluated on NaN, infinities, signed zeros and wrapping integers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from passes.blocks import Block, plain, read_blocks, run, run_graph, specials, with_dtype

from graphc.ir.graph import Graph
from graphc.ir.ops.shape import expand
from graphc.ir.ops.source import constant
from graphc.ir.parser import parse_graph
from graphc.ir.verify import verify
from graphc.passes.pipelines import all_rule_names, all_rules
from graphc.passes.rewrite import RewritePass
from graphc.passes.safe_where import SafeWhere
from graphc.passes.simplify import Simplify
from graphc.passes.stabilize import Stabilize

FAMILIES = tuple(
    f"simplify_{name}" for name in ("arithmetic", "power", "cast", "logic", "movement", "reduction", "stack")
)
SAME_BITS = read_blocks(*FAMILIES)
STABLE = read_blocks("stabilize")
MASKS = read_blocks("safe_where")
ROUNDS = {
    "reduce_of_reduce",
    "reduce_of_expand",
    "power_of_whole_number",
    "power_of_half",
    "power_of_halves",
    "reciprocal_of_root",
}  # in which last bits may differ

SHARED_SCALE = {"softmax", "softmax_of_gradient", "gradient_of_softmax"}


def _pass_of(block: Block) -> RewritePass:
    return {"stabilize": Stabilize(), "safe_where": SafeWhere()}.get(block.family, Simplify())


@pytest.mark.parametrize("block", SAME_BITS + STABLE + MASKS, ids=str)
def test_text(block: Block) -> None:
    fired: Counter[str] = Counter()
    after = verify(_pass_of(block).run(parse_graph(block.before), fired))
    assert plain(after) == plain(parse_graph(block.after))
    assert (fired[block.rule] > 0) == block.fires


def test_every_rule_has_a_block() -> None:
    tested = {b.rule for b in SAME_BITS + STABLE + MASKS if b.fires}
    assert tested == set(all_rule_names())


def test_rule_names_are_unique() -> None:
    names = [r.name for rules in all_rules().values() for r in rules]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("block", [b for b in SAME_BITS if b.fires], ids=str)
def test_simplify_keeps_every_bit(block: Block) -> None:
    graph = parse_graph(block.before)
    for turn in range(12):
        feeds = specials(graph, turn)
        (want,), (got,) = run(block.before, feeds), run(block.after, feeds)
        assert want.dtype == got.dtype
        if block.rule in ROUNDS:
            np.testing.assert_allclose(got, want, rtol=1e-6)
        else:
            np.testing.assert_array_equal(got, want)
        if want.dtype.kind == "f" and block.rule not in ROUNDS:
            there = ~np.isnan(want)
            np.testing.assert_array_equal(np.signbit(got[there]), np.signbit(want[there]))


@pytest.mark.parametrize("block", [b for b in MASKS if b.fires], ids=str)
def test_masks_move_without_changing_finite_values(block: Block) -> None:
    graph = parse_graph(block.before)
    for turn in range(12):
        feeds = [np.nan_to_num(a, nan=2.0, posinf=3.0, neginf=-4.0) for a in specials(graph, turn)]
        feeds = [a + (a == 0) for a in feeds]
        np.testing.assert_allclose(run(block.after, feeds)[0], run(block.before, feeds)[0], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_powers_of_whole_numbers_are_within_their_bound(dtype: str) -> None:
    numpy_dtype = {"f32": np.float32, "f64": np.float64}[dtype]
    random = np.random.default_rng(0)
    x = (random.uniform(0.25, 4, 4000) * random.choice([-1, 1], 4000)).astype(numpy_dtype)
    for exponent in range(-17, 18):
        text = f"graph power(%0 x: {dtype}[4000]) {{\n  %1 = constant {exponent}.0 : {dtype}[]\n"
        text += f"  %2 = pow %0, %1 : {dtype}[4000]\n  return %2\n}}"
        (got,) = run_graph(Simplify().run(parse_graph(text), Counter()), [x])
        want = x.astype(np.longdouble) ** exponent
        assert np.max(np.abs(got - want) / np.spacing(np.abs(want).astype(numpy_dtype))) <= 2.5


# ------------------------------------------------------------------------------------------------- stable formulas


@pytest.mark.parametrize("block", [b for b in STABLE if b.fires], ids=str)
def test_stable_formula_agrees_where_the_first_form_can_be_trusted(block: Block) -> None:
    rng = np.random.default_rng(0)
    before, after = (with_dtype(t, "f64") for t in (block.before, block.after))
    graph = parse_graph(before)
    for _ in range(20):
        feeds = [rng.uniform(0.2, 0.9, shape) for shape in _shapes(graph)]
        np.testing.assert_allclose(run(after, feeds)[0], run(before, feeds)[0], rtol=1e-12)


@pytest.mark.parametrize("block", [b for b in STABLE if b.fires], ids=str)
def test_stable_formula_keeps_infinities_and_nan(block: Block) -> None:
    """Where the first form neither overflows nor gives 0/0 and the like, the second says the same."""
    graph = parse_graph(with_dtype(block.before, "f64"))
    for turn in range(12):
        feeds = [np.where(a == 60.0, 6.0, a) for a in specials(graph, turn)]
        (want,), (got,) = run(with_dtype(block.before, "f64"), feeds), run(with_dtype(block.after, "f64"), feeds)
        sure = ~np.isnan(want)
        np.testing.assert_allclose(got[sure], want[sure], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("block", [b for b in STABLE if b.fires], ids=str)
def test_stable_formula_is_no_less_accurate(block: Block) -> None:
    """Against float64, over eight orders of magnitude, the largest error in float32 does not grow.

    The error of a softmax is taken against its largest item: for the small ones x - max(x) is rounded.
    """
    rng = np.random.default_rng(1)
    graph = parse_graph(block.before)
    worst = np.zeros(2)
    for scale in np.logspace(-6, 1.5, 40):
        feeds = [(rng.normal(size=shape) * scale).astype(np.float32) for shape in _shapes(graph)]
        exact = run(with_dtype(block.after, "f64"), [f.astype(np.float64) for f in feeds])[0]
        for k, text in enumerate((block.before, block.after)):
            worst[k] = max(worst[k], _largest_error(run(text, feeds)[0], exact, block.rule in SHARED_SCALE))
    assert worst[1] <= max(worst[0], 8.0), f"{worst[0]:.1f} ULP became {worst[1]:.1f}"


def _shapes(graph: Graph) -> list[tuple[int, ...]]:
    return [a.shape for a in specials(graph, 0)]


def _largest_error(got: np.ndarray, exact: np.ndarray, shared_scale: bool) -> float:
    """In units of the last place of float32; a missing number counts as much."""
    sure = np.isfinite(exact) & (np.abs(exact) > 1e-30)
    size = np.abs(exact[sure])
    unit = np.spacing((np.full_like(size, size.max()) if shared_scale else size).astype(np.float32)).astype(np.float64)
    error = np.abs(got[sure].astype(np.float64) - exact[sure]) / unit
    return float(np.max(np.nan_to_num(error, nan=1e30, posinf=1e30), initial=0.0))


# ---------------------------------------------------------------------------------------- constants with a shape


def _only_broadcasts(text: str) -> bool:
    return all(n.op.is_elementwise or n.op.is_source for n in parse_graph(text).nodes)


def _with_wide_constants(before: Graph) -> Graph:
    """The same graph where every constant is repeated along a new first axis."""
    g = Graph("wide")
    with g:
        values = {v: g.placeholder(v.type) for v in before.inputs}
        wide = (2, *before.inputs[0].shape)
        for node in before.nodes:
            if node.out not in values:
                made = g.apply(node.op, [values[v] for v in node.inputs], node.attrs)
                values[node.out] = expand(made, shape=wide) if node.op is constant else made
    g.outputs = [values[v] for v in before.outputs]
    return g


WITH_CONSTANTS = [b for b in SAME_BITS + STABLE if "constant" in b.before and _only_broadcasts(b.before)]


@pytest.mark.parametrize("block", WITH_CONSTANTS, ids=str)
def test_a_constant_may_widen_the_result(block: Block) -> None:
    graph = _with_wide_constants(parse_graph(block.before))
    after = verify(_pass_of(block).run(graph))
    assert [v.type for v in after.outputs] == [v.type for v in graph.outputs]
    feeds = [np.nan_to_num(a, nan=0.5, posinf=2.0, neginf=-1.5) for a in specials(graph, 7)]
    np.testing.assert_allclose(run_graph(after, feeds)[0], run_graph(graph, feeds)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("other", ["constant 2.0 : f32[]", "neg %0 : f32[3]"])
def test_a_product_of_a_sum_and_an_exponential_need_not_be_a_gradient_of_a_softmax(other: str) -> None:
    text = f"graph f(%0 x: f32[3]) {{\n  %1 = exp %0 : f32[3]\n  %2 = {other}\n  %3 = add %0, %2 : f32[3]\n"
    graph = parse_graph(text + "  %4 = mul %3, %1 : f32[3]\n  return %4\n}")
    assert plain(verify(Stabilize().run(graph, Counter()))) == plain(graph)
