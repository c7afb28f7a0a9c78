"""The frame: pip's and conda's lists, the package's data, the Makefile, and what must not be committed."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch"}
ONLY_PIP = {"piq", "opencv-python-headless"}


def project() -> dict:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        tomllib = pytest.importorskip("tomli")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pip_list() -> dict[str, str]:
    about = project()["project"]
    texts = about["dependencies"] + about["optional-dependencies"]["test"]
    found = [Requirement(text) for text in texts]
    assert len({r.name for r in found}) == len(found), "a name stands twice"
    return {r.name: str(r.specifier) for r in found}


def faces_list() -> dict[str, str]:
    """The extra for photographs, which is imported when it is asked for; the bundled model needs none of it."""
    return {r.name: str(r.specifier) for r in map(Requirement, project()["project"]["optional-dependencies"]["faces"])}


def conda_list() -> tuple[dict[str, str], dict[str, str], list[str]]:
    about = yaml.safe_load((ROOT / "environment.yml").read_text())
    [pip] = [entry["pip"] for entry in about["dependencies"] if isinstance(entry, dict)]
    split = [re.fullmatch(r"([\w-]+)(.*)", entry).groups() for entry in about["dependencies"] if isinstance(entry, str)]
    conda = {name: _sorted(spec) for name, spec in split if name != "pip"}
    assert "pip" in dict(split)
    by_pip = {Requirement(e).name: str(Requirement(e).specifier) for e in pip if not e.startswith("-")}
    return conda, by_pip, [e for e in pip if e.startswith("-")]


def _sorted(spec: str) -> str:
    return str(Requirement(f"x{spec}").specifier)


def test_conda_and_pip_say_the_same():
    conda, by_pip, rest = conda_list()
    python = conda.pop("python")
    assert python == project()["project"]["requires-python"]
    expected = pip_list()
    assert {CONDA_NAMES.get(n, n): s for n, s in expected.items() if n not in ONLY_PIP} == conda
    assert {n: s for n, s in expected.items() if n in ONLY_PIP} == by_pip
    assert rest == ["-e ."]


def test_this_environment_is_one_that_the_ranges_admit():
    for name, spec in pip_list().items():
        try:
            here = version(name)
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed; run `make test`")
        assert Requirement(f"x{spec}").specifier.contains(here, prereleases=True), f"{name} {here} is outside {spec}"


def test_every_import_is_a_listed_dependency():
    import ast

    listed = {n.lower().replace("-", "_") for n in [*pip_list(), *faces_list()]}
    modules = {"PIL": "pillow", "skimage": "scikit_image", "sklearn": "scikit_learn", "yaml": "papermill",
               "packaging": "pytest", "reproduce": "numpy", "tomli": "pytest",
               "scipy": "scikit_image", "cv2": "opencv_python_headless", "psutil": "ipykernel", "libsvm": "brisque",
               }  # fmt: skip
    own = {path.stem for path in ROOT.glob("tests/*.py")}
    strange = set()
    for path in [*ROOT.glob("reproduce/**/*.py"), *ROOT.glob("tests/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            tops = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - own
            strange |= {(path.name, top) for top in tops if modules.get(top, top) not in listed}
    assert not strange


def test_the_bundle_and_the_published_numbers_travel_with_the_package():
    data = project()["tool"]["setuptools"]["package-data"]["reproduce"]
    assert set(data) == {"bundle/**/*", "papers/*.csv", "experiments/*.csv"}


def outside_make() -> dict:
    """The environment without what `make test` adds to it: a make inside a make talks more and takes over its flags."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_passes_scale_profile_and_seed_through(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".stamp").touch()

    def plan(*given):
        command = ["make", "-n", *given]
        told = subprocess.run(command, cwd=tmp_path, env=outside_make(), capture_output=True, text=True, check=True)
        return told.stdout.strip().splitlines()

    assert plan("figures")[0].split() == [".venv/bin/python", "-m", "reproduce", "run"]
    words = plan("figures", "SCALE=smoke", "PROFILE=my model", "SEED=3")[0].split(maxsplit=4)[4]
    assert words == '--profile "my model" --scale "smoke" --seed "3"'
    steps = "\n".join(plan("test"))
    assert "ruff check" in steps and "pytest -q" in steps and "--nbmake" in steps and "REPRODUCE_SCALE=smoke" in steps


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_says_in_one_line_that_a_python_is_too_old(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    told = subprocess.run(["make", "figures", "PYTHON=/bin/false"], cwd=tmp_path, env=outside_make(), capture_output=True, text=True)
    lines = [line for line in told.stderr.splitlines() if not line.startswith("make:")]
    assert told.returncode != 0
    assert lines == ["reproduce: /bin/false is not Python 3.10 or newer; pass PYTHON=/path/to/python3"]
    assert not (tmp_path / ".venv").exists()


def test_the_integration_script_calls_make_test():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "set -euo pipefail" in script.read_text() and script.read_text().rstrip().endswith("make test")


def test_no_index_host_is_named():
    """Where packages come from is the machine's business."""
    for name in ("pyproject.toml", "environment.yml", "Makefile", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not re.search(r"https?://|index-url|find-links|trusted-host", text), name


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_nothing_regenerated_or_private_is_committed():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    bad = re.compile(r"(^|/)(\.venv|\.cache|__pycache__|\.ipynb_checkpoints)/|-smoke/|\.pyc$|\.(ckpt|pt|pth|pkl|bin)$")
    assert not [name for name in files if bad.search(name)]
