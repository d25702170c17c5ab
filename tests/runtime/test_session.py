"""Sessions: fetches, feeds, variables, threads, and what they promise."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from typing import NamedTuple

import numpy as np
import pytest

import graphc as gx
from graphc.errors import (
    ClosedSessionError,
    FeedError,
    FetchError,
    FrozenGraphError,
    GraphMismatchError,
    MissingFeedError,
    SignatureError,
)
from graphc.numpy.tensor import Tensor


class Model(NamedTuple):
    graph: gx.Graph
    x: object
    w: object
    hidden: object
    loss: object
    step: object
    count: object


@pytest.fixture
def model():
    """loss = sum(tanh(x @ w)); step moves w; count counts."""
    graph = gx.Graph("model")
    with graph:
        x = gx.placeholder("float32", (gx.Dim("batch"), 3), name="x")
        w = gx.variable(np.full((3, 2), 0.5, "float32"), name="w")
        n = gx.variable(np.zeros((), "int64"), name="n")
        hidden = x @ w
        loss = np.tanh(hidden).sum()
        (gradient,) = gx.gradients(loss, [w])
        return Model(graph, x, w, hidden, loss, w.assign(w - 0.1 * gradient), n.assign(n + 1))


@pytest.fixture(params=["O0", "O3"])
def session(model, request):
    with gx.Session(model.graph, level=request.param) as s:
        yield s


X = np.arange(12, dtype="float32").reshape(4, 3) / 10
W = np.full((3, 2), 0.5, "float32")


def expected_step(x, w):
    slope = 1 - np.tanh(x @ w) ** 2
    return w - 0.1 * (x.T @ slope)


# ------------------------------------------------------------------------------------------------------- fetches


def test_one_tensor(session, model):
    out = session.run(model.loss, {model.x: X})
    assert isinstance(out, np.ndarray) and out.dtype == np.float32 and out.shape == ()
    np.testing.assert_allclose(out, np.tanh(X @ W).sum(), rtol=1e-6)


def test_nests_keep_their_form(session, model):
    class Pair(NamedTuple):
        a: object
        b: object

    nest = {"loss": model.loss, "more": [model.hidden, (model.w, None)], "pair": Pair(model.loss, "w")}
    out = session.run(nest, {model.x: X})
    assert list(out) == ["loss", "more", "pair"] and isinstance(out["pair"], Pair)
    assert out["more"][1][1] is None
    np.testing.assert_allclose(out["more"][0], X @ W, rtol=1e-6)
    np.testing.assert_array_equal(out["more"][1][0], W)
    np.testing.assert_array_equal(out["pair"].b, W)


def test_a_list_that_changes_between_runs_is_read_again(session, model):
    inner = [model.loss]
    assert session.run([inner], {model.x: X})[0][0].shape == ()
    inner[0] = model.hidden
    assert session.run([inner], {model.x: X})[0][0].shape == (4, 2)


def test_nests_that_differ_in_form_only(session, model):
    feed = {model.x: X}
    assert isinstance(session.run([model.loss, model.hidden], feed), list)
    assert isinstance(session.run((model.loss, model.hidden), feed), tuple)
    assert list(session.run({"a": model.loss, "b": model.hidden}, feed)) == ["a", "b"]
    assert list(session.run({"b": model.loss, "a": model.hidden}, feed)) == ["b", "a"]
    assert [a.shape for a in session.run([model.hidden, model.loss], feed)] == [(4, 2), ()]
    assert session.explain().count("\nrun: ") == 2


def test_names(session, model):
    np.testing.assert_array_equal(session.run("w"), W)
    np.testing.assert_array_equal(session.run(["x"], {"x": X})[0], X)


def test_nothing_fetched(session):
    assert session.run([]) == [] and session.run(None) is None and session.run({}) == {}


def test_pruned_to_the_fetches(session, model):
    session.run(model.w)  # x is not needed, so it need not be fed


def test_the_same_tensor_twice_gives_two_arrays(session, model):
    a, b = session.run([model.hidden, model.hidden], {model.x: X})
    a[:] = 0
    np.testing.assert_allclose(b, X @ W, rtol=1e-6)


# --------------------------------------------------------------------------------------------------------- feeds


def test_any_tensor_can_be_fed(session, model):
    hidden = np.ones((5, 2), "float32")
    np.testing.assert_allclose(session.run(model.loss, {model.hidden: hidden}), np.tanh(hidden).sum(), rtol=1e-6)


def test_a_variable_can_be_fed_and_keeps_its_value(session, model):
    other = np.ones((3, 2), "float32")
    np.testing.assert_allclose(session.run(model.hidden, {model.x: X, model.w: other}), X @ other, rtol=1e-6)
    np.testing.assert_array_equal(session.variables["w"], W)


def test_feeding_what_is_not_needed_is_allowed(session, model):
    np.testing.assert_array_equal(session.run(model.w, {model.x: X}), W)


def test_one_compilation_for_every_batch(session, model):
    for batch in range(6):
        x = np.ones((batch, 3), "float32")
        np.testing.assert_allclose(session.run(model.loss, {model.x: x}), np.tanh(x @ W).sum(), rtol=1e-5)
    assert session.explain().count("\nrun: ") == 1


@pytest.mark.parametrize(
    "fed",
    [
        X.astype(">f4"),
        np.asfortranarray(X),
        X[::-1, ::-1],
        np.repeat(X, 2, axis=1)[:, ::2],
        np.broadcast_to(np.float32(2), (4, 3)),
        X.astype("float16"),
        (X * 10).astype("int8"),
        X.tolist(),
        np.frombuffer(b"\0" + X.tobytes(), "uint8")[1:].view("float32").reshape(4, 3),
        X.astype(np.dtype("float32", metadata={"unit": "m"})),
        X.view(type("Sub", (np.ndarray,), {})),
    ],
    ids=[
        "byteorder", "fortran", "negative", "gaps", "broadcast", "float16", "int8", "list", "unaligned", "metadata",
        "subclass",
    ],
)  # fmt: skip
def test_any_layout_and_safe_type(session, model, fed):
    for _ in range(2):
        session.run([model.hidden, model.count], {model.x: fed})
    assert session.variables["n"] == 2
    np.testing.assert_allclose(session.run(model.hidden, {model.x: fed}), np.asarray(fed, "float32") @ W, rtol=1e-6)


def test_read_only_arrays(session, model):
    x = X.copy()
    x.flags.writeable = False
    np.testing.assert_allclose(session.run(model.hidden, {model.x: x}), X @ W, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        ("float32", 0.1, True), ("float32", 3, True), ("float32", 2**24 + 1, False), ("float32", 1e300, False),
        ("float32", float("nan"), True), ("float32", float("inf"), True), ("float32", True, True),
        ("int8", 127, True), ("int8", 128, False), ("int8", 2.0, True), ("int8", 2.5, False),
        ("uint8", -1, False), ("uint64", -1, False), ("uint64", 2**63, True), ("int64", 2**63, False),
        ("int64", 2**70, False), ("bool", 1, True), ("bool", 2, False), ("int64", float("nan"), False),
        ("float32", np.float64(0.5), False), ("float32", np.float32(0.5), True), ("float64", np.int32(5), True),
        ("float64", np.int64(5), True), ("float64", np.int64(2**53 + 1), False),
        ("int32", np.uint16(5), True), ("int32", np.uint32(5), False),
        ("float32", "1.0", False), ("float32", 1j, False), ("float32", None, False), ("float32", object(), False),
    ],
)  # fmt: skip
def test_scalars_convert_when_nothing_is_lost(dtype, value, fits):
    with gx.Graph() as graph:
        x = gx.placeholder(dtype, (), name="x")
    with gx.Session(graph, level="O0") as s:
        if fits:
            out = s.run(x, {x: value})
            assert out.dtype == dtype
            np.testing.assert_array_equal(out, np.asarray(value).astype(dtype))
        else:
            with pytest.raises(FeedError):
                s.run(x, {x: value})


def test_ragged_and_empty_lists():
    with gx.Graph() as graph:
        x = gx.placeholder("int32", (gx.Dim("n"),), name="x")
    with gx.Session(graph, level="O0") as s:
        assert s.run(x, {x: []}).shape == (0,)
        with pytest.raises(FeedError, match="no array"):
            s.run(x, {x: [[1], [2, 3]]})


def test_extents_must_agree():
    with gx.Graph() as graph:
        x = gx.placeholder("float32", (gx.Dim("n"),), name="x")
        y = gx.placeholder("float32", (gx.Dim("n"),), name="y")
        z = x + y
    with gx.Session(graph, level="O0") as s:
        with pytest.raises(FeedError, match="n"):
            s.run(z, {x: np.ones(3, "float32"), y: np.ones(4, "float32")})
        np.testing.assert_array_equal(s.run(z, {x: np.ones(3, "float32"), y: np.ones(3, "float32")}), np.full(3, 2.0))


@pytest.mark.parametrize("feed", [[X], X, "x", 3])
def test_a_feed_is_a_mapping(session, model, feed):
    session.run(model.loss, {"x": X})
    with pytest.raises(FeedError, match="mapping"):
        session.run(model.loss, feed)


def test_fed_twice(session, model):
    with pytest.raises(FeedError, match="twice"):
        session.run(model.loss, {model.x: X, "x": X})


def test_an_extent_that_no_feed_gives():
    with gx.Graph() as graph:
        x = gx.placeholder("float32", (gx.Dim("n"),), name="x")
        y = np.zeros_like(x) + 1
        z = y * 2
    with gx.Session(graph, level="O0") as s:
        with pytest.raises(MissingFeedError, match="n"):
            s.run(z)
        np.testing.assert_array_equal(s.run(z, {x: np.zeros(2, "float32")}), [2, 2])


# ----------------------------------------------------------------------------------------------------- variables


def test_updates_commit_at_the_end(session, model):
    loss, new, seen = session.run([model.loss, model.step, model.w], {model.x: X})
    np.testing.assert_array_equal(seen, W)
    np.testing.assert_allclose(loss, np.tanh(X @ W).sum(), rtol=1e-6)
    np.testing.assert_allclose(new, expected_step(X, W), rtol=1e-5)
    np.testing.assert_array_equal(session.variables["w"], new)


def test_updates_see_the_values_before_the_run():
    with gx.Graph() as graph:
        a = gx.variable(np.float32(1), name="a")
        b = gx.variable(np.float32(2), name="b")
        swap = a.assign(b), b.assign(a)
    with gx.Session(graph) as s:
        for k in range(3):
            s.run(swap)
            assert (s.variables["a"], s.variables["b"]) == ((2, 1) if k % 2 == 0 else (1, 2))


def test_an_update_not_fetched_does_nothing(session, model):
    session.run(model.loss, {model.x: X})
    np.testing.assert_array_equal(session.variables["w"], W)


def test_two_updates_of_one_variable():
    with gx.Graph() as graph:
        w = gx.variable(np.float32(1), name="w")
        up, down = w.assign(w + 1), w.assign(w - 1)
    with gx.Session(graph) as s:
        with pytest.raises(FetchError, match="two updates"):
            s.run([up, down])
        assert s.variables["w"] == 1
        first, again = s.run([up, up])
        assert first == again == s.variables["w"] == 2


def test_equal_updates_are_compiled_once():
    with gx.Graph() as graph:
        w = gx.variable(np.float32(1), name="w")
        new = w + 1
    with gx.Session(graph) as s:
        for k in range(3):
            assert s.run(w.assign(new)) == k + 2
        assert s.run([w.assign(new), w.assign(new)]) == [5, 5]
        assert s.explain().count("\nrun: ") == 1


def test_updates_alternate_between_two_arrays():
    """However often it is updated, a variable takes the memory of two; results are arrays of their own."""
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(100), name="w")
        step = w.assign(w + 1)
    with gx.Session(graph) as s:
        s.run(step), s.run(step)
        places, results = set(), []
        for _ in range(10):
            results.append(s.run(step))
            places.add(s.variables.snapshot()["w"].ctypes.data)
        assert len(places) == 2
        assert [r[0] for r in results] == list(range(3, 13))
        kept = s.variables.snapshot()["w"]  # what somebody holds is never written to
        for _ in range(4):
            s.run(step)
        assert set(kept) == {12} and set(s.variables["w"]) == {16}


def test_results_are_not_what_the_session_keeps_updating(session, model):
    feed = {model.x: X}
    first = session.run([model.step, model.w], feed)
    before = [a.copy() for a in first]
    for _ in range(3):
        session.run([model.step, model.w], feed)
    for a, b in zip(first, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_variable_that_is_only_written():
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(3, "float32"), name="w")
        x = gx.placeholder("float32", (3,), name="x")
        load = w.assign(x * 2)
    with gx.Session(graph) as s:
        for k in range(4):
            np.testing.assert_array_equal(s.run(load, {x: np.full(3, k, "f4")}), np.full(3, 2 * k))
            np.testing.assert_array_equal(s.variables["w"], np.full(3, 2 * k))


def test_a_run_that_raises_changes_nothing(model):
    with gx.Session(model.graph) as s:
        with pytest.raises(FeedError):
            s.run([model.step, model.count], {model.x: np.zeros((4, 5), "float32")})
        assert s.variables["n"] == 0
        np.testing.assert_array_equal(s.variables["w"], W)
        s.run([model.step, model.count], {model.x: X})
        assert s.variables["n"] == 1


def test_an_index_out_of_range_changes_nothing():
    with gx.Graph() as graph:
        table = gx.variable(np.arange(4, dtype="float32"), name="table")
        at = gx.placeholder("int64", (2,), name="at")
        step = table.assign(table + np.take(table, at).sum())
    with gx.Session(graph) as s:
        with pytest.raises(IndexError):
            s.run(step, {at: np.array([0, 9])})
        np.testing.assert_array_equal(s.variables["table"], np.arange(4))
        np.testing.assert_array_equal(s.run(step, {at: np.array([1, -1])}), np.arange(4) + 4)


def test_results_never_alias_what_the_session_keeps(session, model):
    fed = X.copy()
    new, w, x = session.run([model.step, model.w, model.x], {model.x: fed})
    kept = session.variables["w"]
    for array in (new, w, x):
        array[:] = np.nan
    np.testing.assert_array_equal(session.variables["w"], kept)
    np.testing.assert_array_equal(fed, X)
    again = session.run(model.w)
    again[:] = np.nan
    np.testing.assert_array_equal(session.variables["w"], kept)


def test_a_fed_array_that_becomes_a_variable_is_copied():
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(3, "float32"), name="w")
        x = gx.placeholder("float32", (3,), name="x")
        load = w.assign(x)
    with gx.Session(graph) as s:
        fed = np.ones(3, "float32")
        s.run(load, {x: fed})
        fed[:] = 7
        np.testing.assert_array_equal(s.variables["w"], np.ones(3))


def test_constants_are_not_handed_out():
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(3, "float32"), name="w")
        c = w * 0 + np.arange(3, dtype="float32")
        c = np.where(np.array([True, True, True]), np.arange(3, dtype="float32"), c)
    with gx.Session(graph) as s:
        s.run(c)[:] = 9
        np.testing.assert_array_equal(s.run(c), np.arange(3))


def test_variables_view(session):
    view = session.variables
    assert list(view) == ["w", "n"] and len(view) == 2 and "w" in view and "v" not in view
    view["w"] = np.ones((3, 2))[:, ::-1].astype("float32")
    view["w"][:] = 5
    np.testing.assert_array_equal(session.run("w"), np.ones((3, 2)))
    assert dict(view)["n"] == 0
    with pytest.raises(FeedError):
        view["w"] = np.ones((2, 3), "float32")
    with pytest.raises(FeedError):
        view["w"] = np.ones((3, 2), "float64")
    with pytest.raises(FetchError, match="no variable"):
        view["W"]


def test_two_sessions_of_one_graph_keep_separate_variables(model):
    with gx.Session(model.graph) as a, gx.Session(model.graph) as b:
        a.run(model.count)
        a.run(model.count)
        b.run(model.count)
        assert (a.variables["n"], b.variables["n"]) == (2, 1)


def test_the_initial_value_is_copied():
    start = np.zeros(2, "float32")
    with gx.Graph() as graph:
        gx.variable(start, name="w")
    start[:] = 1
    with gx.Session(graph) as s:
        np.testing.assert_array_equal(s.run("w"), [0, 0])


# ------------------------------------------------------------------------------------------------ freezing, closing


def test_the_first_run_freezes_the_graph(session, model):
    with model.graph:
        late = model.loss * 3
    size = len(model.graph)
    session.run(late, {model.x: X})
    session.run([model.loss, model.hidden], {model.x: X})
    assert len(model.graph) == size
    with pytest.raises(FrozenGraphError), model.graph:
        _ = model.loss * 4


def test_a_refused_run_does_not_freeze(session, model):
    with pytest.raises(MissingFeedError):
        session.run(model.loss)
    with model.graph:
        late = model.loss * 3
    assert session.run(late, {model.x: X}).shape == ()


def test_new_handles_for_every_run_do_not_pile_up(session, model):
    for _ in range(1500):
        session.run(Tensor(model.graph, model.hidden.value), {model.x: X})
    assert len(session._calls) <= 1024
    assert session.explain().count("\nrun: ") == 1


def test_closed(model):
    s = gx.Session(model.graph)
    fast = s.make_callable(model.count)
    s.run(model.w)
    view = s.variables
    s.close()
    s.close()
    uses = (lambda: s.run(model.w), fast, lambda: view["w"], s.__enter__, lambda: s.make_callable(model.w))
    for use in uses:
        with pytest.raises(ClosedSessionError, match="closed"):
            use()


def test_closing_frees_the_variables(model):
    s = gx.Session(model.graph)
    s.run(model.step, {model.x: X})
    kept = weakref.ref(s.variables.snapshot()["w"])
    s.close()
    gc.collect()
    assert kept() is None


# ----------------------------------------------------------------------------------------------------- callables


def test_callable_of_a_pure_run(session, model):
    fast = session.make_callable(model.loss, [model.hidden])
    np.testing.assert_allclose(fast(X[:, :2]), np.tanh(X[:, :2]).sum(), rtol=1e-6)
    np.testing.assert_allclose(fast(np.asfortranarray(X[:, :2])), np.tanh(X[:, :2]).sum(), rtol=1e-6)
    with pytest.raises(FeedError):
        fast(X)
    with pytest.raises(FeedError):
        fast(X[:, :2].astype("float64"))


def test_callable_keeps_the_nest(session, model):
    assert isinstance(session.make_callable([model.loss], [model.hidden])(X[:, :2]), list)
    both = session.make_callable((model.loss, model.hidden), [model.x])(X)
    assert isinstance(both, tuple) and len(both) == 2
    assert list(session.make_callable({"l": model.loss}, ["x"])(X)) == ["l"]


def test_callable_with_updates(session, model):
    fast = session.make_callable([model.count, model.step], [model.x])
    assert [int(fast(X)[0]) for _ in range(3)] == [1, 2, 3]
    w = W
    for _ in range(3):
        w = expected_step(X, w)
    np.testing.assert_allclose(session.variables["w"], w, rtol=1e-4)
    with pytest.raises(SignatureError):
        fast()


# -------------------------------------------------------------------------------------------------- many threads


def in_threads(count, work):
    errors = []

    def guarded():
        try:
            work()
        except BaseException as e:
            errors.append(e)
            raise

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_no_update_is_lost(session, model):
    in_threads(6, lambda: [session.run(model.count) for _ in range(50)])
    assert session.variables["n"] == 300


def test_readers_see_whole_commits():
    with gx.Graph() as graph:
        a = gx.variable(np.zeros(8), name="a")
        b = gx.variable(np.zeros(8), name="b")
        step = a.assign(a + 1), b.assign(b - 1)
        total = (a + b).sum()
    with gx.Session(graph) as s:

        def read():
            for _ in range(100):
                assert s.run(total) == 0

        in_threads(2, read)
        writer = threading.Thread(target=lambda: [s.run(step) for _ in range(100)])
        writer.start()
        in_threads(2, read)
        writer.join()
        assert s.variables["a"][0] == 100


def test_compiled_once_by_many_threads(session, model):
    in_threads(6, lambda: session.run(model.loss, {model.x: X}))
    assert session.explain().count("\nrun: ") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_usable_after_a_fork(model):
    with gx.Session(model.graph) as s:
        s.run(model.count)
        with s.variables.lock:
            child = os.fork()
            if child == 0:
                os._exit(int(s.run(model.count)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        assert s.variables["n"] == 1


# ---------------------------------------------------------------------------------------------------- mismatches


def test_another_graph(session):
    with gx.Graph("other"):
        y = gx.placeholder("float32", (), name="y")
    with pytest.raises(GraphMismatchError, match="other"):
        session.run(y)
    with pytest.raises(GraphMismatchError):
        session.run("w", {y: 1.0})


def test_explain_tells_what_a_run_needed(session, model):
    session.run([model.loss, model.step], {model.x: X})
    text = session.explain()
    for word in ("reads      w", "updates    w", "feeds      x", f"of {len(model.graph)} nodes", "compiled"):
        assert word in text
