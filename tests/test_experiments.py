"""Notebook 01: its pictures, its sweep end to end on a tiny Stable Diffusion."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tinysd
import torch
from PIL import Image

from reproduce import degrade, report, rng
from reproduce import images as pixels
from reproduce.experiments import jpeg_bypass as lab
from reproduce.experiments import subjects
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper

# --- pictures ----------------------------------------------------------------------------------------------------------------


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
    assert found.names == ["a", "b", "c"] and found.images.shape == (3, 3, 64, 64) and found.people.shape == (3, 1, 64, 64)
    turned = pixels.load(folder / "a.jpg", 64)
    assert torch.equal(found.images[:1], turned) and (turned[0, 0, 10].std() > 5 * turned[0, 0, :, 10].std())
    assert (found.images[1, 0] == found.images[1, 2]).all() and (found.images[2] == 1).all()  # grey; transparent is white
    assert torch.equal(found.people[1, 0, :, :30], torch.ones(64, 30)) and (found.people[1, 0, :, 34:] == 0).all()
    for ellipse in found.people[[0, 2]]:
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
    assert torch.equal(found.images, more.images[:2]) and not torch.equal(found.images, other.images)
    specs = sample_specs(rng.child(3, "subjects") % 2**62, 2, styles=["photo"], people=1, framing="photo", identities=subjects.NEW)
    made = render(specs, size=64)
    assert torch.equal(found.images, made.images) and all(spec.identity in subjects.NEW for spec in specs)
    trained = {person for spec in sample_specs(SEED, 300) for person in (spec.identity, spec.partner)}
    assert not trained & {*subjects.NEW}
    assert (made.identities[:, 1] == -1).all() and torch.equal(found.people, (made.masks["person"] >= 0.5).float())
    assert set(found.people.unique().tolist()) == {0.0, 1.0}
    assert found.prompts[0][0] != found.prompts[1][0] and {*found.prompts[0]} == {*found.prompts[1]} == {*subjects.PROMPTS}


def test_photographs_come_with_a_prompt_list_each(study):
    found = subjects.photographs(study(), 9)
    assert len(found.names) == len(found.images) == len(found.people) == len(found.prompts) == 5
    assert subjects.photographs(study(), 1).names == ["astronaut"]


def test_another_model_draws_its_own_people(study, models):
    found = subjects.people(study(name="sd15", seed=2), 2)
    assert found.images.shape == (2, 3, 64, 64) and found.names == ["generated 1", "generated 2"]
    asked = ["a photo of the face of a woman, portrait, natural light"]
    own = edit.generate(asked, models(), steps=30, guidance=7.5, generator=[rng.generator(2, "subject", 1)])
    torch.testing.assert_close(found.images[1:], own, rtol=0, atol=1.01 / 255)


# --- the sweep ---------------------------------------------------------------------------------------------------------------


def run(study):
    bypass = lab.Bypass(study)
    bypass.protect()
    bypass.edits()
    return bypass


def test_bypass_end_to_end(study, models):
    """2 people and a photograph: at 3 qualities, under 3 protections, and the seed floor."""
    bypass = run(study())
    rows, scale = bypass.edited.rows, bypass.scale
    assert len(bypass.protected.rows) == 2 * 3 and all(r["levels"] <= 16.001 for r in bypass.protected.rows)
    assert len(rows) == 3 * (3 * 3 + 1) + 2 * (3 * 3 + 1)
    assert len({tuple(sorted((k, str(v)) for k, v in r.items())) for r in rows}) == len(rows)
    key = ("edit", "group", "image", "prompt", "protection", "quality", "seed")
    assert len({tuple(r[k] for k in key) for r in rows}) == len(rows)
    assert all(np.isfinite(v) or (k == "psnr" and r["protection"] == "clean") for r in rows for k, v in r.items() if isinstance(v, float))

    def find(**wanted):
        return [r for r in rows if wanted.items() <= r.items()]

    for row in find(protection="clean", quality=None, seed="same"):
        assert row["ssim"] > 0.999 and row["latents_moved"] < 1e-4
    for row in find(seed="other"):
        assert row["protection"] == "clean" and row["ssim"] < 0.99 and row["latents_moved"] < 1e-4
    moved = {name: np.mean([r["latents_moved"] for r in find(protection=name, quality=None, seed="same")]) for name in lab.COMPARED}
    assert moved["photoguard-encoder"] > 2 * moved["noise"] > 0

    # one job by hand: what is sent is the stored protected picture through JPEG, and what comes back is its edit
    known, k = bypass.sets["people"], 1
    job = dict(edit="variation", group="people", subject=1, protection="photoguard-encoder")
    sent, made = (bypass.edited.images(job, what) for what in ("sent", "edit"))
    protected = bypass.protected.images(dict(group="people", protection="photoguard-encoder"), "image")[1:2]
    assert torch.equal(sent[k : k + 1], degrade.jpeg(protected, scale.qualities[k])) and torch.equal(sent[:1], protected)
    settings = replace(paper.PHOTOGUARD_EDIT["released variation"], steps=8)
    generator = rng.generator(0, "edit", "variation", "same", known.prompts[1][0], known.names[1])
    own = edit.vary(sent[k : k + 1], [known.prompts[1][0]], models(), settings=settings, generator=[generator])
    torch.testing.assert_close(made[k : k + 1], own, rtol=0, atol=1.01 / 255)
    for name in ("clean", *lab.COMPARED):  # whatever was sent, it is held against the edit of the clean picture
        reference = bypass.edited.images(job | {"protection": name}, "clean edit")
        torch.testing.assert_close(reference, bypass.edited.images(job | {"protection": "clean"}, "edit")[:1], rtol=0, atol=1.01 / 255)
    settings = replace(paper.PHOTOGUARD_EDIT["released inpainting"], steps=4)
    generator = rng.generator(0, "edit", "inpainting", "same", known.prompts[0][0], known.names[0])
    around = 1 - known.people[:1]  # the person is kept, the rest repainted
    own = edit.inpaint(known.images[:1], around, [known.prompts[0][0]], models(), settings=settings, generator=[generator])
    made = bypass.edited.images(dict(edit="inpainting", subject=0, protection="clean"), "clean edit")
    torch.testing.assert_close(made, own, rtol=0, atol=1.01 / 255)

    grid = report.picture_grid(**lab.picture_rows(bypass))
    assert [t.get_text().split()[-1] for t in grid.axes[0].texts][:3] == ["JPEG", "75", "15"]
    assert np.array_equal(lab.picture_rows(bypass)["images"][1][1], bypass.edited.images(job | {"subject": 0}, "edit")[1].numpy())
    beside = lab.side_by_side(bypass, group="photographs")
    assert len(beside["images"]) == 1 and len(beside["images"][0]) == len(beside["column_labels"]) == 6
    plt.close("all")


def test_an_interrupted_sweep_resumes_and_ends_with_the_same_rows(study, monkeypatch):
    calls, vary = [], edit.vary

    def counted(*args, **how):
        calls.append(1)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return vary(*args, **how)

    monkeypatch.setattr(edit, "vary", counted)
    stop = None
    whole = run(study("whole")).edited.rows
    assert len(calls) == 9
    calls.clear()
    stop = 4
    with pytest.raises(KeyboardInterrupt):
        run(study("cut"))
    calls.clear()
    stop = None
    resumed = run(study("cut")).edited.rows
    assert len(calls) == 6, "three of nine were kept"
    calls.clear()
    again = run(study("cut")).edited.rows
    assert not calls and whole == resumed == again


def test_a_folder_and_a_model_that_cannot_inpaint_still_make_every_grid(study, tmp_path):
    bypass = lab.Bypass(study(sibling=False), "equal", "4:4:4", images=str(folder_of(tmp_path)))
    bypass.protect()
    rows = bypass.edits().rows
    assert list(bypass.sets) == ["people"] and {r["edit"] for r in rows} == {"variation"} and len(rows) == 2 * 10
    assert {r["image"] for r in rows} == {"a", "b"} and {r["subsampling"] for r in rows} == {"4:4:4"}
    assert all(r["levels"] <= 8.001 for r in bypass.protected.rows)
    for shown in (lab.picture_rows(bypass, "inpainting"), lab.side_by_side(bypass, group="photographs")):
        assert report.picture_grid(**shown).axes and shown["title"].startswith("no ")
    plt.close("all")


@pytest.mark.parametrize(
    "settings, subsampling, said", [("papr", "4:2:0", "paper, released, equal, app, jpeg"), ("paper", "420", "4:4:4, 4:2:2, 4:2:0")]
)
def test_misspelt_parameters_list_what_there_is_before_anything_runs(study, settings, subsampling, said):
    with pytest.raises(ValueError, match=said):
        lab.Bypass(study(), settings, subsampling)
