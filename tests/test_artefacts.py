"""Rows as CSV and back; the manifest; what rows are about."""

import json

import pytest
import rowkit

from reproduce.artefacts import manifest
from reproduce.artefacts.about import about, settings_note
from reproduce.artefacts.rows import Damaged, read_rows, rows_csv


def test_rows_come_back_as_they_went(tmp_path):
    went = [
        {"a": 1, "b": 0.25, "c": None, "d": "x, y", "e": True},
        {"a": -3, "b": 1e-9, "c": 2, "d": "no", "e": False},
    ]
    path = tmp_path / "rows.csv"
    path.write_text(rows_csv(went))
    came = read_rows(path)
    assert came == went
    assert [type(v) for v in came[0].values()] == [int, float, type(None), str, bool]


def test_names_stay_words_whatever_they_look_like(tmp_path):
    went = [
        {"subject": "7", "prompt": "true", "changed": "", "quality": None, "protection": "nan"},
        {"subject": "1e3", "prompt": "a\nb", "changed": "alpha 0", "quality": 75, "protection": "inf"},
    ]
    (tmp_path / "rows.csv").write_bytes(rows_csv(went).encode())
    assert read_rows(tmp_path / "rows.csv") == went


def test_saving_what_was_read_gives_the_same_bytes(tmp_path):
    for artefact, rows in rowkit.rows().items():
        path = rowkit.save(tmp_path, artefact, rows)
        assert rows_csv(read_rows(path)).encode() == path.read_bytes()


def test_a_line_of_other_length_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(Damaged, match="^rows.csv: line 3 is cut off: 1 cells under 2 columns$"):
        read_rows(path)


def test_rows_are_those_that_were_saved(tmp_path):
    path = rowkit.save(tmp_path, "02_printed", rowkit.rows()["02_printed"])
    assert manifest.rows(tmp_path, "02_printed", ("form", "step")) == rowkit.rows()["02_printed"]
    path.write_bytes(path.read_bytes().replace(b"as printed", b"as planned"))
    with pytest.raises(Damaged, match="02_printed.csv: not the file that manifest.json lists"):
        manifest.rows(tmp_path, "02_printed")
    with pytest.raises(manifest.NotRun, match="no 02_edits.csv in .*; run notebook 02 first"):
        manifest.rows(tmp_path, "02_edits")


def test_about_is_what_the_entries_say(tmp_path):
    for artefact in ("02_edits", "02_distances"):
        rowkit.save(tmp_path, artefact, rowkit.rows()[artefact])
    found = about(tmp_path, ["02_edits", "02_distances"])
    assert found.describe() == "bundled (f00), 128 px, cpu, float32"
    assert found.run() == "bundled (f00), 128 px, cpu, float32; seed 0, scale smoke"
    assert found.count("rebuilt") == 32 and found.edits("inpainting")["steps"] == 20 and found.settings["clip"]["fingerprint"] == "c00"
    rowkit.save(tmp_path, "02_distances", rowkit.rows()["02_distances"], seed=1)
    with pytest.raises(Damaged, match=r"02_edits and 02_distances are of different runs \(seed: 0 and 1\)"):
        about(tmp_path, ["02_edits", "02_distances"])


def test_settings_of_several_rows_are_joined(tmp_path):
    for artefact, settings in (("a", {"protections": {"x": 1}, "distance": "d"}), ("b", {"protections": {"y": 2}})):
        manifest.enter(tmp_path / f"{artefact}.csv", b"q\n1\n", artefact, rowkit.ORIGIN | {"notebook": None}, settings=settings, seconds=0)
    assert about(tmp_path, ["a", "b"]).settings == {"protections": {"x": 1, "y": 2}, "distance": "d"}


def test_an_entry_of_an_older_version_says_what_it_lacks(tmp_path):
    rowkit.save(tmp_path, "02_edits", rowkit.rows()["02_edits"])
    listed = json.loads((tmp_path / "manifest.json").read_text())
    del listed["02_edits"]["precision"]
    (tmp_path / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(Damaged, match="manifest.json: 02_edits has no 'precision'; run notebook 02 again"):
        about(tmp_path, ["02_edits"])


def test_a_footnote_tells_a_difference_only_where_there_is_one():
    assert settings_note("JPEG 75", dict(source="a paper", differs="rounded")) == "JPEG 75: a paper. Differs: rounded."
    assert settings_note("JPEG 75", dict(source="a paper", differs="")) == "JPEG 75: a paper."
