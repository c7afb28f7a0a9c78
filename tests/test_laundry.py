"""Notebooks 03 and 04: what is washed, edited and compared on the tiny model, and what the tables make of known rows."""

import dataclasses
import math

import matplotlib.pyplot as plt
import pytest
import torch

from reproduce import degrade, purify, report, rng
from reproduce.engine import keys, store
from reproduce.experiments import laundry
from reproduce.experiments.laundry import Laundry, Wash
from reproduce.measure import compare
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper
from reproduce.report import laundry as read
from reproduce.report import laundry_figures as draw
from reproduce.report import ledger

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
    found.rows = read.joined(found.wash().rows, found.edits().rows)
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


def known(effect=0.2, washed=0.15, clean=0.02, people=4):
    """Rows whose answers are known: a protection takes `effect`; after JPEG 75 it takes `washed`; JPEG 75 costs a clean edit `clean`."""
    rows = []
    for i in range(people):
        for protection, launderer, ssim, picture in (
            ("clean", "none", 1.0, 1.0), ("clean", "JPEG 75", 1 - clean, 0.9),
            ("encoder", "none", 1 - effect, 0.95), ("encoder", "JPEG 75", 1 - clean - washed, 0.86),
        ):  # fmt: skip
            shift = 0.001 * i * (protection != "clean")
            rows.append(dict(protection=protection, launderer=launderer, changed="", image=f"p{i}", asked="a", ssim=ssim - shift,
                             picture_ssim=picture, perceptual=1 - picture + 0.1))  # fmt: skip
    return rows


def test_gain_recovery_and_what_is_left():
    rows = known()
    assert read.mean(read.gains(rows, "encoder", "JPEG 75"), "gain")[0] == pytest.approx(0.03)
    assert read.recovered(rows, "encoder", "JPEG 75") == pytest.approx(0.03 / 0.2015)
    assert read.share_left(rows, "encoder", "JPEG 75") == pytest.approx(0.1515 / 0.2015)
    assert read.share_left(rows, "encoder", "none") == pytest.approx(1)
    assert math.isnan(read.share_left(known(effect=-0.1), "encoder", "JPEG 75"))  # nothing there to be left
    told = "Encoder attack: 1 of 1 launderers leave more than half of its effect; of the 1 that"
    assert read.survivors(rows).startswith(told) and read.survivors(rows).endswith("JPEG 75 leaves least, 75 %.")
    assert "none of them spares" in read.survivors(known(clean=0.06))
    assert "no clear effect" in read.survivors(known(effect=-0.1))
    assert math.isnan(read.share_left(known(effect=0.015), "encoder", "JPEG 75"))


def test_front_keeps_what_nothing_beats():
    assert draw.front([(1, 5, "a"), (2, 4, "b"), (2, 6, "c"), (3, 6, "d"), (0.5, 1, "e")]) == [(0.5, 1, "e"), (1, 5, "a"), (2, 6, "c")]


def test_published_numbers_keep_their_doubts_and_models_apart(ran):
    table = read.published_table(ran.rows)
    values = {(line["place"], line["what"]): line for line in table}
    assert values["AAAAAAsuka/Impress issue 5", "PhotoGuard, then IMPRESS"]["value"] == "0.455 ± 0.077"
    assert values["a machine-written note on the paper", "PhotoGuard"]["standing"] == "doubtful"
    assert any(line["source"] == "DiffVax" and "JPEG" in line["what"] for line in table)
    heads = read.published_heads(ran.study)
    assert "Stable Diffusion" in heads["value"] and "bundled, 64 px" in heads["ours"]


def test_tables_and_figures(ran):
    for table, heads in (
        (read.editing_table(ran.rows), read.EDITING_HEADS),
        (read.arm_table(ran.rows, "encoder", ("IMPRESS, noise only", "IMPRESS, released", "IMPRESS")), read.arm_heads("a distance")),
        (read.cost_table(ran.rows), read.cost_heads("a distance")),
    ):
        assert report.table_markdown(table, heads, read.notes(ran)).count("\n| ") == len(table) + 1
    arms = {line["what"]: line for line in read.arm_table(ran.rows, "encoder", ("IMPRESS, noise only", "IMPRESS"))}
    assert arms["IMPRESS, its noise only (6 levels)"]["never_moved"] == "100 %" and arms["as it is"]["consistency"] is None
    assert arms["IMPRESS"]["consistency"].count("→") == 2 and arms["as it is"]["gain"] is None
    assert "Encoder attack: PhotoGuard" in read.notes(ran)[0] and any("IMPRESS: IMPRESS, arXiv" in note for note in read.notes(ran))
    turned = {"alpha": [(0.01, Wash("encoder", "IMPRESS")), (0.5, TURNED)], "norm": [("mean", Wash("encoder", "IMPRESS"))]}
    figure = draw.knobs(ran.rows, turned | {k: turned["alpha"] for k in ("budget", "rate", "noise", "steps")}, "encoder")
    drawn = figure.axes[0].lines[0].get_ydata()
    assert drawn[1] == pytest.approx(read.mean(read.chosen(ran.rows, "encoder", "IMPRESS", TURNED.told), "ssim")[0])
    heat = draw.heat_map(known())
    assert [text.get_text() for text in heat.axes[1].texts] == ["100%", "75%"]
    assert [label.get_text() for label in heat.axes[1].get_xticklabels()] == ["as it is", "JPEG 75"]
    cost = draw.pareto(known(), "a distance")
    assert len(cost.axes[0].lines) == 3 and cost.axes[0].lines[0].get_xdata()[0] == pytest.approx(0.05)
    grid = draw.washed_grid(ran, ("JPEG 50", "IMPRESS"))
    assert [len(row) for row in grid["images"]] == [4, 4, 4] and len(grid["column_labels"]) == 4
    assert abs(grid["images"][1][0] - 0.5).max() < 1e-6  # the photograph differs from itself nowhere
    told = read.washing_verdict(read_like_notebook(ran))
    assert "is given back, by: IMPRESS as meant" in told and "; its start noise alone " in told and "fp32" not in told
    plt.close("all")


def read_like_notebook(ran):
    """The verdict's rows: JPEG 75 under another name."""
    return [r | {"launderer": "JPEG 75"} if r["launderer"] == "JPEG 50" else r for r in ran.rows]


def test_the_ledgers_claims_of_washing(tmp_path):
    by_key = {claim.key: claim for claim in ledger.CLAIMS}
    rows = [
        dict(protection=protection, launderer=washed, changed=changed, image=f"p{i}", asked="a", ssim=ssim + 0.001 * i,
             picture_ssim=picture, consistency_before=error + 0.0001 * i)
        for i in range(5)
        for protection, washed, changed, ssim, picture, error in (
            ("clean", "IMPRESS", None, 0.97, 0.9, 0.007), ("encoder", "none", "", 0.8, 0.98, None),
            ("encoder", "IMPRESS", "", 0.85, 0.8, 0.02), ("encoder", "IMPRESS", "alpha 0.1", 0.1, 0.1, 0.5),
            ("encoder", "IMPRESS, noise only", "", 0.79, 0.75, None), ("encoder", "IMPRESS, released", "", 0.78, 0.76, None),
            ("diffusion", "JPEG 90", "", 0.9, 0.9, None), ("diffusion", "JPEG 50", "", 0.7, 0.6, None),
            ("diffusion", "none", "", 0.9, 1, None), ("diffusion", "IMPRESS", "", 0.8, 0.7, None),
            ("noise", "IMPRESS", "", 0.9, 0.9, 0.012),
        )
        for error in [error or 0.0]
    ]  # fmt: skip
    for key, effect, word in (
        ("impress/encoder", 0.05, "held"),
        ("impress/diffusion", -0.1, "not held"),
        ("impress/released", -0.01, "not held"),
        ("impress/consistency", 0.008, "held"),
        ("impress/jpeg", 0.7 + 0.2 * (0.1 / 0.3) - 0.8, "not held"),
        ("impress/adaptive", None, "not run"),
    ):
        line = ledger.judge(by_key[key], rows)
        assert line["verdict"] == word and (effect is None or line["effect"][0] == pytest.approx(effect, abs=1e-6)), key
    far = [r | {"picture_ssim": 0.5} if (r["protection"], r["launderer"]) == ("diffusion", "IMPRESS") else r for r in rows]
    assert ledger.judge(by_key["impress/jpeg"], far)["verdict"] == "not run"  # no JPEG file leaves so little
    gained = [
        r | {"protection": one, "ssim": r["ssim"] + more * (r["launderer"] == "IMPRESS")}
        for r in rows
        for one, more in (("diffusion, adaptive", -0.03), ("diffusion, released", 0))
        if r["protection"] == "encoder"
    ]
    line = ledger.judge(by_key["impress/adaptive"], gained)
    assert line["verdict"] == "not held" and line["effect"][0] == pytest.approx(-0.03)
    only = {line["key"] for line in ledger.judged({"04_edits": rows})}
    assert only == {"impress/jpeg"}


def test_the_prompted_attack_is_judged_where_edits_are_longest_and_prompted():
    claim = next(one for one in ledger.CLAIMS if one.key == "photoguard/prompted")
    rows = [
        dict(image=f"p{i}", protection=arm, steps=n, prompted=asked, ssim=(ssim if (n, asked) == (20, True) else 0.5) - 0.001 * i * own)
        for i in range(4)
        for arm, ssim, own in (("encoder", 0.9, 1), ("diffusion", 0.95, 0), ("diffusion, prompted", 0.86, 0))
        for n in (20, 4)
        for asked in (False, True)
    ]
    line = ledger.judge(claim, rows)
    assert line["verdict"] == "held" and line["effect"][0] == pytest.approx(0.0385)
    assert ledger.judge(claim, [])["verdict"] == "not run"
