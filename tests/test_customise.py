"""`reproduce customise`: picture files of one person in, pictures of that person out; what is wrong is one line, and nothing is lost."""

import pytest
import tinysd
import torch

from reproduce import images as pixels
from reproduce.cli.commands import main

PROMPTS = ["--prompt", "a photo of sks person", "--prompt", "sks person, in front of: eiffel tower!"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tinysd.save(tmp_path_factory.mktemp("models"), "2.1-base")


@pytest.fixture
def photos(tmp_path):
    for i, one in enumerate(tinysd.portraits(3, size=96)):
        pixels.save(one[:, :, : 96 - 16 * i], tmp_path / "photos" / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def run(model, tmp_path, capsys):
    def call(*words, out="out"):
        rule = ["--profile", str(model), "--steps", "2", "--sampling", "2", "--settings", "equal", "-o", str(tmp_path / out)]
        status = main(["customise", *rule, *map(str, words)])
        told = capsys.readouterr()
        return status, told.out.splitlines(), told.err.splitlines()

    return call


def test_photos_in_pictures_out_and_the_same_again(run, photos, tmp_path):
    rule = ("--count", 2, "--class-pictures", photos)
    status, out, _ = run(photos, *PROMPTS, *rule)
    names = ["a-photo-of-sks-person-1", "a-photo-of-sks-person-2", "sks-person-in-front-of-eiffel-tower-1"]
    assert status == 0 and out[:3] == [str(tmp_path / "out" / f"{name}.png") for name in names] and len(out) == 4
    first = pixels.load(out[0])
    assert first.shape == (1, 3, 64, 64) and not torch.equal(first, pixels.load(out[1]))
    run(photos, *PROMPTS, *rule, out="again")
    assert torch.equal(first, pixels.load(tmp_path / "again" / f"{names[0]}.png"))
    run(photos, *PROMPTS, *rule, "--seed", 1, out="other")
    assert not torch.equal(first, pixels.load(tmp_path / "other" / f"{names[0]}.png"))


def test_what_is_there_is_not_written_over(run, photos, tmp_path):
    there = tmp_path / "out" / "a-photo-of-sks-person-1.png"
    there.parent.mkdir()
    there.write_text("mine")
    status, _, told = run(photos, *PROMPTS[:2], "--count", 1)
    assert status == 2 and len(told) == 1 and "is there already" in told[0] and there.read_text() == "mine"


@pytest.mark.parametrize(("change", "said"), [
    (lambda home: [home / "nobody"], "nobody"),
    (lambda home: [home / "empty"], "no files in this folder"),
    (lambda home: [home / "torn.png"], "torn.png"),
    (lambda home: [home / "photos", "--settings", "papper"], "did you mean paper?"),
    (lambda home: [home / "photos", "--count", "0"], "expected --count of at least 1, got 0"),
    (lambda home: [home / "photos", "--sampling", "0"], "expected --sampling of at least 1, got 0"),
    (lambda home: [home / "photos", "--class-pictures", home / "empty"], "no files in this folder"),
])  # fmt: skip
def test_what_is_wrong_is_one_line_before_any_step(run, photos, tmp_path, change, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.png").write_bytes((photos / "0.png").read_bytes()[:200])
    status, out, told = run(*change(tmp_path), *PROMPTS[:2])
    assert status == 2 and not out and len(told) == 1 and said in told[0] and not (tmp_path / "out").exists()
