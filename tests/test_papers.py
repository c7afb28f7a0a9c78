"""Settings say where they are from; published numbers parse, are unique, and equal the papers' tables."""

import csv
import dataclasses

import pytest

from reproduce.papers import photoguard as paper
from reproduce.papers import published

TABLES = {name: table for name, table in vars(paper).items() if isinstance(table, dict) and name.isupper() and name[0] != "_"}


def raw():
    with open(published.PUBLISHED, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_record_is_frozen_and_names_its_source():
    assert set(TABLES) >= {"PHOTOGUARD_ENCODER", "NOISE", "PHOTOGUARD_EDIT"}
    for table in TABLES.values():
        for record in table.values():
            assert record.source and "\n" not in record.source + record.differs
            with pytest.raises(dataclasses.FrozenInstanceError):
                record.source = "another"


def test_table_8_of_photoguard():
    edit = paper.PHOTOGUARD_EDIT["paper"]
    assert (edit.size, edit.guidance, edit.steps, edit.eta) == (512, 7.5, 100, 1)


def test_rows_parse_and_nothing_is_there_twice():
    rows = raw()
    assert list(rows[0]) == [field.name for field in dataclasses.fields(published.Published)]
    keys = [row["key"] for row in rows]
    assert len(set(keys)) == len(keys)
    assert len({(r["paper"], r["place"], r["quantity"], r["condition"]) for r in rows}) == len(rows)
    for row in rows:
        assert None not in row and row["standing"] in published.STANDINGS, row  # None: a comma too many
        float(row["value"])
        assert row["spread"] == "" or float(row["spread"]) > 0
        assert all(row[name] for name in ("paper", "place", "quantity", "condition", "note")), row
        assert all(part and part == part.lower() and " " not in part for part in row["key"].split("/"))
        assert all(value == value.strip() for value in row.values())


# PhotoGuard, arXiv 2302.06588, typed from the paper: Table 6, then Table 10
TABLE_6 = {
    "noise": "82.57 1.00 0.75±0.13 19.21±4.00 0.43±0.13 0.83±0.08",
    "encoder": "130.6 0.95 0.58±0.11 14.91±2.78 0.30±0.10 0.73±0.08",
    "diffusion": "167.6 0.87 0.50±0.09 13.58±2.23 0.24±0.09 0.69±0.06",
}
TABLE_10 = {
    "noise": "0.91±0.04 0.20±0.06 0.94±0.03 0.35±0.18 0.52±0.15",
    "encoder": "0.86±0.05 0.26±0.05 0.90±0.03 0.19±0.09 0.35±0.11",
    "diffusion": "0.84±0.05 0.27±0.04 0.89±0.03 0.17±0.08 0.31±0.08",
}


@pytest.mark.parametrize(
    ("place", "table", "quantities"),
    [
        ("table6", TABLE_6, ["FID", "PR", "SSIM", "PSNR", "VIFp", "FSIM"]),
        ("table10", TABLE_10, ["SR-SIM", "GMSD", "VSI", "DSS", "HaarPSI"]),
    ],
)
def test_photoguards_tables(place, table, quantities):
    for condition, line in table.items():
        rows = published.numbers(f"photoguard/{place}/{condition}")
        assert [row.quantity for row in rows] == quantities
        for row, cell in zip(rows, line.split(), strict=True):
            value, _, spread = cell.partition("±")
            assert row.value == float(value) and row.spread == (float(spread) if spread else None)
            assert row.standing == "printed" and row.unit == ("dB" if row.quantity == "PSNR" else "")
    assert len(published.numbers(f"photoguard/{place}")) == 3 * len(quantities)


def test_numbers_of_others_do_not_pass_for_the_papers_own():
    others = [row for row in published.numbers() if not row.key.startswith("photoguard/")]
    assert {row.standing for row in others} == {"third-party", "thread", "doubtful"}
    doubted = {row.key: row.value for row in others if row.standing == "doubtful"}
    assert doubted == {"impress/note/photoguard/ssim": 0.11, "impress/note/photoguard-purified/ssim": 0.49}
    (jpeg,) = published.numbers("diffvax/tables/photoguard-diffusion-jpeg/seen/ssim")
    assert (jpeg.value, jpeg.standing) == (0.664, "third-party")
    assert published.numbers("dia/supplement-table6/jpeg70/psnr")[0].value == 22.31


def test_claims_are_whole_parts_of_keys():
    assert len(published.numbers()) == len(raw())
    assert len(published.numbers("photoguard/table6/encoder/ssim")) == 1
    for wrong in ("photoguard/table", "photoguard/table7", "", "/"):
        with pytest.raises(ValueError, match="nothing published.*photoguard/table6"):
            published.numbers(wrong)


def test_an_unknown_standing_is_refused(tmp_path, monkeypatch):
    changed = published.PUBLISHED.read_text(encoding="utf-8").replace(",printed,", ",prited,", 1)
    (tmp_path / "published.csv").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(published, "PUBLISHED", tmp_path / "published.csv")
    with pytest.raises(ValueError, match="photoguard/table6/noise/fid.*prited"):
        published.numbers()
