"""Edits looked at: which are drawn, what lies where on the sheets, whose counts are joined; without a model."""

import csv
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from reproduce.experiments import eye
from reproduce.papers import photoguard as paper

ARMS = ("clean", "noise", "encoder", "encoder, strong", "diffusion", "diffusion, strong")


def lab(seed=0, people=2, prompts=1, seeds=2, fingerprint="f00", steps=20, eps=16, named="person"):
    """What the sheets are made of, with edits that are one even grey each: which one says which edit it is."""

    def shown(cell, subject, prompt, chosen):
        level = ARMS.index(cell.protection) * 36 + subject * 6 + prompt * 3 + chosen
        return torch.full((3, 4, 4), level / 255)

    def prompt(name, number):
        return f"{name} in scene {number}"

    return SimpleNamespace(
        counts=SimpleNamespace(prompts=prompts, seeds=seeds), people=SimpleNamespace(names=[f"{named} {i + 1}" for i in range(people)]),
        study=SimpleNamespace(seed=seed, scale="smoke", identity=SimpleNamespace(fingerprint=fingerprint)),
        misuse=SimpleNamespace(settings=replace(paper.PHOTOGUARD_EDIT["paper"], steps=steps)), edited=SimpleNamespace(shown=shown),
        grid=SimpleNamespace(prompt=prompt, protections={key: SimpleNamespace(settings=dict(eps=eps)) for key in ARMS[1:]}),
    )  # fmt: skip


def test_every_arm_is_drawn_equally_often_and_on_the_same_pictures():
    drawn = eye.drawn(lab(people=3, prompts=2, seeds=2))
    assert Counter(arm for arm, *_ in drawn) == dict.fromkeys(ARMS, 12) and len(set(drawn)) == len(drawn)
    for arm in ARMS:
        assert {one[1:] for one in drawn if one[0] == arm} == {(i, k, seed) for i in range(3) for k in range(2) for seed in range(2)}
    many = eye.drawn(lab(people=20, prompts=2, seeds=3))
    assert Counter(arm for arm, *_ in many) == dict.fromkeys(ARMS, 50), "no more than fifty each"
    assert len({one[1:] for one in many}) == 50 and {one[3] for one in many} == {0, 1}, "of all people and prompts, seed by seed"


def test_the_order_is_the_seeds_alone():
    order = eye.drawn(lab(people=3))
    assert order == eye.drawn(lab(people=3, fingerprint="another model", steps=50))
    assert order != eye.drawn(lab(people=3, seed=1)) and sorted(order) == sorted(eye.drawn(lab(people=3, seed=1)))
    assert order != sorted(order) and len({arm for arm, *_ in order[:12]}) > 2, "arms are mixed"


def test_sheets_show_what_is_drawn_in_its_order():
    known = lab(people=3, prompts=1, seeds=2)
    drawn, sheets = eye.drawn(known), eye.sheets(known)
    assert len(drawn) == 36 and [tuple(sheet.shape) for sheet in sheets] == [(3, 40, 40), (3, 24, 40)]
    for number, (arm, i, k, seed) in enumerate(drawn):
        row, column = divmod(number % 25, 5)
        cell = sheets[number // 25][:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        level = ARMS.index(arm) * 36 + i * 6 + k * 3 + seed
        assert (cell[:, 2:6, 2:6] * 255).round().unique().tolist() == [level]
        assert (cell[:, :2] == 1).all() and (cell[:, :, :2] == 1).all()
    assert (sheets[1][:, 16:, 8:] == 1).all(), "where there is no edit the sheet is blank"


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """counted(lab, [(mark, number, spoiled)]): its rows with such a file."""

    def make(known, lines):
        with open(tmp_path / "eye.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("of", "number", "spoiled"), *lines])
        monkeypatch.setattr(eye, "COUNTED", tmp_path / "eye.csv")
        return eye.counted(known)

    return make


def test_counts_are_joined_by_number_and_mark(counted):
    known = lab()
    mark, drawn = eye.mark(known), eye.drawn(known)
    rows = counted(known, [(mark, 3, "yes"), ("0" * 8, 4, "yes"), (mark, 5, "no"), (eye.mark(lab(seed=1)), 3, "no")])
    assert [(row["protection"], row["subject"], row["prompt"], row["seed"]) for row in rows] == [
        (arm, f"person {i + 1}", f"person {i + 1} in scene {k}", seed) for arm, i, k, seed in drawn
    ]
    assert {number: row["spoiled"] for number, row in enumerate(rows) if row["spoiled"] is not None} == {3: True, 5: False}
    assert all(list(row) == ["subject", "protection", "prompt", "seed", "spoiled"] for row in rows)


def test_a_mark_is_of_model_people_seed_and_settings():
    known = [lab(), lab(seed=1), lab(fingerprint="f01"), lab(steps=50), lab(eps=8), lab(named="portrait"), lab(people=3)]
    marks = [eye.mark(one) for one in known]
    assert len(set(marks)) == 7 and marks[0] == eye.mark(lab()) and all(len(mark) == 8 and int(mark, 16) >= 0 for mark in marks)


def test_what_ships_is_a_file_of_counts():
    with open(eye.COUNTED, encoding="utf-8", newline="") as file:
        found = csv.DictReader(file)
        assert found.fieldnames == ["of", "number", "spoiled"]
        assert all(row["spoiled"] in ("yes", "no") and row["number"].isdigit() and len(row["of"]) == 8 for row in found)
