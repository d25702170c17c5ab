"""The arena: nothing that lives at the same time overlaps."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from graphc.ir.poly import Poly
from graphc.passes.memory import ALIGNMENT, Arena, Interval, plan_arena

_LIVES = st.tuples(st.integers(0, 2000), st.integers(0, 12), st.integers(0, 6))


def _intervals(lives: list[tuple[int, int, int]]) -> list[Interval]:
    return [Interval(f"v{k}", size, first, first + length) for k, (size, first, length) in enumerate(lives)]


@given(st.lists(_LIVES, max_size=40))
def test_live_arrays_never_overlap(lives: list[tuple[int, int, int]]) -> None:
    intervals = _intervals(lives)
    arena = plan_arena(intervals, {})
    assert set(arena.offsets) == {i.name for i in intervals}
    for a, b in combinations(intervals, 2):
        if a.first <= b.last and b.first <= a.last and a.size and b.size:
            low, high = sorted((a, b), key=lambda i: arena.offsets[i.name])
            assert arena.offsets[low.name] + int(low.size) <= arena.offsets[high.name]  # type: ignore[arg-type]


@given(st.lists(_LIVES, max_size=40))
def test_offsets_are_aligned_and_lie_in_the_arena(lives: list[tuple[int, int, int]]) -> None:
    intervals = _intervals(lives)
    arena = plan_arena(intervals, {})
    assert all(o % ALIGNMENT == 0 for o in arena.offsets.values())
    ends = [arena.offsets[i.name] + int(i.size) for i in intervals]  # type: ignore[arg-type]
    assert max(ends, default=0) <= arena.size <= max(ends, default=0) + ALIGNMENT - 1
    assert arena.lower_bound <= arena.size <= sum(-(-size // ALIGNMENT) * ALIGNMENT for size, _, _ in lives)


@given(st.permutations(_intervals([(100, 0, 2), (100, 0, 2), (300, 1, 3), (64, 2, 2), (0, 0, 9), (300, 5, 1)])))
def test_the_plan_does_not_depend_on_the_order_given(intervals: list[Interval]) -> None:
    assert plan_arena(intervals, {}).offsets == plan_arena(sorted(intervals, key=lambda i: i.name), {}).offsets


def test_arrays_that_follow_each_other_share_bytes() -> None:
    chain = [Interval(f"v{k}", 1000, k, k + 1) for k in range(10)]
    arena = plan_arena(chain, {})
    assert arena.size == arena.lower_bound == 2 * 1024


def test_the_tightest_gap_is_taken() -> None:
    fixed = [Interval("a", 640, 0, 9), Interval("b", 320, 0, 1), Interval("c", 256, 0, 9), Interval("d", 192, 0, 1)]
    arena = plan_arena([*fixed, Interval("e", 192, 0, 9), Interval("f", 190, 5, 6)], {})
    assert arena.offsets == {"a": 0, "b": 640, "c": 960, "d": 1216, "e": 1408, "f": 1216}


def test_extents_are_bound_by_the_environment() -> None:
    n = Poly.of("batch")
    intervals = [Interval("x", n * 256, 0, 1), Interval("y", n * 128, 1, 2)]
    assert plan_arena(intervals, {"batch": 2}).size == 768
    assert plan_arena(intervals, {"batch": 20}).size == 7680
    assert plan_arena(intervals, {"batch": 0}).size == 0


def test_an_empty_plan() -> None:
    assert plan_arena([], {}) == Arena({}, 0, 0)


def test_explain_names_every_array() -> None:
    lines = list(plan_arena([Interval("x", 100, 0, 1), Interval("y", 50, 2, 3)], {}).explain())
    assert lines[0] == "arena 128 bytes (no plan needs less than 128; apart 192)"
    assert lines[1:] == ["  x: 100 bytes at 0, steps 0..1", "  y: 50 bytes at 0, steps 2..3"]
