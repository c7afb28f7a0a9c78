"""What notebook 05's tables and sentences make of rows whose answers are known."""

import pytest
import rowkit

from reproduce.artefacts.about import about
from reproduce.report import jpeg_gradient as read
from reproduce.report import jpeg_gradient_figures as draw
from reproduce.report import table_markdown


def spectra_rows(outside, kept):
    row = dict(band="all", kind="brightness", quality=75)
    return [row | dict(subject=f"p{i}", protection=name, outside=outside[name], kept=kept[name]) for i in range(2) for name in outside]


@pytest.mark.parametrize(
    "outside, kept, said",
    [
        (0.8, 0.2, "premise) holds for"),
        (0.8, 0.9, "holds in its first half only"),
        (0.2, 0.2, "holds in its second half only"),
        (0.2, 0.9, "does not hold"),
    ],
)
def test_the_premise_is_judged_by_both_halves(outside, kept, said):
    rows = spectra_rows({"encoder": outside, "noise": 0.75}, {"encoder": kept, "noise": 0.3})
    told = read.premise(rows)
    assert said in told and f"{outside:.0%} of its energy" in told and f"leaves {kept:.0%} of it" in told and "uniform noise: 75%" in told


def attacks(**left):
    """Rows of attacks through JPEG 75 and 30: what is left is known on their own quality, and nothing of it elsewhere."""
    return [
        dict(subject=f"p{i}", surrogate=name.replace("_", " "), through=through, quality=q, grey_distance=value if q == through else 0.99)
        for name, value in left.items() for through in (75, 30) for q in (None, 75, 30) for i in range(2)
    ]  # fmt: skip


def test_attacks_are_judged_on_the_files_they_were_made_for():
    told = read.verdict(
        rowkit.rows()["05_agreement"], rowkit.rows()["05_foresight"],
        [row | {"surrogate": "exact, Cauchy"} if row["surrogate"] == "ours" else row for row in attacks(none=0.8, mask=0.6, ours=0.7)],
        rowkit.rows()["05_spectra"], rowkit.rows()["05_edits"],
    )  # fmt: skip
    for quality in (75, 30):
        assert (
            f"scored on files of quality {quality}: 0.700 of the distance to grey is left through ours, 0.800 without JPEG in the loop;"
            " strongest: JPEG-Mask (0.600)."
        ) in told
    assert "Ours differs from the real file by 0 levels at most, over 6 pictures and qualities" in told and "Editing." in told


def test_a_table_by_quality_has_a_line_an_arm_and_a_column_a_quality():
    rows = attacks(none=0.8, mask=0.6)
    first, second, third, fourth = read.attack_table(rows)
    assert [line["what"] for line in (first, second)] == ["no JPEG at all", "JPEG-Mask"] and first["75"] == pytest.approx((0.8, 0.8, 0.8))
    assert (first["through"], third["through"]) == (75, 30)
    assert third["75"][0] == pytest.approx(0.99) and fourth["30"][0] == pytest.approx(0.6)
    text = table_markdown(read.attack_table(rows), read.quality_heads(rows, "attack through", "through"))
    assert text.splitlines()[0] == "| attack through | made for quality | no JPEG | 75 | 30 |"


def test_agreement_counts_the_worst_and_averages_the_rest():
    rows = [
        dict(subject="p", quality=q, form=form, mean=mean, worst=worst, equal=equal)
        for form, numbers in (("exact", [(0, 0, 1), (0, 0, 1)]), ("mask", [(2.0, 9, 0.25), (4.0, 31, 0.75)]))
        for q, (mean, worst, equal) in zip((75, 30), numbers, strict=True)
    ]
    assert read.agreement_table(rows)[1] == dict(form="JPEG-Mask", mean=3.0, worst=31, equal="50.0%")
    assert "ours: largest difference 0" in [text.get_text() for text in draw.agreement_figure(rows).axes[0].texts]


def test_footnotes_say_what_was_run(tmp_path):
    rowkit.save(tmp_path, "05_edits", rowkit.rows()["05_edits"])
    known = about(tmp_path, ["05_edits"])
    first, _, last = read.notes(rowkit.rows()["05_edits"], known)
    assert first.startswith("PhotoGuard: paper's setting, 16 levels, 200 steps of 2; through JPEG: the same,") and "from 50 to 95" in first
    assert last == "Model bundled (f00), 128 px, cpu, float32; seed 0, scale smoke; 3 pictures."
    known.settings["protections"]["encoder"]["steps"] = 6
    assert "16 levels, 6 steps instead of 200;" in read.notes(rowkit.rows()["05_edits"], known)[0]
