"""What notebook 02 says of the attacks' strength, of rows whose answers are known: over budgets, for another encoder, to the eye."""

import math
import statistics

import matplotlib.pyplot as plt
import pytest
import rowkit
from matplotlib.colors import to_rgba

from reproduce.artefacts.about import about
from reproduce.report import looks, pages, strength


def over(arm, lost):
    """Rows of three people who lose about as much; lost: budget -> SSIM lost in the mean."""
    return [
        dict(subject=f"p{i}", protection=arm, eps=eps, ssim=1 - mean - 0.02 * i, ssim_person=1 - mean / 2, latent_shift_person=mean)
        for eps, mean in lost.items() for i in (-1, 0, 1)
    ]  # fmt: skip


CURVES = over("noise", {4: 0.05, 16: 0.1, 64: 0.2}) + over("encoder, strong", {4: 0.1, 16: 0.3, 64: 0.5})


def test_the_breaking_point_lies_between_two_budgets_on_the_log_scale():
    assert strength.breaking_point(CURVES, "encoder, strong", 0.2) == pytest.approx(8), "half way from 4 to 16, where each step doubles"
    assert strength.breaking_point(CURVES, "encoder, strong", 0.35) == pytest.approx(16 * math.sqrt(2))
    assert strength.breaking_point(CURVES, "encoder, strong", 0.3) == pytest.approx(16), "one that was run"
    assert strength.breaking_point(CURVES[::-1], "noise", 0.125) == pytest.approx(16 * 4**0.25)
    assert strength.breaking_point(CURVES, "noise", 0.21) is None, "at none that was run"
    humped = over("noise", {2: 0.1, 4: 0.3, 8: 0.2, 16: 0.4})
    assert strength.breaking_point(humped, "noise", 0.2) == pytest.approx(2 * math.sqrt(2)), "the first of several"


def test_the_verdict_names_the_budget_of_each_attack_or_none():
    """Printed: SSIM 0.58 under the encoder attack, and 0.50 under the diffusion attack."""
    rows = over("encoder, strong", {16: 0.32, 64: 0.52}) + over("diffusion, strong", {16: 0.2, 64: 0.3})
    assert strength.budget_verdict(rows) == (
        "This model's edits change as much as the paper prints for Stable Diffusion at 16 levels: under the encoder attack, strong at 32"
        " levels (SSIM 0.58); under the diffusion attack, strong at none up to 64 levels (SSIM 0.50); n = 3 people."
    )


def test_lines_over_budgets_go_through_the_means():
    figure = strength.budgets(CURVES)
    means = {"noise": {4: 0.05, 16: 0.1, 64: 0.2}, "encoder, strong": {4: 0.1, 16: 0.3, 64: 0.5}}
    for ax, share in zip(figure.axes, (1, 1 / 2, 1), strict=True):  # SSIM, SSIM of the person, latent shift
        lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
        assert len(lines) == 2 and ax.get_xscale() == "log"
        for arm, known in means.items():
            line = lines[looks.PROTECTIONS[arm].short]
            drawn = sorted(zip(*line.get_data(), strict=True))
            assert drawn == [(eps, pytest.approx(share * mean)) for eps, mean in known.items()]
            assert list(line.get_xdata()) == sorted(known), "from left to right"
            assert to_rgba(line.get_color()) == to_rgba(looks.PROTECTIONS[arm].colour)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "_"]
    assert sorted((*line.get_xdata(), *line.get_ydata()) for line in marks) == [(16, pytest.approx(lost)) for lost in (0.25, 0.42, 0.50)]
    assert "n = 3 people" in figure.get_suptitle() and "Stable Diffusion 1.5, 512 px, as printed" in figure.get_suptitle()
    plt.close(figure)


def test_bands_over_budgets_are_students_intervals():
    figure = strength.budgets(CURVES)
    [band] = [one for one in figure.axes[0].collections if to_rgba(one.get_facecolor()[0], 1) == to_rgba(looks.PROTECTIONS["noise"].colour)]
    reach = 4.303 * 0.02 / math.sqrt(3)  # of three people who are 0.02 apart
    ends = [y for x, y in band.get_paths()[0].vertices if x == 16]
    assert (min(ends), max(ends)) == pytest.approx((0.1 - reach, 0.1 + reach), abs=1e-5)
    plt.close(figure)


def test_encoders_stand_side_by_side_with_means_over_people():
    rows = rowkit.rows()["02_other_encoder"]
    table = strength.encoder_table(rows)
    assert [(line["what"], line["encoder"]) for line in table] == [
        (what, encoder) for what in ("uniform noise", "encoder attack") for encoder in ("its own", "version 1")
    ]
    for line, arm in zip(table, ("noise", "noise", "encoder", "encoder"), strict=True):
        for name in ("grey_distance", "latent_shift"):
            values = [row[name] for row in rows if (row["protection"], row["encoder"]) == (arm, line["encoder"])]
            mean, low, high = line[name]
            assert mean == pytest.approx(statistics.mean(values)) and len(values) == 3
            assert high - mean == pytest.approx(mean - low) == pytest.approx(4.303 * statistics.stdev(values) / math.sqrt(3), rel=1e-3)


def seen(arm, *answers):
    """Rows of edits looked at: (person, spoiled) each."""
    return [dict(subject=who, protection=arm, prompt="snow", seed=0, spoiled=spoiled) for who, spoiled in answers]


def test_the_eye_counts_edits_and_weighs_people():
    rows = seen("encoder", ("a", True), ("a", True), ("a", False), ("a", True), ("b", True), ("b", False), ("c", None))
    rows += seen("clean", ("a", False), ("b", False), ("b", True), ("b", False)) + seen("noise", ("a", None), ("b", None))
    clean, encoder = strength.eye_table(rows)
    assert (clean["what"], clean["edits"], clean["spoiled"]) == ("clean picture", 4, 1), "fewest first; noise was not looked at"
    assert (encoder["what"], encoder["edits"], encoder["spoiled"]) == ("encoder attack", 6, 4)
    assert encoder["share"][0] == pytest.approx((3 / 4 + 1 / 2) / 2), "each person once, however many edits"
    assert encoder["share"][1:] == (0, 1) and clean["share"][0] == pytest.approx((0 + 1 / 3) / 2), "shares stay between 0 and 1"
    assert strength.eye_table(seen("clean", ("a", None))) == []


def test_pages_say_who_looked_and_that_nobody_did(tmp_path):
    artefacts = ["02_eye", "02_other_encoder"]
    for artefact in artefacts:
        rowkit.save(tmp_path, artefact, rowkit.rows()[artefact])
    known = about(tmp_path, artefacts)
    page = pages.PAGES["02_spoiled"]
    assert "by the author of this study, which is no jury" in str(page.make({"02_eye": rowkit.rows()["02_eye"]}, known))
    assert str(page.make({"02_eye": seen("clean", ("a", None))}, known)) == "Nobody has looked at the edits of this run.\n"
    told = str(pages.PAGES["02_encoders"].make({"02_other_encoder": rowkit.rows()["02_other_encoder"]}, known))
    assert "3 people" in told and told.startswith("| protection | read by |")
