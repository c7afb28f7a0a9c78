"""What notebook 05's tables, sentences and figures make of rows whose answers are known."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import rowkit
from scipy import stats

from reproduce.artefacts.about import about
from reproduce.report import jpeg_edits, jpeg_spectra, looks, table_markdown
from reproduce.report import jpeg_gradient as read
from reproduce.report import jpeg_gradient_figures as draw

SPREAD = (-0.02, 0.0, 0.02)  # of three people around a mean
REACH = stats.t.ppf(0.975, 2) * np.std(SPREAD, ddof=1) / 3**0.5  # of Student's interval over them


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def spectra_rows(outside, kept, kept_energy):
    """Brightness keeps `kept`, colour nothing; over all channels the energy kept is `kept_energy`, the amplitude half of `kept`."""
    rows = []
    for i, more in enumerate(SPREAD):
        for name, high, left, energy in (("encoder", outside, kept, kept_energy), ("noise", 0.75, 0.3, 0.2)):
            for quality in (None, 75):
                for kind, share, part in (("brightness", 0.4, left), ("colour", 0.6, 0.0), ("all", 1.0, left / 2)):
                    row = dict(subject=f"p{i}", protection=name, quality=quality, kind=kind, band="all", share=share, outside=high + more)
                    file = dict(kept=part, kept_energy=energy + more, energy=1.0)
                    row |= dict.fromkeys(file, 1.0) if quality is None else file
                    rows += [row, row | dict(band="below 1/32", share=share / 4)]
    return rows


@pytest.mark.parametrize(
    "outside, energy, high, gone",
    [
        (0.8, 0.2, "more than half", "less than half"),
        (0.8, 0.9, "more than half", "more than half"),
        (0.2, 0.48, "less than half", "not told apart from half"),
        (0.51, 0.2, "not told apart from half", "less than half"),
    ],
)
def test_the_premise_is_told_by_energy_over_all_channels_with_its_interval(outside, energy, high, gone):
    told = jpeg_spectra.premise(spectra_rows(outside, 0.9, energy))
    assert f"{outside:.0%} [{outside - REACH:.0%}, {outside + REACH:.0%}] of its energy lies in" in told and f"removes, {high} (" in told
    left = f"leaves {energy:.0%} [{energy - REACH:.0%}, {energy + REACH:.0%}] of its energy over all channels, {gone} (uniform noise: 20%)"
    assert left in told and "(uniform noise: 75%)" in told and "3 pictures" in told
    assert told.endswith("45% [45%, 45%] of its amplitude: brightness (40% of the energy) keeps 90%, colour (60% of the energy) keeps 0%.")


def test_survival_shows_amplitude_and_energy_of_each_kind():
    rows = spectra_rows(0.3, 0.9, 0.5)
    lines = jpeg_spectra.survival_table(rows)
    assert [line["kind"] for line in lines] == ["brightness", "colour", "all channels"] * 2
    first, _, third = lines[:3]
    assert (first["share"], first["low"], first["75"].split(" / ")[0]) == ("40%", "10%", "90%") and first["outside"] is None
    assert third["75"] == f"45% / 50% [{0.5 - REACH:.0%}, {0.5 + REACH:.0%}]" and third["outside"].startswith("30% [")
    assert jpeg_spectra.survival_heads(rows).keys() == {"what", "kind", "share", "low", "outside", "75"}


def attacks(**left):
    """Rows of attacks through JPEG 75 and 30: what is left is known on their own quality, and nothing of it elsewhere."""
    return [
        dict(subject=f"p{i}", surrogate=name.replace("_", " ").replace("ours", read.OURS), through=through, quality=q,
             grey_distance=value + i / 10 if q == through else 0.99 + i / 10)
        for name, value in left.items() for through in (75, 30) for q in (None, 75, 30) for i in range(2)
    ]  # fmt: skip


def test_attacks_are_judged_on_the_files_they_were_made_for_beside_the_plain_one():
    told = read.verdict(
        rowkit.rows()["05_agreement"], rowkit.rows()["05_foresight"], attacks(none=0.8, mask=0.6, cubic=0.9, ours=0.7),
        rowkit.rows()["05_spectra"], rowkit.rows()["05_edits"],
    )  # fmt: skip
    for quality in (75, 30):
        assert (
            f"Attacks, 8 levels, 2 pictures, scored on files of quality {quality}: 0.750 of the distance to grey remains through ours,"
            " 0.850 without JPEG in the loop. Stronger than that, paired one by one: JPEG-Mask +0.200 [+0.200, +0.200];"
            " ours: exact file, Cauchy back +0.100 [+0.100, +0.100]. Weaker: DiffJPEG, cubic -0.100 [-0.100, -0.100]."
        ) in told
    assert "Ours differs from the real file by 0 levels at most, over 6 pictures and qualities" in told and "Editing." in told


def foresight(**seen):
    """Rows of three people; `seen`: means at pushes of 1 and 8, people spread about them (other than ours, so that pairs differ)."""
    return [
        dict(subject=f"p{i}", quality=q, surrogate=name.replace("ours", read.OURS), push=push,
             correlation=mean + (0 if name == "ours" else more))
        for name, means in seen.items() for push, mean in zip((1, 8), means, strict=True) for q in (75, 30) for i, more in enumerate(SPREAD)
    ]  # fmt: skip


def test_gradients_are_told_apart_by_paired_intervals():
    rows = foresight(none=(0.1, 0.3), mask=(0.6, 0.38), cubic=(0.7, 0.7), ours=(0.5, 0.5))
    told = read._foreseen(rows)
    assert "pushes of 1, 8 levels, 3 pictures" in told and "0.70 (DiffJPEG, cubic), 0.50 (ours" in told and "0.49 (JPEG-Mask)" in told
    above = f"no JPEG at all +0.300 [{0.3 - REACH:+.3f}, {0.3 + REACH:+.3f}]"
    assert f"Ours lies above, paired one by one: {above}. Below: DiffJPEG, cubic -0.200" in told
    assert told.endswith("Not told apart: JPEG-Mask.")
    by_push = {line["what"]: line for line in read.push_table(rows)}
    assert by_push[read.named("mask")]["1"] == pytest.approx((-0.1, -0.1 - REACH, -0.1 + REACH))
    assert by_push[read.named("mask")]["8"] == pytest.approx((0.12, 0.12 - REACH, 0.12 + REACH))
    whole = {line["key"]: line for line in read.foresight_table(rows)}
    assert whole["none"]["less"] == pytest.approx((0.3, 0.3 - REACH, 0.3 + REACH)) and whole[read.OURS]["less"] is None
    assert whole["none"]["75"][0] == pytest.approx(0.2)


def test_a_table_by_quality_has_a_line_an_arm_and_a_column_a_quality():
    rows = attacks(none=0.8, mask=0.6)
    first, second, third, fourth = read.attack_table(rows)
    assert [line["what"] for line in (first, second)] == ["no JPEG at all", read.named("mask")]
    assert first["75"][0] == pytest.approx(0.85) and first["more"] is None and second["more"] == pytest.approx((0.2, 0.2, 0.2))
    assert (first["through"], third["through"]) == (75, 30)
    assert third["75"][0] == pytest.approx(1.04) and fourth["30"][0] == pytest.approx(0.65)
    text = table_markdown(read.attack_table(rows), read.column_heads(rows, "quality", "attack through", through="made for quality"))
    assert text.splitlines()[0] == "| attack through | made for quality | no JPEG | 75 | 30 |"


def title(ax):
    return ax.get_title(loc="left") or ax.get_title()


def drawn(ax, label):
    """x and y of the line called so."""
    [line] = [one for one in ax.lines if one.get_label() == label]
    return line.get_xydata().tolist()


def test_the_figure_of_attacks_has_a_panel_each_and_shows_pairs():
    figure = draw.attack_figure(attacks(none=0.8, mask=0.6, cubic=0.9, ours=0.7))
    assert [title(ax) for ax in figure.axes] == [looks.short(looks.FORMULATIONS, k) for k in ("mask", "cubic", read.OURS)]
    for ax, more in zip(figure.axes, (0.2, -0.1, 0.1), strict=True):
        assert drawn(ax, "made for JPEG 75") == pytest.approx(np.array([[30, 0], [75, more]]), abs=1e-9)
        assert drawn(ax, "made for JPEG 30") == pytest.approx(np.array([[30, more], [75, 0]]), abs=1e-9)
        assert len(ax.collections) >= 2  # bands
    assert "2 pictures" in figure.legends[0].get_title().get_text()


def test_the_figure_of_spectra_shows_brightness_colour_and_all_channels():
    figure = draw.spectrum_figure(spectra_rows(0.3, 0.9, 0.5))
    bars, *lines = figure.axes
    label = looks.label(looks.PROTECTIONS, "encoder")
    assert [drawn(ax, label)[0][1] for ax in lines] == pytest.approx([0.9, 0, 0.5])
    assert [title(ax).split(", ")[1] for ax in lines] == ["in brightness", "in colour", "all channels"]
    assert "projection" in figure.get_supxlabel() and "3 pictures" in figure.get_supxlabel() and "3 pictures" in title(bars)


def test_agreement_counts_the_worst_and_averages_the_rest():
    rows = [
        dict(subject="p", quality=q, form=form, mean=mean, worst=worst, equal=equal)
        for form, numbers in (("exact", [(0, 0, 1), (0, 0, 1)]), ("mask", [(2.0, 9, 0.25), (4.0, 31, 0.75)]))
        for q, (mean, worst, equal) in zip((75, 30), numbers, strict=True)
    ]
    assert read.agreement_table(rows)[1]["mean"][0] == 3.0 and read.agreement_table(rows)[0]["mean"] == 0
    assert read.agreement_table(rows)[1] | {"mean": 0} == dict(form=read.named("mask"), mean=0, worst=31, equal="50.0%")
    assert "ours: largest difference 0" in [text.get_text() for text in draw.agreement_figure(rows).axes[0].texts]


def test_footnotes_say_what_was_run(tmp_path):
    rowkit.save(tmp_path, "05_edits", rowkit.rows()["05_edits"])
    known = about(tmp_path, ["05_edits"])
    first, _, last = jpeg_edits.notes(rowkit.rows()["05_edits"], known)
    assert first.startswith("PhotoGuard: paper's setting, 16 levels, 200 steps of 2; through JPEG: the same,") and "from 50 to 95" in first
    assert last == "Model bundled (f00), 128 px, cpu, float32; seed 0, scale smoke; 3 pictures."
    known.settings["protections"]["encoder"]["steps"] = 6
    assert "16 levels, 6 steps instead of 200;" in jpeg_edits.notes(rowkit.rows()["05_edits"], known)[0]
