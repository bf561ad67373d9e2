"""Values: frozen records without dataclasses."""

import pytest

from vnethook.errors import DefinitionError
from vnethook.value import Value


class Point(Value):
    x: int
    y: int = 2

    def _check(self):
        if self.x < 0:
            raise DefinitionError("x: negative")


class Named(Point):
    name: str = "n"
    points: tuple[Point, ...] = ()
    _nested = {"points": Point}  # noqa: RUF012 (as the model does it)


def test_fields_are_given_by_place_name_or_default():
    assert Point(1) == Point(x=1, y=2) == Point(1, 2)
    assert repr(Named(1, name="a")) == "Named(x=1, y=2, name='a', points=())"


@pytest.mark.parametrize("make", [Point, lambda: Point(1, 2, 3), lambda: Point(1, z=1), lambda: Point(1, x=1)])
def test_missing_and_odd_fields_are_refused(make):
    with pytest.raises(TypeError):
        make()


def test_a_value_cannot_be_changed():
    for change in (lambda point: setattr(point, "x", 2), lambda point: delattr(point, "x")):
        with pytest.raises(AttributeError):
            change(Point(1))


def test_replace_checks_again():
    assert Point(1).replace(x=3) == Point(3)
    with pytest.raises(DefinitionError):
        Point(1).replace(x=-1)


def test_equal_values_have_equal_hashes_and_other_classes_differ():
    assert len({Point(1), Point(1, 2), Point(2)}) == 2
    assert Point(1) != Named(1)


def test_what_equality_leaves_out_is_kept_by_a_change_and_by_plain_types():
    class Loose(Point):
        def __eq__(self, other):
            return type(other) is type(self)

        __hash__ = Point.__hash__

    class Holder(Value):
        held: Loose = Loose(1)

    other = Holder().replace(held=Loose(2))
    assert other.held.x == 2
    assert Holder().replace(held=Loose(1)).to_sparse() == {}
    assert other.to_sparse() == {"held": {"x": 2}}


def test_a_value_survives_plain_types():
    value = Named(1, points=(Point(3), Point(4)))
    assert value.to_plain() == {"x": 1, "y": 2, "name": "n", "points": [{"x": 3, "y": 2}, {"x": 4, "y": 2}]}
    assert Named.from_plain(value.to_plain()) == value
    with pytest.raises(TypeError):
        Point.from_plain({"x": 1, "z": 1})
