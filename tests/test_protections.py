"""Protections that notebooks share: groups of people, settings cut to a scale, and what is stored once."""

import pytest
import torch

from reproduce import protect, rng
from reproduce.experiments import protections, subjects
from reproduce.experiments.protections import Protected


@pytest.fixture
def people(study, monkeypatch):
    monkeypatch.setattr(protections, "GROUP", 2)
    return lambda place="one": (made := study(place), subjects.people(made, 3))


def test_a_picture_is_its_persons_whatever_the_group(people):
    made, known = people()
    found = Protected(made, known, {"noise": 3, "encoder, equal": 2})
    assert [(r["protection"], r["subject"]) for r in found.rows] == [("noise", 0), ("noise", 1), ("noise", 2)] + [
        ("encoder, equal", 0), ("encoder, equal", 1),
    ]  # fmt: skip
    for i in range(3):
        own = rng.child(0, "protect", "noise", *known.names[i // 2 * 2 : i // 2 * 2 + 2][: 3 - i // 2 * 2])
        group = slice(i // 2 * 2, min(3, i // 2 * 2 + 2))
        by_hand = protect.apply(known.images[group], made.model, "noise", seed=own, mask=known.people[group])
        assert torch.equal(found.picture(i, "noise"), by_hand[i % 2 : i % 2 + 1])
        assert torch.equal(found.picture(i, "clean"), known.images[i : i + 1])
    by_hand = found.rows[0]["levels"], (found.picture(0, "noise") - known.images[:1]).mul(255).abs().max().item()
    assert by_hand[0] == pytest.approx(by_hand[1])


def test_another_notebook_that_wants_other_people_finds_the_same_pictures(people, monkeypatch):
    made, known = people()
    Protected(made, known, {"noise": 3, "encoder": 3})
    monkeypatch.setattr(protect, "apply", lambda *a, **k: pytest.fail("made again"))
    again = Protected(made, subjects.people(made, 2), {"encoder": 2})
    assert len(again.rows) == 2


def test_people_are_the_same_however_many(people):
    made, known = people()
    fewer = subjects.people(made, 2)
    assert torch.equal(fewer.images, known.images[:2]) and fewer.prompts == known.prompts[:2] and fewer.names == known.names[:2]


def test_every_scale_cuts_and_says_so():
    for name, (method, settings) in protections.PROTECTIONS.items():
        whole = protect.record(method, settings)
        assert protections.record(name, "paper") == whole
        for scale in ("smoke", "standard"):
            cut = protections.record(name, scale)
            for count in ("steps", "draws"):
                value = getattr(whole, count, None)
                assert value is None or getattr(cut, count) <= value
                assert value is None or (f"instead of {value}" in cut.differs) == (getattr(cut, count) < value)


def test_a_limit_cuts_and_never_raises(monkeypatch):
    monkeypatch.setitem(protections.AT_MOST, "standard", {"photoguard-diffusion": dict(steps=500, draws=2)})
    assert (protections.record("diffusion", "standard").steps, protections.record("diffusion", "standard").draws) == (200, 1)
    assert protections.record("diffusion, released", "standard").draws == 2
