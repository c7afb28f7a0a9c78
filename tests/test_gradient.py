"""Notebook 05: its four experiments end to end on a tiny Stable Diffusion."""

import dataclasses

import matplotlib.pyplot as plt
import pytest
import torch

from reproduce import degrade, jpeg, report
from reproduce.experiments import jpeg_bypass
from reproduce.experiments import jpeg_gradient as lab
from reproduce.papers import photoguard as paper
from reproduce.protect import photoguard
from reproduce.report.jpeg_gradient_figures import DRAWN
from reproduce.report.looks import FORMULATIONS


def test_every_experiment_end_to_end(study):
    gradients = lab.Gradients(study())
    agreement, foresight, attacks = gradients.agreement(), gradients.foresight(), gradients.attacks()
    gradients.bypass.protect()
    spectra, edits = gradients.spectra(), gradients.bypass.edits().rows
    assert len(agreement) == 2 * 2 * 6 and len(foresight) == 2 * 9 and len(attacks) == 9 * 3
    exact = [r for r in agreement if r["form"] == "exact"]
    assert all(r["worst"] == 0 and r["equal"] == 1 for r in exact)
    assert all(r["worst"] > 0 and r["equal"] < 1 for r in agreement if r["form"] != "exact")
    assert all(-1 <= r["correlation"] <= 1 for r in foresight) and all(0 < r["left"] < 1.2 for r in attacks)
    assert len(spectra) == 3 * 3 * 2 * 6
    whole = [r for r in spectra if r["quality"] is None and r["band"] != "all" and r["protection"] == "noise"]
    assert sum(r["share"] for r in whole) == pytest.approx(1, abs=1e-4)
    assert all(r["kept"] == pytest.approx(1, abs=1e-4) for r in whole)  # no JPEG leaves everything
    assert {r["protection"] for r in edits} == {"clean", "photoguard-encoder", "photoguard-encoder-jpeg"}
    made = {name: gradients.bypass.picture("people", 0, name) for name in lab.COMPARED}
    assert not torch.equal(*made.values())
    assert report.picture_grid(**lab.picture_rows(gradients)).axes
    plt.close("all")


def test_directions_are_signs_on_blocks_of_four_sizes():
    moves = lab._directions(8, torch.rand(1, 3, 21, 16), torch.Generator().manual_seed(0))
    assert moves.shape == (8, 3, 21, 16) and moves.abs().eq(1).all()
    changes = [(moves[i, :, :, 1:] != moves[i, :, :, :-1]).float().mean().item() for i in range(4)]
    assert changes[0] > 0.4 and changes[0] > changes[1] > changes[2] > changes[3] > 0
    assert torch.equal(moves[7, :, :8, :8], moves[7, :, :1, :1].expand(3, 8, 8))


def test_foresight_of_the_gradient_itself_is_near_one(study, monkeypatch):
    """Where the file is the identity, the plain gradient foresees small moves, and a wrong one does not."""
    gradients = lab.Gradients(study())
    monkeypatch.setattr(degrade, "jpeg", lambda images, quality: images)
    monkeypatch.setattr(lab, "SURROGATES", {"true": lambda x, q: x, "mirrored": lambda x, q: x.flip(3)})
    monkeypatch.setattr(lab, "EPS", 0.1)
    rows = gradients._foresee(dict(subject=0, quality=75)).rows
    found = {r["surrogate"]: r["correlation"] for r in rows}
    assert found["true"] > 0.99 and abs(found["mirrored"]) < 0.7


def test_the_jpeg_setting_attacks_through_files_of_its_range(study, monkeypatch):
    seen, exact = [], jpeg.jpeg

    def spied(images, quality, **options):
        seen.append((tuple(quality), options))
        return exact(images, quality, **options)

    monkeypatch.setattr(degrade.codec, "jpeg", spied)
    gradients = lab.Gradients(study())
    settings = dataclasses.replace(paper.PHOTOGUARD_ENCODER["jpeg"], steps=12)
    images = gradients.pictures.images.expand(2, -1, -1, -1)
    generators = [torch.Generator().manual_seed(i) for i in (1, 2)]
    made = photoguard.encoder(images, gradients.study.model, settings=settings, generator=generators)
    drawn = [q for qualities, _ in seen for q in qualities]
    assert len(seen) == 12 and all(50 <= q <= 95 for q in drawn) and len(set(drawn)) > 6
    assert all(len(qualities) == 2 and options == {"scale": 8.0} for qualities, options in seen)
    assert any(a != b for (a, b), _ in seen)  # each picture draws its own
    alone = photoguard.encoder(images[:1], gradients.study.model, settings=settings, generator=[torch.Generator().manual_seed(1)])
    assert torch.equal(made[:1], alone)


@pytest.mark.parametrize("name", lab.SURROGATES)
def test_every_surrogate_gives_a_gradient_at_an_odd_size(name):
    x = (torch.rand(1, 3, 19, 27, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25).requires_grad_()
    (gradient,) = torch.autograd.grad(lab.SURROGATES[name](x, 60).square().sum(), x)
    assert gradient.shape == x.shape and gradient.isfinite().all() and gradient.abs().max() > 0


def test_scales_say_what_they_are():
    assert set(lab.SCALES) == {"smoke", "standard", "paper"}
    assert set(DRAWN) <= set(lab.SURROGATES) <= set(FORMULATIONS)
    assert set(lab.FILES) <= set(FORMULATIONS) and all(isinstance(s.edits, jpeg_bypass.Scale) for s in lab.SCALES.values())
