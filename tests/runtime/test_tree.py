"""Nests: taken apart, put together, compared."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.errors import SignatureError
from graphc.ir.types import Dim, Type
from graphc.runtime.tree import LEAF, flatten, flatten_as, map_tree, unflatten

Point = namedtuple("Point", "x y")


@dataclass
class Layer:
    w: Any
    b: Any = None
    cache: Any = field(default=0, init=False)


LEAVES = st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
NESTS = st.recursive(
    LEAVES | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.tuples(inner, inner).map(lambda p: Point(*p))
        | st.tuples(inner, inner).map(lambda p: Layer(*p))
    ),
    max_leaves=12,
)


@given(NESTS)
def test_a_nest_comes_back(nest: Any) -> None:
    leaves, structure = flatten(nest)
    again = unflatten(structure, leaves)
    assert again == nest and type(again) is type(nest)
    assert structure.leaf_count == len(leaves) == len(list(structure.paths()))
    assert hash(structure) == hash(flatten(again)[1])


def test_leaves_from_left_to_right() -> None:
    assert flatten({"b": [1, (2, None)], "a": Point(3, Layer(4, 5))})[0] == [1, 2, 3, 4, 5]


def test_order_of_a_dict_is_kept() -> None:
    assert list(map_tree(lambda x: x, {"b": 1, "a": 2})) == ["b", "a"]
    assert flatten({"b": 1, "a": 2})[1] != flatten({"a": 1, "b": 2})[1]
    assert type(map_tree(str, OrderedDict(a=1))) is OrderedDict


def test_paths_are_as_a_user_writes_them() -> None:
    structure = flatten({"w": [1, Layer(2, Point(3, 4))]})[1]
    assert list(structure.paths("p")) == ["p['w'][0]", "p['w'][1].w", "p['w'][1].b.x", "p['w'][1].b.y"]


def test_records_of_graphc_are_leaves() -> None:
    assert flatten(Type("f32"))[1] == flatten(Dim("n"))[1] == LEAF


def test_several_nests_at_once() -> None:
    assert map_tree(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]}) == {"x": [11, 22]}


def test_nests_that_differ() -> None:
    structure = flatten([1, (2, 3)])[1]
    with pytest.raises(SignatureError, match="list"):
        flatten_as(structure, (1, (2, 3)))
    with pytest.raises(SignatureError, match="another number of leaves"):
        structure.unflatten([1, 2])
