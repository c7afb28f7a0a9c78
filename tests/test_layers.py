"""The house: a module imports only from above it, and importing the package costs next to nothing."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "reproduce"
# The house from the ground up: rooms in order, and in each room its files in order. A file imports what stands before it, nothing else.
HOUSE = """
    images rng places
    artefacts: __init__ plain files rows manifest about
    papers: __init__ photoguard purifiers impress published measures faces dreambooth
    report: looks statistics lettering figures sheet __init__ page schema effects margins claims ledger jpeg_bypass jpeg_bypass_figures
    report: photoguard photoguard_figures strength transfer purification impress impress_figures survivors survivors_figures
    report: jpeg_spectra jpeg_edits jpeg_gradient jpeg_gradient_figures small_world faces identity customisation customisation_figures
    report: pages rebuild
    jpeg: arithmetic codec surrogates __init__
    degrade method passes
    diffusion: __init__ precision judges trainable weights bounds model adapters loss profiles anatomy chain optimiser
    diffusion: training
    attack: __init__ budgets pgd
    world/draw: __init__ chance texture shapes hair ground indoors outdoors rooms wild scene brush style spec caption clothes face person
    world/draw: landmarks casting render
    world: __init__
    measure: __init__ clip perceptual distribution similarity spectrum latents face_kind face_align face_nets face_bundled face_full face
    measure: quality
    protect: noise photoguard as_printed run __init__
    purify: plain cleaner latent upscale impress __init__
    misuse: edit dreambooth __init__
    world/train: __init__ leaves tower autoencoder denoiser quality data loop codec patches spoil woven portraits
    world/train: face_batches face_quality faces stages __main__
    engine: __init__ provenance keys store definitions fingerprint jobs preload worker executors sweep study
    experiments: __init__ scales arms subjects cells stages edits grid identity jpeg_bypass photoguard transfer variations as_printed
    experiments: budget_curve other_encoder eye purification jpeg_gradient small_world panels world_pictures pictures
    experiments: sets face_networks customisation customised_pictures
    notebook: entries execute __init__
    bench: __init__ cost attacks everything jpeg rules
    cli: __init__ batch customise doctor results grammar commands
    __main__
"""
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "bundle" not in p.parts)


def order(house: str) -> list[str]:
    """The modules of a house from the ground up, `room/file` each; a room by itself is its __init__."""
    found = []
    for line in filter(None, map(str.strip, house.splitlines())):
        room, colon, files = line.rpartition(":")
        found += [f"{room}/{file}" if colon else file for file in files.split()]
    return found


ORDER = order(HOUSE)


def module(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imported(path: Path) -> list[tuple[int, str]]:
    """(line, module) of everything of this package that a file imports, wherever in the file."""
    inside = ("reproduce", *path.relative_to(PACKAGE).with_suffix("").parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [(tuple(alias.name.split(".")), None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = inside[: -node.level] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            names = [(base, alias.name) for alias in node.names]
        else:
            continue
        found += [(node.lineno, _file(base[1:], name)) for base, name in names if base and base[0] == "reproduce"]
    return [(line, name) for line, name in found if name != "__init__"]


def _file(base: tuple, name: str | None) -> str:
    """The module that `from base import name` reads: a file below it, else the file or the room that base is."""
    for parts in ((*base, name), (*base, name, "__init__")) if name else ():
        if PACKAGE.joinpath(*parts).with_suffix(".py").is_file():
            return "/".join(parts)
    return "/".join(base) if PACKAGE.joinpath(*base).with_suffix(".py").is_file() else "/".join((*base, "__init__"))


@pytest.mark.parametrize("path", FILES, ids=module)
def test_a_module_imports_only_what_stands_before_it(path):
    here = module(path)
    if here == "__init__":
        assert imported(path) == []
        return
    assert here in ORDER, f"{here} has no place; give it one in HOUSE"
    wrong = [f"line {line}: {name}" for line, name in imported(path) if name not in ORDER[: ORDER.index(here)]]
    assert not wrong, f"{here} stands before what it imports: {wrong}"


def test_the_house_is_what_stands():
    assert sorted(ORDER) == sorted(set(map(module, FILES)) - {"__init__"})


def test_an_import_upwards_inside_a_room_is_seen():
    assert ORDER.index("attack/budgets") < ORDER.index("attack/pgd")
    path = PACKAGE / "attack" / "budgets.py"
    assert ("attack/pgd" in [name for _, name in imported(path)]) is False
    assert _file(("attack",), "pgd") == "attack/pgd" and _file(("attack", "pgd"), "pgd") == "attack/pgd"
    assert _file(("jpeg",), "jpeg") == "jpeg/__init__" and _file((), "images") == "images" and _file((), "protect") == "protect/__init__"


def test_relative_and_absolute_imports_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    for room, files in {".": "rng images", "protect": "__init__ x noise", "attack": "__init__ pgd", "engine": "__init__ study"}.items():
        (tmp_path / room).mkdir(exist_ok=True)
        for file in files.split():
            (tmp_path / room / f"{file}.py").touch()
    path = tmp_path / "protect" / "x.py"
    path.write_text(
        "import reproduce.engine.study\nfrom reproduce import rng\nfrom .. import images\nfrom ..attack.pgd import pgd\n"
        "from . import noise\nfrom .noise import uniform\nimport torch\nfrom . import PROTECTIONS\n"
        "def f():\n    from reproduce.engine import study\n"
    )
    assert [name for _, name in imported(path)] == [
        "engine/study", "rng", "images", "attack/pgd", "protect/noise", "protect/noise", "protect/__init__", "engine/study",
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


LIGHT = """artefacts.about report report.pages papers.photoguard papers.published engine.store diffusion.profiles notebook notebook.execute
    cli.doctor cli.results protect purify
    __main__"""


@pytest.mark.parametrize("module", LIGHT.split())
def test_these_import_without_torch(module):
    code = f"import sys; sys.modules['torch'] = None; import reproduce.{module}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_files_have_one_purpose_and_a_docstring():
    long = [p.name for p in FILES if len(p.read_text().splitlines()) > 280]
    assert not long, f"longer than 280 lines: {long}"
    assert not [p.name for p in FILES if ast.get_docstring(ast.parse(p.read_text())) is None]
