"""Methods that take a set: all pictures in one call, whole, at any size; the core below both tables; the command line's sets."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from toymodel import Toy

from reproduce import images as pixels
from reproduce import method, passes, protect, purify, rng
from reproduce.cli import commands as cli
from reproduce.diffusion import profiles
from reproduce.engine import fingerprint
from reproduce.papers import photoguard as paper

SEEN = []


def together(images, model, *, settings, generator, mask=None):
    """Every picture moved by half the budget towards the set's mean, by all of it where that is brighter; says what it was handed."""
    SEEN.append((tuple(images.shape), [one.initial_seed() for one in generator], mask))
    away = (images.mean(0, keepdim=True) - images).sign() * (int(settings.eps) / 255)
    moved = pixels.quantise((images + away).clamp(0, 1))
    return moved if mask is None else torch.where(mask >= 0.5, moved, images)


@pytest.fixture
def table(monkeypatch):
    """The method as a row of both tables, `together`; what it was handed is in SEEN. Small tiles, small passes."""
    SEEN.clear()
    row = method.Method(f"{__name__}:together", paper.NOISE, needs="nothing", about="A set.", takes="set")
    monkeypatch.setattr(method.Method, "function", property(lambda own: together if own is row else _found(own)))
    monkeypatch.setitem(protect.PROTECTIONS, "together", row)
    monkeypatch.setitem(purify.PURIFIERS, "together", row)
    monkeypatch.setattr(passes, "PIXELS", 16 * 16)
    monkeypatch.setattr(passes, "TILE", 16)


def _found(row):
    import importlib

    module, name = row.place.split(":")
    return getattr(importlib.import_module(f"reproduce.{module}"), name)


def photos(count=3, height=21, width=40, seed=0):
    return pixels.quantise(torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("apply", [protect.apply, purify.apply])
def test_a_set_reaches_its_method_whole_in_one_call_with_a_stream_for_each(table, apply):
    x = photos()
    got = apply(x, Toy(), "together", seed=5)
    streams = [rng.child(5, "together", i, 0) for i in range(3)]
    assert [(shape, seeds) for shape, seeds, _ in SEEN] == [((3, 3, 24, 40), streams)]
    wide = x[:, :, pixels.mirrored(torch.arange(24), 21)]
    want = pixels.quantise((wide + (wide.mean(0, keepdim=True) - wide).sign() * (16 / 255)).clamp(0, 1))
    assert torch.equal(got, want[:, :, :21])
    apply(x[:1], Toy(), "noise")  # and what takes an image gets tiles, still
    assert len(SEEN) == 1 and {one.tile for one in passes.over(x, 8)} == set(range(6))


def test_a_mask_goes_along_with_a_set_and_its_budget_is_checked(table):
    x, mask = photos(2), torch.zeros(2, 1, 21, 40)
    mask[1, :, :, :20] = 1
    got = protect.apply(x, Toy(), "together", mask=mask)
    assert SEEN[0][2].shape == (2, 1, 24, 40) and torch.equal(got[0], x[0]) and torch.equal(got[1, ..., 20:], x[1, ..., 20:])
    assert not torch.equal(got[1], x[1])
    rule = dict(settings=paper.NOISE["equal"], seed=0, name="far", takes="set")
    with pytest.raises(RuntimeError, match=r"far: images\[0\] moved by .* levels, not 8"):
        protect.run(lambda images, model, *, settings, generator: 1 - images, x, None, **rule)
    with pytest.raises(RuntimeError, match=r"far: expected images \(2, 3, 24, 40\) back, got \(1, 3, 24, 40\)"):
        protect.run(lambda images, model, *, settings, generator: images[:1], x, None, **rule)
    with pytest.raises(ValueError, match="mask: far makes no use of one"):
        protect.run(lambda images, model, *, settings, generator: images, x, None, mask=mask, **rule)


def test_the_core_gives_what_the_table_gives_and_does_not_depend_on_it():
    x, chosen = photos(2), protect.record("photoguard-encoder", "released", steps=2)
    row = protect.PROTECTIONS["photoguard-encoder"]
    by_hand = protect.run(row.function, x, Toy(), settings=chosen, seed=3, name="photoguard-encoder", goal=x[:1])
    assert torch.equal(by_hand, protect.apply(x, Toy(), "photoguard-encoder", settings=chosen, seed=3, goal=x[:1]))
    row = purify.PURIFIERS["noise"]
    by_hand = purify.run(row.function, x, None, settings=purify.record("noise"), seed=3, name="noise", whole=True)
    assert torch.equal(by_hand, purify.apply(x, None, "noise", seed=3))
    used = fingerprint._closure(fingerprint._place("protect.run:run"))
    read = {there.path.relative_to(fingerprint.PACKAGE).as_posix() for there, _ in used}
    assert {"protect/run.py", "passes.py", "attack/budgets.py"} <= read
    assert not any(path.startswith(("protect/", "purify/", "papers/")) for path in read - {"protect/run.py"})


def test_a_method_takes_an_image_or_a_set():
    row = protect.PROTECTIONS["noise"]
    assert row.takes == "image" and row.accepts("mask") and not row.accepts("goal")
    for wrong in (lambda: dataclasses.replace(row, takes="sets"), lambda: list(passes.over(photos(), 8, takes="sets"))):
        with pytest.raises(ValueError, match="a method takes an image or a set, got 'sets'; choose one of image, set"):
            wrong()


# --- the command line --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of two pictures of one size and a text file, and beside it one more of that size, a wide one and a twin of it."""
    chance = np.random.default_rng(0)
    for name, size in {"in/a.png": (20, 30), "in/b.png": (20, 30), "c.png": (20, 30), "wide.png": (20, 50), "twin.png": (20, 50)}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(chance.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "twin.png").write_bytes((tmp_path / "wide.png").read_bytes())
    (tmp_path / "in" / "notes.txt").write_text("not a picture\n")
    monkeypatch.setattr(profiles, "open", lambda *_, **__: profiles.Profile("toy", Toy(), 64, "standard"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys, *words):
    status = cli.main([*map(str, words)])
    out, err = capsys.readouterr()
    return status, out.splitlines(), [line for line in err.splitlines() if line.startswith("reproduce:")]


@pytest.mark.parametrize("command", ["protect", "purify"])
def test_all_pictures_of_the_command_are_one_set(folder, capsys, table, command):
    status, out, err = call(capsys, command, "in", "c.png", "--method", "together", "--seed", 2, "-o", "out")
    assert status == 1 and len(err) == 1 and "notes.txt: not an image" in err[0]
    assert [shape for shape, *_ in SEEN] == [(3, 3, 24, 32)]
    assert [line.split()[0] for line in out] == ["out/a.png", "out/b.png", "out/c.png"]
    x = torch.cat([pixels.load(name) for name in ("in/a.png", "in/b.png", "c.png")])
    want = (protect if command == "protect" else purify).apply(x, Toy(), "together", seed=2)
    assert torch.equal(torch.cat([pixels.load(f"out/{name}.png") for name in "abc"]), want)


def test_a_set_of_several_sizes_is_refused_unless_it_is_cut_square(folder, capsys, table):
    status, out, err = call(capsys, "protect", "c.png", "wide.png", "--method", "together", "-o", "out")
    assert (status, out, len(err), SEEN) == (2, [], 1, [])
    assert "one size, got c.png (30 x 20) and wide.png (50 x 20); give --square" in err[0] and list((folder / "out").iterdir()) == []
    status, out, err = call(capsys, "protect", "c.png", "wide.png", "--method", "together", "--square", "-o", "out")
    assert (status, len(out), err) == (0, 2, []) and SEEN[0][0] == (2, 3, 64, 64), "the model's own size"
    middle = torch.nn.functional.interpolate(pixels.load("wide.png")[..., 15:35], (64, 64), mode="bicubic", antialias=True)
    moved = (pixels.load("out/wide.png") - middle.clamp(0, 1)).abs()
    assert moved.max() <= 16.5 / 255 and "64 x 64" in out[1]


def test_a_set_of_nothing_that_can_be_read_is_no_set(folder, capsys, table):
    status, out, err = call(capsys, "protect", "in/notes.txt", "gone.png", "--method", "together", "-o", "out")
    assert (status, out, len(err), SEEN) == (1, [], 2, [])


def test_a_set_that_fails_is_one_line_and_leaves_no_file(folder, capsys, table, monkeypatch):
    monkeypatch.setattr(protect, "apply", lambda x, *_, **__: 1 - pixels.quantise(x))
    status, out, err = call(capsys, "protect", "in/a.png", "in/b.png", "--method", "together", "-o", "out")
    assert status == 1 and out == [] and len(err) == 1 and "in/a.png and 1 more: together moved a picture" in err[0]
    assert list((folder / "out").iterdir()) == []


@pytest.mark.parametrize("command", ["protect", "purify"])
def test_a_files_noise_is_its_own_alone_and_among_others(folder, capsys, command):
    for words, out in ((["wide.png", "twin.png"], "both"), (["twin.png"], "one"), (["."], "all"), (["twin.png", "--seed", 1], "other")):
        assert call(capsys, command, *words, "--method", "noise", "-o", out)[0] == 0
    wide, twin = (pixels.load(f"both/{name}.png") for name in ("wide", "twin"))
    assert (wide - twin).abs().mul(255).mean() > 3, "the same picture twice, under two names"
    assert torch.equal(pixels.load("one/twin.png"), twin) and torch.equal(pixels.load("all/twin.png"), twin)
    assert not torch.equal(pixels.load("other/twin.png"), twin)
