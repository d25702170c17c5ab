"""Doors: nests taken apart and put together by native code, what they hand on, and whom they own."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from codegen.entries import COPY, SPIN, switched_by_hand

from graphc.codegen.native.door import (
    Constant,
    Door,
    Handle,
    Ignored,
    Nest,
    Operand,
    Part,
    Result,
    Whole,
    reader,
)
from graphc.codegen.native.emit_entry import entry_text
from graphc.codegen.native.engine import Library
from graphc.codegen.native.entry import (
    Address,
    ArrayType,
    Bindings,
    EntrySpec,
    Input,
    Number,
    Otherwise,
    Output,
    bind_entry,
    entry_imports,
)

F = ArrayType("f32", (2, 3))
X, Y = np.arange(6, dtype="f4").reshape(2, 3), np.ones((2, 3), "f4")


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Record:
    a: Any
    b: Any
    later: int = field(default=0, init=False)


@dataclass(frozen=True)
class Checked:
    a: Any
    b: Any

    def __post_init__(self) -> None:
        if self.a is None:
            raise ValueError("no a")


class Dict(dict[Any, Any]):
    pass


def slow(*args: Any, **named: Any) -> Any:
    return ("slow", args, named)


def entry(count: int = 2, results: int = 1, status: int = 0, **options: Any) -> Callable[..., Any]:
    """Takes `count` arrays and copies the first; a second result is not computed."""
    words = Input(0), Output(0), Number(24), Number(status)
    spec = EntrySpec((F,) * count, (F,) * results, words, is_single=results == 1, **options)
    bindings = Bindings(Otherwise(slow), lambda status: (_ for _ in ()).throw(IndexError(f"site {status}")))
    return bind_entry(Library(COPY + entry_text(spec), ["run", "entry"], entry_imports(spec, bindings)), spec, bindings)


COPY_OF_TWO, TWO_OF_TWO, FAILING = entry(), entry(results=2), entry(status=3)


def door(*parts: Part, named: Any = (), result: Part | None = None, of: Any = COPY_OF_TWO) -> Callable[..., Any]:
    made = Door(of, parts, named, Whole() if result is None else result)
    made.hand_on(slow)
    return made.native


def nest(kind: Any, *parts: Part) -> Nest:
    keys = ("a", "b")[: len(parts)] if kind in (dict, OrderedDict, Record, Pair, Checked) else tuple(range(len(parts)))
    return Nest(kind, keys, parts)


OPERANDS = Operand(), Operand()
KINDS: dict[Any, Any] = {
    tuple: (X, Y),
    list: [X, Y],
    dict: {"a": X, "b": Y},
    OrderedDict: OrderedDict(a=X, b=Y),
    Pair: Pair(X, Y),
    Record: Record(X, Y),
    Checked: Checked(X, Y),
}


def is_handed_on(answer: Any, *args: Any) -> bool:
    return answer[0] == "slow" and len(answer[1]) == len(args) and all(map(lambda a, b: a is b, answer[1], args))


# ------------------------------------------------------------------------------------------------------ taking apart


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_is_taken_apart(kind: Any) -> None:
    f = door(nest(kind, *OPERANDS))
    found = f(KINDS[kind])
    np.testing.assert_array_equal(found, X)
    assert type(found) is np.ndarray
    for other, value in KINDS.items():
        if other is not kind:
            assert is_handed_on(f(value), value)
    read = reader([nest(kind, *OPERANDS)], [])
    assert list(map(id, read(KINDS[kind]) or ())) == [id(X), id(Y)]
    assert read(X) is None and read() is None and read(KINDS[kind], 1) is None


@pytest.mark.parametrize("kind", KINDS)
def test_nests_of_nests(kind: Any) -> None:
    """Three levels of the same container around two operands."""
    part: Part = nest(kind, *OPERANDS)
    value = KINDS[kind]
    for _ in range(2):
        part = nest(kind, part, Constant(None))
        value = kind((value, None)) if kind in (tuple, list) else kind(a=value, b=None)
    f = door(part)
    np.testing.assert_array_equal(f(value), X)
    assert is_handed_on(f(KINDS[kind]), KINDS[kind])


MISFITS = {
    "another order": {"b": Y, "a": X},
    "a key too many": {"a": X, "b": Y, "c": X},
    "a key too few": {"a": X},
    "another key": {"a": X, "c": Y},
    "keys that are no strings": {0: X, 1: Y},
    "a dict of another class": Dict(a=X, b=Y),
    "an ordered dict": OrderedDict(a=X, b=Y),
    "a list for an array": {"a": X, "b": [1.0]},
    "another shape": {"a": X, "b": X[:1]},
    "another type": {"a": X, "b": Y.astype("f8")},
    "nothing": None,
    "an array": X,
    "a type": dict,
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_is_not_the_same_nest_is_handed_on(name: str) -> None:
    value = MISFITS[name]
    f = door(nest(dict, *OPERANDS))
    count = sys.getrefcount(value)
    for _ in range(100):
        assert is_handed_on(f(value), value)
    assert abs(sys.getrefcount(value) - count) < 50


def test_a_dict_that_holds_itself() -> None:
    value: dict[str, Any] = {"a": X}
    value["b"] = value
    f = door(nest(dict, Operand(), nest(dict, *OPERANDS)), of=entry(3))
    assert is_handed_on(f(value), value)


def test_keys_may_be_equal_strings_or_ints() -> None:
    far = 10**20
    f = door(Nest(dict, ("first key", far), OPERANDS))
    np.testing.assert_array_equal(f({"".join(["first", " key"]): X, 10**19 * 10: Y}), X)
    assert f({"first key": X, float(far): Y})[0] == "slow"
    handle = (1, 2)
    g = door(Nest(dict, (handle, "b"), OPERANDS))
    np.testing.assert_array_equal(g({handle: X, "b": Y}), X)
    assert g({tuple(i for i in (1, 2)): X, "b": Y})[0] == "slow"  # equal, but to say so would take other code


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_keys_of_any_kind(kind: Any) -> None:
    keys = None, 0.5, (1, 2), True
    part = Nest(kind, keys, (Operand(), Operand(), Constant(None), Constant(1)))
    made = door(*OPERANDS, result=Nest(kind, keys, (Result(0), Result(0), Constant(None), Constant(1))))(X, Y)
    assert list(made) == list(keys) and made[None] is made[0.5]
    np.testing.assert_array_equal(door(part)(made), X)


def test_an_ordered_dict_has_an_order_of_its_own() -> None:
    f, value = door(nest(OrderedDict, *OPERANDS)), OrderedDict(a=X, b=Y)
    np.testing.assert_array_equal(f(value), X)
    value.move_to_end("a")
    assert is_handed_on(f(value), value)
    value.move_to_end("b")
    np.testing.assert_array_equal(f(value), X)
    assert f(OrderedDict(a=X))[0] == "slow" and f(OrderedDict(a=X, c=Y))[0] == "slow"
    made = door(*OPERANDS, result=nest(OrderedDict, Result(0), Constant(1)))(X, Y)
    made.move_to_end("a")
    assert list(made) == ["b", "a"] and made["b"] == 1


def test_arguments_by_name() -> None:
    f = door(Operand(), named=[("y", Operand()), ("flag", Constant(True))])
    np.testing.assert_array_equal(f(X, y=Y, flag=True), X)
    for args, named in (
        ((X,), {"flag": True, "y": Y}),
        ((X,), {"y": Y, "flag": 1}),
        ((X,), {"y": Y}),
        ((X, Y), {"flag": True}),
        ((X, Y, True), {}),
        ((), {"x": X, "y": Y, "flag": True}),
        ((), {}),
    ):
        kind, handed, by_name = f(*args, **named)
        assert kind == "slow" and list(by_name) == list(named)
        assert all(a is b for a, b in zip(handed, args, strict=True))


def test_values_that_are_known() -> None:
    f = door(*OPERANDS, Constant((2, 3)), Ignored())
    np.testing.assert_array_equal(f(X, Y, X.shape, object()), X)
    for other in ((2, 4), [2, 3], None, X):
        assert f(X, Y, other, 0)[0] == "slow"
    g = door(*OPERANDS, Constant(1))
    assert g(X, Y, True)[0] == "slow" and g(X, Y, 1.0)[0] == "slow"
    h = door(*OPERANDS, Constant("mode"))
    np.testing.assert_array_equal(h(X, Y, "".join(["mo", "de"])), X)


class Asked:
    """Counts how often it is compared, and refuses to be."""

    count = 0

    def __eq__(self, other: object) -> bool:
        Asked.count += 1
        raise RuntimeError("do not compare")

    __hash__ = object.__hash__


def test_handles_are_never_compared() -> None:
    one, other = Asked(), Asked()
    f = door(*OPERANDS, Handle(one))
    np.testing.assert_array_equal(f(X, Y, one), X)
    assert f(X, Y, other)[0] == "slow" and Asked.count == 0
    g = door(*OPERANDS, Constant(one))
    np.testing.assert_array_equal(g(X, Y, one), X)
    assert g(X, Y, other)[0] == "slow" and Asked.count == 1  # its error is not ours to raise


# -------------------------------------------------------------------------------------------------- putting together


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_is_made(kind: Any) -> None:
    inner = nest(kind, Constant(1), Result(0))
    f = door(*OPERANDS, result=nest(kind, Result(0), inner))
    for _ in range(3):
        found = f(X, Y)
        assert type(found) is kind
        first, second = (
            found.values() if issubclass(kind, dict) else found if kind in (tuple, list, Pair) else (found.a, found.b)
        )
        assert type(second) is kind
        np.testing.assert_array_equal(first, X)


class Summed(Pair):
    """A named tuple whose class has a say in what it is made of."""

    def __new__(cls, a: Any, b: Any) -> Summed:
        return super().__new__(cls, a, a.sum())


class Counted(Pair):
    made = 0

    def __init__(self, *_: Any) -> None:
        Counted.made += 1


def test_classes_of_named_tuples_that_have_a_say() -> None:
    for kind in (Summed, Counted):
        f = door(*OPERANDS, result=Nest(kind, ("a", "b"), (Result(0), Constant(1))))
        found = f(X, Y)
        assert type(found) is kind and found.b == (X.sum() if kind is Summed else 1)
    assert Counted.made == 1
    plain = door(*OPERANDS, result=Nest(Pair, ("a", "b"), (Result(0), Constant(1))))
    found = [plain(X, Y) for _ in range(1000)]
    assert gc.is_tracked(found[0]) and found[0]._asdict()["b"] == found[-1]._replace(a=2).b == 1


def test_dicts_are_new_and_keep_their_order() -> None:
    keys = tuple(f"k{k}" for k in range(40))
    f = door(*OPERANDS, result=Nest(dict, keys, (Result(1), *[Result(0)] * 39)), of=TWO_OF_TWO)
    first, second = f(X, Y), f(X, Y)
    assert list(first) == list(keys) and first is not second
    first["k0"] = first["more"] = None
    assert second["k0"] is not None and "more" not in f(X, Y)
    assert second["k1"] is second["k2"]


def test_a_copy_and_all_of_the_results() -> None:
    f = door(*OPERANDS, result=nest(tuple, Result(0), Result(0, is_copied=True)))
    one, other = f(X, Y)
    np.testing.assert_array_equal(one, other)
    assert not np.shares_memory(one, other) and one.flags.owndata and other.flags.owndata
    assert type(door(*OPERANDS, of=TWO_OF_TWO)(X, Y)) is tuple
    assert door(*OPERANDS, result=nest(list))(X, Y) == []


def test_errors_are_raised() -> None:
    with pytest.raises(IndexError, match="site 3"):
        door(nest(dict, *OPERANDS), of=FAILING)({"a": X, "b": Y})
    with pytest.raises(ValueError, match="no a"):
        door(*OPERANDS, result=nest(dict, Result(0), nest(Checked, Constant(None), Result(0))))(X, Y)


# --------------------------------------------------------------------------------------------------------- ownership


def test_doors_hand_on_to_each_other() -> None:
    first, second = Door(COPY_OF_TWO, [nest(dict, *OPERANDS)], [], Whole()), Door(COPY_OF_TWO, OPERANDS, [], Whole())
    first.hand_on(second.native)
    second.hand_on(slow)
    call = first.native
    del first, second
    gc.collect()
    np.testing.assert_array_equal(call({"a": X, "b": Y}), X)
    np.testing.assert_array_equal(call(X, Y), X)
    np.testing.assert_array_equal(call(X[::-1], Y), X[::-1])  # strides are no reason to hand on
    assert call(X)[0] == "slow"


def test_reference_counts_stay_flat() -> None:
    """Every way through a door, and out of it, many times."""
    nested = {"a": X, "b": [Record(Y, None), (1, "text")]}
    part = nest(dict, Operand(), nest(list, nest(Record, Operand(), Constant(None)), Constant((1, "text"))))
    half = {"a": X, "b": [Record(Y, None), (2, "text")]}
    wrong = {"a": X, "b": [Record(Y[:1], None), (1, "text")]}
    strided = {"a": X, "b": [Record(np.asfortranarray(Y), None), (1, "text")]}
    missing = Record(Y, None)
    del missing.b
    broken = {"a": X, "b": [missing, (1, "text")]}
    result = nest(dict, Result(0), nest(Pair, Result(1), nest(Record, Constant(slow), Result(0, is_copied=True))))
    good, read = door(part, result=result, of=TWO_OF_TWO), reader([part], [])
    failing = door(part, of=FAILING)
    refusing = door(part, result=nest(list, Result(0), nest(Checked, Constant(None), Result(0))))

    def counts() -> list[int]:
        gc.collect()
        return [sys.getrefcount(o) for o in (X, Y, nested, nested["b"], slow, None, "text", Record, "a", half, missing)]

    def work(n: int) -> None:
        for _ in range(n):
            good(nested), good(half), good(wrong), good(strided), good(broken), good(), read(nested), read(half)
        for _ in range(n // 10):
            with pytest.raises(IndexError):
                failing(nested)
            with pytest.raises(ValueError, match="no a"):
                refusing(nested)

    work(10)
    before, blocks = counts(), sys.getallocatedblocks()
    work(3000)
    after = counts()
    assert all(abs(a - b) < 50 for a, b in zip(after, before, strict=True)), (before, after)
    assert sys.getallocatedblocks() - blocks < 500


def test_a_door_owns_all_that_its_table_names() -> None:
    class Kept:
        pass

    kept = Kept()
    gone = weakref.ref(kept)
    f = door(Nest(dict, (kept, "b"), OPERANDS), result=Nest(dict, ("".join(["k", "ey"]),), (Result(0),)))
    value = {kept: X, "b": Y}
    del kept
    gc.collect()
    assert list(f(value)) == ["key"] and gone() is not None
    del f, value
    gc.collect()
    assert gone() is None


# -------------------------------------------------------------------------------------------------- changed meanwhile


def test_containers_that_other_code_empties_while_they_are_read() -> None:
    """A field is a property that throws away what is being read; new arrays take the memory at once."""
    outer: dict[str, Any] = {}

    @dataclass
    class Trap:
        a: Any

        @property
        def b(self) -> Any:
            outer.clear()
            items.clear()
            self.fill = [np.zeros((2, 3), "f4") for _ in range(100)]
            return Y

    items: list[Any] = []
    in_dict = door(nest(dict, Nest(Trap, ("a", "b"), OPERANDS), Operand()), of=entry(3))
    inner = nest(list, Operand(), Nest(Trap, ("a", "b"), OPERANDS), Operand())
    in_list = door(nest(list, inner, Operand()), of=entry(5))
    for _ in range(200):
        outer.update(a=Trap(np.full((2, 3), 7, "f4")), b=np.zeros((2, 3), "f4"))
        assert in_dict(outer)[0] == "slow"
        items += [[np.full((2, 3), 7, "f4"), Trap(np.zeros((2, 3), "f4")), np.zeros((2, 3), "f4")], Y]
        assert in_list(items)[0] == "slow"


def test_arguments_that_another_thread_drops_during_the_call() -> None:
    """The entry spins without the interpreter lock, until the other thread has emptied the nest and set the flag."""
    flag = np.zeros(1, np.int64)
    spec = EntrySpec((F,), (), (Address(flag.ctypes.data), Number(1 << 32)), releases=1)
    bindings = Bindings(Otherwise(slow), lambda status: status)
    library = Library(SPIN + entry_text(spec), ["run", "entry"], entry_imports(spec, bindings))
    f = door(nest(dict, Operand()), of=bind_entry(library, spec, bindings))
    value = {"a": np.ones((2, 3), "f4")}
    gone, started = weakref.ref(value["a"]), threading.Event()
    alive: list[bool] = []

    def drop() -> None:
        started.wait()
        value.clear()
        alive.append(gone() is not None)
        flag[0] = 1

    other = threading.Thread(target=drop)
    other.start()
    with switched_by_hand():
        started.set()
        assert f(value) == ()
    other.join()
    assert alive == [True] and gone() is None
