"""PyTorch's names on traced tensors: symbolic extents, refusals, and where NumPy's meaning stays."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc import eager
from graphc.errors import IndexingError, ShapeError, UnsupportedError

X = np.linspace(-1.0, 2.0, 12).reshape(3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.exp().sum(dim=1),
        lambda x: x.view(-1) * 2.0,
        lambda x: x.flatten(0),
        lambda x: x.unsqueeze(0).squeeze(),
        lambda x: x.softmax(dim=1),
        lambda x: x.std(dim=0),
        lambda x: x.max(dim=1).values,
        lambda x: x.clamp(-0.5, 0.5),
        lambda x: x.mm(x.t()),
        lambda x: x.permute(1, 0) * 1.0,
        lambda x: x.expand(2, *x.shape) + 1.0,
        lambda x: x.masked_fill(x > 0, 7.0),
        lambda x: x.norm(dim=1),
        lambda x: x.detach() * x,
        lambda x: x.clone() + 1.0,
        lambda x: x.select(1, 2),
        lambda x: x.float(),
        lambda x: x.to("f32", "cpu"),
        lambda x: x.type_as(x) + 1.0,
        lambda x: x.unbind(1)[3],
        lambda x: eager.cat([x, x], dim=1),
        lambda x: x.reshape_as(x) - 1.0,
    ],
)
def test_one_compilation_for_all_numbers_of_rows(function):
    graph = gx.Graph()
    with graph:
        x = gx.placeholder("float64", (gx.Dim("rows"), 4), name="x")
        y = function(x)
    with gx.Session(graph) as session:
        for rows in (3, 2):
            expected = function(eager.tensor(X[:rows])).numpy()
            np.testing.assert_allclose(session.run(y, {x: X[:rows]}), expected, rtol=1e-6)


def test_methods_of_arrays_are_numpys():
    t = eager.tensor(X)
    for f in (
        lambda x: x.std(),
        lambda x: x.var(1),
        lambda x: x.max(0),
        lambda x: x.argmin(1),
        lambda x: x.sum(0, keepdims=True),
        lambda x: x.transpose(1, 0),
        lambda x: x.repeat(2, 0),
        lambda x: x.squeeze(),
        lambda x: x.any(),
        lambda x: x.mean(axis=1),
    ):
        np.testing.assert_allclose(f(t).numpy(), f(X), rtol=1e-14)
    np.testing.assert_allclose(t.std(dim=0).numpy(), X.std(0, ddof=1), rtol=1e-14)
    assert isinstance(t.max(dim=0), tuple) and t.sum(0, keepdim=True).shape == (1, 4)


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        (ShapeError, lambda x: x.split([1, 1])),
        (ShapeError, lambda x: x.chunk(0)),
        (ShapeError, lambda x: x.narrow(0, 2, 2)),
        (ShapeError, lambda x: x.mm(x[0])),
        (ShapeError, lambda x: x.unsqueeze(0).t()),
        (ShapeError, lambda x: x.gather(0, x[0].long())),
        (ShapeError, lambda x: x.flatten(1, 0)),
        (ShapeError, lambda x: eager.repeat(x, 2)),
        (UnsupportedError, lambda x: x.to("cuda")),
        (UnsupportedError, lambda x: eager.div(x, 2, rounding_mode="up")),
        (UnsupportedError, lambda x: eager.mse_loss(x, x, "most")),
    ],
)
def test_mistakes(error, wrong):
    with pytest.raises(error):
        wrong(eager.tensor(X))
    with pytest.raises(error):
        gx.jit(wrong)(X)


def test_what_depends_on_data_is_not_traced():
    for wrong, error in (
        (eager.nonzero, UnsupportedError),
        (lambda x: x.masked_select(x > 0), IndexingError),
    ):
        with pytest.raises(error):
            gx.jit(wrong)(X)
