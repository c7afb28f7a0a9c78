"""The ledger on rows whose answer is known by hand."""

import math

import pytest
import rowkit

from reproduce.papers.measures import BETTER, TABLE6, TABLE10
from reproduce.report import ledger
from reproduce.report.claims import CLAIMS
from reproduce.report.schema import COLUMNS

BY_KEY = {claim.key: claim for claim in CLAIMS}


def edits(noise=0.98, encoder=0.9, diffusion=0.8, seed=0.4, fit=(0.5, 0.3), people=6):
    """Rows as notebook 02 writes them; each person's numbers are shifted a little, so that there is an interval."""
    found = []
    for i in range(people):
        for prompt in ("a", "b"):
            values = {"clean": 1.0, "noise": noise, "encoder": encoder, "diffusion": diffusion, "another seed": seed}
            for arm, value in values.items():
                row = dict(subject=f"p{i}", prompt=prompt, rule="fixed", protection=arm, fit=fit[arm == "diffusion"] + 0.01 * i)
                row |= {name: (1 - value if name == "gmsd" else value) + 0.001 * i * (arm != "clean") for name in BETTER}
                found += [row, row | {"rule": "best", "ssim": 0.0}]
            found.append(dict(subject=f"p{i}", prompt=prompt, rule="none", protection="photograph", fit=0.1))
    return found


@pytest.mark.parametrize("measure", TABLE6 + TABLE10)
def test_order_of_the_attacks_on_every_measure_and_its_reverse(measure):
    for rows, word, effect in ((edits(), "held", 0.08), (edits(encoder=0.99, diffusion=0.995), "not held", -0.01)):
        line = ledger.judge(BY_KEY[f"photoguard/encoder/{measure}"], rows)
        assert line["verdict"] == word and line["effect"][0] == pytest.approx(effect) and line["images"] == 6
        assert ledger.judge(BY_KEY[f"photoguard/diffusion/{measure}"], rows)["verdict"] == word


def test_every_measure_of_both_tables_has_its_claim():
    assert set(TABLE6 + TABLE10) == set(BETTER) - {"ssim-sewar"}
    assert len(BY_KEY) == len(CLAIMS)
    assert all(claim.paper and claim.place and claim.text and claim.measured and claim.artefact for claim in CLAIMS)


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
    common = dict(misuse="variation", role="people", prompt="a", seed=0)
    return [
        dict(common, subject=f"p{i}", protection=arm, quality=q, ssim=ssim + 0.001 * i * q0)
        for i in range(5)
        for q, q0, clean in ((None, 0, 1.0), (75, 1, 0.9))
        for arm, ssim in (("clean", clean), ("encoder", clean - 0.2 * (left if q else 1)), ("noise", clean))
    ]


@pytest.mark.parametrize(("left", "word", "effect"), [(0.1, "held", 0.08), (0.9, "not held", -0.08)])
def test_jpeg_undoes_it_where_less_than_half_is_left(left, word, effect):
    line = ledger.judge(BY_KEY["jpeg/variation"], bypass(left))
    assert line["verdict"] == word and line["effect"][0] == pytest.approx(effect)


def test_the_premise_counts_what_a_file_leaves():
    rows = [
        dict(protection="encoder", kind=kind, band=band, quality=quality, subject=f"p{i}", kept=0.9 + 0.01 * i)
        for i in range(4) for kind in ("brightness", "colour") for band in ("all", "x") for quality in (None, 75)
    ]  # fmt: skip
    line = ledger.judge(BY_KEY["gapdiff/premise"], rows)
    assert line["verdict"] == "not held" and line["effect"][0] == pytest.approx(-0.415) and line["images"] == 4


def whole(rows):
    """The rows with every column of the schema, which files are checked for."""
    return [dict.fromkeys(COLUMNS["02_edits"]) | row for row in rows]


def test_the_ledger_reads_what_there_is_and_marks_what_was_not_run(tmp_path):
    assert {line["verdict"] for line in ledger.ledger(tmp_path)} == {"not run"}
    rowkit.save(tmp_path, "02_edits", whole(edits()))
    lines = {line["key"]: line for line in ledger.ledger(tmp_path)}
    assert set(lines) == set(BY_KEY) and lines["jpeg/variation"]["verdict"] == lines["gapdiff/premise"]["verdict"] == "not run"
    for line in ledger.judged({"02_edits": edits()}):
        assert lines[line["key"]]["verdict"] == line["verdict"] != "not run"
    left_out = [r for r in edits() if r["protection"] != "diffusion"]
    assert ledger.judge(BY_KEY["photoguard/prompt"], left_out) | {"effect": 0} == lines["photoguard/prompt"] | {
        "effect": 0, "images": 0, "verdict": "not run",
    }  # fmt: skip


def test_nothing_is_judged_on_rows_that_are_not_those_that_were_saved(tmp_path):
    path = rowkit.save(tmp_path, "02_edits", whole(edits()))
    sound = {line["key"]: line["verdict"] for line in ledger.ledger(tmp_path)}
    path.write_bytes(path.read_bytes().replace(b"0.9", b"0.1"))
    lines = {line["key"]: line for line in ledger.ledger(tmp_path)}
    for key, line in lines.items():
        if BY_KEY[key].artefact == "02_edits":
            assert sound[key] in ("held", "not held") and line["effect"] is None and line["images"] == 0
            assert line["verdict"].startswith("damaged: 02_edits.csv: not the file that manifest.json lists")
        else:
            assert line["verdict"] == "not run"
    rowkit.save(tmp_path, "02_edits", [{k: v for k, v in row.items() if k != "gmsd"} for row in whole(edits())])
    assert {line["verdict"].split(";")[0] for line in ledger.ledger(tmp_path) if line["key"] == "photoguard/noise"} == {
        "damaged: 02_edits.csv: no column 'gmsd'"
    }
    (tmp_path / "manifest.json").unlink()
    verdicts = {line["key"]: line["verdict"] for line in ledger.ledger(tmp_path)}
    assert "not listed in manifest.json" in verdicts["photoguard/noise"] and verdicts["jpeg/variation"] == "not run"


def test_the_command_says_whose_rows_it_judges_and_prints_the_ledger(tmp_path, capsys):
    from reproduce.cli import commands as cli

    rowkit.save(tmp_path / "bundled-smoke", "02_edits", whole(edits()))
    rowkit.save(tmp_path / "bundled-smoke", "01_edits", rowkit.rows()["01_edits"], seed=3, pictures="mine")
    assert cli.main(["claims", "--scale", "smoke", "--out", str(tmp_path)]) == 0
    first, second, empty, *table = capsys.readouterr().out.splitlines()
    assert first == "bundled: bundled (f00), 128 px, cpu, float32; seed 0, scale smoke; the profile's own people (02_edits)"
    assert second == "bundled: bundled (f00), 128 px, cpu, float32; seed 3, scale smoke; pictures of mine (01_edits)"
    assert empty == "" and sum(line.startswith("| ") for line in table) == len(CLAIMS) + 2
    assert any("| held |" in line for line in table) and any("| not run |" in line for line in table)
    for words, said in ((["--profile", "sd15"], "no results in"), (["--scale", "smok"], "did you mean smoke?")):
        assert cli.main(["claims", "--out", str(tmp_path), *words]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1
