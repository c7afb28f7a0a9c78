"""The notebooks as documents: thin, clean, described, with one start cell for all."""

import ast
import json
from pathlib import Path

import pytest

from reproduce import notebook
from reproduce.diffusion import profiles
from reproduce.notebook import entries

ROOT = Path(__file__).parent.parent
BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
START = "study = notebook.start(PROFILE, SCALE, SEED, OUT"
FORBIDDEN = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.For,
    ast.While,
    ast.Try,
    ast.With,
)


def test_there_are_notebooks():
    assert BOOKS, "no notebooks in notebooks/"


@pytest.fixture(params=BOOKS, ids=lambda p: p.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def cells(path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def code(cells) -> list[str]:
    return [notebook.source(cell) for cell in cells if cell["cell_type"] == "code"]


def start_cell(cells) -> str:
    [found] = [text for text in code(cells) if START in text]
    return found


def test_it_describes_itself(path):
    about = json.loads(path.read_text())["metadata"]["reproduce"]
    assert set(about) >= {"title", "claim", "needs", "minutes", "artefacts"}
    assert all(isinstance(about[name], str) and about[name].strip() for name in ("title", "claim", "needs"))
    assert set(about["minutes"]) == set(profiles.SCALES)
    assert all(isinstance(m, int | float) and m > 0 for m in about["minutes"].values())
    assert about["artefacts"] and all(isinstance(a, str) for a in about["artefacts"])


def test_artefacts_have_one_notebook_each():
    names = [name for entry in notebook.catalogue() for name in entry.artefacts]
    assert len(names) == len(set(names))


def test_its_parameters_are_literals_with_the_standard_four(path, cells):
    found = notebook.parameters(cells, path.name)
    assert list(found)[:4] == list(entries.STANDARD)
    assert found["PROFILE"] == "bundled" and found["SCALE"] == "standard" and found["OUT"] == "figures"


def test_the_start_cell_is_the_same_in_all(cells):
    pictures = ", IMAGES" if "IMAGES" in notebook.parameters(cells) else ""
    assert start_cell(cells) == f"from reproduce import notebook\n\nstudy = notebook.start(PROFILE, SCALE, SEED, OUT{pictures})"


def test_it_has_no_outputs_and_a_kernel_anyone_has(path, cells):
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert json.loads(path.read_text())["metadata"]["kernelspec"]["name"] == "python3"


def test_it_defines_nothing_and_loops_over_nothing(cells):
    for text in code(cells):
        tree = ast.parse(text)
        bad = [ast.unparse(node).splitlines()[0] for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
        assert not bad, f"belongs into the package: {bad}"


def test_its_cells_are_short(cells):
    long = [text.splitlines()[0] for text in code(cells) if len(text.splitlines()) > 12]
    assert not long


def test_it_reads_as_a_document(cells):
    first = notebook.source(cells[0])
    assert cells[0]["cell_type"] == "markdown" and first.startswith("# ")
    kinds = "".join(cell["cell_type"][0] for cell in cells)
    assert "ccc" not in kinds.split("m", 1)[1], "three cells of code in a row: say what they do"


def test_its_ids_are_unique(cells):
    ids = [cell["id"] for cell in cells]
    assert len(ids) == len(set(ids))
