"""Notebook 01's experiment end to end on a tiny Stable Diffusion: JPEG against PhotoGuard."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tinysd
import torch

from reproduce import degrade, report, rng
from reproduce import images as pixels
from reproduce.experiments import jpeg_bypass as lab
from reproduce.experiments import pictures, scales
from reproduce.measure import compare, similarity
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper

INDEX = ["subject", "role", "protection", "purifier", "quality", "misuse", "prompt", "seed"]
FACES = ["face", "same_face", "face_rank"]
MEASURED = [
    "latent_shift", "ssim", "psnr", "vifp", "fsim", "ssim-sewar", "ssim_person", "ssim_to_photo", "psnr_to_photo", "ssim_likewise",
    "psnr_likewise", "vifp_likewise", "fsim_likewise", "ssim_person_likewise",
]  # fmt: skip
CONTROL = "another seed"


def run(study, *settings):
    bypass = lab.Bypass(study, *settings)
    bypass.protections_rows, bypass.rows = bypass.protect(), bypass.edits()
    return bypass


@pytest.fixture(scope="module")
def ran(studies, tmp_path_factory):
    return run(studies(tmp_path_factory.mktemp("bypass")))


def find(ran, **wanted):
    return [row for row in ran.rows if wanted.items() <= row.items()]


def sent(ran, role, protection, quality):
    count = len(ran.grids[role].subjects.names)
    return torch.stack([ran.sent(role, i, protection, quality) for i in range(count)])


def by_hand(ran, kind, role, images, seed=0):
    """The edits of a group of pictures through the pipeline, under the named streams."""
    known = ran.grids[role].subjects
    wanted = [prompts[0] for prompts in known.prompts]
    chance = [rng.generator(0, "edit", kind, seed, prompt, name) for prompt, name in zip(wanted, known.names, strict=True)]
    model = ran.study.profile.model
    if kind == "variation":
        settings = replace(paper.PHOTOGUARD_EDIT["released variation"], steps=8)
        return edit.vary(images, wanted, model, settings=settings, generator=chance)
    settings = replace(paper.PHOTOGUARD_EDIT["released inpainting"], steps=4)
    return edit.inpaint(images, 1 - known.masks, wanted, model, settings=settings, generator=chance)  # the person is kept


def test_rows_are_every_edit_once_with_its_index_in_front(ran):
    """4 arms: of 2 people at 3 qualities, untreated and at 75 under a second seed too; of a photograph, without inpainting, under one.

    Each of them once more as the seed floor.
    """
    assert len(ran.rows) == 2 * 2 * (4 * 3 + 4 * 2 + 1) + (4 * 3 + 1)
    assert all(list(row) == INDEX + MEASURED + (FACES if row["role"] == "people" else []) for row in ran.rows)
    assert len({tuple(row[name] for name in INDEX) for row in ran.rows}) == len(ran.rows)
    assert {row["role"] for row in find(ran, misuse="inpainting")} == {"people"}
    assert {(row["purifier"], row["quality"]) for row in ran.rows} == {("none", None), ("JPEG 75", 75), ("JPEG 15", 15)}
    assert all(np.isfinite(row[name]) for row in ran.rows for name in MEASURED)
    for row in ran.rows:
        assert row["seed"] == 0 or (row["quality"] in (None, 75) and (row["role"] == "people" or row["protection"] in ("clean", CONTROL)))


def test_qualities_of_the_curve_are_edited_for_its_people_under_one_seed(ran, monkeypatch):
    """At the standard scale fewer people are followed over all qualities than the claim is judged on."""
    monkeypatch.setattr(ran.counts, "curve", 1)
    monkeypatch.setattr(ran.counts, "seeds", 3)
    asked = ran._asked(ran.grids["people"], 0)
    assert len(set(asked)) == len(asked) == 4 * (3 * 2 + 1)
    assert {count for cell, _, _, count in asked if cell.quality == 15} == {1}
    assert {seed for cell, _, seed, _ in asked if cell.quality == 15} == {0}
    for quality in (None, 75):
        found = [(cell.protection, number, seed, count) for cell, number, seed, count in asked if cell.quality == quality]
        arms = ("clean", "noise", "encoder", "encoder, strong")
        assert set(found) == {(arm, 0, seed, None) for arm in arms for seed in (0, 1, 2)}
    asked = ran._asked(ran.grids["photographs"], 0)
    assert [(cell.protection, seed) for cell, _, seed, _ in asked if seed] == [("clean", 1)]
    assert all(count is None for *_, count in asked)


def test_protections_move_the_whole_picture_inside_their_budget(ran):
    assert [(row["subject"], row["role"], row["protection"]) for row in ran.protections_rows] == [
        (name, role, key)
        for role, names in (("people", ("person 1", "person 2")), ("photographs", ("astronaut",)))
        for key in ("noise", "encoder", "encoder, strong")
        for name in names
    ]
    assert list(ran.protections_rows[0]) == ["subject", "role", "protection", "levels", "rms", "psnr", "ssim"]
    for row in ran.protections_rows:
        known = ran.grids[row["role"]].subjects
        i = known.names.index(row["subject"])
        moved = (ran.sent(row["role"], i, row["protection"], None) - known.images[i]).mul(255).round()
        assert row["levels"] == moved.abs().max() <= 16 and row["rms"] == pytest.approx(moved.square().mean().sqrt().item())
        assert row["psnr"] == pytest.approx(20 * np.log10(255 / row["rms"]), abs=1e-3)
        assert (moved[:, ::8, ::8] != 0).float().mean() > 0.5


def test_a_clean_picture_is_its_own_reference_and_the_seed_floor_is_not(ran):
    for row in find(ran, protection="clean", quality=None, seed=0):
        assert row["ssim"] > 0.999 and row["latent_shift"] < 1e-4
    floor = find(ran, protection=CONTROL)
    assert len(floor) == 2 + 2 + 1
    for row in floor:
        assert (row["seed"], row["purifier"]) == (1, "none") and row["ssim"] < 0.99 and row["latent_shift"] < 1e-4
        assert row["ssim_likewise"] > 0.999, "its own edit is that of the clean picture"
    for row in find(ran, protection="clean", seed=1, quality=None):
        assert row["ssim"] > 0.999, "under any seed"
    moved = {key: np.mean([row["latent_shift"] for row in find(ran, protection=key, quality=None)]) for key in ("noise", "encoder")}
    assert moved["encoder"] > 2 * moved["noise"] > 0


def test_what_is_sent_is_the_protected_picture_as_a_file_and_comes_back_edited(ran):
    protected = sent(ran, "people", "encoder", None)
    filed = sent(ran, "people", "encoder", 75)
    assert torch.equal(filed, degrade.jpeg(protected, 75))
    assert torch.equal(sent(ran, "people", "clean", 15), degrade.jpeg(ran.grids["people"].subjects.images, 15))
    for kind in ("variation", "inpainting"):
        made = torch.stack([ran.edit(kind, "people", i, "encoder", 75) for i in range(2)])
        torch.testing.assert_close(made, by_hand(ran, kind, "people", filed), rtol=0, atol=1.01 / 255)


def test_an_edit_is_held_against_the_edit_of_the_clean_picture_and_the_photograph(ran):
    photos = ran.grids["people"].subjects.images
    reference = by_hand(ran, "variation", "people", photos)
    made = by_hand(ran, "variation", "people", sent(ran, "people", "noise", 15))
    likewise = by_hand(ran, "variation", "people", sent(ran, "people", "clean", 15))
    other = by_hand(ran, "variation", "people", photos, seed=1)
    strong = by_hand(ran, "variation", "people", sent(ran, "people", "encoder, strong", 75), seed=1)
    masks = ran.grids["people"].subjects.masks
    for i, name in enumerate(ran.grids["people"].subjects.names):
        [row] = find(ran, subject=name, misuse="variation", protection="noise", quality=15)
        assert row["ssim"] == pytest.approx(compare(made, reference, ("ssim",))["ssim"][i].item(), abs=1e-6)
        assert row["ssim_to_photo"] == pytest.approx(compare(made, photos, ("ssim",))["ssim"][i].item(), abs=1e-6)
        assert row["ssim_likewise"] == pytest.approx(compare(made, likewise, ("ssim",))["ssim"][i].item(), abs=1e-6)
        assert row["ssim_person"] == pytest.approx(similarity.ssim_over(made, reference, masks)[i].item(), abs=1e-6)
        assert row["ssim_person_likewise"] == pytest.approx(similarity.ssim_over(made, likewise, masks)[i].item(), abs=1e-6)
        [row] = find(ran, subject=name, misuse="variation", protection=CONTROL)
        assert row["ssim"] == pytest.approx(compare(other, reference, ("ssim",))["ssim"][i].item(), abs=1e-6)
        [row] = find(ran, subject=name, misuse="variation", protection="encoder, strong", quality=75, seed=1)
        assert row["ssim"] == pytest.approx(compare(strong, other, ("ssim",))["ssim"][i].item(), abs=1e-6), "of the same seed"


def test_latents_are_measured_in_units_of_the_way_to_grey(ran):
    photo, model = ran.grids["people"].subjects.images[1:], ran.study.profile.model
    with torch.no_grad():
        pictures = (ran.sent("people", 1, "encoder", 75)[None], photo, torch.full_like(photo, 0.5))
        at, home, grey = (model.encode(picture).mean for picture in pictures)
    for row in find(ran, subject="person 2", protection="encoder", quality=75):
        assert row["latent_shift"] == pytest.approx(((at - home).norm() / (grey - home).norm()).item(), rel=1e-4)


def test_grids_show_what_was_sent_and_made_and_how_similar_it_is(ran):
    shown = pictures.over_quality(ran)
    grid = report.picture_grid(**shown)
    assert shown["column_labels"] == ["no JPEG", "JPEG quality 75", "JPEG quality 15"] and grid.axes
    sent, whole, face, change, gap, clean_face, clean_change = shown["images"]
    edit, clean = (ran.edit("variation", "people", 0, *cell).numpy() for cell in (("encoder", 75), ("clean", None)))
    assert np.array_equal(sent[1], ran.sent("people", 0, "encoder", 75).numpy()) and np.array_equal(whole[1], edit) and gap == []
    np.testing.assert_allclose(change[1], np.clip(0.5 + 4 * (edit - clean), 0, 1), atol=1e-6)
    assert face[1].shape == edit.shape and face[1][0, ::2, ::2].shape == (32, 32) and np.array_equal(face[1][:, ::2], face[1][:, 1::2])
    assert (clean_change[0] == 0.5).all() and not np.array_equal(clean_face[1], clean_face[0])
    row = dict(subject="person 1", misuse="variation", seed=0)
    for words, protection in ((shown["below"][1], "encoder"), (shown["below"][5], "clean")):
        similar = [find(ran, **row, protection=protection, quality=q)[0]["ssim"] for q in (None, 75, 15)]
        assert words == [f"SSIM {value:.3f}" for value in similar], "as the rows have it"
    assert shown["note"].endswith("Shown: person 1 of 2.")
    plt.close("all")


def test_pictures_stand_side_by_side_in_a_block_each(ran):
    beside, faceless = pictures.side_by_side(ran), pictures.side_by_side(ran, role="photographs")
    assert [len(row) for row in beside["images"]] == [4, 4, 4, 0, 4, 4, 4] and [len(row) for row in faceless["images"]] == [4, 4]
    assert np.array_equal(faceless["images"][0][3], ran.edit("variation", "photographs", 0, "encoder", 75).numpy())
    second = ran.grids["people"].subjects.images[1].numpy()
    assert np.array_equal(beside["images"][6][0], second) and beside["below"][6][0] == "the photograph"
    assert beside["below"][4][0] == "SSIM 1.000" and beside["note"].endswith("Shown: the first 2 of 2.")


def test_the_manifest_gets_the_settings_as_they_are_run(ran):
    told = ran.settings
    assert told["counts"]["people"] == 2 and told["subsampling"] == "4:2:0"
    assert told["protections"]["encoder"]["steps"] == 10 and "10 steps instead of 200" in told["protections"]["encoder"]["differs"]
    assert {kind: edits["steps"] for kind, edits in told["edits"].items()} == {"variation": 8, "inpainting": 4}


@pytest.fixture
def small(monkeypatch):
    """The least that is still a sweep: a person, a quality."""
    least = dict(people=1, seeds=1, photographs=0, variation_steps=4, inpainting_steps=None, attack_steps=2, qualities=(None, 75))
    monkeypatch.setitem(scales.COUNTS["jpeg_bypass"], "smoke", scales.COUNTS["jpeg_bypass"]["smoke"] | least)


def test_an_interrupted_sweep_resumes_and_ends_with_the_same_rows(study, monkeypatch, small):
    calls, vary = [], edit.vary

    def counted(*args, **how):
        calls.append(1)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return vary(*args, **how)

    monkeypatch.setattr(edit, "vary", counted)
    stop = None
    whole = run(study("whole")).rows
    assert len(calls) == 4 * 2 + 1
    calls.clear()
    stop = 4
    with pytest.raises(KeyboardInterrupt):
        run(study("cut"))
    calls.clear()
    stop = None
    resumed = run(study("cut")).rows
    assert len(calls) == 6, "three of nine were kept"
    calls.clear()
    again = run(study("cut")).rows
    assert not calls and whole == resumed == again


def test_a_folder_and_a_model_that_cannot_inpaint_still_make_every_grid(study, tmp_path, monkeypatch):
    monkeypatch.setitem(scales.COUNTS["jpeg_bypass"], "smoke", scales.COUNTS["jpeg_bypass"]["smoke"] | dict(variation_steps=4))
    folder = tmp_path / "mine"
    for name, picture in zip("abc", tinysd.portraits(3), strict=True):
        pixels.save(picture, folder / f"{name}.png")
    bypass = run(study(sibling=False, images=folder), "equal", "4:4:4")
    assert list(bypass.grids) == ["people"] and {row["misuse"] for row in bypass.rows} == {"variation"}
    assert len(bypass.rows) == 2 * (3 * 3 + 3 * 2 + 1), "beside the equal setting stands no strong one"
    assert {row["subject"] for row in bypass.rows} == {"a", "b"} and bypass.settings["subsampling"] == "4:4:4"
    assert all(row["levels"] <= 8 for row in bypass.protections_rows)
    protected = bypass.sent("people", 0, bypass.attack, None)[None]
    assert torch.equal(bypass.sent("people", 0, bypass.attack, 15)[None], degrade.jpeg(protected, 15, subsampling="4:4:4"))
    for shown in (pictures.over_quality(bypass, "inpainting"), pictures.side_by_side(bypass, role="photographs")):
        assert report.picture_grid(**shown).axes and shown["title"].startswith("no ")
    plt.close("all")


@pytest.mark.parametrize(
    "settings, subsampling, said", [("papr", "4:2:0", "paper, released, equal, app"), ("paper", "420", "4:4:4, 4:2:2, 4:2:0")]
)
def test_misspelt_parameters_list_what_there_is_before_anything_runs(study, settings, subsampling, said):
    made = study()
    with pytest.raises(ValueError, match=said) as told:
        lab.Bypass(made, settings, subsampling)
    assert "\n" not in str(told.value) and "profile" not in vars(made) and not [*made.store.folder.glob("*/*")]
