"""What the tables, figures and sentences of notebooks 03 and 04 make of rows whose answers are known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import rowkit

from reproduce.artefacts.about import about
from reproduce.report import impress, ledger, statistics, survivors, table_markdown
from reproduce.report import impress_figures as draw
from reproduce.report import purification as read
from reproduce.report import survivors_figures as survival
from reproduce.report.claims import CLAIMS


def known(effect=0.2, purified=0.15, clean=0.02, people=4):
    """Rows whose answers are known: a protection takes `effect`; after JPEG 75 it takes `purified`; JPEG 75 costs a clean edit `clean`."""
    rows = []
    for i in range(people):
        for protection, purifier, ssim, picture in (
            ("clean", "none", 1.0, 1.0), ("clean", "JPEG 75", 1 - clean, 0.9),
            ("encoder", "none", 1 - effect, 0.95), ("encoder", "JPEG 75", 1 - clean - purified, 0.86),
        ):  # fmt: skip
            shift = 0.001 * i * (protection != "clean")
            own = {"none": 1.0, "JPEG 75": 1 - clean}[purifier]  # the clean picture's, purified likewise
            rows.append(dict(protection=protection, purifier=purifier, changed="", subject=f"p{i}", prompt="a", seed=0, ssim=ssim - shift,
                             ssim_person_likewise=1 - (own - ssim + shift), picture_ssim=picture,
                             perceptual=1 - picture + 0.1))  # fmt: skip
    return rows


def test_gain_remaining_effect_and_what_is_restored():
    rows = known()
    assert read.mean(read.gains(rows, "encoder", "JPEG 75"), "gain")[0] == pytest.approx(0.03)
    assert read.remaining_effect(rows, "encoder", "JPEG 75")[0] == pytest.approx(0.1515 / 0.2015)
    assert read.restored(rows, "encoder", "JPEG 75") == pytest.approx(0.05 / 0.2015)
    assert read.remaining_effect(rows, "encoder", "none") == pytest.approx((1, 1, 1))
    assert read.remaining_effect(rows, "encoder", "JPEG 15") is None
    told = "Encoder attack: 1 of 1 purifiers leave more than half of its effect; of the 1 that"
    assert survivors.survivors(rows).startswith(told) and survivors.survivors(rows).endswith("JPEG 75 leaves least, 75 %.")
    assert "none of them spares" in survivors.survivors(known(clean=0.06))
    lost = {"p0": 0.3, "p1": -0.05, "p2": -0.05, "p3": -0.05}
    unclear = [r | {"ssim_person_likewise": 1 - lost[r["subject"]]} if r["protection"] == "encoder" else r for r in rows]
    assert math.isnan(read.remaining_effect(unclear, "encoder", "JPEG 75")[0]), "a mean effect whose interval reaches 0 is none"
    assert "no clear effect" in survivors.survivors(unclear)


def test_front_keeps_what_nothing_beats():
    assert survival.front([(1, 5, "a"), (2, 4, "b"), (2, 6, "c"), (3, 6, "d"), (0.5, 1, "e")]) == [(0.5, 1, "e"), (1, 5, "a"), (2, 6, "c")]


def test_published_numbers_keep_their_doubts_and_models_apart(tmp_path):
    rows = rowkit.rows()["03_edits"]
    rowkit.save(tmp_path, "03_edits", rows)
    values = {(line["place"], line["what"]): line for line in impress.published_table(rows)}
    assert values["AAAAAAsuka/Impress issue 5", "PhotoGuard, then IMPRESS"]["value"] == "0.455 ± 0.077"
    assert values["a machine-written note on the paper", "PhotoGuard"]["standing"] == "doubtful"
    assert any(line["source"] == "DiffVax" and "JPEG" in line["what"] for line in values.values())
    mine = [r["ssim-sewar"] for r in rows if (r["protection"], r["purifier"]) == ("diffusion, adaptive", "IMPRESS, released in half")]
    assert values["AAAAAAsuka/Impress issue 5", "PhotoGuard, then IMPRESS"]["ours"][0] == pytest.approx(sum(mine) / len(mine))
    heads = impress.published_heads(about(tmp_path, ["03_edits"]))
    assert "Stable Diffusion" in heads["value"] and "bundled, 128 px" in heads["ours"]


def test_arms_say_what_the_optimiser_did():
    rows = [
        dict(subject=f"p{i}", prompt="a", seed=0, protection="encoder", purifier=arm, changed="", levels=5.0, from_protected=0.1,
             latent_shift=0.3, picture_ssim=0.9, ssim=ssim, ssim_person_likewise=ssim, never_moved=moved, zero_moments=None,
             consistency_before=error, consistency_start=error, consistency=error)
        for i in range(2)
        for arm, ssim, moved, error in (("none", 0.8, None, None), ("IMPRESS, noise only", 0.7, 1.0, 0.01), ("IMPRESS", 0.85, 0.25, 0.005))
    ]  # fmt: skip
    untreated, noise, whole = impress.arm_table(rows, "encoder", ("IMPRESS, noise only", "IMPRESS"))
    assert untreated["what"] == "untreated" and untreated["consistency"] is None and untreated["gain"] is None
    assert noise["what"] == "IMPRESS, its noise only (6 levels)"
    assert noise["never_moved"] == "100 %" and noise["gain"][0] == pytest.approx(-0.1)
    assert noise["people"] == whole["people"] == 2
    more = [*rows, *(r | {"subject": "p9", "ssim": 0.1} for r in rows if r["subject"] == "p0" and r["purifier"] == "IMPRESS")]
    assert impress.arm_table(more, "encoder", ("IMPRESS, noise only", "IMPRESS"))[2] == whole, "whom the others lack does not count"
    assert whole["never_moved"] == "25 %" and whole["consistency"] == "0.0050 → 0.0050 → 0.0050" and whole["zero_moments"] is None
    instead = [r | {"purifier": "IMPRESS, released"} if r["purifier"] == "IMPRESS, noise only" else r for r in rows]
    told = impress.verdict(instead)
    assert "IMPRESS as meant (single precision, Adam's epsilon 1e-8) 25 %; image and Adam's state in half precision, as released" in told
    assert "the networks in single -50 %" in told
    assert told.endswith("The released arm never moves 100 % of the values.") and "AdverseCleaner" not in told


def test_footnotes_follow_the_rows_and_come_from_the_settings(tmp_path):
    rows = rowkit.rows()["03_edits"]
    rowkit.save(tmp_path, "03_edits", rows)
    notes = read.notes(rows, about(tmp_path, ["03_edits"]))
    names = [note.split(": ")[0] for note in notes]
    assert names[:5] == ["Uniform noise", "Encoder attack", "Diffusion attack", "Diffusion attack, released", "Diffusion attack, adaptive"]
    assert "IMPRESS" in names and "JPEG 75" in names and "JPEG 50" not in names, "what was not run has no footnote"
    assert notes[names.index("IMPRESS")].startswith("IMPRESS: IMPRESS, arXiv 2310.19248")
    assert notes[-2].startswith("3 people, 1 of the prompts each; all but the person is repainted in 20 steps.")
    assert notes[-2].endswith("of the mean over people (Student's t), who are few.")
    assert notes[-1] == "Model bundled (f00), 128 px, cpu, float32; seed 0, scale smoke."


def test_figures_draw_the_means_of_their_cells():
    rows = rowkit.rows()["03_setting_rows"]
    figure = draw.settings(rows, dict(sorted(rowkit.TURNED.items())))  # as JSON has them
    assert [ax.get_title("left") or ax.get_title() for ax in figure.axes] == [words for words, *_ in draw.TURNED.values()]
    line = figure.axes[0].containers[0].lines[0]
    for at, (value, change) in enumerate(((0.01, ""), (0.1, "alpha 0.1"))):
        assert line.get_xdata()[at] == value
        assert line.get_ydata()[at] == pytest.approx(read.mean(read.chosen(rows, "encoder", "IMPRESS", change), "ssim")[0])
    assert [ax.get_xscale() for ax in figure.axes] == ["symlog", "log", "log", "linear", "log", "linear"]
    assert list(figure.axes[3].containers[0].lines[0].get_xdata()) == [0, 6.375], "numbers stand by size, wherever they are in the list"
    bars = figure.axes[0].containers[0].lines[2][0].get_segments()
    found = statistics.effect(read.chosen(rows, "encoder", "IMPRESS", "alpha 0.1"), "ssim")
    assert bars[1][:, 1] == pytest.approx(found[1:3]), "of three people by Student's t"
    assert "n = 3 people, too few for a verdict" in figure.get_suptitle()
    plt.close("all")


def beside(rows, purifier, **more):
    """Rows with one more purifier, which does what JPEG 75 does but for `more`."""
    return rows + [r | dict(purifier=purifier) | more for r in rows if r["purifier"] == "JPEG 75"]


def test_heat_maps_have_a_line_a_purifier_and_set_apart_what_does_nothing_and_what_moves():
    rows = beside(beside(known(), "blur, as named"), "crop", ssim=0.3)
    heat = survival.heat_map(rows)
    close, left = heat.axes[:2]
    names = [label.get_text() for label in close.get_yticklabels()]
    assert names == ["untreated (changes nothing)", "blur, as named (changes nothing)", "JPEG 75", "crop (moves the person)"]
    assert np.diff(close.get_yticks()) == pytest.approx([1, 1 + survival.APART, 1 + survival.APART])
    assert [label.get_text() for label in close.get_xticklabels()] == ["clean picture", "encoder attack"]
    cells = {tuple(text.get_position()): text.get_text() for text in close.texts}
    jpeg = close.get_yticks()[2]
    assert cells[0, jpeg] == "0.98" and cells[1, jpeg] == "0.83" and cells[1, 0] == "0.80"
    assert {tuple(text.get_position()): text.get_text() for text in left.texts}[0, jpeg] == "75"
    drawn = {image.get_extent()[3]: image for image in close.images}  # each line of cells lies where its numbers do
    np.testing.assert_allclose(drawn[jpeg - 0.5].get_array()[0], [0.98, 0.8285], atol=1e-9)
    assert all(image.norm.vmin == pytest.approx(0.7985) for image in close.images), "the crop takes no part in the scale of colours"
    assert len(heat.axes) == 4 and "Means over 4 people" in heat.get_supxlabel()
    plt.close("all")


def test_points_have_intervals_on_both_axes_and_labels_that_do_not_meet():
    rows = [r | dict(picture_ssim=r["picture_ssim"] - 0.01 * int(r["subject"][1:])) for r in known()]
    for i in range(12):
        rows = beside(rows, f"as good as JPEG 75, number {i}", picture_ssim=0.88 - 0.0001 * i)
    rows = beside(beside(rows, "blur, as named"), "crop")
    cost = survival.pareto(rows, "a distance")
    for ax, value, change in zip(cost.axes, ("picture_ssim", "perceptual"), (lambda x: 1 - x, lambda x: x), strict=True):
        assert len(ax.containers) == len(ax.texts) == 14, "what changes nothing and what moves the person are not drawn"
        named = {text.get_text(): text.xy for text in ax.texts}
        for bars, purified, name in zip(ax.containers, ("none", "JPEG 75"), ("untreated", "JPEG 75"), strict=False):
            found = read.chosen(rows, "encoder", purified)
            across, up = (segments.get_segments()[0] for segments in bars[2])
            wide, high = (read.mean([r | {"x": change(r[value])} for r in found], key) for key in ("x", "ssim"))
            assert bars[0].get_xydata()[0] == pytest.approx((wide[0], high[0])) and named[name] == pytest.approx((wide[0], high[0]))
            assert tuple(across[:, 0]) == pytest.approx(wide[1:]) and tuple(up[:, 1]) == pytest.approx(high[1:]) and high[1] < high[2]
        cost.draw_without_rendering()
        boxes = [plt.Text.get_window_extent(text) for text in ax.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert "4 people" in cost.get_supxlabel() and "blur, as named (changes nothing); crop (moves the person)" in cost.get_supxlabel()
    assert cost.axes[0].lines[0].get_xdata()[0] == pytest.approx(0.065), "the line through the best begins with the untreated"
    plt.close("all")


def test_steps_are_lines_over_one_run_with_the_start_apart():
    rows = rowkit.rows()["03_step_rows"]
    figure = draw.steps(rows)
    for ax, key in zip(figure.axes, ("ssim", "picture_ssim"), strict=True):
        _, half, whole = ax.lines
        assert list(half.get_xdata()) == list(whole.get_xdata()) == [0, 10, 30, 100] and half.get_color() != whole.get_color()
        before = {row["subject"]: row[key] for row in read.chosen(rows, "encoder", "none")}
        at = [row for row in read.chosen(rows, "encoder", "IMPRESS") if row["step"] == 30]
        mean, low, high, _ = statistics.effect([dict(subject=row["subject"], less=row[key] - before[row["subject"]]) for row in at], "less")
        assert whole.get_ydata()[2] == pytest.approx(mean)
        edges = sorted(y for x, y in ax.collections[1].get_paths()[0].vertices if x == 30)
        assert (edges[0], edges[-1]) == pytest.approx((low, high)), "of paired differences"
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "10", "30", "100"] and ax.get_xscale() == "symlog"
    assert "one run of 100 steps, encoder attack: n = 3 people, too few for a verdict" in figure.get_suptitle()
    alone = draw.steps([row for row in rows if row["subject"] == rowkit.PEOPLE[0]])  # no interval of one
    assert "n = 1 person" in alone.get_suptitle()
    many = [row | {"subject": f"p{i}"} for row in rows for i in range(20)]
    assert "too few" not in read.counted(many) and read.counted(many) == "n = 20 people"
    plt.close("all")


def test_tables_have_a_line_a_cell_that_was_run():
    table = impress.editing_table(known())
    assert [(line["protection"], line["purified"]) for line in table] == [
        ("clean picture", "untreated"), ("clean picture", "JPEG 75"), ("encoder attack", "untreated"), ("encoder attack", "JPEG 75"),
    ]  # fmt: skip
    assert table[3]["gain"][0] == pytest.approx(0.03) and table[0]["gain"] is None and table[3]["psnr"] is None
    [cost] = survivors.cost_table([r | {"picture_psnr": 30.0} for r in known()])
    assert cost["what"] == "JPEG 75" and cost["ssim"][0] == pytest.approx(0.98)
    assert table_markdown([cost], survivors.cost_heads("LPIPS")).count("LPIPS to the original") == 1


def test_the_ledgers_claims_of_purification():
    rows = [
        dict(protection=protection, purifier=purified, changed=changed, subject=f"p{i}", prompt="a", seed=seed, picture_ssim=0.9,
             ssim_person_likewise=alike + 0.001 * (i % 4), consistency_before=error + 0.0001 * (i % 3))
        for i in range(20)
        for seed in range(3)
        for protection, purified, changed, alike, error in (
            ("clean", "IMPRESS", "", 1.0, 0.007), ("noise", "IMPRESS", "", 0.9, 0.03),
            ("encoder", "none", "", 0.8, 0), ("encoder", "IMPRESS", "", 0.95, 0.02), ("encoder", "IMPRESS", "alpha 0.1", 0.1, 0.5),
            ("diffusion", "none", "", 0.9, 0), ("diffusion", "IMPRESS", "", 0.91, 0.01),
        )
    ]  # fmt: skip
    found = {line["key"]: line for line in ledger.judged({"03_edits": rows})}
    for key, effect, word in (
        ("impress/encoder", 0.0485 / 0.1985, "supported"),
        ("impress/diffusion", 0.0885 / 0.0985, "contradicted"),
        ("impress/consistency", 0.013, "supported"),
        ("impress/adaptive", None, "not run"),
    ):
        line = found[key]
        assert line["verdict"] == word and (effect is None or line["effect"][0] == pytest.approx(effect, abs=1e-6)), key
    assert "than a picture with noise of 16 levels: contradicted" in found["impress/consistency"]["changes"]


def test_the_prompted_attack_is_judged_where_edits_are_longest_and_prompted():
    claim = next(one for one in CLAIMS if one.key == "photoguard/prompted")
    rows = [
        dict(subject=f"p{i}", protection=arm, steps=n, prompted=asked, ssim=(ssim if (n, asked) == (20, True) else 0.5) - 0.001 * i * own)
        for i in range(4)
        for arm, ssim, own in (("encoder", 0.9, 1), ("diffusion", 0.95, 0), ("diffusion, prompted", 0.86, 0))
        for n in (20, 4)
        for asked in (False, True)
    ]
    line = next(one for one in ledger.judged({claim.artefact: rows}) if one["key"] == claim.key)
    assert line["verdict"] == "too few" and line["effect"][0] == pytest.approx(0.0385) and line["people"] == 4
    assert {one["verdict"] for one in ledger.judged({claim.artefact: []})} == {"not run"}
