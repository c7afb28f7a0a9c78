"""The one grid on the tiny model: whose picture a cell is, how edits are compared, what rows look like, what is found stored."""

import dataclasses

import numpy as np
import pytest
import torch

from reproduce import degrade, protect, purify, rng
from reproduce.engine import worker
from reproduce.experiments import arms, grid, subjects
from reproduce.experiments.cells import Cell, Misuse
from reproduce.experiments.grid import Grid
from reproduce.measure import MEASURES, compare, similarity
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper

INDEX = ["subject", "role", "protection", "purifier", "quality", "changed", "misuse", "prompt", "seed"]
INPAINTING = Misuse("inpainting", dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=3))
PURIFIERS = {("JPEG 50", ""): arms.purifier("JPEG 50"), ("noise 0.1", ""): arms.purifier("noise 0.1")}


@pytest.fixture(autouse=True, scope="module")
def groups_of_two():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "GROUP", 2)
        yield


def made(study, count=3, region="person", **how):
    known = {key: arms.protection(key, "smoke") for key in ("noise", "encoder", "encoder, equal")}
    return Grid(study, subjects.people(study, count), region=region, protections=known, purifiers=PURIFIERS, **how)


@pytest.fixture(scope="module")
def ran(studies, tmp_path_factory):
    """Three people in groups of two, protected, purified and edited."""
    found = made(studies(tmp_path_factory.mktemp("grid")))
    found.protect({"noise": None, "encoder": None, "encoder, equal": 2})
    found.cells = [Cell(), Cell("encoder"), Cell("clean", "JPEG 50"), Cell("encoder", "JPEG 50"), Cell("noise", "noise 0.1")]
    found.purify(dict.fromkeys(found.cells))
    wanted = [(cell, k, 0, None) for k in (0, 1) for cell in found.cells] + [(Cell(), 0, 1, 1), (Cell(again=True), 0, 0, None)]
    found.edits, found.wanted = found.edit(INPAINTING, wanted), wanted
    return found


def picture(ran, cell, subject):
    return ran.shown(cell, subject)


def whole(ran, cell, some):
    return torch.cat([picture(ran, cell, i) for i in some])


# --- pictures ----------------------------------------------------------------------------------------------------------------


def test_a_protected_picture_is_the_methods_of_its_group(ran):
    assert ran.groups() == [range(0, 2), range(2, 3)] and ran.groups(2) == [range(0, 2)] and ran.groups(1) == [range(0, 1)]
    known, model = ran.subjects, ran.study.profile.model
    for key in ("noise", "encoder"):
        arm = arms.protection(key, "smoke")
        for some in ran.groups():
            part = slice(some.start, some.stop)
            seed = rng.child(0, "protect", key, *known.names[part])
            own = protect.apply(known.images[part], model, arm.method, settings=arm.record, seed=seed, mask=known.masks[part])
            assert torch.equal(whole(ran, Cell(key), some), own)
    for i in range(3):
        assert torch.equal(picture(ran, Cell(), i), known.images[i : i + 1])


def test_a_picture_is_its_persons_whatever_the_group(ran, study, monkeypatch):
    """Of whole pictures the random stream is the picture's own; so a group of one and a group of three give the same noise."""
    pictures = {}
    for size in (1, 2, 3):
        monkeypatch.setattr(grid, "GROUP", size)
        found = made(study(str(size)), region="whole")
        found.protect({"noise": None})
        pictures[size] = whole(found, Cell("noise"), range(3))
        assert (pictures[size] != found.subjects.images).float().mean() > 0.5, "all of the picture is noised"
    assert torch.equal(pictures[1], pictures[2]) and torch.equal(pictures[1], pictures[3])


def test_a_purified_picture_is_the_purifiers_of_the_protected_one(ran):
    sent = whole(ran, Cell("encoder"), range(3))
    assert torch.equal(whole(ran, Cell("encoder", "JPEG 50"), range(3)), degrade.jpeg(sent, 50))
    for some in ran.groups():
        seed = rng.child(0, "purify", *ran.names(some))
        own = purify.apply(whole(ran, Cell("noise"), some), ran.study.profile.model, "noise", settings="sigma 0.1", seed=seed)
        assert torch.equal(whole(ran, Cell("noise", "noise 0.1"), some), own)


def test_protections_stay_on_the_person_and_sizes_are_closed_forms(ran):
    rows = ran.sizes({"noise": None, "encoder, equal": 2}, ["psnr"])
    assert [(row["protection"], row["subject"]) for row in rows] == [
        *(("noise", f"person {i}") for i in (1, 2, 3)), ("encoder, equal", "person 1"), ("encoder, equal", "person 2"),
    ]  # fmt: skip
    for row in rows:
        i = ran.subjects.names.index(row["subject"])
        kept = ran.subjects.masks[i]
        moved = (picture(ran, Cell(row["protection"]), i) - ran.subjects.images[i : i + 1])[0].mul(255).round()
        assert (moved * (1 - kept)).abs().max() == 0 and moved.abs().max() > 0
        budget = ran.protections[row["protection"]].record.eps
        assert row["levels"] == row["used"] == moved.abs().max().item() <= budget
        assert row["rms"] == pytest.approx((moved.square().sum() / (3 * kept.sum())).sqrt().item(), rel=1e-5)
        error = moved.div(255).square().mean().item()
        assert 10 ** (-row["psnr"] / 10) == pytest.approx(error, rel=1e-4)


def test_parts_of_a_group_are_the_same_pictures(ran):
    for cell in (Cell(), Cell("encoder"), Cell("encoder", "JPEG 50")):
        part = ran.study.read(ran.part(cell, range(1, 2)))
        assert (torch.from_numpy(part).permute(0, 3, 1, 2) == picture(ran, cell, 1).mul(255).round()).all()


# --- edits and rows ----------------------------------------------------------------------------------------------------------


def by_hand(ran, cell, number, seed, some):
    """A group's edits by the pipeline, all but the person repainted, under streams named by seed, prompt and person."""
    wanted = [ran.subjects.prompts[i][number] for i in some]
    chance = [rng.generator(0, "edit", seed, *named) for named in zip(wanted, ran.names(some), strict=True)]
    masks = 1 - ran.subjects.masks[some.start : some.stop]
    return edit.inpaint(whole(ran, cell, some), masks, wanted, ran.study.profile.model, settings=INPAINTING.settings, generator=chance)


@pytest.mark.parametrize("number", [0, 1])
def test_an_edit_is_the_pipelines_under_the_named_stream(ran, number):
    for cell in ran.cells:
        for some in ran.groups():
            own = by_hand(ran, cell, number, 0, some)
            shown = torch.stack([ran.edits.shown(cell, i, number) for i in some])
            assert (shown - own).abs().max() <= 0.51 / 255, "stored in 8 bits"
    own = by_hand(ran, Cell(), 0, 1, range(1))
    assert (ran.edits.shown(Cell(), 0, seed=1) - own[0]).abs().max() <= 0.51 / 255
    assert not torch.equal(ran.edits.shown(Cell(), 0, seed=1), ran.edits.shown(Cell(), 0))
    assert torch.equal(ran.edits.shown(Cell(again=True), 2), ran.edits.shown(Cell(), 2))


def test_rows_compare_with_the_named_reference(ran):
    held = [(cell, k, seed, (Cell(), k, 0), count) for cell, k, seed, count in ran.wanted]
    rows = ran.compare(ran.edits, held, [["{}", "edit", "reference", ["ssim"]], ["{}_sent", "sent", "photo", ["change"]]])
    assert len(rows) == 2 * 5 * 3 + 1 + 3
    assert all(list(row) == [*INDEX, "ssim", "change_sent"] for row in rows), "the index in order, then measures, no more"
    assert {(row["protection"], row["purifier"], row["quality"], row["changed"]) for row in rows} == {
        ("clean", "none", None, ""), ("encoder", "none", None, ""), ("clean", "JPEG 50", None, ""), ("encoder", "JPEG 50", None, ""),
        ("noise", "noise 0.1", None, ""), ("same seed again", "none", None, ""), ("another seed", "none", None, ""),
    }  # fmt: skip
    assert {row["role"] for row in rows} == {"people"} and {row["misuse"] for row in rows} == {"inpainting"}
    for row in rows:
        i = ran.subjects.names.index(row["subject"])
        number = ran.subjects.prompts[i].index(row["prompt"])
        control = row["protection"] in ("same seed again", "another seed")
        cell = Cell() if control else Cell(row["protection"], row["purifier"])
        made, reference = ran.edits.shown(cell, i, number, row["seed"]), ran.edits.shown(Cell(), i, number)
        assert row["ssim"] == pytest.approx(compare(made[None], reference[None], ("ssim",))["ssim"].item(), abs=1e-6)
        moved = (picture(ran, cell, i) - ran.subjects.images[i : i + 1]).mul(255).abs().mean().item()
        assert row["change_sent"] == pytest.approx(moved, rel=1e-5) and row["seed"] == (row["protection"] == "another seed")
    assert [row["protection"] for row in rows].count("another seed") == 1


def test_an_edit_is_also_held_against_the_clean_pictures_that_was_purified_likewise(ran):
    held = [(cell, 1, 0, (Cell(), 1, 0), None) for cell in (Cell("encoder"), Cell("encoder", "JPEG 50"))]
    compared = [["{}", "edit", "reference", ["ssim_person"]], ["{}_likewise", "edit", "likewise", ["ssim", "ssim_person"]]]
    rows = ran.compare(ran.edits, held, compared)
    assert all(list(row) == [*INDEX, "ssim_person", "ssim_likewise", "ssim_person_likewise"] for row in rows)
    for row in rows:
        i = ran.subjects.names.index(row["subject"])
        made, clean, likewise = (
            ran.edits.shown(cell, i, 1)[None] for cell in (Cell("encoder", row["purifier"]), Cell(), Cell("clean", row["purifier"]))
        )
        mask = ran.subjects.masks[i : i + 1]
        assert row["ssim_person"] == pytest.approx(similarity.ssim_over(made, clean, mask).item(), abs=1e-6)
        assert row["ssim_likewise"] == pytest.approx(compare(made, likewise, ("ssim",))["ssim"].item(), abs=1e-6)
        assert row["ssim_person_likewise"] == pytest.approx(similarity.ssim_over(made, likewise, mask).item(), abs=1e-6)
    same = [row["ssim_person"] == row["ssim_person_likewise"] for row in rows]
    assert same == [True] * 3 + [False] * 3, "untreated both are the clean edit"


def test_references_may_be_of_another_seed_and_measures_of_a_region(ran):
    held = [(Cell(), 0, 0, (Cell(), 0, 1), 1)]
    compared = [["{}", "edit", "reference", ["psnr_edited"]], ["{}_pasted", "edit, pasted", "reference, pasted", ["psnr"]]]
    [row] = ran.compare(ran.edits, held, compared, pasted=["edit", "reference"])
    assert (row["protection"], row["seed"]) == ("another seed", 0)
    made, reference, kept = ran.edits.shown(Cell(), 0), ran.edits.shown(Cell(), 0, seed=1), ran.subjects.masks[0]
    square = (made - reference).square() * (1 - kept)
    assert row["psnr_edited"] == pytest.approx(-10 * torch.log10(square.sum() / (3 * (1 - kept).sum()) + 1e-8).item(), abs=1e-3)
    assert row["psnr_pasted"] == pytest.approx(-10 * torch.log10(square.mean() + 1e-8).item(), abs=1e-3)


# --- what is stored ----------------------------------------------------------------------------------------------------------


def test_a_job_of_one_notebook_is_found_by_another(study, monkeypatch):
    calls, compute = [], worker.compute
    monkeypatch.setattr(worker, "compute", lambda call, profile=None: calls.append(call.work) or compute(call, profile))
    first = made(study())
    first.protect({"noise": None, "encoder": None})
    assert len(calls) == 4
    calls.clear()
    second = made(study(), role="others")  # another study over the same store, another role, only some of the people and protections
    second.protect({"encoder": 2})
    assert not calls and torch.equal(picture(second, Cell("encoder"), 1), picture(first, Cell("encoder"), 1))
    for cell, count in ((Cell("encoder"), 2), (Cell("encoder"), 3)):
        before = len(calls)
        second.protect({"encoder": None})
        second.edit(INPAINTING, [(cell, 0, 0, count)])
        assert len(calls) - before == 1, "of more people only the other group is edited"
    calls.clear()
    second.edit(INPAINTING, [(Cell("encoder"), 0, 0, None), (Cell("encoder"), 0, 1, 2)])
    assert calls == ["experiments.stages:edit"], "another seed is another job"
    calls.clear()
    second.edit(INPAINTING, [(Cell("encoder", again=True), 0, 0, 2)])
    assert calls == ["experiments.stages:edit"], "the same seed again is computed anew"


def test_every_cell_is_purified_for_as_many_as_are_asked(study, monkeypatch):
    calls, compute = [], worker.compute
    monkeypatch.setattr(worker, "compute", lambda call, profile=None: calls.append(call.values["names"]) or compute(call, profile))
    found = made(study())
    two, all_three = Cell("clean", "JPEG 50"), Cell("clean", "noise 0.1")
    found.purify({two: 2, all_three: None, Cell(): None})
    assert calls == [["person 1", "person 2"], ["person 1", "person 2"], ["person 3"]], "an untreated picture is no job"
    assert torch.equal(whole(found, two, range(2)), degrade.jpeg(found.subjects.images[:2], 50))
    assert len(whole(found, all_three, range(3))) == 3
    with pytest.raises(ValueError, match="no job has"):
        picture(found, two, 2)


def test_other_settings_another_seed_and_other_pictures_are_other_jobs(study):
    keys = set()
    for found in (made(study()), made(study(seed=1)), made(study(), region="whole")):
        keys |= {found.study.key(found._protect("noise", range(0, 1)))}
    found = made(study())
    found.protections["noise"] = arms.protection("noise", "smoke", settings="equal")
    keys |= {found.study.key(found._protect("noise", range(0, 1)))}
    assert len(keys) == 4


def test_what_there_is_not_is_said_in_one_line(ran):
    compared = [["{}", "edit", "reference", ["ssim"]]]
    asked = [
        lambda: ran.pictures(Cell("diffusion"), range(0, 2)),
        lambda: ran.pictures(Cell("encoder", "JPEG 15"), range(0, 2)),
        lambda: ran.edits.shown(Cell("encoder"), 0, prompt=5),
        lambda: ran.compare(ran.edits, [(Cell(), 0, 9, (Cell(), 0, 0), None)], compared),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match="no job has|this grid has none called 'diffusion'") as told:
            ask()
        assert "\n" not in str(told.value)


def test_a_group_that_is_done_in_part_shows_that_part(study):
    found = made(study(), count=2)
    found.protect({"noise": 1})
    shown, kept = picture(found, Cell("noise"), 0)[0], found.subjects.masks[0]
    assert torch.equal(shown * (1 - kept), found.subjects.images[0] * (1 - kept)) and not torch.equal(shown, found.subjects.images[0])


def test_faces_of_edits_are_told_beside_their_photographs(monkeypatch):
    """By networks that find squares: the columns of `identity.COMPARED`, one row an edit."""
    from types import SimpleNamespace

    from facekit import BLUE, GREEN, PINK, RED, Squares, pictures

    from reproduce.experiments import identity, stages

    monkeypatch.setattr(stages, "_faces", lambda judges: Squares())
    measures = {name: [MEASURES[name].whole, MEASURES[name].kind, MEASURES[name].needs] for name in ("face", "same_face", "face_rank")}
    given = dict(edit=pictures(RED, None, BLUE), photo=pictures(RED, RED, GREEN), others=pictures(PINK, BLUE))
    profile = SimpleNamespace(model=SimpleNamespace(judges=None))
    rows = stages.measure(profile, dict(names=["a", "b", "c"], measures=measures, compared=identity.COMPARED), given).rows
    assert [row["face"] for row in rows] == [1, 0, 1]
    assert rows[0]["same_face"] == pytest.approx(1) and rows[1]["same_face"] is None and rows[2]["same_face"] == pytest.approx(0)
    assert [row["face_rank"] for row in rows] == [1, None, 3]


def test_whom_a_face_might_be_are_fifteen_others():
    one = Grid.__new__(Grid)
    one._images = np.arange(20)
    assert one._others(range(4, 8)).tolist() == [0, 1, 2, 3, *range(8, 19)] and len(one._others(range(16, 20))) == 15
