"""Donated arguments: results in their memory where that is right, in fresh memory everywhere else."""

from __future__ import annotations

import warnings
from threading import Thread

import numpy as np
import pytest

import graphc as gx
from graphc.codegen.native import entry
from graphc.errors import DonationWarning, FeedError, SignatureError
from graphc.runtime.record import read_record, write_record


@pytest.fixture(autouse=True)
def no_unused():
    """A test says so if it expects a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DonationWarning)
        yield


@pytest.fixture(params=["native", "python"])
def road(request, monkeypatch):
    """The native entry, and the one that stands in where the layout of arrays is unknown."""
    if request.param == "python":
        monkeypatch.setattr(entry, "layout_is_known", lambda: False)


def scale(x, y):
    return x * 2 + y


def arrays(*shape, dtype="float64"):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)


def check(f, x, y, *, in_place):
    """The call is right for these arguments, of which x is donated; y is as before."""
    want, y_before = f.function(x.copy(), y.copy()), y.copy()
    got = f(x, y)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert (got is x) == in_place
    if not np.may_share_memory(x, y):
        np.testing.assert_array_equal(y, y_before)
    return got


# -------------------------------------------------------------------------------------------------- in the memory


@pytest.mark.parametrize("shape", [(), (1,), (0,), (5,), (3, 4), (129, 67)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_result_is_the_donated_array(road, shape, dtype):
    f = gx.jit(scale, donate=0)
    for _ in range(3):
        check(f, *arrays(*shape, dtype=dtype), in_place=True)


def test_arrays_without_elements():
    f = gx.jit(scale, donate=0)
    assert f(np.ones((3, 0)), np.ones((3, 0))).shape == (3, 0)


def test_integers_and_booleans():
    f = gx.jit(lambda x, y: x + y, donate="x")
    check(f, np.arange(9), np.arange(9), in_place=True)
    check(f, np.array([True, False]), np.array([False, False]), in_place=True)


def test_a_view_is_donated_and_what_lies_beside_it_stays():
    buffer = np.arange(12.0)
    x = buffer[4:8]
    check(gx.jit(scale, donate=0), x, np.ones(4), in_place=True)
    np.testing.assert_array_equal(buffer, [0, 1, 2, 3, 9, 11, 13, 15, 8, 9, 10, 11])


def test_every_array_of_a_nest():
    f = gx.jit(lambda p, g: {k: p[k] - 0.1 * g[k] for k in p}, donate="p")
    for _ in range(3):
        p, g = ({"w": np.full((3, 4), n), "b": np.full(4, n)} for n in (1.0, 2.0))
        new = f(p, g)
        assert new["w"] is p["w"] and new["b"] is p["b"]
        np.testing.assert_allclose(new["w"], 0.8)
        np.testing.assert_allclose(g["w"], 2.0)


def test_by_keyword_and_position_of_a_method():
    class Model:
        @gx.jit(donate=("x", 2))
        def step(self, x, y):
            return x + 1, y + 2

    x, y = arrays(4)
    model = Model()
    assert model.step(x=x, y=y)[0] is x
    assert model.step(x, y)[1] is y


def test_numbers_of_a_nest_are_left_alone():
    f = gx.jit(lambda s: (s["x"] * s["rate"], s["n"]), donate=0)
    x = np.ones(3)
    assert f({"x": x, "rate": 0.5, "n": 4})[0] is x


def test_a_symbolic_extent():
    f = gx.jit(scale, signature="f64[n,3], f64[n,3]", donate=0)
    for n in (4, 1, 0, 7):
        check(f, *arrays(n, 3), in_place=True)
    assert f.cache_size == 1


def test_two_results_lie_in_their_own_arguments():
    f = gx.jit(lambda p, m, g: (p - 0.1 * (0.9 * m + g), 0.9 * m + g), donate=("p", "m"))
    p, m = arrays(7, 5)
    g = np.ones((7, 5))
    want = f.function(p.copy(), m.copy(), g)
    new_p, new_m = f(p, m, g)
    assert new_p is p and new_m is m
    np.testing.assert_allclose([new_p, new_m], want)


def test_several_results_of_one_argument():
    f = gx.jit(lambda x: (x + 1, x * 2, x), donate=0)
    x = np.arange(5.0)
    results = f(x)
    assert sum(r is x for r in results) == 1
    np.testing.assert_array_equal(results, [np.arange(5) + 1, np.arange(5) * 2, np.arange(5)])


def test_the_argument_itself_is_the_result():
    x = np.arange(5.0)
    assert gx.jit(lambda x: x, donate=0)(x) is x
    np.testing.assert_array_equal(x, np.arange(5.0))


def test_a_chain_of_kernels_writes_over_one_array():
    f = gx.jit(lambda x: np.exp(x - x.max(0)) / np.exp(x - x.max(0)).sum(0).mean(), donate=0)
    x, _ = arrays(64, 33)
    want = f.function(x.copy())
    assert f(x) is x
    np.testing.assert_allclose(x, want)


def test_a_result_that_begins_after_the_last_read():
    f = gx.jit(lambda x: np.cumsum(np.cumsum(x, 0), 1), donate=0)
    x, _ = arrays(20, 30)
    want = f.function(x.copy())
    assert f(x) is x
    np.testing.assert_allclose(x, want)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [(8, 16, 4), (256, 64, 128), (70, 33, 129)])
def test_a_product_updates_weights_in_place(threads, sizes):
    def step(w, m, x, g):
        m = 0.9 * m + x.T @ g
        return w - 0.1 * m, m

    rows, width, columns = sizes
    rng = np.random.default_rng(1)
    w, m, x, g = (rng.normal(size=s) for s in ((width, columns), (width, columns), (rows, width), (rows, columns)))
    want = gx.jit(step, threads=threads)(w, m, x, g)
    new_w, new_m = gx.jit(step, donate=(0, 1), threads=threads)(w, m, x, g)
    assert new_w is w and new_m is m
    np.testing.assert_array_equal(new_w, want[0])
    np.testing.assert_array_equal(new_m, want[1])


def test_the_operand_of_a_product_is_not_written_over():
    f = gx.jit(lambda x, y: x @ y + x, donate=0)
    x, y = arrays(40, 40)
    with pytest.warns(DonationWarning, match="it is still read when"):
        check(f, x, y, in_place=False)


def test_the_arena_is_as_large_as_without_and_no_result_is_allocated():
    plain, f = gx.jit(scale), gx.jit(scale, donate=0)
    assert f.compile(*arrays(3)).peak_bytes() == plain.compile(*arrays(3)).peak_bytes() == 0
    assert f.compile(*arrays(3)).spec.returned == ((0, 0),)
    assert "result 0 lies in the donated argument x" in f.explain()


def test_an_argument_without_result_holds_what_lives_between_kernels():
    def f(x):
        y = np.tanh(x)
        return np.cumsum(y, 0).sum() + y.sum()

    x, _ = arrays(50, 60)
    plain, donated = gx.jit(f), gx.jit(f, donate=0)
    np.testing.assert_allclose(plain(x), donated(x.copy()))
    assert donated.compile(x).peak_bytes() < plain.compile(x).peak_bytes()


# -------------------------------------------------------------------------------------------------- in fresh memory


def overlapping():
    buffer = np.arange(13.0)
    return buffer[:-1], buffer[1:]


def same():
    x = np.arange(5.0)
    return x, x


def read_only():
    x, y = arrays(3, 4)
    x.flags.writeable = False
    return x, y


def misaligned():
    x = np.zeros(41, "u1")[1:].view("f8")
    x[:] = np.arange(5)
    return x, np.ones(5)


def transposed():
    x, y = arrays(4, 3)
    return x.T, y.T


def swapped():
    x, y = arrays(6)
    return x.astype(">f8"), y


@pytest.mark.parametrize("make", [overlapping, same, read_only, misaligned, transposed, swapped])
def test_what_cannot_be_written_to_is_copied(road, make):
    f = gx.jit(scale, donate=0)
    for _ in range(2):
        x, y = make()
        before = x.copy()
        check(f, x, y, in_place=False)
        np.testing.assert_array_equal(x, before)


def test_views_of_each_other_among_many():
    f = gx.jit(lambda a, b, c: (a + 1, b + c), donate=("a", "b"))
    buffer = np.arange(30.0)
    for a, b, c in [(0, 10, 20), (0, 5, 20), (20, 0, 15), (0, 20, 15), (10, 0, 5)]:
        ends = [buffer[k : k + 10].copy() for k in (a, b, c)]
        given = buffer.copy()
        got = f(*(given[k : k + 10] for k in (a, b, c)))
        np.testing.assert_array_equal(got, f.function(*ends))


# --------------------------------------------------------------------------------------------------------- elsewhere


def test_a_refused_call_changes_nothing():
    f = gx.jit(scale, signature="f64[3], f64[3]", donate=0)
    x = np.ones(3)
    f(x.copy(), x)
    for y in (np.ones(4), np.ones(3, complex), "three"):
        with pytest.raises((FeedError, SignatureError, TypeError)):
            f(x, y)
        np.testing.assert_array_equal(x, 1)


def test_no_effect_on_the_reference():
    x, y = arrays(3)
    check(gx.jit(scale, donate=0, level="O0"), x.copy(), y, in_place=False)


def test_no_effect_inside_other_functions():
    f = gx.jit(scale, donate=0)
    x, y = arrays(3, 4)
    before = x.copy()
    want = f.function(x, y)
    np.testing.assert_allclose(gx.jit(lambda x, y: -f(x, y))(x, y), -want)
    np.testing.assert_allclose(gx.jit(gx.vmap(f))(x, y), want)
    np.testing.assert_allclose(gx.jit(gx.grad(lambda x: f(x, y).sum()))(x), np.full((3, 4), 2.0))
    np.testing.assert_allclose(f(gx.eager.tensor(x), y).numpy(), want)
    np.testing.assert_array_equal(x, before)


def test_threads_donate_arrays_of_their_own():
    f = gx.jit(lambda x: x * 1.0 + 1, donate=0)
    mine = [np.zeros(50_000) for _ in range(4)]
    f(np.zeros(50_000))

    def work(x):
        for _ in range(50):
            assert f(x) is x

    threads = [Thread(target=work, args=(x,)) for x in mine]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all((x == 50).all() for x in mine)


def test_the_record_of_a_program_keeps_what_became_of_its_arguments():
    f = gx.jit(lambda x, y: (x + 1, y.sum()), donate=(0, 1))
    with pytest.warns(DonationWarning):
        executable = f.compile(*arrays(6))
    places = [n.loc for n in executable.graph.nodes]
    again = read_record(write_record(executable.program, places), places)
    assert again.plan == executable.program.plan
    assert again.plan.donation.results == ((0, 0),)
    assert [k for k, _ in again.plan.donation.unused] == [1]


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (lambda x: x.sum(), "no result is"),
        (lambda x: x[::-1], "it is still read when"),
    ],
)
def test_what_is_donated_in_vain_is_said_once(f, why):
    f = gx.jit(f, donate=0)
    with pytest.warns(DonationWarning, match=f"argument x .*{why}") as found:
        f(np.arange(5.0))
        f(np.arange(5.0))
    assert len(found) == 1
    assert found[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"donate": 2}, "a position without parameter"),
        ({"donate": -1}, "a position without parameter"),
        ({"donate": "z"}, "no parameter"),
        ({"donate": 0, "static_argnums": 0}, "a static argument"),
        ({"donate": "y", "static_argnums": 1}, "a static argument"),
    ],
)
def test_mistakes_of_the_declaration(options, message):
    with pytest.raises(SignatureError, match=message):
        gx.jit(scale, **options)


@pytest.mark.parametrize("value", [2.0, 3, "text", (), {"a": 1.0}])
def test_arguments_without_memory(value):
    f = gx.jit(lambda x, y: x * 1.0, donate="y")
    for _ in range(2):
        with pytest.raises(SignatureError, match="has no array"):
            f(np.ones(3), value)


def test_a_position_beyond_those_of_the_call():
    f = gx.jit(lambda *xs: xs[0] + 1, donate=1)
    with pytest.raises(SignatureError, match="beyond"):
        f(np.ones(3))


def test_a_default_is_nobody_s_to_give():
    default = np.ones(3)
    f = gx.jit(lambda x, y=default: x + y, donate="y")
    np.testing.assert_array_equal(f(np.ones(3)), 2)
    np.testing.assert_array_equal(default, 1)
