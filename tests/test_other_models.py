"""The notebooks on a folder with another model, Stable Diffusion 1.5 at reduced width with random weights, offline."""

import json
from pathlib import Path

import pytest
import tinysd

from reproduce import notebook
from reproduce.notebook.execute import Failed

LACKS = {  # what these need beside the model, and cannot fetch here
    "02": "Unavailable: CLIP openai/clip-vit-large-patch14: could not be read",
    "03": "Unavailable: LPIPS weights: could not be read",
    "04": "Unavailable: LPIPS weights: could not be read",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tinysd.save(tmp_path_factory.mktemp("models"), sibling=True)


@pytest.fixture
def ran(model, tmp_path, monkeypatch):
    monkeypatch.setenv("REPRODUCE_CACHE", str(model.parent / "store"))  # 02 to 04 share their people
    monkeypatch.setenv("REPRODUCE_WORKERS", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody there: kernels are offline, too
    return lambda name: notebook.run(name, profile=str(model), scale="smoke", out=str(tmp_path / "figures"))


@pytest.mark.parametrize("name", ["01", "05"])
def test_it_runs(ran, name):
    book = ran(name)
    assert book.parent.name.startswith("sd-1.5-4-and-9-") and book.parent.name.endswith("-smoke")
    entries = json.loads((book.parent / "manifest.json").read_text())
    assert f"{name}_edits" in entries and entries[f"{name}_edits"]["size"] == 64
    assert {f"{artefact}.png" for artefact in entries if artefact.endswith("grid")} <= {path.name for path in book.parent.glob("*.png")}


@pytest.mark.parametrize("kind", ["1.5", "2.1-base"])
def test_customisation_runs_and_says_what_was_not_measured(tmp_path_factory, tmp_path, monkeypatch, kind):
    folder = tinysd.save(tmp_path_factory.mktemp("models"), kind)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REPRODUCE_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("REPRODUCE_WORKERS", "1")
    book = notebook.run("06", profile=str(folder), scale="smoke", out=str(tmp_path / "figures"))
    assert {"06_sets.png", "06_samples.png", "06_trade.png"} <= {path.name for path in book.parent.glob("*.png")}
    told = (book.parent / "06_controls.md").read_text()
    assert "Not measured: faces: " in told and "Not measured: scenes and fit: CLIP openai/clip-vit-large-patch14 is not here" in told
    assert "| tuned | 4 |" in told and "face found" not in told


@pytest.mark.parametrize("name", LACKS)
def test_it_says_in_one_line_what_it_lacks(ran, name):
    with pytest.raises(Failed) as told:
        ran(name)
    line = str(told.value)
    assert LACKS[name] in line and "fetch" in line and "\n" not in line
    assert Path(line.rpartition("whole story in ")[2].rstrip(")")).is_file()
