"""Notebook 02's experiment on the tiny model: what is compared with what."""

import functools

import pytest
import torch
from reproduce.experiments.protections import record

from reproduce import images as pixels
from reproduce import rng
from reproduce.experiments import photoguard_edits as lab
from reproduce.experiments import photoguard_pictures
from reproduce.measure import compare
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper


@pytest.fixture(scope="module")
def ran(models, tmp_path_factory):
    from reproduce.diffusion import profiles
    from reproduce.engine.store import Store
    from reproduce.engine.study import Study

    folder = tmp_path_factory.mktemp("edits")
    study = Study(
        "bundled", "smoke", 0, folder / "figures", store=Store(folder / "store"),
        opener=lambda name, scale: profiles.Profile(name, models(), 64, scale),
    )  # fmt: skip
    found = lab.Edits(study)
    found.protect()
    found.edits()
    found.sets = found.distances()
    return found


def one(ran, name, subject=0, k=0):
    return ran.edited.images(dict(subject=subject, prompt=ran.people.prompts[subject][k]), name)


def test_protections_stay_on_the_person_and_in_their_budgets(ran):
    for row in ran.protected.rows:
        i, arm = row["subject"], row["protection"]
        moved = (ran.picture(i, arm) - ran.people.images[i : i + 1]).mul(255).round()
        assert (moved * (1 - ran.people.people[i])).abs().max() == 0 and moved.abs().max() > 0
        assert row["levels"] == moved.abs().max() and row["used"] <= row["eps"] * (1 + 1e-6)
        assert row["image"] == ran.people.names[i]
    assert {(r["subject"], r["protection"]) for r in ran.protected.rows} == {
        *((i, arm) for i in range(2) for arm in ("noise", "encoder", "diffusion")),
        *((0, arm) for arm in lab.SIDE),
    }


def test_an_edit_is_the_pipelines_under_the_named_seed(ran):
    i, asked = 1, ran.people.prompts[1][2]
    chance = [rng.generator(0, "edit", 0, asked, ran.people.names[i])]
    settings = ran.settings
    assert settings.steps == 4 and settings.eta == 1.0 and settings.source == paper.PHOTOGUARD_EDIT["paper"].source
    masks = 1 - ran.people.people[i : i + 1]
    by_hand = edit.inpaint(ran.picture(i, "encoder"), masks, [asked], ran.study.model, settings=settings, generator=chance)
    assert (one(ran, "fixed: encoder", 1, 2) - by_hand).abs().max() <= 1 / 255


def test_rows_compare_with_the_clean_edit_of_the_same_seed(ran):
    asked = ran.people.prompts[0][0]
    rows = {(r["seeds"], r["protection"]): r for r in ran.edited.rows if r["subject"] == 0 and r["prompt"] == asked}
    for rule, arm in (("fixed", "diffusion"), ("fixed", "another seed"), ("best", "encoder")):
        value = compare(one(ran, f"{rule}: {arm}"), one(ran, f"{rule}: clean"), ("ssim",))["ssim"]
        assert rows[rule, arm]["ssim"] == pytest.approx(value.item(), abs=0.01)  # stored edits are rounded no further
    assert rows["fixed", "clean"]["ssim"] == 1 and rows["fixed", "same seed again"]["ssim"] > 0.999
    kept = ran.people.people[0]
    done, reference = one(ran, "fixed: encoder"), one(ran, "fixed: clean")
    error = ((done - reference).square() * (1 - kept)).sum() / (3 * (1 - kept).sum())
    assert rows["fixed", "encoder"]["psnr_edited"] == pytest.approx(-10 * torch.log10(error + 1e-8).item(), abs=1e-3)
    pasted = ((done - reference).square() * (1 - kept)).mean()
    assert rows["fixed", "encoder"]["psnr_pasted"] == pytest.approx(-10 * torch.log10(pasted + 1e-8).item(), abs=1e-3)


def test_the_best_seed_is_the_one_whose_clean_edit_fits_best(ran):
    for job in ran.edited.jobs:
        mine = [r for r in ran.edited.rows if (r["subject"], r["prompt"]) == (job["subject"], job["prompt"])]
        fit = {(r["seeds"], r["protection"]): r["fit"] for r in mine}
        assert fit["best", "clean"] == max(fit["fixed", "clean"], fit["fixed", "another seed"])  # of two seeds at this scale
        assert [r["seed"] for r in mine if r["seeds"] == "list" and r["protection"] == "noise"] == [1]
        assert fit["none", "photograph"] == pytest.approx(
            ran.clip.similarity(ran.people.images[job["subject"]][None], [job["prompt"]]).item(), abs=1e-6
        )


def test_controls(ran):
    clean = ran.people.images[:1]
    matched, encoder = ran.picture(0, lab.MATCHED), ran.picture(0, "encoder")

    def norm(x):
        return (x - clean).norm().item()

    assert norm(matched) == pytest.approx(norm(encoder), rel=0.01) and not torch.equal(matched, encoder)
    with torch.no_grad():
        through = ran.study.model.decode(ran.study.model.encode(clean).mean).clamp(0, 1)
    assert torch.equal(ran.picture(0, lab.ROUND), pixels.quantise(through))


def test_distances_are_of_the_sets_they_name(ran):
    by = {(d["seeds"], d["protection"]): d for d in ran.sets}
    assert by["fixed", "same seed again"]["fid"] < 1e-3 < by["fixed", "another seed"]["fid"]
    assert all(d["edits"] == 6 and "bundled CLIP" in d["features"] for d in ran.sets)


def test_an_attack_lowers_its_own_aim(ran):
    rows = {r["protection"]: r for r in ran.protected.rows if r["subject"] == 0}
    assert rows["encoder"]["reads"] < min(0.99, rows["noise"]["reads"])


def test_transfer_asks_every_attack_under_every_condition(ran):
    rows = ran.transfer().rows
    keys = [(r["protection"], r["steps"], r["prompted"]) for r in rows]
    assert keys == [(arm, 4, asked) for asked in (False, True) for arm in (*lab.TARGETS, lab.PROMPTED)] * (len(keys) // 8)
    named = functools.partial(rng.generator, 0, "transfer", ran.people.names[0])
    masks, asked, settings = 1 - ran.people.people[:1], ran.people.prompts[0][0], ran.settings
    for prompt, told in (("", False), (asked, True)):
        clean, noised = (
            edit.inpaint(ran.picture(0, arm), masks, [prompt], ran.study.model, settings=settings, generator=[named()])
            for arm in ("clean", "noise")
        )
        found = [r["ssim"] for r in rows if r["protection"] == "noise" and r["prompted"] == told]
        assert found[0] == pytest.approx(compare(noised, clean, ("ssim",))["ssim"].item(), abs=1e-4)


def test_pictures(ran):
    grid = photoguard_pictures.edits(ran)
    assert len(grid["images"]) == 2 and len(grid["images"][0]) == 6 == len(grid["column_labels"])
    ran.variations()
    ran.printed()
    assert len(photoguard_pictures.variations(ran)["images"][0]) == 6
    assert len(photoguard_pictures.protected(ran)["images"]) == 2 and len(photoguard_pictures.printed(ran)["images"][0]) == 5
    largest = {r["step"]: r["largest"] for r in ran.specimen.rows if r["form"] == "as printed"}
    assert [round(largest[n]) for n in (1, 2, 3, 4)] == [2, 6, 12, 20]
    meant = [r for r in ran.specimen.rows if r["form"] != "as printed"]
    assert [r["step"] for r in meant] == [1, 2, 3, 4] and all(r["largest"] <= 8.001 and r["outside"] == 0 for r in meant)


def test_settings_say_how_this_scale_differs(ran):
    settings = ran.protected.settings
    assert "6 steps instead of 200" in settings["encoder"].differs and settings["diffusion"].draws == 1
    assert "3 steps instead of 200; 1 draw instead of 10" in settings["diffusion, released"].differs
    assert record("diffusion", "standard").draws == 1 and record("diffusion, released", "paper").draws == 10
    assert record("encoder, released", "standard").steps == 200 and record("encoder, released", "paper").steps == 1000
