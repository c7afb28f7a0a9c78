"""What notebook 02's tables, figures and sentences make of rows whose answers are known."""

import statistics

import pytest
import rowkit

from reproduce.artefacts.about import about
from reproduce.report import looks, table_markdown, transfer
from reproduce.report import photoguard as read
from reproduce.report import photoguard_figures as draw

EDITS, DISTANCES = rowkit.rows()["02_edits"], rowkit.rows()["02_distances"]


@pytest.fixture
def known(tmp_path):
    for artefact in ("02_edits", "02_distances", "02_protections"):
        rowkit.save(tmp_path, artefact, rowkit.rows()[artefact])
    return about(tmp_path, ["02_edits", "02_distances"])


def test_tables_put_ours_beside_the_printed_numbers(known):
    table = {line["measure"]: line for line in read.quality_table(EDITS, DISTANCES, 6)}
    assert list(table) == ["FID ↓", "PR ↑", "SSIM ↑", "PSNR (dB) ↑", "VIFp ↑", "FSIM ↑"]
    assert table["SSIM ↑"]["encoder printed"] == "0.58 ± 0.11" and table["PSNR (dB) ↑"]["noise printed"] == "19.21 ± 4.00"
    assert table["FID ↓"]["diffusion printed"] == "167.6" and table["PR ↑"]["diffusion printed"] == "0.87"
    assert table["FID ↓"]["noise"] == "3.50" and table["PR ↑"]["noise"] == "1.00 / 0.90"
    values = [r["ssim"] for r in EDITS if r["rule"] == "fixed" and r["protection"] == "encoder"]
    assert table["SSIM ↑"]["encoder"].startswith(f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f} [")
    ten = {line["measure"]: line for line in read.quality_table(EDITS, DISTANCES, 10)}
    assert ten["GMSD ↓"]["noise printed"] == "0.20 ± 0.06" and len(ten) == 5
    heads = read.quality_heads(known, list(table.values()))
    assert heads["encoder, strong"] == "encoder attack, strong: bundled, 128 px" and "encoder, strong printed" not in heads
    assert "encoder, strong" not in read.quality_heads(known, [dict(noise="0.9")]), "no column of what was not run"
    assert heads["noise printed"] == "uniform noise: SD 1.5, 512 px, printed" and heads["encoder"] == "encoder attack: bundled, 128 px"


def test_settings_are_compared_on_the_people_that_all_have():
    protections = [r for r in rowkit.rows()["02_protections"] if "," not in r["protection"] or r["subject"] == "person 1"]
    table = read.settings_table(protections, EDITS)
    assert [line["what"] for line in table] == [
        "noise, paper", "encoder, paper", "diffusion, paper", "encoder, strong", "encoder, released", "diffusion, released",
    ]  # fmt: skip
    assert all(line["pictures"] == 1 for line in table)
    [row] = [r for r in protections if (r["subject"], r["protection"]) == ("person 1", "encoder")]
    assert table[1]["grey_distance"] == row["grey_distance"] and table[1]["levels"] == round(row["levels"])


def test_a_control_that_was_not_run_has_no_line():
    assert [line["what"] for line in read.control_table(EDITS, DISTANCES)] == [
        "clean picture, same seed again", "uniform noise", "encoder attack", "diffusion attack", "encoder attack, strong",
        "diffusion attack, strong", "clean picture, another seed",
    ]  # fmt: skip


def test_which_seeds_count():
    row = dict(subject="p", prompt="a", protection="noise", fit=0.1)
    rows = [row | dict(rule=rule, ssim=ssim) for rule, ssim in (("fixed", 0.1), ("list", 0.3), ("list", 0.5), ("best", 0.9))]
    means = {rule: statistics.mean(r["ssim"] for r in read.chosen(rows, "noise", rule)) for rule in ("fixed", "all", "best")}
    assert means == pytest.approx({"fixed": 0.1, "all": 0.3, "best": 0.9})


def test_footnotes_come_from_settings_and_counts_from_rows(known):
    noise, encoder, diffusion, edits, _, model = read.notes(EDITS, known)
    assert noise.startswith("Uniform noise: PhotoGuard") and "Table 9" in encoder and diffusion.startswith("Diffusion attack: ")
    assert "20 steps instead of 100, DDIM; 3 people x 2 prompts, a list of 2 seeds;" in edits
    assert model == "Model bundled (f00), 128 px, cpu, float32; bundled CLIP (c00); seed 0, scale smoke."
    known.settings["protections"]["encoder"]["differs"] = "6 steps instead of 200"
    assert read.notes(EDITS, known)[1].endswith("Differs: 6 steps instead of 200.")
    notes = read.setting_notes(rowkit.rows()["02_protections"], known)
    assert [note.split(":")[0] for note in notes] == ["Encoder, strong", "Encoder, released", "Diffusion, released"]


def test_what_the_prompt_is_worth_is_told_with_it_and_without():
    known = [
        dict(protection=arm, steps=n, prompted=asked, subject=f"p{i}", ssim=ssim - 0.01 * i * ((arm, n, asked) == ("encoder", 20, True)))
        for arm, asked, ssim in (
            ("encoder", True, 0.9), ("diffusion", True, 0.95), ("diffusion, prompted", True, 0.85),
            ("encoder", False, 0.8), ("diffusion", False, 0.92), ("diffusion, prompted", False, 0.85),
        )
        for n in (20, 4) for i in range(3)
    ]  # fmt: skip
    with_prompt, without, _ = transfer.transfer_verdict(known).split("\n\n")
    assert "takes 0.100 [0.100, 0.100] more" in with_prompt and "and 0.040 [" in with_prompt
    assert "takes 0.070 [0.070, 0.070] more" in without and "and -0.050 [-0.050, -0.050]" in without
    heads = transfer.transfer_heads(known)
    assert table_markdown(transfer.transfer_table(known), heads) and heads["4 True"] == "4 steps, its prompt"


def test_the_verdict_counts_and_orders():
    ledger = [dict(verdict=word) for word in ("supported", "supported", "contradicted", "too few")]
    at = {"noise": 0.9, "diffusion": 0.8, "encoder": 0.7, "another seed": 0.5}
    rows = [dict(rule="fixed", protection=arm, ssim=ssim) for arm, ssim in at.items()]
    told = read.verdict(rows, ledger)
    assert "Of 4 claims: 2 supported, 1 contradicted, 1 too few." in told
    assert "uniform noise < diffusion attack < encoder attack. Another seed changes it by 0.500; of that, noise changes 20%" in told


def test_points_are_paired_differences_from_the_clean_edit():
    with_few = [r for r in EDITS if r["protection"] != "encoder, released" or r["subject"] == "person 1"]
    ax = draw.prompt_differences(with_few).axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [
        "uniform noise", "encoder attack", "encoder attack, released (1 person)", "encoder attack, strong", "diffusion attack",
        "diffusion attack, strong", "diffusion attack, released", "clean picture, same seed again", "clean picture, another seed",
    ]  # fmt: skip
    drawn = {round(y, 2): x for x, y in (bar[0].get_xydata()[0] for bar in ax.containers)}
    assert len(drawn) == 9 + 5  # the best of a list was run for five
    for arm, at in (("noise", 0), ("encoder", 1), ("diffusion", 4), ("another seed", 8)):
        assert drawn[at - 0.14] == pytest.approx(difference(arm, "fixed"))
    assert drawn[1.14] == pytest.approx(difference("encoder", "best")) and drawn[1.14] != drawn[0.86]


def difference(arm, rule):
    """How much better an arm's edits fit than the clean picture's, mean over people and prompts."""
    fits = [[r["fit"] for r in sorted(read.chosen(EDITS, one, rule), key=lambda r: (r["subject"], r["prompt"]))] for one in (arm, "clean")]
    return statistics.mean(one - clean for one, clean in zip(*fits, strict=True))


def test_intervals_of_differences_are_of_people_not_of_levels():
    """People differ by much, each edit of the noised picture fits 0.01 less: the interval has no width; the note has the photograph."""
    rows = []
    for i, prompt in ((i, prompt) for i in range(6) for prompt in "ab"):
        row, fit = dict(subject=f"p{i}", prompt=prompt), 0.5 + 0.05 * i
        rows += [row | dict(rule=rule, protection="clean", fit=fit) for rule in ("fixed", "best")]
        rows += [row | dict(rule="fixed", protection="noise", fit=fit - 0.01), row | dict(rule="none", protection="photograph", fit=0.1)]
    figure = draw.prompt_differences(rows)
    [ends] = figure.axes[0].containers[0][2][0].get_segments()
    assert ends[:, 0] == pytest.approx([-0.01, -0.01], abs=1e-9)
    note = figure.get_supxlabel().replace("\n", " ")
    assert note.startswith("6 people.") and "photograph is not drawn: -0.525" in note


def test_the_ladder_draws_changes_under_every_convention():
    figure = draw.ladder(EDITS)
    ax = figure.axes[0]
    arms = [label.get_text() for label in ax.get_yticklabels()]
    for shift, (bars, key) in enumerate(zip(ax.containers, looks.CONVENTIONS, strict=True)):
        points = {round(y, 2): x for x, y in bars[0].get_xydata()}
        assert len(points) == len(arms)
        for arm, name in (("noise", "uniform noise"), ("another seed", "clean picture, another seed")):
            at = round(arms.index(name) + 0.15 * (shift - 2), 2)
            assert points[at] == pytest.approx(1 - statistics.mean(r[key] for r in read.chosen(EDITS, arm)))
    assert figure.get_supxlabel().startswith("3 people.")


def test_what_no_seed_changes_is_drawn_at_the_edge_without_an_interval_that_reaches_out():
    rows = [r | dict.fromkeys(looks.CONVENTIONS, 1.0) for r in EDITS if r["subject"] == "person 1"]
    ax = draw.ladder(rows).axes[0]
    assert {x for bars in ax.containers for x in bars[0].get_xdata()} == {draw.LEAST}
    assert {x for bars in ax.containers for line in bars[2][0].get_segments() for x in line[:, 0]} == {draw.LEAST}


def test_overshoot_is_of_one_picture():
    figure = draw.overshoot(rowkit.rows()["02_printed"])
    left, right = figure.axes
    assert list(left.lines[0].get_ydata()) == [2, 4, 6] and list(right.lines[0].get_ydata()) == pytest.approx([1, 2, 3])
    assert figure.get_supxlabel().startswith("One picture")
