"""Pages: every one is made of rows alone, without torch, to the same bytes each time; what is missing or damaged is told in one line."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
import rowkit
from matplotlib.figure import Figure

from reproduce import notebook, report
from reproduce.artefacts import manifest
from reproduce.artefacts.manifest import NotRun
from reproduce.artefacts.rows import Damaged, rows_csv
from reproduce.cli import commands as cli
from reproduce.report import pages, rebuild, schema
from reproduce.report.page import KINDS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which every page has been made once."""
    folder = rowkit.folder(tmp_path_factory.mktemp("made"))
    done = rebuild.rebuild(folder)
    assert not done.missing and not done.damaged
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it, to be spoilt."""
    return shutil.copytree(made, tmp_path / "bundled-smoke")


def hashes(folder) -> dict:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_rows_of_the_tests_are_those_of_the_schema():
    assert rowkit.complete()


def test_every_page_is_made_and_entered_with_the_origin_of_its_rows(made):
    listed = json.loads((made / "manifest.json").read_text())
    for name, page in pages.PAGES.items():
        [file] = [path for path in made.iterdir() if path.stem == name]
        assert file.suffix == KINDS[page.kind] and listed[name]["files"] == {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
        assert {key: listed[name][key] for key in rowkit.ORIGIN} == rowkit.ORIGIN and listed[name]["settings"]["rows"] == list(page.rows)


def test_making_them_again_gives_the_same_bytes(made):
    before = hashes(made)
    assert len(rebuild.rebuild(made).made) == len(pages.PAGES)
    assert hashes(made) == before


def test_no_page_needs_torch_and_all_are_made_in_seconds(made, tmp_path):
    shutil.copytree(made, tmp_path / "bundled-smoke")
    for path in tmp_path.glob("bundled-smoke/*.*"):
        if path.suffix in (".md", ".png"):
            path.unlink()
    code = "import sys; sys.modules['torch'] = None; from reproduce.__main__ import main; sys.exit(main(sys.argv[1:]))"
    words = ["report", "--scale", "smoke", "--out", str(tmp_path)]
    told = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=20, check=True)
    assert hashes(tmp_path / "bundled-smoke") == hashes(made), "another process, the same bytes"
    assert told.stderr == "" and told.stdout.splitlines()[0] == "00: 2 tables, 0 figures, 1 texts"
    assert told.stdout.splitlines()[-1] == f"{len(pages.PAGES)} artefacts in {tmp_path / 'bundled-smoke'}"


def test_a_notebook_shows_what_report_makes(made, tmp_path):
    import fakelab
    import matplotlib as mpl

    study = fakelab.study(tmp_path)
    rowkit.folder(study.folder)
    with mpl.rc_context({"font.size": 23, "axes.grid": False}):  # whatever a notebook has set
        shown = [study.show(name) for name in ("02_table6", "01_curves", "05_verdict")]
    assert [type(one) for one in shown] == [report.Table, Figure, report.Table]
    for name in ("02_table6.md", "01_curves.png", "05_verdict.md"):
        assert (study.folder / name).read_bytes() == (made / name).read_bytes()
    assert (made / "02_table6.md").read_text() == shown[0]


def test_figures_are_signed_with_model_seed_and_scale(folder):
    before = (folder / "01_latents.png").read_bytes()
    rowkit.save(folder, "01_edits", rowkit.rows()["01_edits"], seed=7)
    pages.publish(folder, "01_latents")
    assert (folder / "01_latents.png").read_bytes() != before


def test_pages_follow_their_rows(folder):
    before = (folder / "01_protected.md").read_text()
    rows = [row | {"rms": 3.0} if row["protection"] == "noise" else row for row in rowkit.rows()["01_protections"]]
    rowkit.save(folder, "01_protections", rows)
    after = pages.publish(folder, "01_protected")
    assert "| uniform noise | 16 | 9 |" in before and "| uniform noise | 16 | 3 |" in after


def test_every_notebook_lists_its_pages_and_rows_and_shows_them():
    cells = {entry.name: json.loads(entry.path.read_text(encoding="utf-8"))["cells"] for entry in notebook.catalogue()}
    for entry in notebook.catalogue():
        source = "\n".join(notebook.source(cell) for cell in cells[entry.name])
        mine = [name for name in (*pages.PAGES, *schema.COLUMNS) if name.startswith(entry.name[:2])]
        assert set(mine) <= set(entry.artefacts)
        for name in mine:
            call = f'study.show("{name}")' if name in pages.PAGES else f'study.save_rows("{name}"'
            assert source.count(call) == 1, f"{entry.name}: {call}"
            rows = pages.PAGES[name].rows if name in pages.PAGES else ()
            saved = [source.index(f'study.save_rows("{row}"') for row in rows]
            assert all(place < source.index(call) for place in saved), f"{name} is shown before its rows are saved"


def test_a_page_that_there_is_not_names_the_nearest(folder):
    with pytest.raises(ValueError, match="no page '01_tabel'; did you mean 01_table?"):
        pages.publish(folder, "01_tabel")


def test_rows_that_are_missing_are_told_and_the_rest_is_made(folder, capsys):
    (folder / "03_edits.csv").unlink()
    with pytest.raises(NotRun, match="no 03_edits.csv in .*; run notebook 03 first"):
        pages.publish(folder, "03_table")
    assert cli.main(["report", "--scale", "smoke", "--out", str(folder.parent)]) == 0
    out = capsys.readouterr().out.splitlines()
    skipped = [line for line in out if line.startswith("skipped")]
    assert len(skipped) == 8 and all("no 03_edits.csv" in line for line in skipped)
    assert "03: 0 tables, 2 figures, 0 texts" in out


CUT = {
    "a line cut off": (lambda data: data[: len(data) // 2], "line .* cut off"),
    "the last line end": (lambda data: data[:-1], "the last, is cut off"),
    "another number": (lambda data: data.replace(b"0.5", b"0.6"), "not the file that manifest.json lists"),
    "no rows": (lambda data: data.splitlines(True)[0], "expected rows, got none"),
    "nothing": (lambda data: b"", "expected rows, got none"),
    "no text": (lambda data: b"\xff\xfe" + data, "expected CSV text"),
}


@pytest.mark.parametrize("how", CUT)
def test_a_damaged_file_is_refused_in_one_line(folder, capsys, how):
    spoil, said = CUT[how]
    path = folder / "01_edits.csv"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(Damaged, match=f"^01_edits.csv: .*{said}") as told:
        pages.publish(folder, "01_table")
    assert "\n" not in str(told.value)


def test_a_damaged_file_keeps_no_other_page_from_being_made(folder, capsys):
    path = folder / "01_edits.csv"
    path.write_bytes(path.read_bytes()[:-100])
    assert cli.main(["report", "--scale", "smoke", "--out", str(folder.parent)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("skipped 01_") for line in out) == 13 and "02: 13 tables, 4 figures, 3 texts" in out


def test_rows_without_a_column_or_unlisted_are_refused(folder):
    rowkit.save(folder, "01_edits", [{k: v for k, v in row.items() if k != "ssim"} for row in rowkit.rows()["01_edits"]])
    with pytest.raises(Damaged, match="01_edits.csv: no column 'ssim'; there is: subject, role"):
        pages.publish(folder, "01_table")
    listed = json.loads((folder / "manifest.json").read_text())
    del listed["05_edits"]
    (folder / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(Damaged, match="05_edits.csv: not listed in manifest.json"):
        pages.publish(folder, "05_effects")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(Damaged, match="manifest.json: expected JSON"):
        pages.publish(folder, "05_effects")


def test_rows_of_two_runs_make_no_table(folder):
    rowkit.save(folder, "02_distances", rowkit.rows()["02_distances"], model=dict(name="bundled", fingerprint="f01"))
    with pytest.raises(Damaged, match="02_edits and 02_distances are of different runs"):
        pages.publish(folder, "02_table6")


def test_settings_that_are_not_there_are_told_in_one_line(folder):
    data = rows_csv(rowkit.rows()["03_edits"]).encode()
    manifest.enter(folder / "03_edits.csv", data, "03_edits", rowkit.ORIGIN | dict(notebook="other"), settings={}, seconds=0)
    with pytest.raises(Damaged, match="03_edits.csv: no 'protections' in the rows or their settings; run notebook 03 again"):
        pages.publish(folder, "03_table")


def test_a_model_that_cannot_inpaint_says_so_on_its_pages(folder):
    rowkit.save(folder, "01_edits", [row for row in rowkit.rows()["01_edits"] if row["misuse"] == "variation"])
    assert "no denoiser for inpainting" in pages.publish(folder, "01_inpainting_answer")
    assert "| no inpainting on this model |" in pages.publish(folder, "01_inpainting_table")
    assert pages.publish(folder, "01_inpainting_curves").axes and "Inpainting." not in pages.publish(folder, "01_verdict")
    assert "| not run |" in pages.publish(folder, "01_ledger")


def test_an_empty_folder_has_no_report(tmp_path, capsys):
    (tmp_path / "bundled").mkdir()
    assert cli.main(["report", "--out", str(tmp_path)]) == 2
    assert "no rows in" in capsys.readouterr().err
    assert cli.main(["report", "--profile", "sd15", "--out", str(tmp_path)]) == 2
    assert "no results in" in capsys.readouterr().err
