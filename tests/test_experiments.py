"""Notebook 01: its pictures, its sweep end to end on a tiny Stable Diffusion, and what its sentences make of rows."""

import itertools
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tinysd
import torch
from PIL import Image

from reproduce import degrade, report, rng
from reproduce import images as pixels
from reproduce.experiments import jpeg_bypass as lab
from reproduce.experiments import subjects
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper
from reproduce.papers import published
from reproduce.report import jpeg_bypass as read

# --- pictures ----------------------------------------------------------------------------------------------------------------


def folder_of(tmp_path):
    """A rotated JPEG, a grey and a transparent PNG, a mask, and what must be passed over."""
    folder = tmp_path / "mine"
    (folder / "d.png").mkdir(parents=True)
    ramp = np.linspace(0, 255, 120 * 80).reshape(80, 120).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp * 0], 2)).save(folder / "a.jpg", exif=exif, quality=95)
    Image.fromarray(ramp).save(folder / "b.png")
    Image.fromarray(np.stack([ramp] * 3 + [np.full_like(ramp, 0)], 2)).save(folder / "c.png")
    mask = np.zeros((80, 120), np.uint8)
    mask[:, :60] = 255
    Image.fromarray(mask).save(folder / "b_mask.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture either")
    return folder


def test_a_folder_gives_upright_pictures_and_drawn_masks(study, tmp_path):
    folder = folder_of(tmp_path)
    found = subjects.people(study(images=folder), 5)
    assert found.names == ["a", "b", "c"] and found.images.shape == (3, 3, 64, 64) and found.people.shape == (3, 1, 64, 64)
    turned = pixels.load(folder / "a.jpg", 64)
    assert torch.equal(found.images[:1], turned) and (turned[0, 0, 10].std() > 5 * turned[0, 0, :, 10].std())
    assert (found.images[1, 0] == found.images[1, 2]).all() and (found.images[2] == 1).all()  # grey; transparent is white
    assert torch.equal(found.people[1, 0, :, :30], torch.ones(64, 30)) and (found.people[1, 0, :, 34:] == 0).all()
    for ellipse in found.people[[0, 2]]:
        assert ellipse[0, 32, 32] == 1 and ellipse[0, 0, 0] == 0 and 0.2 < ellipse.mean() < 0.5
    assert all(len(prompts) == 6 for prompts in found.prompts) and len(found.prompts) == 3
    assert subjects.people(study(images=folder), 2).names == ["a", "b"]


def test_pictures_that_share_a_name_stay_apart(study, tmp_path):
    for name in ("a.png", "a.jpg", "b.png"):
        pixels.to_pil(tinysd.portraits(1)).save(tmp_path / name)
    assert subjects.people(study(images=tmp_path), 3).names == ["a.jpg", "a.png", "b"]


def test_a_folder_without_pictures_gets_one_line(study, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, said in (("empty", "found none"), ("nowhere", "there is none")):
        with pytest.raises(ValueError, match=said) as told:
            subjects.people(study(images=tmp_path / folder), 2)
        assert "\n" not in str(told.value) and "IMAGES" in str(told.value)


def test_rendered_people_are_unseen_alone_and_the_same_for_a_seed(study):
    from reproduce.world import render, sample_specs
    from reproduce.world.train.data import SEED

    found, more, other = (subjects.people(study(seed=seed), count) for seed, count in ((3, 2), (3, 4), (4, 2)))
    assert torch.equal(found.images, more.images[:2]) and not torch.equal(found.images, other.images)
    specs = sample_specs(rng.child(3, "subjects") % 2**62, 2, styles=["photo"], people=1, framing="photo", identities=subjects.NEW)
    made = render(specs, size=64)
    assert torch.equal(found.images, made.images) and all(spec.identity in subjects.NEW for spec in specs)
    trained = {person for spec in sample_specs(SEED, 300) for person in (spec.identity, spec.partner)}
    assert not trained & {*subjects.NEW}
    assert (made.identities[:, 1] == -1).all() and torch.equal(found.people, (made.masks["person"] >= 0.5).float())
    assert set(found.people.unique().tolist()) == {0.0, 1.0}
    assert found.prompts[0][0] != found.prompts[1][0] and {*found.prompts[0]} == {*found.prompts[1]} == {*subjects.PROMPTS}


def test_photographs_come_with_a_prompt_list_each(study):
    found = subjects.photographs(study(), 9)
    assert len(found.names) == len(found.images) == len(found.people) == len(found.prompts) == 5
    assert subjects.photographs(study(), 1).names == ["astronaut"]


def test_another_model_draws_its_own_people(study, models):
    found = subjects.people(study(name="sd15", seed=2), 2)
    assert found.images.shape == (2, 3, 64, 64) and found.names == ["generated 1", "generated 2"]
    asked = ["a photo of the face of a woman, portrait, natural light"]
    own = edit.generate(asked, models(), steps=30, guidance=7.5, generator=[rng.generator(2, "subject", 1)])
    torch.testing.assert_close(found.images[1:], own, rtol=0, atol=1.01 / 255)


# --- the sweep ---------------------------------------------------------------------------------------------------------------


def run(study):
    bypass = lab.Bypass(study)
    bypass.protect()
    bypass.edits()
    return bypass


def test_bypass_end_to_end(study, models):
    """2 people and a photograph: at 3 qualities, under 3 protections, and the seed floor."""
    bypass = run(study())
    rows, scale = bypass.edited.rows, bypass.scale
    assert len(bypass.protected.rows) == 2 * 3 and all(r["levels"] <= 16.001 for r in bypass.protected.rows)
    assert len(rows) == 3 * (3 * 3 + 1) + 2 * (3 * 3 + 1)
    assert len({tuple(sorted((k, str(v)) for k, v in r.items())) for r in rows}) == len(rows)
    key = ("edit", "group", "image", "prompt", "protection", "quality", "seed")
    assert len({tuple(r[k] for k in key) for r in rows}) == len(rows)
    assert all(np.isfinite(v) or (k == "psnr" and r["protection"] == "clean") for r in rows for k, v in r.items() if isinstance(v, float))

    find = lambda **wanted: [r for r in rows if wanted.items() <= r.items()]  # noqa: E731
    for row in find(protection="clean", quality=None, seed="same"):
        assert row["ssim"] > 0.999 and row["latents_moved"] < 1e-4
    for row in find(seed="other"):
        assert row["protection"] == "clean" and row["ssim"] < 0.99 and row["latents_moved"] < 1e-4
    moved = {name: np.mean([r["latents_moved"] for r in find(protection=name, quality=None, seed="same")]) for name in lab.COMPARED}
    assert moved["photoguard-encoder"] > 2 * moved["noise"] > 0

    # one job by hand: what is sent is the stored protected picture through JPEG, and what comes back is its edit
    known, k = bypass.sets["people"], 1
    job = dict(edit="variation", group="people", subject=1, protection="photoguard-encoder")
    sent, made = (bypass.edited.images(job, what) for what in ("sent", "edit"))
    protected = bypass.protected.images(dict(group="people", protection="photoguard-encoder"), "image")[1:2]
    assert torch.equal(sent[k : k + 1], degrade.jpeg(protected, scale.qualities[k])) and torch.equal(sent[:1], protected)
    settings = replace(paper.PHOTOGUARD_EDIT["released variation"], steps=8)
    generator = rng.generator(0, "edit", "variation", "same", known.prompts[1][0], known.names[1])
    own = edit.vary(sent[k : k + 1], [known.prompts[1][0]], models(), settings=settings, generator=[generator])
    torch.testing.assert_close(made[k : k + 1], own, rtol=0, atol=1.01 / 255)
    for name in ("clean", *lab.COMPARED):  # whatever was sent, it is held against the edit of the clean picture
        reference = bypass.edited.images(job | {"protection": name}, "clean edit")
        torch.testing.assert_close(reference, bypass.edited.images(job | {"protection": "clean"}, "edit")[:1], rtol=0, atol=1.01 / 255)
    settings = replace(paper.PHOTOGUARD_EDIT["released inpainting"], steps=4)
    generator = rng.generator(0, "edit", "inpainting", "same", known.prompts[0][0], known.names[0])
    around = 1 - known.people[:1]  # the person is kept, the rest repainted
    own = edit.inpaint(known.images[:1], around, [known.prompts[0][0]], models(), settings=settings, generator=[generator])
    made = bypass.edited.images(dict(edit="inpainting", subject=0, protection="clean"), "clean edit")
    torch.testing.assert_close(made, own, rtol=0, atol=1.01 / 255)

    grid = report.picture_grid(**lab.picture_rows(bypass))
    assert [t.get_text().split()[-1] for t in grid.axes[0].texts][:3] == ["JPEG", "75", "15"]
    assert np.array_equal(lab.picture_rows(bypass)["images"][1][1], bypass.edited.images(job | {"subject": 0}, "edit")[1].numpy())
    beside = lab.side_by_side(bypass, group="photographs")
    assert len(beside["images"]) == 1 and len(beside["images"][0]) == len(beside["column_labels"]) == 6
    assert len(read.notes(bypass)) == 4 and "Inpainting." in read.verdict(rows)
    for figure in (read.curves(rows, "variation"), read.latents(rows), read.to_photo(rows)):
        assert figure.axes
    plt.close("all")


def test_an_interrupted_sweep_resumes_and_ends_with_the_same_rows(study, monkeypatch):
    calls, vary = [], edit.vary

    def counted(*args, **how):
        calls.append(1)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return vary(*args, **how)

    monkeypatch.setattr(edit, "vary", counted)
    stop = None
    whole = run(study("whole")).edited.rows
    assert len(calls) == 9
    calls.clear()
    stop = 4
    with pytest.raises(KeyboardInterrupt):
        run(study("cut"))
    calls.clear()
    stop = None
    resumed = run(study("cut")).edited.rows
    assert len(calls) == 6, "three of nine were kept"
    calls.clear()
    again = run(study("cut")).edited.rows
    assert not calls and whole == resumed == again


def test_a_folder_and_a_model_that_cannot_inpaint_still_make_every_table_and_figure(study, tmp_path):
    bypass = lab.Bypass(study(sibling=False), "equal", "4:4:4", images=str(folder_of(tmp_path)))
    bypass.protect()
    rows = bypass.edits().rows
    assert list(bypass.sets) == ["people"] and {r["edit"] for r in rows} == {"variation"} and len(rows) == 2 * 10
    assert {r["image"] for r in rows} == {"a", "b"} and {r["subsampling"] for r in rows} == {"4:4:4"}
    assert all(r["levels"] <= 8.001 for r in bypass.protected.rows)
    for shown in (lab.picture_rows(bypass, "inpainting"), lab.side_by_side(bypass, group="photographs")):
        assert report.picture_grid(**shown).axes and shown["title"].startswith("no ")
    assert "no denoiser for inpainting" in read.answer(rows, "inpainting")
    assert "no inpainting" in report.table_markdown(read.effect_table(rows, "inpainting"), read.HEADS)
    assert read.curves(rows, "inpainting").axes
    plt.close("all")


@pytest.mark.parametrize(
    "settings, subsampling, said", [("papr", "4:2:0", "paper, released, equal, app, jpeg"), ("paper", "420", "4:4:4, 4:2:2, 4:2:0")]
)
def test_misspelt_parameters_list_what_there_is_before_anything_runs(study, settings, subsampling, said):
    with pytest.raises(ValueError, match=said):
        lab.Bypass(study(), settings, subsampling)


# --- what rows say -----------------------------------------------------------------------------------------------------------

QUALITIES = (None, 95, 75, 50, 30)


def made_up(left, images=8, noise=0.01, spread=0.0, edit="variation", uneven=()):
    """Rows in which PhotoGuard lowers SSIM by 0.2 * left[quality], noise by `noise`, and JPEG everything by up to 0.3.

    Pictures differ by much more than any protection does: only pairing finds the effect. At `uneven` qualities every other
    picture's edit is better instead.
    """
    chance, rows = np.random.default_rng(0), []
    for image, prompt, quality in itertools.product(range(images), ("snow", "beach"), QUALITIES):
        ground = 0.9 - 0.05 * image - (0 if quality is None else (100 - quality) / 250) - 0.02 * (prompt == "snow")
        effects = {"clean": 0, "noise": noise, "photoguard-encoder": 0.2 * left[quality] + spread * chance.normal()}
        effects["photoguard-encoder"] += (0.15 if image % 2 else -0.15) * (quality in uneven)
        for protection, effect in effects.items():
            row = dict(edit=edit, group="people", image=f"p{image}", prompt=prompt, protection=protection, quality=quality, seed="same")
            rows.append(row | dict(ssim=ground - effect, psnr=30 - 10 * effect, latents_moved=2 * effect))
        if quality is None:
            rows.append(row | dict(protection="clean", seed="other", ssim=0.4 + 0.01 * image, psnr=12.0))
    strangers = [r | dict(group="photographs", ssim=0.0) for r in rows]
    return chance.permutation(rows + strangers).tolist()


FADES = {None: 1, 95: 0.9, 75: 0.4, 50: 0.05, 30: 0.0}


def test_effects_are_paired_by_picture_and_prompt():
    table = {row["quality"]: row for row in read.effects(made_up(FADES), "variation")}
    assert set(table) == set(QUALITIES)
    for quality, left in FADES.items():
        assert table[quality]["mean"] == pytest.approx(0.2 * left) and table[quality]["share"] == pytest.approx(left)
        assert table[quality]["n"] == 8 and table[quality]["high"] - table[quality]["low"] < 1e-9
    noise = {row["quality"]: row["mean"] for row in read.effects(made_up(FADES), "variation", "noise")}
    assert noise == pytest.approx(dict.fromkeys(QUALITIES, 0.01))
    psnr = {row["quality"]: row["mean"] for row in read.effects(made_up(FADES), "variation", measure="psnr")}
    assert psnr[None] == pytest.approx(2) and psnr[75] == pytest.approx(0.8)
    wide = next(r for r in read.effects(made_up(FADES, spread=0.05), "variation") if r["quality"] is None)
    assert 0.01 < wide["high"] - wide["low"] < 0.1 and wide["low"] < 0.2 < wide["high"] + 0.02
    assert {r["mean"] for r in read.effects(made_up(FADES), "variation", group="photographs")} == {0.0}


def test_the_answer_names_the_qualities():
    said = read.answer(made_up(FADES), "variation")
    assert "lowers the SSIM of the variation by 0.200 [0.200, 0.200] (uniform noise: 0.010 [0.010, 0.010])" in said
    assert "has lost half of that from quality 75 down" in said and "is gone (no clear effect, or under 10%) from quality 50 down" in said
    back = read.answer(made_up(FADES | {30: 0.6}), "variation")  # gone at 50, but back at 30: not gone for good
    assert "keeps more than half of that at every quality" in back and "is never quite gone" in back
    tough = read.answer(made_up(dict.fromkeys(QUALITIES, 1)), "variation")
    assert "keeps more than half of that at every quality" in tough and "never quite gone" in tough
    once = read.answer(made_up({None: 1} | dict.fromkeys(QUALITIES[1:], 0)), "variation")
    assert "lost half of that from quality 95 down" in once and "from quality 95 down." in once
    unsure = read.answer(made_up(FADES | {75: 0.2}, spread=0.0), "variation", "psnr")
    assert "lowers the PSNR" in unsure and "half of that from quality 75 down" in unsure


def test_no_clear_effect_is_said():
    nothing = read.answer(made_up(dict.fromkeys(QUALITIES, 0), spread=0.02), "variation")
    assert "no clear effect, so there is nothing for JPEG to remove" in nothing and "quality" not in nothing
    helps = read.answer(made_up(dict.fromkeys(QUALITIES, -1)), "variation")  # a perturbation that makes the edit better
    assert "nothing for JPEG to remove" in helps
    one = read.answer(made_up(FADES, images=1), "variation")  # one picture has no interval
    assert "nothing for JPEG to remove" in one


def test_a_quality_whose_interval_reaches_zero_counts_as_gone():
    rows = made_up(FADES | {50: 0.12, 30: 0.12}, uneven=(50, 30))
    table = {r["quality"]: r for r in read.effects(rows, "variation")}
    assert table[50]["low"] < 0 < table[50]["share"] - read.GONE and table[75]["low"] > 0
    assert "is gone (no clear effect, or under 10%) from quality 50 down" in read.answer(rows, "variation")


def test_the_floor_is_the_mean_over_other_seeds():
    rows = made_up(FADES)
    assert read.floor(rows, "variation") == pytest.approx(0.4 + 0.01 * 3.5)
    assert read.floor(rows, "variation", "psnr") == pytest.approx(12)
    assert read.floor(rows, "variation", group="photographs") == 0


def test_the_table_shows_means_intervals_and_what_is_left():
    rows = read.effect_table(made_up(FADES), "variation")
    assert [row["quality"] for row in rows] == ["no JPEG", 95, 75, 50, 30]
    ground = {q: 0.9 - 0.05 * 3.5 - (0 if q is None else (100 - q) / 250) - 0.01 for q in QUALITIES}
    for row, quality in zip(rows, QUALITIES, strict=True):
        assert row["clean"][0] == pytest.approx(ground[quality]) and row["clean"][1] < row["clean"][0] < row["clean"][2]
        assert row["noise"][0] == pytest.approx(ground[quality] - 0.01)
        assert row["protected"][0] == pytest.approx(ground[quality] - 0.2 * FADES[quality])
        assert row["psnr"][0] == pytest.approx(30 - 2 * FADES[quality])
        assert row["effect"] == pytest.approx((0.2 * FADES[quality],) * 3) and row["share"] == f"{FADES[quality]:.0%}"
    text = report.table_markdown(rows, read.HEADS)
    assert "| no JPEG |" in text and text.count("\n") == 7 and all(head in text for head in read.HEADS.values())
    assert [row["quality"] for row in read.effect_table(made_up(FADES), "variation", (None, 75, 10))] == ["no JPEG", 75]


def test_the_verdict_has_a_sentence_for_each_kind_of_edit():
    said = read.verdict(made_up(FADES) + made_up(dict.fromkeys(QUALITIES, 0), edit="inpainting")).split("\n\n")
    assert [line.split(".")[0] for line in said] == ["Variation", "Inpainting", "Latents"]
    assert all(part in said[2] for part in ("moves them by 0.40 of", f"lie {0.4 * FADES[75]:.2f} from", "own 0.00:"))


def test_protections_are_summed_up_by_group():
    row = dict(group="people", protection="noise", levels=15.9999, rms=4.0, psnr=36.0, ssim=0.9)
    rows = [row, row | dict(levels=8.0, rms=2.0, psnr=40.0, ssim=0.8), row | dict(protection="photoguard-encoder")]
    first, second = read.protection_table(rows)
    assert first == dict(group="people", protection="uniform noise", levels=16, rms=3.0, psnr=38.0, ssim=pytest.approx(0.85))
    assert second["protection"] == "PhotoGuard, encoder attack"


def test_published_rows_are_about_jpeg_and_have_a_standing():
    rows = read.published_rows()
    assert rows and all(row["standing"] in published.STANDINGS for row in rows)
    assert report.table_markdown(rows, read.PUBLISHED_HEADS)
