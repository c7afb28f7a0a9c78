"""`reproduce purify` on files: the good ones done, the bad ones named, nothing written over unasked."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from toymodel import Toy

from reproduce import images, method, purify, rng
from reproduce.cli import commands as cli
from reproduce.diffusion import profiles
from reproduce.purify import impress


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two pictures, one of them odd, an empty, a damaged and a text file, a hidden one and a folder; the model is the toy."""
    chance = np.random.default_rng(0)
    place = tmp_path / "in"
    (place / "inner").mkdir(parents=True)
    Image.fromarray(chance.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(place / "a.png")
    Image.fromarray(chance.integers(0, 256, (17, 9, 3), dtype=np.uint8)).save(place / "b.jpg", quality=95)
    (place / "damaged.png").write_bytes((place / "a.png").read_bytes()[:300])
    (place / "empty.jpg").write_bytes(b"")
    (place / "notes.txt").write_text("not a picture\n")
    (place / ".hidden").write_text("passed over\n")
    opened = []
    monkeypatch.setattr(profiles, "open", lambda name, **_: opened.append(name) or SimpleNamespace(model=Toy()))
    monkeypatch.chdir(tmp_path)
    return SimpleNamespace(path=tmp_path, opened=opened)


def call(capsys, *words):
    """Exit status, standard output's lines, standard error's lines."""
    try:
        status = cli.main(["purify", *map(str, words)])
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    return status, out.splitlines(), [line for line in err.splitlines() if line.startswith("reproduce:")]


def marks(place):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in place.iterdir() if path.is_file()}


def test_a_folder_gives_what_it_has_and_names_what_it_has_not(folder, capsys):
    status, out, err = call(capsys, "in", "--method", "jpeg", "--settings", "quality 50", "-o", "out")
    assert status == 1
    assert [line.split()[0] for line in out] == ["out/a.png", "out/b.png"] and all("jpeg (quality 50), mean change" in line for line in out)
    assert [[name for name in ("damaged.png", "empty.jpg", "notes.txt") if name in line] for line in err] == [
        ["damaged.png"], ["empty.jpg"], ["notes.txt"],
    ]  # fmt: skip
    assert sorted(marks(folder.path / "out")) == ["a.png", "b.png"] and folder.opened == [], "JPEG needs no model"
    for name, source in (("a.png", "a.png"), ("b.png", "b.jpg")):
        was = images.load(folder.path / "in" / source)
        want = purify.apply(was, None, "jpeg", settings="quality 50")
        assert torch.equal(images.load(folder.path / "out" / name), want)
        line = next(line for line in out if name in line)
        change = (images.levels(want).int() - images.levels(was).int()).abs().float()
        assert f"{was.shape[3]} x {was.shape[2]}, " in line
        assert f"mean change {change.mean():.3g}, largest {change.max():.3g} grey levels" in line


def test_nothing_is_written_over_without_force(folder, capsys):
    assert call(capsys, "in/a.png", "--method", "noise", "-o", "out")[0] == 0
    before = marks(folder.path / "out")
    status, out, err = call(capsys, "in/a.png", "in/b.jpg", "--method", "noise", "--seed", 1, "-o", "out")
    assert status == 1 and len(out) == 1 and len(err) == 1 and "a.png is there already" in err[0] and "--force" in err[0]
    after = marks(folder.path / "out")
    assert after["a.png"] == before["a.png"] and "b.png" in after
    assert call(capsys, "in/a.png", "--method", "noise", "--seed", 1, "-o", "out", "--force")[0] == 0
    assert marks(folder.path / "out")["a.png"] != before["a.png"]


def test_the_picture_itself_is_never_written_over(folder, capsys):
    before = marks(folder.path / "in")["a.png"]
    status, _, err = call(capsys, "in/a.png", "--method", "blur", "-o", "in", "--force")
    assert status == 1 and "is the picture itself" in err[0] and marks(folder.path / "in")["a.png"] == before


def test_the_seed_and_the_model_are_used(folder, capsys):
    for out, seed in (("one", 0), ("two", 0), ("three", 1)):
        status, lines, _ = call(capsys, "in/a.png", "in/b.jpg", "--method", "diffpure", "--steps", 2, "--seed", seed, "-o", out)
        assert status == 0 and len(lines) == 2
    one, two, three = (marks(folder.path / out) for out in ("one", "two", "three"))
    assert one == two and one["a.png"] != three["a.png"]
    assert folder.opened == ["bundled"] * 3, "opened once a call"
    want = purify.apply(images.load(folder.path / "in" / "a.png"), Toy(), "diffpure", steps=2, seed=rng.child(0, "a.png"))
    assert torch.equal(images.load(folder.path / "one" / "a.png"), want)


def test_steps_reach_the_method_and_longest_reduces(folder, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(impress, "perceptual", lambda name, model: (lambda x, y: (x - y).square().mean((1, 2, 3)), name))
    monkeypatch.setattr(impress, "_minimise", lambda errors, far, start, settings, callback: seen.append(settings.steps) or (
        start.clamp(-1, 1), None, start == start))
    status, out, _ = call(capsys, "in/a.png", "--method", "impress", "--steps", 7, "--longest", 15, "-o", "out")
    assert status == 0 and seen == [7] and "10" in out[0] and images.load(folder.path / "out" / "a.png").shape[2:] == (10, 15)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in", "--method", "jpg", "-o", "out"], "unknown method 'jpg': there is impress, jpeg"),
        (["in", "--method", "jpeg", "--settings", "q75", "-o", "out"], "unknown settings 'q75': there is quality 75"),
        (["in", "--method", "jpeg", "--profile", "sd16", "-o", "out"], "unknown profile 'sd16': there is bundled, sd15"),
        (["in", "--method", "impress", "--steps", 0, "-o", "out"], "steps: expected a whole number, 1 or more, got 0"),
        (["in", "--method", "jpeg", "--longest", -1, "-o", "out"], "expected --longest of 0 or more"),
        (["in/inner", "--method", "jpeg", "-o", "out"], "in/inner: no files in this folder"),
        (["in", "--method", "jpeg"], "required: -o/--out"),
    ],
)
def test_every_mistake_is_one_line(folder, capsys, words, said):
    status, out, err = call(capsys, *words)
    assert (status, out, len(err)) == (2, [], 1) and said in err[0]


def test_what_no_picture_can_do_without_is_said_once(folder, capsys, monkeypatch):
    def lacking(*_, **__):
        raise method.Unavailable("weights: not here")

    monkeypatch.setattr(purify, "apply", lacking)
    status, out, err = call(capsys, "in/a.png", "in/b.jpg", "--method", "impress", "-o", "out")
    assert (status, out, err) == (2, [], ["reproduce: weights: not here"])
    assert not list((folder.path / "out").iterdir())


def test_a_missing_file_is_named_and_the_others_done(folder, capsys):
    status, out, err = call(capsys, "in/gone.png", "in/a.png", "--method", "quantise", "-o", "out")
    assert status == 1 and len(out) == 1 and "gone.png: no such file" in err[0]
