"""Notebook 05: its four experiments end to end on a tiny Stable Diffusion."""

import dataclasses

import matplotlib.pyplot as plt
import pytest
import torch

from reproduce import degrade, jpeg, report
from reproduce.experiments import arms, pictures, scales
from reproduce.experiments import jpeg_gradient as lab
from reproduce.experiments.cells import Cell
from reproduce.jpeg import surrogates
from reproduce.measure import spectrum
from reproduce.papers import photoguard as paper
from reproduce.protect import photoguard
from reproduce.report.looks import FORMULATIONS, MADE_FOR


@pytest.fixture(scope="module")
def ran(studies, tmp_path_factory):
    found = lab.Gradients(studies(tmp_path_factory.mktemp("gradient")))
    found.agreements, found.correlations, found.attacked = found.agreement(), found.foresight(), found.attacks()
    found.protected = found.bypass.protect()
    found.energies, found.rows = found.spectra(), found.bypass.edits()
    return found


def test_agreement_is_with_the_real_file(ran):
    rows = ran.agreements
    assert len(rows) == 2 * 4 * 6 and all(list(row) == ["subject", "role", "quality", "form", "mean", "worst", "equal"] for row in rows)
    assert {(row["subject"], row["role"]) for row in rows} == {
        ("person 1", "people"), ("person 2", "people"), *((name, "photographs") for name in ran.photographs.names),
    }  # fmt: skip
    for row in rows:
        assert (row["worst"] == 0) == (row["equal"] == 1) == (row["form"] == "exact")
    images = ran.photographs.images[:1]
    off = (images - degrade.jpeg_file(images, 30)).mul(255).round().abs()
    [row] = [row for row in rows if (row["subject"], row["quality"], row["form"]) == (ran.photographs.names[0], 30, "none")]
    own = (off.mean(), off.max(), (off == 0).float().mean())
    assert (row["mean"], row["worst"], row["equal"]) == pytest.approx(tuple(value.item() for value in own))


def test_foresight_is_a_correlation_a_surrogate_quality_and_push(ran):
    assert [(row["quality"], row["subject"], row["surrogate"], row["push"]) for row in ran.correlations] == [
        (quality, f"person {i}", name, push) for quality in (75, 30) for i in (1, 2) for name in lab.SURROGATES for push in lab.PUSHES
    ]
    assert lab.SCALE not in lab.PUSHES  # no push favours the weight that is made for one
    assert all(-1 <= row["correlation"] <= 1 for row in ran.correlations)


def test_foresight_of_the_gradient_itself_is_near_one(ran, monkeypatch):
    """Where the file is the identity, the plain gradient foresees small moves, larger ones less, and a wrong one foresees none."""

    def through(name, images, quality):
        return images if name == "true" else images.flip(3)

    monkeypatch.setattr(degrade, "jpeg", lambda images, quality: images)
    monkeypatch.setattr(lab, "SURROGATES", ("true", "mirrored"))
    monkeypatch.setattr(lab, "through", through)
    values = dict(quality=75, directions=8, pushes=(0.05, 40), seed=0, number=0)
    rows = lab.foresee(ran.study.profile, values, {"images": ran.pictures.images[:1]}).rows
    found = {(row["surrogate"], row["push"]): row["correlation"] for row in rows}
    assert found["true", 0.05] > 0.99 and abs(found["mirrored", 0.05]) < 0.7 and found["true", 40] < found["true", 0.05]


def test_what_happened_is_half_the_difference_of_two_files(ran):
    image, model = ran.pictures.images[:1], ran.study.profile.model
    moves = torch.zeros(2, *image.shape[1:])
    moves[1] = 8 / 255
    got = lab._happened(image, moves, 30, model)
    with torch.no_grad():
        ahead, back = (lab.to_grey(degrade.jpeg_file((image + sign * 8 / 255).clamp(0, 1), 30), model).item() for sign in (1, -1))
    assert got.tolist() == pytest.approx([0, (ahead - back) / 2], abs=1e-4) and abs(ahead - back) > 1e-3


def test_attacks_are_scored_on_real_files(ran):
    rows, model, clean = ran.attacked, ran.study.profile.model, ran.pictures.images
    assert [(row["surrogate"], row["through"], row["quality"], row["subject"]) for row in rows] == [
        (name, 75, quality, f"person {i}") for name in lab.SURROGATES for quality in (None, 75, 30) for i in (1, 2)
    ]
    assert all(list(row) == ["subject", "surrogate", "through", "quality", "grey_distance"] for row in rows)
    settings = dataclasses.replace(paper.PHOTOGUARD_ENCODER["equal"], eps=8, start="zero", steps=4, step=5.0)
    made = photoguard.encoder(clean, model, settings=settings, through=jpeg.jpeg_mask)
    with torch.no_grad():
        shown = (degrade.jpeg(made, 30), clean, torch.full_like(clean, 0.5))
        at, home, grey = (model.encode(one).mean for one in shown)
    left = (at - grey).flatten(1).norm(dim=1) / (home - grey).flatten(1).norm(dim=1)
    told = [row["grey_distance"] for row in rows if (row["surrogate"], row["quality"]) == ("mask", 30)]
    assert told == pytest.approx(left.tolist(), rel=1e-4)


def test_attacks_that_know_no_quality_are_made_once_and_told_for_each(ran, monkeypatch):
    asked = []

    class Listed:
        def __init__(self, name, jobs):
            self.rows = [dict(job.told, subject="p", grey_distance=0.5) for job in jobs]
            asked.extend((job.told["surrogate"], job.told["through"], len(job.values["names"])) for job in jobs)

    monkeypatch.setattr(ran.study, "sweep", Listed)
    monkeypatch.setattr(ran.counts, "through", (75, 30))
    monkeypatch.setattr(lab, "SURROGATES", ("none", "cubic"))
    monkeypatch.setattr(lab, "GROUP", 1)
    rows = ran.attacks()
    assert asked == [("none", None, 1)] * 2 + [("cubic", 75, 1)] * 2 + [("cubic", 30, 1)] * 2
    assert [(row["surrogate"], row["through"]) for row in rows] == [
        (name, quality) for quality in (75, 30) for name in ("none", "none", "cubic", "cubic")
    ]


def test_spectra_are_of_the_stored_perturbations(ran):
    rows, grid = ran.energies, ran.perturbed
    assert len(rows) == 2 * 3 * 3 * 3 * 6 and list(rows[0])[:5] == ["subject", "protection", "quality", "kind", "band"]
    noise = [row for row in rows if row["quality"] is None and row["protection"] == "noise" and row["subject"] == "person 2"]
    parts = [row for row in noise if row["band"] != "all" and row["kind"] != "all"]
    assert sum(row["share"] for row in parts) == pytest.approx(1, abs=1e-4)
    for row in parts:  # no JPEG leaves everything
        assert (row["kept"], row["kept_energy"], row["energy"]) == pytest.approx((1, 1, 1), abs=1e-4)
    made, clean = grid.shown(Cell("encoder"), 0), grid.subjects.images[:1]
    share, left = spectrum.energy(made - clean), spectrum.survival(clean, made, degrade.jpeg(clean, 30), degrade.jpeg(made, 30))
    for row in rows:
        if (row["protection"], row["quality"], row["subject"]) == ("encoder", 30, "person 1"):
            told = row["kept"], row["kept_energy"], row["energy"], row["share"]
            known = *left[row["kind"], row["band"]], share[row["kind"], row["band"]]
            assert told == pytest.approx([one.item() for one in known], rel=1e-5)
    assert {row["kind"] for row in rows} == {"brightness", "colour", "all"}


def test_edits_are_of_plain_and_jpeg_aware_pictures(ran):
    arms = ("encoder", "encoder, through JPEG", "encoder, equal norm", "encoder, through JPEG, equal norm")
    assert {row["misuse"] for row in ran.rows} == {"variation"}
    assert [(row["protection"], row["quality"], row["seed"]) for row in ran.rows] == [
        *((key, quality, 0) for key in ("clean", *arms) for quality in (None, 75, 30)), ("another seed", None, 1),
    ]  # fmt: skip
    assert [(row["protection"], row["role"]) for row in ran.protected] == [(key, "people") for key in arms]
    told = ran.settings
    sent = [ran.bypass.sent("people", 0, key, None) for key in arms]
    assert not any(torch.equal(one, other) for i, one in enumerate(sent) for other in sent[:i])
    rms = {row["protection"]: row["rms"] for row in ran.protected}
    assert max(rms[key] for key in arms[2:]) <= 8 and all(told["protections"][key]["rms"] == 8 for key in arms[2:])
    assert told["counts"]["directions"] == 8 and told["counts"]["variation_steps"] == 8
    assert told["protections"]["encoder, through JPEG"]["jpeg"] == (50, 95) and told["protections"]["encoder"]["steps"] == 6
    shown = pictures.through_jpeg(ran)
    assert [label for label in shown["row_labels"] if label and "face" in label] == [
        "encoder attack: face ×2", "encoder attack, through JPEG: face ×2", "encoder attack, equal norm: face ×2",
        "encoder attack, through JPEG, equal norm: face ×2", "clean picture: face ×2",
    ]  # fmt: skip
    edit, clean = (ran.bypass.edit("variation", "people", 0, *cell) for cell in (("encoder, through JPEG", 75), ("clean", None)))
    assert torch.allclose(torch.from_numpy(shown["images"][4][1]), (0.5 + 4 * (edit - clean)).clamp(0, 1))
    assert report.picture_grid(**shown).axes
    plt.close("all")


def test_directions_are_signs_on_blocks_of_four_sizes():
    moves = lab._directions(8, torch.rand(1, 3, 21, 16), torch.Generator().manual_seed(0))
    assert moves.shape == (8, 3, 21, 16) and moves.abs().eq(1).all()
    changes = [(moves[i, :, :, 1:] != moves[i, :, :, :-1]).float().mean().item() for i in range(4)]
    assert changes[0] > 0.4 and changes[0] > changes[1] > changes[2] > changes[3] > 0
    assert torch.equal(moves[7, :, :8, :8], moves[7, :, :1, :1].expand(3, 8, 8))


def test_the_jpeg_setting_attacks_through_files_of_its_range(ran, monkeypatch):
    seen, exact = [], jpeg.jpeg

    def spied(images, quality, **options):
        seen.append((tuple(quality), options))
        return exact(images, quality, **options)

    monkeypatch.setattr(degrade.codec, "jpeg", spied)
    settings, model = dataclasses.replace(paper.PHOTOGUARD_ENCODER["jpeg"], steps=12), ran.study.profile.model
    images = ran.pictures.images.expand(2, -1, -1, -1)
    generators = [torch.Generator().manual_seed(i) for i in (1, 2)]
    made = photoguard.encoder(images, model, settings=settings, generator=generators)
    drawn = [q for qualities, _ in seen for q in qualities]
    assert len(seen) == 12 and all(50 <= q <= 95 for q in drawn) and len(set(drawn)) > 6
    assert all(len(qualities) == 2 and options == {"scale": 8.0} for qualities, options in seen)
    assert any(a != b for (a, b), _ in seen)  # each picture draws its own
    alone = photoguard.encoder(images[:1], model, settings=settings, generator=[torch.Generator().manual_seed(1)])
    assert torch.equal(made[:1], alone)


@pytest.mark.parametrize("name", lab.SURROGATES)
def test_every_surrogate_gives_a_gradient_at_an_odd_size(name):
    x = (torch.rand(1, 3, 19, 27, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25).requires_grad_()
    (gradient,) = torch.autograd.grad(lab.through(name, x, 60).square().sum(), x)
    assert gradient.shape == x.shape and gradient.isfinite().all() and gradient.abs().max() > 0


def test_what_an_encoder_is_shown_is_a_picture_with_the_releases_slope():
    dark = (torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) > 0.5).float().requires_grad_()
    shown, modelled = lab.through("polynomial", dark, 20), surrogates.soft_jpeg(dark, 20, "polynomial")
    assert modelled.min() < 0 and modelled.max() > 1 and shown.min() >= 0 and shown.max() <= 1
    slopes = [torch.autograd.grad(out.square().sum(), dark, retain_graph=True)[0] for out in (shown, modelled)]
    assert torch.allclose(*slopes, atol=1e-3) and slopes[0].abs().max() > 0.1


def test_every_formulation_has_its_look():
    assert set(lab.SURROGATES) <= set(FORMULATIONS) and set(lab.FORMS) <= set(FORMULATIONS)
    assert {q for counts in scales.COUNTS["jpeg_gradient"].values() for q in counts["through"]} <= MADE_FOR.keys()
    assert {*lab.SPECTRA, *lab.COMPARED} <= arms.PROTECTIONS.keys()
