"""Several Python threads in one function and in one session, where runs let go of the interpreter and where not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.codegen.native import entry
from graphc.runtime.executable import Native

SMALL, LARGE = 8, 1 << 18  # elements of a run that keeps the interpreter, and of one that lets go of it
LAYOUTS = ("native", "unknown")


@pytest.fixture(autouse=True)
def often() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Arrays as they are known, and as on a build of NumPy that nobody has seen."""
    if request.param == "unknown":
        monkeypatch.setattr(entry, "layout_is_known", lambda: False)
    return str(request.param)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(works)) as pool:
        return [f.result() for f in [pool.submit(w) for w in works]]


def centred(x: Any) -> Any:
    """Needs working memory: the sum, and the products before they are added up."""
    y = np.exp(x - x.mean())
    return (y / y.sum())[::-1] * np.cumsum(y[:8])[7]


@pytest.mark.parametrize("signature", [None, "f64[n]"])
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.usefixtures("layout")
def test_one_function_in_many_threads(signature: str | None, size: int) -> None:
    f = gx.jit(centred, signature=signature, threads=2)
    inputs = [np.random.default_rng(k).normal(size=size + 8 * k) for k in range(4)]
    wanted = [f(x) for x in inputs]
    rounds = 300 if size == SMALL else 6

    def work(k: int) -> bool:
        return all(np.array_equal(f(inputs[k]), wanted[k]) for _ in range(rounds))

    assert all(at_once(*(lambda k=k: work(k) for k in range(4))))
    assert f.cache_size == (1 if signature else 4)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_large_runs_let_go_of_the_interpreter(size: int) -> None:
    executable = gx.jit(centred).compile(np.zeros(size))
    assert isinstance(executable, Native)
    assert executable.spec.releases == (size == LARGE)


@pytest.mark.parametrize("level", ["O0", "O3"])
@pytest.mark.parametrize("sizes", [(SMALL,), (LARGE,), (SMALL, LARGE)], ids=str)
@pytest.mark.usefixtures("layout")
def test_no_update_is_lost_and_readers_see_whole_commits(level: str, sizes: tuple[int, ...]) -> None:
    """Updates of all sizes add to the same counters; `a + b` is 0 whenever it is read."""
    with gx.Graph() as graph:
        a = gx.variable(np.zeros(max(sizes)), name="a")
        b = gx.variable(np.zeros(max(sizes)), name="b")
        x = gx.placeholder("float64", (gx.Dim("n"),), name="x")
        small = a.assign(a + 1), b.assign(b - 1)
        large = a.assign(a + np.sign(np.exp(x).sum())), b.assign(b - np.sign(np.exp(x).sum()))
        total = abs(a + b).max()
    rounds = 60 if max(sizes) == SMALL else 8
    feeds = [np.zeros(n) for n in sizes]

    with gx.Session(graph, level=level) as s:

        def update() -> None:
            for _ in range(rounds):
                s.run(small)

        def update_by(fed: np.ndarray[Any, Any]) -> Callable[[], None]:
            def work() -> None:
                for _ in range(rounds):
                    _, (after, before) = s.run([large, (a, b)], {x: fed})
                    assert after[0] == -before[0]

            return work

        def read() -> None:
            for _ in range(2 * rounds):
                assert s.run(total) == 0
                values = dict(s.variables)
                assert values["a"].shape == values["b"].shape

        at_once(update, read, update, read, *map(update_by, feeds))
        assert set(s.variables["a"]) == {(2 + len(sizes)) * rounds}
        assert set(s.variables["b"]) == {-(2 + len(sizes)) * rounds}


@pytest.mark.usefixtures("layout")
def test_a_variable_is_set_between_two_updates() -> None:
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(LARGE), name="w")
        step = w.assign(np.floor(np.exp(w * 0)) + w)
    with gx.Session(graph) as s:

        def reset() -> None:
            for _ in range(8):
                s.variables["w"] = np.zeros(LARGE)
                found = s.variables["w"]
                assert (found == found[0]).all()

        at_once(reset, lambda: [s.run(step) for _ in range(8)], reset)
        s.variables["w"] = np.zeros(LARGE)
        assert (s.run(step) == 1).all()


def test_closing_waits_for_an_update() -> None:
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(LARGE), name="w")
        step = w.assign(np.exp(w * 0) + w)
    for _ in range(5):
        s = gx.Session(graph)
        s.run(step)

        def work(s: gx.Session = s) -> str:
            try:
                for _ in range(10_000):
                    s.run(step)
            except gx.errors.ClosedSessionError:
                return "closed"
            return "not closed"

        assert at_once(work, work, s.close)[:2] == ["closed", "closed"]
