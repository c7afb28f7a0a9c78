"""From rows of one picture each to people: every convention by numbers worked out by hand, in a process that has no torch."""

import math
import subprocess
import sys

import pytest

from reproduce.papers import faces as paper
from reproduce.report import faces
from reproduce.report.statistics import student

# Ann: found in 3 of 4. Bob: in 1 of 2. Cem: in none of 2.
ROWS = [
    dict(subject="Ann", face=1, ism=0.9, serfiq=0.90, rank=1, brisque=10.0),
    dict(subject="Ann", face=1, ism=0.6, serfiq=0.88, rank=3, brisque=20.0),
    dict(subject="Bob", face=0, ism=None, serfiq=None, rank=None, brisque=50.0),
    dict(subject="Ann", face=0, ism=math.nan, serfiq=math.nan, rank=math.nan, brisque=None),
    dict(subject="Ann", face=1, ism=-0.3, serfiq=0.80, rank=16, brisque=30.0),
    dict(subject="Bob", face=1, ism=0.2, serfiq=0.86, rank=1, brisque=70.0),
    dict(subject="Cem", face=0, ism=None, serfiq=None, rank=None, brisque=90.0),
    dict(subject="Cem", face=0, ism=None, serfiq=None, rank=None, brisque=100.0),
]


def refusal(call, said):
    with pytest.raises(ValueError, match=said) as error:
        call()
    assert "\n" not in str(error.value)


def test_failures_are_shares_of_a_persons_pictures():
    assert faces.failures(ROWS) == {"Ann": 0.25, "Bob": 0.5, "Cem": 1.0}


def test_the_conventions_of_ism_by_hand():
    ann, bob = (0.9 + 0.6 - 0.3) / 3, 0.2
    assert faces.people(ROWS, "ism", paper.ISM["gap-diff"]) == pytest.approx({"Ann": ann, "Bob": bob, "Cem": 0})
    assert faces.people(ROWS, "ism", paper.ISM["anti-dreambooth"]) == pytest.approx({"Ann": ann, "Bob": bob})
    assert faces.people(ROWS, "ism", paper.ISM["all pictures"]) == pytest.approx({"Ann": 1.2 / 4, "Bob": 0.1, "Cem": 0})
    [line] = faces.table(ROWS)
    assert line["ism_gap-diff"][0] == pytest.approx(0.6 / 3) and line["ism_anti-dreambooth"][0] == pytest.approx(0.6 / 2)
    assert line["ism_all pictures"][0] == pytest.approx(0.4 / 3)
    assert line["ism_gap-diff"] == pytest.approx(student([0.4, 0.2, 0]))
    assert line["fdfr"] == pytest.approx([100 * value for value in student([0.25, 0.5, 1])])
    assert (line["people"], line["pictures"], line["faceless"]) == (3, 8, 1)


def test_both_averages_of_serfiq_before_and_after_its_logistic():
    spread = [1 / (1 + math.exp(-130 * (score - 0.88))) for score in (0.90, 0.88, 0.80, 0.86)]
    assert spread[1] == 0.5 and spread[0] > 0.9 > 0.1 > spread[3] > spread[2]
    [line] = faces.table(ROWS)
    assert line["serfiq_gap-diff"][0] == pytest.approx((2.58 / 4 + 0.86 / 2 + 0) / 3)
    assert line["serfiq_anti-dreambooth"][0] == pytest.approx((2.58 / 3 + 0.86) / 2)
    assert line["serfiq_spread_gap-diff"][0] == pytest.approx((sum(spread[:3]) / 4 + spread[3] / 2 + 0) / 3)
    assert line["serfiq_spread_anti-dreambooth"][0] == pytest.approx((sum(spread[:3]) / 3 + spread[3]) / 2)
    assert faces.spread(None) is None and math.isnan(faces.spread(math.nan))
    assert faces.spread(0.0) == pytest.approx(1 / (1 + math.exp(114.4)), rel=1e-12)


def test_recognition_over_all_pictures_and_over_those_with_a_face():
    assert [row["right"] for row in faces.right(ROWS)] == [1, 0, None, None, 0, 1, None, None]
    [line] = faces.table(ROWS)
    assert line["right_all"][0] == pytest.approx(100 * (1 / 4 + 1 / 2 + 0) / 3)
    assert line["right_detected"][0] == pytest.approx(100 * (1 / 3 + 1) / 2)


def test_brisque_is_over_all_pictures_that_have_one():
    assert faces.table(ROWS)[0]["brisque"] == pytest.approx(student([20, 60, 95]))


def test_groups_are_apart_and_one_person_has_no_interval():
    rows = [row | dict(prompt="B" if row["subject"] == "Bob" else "A") for row in ROWS]
    a, b = faces.table(rows, "prompt")
    assert (a["prompt"], b["prompt"], a["people"], b["people"]) == ("A", "B", 2, 1)
    assert b["fdfr"][0] == 50 and math.isnan(b["fdfr"][1])
    assert a["ism_anti-dreambooth"][0] == pytest.approx(0.4) and a["ism_gap-diff"][0] == pytest.approx(0.2)


def test_where_nobody_has_a_face_the_conventions_part():
    rows = [row for row in ROWS if row["subject"] == "Cem"]
    [line] = faces.table(rows)
    assert line["fdfr"][0] == 100 and line["faceless"] == 1
    assert line["ism_gap-diff"][0] == line["ism_all pictures"][0] == line["serfiq_gap-diff"][0] == 0
    assert math.isnan(line["ism_anti-dreambooth"][0]) and math.isnan(line["serfiq_anti-dreambooth"][0])


def test_what_could_not_be_measured_of_any_face_is_left_out_and_not_zero():
    rows = [row | dict(serfiq=None) for row in ROWS]
    lines = faces.table(rows, "subject")
    assert not [name for line in lines for name in line if name.startswith("serfiq")]
    assert all("ism_gap-diff" in line for line in lines)
    bare = [{key: row[key] for key in ("subject", "face")} for row in ROWS]
    assert set(faces.table(bare)[0]) == {"people", "pictures", "faceless", "fdfr"}


def test_rows_that_contradict_themselves_are_refused():
    lost, extra = dict(ROWS[0], ism=None), dict(ROWS[2], ism=0.4)
    refusal(lambda: faces.table([lost, *ROWS[1:]]), "row 0: ism has a face but no value; measure both by the same networks")
    refusal(lambda: faces.people([*ROWS[:2], extra], "ism", paper.ISM["gap-diff"]), "row 2: ism has 0.4 without a face")
    refusal(lambda: faces.table([]), "expected rows of one picture each, got none")
    refusal(lambda: faces.failures([]), "got none")
    refusal(lambda: faces.failures([dict(subject="Ann", face=None)]), "row 0: expected face to be 1 or 0, got None")
    refusal(lambda: faces.people(ROWS, "isms", paper.ISM["gap-diff"]), "no column 'isms' in these 8 rows; there is: brisque, face, ism")


def test_the_records_say_what_the_reference_says():
    gap, anti, ours = paper.ISM.values()
    assert (gap.without, gap.nobody, gap.reference) == ("nothing", "zero", "C")
    assert (anti.without, anti.nobody, anti.reference) == ("nothing", "nothing", "A+B")
    assert (ours.without, ours.nobody) == ("zero", "zero")
    assert (paper.SERFIQ["paper"].passes, paper.SERFIQ["paper"].slope, paper.SERFIQ["paper"].centre) == (100, 130, 0.88)
    assert (paper.NETWORKS["paper"].threshold, paper.NETWORKS["paper"].overlap) == (0.9, 0.4)
    for table in (paper.NETWORKS, paper.ISM, paper.QUALITY, paper.SERFIQ):
        assert all(record.source and record.differs and "\n" not in record.source + record.differs for record in table.values())


def test_it_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; from reproduce.report import faces; print(faces.spread(0.88))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "0.5"
