"""Records behave as the standard library's data classes do, whichever of the two a class is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from graphc import records

DECORATORS = [(records.dataclass, records.field), (dataclasses.dataclass, dataclasses.field)]
both = pytest.mark.parametrize(("dataclass", "field"), DECORATORS, ids=["graphc", "standard"])
OPTIONS = [{}, {"frozen": True}, {"slots": True}, {"frozen": True, "slots": True}]
Decorator = Callable[..., Any]


def classes(dataclass: Decorator, field: Decorator, **options: Any) -> tuple[Any, Any]:
    """A class and one that inherits from it."""

    @dataclass(**options)
    class Point:
        """Where."""

        dimensions: ClassVar[int] = 2
        x: int
        y: int = 7

        def sum(self) -> int:
            return self.x + self.y

    @dataclass(**options)
    class Named(Point):
        tags: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False, repr=False)

    return Point, Named


@both
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_fields_defaults_and_methods(dataclass, field, options):
    point, named = classes(dataclass, field, **options)
    p = point(1)
    assert (p.x, p.y, p.sum(), p.dimensions) == (1, 7, 8, 2) and point(y=3, x=2).sum() == 5
    n = named(1, 2, ["a"], note="!")
    assert (n.x, n.y, n.tags, n.note) == (1, 2, ["a"], "!")
    assert named(1).tags == [] and named(1).tags is not named(1).tags
    assert point.__match_args__ == ("x", "y") and point.__doc__ == "Where."
    for wrong in ((), (1, 2, 3)):
        with pytest.raises(TypeError):
            point(*wrong)


@both
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equal_means_of_one_class_with_equal_fields(dataclass, field, options):
    point, named = classes(dataclass, field, **options)
    assert point(1) == point(1, 7) != point(2) and point(1) != named(1) and point(1) != (1, 7)
    assert named(1, note="a") == named(1, note="b") != named(1, tags=["a"])
    nan = float("nan")
    assert point(nan) == point(nan) and point(nan) != point(float("nan"))


@both
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_frozen_ones_have_a_hash_and_refuse_changes(dataclass, field, options):
    p = classes(dataclass, field, **options)[0](1)
    if "frozen" in options:
        assert hash(p) == hash((1, 7))
        for change in (lambda: setattr(p, "x", 2), lambda: delattr(p, "x")):
            with pytest.raises(dataclasses.FrozenInstanceError, match="x"):
                change()
        assert p.x == 1
    else:
        p.x = 2
        assert p.sum() == 9
        with pytest.raises(TypeError):
            hash(p)


@both
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_only_slots_have_no_dictionary(dataclass, field, options):
    assert hasattr(classes(dataclass, field, **options)[0](1), "__dict__") != ("slots" in options)


@both
def test_what_is_printed(dataclass, field):
    point, named = classes(dataclass, field)
    assert repr(point(1)) == f"{point.__qualname__}(x=1, y=7)"
    assert repr(named(1, note="a")).endswith("Named(x=1, y=7, tags=[])")


@both
def test_identity_without_eq(dataclass, field):
    point, _ = classes(dataclass, field, eq=False, frozen=True)
    p = point(1)
    assert p in [p] and p != point(1) and hash(p) == object.__hash__(p)


@both
def test_what_a_class_defines_stays(dataclass, field):
    @dataclass(frozen=True)
    class Own:  # noqa: PLW1641 - the decorator gives it a hash
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

    assert Own(1) == Own(2) and repr(Own(1)) == "own" and hash(Own(1)) == hash((1,))


@both
def test_a_field_made_after_the_arguments(dataclass, field):
    @dataclass
    class Late:
        x: int
        twice: int = field(init=False)

        def __post_init__(self) -> None:
            self.twice = 2 * self.x

    assert Late(3).twice == 6 and Late.__match_args__ == ("x",)


@both
def test_a_default_that_could_change_is_refused(dataclass, field):
    with pytest.raises((TypeError, ValueError), match="default_factory"):

        @dataclass
        class Shared:
            items: list[int] = []  # noqa: RUF012


@both
def test_a_field_without_a_default_after_one_with_a_default_is_refused(dataclass, field):
    with pytest.raises(TypeError, match="default"):

        @dataclass
        class Late:
            x: int = 1
            y: int


@both
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replacing_and_listing(dataclass, field, options):
    point, named = classes(dataclass, field, **options)
    kin = [dataclasses, *([records] if dataclass is records.dataclass else [])]
    for library in kin:
        assert library.replace(named(1, note="a"), y=3) == named(1, 3)
        assert library.replace(named(1, note="a"), y=3).note == "a"
        assert [f.name for f in library.fields(named(1))] == [f.name for f in library.fields(named)]
        assert [f.name for f in library.fields(point)] == ["x", "y"]
        with pytest.raises(TypeError):
            library.replace(point(1), z=3)
    assert dataclasses.is_dataclass(point)


def test_a_standard_data_class_may_inherit():
    point, _ = classes(*DECORATORS[0], frozen=True)

    @dataclasses.dataclass(frozen=True)
    class Space(point):
        z: int = 0

    assert dataclasses.asdict(Space(1)) == {"x": 1, "y": 7, "z": 0}


def test_nothing_is_compiled_before_the_first_instance():
    point, _ = classes(*DECORATORS[0])
    late = point.__init__
    assert point(1).x == 1 and point.__init__ is not late
    assert point.__init__.__code__.co_varnames == ("self", "x", "y")


def test_classes_of_one_shape_share_their_code():
    (p, _), (q, _) = classes(*DECORATORS[0]), classes(*DECORATORS[0])
    assert p(1).y == q(1).y and p.__init__.__code__.co_code == q.__init__.__code__.co_code
