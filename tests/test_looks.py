"""Names, colours and markers of arms: each its own, in every figure."""

import itertools

import numpy as np
import pytest

from reproduce.experiments.arms import PROTECTIONS, PURIFIERS
from reproduce.report import looks

TABLES = {
    "protections": looks.PROTECTIONS, "formulations": looks.FORMULATIONS, "made for": looks.MADE_FOR, "conventions": looks.CONVENTIONS,
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_no_two_arms_share_a_label_a_colour_or_a_marker(name):
    for one, other in itertools.combinations(TABLES[name].values(), 2):
        assert one.label != other.label and one.short != other.short
        assert (one.colour, one.marker) != (other.colour, other.marker)
        assert np.abs(rgb(one.colour) - rgb(other.colour)).sum() > 60, f"{one.label} and {other.label} look alike"


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def test_every_protection_and_purifier_that_is_run_has_its_look():
    assert PROTECTIONS.keys() <= looks.PROTECTIONS.keys()
    assert PURIFIERS.keys() == looks.PURIFIERS.keys()
    assert len({look.label for look in looks.PURIFIERS.values()}) == len(looks.PURIFIERS)


def test_ways_of_taking_ssim_are_not_drawn_like_protections():
    taken = {(look.colour, look.marker) for look in looks.PROTECTIONS.values()}
    assert not taken & {(look.colour, look.marker) for look in looks.CONVENTIONS.values()}


def test_an_arm_is_drawn_the_same_beside_whatever():
    alone = looks.drawn(looks.PROTECTIONS, "encoder", ["encoder"])
    assert alone == looks.drawn(looks.PROTECTIONS, "encoder", ["new", "clean", "noise", "encoder"]) == {"color": looks.BLUE, "marker": "D"}


def test_strangers_get_spare_colours_and_their_key_as_label():
    first, second = (looks.drawn(looks.PROTECTIONS, key, ["clean", "new", "newer"]) for key in ("new", "newer"))
    assert first != second and first["color"] not in {look.colour for look in looks.PROTECTIONS.values()}
    assert looks.label(looks.PROTECTIONS, "new") == looks.short(looks.PROTECTIONS, "new") == "new"


def test_a_line_begins_with_a_capital_and_keeps_the_others():
    assert looks.begun("encoder attack, through JPEG") == "Encoder attack, through JPEG"
