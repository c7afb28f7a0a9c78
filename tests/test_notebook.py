"""The notebook engine: the catalogue, parameters, the start cell, execution, failure and interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fakelab
import pytest

from reproduce import notebook
from reproduce.notebook import execute

RESUME = "run the same command again to resume"
HERE = Path(__file__).parent
PATH = os.pathsep.join([str(HERE), str(HERE.parent)])


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout with one fake notebook; kernels find the package and the fake laboratory."""
    monkeypatch.setenv("REPRODUCE_ROOT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", PATH)
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what a killed run leaves there goes with the test
    monkeypatch.setenv("REPRODUCE_WORKERS", "1")  # the fake laboratory is in this process alone
    for name in ("REPRODUCE_CACHE", "REPRODUCE_SCALE", "REPRODUCE_OUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return fakelab.checkout(tmp_path, fakelab.BODY)


def test_the_catalogue_reads_what_notebooks_say_of_themselves(root):
    fakelab.checkout(root, "1", name="02_other")
    entries = notebook.catalogue()
    assert [entry.name for entry in entries] == ["02_other", "07_fake"]
    one = entries[1]
    assert (one.title, one.artefacts, one.minutes["paper"]) == ("A fake study", ["levels"], 3)
    assert one.parameters == {
        "PROFILE": "bundled",
        "SCALE": "standard",
        "SEED": 0,
        "OUT": "figures",
        "COUNT": 3,
        "PAUSE": 0.0,
    }


@pytest.mark.parametrize("name", ["07", "07_fake", "07_fake.ipynb", "notebooks/07_fake.ipynb"])
def test_a_notebook_goes_by_name_number_and_file(root, name):
    assert notebook.find(name).name == "07_fake"


def test_what_there_is_not_is_one_line_that_lists_what_there_is(root):
    with pytest.raises(ValueError, match="'07_fkae': there is 07_fake; did you mean 07_fake"):
        notebook.find("07_fkae")
    with pytest.raises(ValueError, match="COUNT.*did you mean COUNT"):
        notebook.run("07", parameters={"CONUT": 3})
    with pytest.raises(ValueError, match="expected int like 3, got 'x'"):
        notebook.run("07", parameters={"COUNT": "x"})
    with pytest.raises(ValueError, match="smoke, standard, paper; did you mean smoke"):
        notebook.run("07", scale="smok")
    with pytest.raises(ValueError, match="did you mean smoke"):
        notebook.run("07", parameters={"SCALE": "smok"})
    with pytest.raises(ValueError, match="did you mean bundled"):
        notebook.run("07", profile="bundeld")


def test_parameters_are_literals_in_one_tagged_cell():
    def cell(text, *tags):
        return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": text}

    good = cell('A = 1  # @param [1, 2]\nB = "x=y"\nC = -1.5', "parameters")
    assert notebook.parameters([cell("x = 3"), good]) == {"A": 1, "B": "x=y", "C": -1.5}
    for cells in ([], [good, good]):
        with pytest.raises(ValueError, match="one cell tagged"):
            notebook.parameters(cells)
    with pytest.raises(ValueError, match="A is not a literal"):
        notebook.parameters([cell("A = 2 * n", "parameters")])
    with pytest.raises(ValueError, match="more than NAME = literal: import os"):
        notebook.parameters([cell("import os", "parameters")])


def test_a_notebook_that_does_not_describe_itself_is_named(root):
    path = root / "notebooks" / "07_fake.ipynb"
    book = json.loads(path.read_text())
    del book["metadata"]["reproduce"]["claim"]
    path.write_text(json.dumps(book))
    with pytest.raises(ValueError, match="07_fake.ipynb does not describe itself: KeyError 'claim'"):
        notebook.catalogue()


def test_a_run_leaves_rows_manifest_and_a_clean_copy_and_runs_again_to_the_same_bytes(root):
    """One test for all this, because each kernel takes seconds."""
    before = dict(os.environ)
    target = notebook.run("07", scale="smoke", parameters={"COUNT": 4, "PAUSE": 0})
    assert dict(os.environ) == before
    assert target == root / "figures" / "bundled-smoke" / "07_fake.ipynb"
    rows = (target.parent / "levels.csv").read_bytes()
    assert len(rows.splitlines()) == 9
    manifest = json.loads((target.parent / "manifest.json").read_text())
    assert manifest["levels"]["notebook"] == "07_fake" and manifest["levels"]["scale"] == "smoke"
    text = target.read_text()
    book = json.loads(text)
    assert "papermill" not in text and str(root) not in text and sys.prefix not in text
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    outputs = [str(output) for cell in book["cells"] for output in cell.get("outputs", [])]
    assert "at scale smoke, seed 0, on cpu" in outputs[0] and "Model fake, fingerprint f00" in outputs[0]
    assert not any("job/s" in output for output in outputs), "the progress bar belongs to the terminal"
    notebook.run("07", scale="smoke", parameters={"COUNT": 4, "PAUSE": 0})
    assert (target.parent / "levels.csv").read_bytes() == rows
    assert target.read_text() == text
    assert not (root / "figures" / "bundled").exists()


def test_the_kernel_is_this_interpreter_whatever_is_registered_as_python3(root, monkeypatch):
    wrong = root / "home" / "kernels" / "python3"
    wrong.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "no", "language": "python"}
    (wrong / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(root / "home"))
    fakelab.checkout(root, "import sys\nfrom pathlib import Path\n\nPath('which').write_text(sys.executable)")
    notebook.run("07", scale="smoke")
    assert (root / "which").read_text() == sys.executable


def test_a_failing_cell_is_one_line_with_heading_and_error(root, capfd):
    fakelab.checkout(root, "raise ValueError('no good\\nat all')")
    with pytest.raises(execute.Failed) as told:
        notebook.run("07", scale="smoke")
    line = str(told.value)
    kept = root / ".cache" / "failed" / "07_fake.ipynb"
    assert line == f"notebook 07_fake failed under 'The levels': ValueError: no good at all (whole story in {kept})"
    assert "Traceback" in kept.read_text()
    assert not (root / "figures").exists(), "a failed copy never takes the place of a good one"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_resumes_to_the_same_rows(root, end):
    command = [sys.executable, "-m", "reproduce", "run", "07", "--scale", "smoke", "-p", "COUNT=12", "-p"]
    one = subprocess.Popen([*command, "PAUSE=0.25"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    store = root / ".cache" / "reproduce"
    deadline = time.time() + 90
    while len(list(store.glob("*/*.json"))) < 3 and time.time() < deadline:
        time.sleep(0.02)
    one.send_signal(end)
    told = one.communicate(timeout=60)[1].decode().replace("\r", "\n").splitlines()
    time.sleep(2.5 if end == signal.SIGKILL else 0)  # the orphaned kernel notices within a second
    kept = len(list(store.glob("*/*.json")))
    assert 3 <= kept < 12, "the kernel ended with the run"
    if end == signal.SIGINT:
        assert one.returncode == 130
        assert told[-1] == f"reproduce: interrupted: {kept} of 12 jobs kept; {RESUME}"
        assert not any("Traceback" in line for line in told)
    assert not (root / "figures").exists()
    stamps = {path: path.stat().st_mtime_ns for path in store.glob("*/*.json")}
    subprocess.run([*command, "PAUSE=0.25"], check=True, capture_output=True, timeout=90)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    rows = (root / "figures/bundled-smoke/levels.csv").read_bytes()
    whole = fakelab.study(root / "whole").sweep("s", fakelab.jobs(12))
    from reproduce.artefacts.rows import rows_csv

    assert rows == rows_csv(whole.rows).encode()


def test_the_start_cell_listens_to_the_environment_and_works_at_the_root(root, monkeypatch, capsys):
    monkeypatch.setattr("reproduce.diffusion.profiles.identify", fakelab.identify)
    monkeypatch.setenv("REPRODUCE_SCALE", "smoke")
    monkeypatch.setenv("REPRODUCE_OUT", "elsewhere")
    monkeypatch.chdir(root / "notebooks")
    study = notebook.start("bundled", "standard", 3, "figures")
    assert (study.scale, study.seed, study.folder.as_posix()) == ("smoke", 3, "elsewhere/bundled-smoke")
    assert Path.cwd() == root and study.notebooks == {"levels": "07_fake"}
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "seed 3" in printed and "torch" in printed
    monkeypatch.setenv("REPRODUCE_SCALE", "smok")
    with pytest.raises(ValueError, match="did you mean smoke"):
        notebook.start("bundled", "standard", 3, "figures")
    with pytest.raises(ValueError, match="seed"):
        monkeypatch.delenv("REPRODUCE_SCALE")
        notebook.start("bundled", "standard", -1, "figures")
