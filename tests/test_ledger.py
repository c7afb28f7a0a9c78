"""The ledger on rows whose answer is known by hand."""

import math

import pytest

from reproduce.artefacts.rows import rows_csv
from reproduce.measure import MEASURES
from reproduce.report import ledger

BY_KEY = {claim.key: claim for claim in ledger.CLAIMS}


def edits(noise=0.98, encoder=0.9, diffusion=0.8, seed=0.4, fit=(0.5, 0.3), people=6):
    """Rows as notebook 02 writes them; each person's numbers are shifted a little, so that there is an interval."""
    found = []
    for i in range(people):
        for prompt in ("a", "b"):
            values = {"clean": 1.0, "noise": noise, "encoder": encoder, "diffusion": diffusion, "another seed": seed}
            for arm, value in values.items():
                row = dict(image=f"p{i}", prompt=prompt, seeds="fixed", protection=arm, fit=fit[arm == "diffusion"] + 0.01 * i)
                row |= {name: (1 - value if name == "gmsd" else value) + 0.001 * i * (arm != "clean") for name in MEASURES}
                found += [row, row | {"seeds": "best", "ssim": 0.0}]
            found.append(dict(image=f"p{i}", prompt=prompt, seeds="none", protection="photograph", fit=0.1))
    return found


@pytest.mark.parametrize("measure", ledger.TABLE6 + ledger.TABLE10)
def test_order_of_the_attacks_on_every_measure_and_its_reverse(measure):
    for rows, word, effect in ((edits(), "held", 0.08), (edits(encoder=0.99, diffusion=0.995), "not held", -0.01)):
        line = ledger.judge(BY_KEY[f"photoguard/encoder/{measure}"], rows)
        assert line["verdict"] == word and line["effect"][0] == pytest.approx(effect) and line["images"] == 6
        assert ledger.judge(BY_KEY[f"photoguard/diffusion/{measure}"], rows)["verdict"] == word


def test_every_measure_of_both_tables_has_its_claim():
    assert set(ledger.TABLE6 + ledger.TABLE10) == set(MEASURES) - {"ssim-sewar"}
    assert len(BY_KEY) == len(ledger.CLAIMS)
    assert all(claim.paper and claim.place and claim.text and claim.measured and claim.artefact for claim in ledger.CLAIMS)


def test_noise_prompt_and_seed():
    lines = {line["key"]: line for line in ledger.judged({"02_edits": edits()})}
    assert lines["photoguard/noise"]["effect"][0] == pytest.approx(0.3 - 0.02 + 0.0025 * 0.5)
    assert lines["photoguard/prompt"]["effect"][0] == pytest.approx(0.2) and lines["photoguard/prompt"]["verdict"] == "held"
    assert lines["photoguard/seed"]["effect"][0] == pytest.approx(-0.4) and lines["photoguard/seed"]["verdict"] == "not held"
    loud = ledger.judge(BY_KEY["photoguard/noise"], edits(noise=0.5))
    assert loud["verdict"] == "not held"


def test_what_reaches_both_sides_or_stands_alone_is_undecided():
    assert ledger.verdict(-0.1, 0.1) == ledger.verdict(math.nan, math.nan) == ledger.verdict(0.0, 0.2) == "undecided"
    assert ledger.judge(BY_KEY["photoguard/encoder/ssim"], edits(people=1))["verdict"] == "undecided"


def bypass(left):
    """Rows of notebook 01: an effect of 0.2 without JPEG, of which a share is left at 75."""
    common = dict(edit="variation", group="people", prompt="a", seed="same")
    return [
        dict(common, image=f"p{i}", protection=arm, quality=q, ssim=ssim + 0.001 * i * q0)
        for i in range(5)
        for q, q0, clean in ((None, 0, 1.0), (75, 1, 0.9))
        for arm, ssim in (("clean", clean), ("photoguard-encoder", clean - 0.2 * (left if q else 1)), ("noise", clean))
    ]


@pytest.mark.parametrize(("left", "word", "effect"), [(0.1, "held", 0.08), (0.9, "not held", -0.08)])
def test_jpeg_undoes_it_where_less_than_half_is_left(left, word, effect):
    line = ledger.judge(BY_KEY["jpeg/variation"], bypass(left))
    assert line["verdict"] == word and line["effect"][0] == pytest.approx(effect)


def test_the_premise_counts_what_a_file_leaves():
    rows = [
        dict(protection="photoguard-encoder", kind=kind, band=band, quality=quality, image=f"p{i}", kept=0.9 + 0.01 * i)
        for i in range(4) for kind in ("brightness", "colour") for band in ("all", "x") for quality in (None, 75)
    ]  # fmt: skip
    line = ledger.judge(BY_KEY["gapdiff/premise"], rows)
    assert line["verdict"] == "not held" and line["effect"][0] == pytest.approx(-0.415) and line["images"] == 4


def test_the_ledger_reads_what_there_is_and_marks_what_was_not_run(tmp_path):
    assert {line["verdict"] for line in ledger.ledger(tmp_path)} == {"not run"}
    (tmp_path / "02_edits.csv").write_text(rows_csv(edits()))
    lines = {line["key"]: line for line in ledger.ledger(tmp_path)}
    assert set(lines) == set(BY_KEY) and lines["jpeg/variation"]["verdict"] == lines["gapdiff/premise"]["verdict"] == "not run"
    for line in ledger.judged({"02_edits": edits()}):
        assert lines[line["key"]]["verdict"] == line["verdict"] != "not run"
    left_out = [r for r in edits() if r["protection"] != "diffusion"]
    assert ledger.judge(BY_KEY["photoguard/prompt"], left_out) | {"effect": 0} == lines["photoguard/prompt"] | {
        "effect": 0, "images": 0, "verdict": "not run",
    }  # fmt: skip


def test_the_command_prints_the_ledger_or_says_what_is_missing(tmp_path, capsys):
    from reproduce.cli import commands as cli

    (tmp_path / "bundled-smoke").mkdir()
    (tmp_path / "bundled-smoke" / "02_edits.csv").write_text(rows_csv(edits()))
    assert cli.main(["claims", "--scale", "smoke", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("\n| ") == len(ledger.CLAIMS) + 1 and "| held |" in out and "| not run |" in out
    for words, said in ((["--profile", "sd15"], "no results in"), (["--scale", "smok"], "did you mean smoke?")):
        assert cli.main(["claims", "--out", str(tmp_path), *words]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1
