"""What judges a model's pictures comes with the opened profile: by what the model is, never by what it is called."""

import os

import pytest
import tinysd
import torch

from reproduce import method, purify
from reproduce.diffusion import judges, profiles
from reproduce.measure import clip, distribution, perceptual


@pytest.fixture
def impostor(tmp_path, monkeypatch):
    """A folder called `bundled` with a model of random weights, opened by its relative path; no weights of torch hub."""
    tinysd.save(tmp_path / "made").rename(tmp_path / "bundled")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    perceptual._lpips.cache_clear()
    yield profiles.open(f".{os.sep}bundled")
    perceptual._lpips.cache_clear()


def test_the_bundle_has_its_own_judges_by_whatever_path_it_is_opened(tmp_path):
    (tmp_path / "link").symlink_to(profiles.BUNDLE, target_is_directory=True)
    for name in ("bundled", str(profiles.BUNDLE), str(tmp_path / "link")):
        opened = profiles.open(name)
        assert opened.judges == opened.model.judges == judges.BUNDLED
    assert clip.clip(opened.judges.clip, device="cpu").name == "bundled CLIP"
    assert perceptual.perceptual(opened.judges)[1] == "bundled perceptual distance"


def test_a_folder_called_bundled_is_not_the_bundle(impostor):
    assert impostor.model.name == "bundled (a folder)" and impostor.judges == judges.FULL and judges.FULL.clip == clip.CHECKPOINT
    assert distribution.extractor(impostor.judges)[0] is distribution.inception
    for call in (
        lambda: perceptual.perceptual(impostor.judges, impostor.model),
        lambda: purify.apply(tinysd.portraits(1), impostor.model, "impress", steps=1),
    ):
        with pytest.raises(method.Unavailable, match="LPIPS weights: could not be read.*fetch them once") as told:
            call()
        assert "\n" not in str(told.value)
    with pytest.raises(method.Unavailable, match="the upscaler could not be read"):
        purify.apply(tinysd.portraits(1), impostor.model, "noisy-upscaling")


def test_the_bundle_is_judged_offline_whatever_it_is_called(monkeypatch):
    model = profiles.open("bundled").model
    monkeypatch.setattr(model, "name", "sd15")
    monkeypatch.setattr(perceptual, "_lpips", lambda device: pytest.fail("LPIPS was asked for"))
    log = []
    purify.apply(tinysd.portraits(1), model, "impress", steps=1, log=log)
    assert log[0]["distance"] > 0
    with pytest.raises(method.Unavailable, match="got the bundled one"):
        purify.apply(tinysd.portraits(1), model, "noisy-upscaling")


def test_a_model_has_the_full_judges_unless_it_is_told(models):
    parts = {name: getattr(models(), name) for name in ("vae", "text_encoder", "tokenizer", "scheduler", "unet")}
    assert type(models())(**parts).judges == judges.FULL
    assert type(models())(**parts, judges=judges.BUNDLED).judges == judges.BUNDLED
