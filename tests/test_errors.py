"""Bad input: one class each, what was expected and got, the user's own line, what to write; nothing changed by it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

import graphc as gx
from graphc import errors

Mistake = Callable[[SimpleNamespace], object]
MISTAKES: list[tuple[type[errors.GraphcError], Mistake]] = []
LONGEST = 12


def raises(error):
    """Register a mistake; its offending line ends in `# here`."""

    def register(mistake: Mistake) -> Mistake:
        MISTAKES.append((error, mistake))
        return mistake

    return register


# ----------------------------------------------------------------------------------------------------------- running


@raises(errors.FeedError)
def wrong_feed_shape(m):
    m.session.run(m.loss, {m.x: np.zeros((2, 5), "float32")})  # here


@raises(errors.FeedError)
def wrong_feed_rank(m):
    m.session.run(m.loss, {m.x: np.zeros(3, "float32")})  # here


@raises(errors.FeedError)
def wrong_feed_dtype(m):
    m.session.run(m.loss, {m.x: np.zeros((2, 3))})  # here


@raises(errors.FeedError)
def a_feed_that_is_no_array(m):
    m.session.run(m.loss, {m.x: "zeros"})  # here


@raises(errors.FeedError)
def a_tensor_as_the_value_of_a_feed(m):
    m.session.run(m.loss, {m.x: m.x})  # here


@raises(errors.FeedError)
def an_unknown_name_in_the_feed(m):
    m.session.run(m.loss, {"y": np.zeros((2, 3), "float32")})  # here


@raises(errors.FeedError)
def extents_that_disagree(m):
    m.session.run(m.both, {m.x: np.zeros((2, 3), "float32"), m.other: np.zeros(3, "float32")})  # here


@raises(errors.MissingFeedError)
def missing_feed(m):
    m.session.run([m.loss, m.step])  # here


@raises(errors.FetchError)
def an_unknown_name_fetched(m):
    m.session.run("weights")  # here


@raises(errors.FetchError)
def a_number_fetched(m):
    m.session.run([m.loss, 3], {m.x: np.zeros((2, 3), "float32")})  # here


@raises(errors.FetchError)
def a_variable_updated_twice(m):
    m.session.run([m.step, m.reset], {m.x: np.zeros((2, 3), "float32")})  # here


@raises(errors.GraphMismatchError)
def a_tensor_of_another_graph_fetched(m):
    m.session.run(m.foreign)  # here


@raises(errors.GraphMismatchError)
def a_tensor_of_another_graph_fed(m):
    m.session.run(m.w, {m.foreign: np.float32(1)})  # here


@raises(errors.ClosedSessionError)
def a_closed_session(m):
    closed = gx.Session(m.graph)
    closed.close()
    closed.run(m.w)  # here


@raises(errors.FeedError)
def a_variable_set_to_another_shape(m):
    m.session.variables["w"] = np.zeros(7, "float32")  # here


# ---------------------------------------------------------------------------------------------------------- building


@raises(errors.GraphMismatchError)
def tensors_of_two_graphs_added(m):
    m.w + m.foreign  # here


@raises(errors.GradientError)
def gradient_of_a_matrix(m):
    gx.gradients(m.hidden, [m.w])  # here


@raises(errors.ShapeError)
def broadcasting_that_does_not_fit(m):
    m.w + np.zeros(5, "float32")  # here


@raises(errors.ShapeError)
def matrix_product_that_does_not_fit(m):
    m.w @ m.w  # here


@raises(errors.AxisError)
def an_axis_out_of_range(m):
    m.w.sum(axis=2)  # here


@raises(errors.IndexingError)
def an_index_out_of_range(m):
    m.w[7]  # here


@raises(errors.DimensionError)
def a_negative_dimension(m):
    with m.graph:
        gx.placeholder("float32", (-1, 3))  # here


@raises(errors.DimensionError)
def a_dimension_that_is_nan(m):
    with m.graph:
        gx.placeholder("float32", (float("nan"), 3))  # here


@raises(errors.DimensionError)
def a_dimension_without_a_name(m):
    gx.Dim("2x")  # here


@raises(errors.DTypeError)
def a_dtype_that_is_none(m):
    with m.graph:
        gx.placeholder("complex64", (3,))  # here


@raises(errors.ConcretizationError)
def a_traced_value_in_if(m):
    if m.loss > 0:  # here
        pass


@raises(errors.ConcretizationError)
def a_traced_value_in_while(m):
    while m.loss > 0:  # here
        pass


@raises(errors.ConcretizationError)
def a_traced_value_as_a_float(m):
    float(m.loss)  # here


# ----------------------------------------------------------------------------------------------------------- tracing


@raises(errors.ConcretizationError)
def if_in_a_compiled_function(m):
    def f(x):
        return x if x.sum() > 0 else -x  # here

    gx.jit(f)(np.ones(3))


@raises(errors.ShapeError)
def broadcasting_in_a_compiled_function(m):
    def f(x):
        return x + x[:2]  # here

    gx.jit(f)(np.ones(3))


@raises(errors.GradientError)
def gradient_of_a_function_that_gives_a_vector(m):
    gx.jit(gx.grad(lambda x: x * 2))(np.ones(3))  # here


# --------------------------------------------------------------------------------------------------------- the tests


@pytest.fixture
def world():
    with gx.Graph("other"):
        foreign = gx.placeholder("float32", (), name="foreign")
    graph = gx.Graph("model")
    with graph, gx.Session(graph) as session:
        x = gx.placeholder("float32", (gx.Dim("batch"), 3), name="x")
        other = gx.placeholder("float32", (gx.Dim("batch"),), name="other")
        w = gx.variable(np.full((3, 2), 0.5, "float32"), name="w")
        hidden = x @ w
        loss = np.tanh(hidden).sum()
        yield SimpleNamespace(
            graph=graph, session=session, foreign=foreign, x=x, other=other, w=w, hidden=hidden, loss=loss,
            both=hidden[:, 0] + other, step=w.assign(w - 0.1), reset=w.assign(w * 0),
        )  # fmt: skip


def line_of(mistake):
    """The number of the line that ends in `# here`."""
    lines, first = inspect.getsourcelines(mistake)
    return first + next(k for k, line in enumerate(lines) if line.rstrip().endswith("# here"))


def parts_of(graph):
    return [list(part) for part in (graph.inputs, graph.variables, graph.outputs, graph.updates, graph.initial)]


def name_of(value):
    return value.__name__ if inspect.isfunction(value) else ""


@pytest.mark.parametrize(("error", "mistake"), MISTAKES, ids=name_of)
def test_message(world, error, mistake):
    with pytest.raises(error) as caught:
        mistake(world)
    assert type(caught.value) is error
    assert caught.value.__cause__ is None and (caught.value.__context__ is None or caught.value.__suppress_context__)
    text = str(caught.value)
    assert len(text.splitlines()) <= LONGEST
    for part in ("expected:", "got:", "write:"):
        assert part in text, f"no {part!r} in:\n{text}"
    assert f"test_errors.py:{line_of(mistake)} in " in text, text
    assert "# here" in text, "the text of the line is shown"


@pytest.mark.parametrize(("error", "mistake"), MISTAKES, ids=name_of)
def test_nothing_is_changed(world, error, mistake):
    size, parts = len(world.graph), parts_of(world.graph)
    with pytest.raises(error):
        mistake(world)
    assert parts_of(world.graph) == parts
    assert {n.op.name for n in world.graph.nodes[size:]} <= {"constant", "gt"}, "what stands before the mistake"
    np.testing.assert_array_equal(world.session.variables["w"], np.full((3, 2), 0.5))
    x = np.ones((4, 3), "float32")
    np.testing.assert_allclose(world.session.run(world.loss, {world.x: x}), 8 * np.tanh(1.5), rtol=1e-6)


def test_every_mistake_of_the_manual_has_its_class():
    assert {e for e, _ in MISTAKES} <= {c for c in vars(errors).values() if isinstance(c, type)}
    for cls in vars(errors).values():
        if isinstance(cls, type) and issubclass(cls, errors.GraphcError):
            assert cls.__doc__, f"{cls.__name__} has no manual entry"
