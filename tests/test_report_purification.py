"""What the tables, figures and sentences of notebooks 03 and 04 make of rows whose answers are known."""

import math

import matplotlib.pyplot as plt
import pytest
import rowkit

from reproduce.artefacts.about import about
from reproduce.report import impress, ledger, statistics, survivors, table_markdown
from reproduce.report import purification as read
from reproduce.report import purification_figures as draw
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
            rows.append(dict(protection=protection, purifier=purifier, changed="", subject=f"p{i}", prompt="a", ssim=ssim - shift,
                             picture_ssim=picture, perceptual=1 - picture + 0.1))  # fmt: skip
    return rows


def test_gain_recovery_and_what_is_left():
    rows = known()
    assert read.mean(read.gains(rows, "encoder", "JPEG 75"), "gain")[0] == pytest.approx(0.03)
    assert read.restored(rows, "encoder", "JPEG 75") == pytest.approx(0.03 / 0.2015)
    assert read.share_left(rows, "encoder", "JPEG 75") == pytest.approx(0.1515 / 0.2015)
    assert read.share_left(rows, "encoder", "none") == pytest.approx(1)
    assert math.isnan(read.share_left(known(effect=-0.1), "encoder", "JPEG 75"))  # nothing there to be left
    told = "Encoder attack: 1 of 1 purifiers leave more than half of its effect; of the 1 that"
    assert survivors.survivors(rows).startswith(told) and survivors.survivors(rows).endswith("JPEG 75 leaves least, 75 %.")
    assert "none of them spares" in survivors.survivors(known(clean=0.06))
    assert "no clear effect" in survivors.survivors(known(effect=-0.1))
    assert math.isnan(read.share_left(known(effect=0.015), "encoder", "JPEG 75"))
    uneven = [r | {"ssim": 1.2 if r["subject"] == "p0" else 0.7} if r["protection"] == "encoder" else r for r in known()]
    assert math.isnan(read.share_left(uneven, "encoder", "JPEG 75")), "a mean effect whose interval reaches 0 is none"


def test_front_keeps_what_nothing_beats():
    assert draw.front([(1, 5, "a"), (2, 4, "b"), (2, 6, "c"), (3, 6, "d"), (0.5, 1, "e")]) == [(0.5, 1, "e"), (1, 5, "a"), (2, 6, "c")]


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
        dict(subject=f"p{i}", prompt="a", protection="encoder", purifier=arm, changed="", levels=5.0, from_protected=0.1,
             latent_shift=0.3, picture_ssim=0.9, ssim=ssim, never_moved=moved, zero_moments=None, consistency_before=error,
             consistency_start=error, consistency=error)
        for i in range(2)
        for arm, ssim, moved, error in (("none", 0.8, None, None), ("IMPRESS, noise only", 0.7, 1.0, 0.01), ("IMPRESS", 0.85, 0.25, 0.005))
    ]  # fmt: skip
    untreated, noise, whole = impress.arm_table(rows, "encoder", ("IMPRESS, noise only", "IMPRESS"))
    assert untreated["what"] == "untreated" and untreated["consistency"] is None and untreated["gain"] is None
    assert noise["what"] == "IMPRESS, its noise only (6 levels)"
    assert noise["never_moved"] == "100 %" and noise["gain"][0] == pytest.approx(-0.1)
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
    assert notes[-2].endswith("over people, who are few.")
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
    heat = draw.heat_map(known())
    assert [text.get_text() for text in heat.axes[1].texts] == ["100%", "75%"]
    assert [label.get_text() for label in heat.axes[1].get_xticklabels()] == ["untreated", "JPEG 75"]
    cost = draw.pareto(known(), "a distance")
    assert len(cost.axes[0].lines) == 3 and cost.axes[0].lines[0].get_xdata()[0] == pytest.approx(0.05)
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
    assert "too few" not in read.people(many) and read.people(many) == "n = 20 people"
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


def test_the_ledgers_claims_of_purification(tmp_path):
    by_key = {claim.key: claim for claim in CLAIMS}
    rows = [
        dict(protection=protection, purifier=purified, changed=changed, subject=f"p{i}", prompt="a", ssim=ssim + 0.001 * i,
             picture_ssim=picture, consistency_before=error + 0.0001 * i)
        for i in range(5)
        for protection, purified, changed, ssim, picture, error in (
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
    far = [r | {"picture_ssim": 0.5} if (r["protection"], r["purifier"]) == ("diffusion", "IMPRESS") else r for r in rows]
    assert ledger.judge(by_key["impress/jpeg"], far)["verdict"] == "not run"  # no JPEG file leaves so little
    gained = [
        r | {"protection": one, "ssim": r["ssim"] + more * (r["purifier"] == "IMPRESS")}
        for r in rows
        for one, more in (("diffusion, adaptive", -0.03), ("diffusion, released", 0))
        if r["protection"] == "encoder"
    ]
    line = ledger.judge(by_key["impress/adaptive"], gained)
    assert line["verdict"] == "not held" and line["effect"][0] == pytest.approx(-0.03)
    only = {line["key"] for line in ledger.judged({"04_edits": rows})}
    assert only == {"impress/jpeg"}


def test_the_prompted_attack_is_judged_where_edits_are_longest_and_prompted():
    claim = next(one for one in CLAIMS if one.key == "photoguard/prompted")
    rows = [
        dict(subject=f"p{i}", protection=arm, steps=n, prompted=asked, ssim=(ssim if (n, asked) == (20, True) else 0.5) - 0.001 * i * own)
        for i in range(4)
        for arm, ssim, own in (("encoder", 0.9, 1), ("diffusion", 0.95, 0), ("diffusion, prompted", 0.86, 0))
        for n in (20, 4)
        for asked in (False, True)
    ]
    line = ledger.judge(claim, rows)
    assert line["verdict"] == "held" and line["effect"][0] == pytest.approx(0.0385)
    assert ledger.judge(claim, [])["verdict"] == "not run"
