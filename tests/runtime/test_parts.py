"""Parts of structures: native code agrees with `flatten` and `unflatten` on any nest."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import graphc as gx
from graphc.codegen.native.door import MOST_OPERANDS, Constant, Door, Operand, Part, Result, reader
from graphc.runtime.parts import has_parts, part
from graphc.runtime.tree import Structure, flatten

X = np.ones(3)


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Record:
    a: Any
    b: Any


def is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def parts_of(nest: Any) -> Part:
    """Arrays are operands, all else is known."""
    leaves, structure = flatten(nest)
    return part(structure, [Operand() if is_array(x) else Constant(x) for x in leaves])


def containers(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.tuples(inside, inside)
    dicts = st.dictionaries(st.sampled_from(["a", "b", "c", 0, 1, None, (1, 2)]), inside, max_size=4)
    return st.one_of(
        st.lists(inside, max_size=4),
        st.lists(inside, max_size=4).map(tuple),
        dicts,
        dicts.map(OrderedDict),
        pairs.map(lambda p: Pair(*p)),
        pairs.map(lambda p: Record(*p)),
    )


LEAVES = st.one_of(st.builds(X.copy), st.sampled_from([1, True, "text", None, 2.5, (), b""]))
NESTS = st.recursive(LEAVES, containers, max_leaves=12)


def known(nest: Any) -> tuple[Structure, list[Any]]:
    leaves, structure = flatten(nest)
    return structure, [None if is_array(x) else (type(x), x) for x in leaves]


@given(NESTS, NESTS)
@example({"a": X}, {"a": X, "b": X})
@example(OrderedDict(a=X, b=1), OrderedDict(b=1, a=X))
@example([1, X], [True, X])
@example(Pair(X, X), (X, X))
def test_a_reader_takes_what_nests_alike_and_nothing_else(nest: Any, other: Any) -> None:
    read = reader([parts_of(nest)], [])
    assert list(map(id, read(nest) or ())) == [id(x) for x in flatten(nest)[0] if is_array(x)]
    found = read(other)
    is_taken = found is not None and all(map(is_array, found))  # an entry takes nothing else
    assert is_taken == (known(other) == known(nest))


@pytest.fixture(scope="module")
def entry() -> Any:
    return gx.jit(lambda x: tuple(x * k for k in range(12))).compile(X).native


@given(NESTS)
def test_a_door_builds_what_unflatten_builds(entry: Any, nest: Any) -> None:
    leaves, structure = flatten(nest)
    arrays = iter(range(12))
    made = [Result(next(arrays)) if is_array(x) else Constant(x) for x in leaves]
    found = Door(entry, [Operand()], [], part(structure, made)).native(X)
    numbers = iter(range(12))
    wanted = structure.unflatten([X * next(numbers) if is_array(x) else x for x in leaves])
    assert known(found) == known(wanted)
    for a, b in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_no_door_knows() -> None:
    class Dict(dict[str, Any]):
        pass

    assert flatten(Dict(a=X))[1].is_leaf  # a leaf, hence no array
    assert has_parts(flatten({"a": [X, (X, None)]})[1])
    assert not has_parts(flatten([X] * (MOST_OPERANDS + 1))[1])


def test_more_arrays_than_a_door_takes() -> None:
    f = gx.jit(lambda xs: xs[0] + xs[-1])
    xs = [np.full(2, float(k)) for k in range(MOST_OPERANDS + 1)]
    for _ in range(2):
        np.testing.assert_array_equal(f(xs), np.full(2, float(MOST_OPERANDS)))
