"""The command line: what each command prints, one line for every mistake, and exit statuses."""

import os
import subprocess
import sys
import types
from pathlib import Path

import fakelab
import numpy as np
import pytest
import torch
from PIL import Image
from toymodel import Toy

from reproduce import images, notebook, protect
from reproduce.artefacts import files
from reproduce.cli import commands as cli
from reproduce.diffusion import profiles
from reproduce.notebook import execute

HERE = Path(__file__).parent


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRODUCE_ROOT", str(tmp_path))
    monkeypatch.setattr(profiles, "open", lambda name, scale="standard", **_: fakelab.opener(name, scale))
    monkeypatch.chdir(tmp_path)
    return fakelab.checkout(tmp_path, fakelab.BODY)


def call(capsys, *words) -> tuple[int, str, list[str]]:
    """Exit status, standard output, lines of standard error."""
    try:
        status = cli.main([str(word) for word in words])
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    return status, out, err.splitlines()


def test_list_names_every_artefact_its_needs_minutes_and_place(root, capsys):
    status, out, err = call(capsys, "list")
    assert (status, err) == (0, [])
    assert out.splitlines() == [
        "07_fake: A fake study",
        "    needs nothing; 0.1 / 0.2 / 3 minutes at smoke / standard / paper (two CPU cores, bundled)",
        "    levels                       figures/<profile>/levels.*",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "no command 'rnu'; did you mean run? There is: list, doctor, claims, report, run, bench, protect, purify"),
        ([], "the following arguments are required: command"),
        (["run", "08_fake"], "unknown notebook '08_fake': there is 07_fake; did you mean 07_fake?"),
        (
            ["run", "--scale", "smok"],
            "unknown scale 'smok': there is smoke, standard, paper; did you mean smoke?",
        ),
        (["run", "--profile", "bundeld"], "did you mean bundled?"),
        (["run", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["run", "--seed", "-1"], "expected a seed that is a whole number from 0, got -1"),
        (
            ["run", "-p", "CONUT=3"],
            "unknown parameter of 07_fake 'CONUT': there is PROFILE, SCALE, SEED, OUT, COUNT",
        ),
        (["run", "-p", "COUNT"], "expected -p NAME=VALUE, got 'COUNT'"),
        (["run", "-p", "COUNT=many"], "expected int like 3, got 'many'"),
        (["run", "--sclae", "smoke"], "unrecognized arguments: --sclae"),
        (["protect", "x.png", "--method", "nose", "-o", "out"], "did you mean noise?"),
        (["protect", "x.png", "--method", "noise", "--settings", "pape", "-o", "o"], "did you mean paper?"),
        (["protect", "x.png", "--method", "noise", "--eps", "0", "-o", "o"], "got 0"),
        (["bench", "jpg"], "no benchmark 'jpg'; did you mean jpeg? There is: everything, jpeg, attacks"),
        (["bench", "--batch", "0"], "expected --batch of at least 1, got 0"),
        (["bench", "attacks", "--steps", "-1"], "expected --steps of at least 1, got -1"),
        (["bench", "jpeg", "--anatomy", "sd15"], "--anatomy is for bench attacks, not for bench jpeg"),
        (["protect", "x.png", "--method", "noise", "--precision", "bfloat", "-o", "o"], "did you mean bfloat16?"),
        (["protect", "x.png", "--method", "noise"], "the following arguments are required: -o/--out"),
    ],
)
def test_every_mistake_is_one_line_that_says_what_there_is(root, capsys, words, said):
    status, out, err = call(capsys, *words)
    assert (status, out, len(err)) == (2, "", 1)
    assert err[0].startswith("reproduce: ") and said in err[0]


def test_a_checkout_without_notebooks_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REPRODUCE_ROOT", str(tmp_path))
    assert call(capsys, "run")[0] == 2


def test_run_passes_everything_on(root, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(notebook, "run", lambda name, **given: seen.append((name, given)) or root / "x.ipynb")
    status, out, err = call(
        capsys, "run", "--scale", "smoke", "--seed", "4", "-p", "COUNT=5", "-p", "PAUSE=0.5", "--workers", "3"
    )
    assert status == 0 and out.startswith("x.ipynb (")
    assert seen == [
        ("07_fake", {"profile": "bundled", "scale": "smoke", "seed": 4, "out": "figures",
                     "parameters": {"COUNT": 5, "PAUSE": 0.5}, "workers": 3, "executor": None})
    ]  # fmt: skip
    (root / "sub").mkdir()
    monkeypatch.chdir(root / "sub")
    call(capsys, "run", "07", "--out", "here")
    assert seen[1][1]["out"] == str(root / "sub" / "here"), "a folder is meant where the user stands"


def test_values_are_literals_or_text():
    assert (
        cli.pair("A=3") == ("A", 3)
        and cli.pair('P="a=b"') == ("P", "a=b")
        and cli.pair("P=a=b") == ("P", "a=b")
    )


def test_one_failing_notebook_does_not_stop_the_others(root, capsys, monkeypatch):
    fakelab.checkout(root, "1", name="09_other")

    def run(name, **_):
        if name == "07_fake":
            raise execute.Failed("notebook 07_fake failed under 'x': ValueError: no")
        return root / f"{name}.ipynb"

    monkeypatch.setattr(notebook, "run", run)
    status, out, err = call(capsys, "run")
    assert status == 1 and out.startswith("09_other.ipynb")
    assert "reproduce: notebook 07_fake failed under 'x': ValueError: no" in err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt("interrupted: 1 of 2 jobs kept"), 130, "reproduce: interrupted: 1 of 2 jobs kept"),
        (KeyboardInterrupt(), 130, "reproduce: interrupted; run the same command again to resume"),
        (
            files.NoSpace(Path("x"), 5),
            2,
            "reproduce: no space left in x; free about 1 MB or pass --out / REPRODUCE_CACHE",
        ),
        (PermissionError(13, "Permission denied", "x"), 2, "reproduce: [Errno 13] Permission denied: 'x'"),
        (ValueError("two\nlines"), 2, "reproduce: two lines"),
    ],
)
def test_every_end_has_its_status_and_one_line(root, capsys, monkeypatch, error, status, line):
    def run(*_, **__):
        raise error

    monkeypatch.setattr(notebook, "run", run)
    got, _, err = call(capsys, "run", "07")
    assert got == status and err[1:] == [line]


def test_list_into_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m reproduce doctor | head -n 1"
    told = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=HERE.parent)
    assert told.stdout.startswith("python ") and told.stderr == ""


def test_list_needs_no_torch(root):
    code = """if True:
        import sys
        sys.modules["torch"] = None
        from reproduce.__main__ import main
        sys.exit(main(["list"]))
    """
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True).returncode == 0


def test_doctor_says_what_can_run_here(root, capsys):
    status, out, err = call(capsys, "doctor")
    lines = out.splitlines()
    assert status == 0 and err == []
    assert {line.split()[0] for line in lines} == {
        "python",
        "libraries",
        "device",
        "memory",
        "disk",
        "model",
        "expect",
    }
    models = [line for line in lines if line.startswith("model")]
    assert [line.split()[1] for line in models] == ["bundled:", "sd15:", "sd21:"]
    assert "expect    0.2 minutes at scale standard: 1 notebooks, two CPU cores" in lines


def test_doctor_finds_models_in_the_hub_cache(tmp_path, monkeypatch):
    import huggingface_hub.constants

    from reproduce.cli import doctor

    repository = profiles.KNOWN["sd21"].source
    folder = tmp_path / f"models--{repository.replace('/', '--')}"
    files.write(folder / "refs" / "main", b"abc")
    files.write(folder / "snapshots" / "abc" / "model_index.json", b"{}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    told = doctor._models()
    assert "sd21: present" in told and any(line.startswith("sd15: not on this machine") for line in told)


@pytest.fixture
def photos(root):
    """A turned photo, a grey, a see-through, an empty and a text file."""
    chance = np.random.default_rng(0)
    turned = Image.fromarray(chance.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(root / "photo.jpg", exif=exif, quality=90)
    Image.fromarray(chance.integers(0, 256, (24, 24), dtype=np.uint8)).save(root / "grey.png")
    Image.fromarray(chance.integers(0, 256, (17, 9, 4), dtype=np.uint8)).save(root / "clear.png")
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.png").write_text("not a picture\n")
    return root


def test_protect_does_what_it_can_and_names_what_it_cannot(photos, capsys):
    names = ["photo.jpg", "empty.jpg", "grey.png", "text.png", "clear.png", "gone.png"]
    status, out, err = call(capsys, "protect", *names, "--method", "noise", "--eps", "6", "-o", "out")
    assert status == 1 and len(out.splitlines()) == 3
    assert [[name for name in names if name in line] for line in err] == [
        ["empty.jpg"],
        ["text.png"],
        ["gone.png"],
    ]
    assert all(line.startswith("reproduce: ") for line in err)
    for name, size in [("photo", (20, 30)), ("grey", (24, 24)), ("clear", (9, 17))]:
        stored = Image.open(photos / "out" / f"{name}.png")
        assert stored.format == "PNG" and stored.mode == "RGB" and stored.size == size
        [source] = photos.glob(f"{name}.*")
        was = images.levels(images.load(source)).int()
        now = np.asarray(stored).transpose(2, 0, 1).astype(int)
        moved = np.abs(now - was[0].numpy()).max()
        assert 5 <= moved <= 6, "the budget is kept on the stored file, and used"


def test_protect_repeats_itself_and_follows_the_seed(photos, capsys):
    for out, seed in [("a", 0), ("b", 0), ("c", 1)]:
        assert call(capsys, "protect", "grey.png", "--method", "noise", "--seed", seed, "-o", out)[0] == 0
    a, b, c = ((photos / out / "grey.png").read_bytes() for out in "abc")
    assert a == b != c


def test_protect_never_overwrites_what_it_read(photos, capsys):
    before = (photos / "grey.png").read_bytes()
    status, _, err = call(capsys, "protect", "grey.png", "--method", "noise", "-o", ".")
    assert status == 1 and "is the picture itself" in err[0]
    Image.open(photos / "grey.png").save(photos / "photo.png")
    status, _, err = call(capsys, "protect", "photo.jpg", "--method", "photoguard-encoder", "--mask", "photo.png", "-o", ".")
    assert status == 1 and "photo.png is another file of this command" in err[0]
    assert (photos / "grey.png").read_bytes() == before


def test_a_mask_says_what_is_protected_and_a_target_what_is_read(photos, capsys, monkeypatch):
    monkeypatch.setattr(profiles, "open", lambda *_, **__: types.SimpleNamespace(model=Toy()))
    half = np.zeros((10, 10), np.uint8)
    half[:, :5] = 255
    Image.fromarray(half).save(photos / "left.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(photos / "black.png")
    cut = np.full((8, 8, 4), 255, np.uint8)
    cut[2:, :, 3] = 0  # a white shape on a transparent ground, which is laid over white
    Image.fromarray(cut).save(photos / "cut.png")
    words = ["protect", "grey.png", "--method", "photoguard-encoder", "--steps", "2", "--mask", "left.png"]
    assert call(capsys, *words, "-o", "a")[0] == 0
    assert call(capsys, *words, "--target", "black.png", "-o", "b")[0] == 0
    was = images.load(photos / "grey.png")
    a, b = (images.load(photos / out / "grey.png") for out in "ab")
    assert torch.equal(a[..., 12:], was[..., 12:]) and (a[..., :12] != was[..., :12]).float().mean() > 0.9
    assert (a != b).float().mean() > 0.05, "another target, another picture"
    for more, status, said in (
        (["--mask", "black.png"], 1, "black.png: nothing in it is white"),
        (["--mask", "cut.png"], 1, "cut.png: everything in it is white"),
        (["--mask", ""], 2, ""),
        (["--mask", "text.png"], 2, "text.png: not an image"),
        (["--target", "gone.png"], 2, "gone.png: no such file"),
        (["--method", "noise", "--target", "photo.jpg"], 2, "noise moves a picture towards nothing"),
    ):
        found, out, err = call(capsys, "protect", "grey.png", "--method", "photoguard-encoder", "--steps", "2", *more, "-o", "c")
        assert found == status and out == "" and len(err) == 1 and said in err[0]


def test_two_pictures_of_one_name_both_stay(photos, capsys):
    Image.open(photos / "grey.png").save(photos / "grey.bmp")
    status, out, _ = call(capsys, "protect", "grey.png", "grey.bmp", "--method", "noise", "-o", "out")
    assert status == 0 and {p.name for p in (photos / "out").iterdir()} == {"grey.png", "grey-bmp.png"}


def test_a_broken_budget_leaves_no_file(photos, capsys, monkeypatch):
    monkeypatch.setattr(protect, "apply", lambda x, *_, **__: 1 - images.quantise(x))
    status, out, err = call(capsys, "protect", "grey.png", "--method", "noise", "--eps", "4", "-o", "out")
    assert status == 1 and out == "" and "the budget is 4; file removed" in err[0]
    assert list((photos / "out").iterdir()) == []
