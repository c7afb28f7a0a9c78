"""The house: a module imports only from above it, and importing the package costs next to nothing."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "reproduce"
# From the ground up. A folder is one storey: its files may import one another.
STOREYS = """images rng precision paper paper_purify libjpeg jpeg soft_jpeg degrade pgd model sample profiles anatomy edit customise methods
    measure protect purify world cache jobs provenance record source study summary claims report experiments execute notebook doctor files
    peak bench_jpeg bench_attacks bench __main__"""
ORDER = STOREYS.split()
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "bundle" not in p.parts)


def storey(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[tuple[int, str]]:
    """(line, storey) of everything of this package that a file imports, wherever in the file."""
    inside = ("reproduce", *path.relative_to(PACKAGE).with_suffix("").parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = inside[: -node.level] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            names = [(*base, alias.name) for alias in node.names] if base else []
        else:
            continue
        found += [(node.lineno, name[1]) for name in names if name[0] == "reproduce" and len(name) > 1]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_above(path):
    here = storey(path)
    if here == "__init__":
        assert imported(path) == []
        return
    assert here in ORDER, f"{path.name} has no storey; give it one in ORDER"
    allowed = set(ORDER[: ORDER.index(here)]) | {"__version__"} | ({here} if path.parent != PACKAGE else set())
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name not in allowed]
    assert not wrong, f"{path.name} stands above what it imports: {wrong}"


def test_relative_and_absolute_imports_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / "protect" / "x.py"
    path.parent.mkdir()
    path.write_text(
        "import reproduce.study\nfrom reproduce import report, rng\nfrom .. import images\n"
        "from ..pgd import pgd\nfrom . import noise\nfrom .noise import uniform\nimport torch\n"
        "def f():\n    from reproduce.edit import vary\n"
    )
    assert [name for _, name in imported(path)] == [
        "study", "report", "rng", "images", "pgd", "protect", "protect", "edit",
    ]  # fmt: skip


def test_importing_the_package_is_quick_and_takes_no_library():
    heavy = "{'torch', 'numpy', 'matplotlib', 'diffusers'}"
    code = f"import sys; import reproduce; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert min(seconds("import reproduce") for _ in range(3)) - min(seconds("pass") for _ in range(3)) < 0.2


def seconds(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun


LIGHT = "report paper cache profiles notebook execute doctor protect purify __main__"


@pytest.mark.parametrize("module", LIGHT.split())
def test_these_import_without_torch(module):
    code = f"import sys; sys.modules['torch'] = None; import reproduce.{module}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_files_have_one_purpose_and_a_docstring():
    long = [p.name for p in FILES if len(p.read_text().splitlines()) > 280]
    assert not long, f"longer than 280 lines: {long}"
    assert not [p.name for p in FILES if ast.get_docstring(ast.parse(p.read_text())) is None]
