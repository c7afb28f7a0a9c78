"""The ledger on rows whose answer is known by hand, and the committed verdicts computed again from the committed rows alone."""

import csv
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
import rowkit
from scipy import stats

from reproduce.papers.measures import BETTER, TABLE6, TABLE10, distance
from reproduce.report import ledger
from reproduce.report.claims import CLAIMS, Claim
from reproduce.report.effects import PERSON, Contrast
from reproduce.report.margins import DIVIDE
from reproduce.report.schema import COLUMNS
from reproduce.report.statistics import holm

BY_KEY = {claim.key: claim for claim in CLAIMS}
ARMS = {
    "clean": 1.0, "noise": 0.98, "encoder": 0.9, "encoder, strong": 0.6, "diffusion": 0.8, "diffusion, strong": 0.5,
    "encoder, equal norm": 0.92, "diffusion, equal norm": 0.86, "another seed": 0.4,
}  # fmt: skip


def edits(people=20, seeds=3, fit=(0.5, 0.3), **arms):
    """Rows as notebook 02 writes them; each person's numbers are shifted a little, so that there is an interval."""
    found = []
    for i in range(people):
        for prompt in ("a", "b"):
            for seed in range(seeds):
                for arm, value in (ARMS | arms).items():
                    row = dict(subject=f"p{i}", prompt=prompt, seed=seed, rule="list" if seed else "fixed", protection=arm)
                    row |= dict(fit=fit[arm == "diffusion"] + 0.01 * i + 0.001 * seed * (arm == "diffusion"))
                    shift = 0.001 * (i % 5) * (arm != "clean")
                    loss = {name: (1 - value - shift) * DIVIDE.get(name, DIVIDE[PERSON]) / DIVIDE[PERSON] for name in (*BETTER, PERSON)}
                    row |= {name: 1 - each for name, each in loss.items()} | {"gmsd": loss["gmsd"]}
                    row["psnr"] = -20 * math.log10(max(1e-3, loss["psnr"]))
                    found += [row, row | {"rule": "best", "ssim": 0.0, PERSON: 0.0}]
    return found


def lines(rows, artefact="02_edits"):
    return {line["key"]: line for line in ledger.judged({artefact: rows})}


def test_every_claim_says_all_of_itself_beforehand():
    assert len(BY_KEY) == len(CLAIMS)
    for claim in CLAIMS:
        assert all((claim.paper, claim.place, claim.text, claim.estimand, claim.artefact, claim.because)), claim.key
        assert claim.says in ("above", "below") and isinstance(claim.at(claim.measure), float) and claim.people >= 20
        assert claim.artefact in COLUMNS and (callable(claim.contrast) or claim.column.format(claim.measure) in COLUMNS[claim.artefact])
        for measure in claim.others:
            assert claim.column.format(measure) in COLUMNS[claim.artefact], (claim.key, measure)


def test_margins_are_what_the_paper_prints():
    assert DIVIDE["ssim"] == pytest.approx(1 - (0.75 + 0.58) / 2) and DIVIDE[PERSON] == DIVIDE["ssim"]
    assert DIVIDE["gmsd"] == pytest.approx((0.20 + 0.26) / 2)
    assert DIVIDE["psnr"] == pytest.approx((10 ** (-19.21 / 20) + 10 ** (-14.91 / 20)) / 2)
    assert BY_KEY["photoguard/encoder"].at("ssim") == pytest.approx((0.75 - 0.58) / 10)
    assert BY_KEY["photoguard/diffusion"].at("gmsd") == pytest.approx((0.27 - 0.26) / 10)


def test_a_similarity_as_a_distance():
    assert distance("ssim_person_likewise", 0.9) == pytest.approx(0.1) and distance("gmsd", 0.2) == 0.2
    assert distance("psnr", 20) == pytest.approx(0.1) and distance("latent_shift", 0.3) == 0.3
    assert [distance(name, 0.0 if name == "gmsd" else 1.0) for name in (*TABLE6, *TABLE10) if name != "psnr"] == [0.0] * 8


def test_effects_average_a_person_first_and_leave_the_best_seeds_out():
    line = lines(edits())["photoguard/encoder"]
    assert line["effect"][0] == pytest.approx(0.08) and (line["people"], line["seeds"], line["verdict"]) == (20, 3, "supported")
    by_hand = [0.02 - 0.001 * (i % 5) for i in range(20)]  # noise of each person
    line = lines(edits())["photoguard/noise"]
    reach = stats.t.ppf(0.975, 19) * statistics.stdev(by_hand) / 20**0.5
    assert line["effect"] == pytest.approx((0.018, 0.018 - reach, 0.018 + reach))


def test_both_answers_have_the_same_margin():
    near, far = DIVIDE[PERSON] - 0.01, DIVIDE[PERSON] + 0.02
    for loss, noise, different in ((near, "supported", "contradicted"), (far, "contradicted", "supported")):
        found = lines(edits(**{"noise": 1 - loss, "diffusion, strong": 1 - loss}))
        assert (found["photoguard/noise"]["verdict"], found["photoguard/different"]["verdict"]) == (noise, different)


@pytest.mark.parametrize("said", ["another arm", "a tenth is no difference", "the reverse"])
def test_order_of_the_attacks(said):
    arms = {"another arm": {}, "a tenth is no difference": {"encoder": 0.98 - 0.005}, "the reverse": {"encoder": 0.995}}[said]
    line = lines(edits(**arms))["photoguard/encoder"]
    assert line["verdict"] == ("supported" if said == "another arm" else "contradicted")
    assert lines(edits())["photoguard/diffusion"]["effect"][0] == pytest.approx(0.06), "at one norm, not the paper's 0.1"


def test_too_few_people_or_seeds_get_no_verdict():
    for few in (dict(people=19), dict(seeds=2), dict(people=1)):
        line = lines(edits(**few))["photoguard/encoder"]
        assert line["verdict"] == "too few" and line["effect"][0] == pytest.approx(0.08)
    assert lines([r for r in edits() if r["protection"] != "noise"])["photoguard/noise"]["verdict"] == "not run"


def test_a_measure_that_decides_the_opposite_is_in_the_word_and_one_that_does_not_decide_is_told():
    rows = [row | {"vifp": 0.999 if row["protection"] == "encoder" else row["vifp"]} for row in edits()]
    line = lines(rows)["photoguard/encoder"]
    assert line["verdict"] == "depends on the measure" and "vifp: contradicted" in line["changes"]
    wild = np.random.default_rng(0)
    rows = [row | {"vifp": row["vifp"] + wild.normal(0, 3) * (row["protection"] == "encoder")} for row in edits()]
    line = lines(rows)["photoguard/encoder"]
    assert line["verdict"] == "supported" and "vifp: undecided" in line["changes"]
    assert "strong attack" not in line["changes"]
    rows = [row | {PERSON: 0.999} if (row["seed"], row["protection"]) == (2, "encoder") else row for row in edits()]
    assert lines(rows)["photoguard/encoder"]["verdict"] == "depends on the seed"


def test_holm_counts_the_claims_of_one_paper():
    shifts = np.random.default_rng(3).normal(0, 1, 20)
    shifts = 0.012 * (shifts - shifts.mean()) / shifts.std(ddof=1)
    away = 2.35 * 0.012 / 20**0.5  # t = 2.35, p = 0.030: decided alone

    def rows(*arms):
        """With effects of these arms so little beside their margin: the noise's below it, the fit's above 0."""
        found = edits()
        for row in found:
            shift = shifts[int(row["subject"][1:])]
            if row["protection"] == "noise" and "noise" in arms:
                row[PERSON] = 1 - DIVIDE[PERSON] + away + shift
            if row["protection"] == "diffusion" and "fit" in arms:
                row["fit"] = 0.5 + 0.01 * int(row["subject"][1:]) - away - shift
        return found

    alone = 2 * stats.t.sf(2.35, 19)
    line = lines(rows("noise"))["photoguard/noise"]
    assert line["verdict"] == "supported" and line["p"] == pytest.approx(alone), "the other four are all but certain: it stands last"
    for key in ("photoguard/noise", "photoguard/prompt"):
        line = lines(rows("noise", "fit"))[key]
        assert line["verdict"] == "undecided" and line["p"] == pytest.approx(2 * alone) and alone < 0.05
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def bypass(share, people=20, effect=0.2):
    """Rows of notebook 01: an effect without JPEG, of which a share remains at 75."""
    return [
        dict(misuse="variation", role="people", prompt="a", seed=seed, subject=f"p{i}", protection=arm, quality=q,
             **{f"{name}_likewise": 1 - (effect + 0.004 * (i % 5)) * (share if q else 1) for name in ("ssim", PERSON, "vifp", "fsim")},
             psnr_likewise=20.0 - 20 * math.log10(share if q else 1))
        for i in range(people) for seed in range(3) for q in (None, 75) for arm in ("encoder",)
    ]  # fmt: skip


@pytest.mark.parametrize(("share", "word"), [(0.1, "supported"), (0.9, "contradicted")])
def test_jpeg_undoes_it_where_less_than_half_remains(share, word):
    line = lines(bypass(share), "01_edits")["jpeg/variation"]
    assert line["verdict"] == word and line["effect"][0] == pytest.approx(share)
    assert line["margin"] == "below 0.5" and lines(bypass(share), "01_edits")["jpeg/inpainting"]["verdict"] == "not run"


def test_nothing_is_said_of_a_share_of_nothing():
    chance = np.random.default_rng(0)
    rows = [row | {f"{PERSON}_likewise": 1 + chance.normal(0, 0.1)} for row in bypass(0.1)]
    line = lines(rows, "01_edits")["jpeg/variation"]
    assert line["verdict"] == "undecided" and math.isnan(line["effect"][1])


def test_the_premise_counts_energy_of_all_channels():
    rows = [
        dict(protection="encoder", kind=kind, band=band, quality=quality, subject=f"p{i}", kept=0.7,
             kept_energy={"all": 0.4, "brightness": 0.8, "colour": 0.1}[kind] + 0.001 * i)
        for i in range(20) for kind in ("all", "brightness", "colour") for band in ("all", "x") for quality in (None, 75)
    ]  # fmt: skip
    line = lines(rows, "05_spectra")["gapdiff/premise"]
    assert line["verdict"] == "depends on the measure" and line["effect"][0] == pytest.approx(0.4095) and line["people"] == 20
    assert "brightness: contradicted" in line["changes"] and "kept: contradicted" in line["changes"]


def purified(*cells):
    """Rows of notebook 03; cells: (purifier, SSIM of the picture, of the edit)."""
    return [
        dict(subject=f"p{i}", prompt="a", seed=seed, protection="diffusion", purifier=purifier, changed="", picture_ssim=alike,
             **{f"{name}_likewise": near + 0.001 * (i % 3) for name in ("ssim", PERSON, "vifp", "fsim", "psnr")})
        for i in range(20) for seed in range(3) for purifier, alike, near in cells
    ]  # fmt: skip


def test_jpeg_and_impress_are_compared_at_equal_likeness():
    files = [("none", 1.0, 0.6), ("JPEG 75", 0.95, 0.7), ("JPEG 15", 0.85, 0.8)]
    line = lines(purified(*files, ("IMPRESS", 0.9, 0.7)), "03_edits")["impress/jpeg"]
    assert line["effect"][0] == pytest.approx(0.05) and line["verdict"] == "supported"
    out_of_reach = lines(purified(*files, ("IMPRESS", 0.8, 0.7)), "03_edits")["impress/jpeg"]
    assert out_of_reach["verdict"] == "not run"


def test_the_sensitivity_table_has_every_measure_arm_and_seed():
    found = ledger.sensitivity({"02_edits": edits()})
    mine = [line for line in found if line["claim"] == BY_KEY["photoguard/encoder"].text]
    assert {line["name"] for line in mine if line["kind"] == "measure"} == {*TABLE6, *TABLE10}
    assert {line["name"] for line in mine if line["kind"] == "seed"} == {"seed 0", "seed 1", "seed 2"}
    assert [line["name"] for line in mine if line["kind"] == "arm"] == ["strong attack"], "arms that were not run have no line"


def whole(rows):
    """The rows with every column of the schema, which files are checked for."""
    return [dict.fromkeys(COLUMNS["02_edits"]) | row for row in rows]


def test_the_ledger_reads_what_there_is_and_marks_what_was_not_run(tmp_path):
    assert {line["verdict"] for line in ledger.ledger(tmp_path)} == {"not run"}
    rowkit.save(tmp_path, "02_edits", whole(edits()))
    found = {line["key"]: line for line in ledger.ledger(tmp_path)}
    assert set(found) == set(BY_KEY) and found["jpeg/variation"]["verdict"] == found["gapdiff/premise"]["verdict"] == "not run"
    for line in ledger.judged({"02_edits": edits()}):
        assert found[line["key"]]["verdict"] == line["verdict"] != "not run"


def test_nothing_is_judged_on_rows_that_are_not_those_that_were_saved(tmp_path):
    path = rowkit.save(tmp_path, "02_edits", whole(edits()))
    sound = {line["key"]: line["verdict"] for line in ledger.ledger(tmp_path)}
    path.write_bytes(path.read_bytes().replace(b"0.9", b"0.1"))
    for key, line in ((line["key"], line) for line in ledger.ledger(tmp_path)):
        if BY_KEY[key].artefact == "02_edits":
            assert sound[key] in ("supported", "contradicted") and line["effect"] is None and line["people"] == 0
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
    assert any("| supported |" in line for line in table) and any("| not run |" in line for line in table)
    assert any("Holm" in line for line in table) and sum(line.startswith("- Margin of") for line in table) == len(CLAIMS)
    for words, said in ((["--profile", "sd15"], "no results in"), (["--scale", "smok"], "did you mean smoke?")):
        assert cli.main(["claims", "--out", str(tmp_path), *words]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1


COMMITTED = Path(__file__).parents[1] / "figures" / "bundled"


@pytest.mark.skipif(not (COMMITTED / "manifest.json").exists(), reason="no committed rows here")
def test_the_committed_verdicts_follow_from_the_committed_rows():
    """Every verdict once more, by a plain way of its own: csv, numpy and scipy's t tests, no code of the ledger's."""
    judged, plain = {line["key"]: line for line in ledger.ledger(COMMITTED)}, {}
    for claim in CLAIMS:
        if not callable(claim.contrast) and judged[claim.key]["verdict"] not in ("not run",):
            plain[claim.key] = by_hand(claim, claim.contrast)
    assert plain, "rows are committed"
    for paper in {claim.paper for claim in CLAIMS}:
        mine = {c.key: plain[c.key] for c in CLAIMS if c.paper == paper and c.key in plain and plain[c.key][2] >= c.people
                and plain[c.key][3] >= c.seeds}  # fmt: skip
        special = [judged[c.key] for c in CLAIMS if c.paper == paper and callable(c.contrast) and judged[c.key]["verdict"] != "too few"]
        if any(line["verdict"] != "not run" for line in special):
            mine |= {line["key"]: (None, line["p"], 0, 0) for line in special}
        order = sorted(mine, key=lambda key: mine[key][1])
        for rank, key in enumerate(order):
            side, p, *_ = mine[key]
            if side is None:
                continue
            adjusted = max(min(1.0, (len(order) - k) * mine[order[k]][1]) for k in range(rank + 1))
            word = "undecided" if adjusted >= 0.05 else "supported" if side == BY_KEY[key].says else "contradicted"
            said = judged[key]["verdict"]
            assert said == word or (said.startswith("depends on") and word != "undecided"), key


def by_hand(claim: Claim, contrast: Contrast):
    """(side of the margin, p, people, seeds), from the CSV file alone."""
    with open(COMMITTED / f"{claim.artefact}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    column, margin = claim.column.format(claim.measure), claim.at(claim.measure)

    def wanted(row, having):
        return all(
            any(row[k] == ("" if one is None else str(one)) for one in (v if isinstance(v, tuple) else (v,))) for k, v in having.items()
        )

    def value(row):
        number = float(row[column])
        if claim.plain:
            return number
        return 10 ** (-number / 20) if column.startswith("psnr") else number if column.startswith("gmsd") else 1 - number

    people, seeds = {}, set()
    for key in {(r["subject"], r.get("prompt"), r.get("seed")) for r in rows}:
        mine = [r for r in rows if (r["subject"], r.get("prompt"), r.get("seed")) == key and wanted(r, contrast.where)]
        parts = [(w if n == 0 else -margin * w, [r for r in mine if wanted(r, having) and r[column]])
                 for n, terms in enumerate((contrast.above, contrast.below)) for w, having in terms]  # fmt: skip
        if all(found for _, found in parts):
            seeds.add(key[2])
            away = sum(w * value(found[-1]) for w, found in parts) - (0 if contrast.below else margin)
            people.setdefault(key[0], []).append(away)
    each = [statistics.mean(found) for found in people.values()]
    test = stats.ttest_1samp(each, 0.0)
    return "above" if test.statistic > 0 else "below", test.pvalue, len(each), len(seeds)
