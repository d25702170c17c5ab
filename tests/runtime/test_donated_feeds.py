"""Feeds that are given up: `Session.make_callable(fetches, feeds, donate=...)`."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import graphc as gx
from graphc.codegen.native import entry
from graphc.errors import DonationWarning, FeedError


@pytest.fixture(params=["native", "python"])
def road(request, monkeypatch):
    """The native entry, and the one that stands in where the layout of arrays is unknown."""
    if request.param == "python":
        monkeypatch.setattr(entry, "layout_is_known", lambda: False)


def walk():
    graph = gx.Graph()
    with graph:
        x = gx.placeholder("float64", (5,), name="x")
        step = gx.placeholder("float64", (5,), name="step")
        rate = gx.variable(np.float64(0.5), name="rate")
        moved = x - rate * step
        slower = rate.assign(rate * 0.5)
    return graph, x, step, moved, slower


def test_the_result_is_the_array_that_was_fed(road):
    graph, x, step, moved, _ = walk()
    with gx.Session(graph) as session:
        move = session.make_callable(moved, [x, step], donate=[x])
        at, by = np.arange(5.0), np.ones(5)
        for k in range(1, 4):
            after = move(at, by)
            assert after is at
            np.testing.assert_array_equal(after, np.arange(5.0) - 0.5 * k)
        np.testing.assert_array_equal(by, 1.0)


def test_names_and_several_results_with_updates(road):
    graph, _x, _step, moved, slower = walk()
    with gx.Session(graph) as session:
        move = session.make_callable([moved, slower], ["x", "step"], donate=["x"])
        at = np.arange(5.0)
        first, rate = move(at, np.ones(5))
        second, _ = move(first, np.ones(5))
        assert first is at and second is at and rate == 0.25
        np.testing.assert_array_equal(second, np.arange(5.0) - 0.75)
        assert session.variables["rate"] == 0.125


def test_other_runs_of_the_same_fetches_give_nothing_up(road):
    graph, x, step, moved, _ = walk()
    with gx.Session(graph) as session:
        move, keep = (session.make_callable(moved, [x, step], donate=d) for d in ([x], ()))
        at = np.arange(5.0)
        assert keep(at, np.ones(5)) is not at
        assert session.run(moved, {x: at, step: np.ones(5)}) is not at
        np.testing.assert_array_equal(at, np.arange(5.0))
        assert move(at, np.ones(5)) is at


def test_what_cannot_be_written_to_is_copied(road):
    graph, x, step, moved, _ = walk()
    fixed, both = np.arange(5.0), np.arange(5.0)
    fixed.flags.writeable = False
    with gx.Session(graph) as session:
        move = session.make_callable(moved, [x, step], donate=[x])
        for at, by in ((fixed, np.ones(5)), (np.arange(10.0)[::2], np.ones(5)), (both, both), ([0, 1, 2, 3, 4], both)):
            want = np.asarray(at) - 0.5 * np.asarray(by)
            np.testing.assert_array_equal(move(at, by), want)
        np.testing.assert_array_equal(both, np.arange(5.0))


def test_level_0_has_nothing_to_give_up_to():
    graph, x, step, moved, _ = walk()
    with gx.Session(graph, level="O0") as session:
        at = np.arange(5.0)
        assert session.make_callable(moved, [x, step], donate=[x])(at, np.ones(5)) is not at
        np.testing.assert_array_equal(at, np.arange(5.0))


def test_what_is_given_up_in_vain_is_said_once():
    graph = gx.Graph()
    with graph:
        x = gx.placeholder("float64", (5,), name="x")
        total = x.sum()
    with gx.Session(graph) as session:
        with pytest.warns(DonationWarning, match="x"):
            session.make_callable(total, [x], donate=[x])
        with warnings.catch_warnings():
            warnings.simplefilter("error", DonationWarning)
            session.make_callable(total, [x], donate=[x])


def test_only_feeds_are_given_up():
    graph, x, step, _moved, _ = walk()
    with gx.Session(graph) as session:
        with pytest.raises(FeedError, match="'step' is donated, but not fed") as caught:
            session.make_callable(x, [x], donate=[step])
        assert "some of the feeds: x" in str(caught.value)
