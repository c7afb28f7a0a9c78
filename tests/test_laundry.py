"""Notebooks 03 and 04: what is washed, edited and compared on the tiny model."""

import dataclasses

import pytest
import torch

from reproduce import degrade, purify, rng
from reproduce.engine import keys, store
from reproduce.experiments import laundry, laundry_pictures
from reproduce.experiments.laundry import Laundry, Wash
from reproduce.measure import compare
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper
from reproduce.report import laundry as read

BY = ("none", "JPEG 50", "IMPRESS, noise only", "IMPRESS, released", "IMPRESS")
WASHES = [Wash(one, by) for one in ("clean", "encoder") for by in BY]
TURNED = Wash("encoder", "IMPRESS", (("alpha", 0.5), ("norm", "sum")))


@pytest.fixture(scope="module")
def ran(models, tmp_path_factory):
    from reproduce.diffusion import profiles
    from reproduce.engine.study import Study

    folder = tmp_path_factory.mktemp("laundry")
    study = Study(
        "bundled", "smoke", 0, folder / "figures", store=store.Store(folder / "store"),
        opener=lambda name, scale: profiles.Profile(name, models(), 64, scale),
    )  # fmt: skip
    found = Laundry(study, [*WASHES, TURNED])
    washed, edited = ([row | {"subject": row["image"]} for row in rows] for rows in (found.wash().rows, found.edits().rows))
    found.rows = read.joined(washed, edited)
    return found


def cell(ran, protection, launderer, changed="", subject=0):
    return next(r for r in read.chosen(ran.rows, protection, launderer, changed) if r["image"] == ran.names[subject])


def test_washing_is_the_launderers_of_the_protected_picture(ran):
    for i in range(2):
        sent = ran.protected.picture(i, "encoder")
        assert torch.equal(ran.picture(i, Wash("encoder", "none")), sent)
        assert torch.equal(ran.picture(i, Wash("encoder", "JPEG 50")), degrade.jpeg(sent, 50))
    assert cell(ran, "clean", "none")["picture_ssim"] == 1 and cell(ran, "clean", "none")["reads"] == 0
    row, photo = cell(ran, "encoder", "JPEG 50", subject=1), ran.people.images[1:2]
    washed = ran.picture(1, Wash("encoder", "JPEG 50"))
    assert row["picture_psnr"] == pytest.approx(compare(washed, photo, ("psnr",))["psnr"].item())
    assert row["perceptual"] == pytest.approx(ran.distance(washed, photo).item(), rel=1e-4)
    assert row["from_protected"] == pytest.approx(ran.distance(washed, ran.protected.picture(1, "encoder")).item(), rel=1e-4)
    assert row["levels"] == pytest.approx((washed - ran.protected.picture(1, "encoder")).mul(255).abs().mean().item(), rel=1e-4)


def test_latents_are_measured_in_units_of_the_way_to_grey(ran):
    photo = ran.people.images[:1]
    with torch.no_grad():
        at, home, grey = (
            ran.study.model.encode(x).mean
            for x in (ran.picture(0, Wash("encoder", "none")), photo, torch.full_like(photo, 0.5))
        )
    assert cell(ran, "encoder", "none")["reads"] == pytest.approx(((at - home).norm() / (grey - home).norm()).item(), rel=1e-4)


def test_arms_and_protections_start_from_the_same_noise(ran):
    noised = [ran.picture(0, Wash(one, "IMPRESS, noise only")) - ran.picture(0, Wash(one, "none")) for one in ("clean", "encoder")]
    dry = [ran.picture(0, Wash(one, "none")) for one in ("clean", "encoder")]
    inner = ((dry[0] - 0.5).abs() < 0.3) & ((dry[1] - 0.5).abs() < 0.3)  # where nothing was cut at black or white
    assert inner.float().mean() > 0.2
    assert (noised[0] - noised[1])[inner].abs().max() <= 1.01 / 255 and noised[0].std() > 3 / 255
    other = ran.picture(1, Wash("clean", "IMPRESS, noise only")) - ran.picture(1, Wash("clean", "none"))
    assert not torch.equal(other, noised[0])
    log = [cell(ran, "encoder", arm) for arm in ("IMPRESS, noise only", "IMPRESS, released", "IMPRESS")]
    starts = [row["consistency_start"] for row in log]
    assert starts == pytest.approx([starts[2]] * 3, rel=1e-3)  # half precision rounds the start
    assert log[0]["never_moved"] == 1 > log[2]["never_moved"] and log[0]["zero_moments"] is None and log[2]["zero_moments"] < 0.5


def test_a_changed_setting_is_run_and_named(ran):
    row = cell(ran, "encoder", "IMPRESS", "alpha 0.5, norm sum")
    assert row["picture_ssim"] != cell(ran, "encoder", "IMPRESS")["picture_ssim"]
    record = ran.record(TURNED)
    assert (record.alpha, record.norm, record.steps) == (0.5, "sum", 3)
    assert record.differs.endswith("3 steps instead of 1000; alpha 0.5, norm sum")
    assert laundry._of(keys.plain(dataclasses.asdict(TURNED))) == TURNED
    own = rng.child(0, "wash", *ran.names)
    sent = torch.cat([ran.protected.picture(i, "encoder") for i in range(2)])
    by_hand = purify.apply(sent, ran.study.model, "impress", settings=record, seed=own, distance=ran.distance)
    assert torch.equal(ran.picture(1, TURNED), by_hand[1:])


def test_an_edit_is_held_against_the_clean_pictures(ran):
    settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=4)
    masks, asked = 1 - ran.people.people, [prompts[0] for prompts in ran.people.prompts]  # the job's group: kernels round by their batch
    made = []
    for pictures in (torch.cat([ran.picture(i, Wash("encoder", "JPEG 50")) for i in range(2)]), ran.people.images):
        chance = [rng.generator(0, "edit", 0, *named) for named in zip(asked, ran.names, strict=True)]
        made.append(edit.inpaint(pictures, masks, asked, ran.study.model, settings=settings, generator=chance))
    row = cell(ran, "encoder", "JPEG 50", subject=1)
    assert row["ssim"] == pytest.approx(compare(*made, ("ssim",))["ssim"][1].item(), abs=1e-6) and row["asked"] == asked[1]
    assert cell(ran, "clean", "none")["ssim"] == pytest.approx(1, abs=1e-6)
    assert torch.equal(ran.edit(1, "encoder", "JPEG 50"), made[0][1])


def test_which_pairs_and_which_settings_are_turned(ran):
    pairs = laundry.editing_table()
    assert {one.protection for one in pairs} == {"clean", *laundry.PROTECTED, laundry.RELEASED} and len(set(pairs)) == len(pairs)
    assert {one.launderer for one in pairs if one.protection == "encoder"} == {
        "none", "JPEG 75", "AdverseCleaner", "autoencoder", *laundry.ARMS,
    }  # fmt: skip
    known = {one.launderer for one in laundry.every_pair(ran.study)}
    assert known == set(laundry.LAUNDERERS) - {"Noisy Upscaling", "IMPRESS, fp32"}  # the first needs a download
    turned = laundry.turned(ran.study)
    whole = ran.record(Wash("encoder", "IMPRESS"))
    for knob, values in turned.items():
        assert [wash.told for _, wash in values].count("") == 1
        for value, wash in values:
            assert wash.changes == (() if value == getattr(whole, knob) else ((knob, value),))
    washes = laundry.knob_washes(turned)
    assert washes[0] == Wash("encoder", "none") and len(set(washes)) == len(washes)


def test_every_launderer_of_the_table_is_one_of_purify():
    for entry in laundry.LAUNDERERS.values():
        assert entry is None or purify.record(*entry)
    assert {entry[0] for entry in laundry.LAUNDERERS.values() if entry} == set(purify.PURIFIERS)


def test_the_pictures_of_one_person(ran):
    grid = laundry_pictures.washed_grid(ran, ("JPEG 50", "IMPRESS"))
    assert [len(row) for row in grid["images"]] == [4, 4, 4]
    assert grid["column_labels"] == ["photograph", "encoder attack", "JPEG 50", "IMPRESS"]
    assert abs(grid["images"][1][0] - 0.5).max() < 1e-6  # the photograph differs from itself nowhere
