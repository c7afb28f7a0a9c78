"""The pictures that experiments work on: of a folder, rendered, drawn by the model, photographs."""

import numpy as np
import pytest
import tinysd
import torch
from PIL import Image

from reproduce import images as pixels
from reproduce import rng
from reproduce.engine.jobs import levels, tensor
from reproduce.experiments import subjects
from reproduce.misuse import edit


def folder_of(tmp_path):
    """A rotated JPEG, a grey and a transparent PNG, a mask, and what must be passed over."""
    folder = tmp_path / "mine"
    (folder / "d.png").mkdir(parents=True)
    ramp = np.linspace(0, 255, 120 * 80).reshape(80, 120).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp * 0], 2)).save(folder / "a.jpg", exif=exif, quality=95)
    Image.fromarray(ramp).save(folder / "b.png")
    Image.fromarray(np.stack([ramp] * 3 + [np.full_like(ramp, 0)], 2)).save(folder / "c.png")
    mask = np.zeros((80, 120), np.uint8)
    mask[:, :60] = 255
    Image.fromarray(mask).save(folder / "b_mask.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture either")
    return folder


def test_a_folder_gives_upright_pictures_and_drawn_masks(study, tmp_path):
    folder = folder_of(tmp_path)
    found = subjects.people(study(images=folder), 5)
    assert found.names == ["a", "b", "c"] and found.images.shape == (3, 3, 64, 64) and found.masks.shape == (3, 1, 64, 64)
    turned = pixels.load(folder / "a.jpg", 64)
    assert torch.equal(found.images[:1], turned) and (turned[0, 0, 10].std() > 5 * turned[0, 0, :, 10].std())
    assert (found.images[1, 0] == found.images[1, 2]).all() and (found.images[2] == 1).all()  # grey; transparent is white
    assert torch.equal(found.masks[1, 0, :, :30], torch.ones(64, 30)) and (found.masks[1, 0, :, 34:] == 0).all()
    for ellipse in found.masks[[0, 2]]:
        assert ellipse[0, 32, 32] == 1 and ellipse[0, 0, 0] == 0 and 0.2 < ellipse.mean() < 0.5
    assert all(len(prompts) == 6 for prompts in found.prompts) and len(found.prompts) == 3
    assert subjects.people(study(images=folder), 2).names == ["a", "b"]


def test_pictures_that_share_a_name_stay_apart(study, tmp_path):
    for name in ("a.png", "a.jpg", "b.png"):
        pixels.to_pil(tinysd.portraits(1)).save(tmp_path / name)
    assert subjects.people(study(images=tmp_path), 3).names == ["a.jpg", "a.png", "b"]


def test_a_folder_without_pictures_gets_one_line(study, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, said in (("empty", "found none"), ("nowhere", "there is none")):
        with pytest.raises(ValueError, match=said) as told:
            subjects.people(study(images=tmp_path / folder), 2)
        assert "\n" not in str(told.value) and "IMAGES" in str(told.value)


def test_rendered_people_are_unseen_alone_and_the_same_for_a_seed(study):
    from reproduce.world import render, sample_specs
    from reproduce.world.train.data import SEED

    found, more, other = (subjects.people(study(seed=seed), count) for seed, count in ((3, 2), (3, 4), (4, 2)))
    assert torch.equal(found.images, more.images[:2]) and found.prompts == more.prompts[:2] and found.names == more.names[:2]
    assert torch.equal(tensor(levels(found.images)), found.images), "stages see them in 8 bits"
    assert not torch.equal(found.images, other.images)
    specs = sample_specs(rng.child(3, "subjects") % 2**62, 2, styles=["photo"], people=1, framing="photo", identities=subjects.NEW)
    made = render(specs, size=64)
    assert torch.equal(found.images, made.images) and all(spec.identity in subjects.NEW for spec in specs)
    trained = {person for spec in sample_specs(SEED, 300) for person in (spec.identity, spec.partner)}
    assert not trained & {*subjects.NEW}
    assert (made.identities[:, 1] == -1).all() and torch.equal(found.masks, (made.masks["person"] >= 0.5).float())
    assert set(found.masks.unique().tolist()) == {0.0, 1.0}
    assert found.prompts[0][0] != found.prompts[1][0] and {*found.prompts[0]} == {*found.prompts[1]} == {*subjects.PROMPTS}


def test_photographs_come_with_a_prompt_list_each(study):
    found = subjects.photographs(study(), 9)
    assert len(found.names) == len(found.images) == len(found.masks) == len(found.prompts) == 5
    assert subjects.photographs(study(), 1).names == ["astronaut"]


def test_another_model_draws_its_own_people(study, models):
    found = subjects.people(study(name="sd15", seed=2), 2)
    assert found.images.shape == (2, 3, 64, 64) and found.names == ["generated 1", "generated 2"]
    wanted = ["a photo of the face of a woman, portrait, natural light"]
    own = edit.generate(wanted, models(), steps=30, guidance=7.5, generator=[rng.generator(2, "subject", 1)])
    torch.testing.assert_close(found.images[1:], own, rtol=0, atol=1.01 / 255)
    fewer = subjects.people(study(name="sd15", seed=2), 1)
    assert torch.equal(fewer.images, found.images[:1]), "a picture is the same whoever is drawn beside it"


def test_a_model_that_draws_nothing_asks_for_a_folder_in_one_line(study, monkeypatch):
    made = study(name="sd15")
    monkeypatch.setattr(made.identity, "varies", False)
    with pytest.raises(ValueError, match="IMAGES") as told:
        subjects.people(made, 2)
    assert "\n" not in str(told.value) and "sd15" in str(told.value)
