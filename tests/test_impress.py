"""IMPRESS against a plain loop of the same, its half-precision pathology and the absence of it, its log, its settings, what is refused."""

import copy
import math
from dataclasses import replace

import pytest
import tinysd
import torch
import torch.nn.functional as F
from toymodel import Posterior, Toy

from reproduce import images as pixels
from reproduce import rng
from reproduce.diffusion import profiles
from reproduce.papers import impress as paper
from reproduce.purify import impress as module
from reproduce.purify.impress import impress
from reproduce.world import render

PAPER, RELEASED, FP32, SUM, NOISE = (paper.PURIFY_IMPRESS[name] for name in ("paper", "released", "fp32", "sum", "noise only"))
HALF = paper.PURIFY_IMPRESS["released in half"]


def portraits(count=2, size=64):
    """Pictures whose values are not at the ends of the range, where clamping would hold them."""
    return pixels.quantise(tinysd.portraits(count, size) * 0.8 + 0.1)


def generators(count=2, seed=0):
    return [rng.generator(seed, i) for i in range(count)]


def pooled(x, y):
    """A distance that is neither the consistency nor linear in the picture, differentiable, one value per image."""
    return 5 * F.avg_pool2d(x - y, 4).square().flatten(1).sum(1).sqrt()


class Blur:
    """D(E(x)) is a mean over 5 x 5: a model whose gradients can be written down, and the surrogate of the reference's measurement."""

    name, factor, dtype = "blur", 1, torch.float32

    def encode(self, images, anywhere=False):
        return Posterior(images)

    def decode(self, latents):
        return F.avg_pool2d(F.pad(latents, (2, 2, 2, 2), mode="reflect"), 5, stride=1)


def plain(vae, protected, start, settings, weights, steps):
    """The loop as a reader of the paper would write it for one picture on [-1, 1]: every iterate."""
    alpha, scale = weights
    x, seen = start.clone().requires_grad_(True), []
    adam = torch.optim.Adam([x], lr=settings.rate, eps=settings.adam_eps)
    for i in range(steps):
        adam.param_groups[0]["lr"] = 1e-5 + (settings.rate - 1e-5) * (1 + math.cos(math.pi * i / steps)) / 2
        adam.zero_grad()
        apart = pooled(x / 2 + 0.5, protected / 2 + 0.5)
        (scale * (F.mse_loss(vae(x).sample, x) + alpha * max(apart - settings.budget, 0))).backward()
        adam.step()
        x.data = x.data.clamp(-1, 1)
        seen.append(x.detach().clone())
    return torch.cat(seen)


class Double:
    """diffusers' autoencoder in float64, as the methods see a model."""

    factor, name, dtype = 8, "double", torch.float64

    def __init__(self):
        self.vae = tinysd.vae().eval().requires_grad_(False).double()

    def encode(self, images, anywhere=False):
        return self.vae.encode(images * 2 - 1).latent_dist

    def decode(self, latents):
        return self.vae.decode(latents).sample / 2 + 0.5


@pytest.mark.parametrize(
    ("settings", "alpha", "scale", "dtype"),
    [
        (replace(PAPER, alpha=0.5, budget=0.4), 0.5, 64**2 / 512**2, torch.float32),
        (replace(PAPER, alpha=0.5, budget=0.4), 0.5, 64**2 / 512**2, torch.float64),
        (replace(FP32, alpha=0.5, budget=0.4), 0.5, 64**2 / 512**2, torch.float32),
        (replace(SUM, alpha=50.0, budget=0.4), 50 / (3 * 64**2), 3 * 64**2, torch.float64),  # a sum is a mean times the number of values
        (replace(PAPER, side=None), 0.01, 1.0, torch.float64),
    ],
    ids=["paper", "paper in float64", "fp32", "sum in float64", "own size in float64"],
)
def test_it_follows_a_plain_loop_step_by_step(models, settings, alpha, scale, dtype):
    model, images = models() if dtype == torch.float32 else Double(), pixels.quantise(portraits().to(dtype))
    if settings.adam_eps == 1e-5:
        images = tinysd.portraits(2)  # with values at the ends of the range, which are clamped
    settings = replace(settings, steps=20)
    seen, counted = [], 0

    def keep(i, x, _):
        return seen.append(x.clone())

    got = impress(images, model, settings=settings, generator=generators(), distance=pooled, callback=keep)
    protected = images * 2 - 1
    noise = torch.stack([torch.randn(3, 64, 64, generator=one) for one in generators()]).to(dtype)
    for k in range(2):
        start = (protected + 0.05 * noise)[k : k + 1]
        want = plain(model.vae, protected[k : k + 1], start, settings, (alpha, scale), 20)
        mine = torch.stack(seen)[:, k]
        apart = (mine - want).abs()
        if dtype == torch.float64:
            assert apart.max() < 1e-9
        elif settings.adam_eps == 1e-5:
            assert apart.max() < 1e-5
        else:  # so small an eps divides gradients that cancel to nothing by themselves, as each kernel rounds them: no further from the
            # same loop in double precision than the plain one is, which is a thousand times less than alpha off by a tenth would be
            exact = plain(Double().vae, protected[k : k + 1].double(), start.double(), settings, (alpha, scale), 20)
            ours, plains = ((one - exact).abs().mean() for one in (mine, want))
            assert ours < 2 * plains and plains < 2e-6
        assert (want[-1] - start).abs().mean() > 1e-3  # and it went somewhere, 100 times as far
        counted += sum(pooled(one[None] / 2 + 0.5, protected[k : k + 1] / 2 + 0.5).item() > settings.budget for one in want)
        assert torch.equal(got[k], pixels.quantise((mine[-1:] / 2 + 0.5).clamp(0, 1))[0])
    assert counted > 5 or settings.alpha == 0.01, "the distance never counted"


def test_half_precision_of_image_and_optimiser_stops_the_loop_where_gradients_are_small():
    images, told = portraits(1, 128), {}
    for name in ("released", "fp32", "paper", "noise only"):
        steps = 0 if name == "noise only" else 60
        settings = replace(paper.PURIFY_IMPRESS[name], steps=steps, alpha=0.0)
        log = []
        got = impress(images, Blur(), settings=settings, generator=generators(1), distance=pooled, log=log)
        told[name] = log[0] | {"change": (pixels.levels(got).float() - pixels.levels(images).float()).abs().mean().item()}
    half, single, known = told["released"], told["fp32"], told["paper"]
    assert half["zero_moments"] == 1.0 and half["never_moved"] > 0.9
    assert single["zero_moments"] < 0.01 and single["never_moved"] < 0.01
    assert known["zero_moments"] < 0.01 and known["never_moved"] < 0.01
    # what the reference measured at 256 pixels: .00330 -> .00322 (released), .00284 (fp32), .00005 (eps 1e-8) in 100 steps
    start = half["consistency_start"]
    assert half["consistency"] > 0.95 * start > single["consistency"] > 5 * known["consistency"]
    # and so the released purifier is little more than its noise, |N(0, .05)| on [-1, 1] in levels
    expected = math.sqrt(2 / math.pi) * 0.05 * 127.5
    assert told["noise only"]["change"] == pytest.approx(expected, rel=0.02) and half["change"] == pytest.approx(expected, rel=0.03)
    assert known["change"] < 0.9 * expected


def test_released_has_only_the_image_and_adams_state_in_half_precision():
    seen = []

    class Told(Blur):
        def encode(self, images, anywhere=False):
            seen.append(images.dtype)
            return Posterior(images)

    def keep(i, x, losses):
        seen.append(("x", x.dtype))

    settings = replace(RELEASED, steps=2)
    got = impress(portraits(1), Told(), settings=settings, generator=generators(1), distance=pooled, callback=keep)
    assert seen == [torch.float32, ("x", torch.float16)] * 2 and got.dtype == torch.float32
    ones = torch.ones(1, 3, 4, 4).half()
    x, state, _ = module._minimise(lambda x: x.float().flatten(1) ** 2, lambda x: x.float().mean((1, 2, 3)), ones, settings, None)
    assert x.dtype == state.dtype == torch.float16


def test_the_gradient_through_half_networks_is_the_releases_and_points_elsewhere():
    """On the bundled model, as the first step has it; rounding the image alone turns it by next to nothing."""
    model, images = profiles.open("bundled").model, render(3, 1).images
    before, found = {name: p.clone() for name, p in model.vae.state_dict().items()}, {}

    def kept(errors, far, start, settings, callback):
        x = start.clone().requires_grad_(True)
        loss = errors(x).mean(1).sum() * start[0].numel() / (3 * settings.side**2)
        found[settings.precision, settings.networks] = torch.autograd.grad(loss, x)[0].double().flatten(1)
        return x.detach(), None, torch.zeros_like(start, dtype=torch.bool)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_minimise", kept)
        for settings in (FP32, RELEASED, HALF):
            impress(images, model, settings=settings, generator=generators(1), distance=pooled)
    whole, image, networks = found["single", "single"], found["half", "single"], found["half", "half"]
    assert F.cosine_similarity(whole, image) > 0.99
    assert 0.2 < F.cosine_similarity(whole, networks) < 0.8 and networks.norm() < 0.8 * whole.norm()
    # the release: nothing but half precision, and the mean of 512 x 512 pixels, of which a picture of 128 has a sixteenth
    x = (images * 2 - 1).half() + (torch.randn(3, 128, 128, generator=generators(1)[0]) * 0.05).half()
    loss = torch.nn.MSELoss()(copy.deepcopy(model.vae).half()(x.requires_grad_(True)).sample, x) / 16
    released = torch.autograd.grad(loss, x)[0].double().flatten(1)
    assert F.cosine_similarity(networks, released) > 0.998 and networks.norm().item() == pytest.approx(released.norm().item(), rel=0.05)
    assert {p.dtype for p in model.vae.parameters()} == {torch.float32}
    assert all(torch.equal(p, before[name]) for name, p in model.vae.state_dict().items())


def test_half_networks_are_copied_once_and_end_on_the_8_bit_grid(models, monkeypatch):
    model, copied = models(), []
    plain = module.with_autoencoder

    def counted(model, dtype):
        copied.append(dtype)
        return plain(model, dtype)

    monkeypatch.setattr(module, "with_autoencoder", counted)
    log = []
    got = impress(portraits(), model, settings=replace(HALF, steps=4), generator=generators(), distance=pooled, log=log)
    assert sorted(map(str, copied)) == ["torch.float16", "torch.float32"]
    assert torch.equal(got, pixels.quantise(got)) and got.dtype == torch.float32
    assert {p.dtype for p in model.vae.parameters()} == {torch.float32}
    other = []
    impress(portraits(), model, settings=replace(RELEASED, steps=4), generator=generators(), distance=pooled, log=other)
    for one, two in zip(log, other, strict=True):  # consistency is measured by the same networks in every arm
        assert one["consistency_before"] == two["consistency_before"] and one["consistency_start"] == two["consistency_start"]


def test_the_log_says_what_happened():
    images, log = portraits(2), []
    settings = replace(PAPER, steps=3)
    seen = []

    def keep(i, x, _):
        return seen.append(x.clone())

    impress(images, Blur(), settings=settings, generator=generators(), distance=pooled, log=log, callback=keep)
    error = lambda x: (Blur().decode(x) - x).square().mean().item()  # noqa: E731 (a blur knows no range)
    for k, line in enumerate(log):
        start = images[k : k + 1] * 2 - 1
        noisy = start + 0.05 * torch.randn(3, 64, 64, generator=generators()[k])
        last = seen[-1][k : k + 1]
        assert line["consistency_before"] == pytest.approx(error(start), rel=1e-4)
        assert line["consistency_start"] == pytest.approx(error(noisy), rel=1e-4)
        assert line["consistency"] == pytest.approx(error(last), rel=1e-4)
        assert line["distance"] == pytest.approx(pooled(last / 2 + 0.5, start / 2 + 0.5).item(), rel=1e-4)
        assert line["never_moved"] == 0 and line["zero_moments"] == 0
    assert len(log) == 2 and log[0]["consistency"] != log[1]["consistency"]
    still = []
    impress(images, Blur(), settings=NOISE, generator=generators(), distance=pooled, log=still)
    assert [line["never_moved"] for line in still] == [1, 1] and [line["zero_moments"] for line in still] == [None, None]


def test_it_makes_a_picture_that_the_model_reproduces_and_that_stays_near():
    images, told = portraits(1), {}
    for alpha in (0.0, 0.1):
        log, settings = [], replace(PAPER, steps=40, alpha=alpha, budget=0.0)
        impress(images, Blur(), settings=settings, generator=generators(1), distance=pooled, log=log)
        told[alpha] = log[0]
    assert told[0.0]["consistency"] < 0.2 * told[0.0]["consistency_start"]
    assert told[0.0]["consistency"] < told[0.1]["consistency"] < 0.95 * told[0.1]["consistency_start"]
    assert told[0.1]["distance"] < 0.05 * told[0.0]["distance"]


def test_noise_alone_asks_no_model():
    images = portraits(1)
    got = impress(images, None, settings=NOISE, generator=generators(1))
    noise = torch.randn(3, 64, 64, generator=generators(1)[0]) * 0.05 * 127.5
    assert (pixels.levels(got).float() - pixels.levels(images).float() - noise).abs().max() < 0.7  # halves of a level, and half precision


def test_settings_are_those_of_the_sources():
    for one in (PAPER, RELEASED, HALF, FP32, SUM):
        assert (one.budget, one.alpha, one.rate, one.steps, one.floor) == (0.1, 0.01, 5e-3, 1000, 1e-5)
        assert one.noise == pytest.approx(0.05 * 127.5)
    assert [one.precision for one in (PAPER, RELEASED, FP32, SUM)] == ["single", "half", "single", "single"]
    assert [one.adam_eps for one in (PAPER, RELEASED, FP32, SUM)] == [1e-8, 1e-5, 1e-5, 1e-8]
    assert [one.norm for one in (PAPER, RELEASED, FP32, SUM)] == ["mean"] * 3 + ["sum"]
    assert replace(HALF, networks="single", source=RELEASED.source, differs=RELEASED.differs) == RELEASED
    assert HALF.networks == "half" and {one.networks for one in (PAPER, RELEASED, FP32, SUM)} == {"single"}
    assert (NOISE.steps, NOISE.noise) == (0, RELEASED.noise)
    mimicry = paper.PURIFY_IMPRESS["released mimicry"]
    assert (mimicry.budget, mimicry.alpha, mimicry.rate, mimicry.steps, mimicry.noise) == (0.1, 0.1, 1e-2, 3000, 0.1 * 127.5)
    assert (mimicry.precision, mimicry.adam_eps) == ("half", 1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"precision": "fp16"}, '"single" or "half".*fp16'),
        ({"networks": "float16"}, '"single" or "half".*float16'),
        ({"norm": "max"}, '"mean" or "sum".*max'),
        ({"precision": "half", "adam_eps": 1e-9}, r"images\[0\]: became NaN"),  # zero in half precision, as the second moments
    ],
)
def test_bad_requests_are_refused_in_one_line(changes, said):
    settings = replace(PAPER, steps=2, **changes)
    with pytest.raises(ValueError, match=said) as error:
        impress(portraits(1), Blur(), settings=settings, generator=generators(1), distance=pooled)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("images", "generator", "said"),
    [
        (torch.rand(1, 3, 8, 8) + 1, generators(1), "images.*expected values"),
        (torch.rand(2, 3, 8, 8), generators(1), "generator.*one per image"),
    ],
)
def test_bad_images_and_generators_are_refused(images, generator, said):
    with pytest.raises(ValueError, match=said):
        impress(images, Toy(), settings=replace(PAPER, steps=1), generator=generator, distance=pooled)
