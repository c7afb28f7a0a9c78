"""Arms and scales: every arm's method and settings are there, what a scale cuts is said, and what of an arm a job depends on."""

import dataclasses

import pytest

from reproduce import protect, purify
from reproduce.diffusion.profiles import SCALES
from reproduce.experiments import arms, scales
from reproduce.papers import photoguard as paper
from reproduce.places import resolve


def every_arm():
    """(arm, its record as the table has it) of every protection and purifier, uncut."""
    for key, (method, settings) in arms.PROTECTIONS.items():
        yield arms.protection(key, "paper"), protect.PROTECTIONS[method].settings[settings]
    for key, named in arms.PURIFIERS.items():
        if named:
            yield arms.purifier(key), purify.PURIFIERS[named[0]].settings[named[1]]


def test_every_arm_stands_for_a_method_and_settings_that_there_are():
    for arm, record in every_arm():
        assert arm.record == record and callable(resolve(arm.row.place))
        assert arm.uses == (arm.row.place, arm.settings["kind"]) and resolve(arm.settings["kind"]) is type(record)
    assert arms.purifier(arms.UNTREATED) is None
    assert {named[0] for named in arms.PROTECTIONS.values()} == {*protect.PROTECTIONS}
    assert {named[0] for named in arms.PURIFIERS.values() if named} == {*purify.PURIFIERS}


def test_no_two_arms_are_the_same():
    for table in (arms.PROTECTIONS, arms.PURIFIERS):
        assert len({*table.values()}) == len(table)


def test_settings_become_plain_and_a_record_again():
    """All but where they are from: no job is computed again for another footnote."""
    for arm, record in every_arm():
        plain = arms.plain(record)
        assert plain == arm.settings and not {"source", "differs"} & plain.keys() and plain["kind"].startswith("papers.")
        assert arms.record(type(record), plain) == dataclasses.replace(record, source="", differs="")
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}  # as JSON has them
        assert arms.record(type(record), listed) == dataclasses.replace(record, source="", differs="")
        assert arms.plain(dataclasses.replace(record, source="a book", differs="a word")) == plain


def test_every_scale_cuts_and_says_so():
    for key, (method, settings) in arms.PROTECTIONS.items():
        whole = protect.record(method, settings)
        assert arms.protection(key, "paper").record == whole
        for scale in ("smoke", "standard"):
            cut = arms.protection(key, scale).record
            for count in ("steps", "draws"):
                value = getattr(whole, count, None)
                assert value is None or getattr(cut, count) <= value
                assert value is None or (f"instead of {value}" in cut.differs) == (getattr(cut, count) < value)


def test_what_each_scale_makes_of_photoguard():
    smoke, standard, full = ({key: arms.protection(key, scale).record for key in arms.PROTECTIONS} for scale in SCALES)
    assert smoke["encoder"].differs.endswith("6 steps instead of 200") and smoke["diffusion"].draws == 1
    assert smoke["diffusion, released"].differs.endswith("3 steps instead of 200; 1 draw instead of 10")
    assert standard["diffusion"].draws == 1 and full["diffusion, released"].draws == 10
    assert standard["encoder, released"].steps == 200 and full["encoder, released"].steps == 1000


def test_a_limit_cuts_and_never_raises(monkeypatch):
    monkeypatch.setitem(scales.AT_MOST, "standard", {"photoguard-diffusion": dict(steps=500, draws=2)})
    cut = arms.protection("diffusion", "standard").record
    assert (cut.steps, cut.draws) == (200, 1)
    assert arms.protection("diffusion, released", "standard").record.draws == 2


def test_a_protection_takes_other_settings_where_its_method_has_them():
    chosen = arms.protection("encoder", "paper", settings="released")
    assert chosen.record == paper.PHOTOGUARD_ENCODER["released"] and chosen.key == "encoder"
    assert arms.protection("noise", "paper", settings="app").record == paper.NOISE["paper"], "noise has none called so"


def test_impress_takes_the_scales_steps_and_changes_that_are_told():
    changes = (("alpha", 0.5), ("norm", "sum"))
    arm = arms.purifier("IMPRESS", impress_steps=3, changes=changes)
    assert (arm.record.alpha, arm.record.norm, arm.record.steps) == (0.5, "sum", 3)
    assert arm.record.differs.endswith("3 steps instead of 1000; alpha 0.5, norm sum") and arms.told(changes) == "alpha 0.5, norm sum"
    assert arms.purifier("IMPRESS, noise only", impress_steps=3).record.steps == 0
    assert arms.purifier("JPEG 75", impress_steps=3).record == purify.record("jpeg", "quality 75")


def test_every_experiment_has_its_counts_at_every_scale():
    for experiment, by_scale in scales.COUNTS.items():
        assert tuple(by_scale) == SCALES
        assert len({tuple(counts) for counts in by_scale.values()}) == 1, f"{experiment}: a scale has a count that another lacks"
        sizes = [sum(value for value in counts.values() if isinstance(value, int)) for counts in by_scale.values()]
        assert sizes == sorted(sizes), "a larger scale runs no less"
        assert vars(scales.counts(experiment, "smoke")) == by_scale["smoke"]


@pytest.mark.parametrize("key", ["encoder", "diffusion, adaptive"])
def test_a_cut_changes_what_a_job_depends_on(key):
    assert arms.protection(key, "smoke").settings != arms.protection(key, "paper").settings
