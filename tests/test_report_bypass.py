"""What notebook 01's sentences and tables make of rows whose answers are known."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import rowkit

from reproduce.artefacts.about import about
from reproduce.papers import published
from reproduce.report import jpeg_bypass as read
from reproduce.report import jpeg_bypass_figures as draw
from reproduce.report import table_markdown

QUALITIES = (None, 95, 75, 50, 30)


def made_up(left, images=8, noise=0.01, spread=0.0, misuse="variation"):
    """Rows in which PhotoGuard takes 0.2 * left[quality] from the edit, noise `noise`, and JPEG by itself up to 0.3 from every edit.

    Pictures differ by much more than any protection does: only pairing finds the effect.
    """
    chance, rows = np.random.default_rng(0), []
    for image, prompt, quality in itertools.product(range(images), ("snow", "beach"), QUALITIES):
        ground = 0.9 - 0.05 * image - (0 if quality is None else (100 - quality) / 250) - 0.02 * (prompt == "snow")
        effects = {"clean": 0, "noise": noise, "encoder": 0.2 * left[quality] + spread * chance.normal()}
        for protection, effect in effects.items():
            row = dict(misuse=misuse, role="people", subject=f"p{image}", prompt=prompt, protection=protection, quality=quality, seed=0)
            told = dict(ssim=ground - effect, psnr=30 - 10 * effect, latent_shift=2 * effect)
            rows.append(row | told | dict(ssim_person_likewise=1 - effect, ssim_likewise=1 - effect / 2))
        if quality is None:
            rows.append(row | dict(protection="another seed", seed=1, ssim=0.4 + 0.01 * image, psnr=12.0))
    strangers = [r | dict(role="photographs", ssim=0.0, ssim_person_likewise=1.0) for r in rows]
    return chance.permutation(rows + strangers).tolist()


FADES = {None: 1, 95: 0.9, 75: 0.4, 50: 0.05, 30: 0.0}


def test_effects_compare_with_the_clean_picture_under_the_same_file():
    table = {row["quality"]: row for row in read.over_quality(made_up(FADES), "variation")}
    assert set(table) == set(QUALITIES)
    for quality, left in FADES.items():
        assert table[quality]["mean"] == pytest.approx(0.2 * left) and table[quality]["share"] == pytest.approx((left, left, left))
        assert table[quality]["n"] == 8 and table[quality]["high"] - table[quality]["low"] < 1e-9
    noise = {row["quality"]: row["mean"] for row in read.over_quality(made_up(FADES), "variation", "noise")}
    assert noise == pytest.approx(dict.fromkeys(QUALITIES, 0.01))
    whole = {row["quality"]: row["mean"] for row in read.over_quality(made_up(FADES), "variation", measure="ssim")}
    assert whole[None] == pytest.approx(0.1) and whole[75] == pytest.approx(0.04)
    wide = next(r for r in read.over_quality(made_up(FADES, spread=0.05), "variation") if r["quality"] is None)
    assert 0.01 < wide["high"] - wide["low"] < 0.1 and wide["low"] < 0.2 < wide["high"] + 0.02
    assert {r["mean"] for r in read.over_quality(made_up(FADES), "variation", role="photographs")} == {0.0}
    assert read.over_quality(made_up(FADES), "variation", "encoder, strong") == []


def test_the_answer_names_the_qualities():
    said = read.answer(made_up(FADES), "variation")
    assert "takes 0.200 [0.200, 0.200] of the person's SSIM in the variation (uniform noise: 0.010 [0.010, 0.010])" in said
    assert "has lost half of that from quality 75 down" in said and "is gone (under 10% of it remain) from quality 50 down" in said
    back = read.answer(made_up(FADES | {30: 0.6}), "variation")  # gone at 50, but back at 30: not gone for good
    assert "keeps more than half of that at every quality" in back and "is never quite gone" in back
    tough = read.answer(made_up(dict.fromkeys(QUALITIES, 1)), "variation")
    assert "keeps more than half of that at every quality" in tough and "never quite gone" in tough
    once = read.answer(made_up({None: 1} | dict.fromkeys(QUALITIES[1:], 0)), "variation")
    assert "lost half of that from quality 95 down" in once and "from quality 95 down." in once


def test_no_clear_effect_is_said():
    nothing = read.answer(made_up(dict.fromkeys(QUALITIES, 0), spread=0.02), "variation")
    assert "no clear effect, so there is nothing for JPEG to remove" in nothing and "quality" not in nothing
    one = read.answer(made_up(FADES, images=1), "variation")  # one picture has no interval
    assert "nothing for JPEG to remove" in one


def test_the_floor_is_the_mean_over_other_seeds():
    rows = made_up(FADES)
    assert read.floor(rows, "variation") == pytest.approx(0.4 + 0.01 * 3.5)
    assert read.floor(rows, "variation", "psnr") == pytest.approx(12)
    assert read.floor(rows, "variation", role="photographs") == 0


def test_the_table_shows_means_intervals_and_what_is_left():
    rows = read.effect_table(made_up(FADES), "variation")
    assert [row["quality"] for row in rows] == ["no JPEG", 95, 75, 50, 30]
    ground = {q: 0.9 - 0.05 * 3.5 - (0 if q is None else (100 - q) / 250) - 0.01 for q in QUALITIES}
    for row, quality in zip(rows, QUALITIES, strict=True):
        assert row["clean"][0] == pytest.approx(ground[quality]) and row["clean"][1] < row["clean"][0] < row["clean"][2]
        assert row["noise"][0] == pytest.approx(ground[quality] - 0.01)
        assert row["protected"][0] == pytest.approx(ground[quality] - 0.2 * FADES[quality])
        assert row["effect"] == pytest.approx((0.2 * FADES[quality],) * 3) and row["share"] == pytest.approx((FADES[quality],) * 3)
        assert row["people"] == 8 and row["strong"] is None and row["of_noise"] == pytest.approx((0.01,) * 3)
    text = table_markdown(rows, read.HEADS)
    assert "| no JPEG |" in text and text.count("\n") == 7 and all(head in text for head in read.HEADS.values())
    assert [row["quality"] for row in read.effect_table(made_up(FADES), "variation", (None, 75, 10))] == ["no JPEG", 75]


def test_the_verdict_has_a_sentence_for_each_kind_of_edit():
    said = read.verdict(made_up(FADES) + made_up(dict.fromkeys(QUALITIES, 0), misuse="inpainting")).split("\n\n")
    assert [line.split(".")[0] for line in said] == ["Variation", "Inpainting", "Latents"]
    assert all(part in said[2] for part in ("moves them by 0.40 of", f"lie {0.4 * FADES[75]:.2f} from", "own 0.00:"))


def test_protections_are_summed_up_by_role():
    row = dict(role="people", protection="noise", levels=15.9999, rms=4.0, psnr=36.0, ssim=0.9)
    rows = [row, row | dict(levels=8.0, rms=2.0, psnr=40.0, ssim=0.8), row | dict(protection="encoder")]
    first, second = read.protection_table(rows)
    assert first == dict(role="people", protection="uniform noise", levels=16, rms=3.0, psnr=38.0, ssim=pytest.approx(0.85))
    assert second["protection"] == "PhotoGuard, encoder attack"


def test_footnotes_come_from_the_settings_of_the_rows(tmp_path):
    for artefact in ("01_edits", "01_protections"):
        rowkit.save(tmp_path, artefact, rowkit.rows()[artefact])
    known = about(tmp_path, ["01_edits"])
    attack, edits, effect, jpeg = read.notes(rowkit.rows()["01_edits"], known)
    assert attack.startswith("PhotoGuard (paper): eps 16 levels, 200 steps of 2; PhotoGuard, arXiv 2302.06588, equation 4")
    assert "Table 9. Differs: 16/255" in attack
    assert edits.startswith("Variation: MadryLab") and "50 steps, strength 0.5, DDIM. Inpainting: " in edits
    assert edits.endswith("20 steps instead of 100.") and "under the same file" in effect
    assert jpeg == "JPEG: as Pillow has it, 4:2:0. Model bundled (f00), 128 px, cpu, float32; seed 0, scale smoke; 3 pictures."
    released = [r | {"protection": "encoder, released"} if r["protection"] == "encoder" else r for r in rowkit.rows()["01_protections"]]
    assert read.protection_notes(released, known)[0].startswith("PhotoGuard (released): eps 7.65 levels, 1000 steps of 2.55; ")


def test_published_rows_are_about_jpeg_and_have_a_standing():
    rows = read.published_rows()
    assert rows and all(row["standing"] in published.STANDINGS for row in rows)
    assert table_markdown(rows, read.PUBLISHED_HEADS)


def test_the_clean_picture_without_jpeg_is_drawn_where_it_is_the_reference():
    """At SSIM 1; the PSNR of a picture to itself is no number."""
    rows = [r | ({"ssim": 1.0, "psnr": 80.0} if draw.itself(r) else {}) for r in made_up(FADES) if r["role"] == "people" or r["seed"] == 0]
    rows = [r | {"ssim": r["ssim"] if r["seed"] == 0 else 0.4} for r in rows]
    figure = draw.curves(rows, "variation")
    similar, decibels = ([bar[0].get_ydata()[0] for bar in ax.containers] for ax in figure.axes)
    assert max(similar) == 1 and len(similar) == 3 and len(decibels) == 2 and max(decibels) < 31
    assert figure.get_supxlabel().startswith("8 people.")
    plt.close("all")


def test_against_the_photograph_differences_are_paired():
    """People lie 0.05 apart, the attack takes 0.1 from each but the first, from whom it takes nothing: only that is drawn."""
    rows = []
    for row in made_up(FADES):
        if row["role"] == "people" and row["seed"] == 0:
            taken = 0.1 * (row["protection"] == "encoder") * (row["subject"] != "p0")
            rows.append(row | dict(ssim_to_photo=0.3 + 0.05 * int(row["subject"][1:]) - taken, psnr_to_photo=10.0))
    figure = draw.to_photo(rows)
    ax = figure.axes[0]
    curves = {line.get_label(): line for line in ax.lines}
    attack = curves["PhotoGuard, encoder attack"]
    assert list(attack.get_xdata()) == [30, 50, 75, 95] and attack.get_ydata() == pytest.approx([-0.1 * 7 / 8] * 4)
    assert curves["uniform noise"].get_ydata() == pytest.approx([0] * 4) and "clean picture" not in curves
    people = [line for line in ax.lines if line.get_linewidth() < 1 and len(line.get_xdata()) == 4]
    assert sorted(line.get_ydata()[0] for line in people) == pytest.approx([-0.1] * 7 + [0])
    assert "protected minus clean" in figure.get_supxlabel().replace("\n", " ")
    plt.close("all")


def test_latents_are_drawn_as_they_are_measured():
    figure = draw.latents(made_up(FADES))
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert lines["PhotoGuard, encoder attack"] == pytest.approx([0.4 * FADES[q] for q in (30, 50, 75, 95)])
    plt.close("all")
