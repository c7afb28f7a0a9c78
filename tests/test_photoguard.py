"""The encoder attack on encoders small enough to know the answer, and its settings against their sources."""

from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from toymodel import Toy

from reproduce import images as pixels
from reproduce import jpeg, rng
from reproduce.attack.budgets import Linf
from reproduce.attack.pgd import pgd
from reproduce.papers import photoguard as paper
from reproduce.protect import as_printed, photoguard

PAPER, RELEASED, EQUAL = (paper.PHOTOGUARD_ENCODER[name] for name in ("paper", "released", "equal"))


@dataclass
class Posterior:
    mean: torch.Tensor


class Pooling:
    """mean = each 8 x 8 block's average: what the attack must do can be said in a sentence."""

    def __init__(self):
        self.seen = []

    def encode(self, images):
        self.seen.append(images.detach().clone())
        return Posterior(F.avg_pool2d(images, 8))


@pytest.fixture(scope="module")
def autoencoder():
    """A small random AutoencoderKL behind the interface of the model."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4,
    ).eval().requires_grad_(False)

    class Model:
        def encode(self, images):
            return vae.encode(images * 2 - 1).latent_dist

    return Model()


def photos(count=2, seed=0):
    noise = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return pixels.quantise(F.interpolate(noise, (32, 32), mode="bilinear"))


def generators(count=2, seed=0):
    return [rng.generator(seed, i) for i in range(count)]


def test_settings_are_those_of_the_sources():
    assert (PAPER.eps, PAPER.step, PAPER.steps) == (16, 2, 200)  # Table 9
    assert (PAPER.decay, PAPER.start, PAPER.target) == (None, "zero", "grey image")
    assert [RELEASED.eps, RELEASED.step] == pytest.approx([0.06 * 127.5, 0.02 * 127.5])
    assert (RELEASED.steps, RELEASED.decay, RELEASED.start) == (1000, 0.01, "uniform")
    assert RELEASED.target == "zero latent"
    assert (EQUAL.eps, EQUAL.step, EQUAL.steps) == (8, 1, 200)
    assert (EQUAL.decay, EQUAL.start, EQUAL.target) == (None, "uniform", "grey image")
    assert all(one.source and one.differs for one in (PAPER, RELEASED, EQUAL))


def test_goes_to_the_grey_image_by_the_whole_budget_and_stops_there():
    x = torch.full((1, 3, 16, 16), 200 / 255)
    x[..., 8:] = 60 / 255
    got = pixels.levels(photoguard.encoder(x, Pooling(), settings=replace(PAPER, steps=10)))
    assert set(got[..., :8].unique().tolist()) == {184} and set(got[..., 8:].unique().tolist()) == {76}
    near = torch.full((1, 3, 8, 8), 131 / 255)
    got = pixels.levels(photoguard.encoder(near, Pooling(), settings=replace(PAPER, steps=10)))
    assert got.min() >= 126 and got.max() <= 129  # 127.5 is grey; 16 levels would overshoot to 115


@pytest.mark.parametrize("eps", [4, 16])
def test_the_jpeg_setting_attacks_by_the_gradient_at_half_its_budget(eps):
    """The same projected gradient by hand, whose JPEG is told that scale, to the bit; another scale is another picture."""
    x, model = photos(), Toy()
    chosen = replace(paper.PHOTOGUARD_ENCODER["jpeg"], eps=eps, step=eps / 4, steps=6)
    aim = model.encode(torch.full_like(x[:1], 0.5)).mean

    def by_hand(scale):
        qualities = generators()

        def loss(z):
            drawn = [torch.randint(50, 96, (), generator=one).item() for one in qualities]
            seen = jpeg.jpeg(z, drawn, surrogate="cauchy", scale=scale)
            return torch.linalg.vector_norm((model.encode(seen).mean - aim).flatten(1), dim=1)

        return pgd(x, loss, budget=Linf(eps), steps=6, step=eps / 4)

    assert torch.equal(photoguard.encoder(x, model, settings=chosen, generator=generators()), by_hand(eps / 2))
    assert not torch.equal(by_hand(eps / 2), by_hand(eps))


def test_targets_differ():
    x = torch.full((1, 3, 8, 8), 0.5)
    grey = photoguard.encoder(x, Pooling(), settings=replace(PAPER, steps=3, target="grey image"))
    zero = photoguard.encoder(x, Pooling(), settings=replace(PAPER, steps=10, target="zero latent"))
    assert set(pixels.levels(grey).unique().tolist()) <= {126, 128}  # at the target but for one step
    assert set(pixels.levels(zero).unique().tolist()) == {112}  # round(127.5) = 128, less 16
    with pytest.raises(ValueError, match="target.*grey image"):
        photoguard.encoder(x, Pooling(), settings=replace(PAPER, target="noise"))


def test_the_noise_target_is_one_picture_of_uniform_noise():
    images, model = torch.rand(2, 3, 32, 32, generator=rng.generator(1)), Pooling()
    aim = photoguard.target(images, model, "noise image")
    picture = model.seen[-1]
    assert aim.shape == (1, 3, 4, 4) and picture.shape == (1, 3, 32, 32)
    assert picture.mean().item() == pytest.approx(0.5, abs=0.02) and picture.std().item() == pytest.approx(12**-0.5, abs=0.01)
    assert torch.equal(aim, photoguard.target(images + 0, model, "noise image")), "the same for all"


def test_strong_and_equal_norm_settings_reach_the_loop(autoencoder):
    images = torch.rand(1, 3, 32, 32, generator=rng.generator(2))
    strong, equal = (replace(paper.PHOTOGUARD_ENCODER[name], steps=6) for name in ("strong", "equal norm"))
    rule = dict(steps=6, step=4, decay=0.01, momentum=0.9)

    grey = photoguard.target(images, autoencoder, "grey image")

    def distance(x):
        return torch.linalg.vector_norm((autoencoder.encode(x).mean - grey).flatten(1), dim=1)

    assert torch.equal(photoguard.encoder(images, autoencoder, settings=strong), pgd(images, distance, budget=Linf(16), **rule))
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., :16] = 1
    moved = (photoguard.encoder(images, autoencoder, settings=equal, mask=mask) - pixels.quantise(images)).mul(255).round()
    assert 7 < (moved.square().sum() / (3 * mask.sum())).sqrt() <= 8 and moved.abs().max() <= 16


@pytest.mark.parametrize("name", paper.PHOTOGUARD_ENCODER)
def test_moves_a_real_autoencoder_further_than_noise(autoencoder, name):
    chosen = replace(paper.PHOTOGUARD_ENCODER[name], steps=12)
    x = photos()
    goal = photoguard.target(x, autoencoder, chosen.target)

    def distance(images):
        with torch.no_grad():
            return (autoencoder.encode(images).mean - goal).flatten(1).norm(dim=1)

    got = photoguard.encoder(x, autoencoder, settings=chosen, generator=generators())
    assert (pixels.levels(got).int() - pixels.levels(x).int()).abs().max() <= chosen.eps
    noisy = Linf(chosen.eps).finish(Linf(chosen.eps).random_start(x, generators()), x)
    assert (distance(got) < 0.95 * distance(x)).all()
    if chosen.target == "noise image":  # towards which noise goes by itself
        assert (distance(got) < 0.8 * distance(noisy)).all()
    else:
        assert ((distance(x) - distance(got)) > 3 * (distance(x) - distance(noisy)).abs()).all()


def test_squared_norm_gives_the_same_images(autoencoder):
    x, chosen = photos(), replace(EQUAL, steps=6)
    goal = photoguard.target(x, autoencoder, "grey image")

    def squared(z):
        return (autoencoder.encode(z).mean - goal).square().flatten(1).sum(1)

    got = photoguard.encoder(x, autoencoder, settings=chosen, generator=generators())
    rule = {"steps": 6, "step": 1, "start": "uniform", "generator": generators()}
    oracle = pgd(x, squared, budget=Linf(8), **rule)
    assert (got == oracle).float().mean() > 0.999  # a gradient of rounding size may change its sign


def test_decay_reaches_the_loop():
    x = torch.full((1, 3, 8, 8), 1.0)
    chosen = replace(RELEASED, eps=100, step=10, steps=4, start="zero")
    got = pixels.levels(photoguard.encoder(x, Pooling(), settings=chosen))
    assert set(got.unique().tolist()) == {255 - 25}  # 10 + 7.525 + 5.05 + 2.575 = 25.15; 40 without decay


def test_same_generator_same_bits_and_zero_start_needs_none():
    x, chosen = photos(), replace(EQUAL, steps=3)
    one = photoguard.encoder(x, Pooling(), settings=chosen, generator=generators())
    assert torch.equal(one, photoguard.encoder(x, Pooling(), settings=chosen, generator=generators()))
    other = photoguard.encoder(x, Pooling(), settings=chosen, generator=generators(seed=1))
    assert not torch.equal(one, other)
    photoguard.encoder(x, Pooling(), settings=replace(PAPER, steps=1))


def test_mask_protects_the_kept_region_and_hides_the_rest_as_an_inpainting_pipeline_does():
    x = torch.full((1, 3, 16, 16), 200 / 255)
    mask = torch.ones(1, 1, 16, 16)
    mask[..., 8:] = 0
    model = Pooling()
    chosen = replace(EQUAL, steps=20)
    got = photoguard.encoder(x, model, settings=chosen, generator=generators(1), mask=mask)
    assert torch.equal(got[..., 8:], pixels.quantise(x)[..., 8:])
    assert set(pixels.levels(got)[..., :8].unique().tolist()) == {192}
    shown = torch.cat(model.seen[1:])
    assert (shown[..., 8:] == 0.5).all() and not (shown[..., :8] == 0.5).any()


def test_callback_gives_the_distances(autoencoder):
    x, seen = photos(), []
    photoguard.encoder(
        x, autoencoder, settings=replace(PAPER, steps=5), callback=lambda i, z, d: seen.append(d.tolist())
    )
    goal = photoguard.target(x, autoencoder, "grey image")
    start = (autoencoder.encode(x).mean - goal).flatten(1).norm(dim=1)
    assert len(seen) == 5 and seen[0] == pytest.approx(start.tolist(), rel=1e-5)
    assert all(last < first for first, last in zip(seen[0], seen[-1], strict=True))


class Linear:
    """A linear encoder with a known matrix: mean = A x, one latent."""

    def __init__(self, shape):
        self.weight = torch.randn(shape, generator=torch.Generator().manual_seed(3))

    def encode(self, images, anywhere=False):
        return Posterior((images * self.weight).flatten(1).sum(1).view(-1, 1, 1, 1))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_reaches_the_known_optimum_of_a_linear_encoder(norm):
    x = pixels.quantise(torch.full((1, 3, 16, 16), 0.6))
    model, chosen = Linear(x.shape[1:]), replace(PAPER, norm=norm, eps=8 if norm == "linf" else 4, step=1, steps=40)
    goal = torch.where(model.weight > 0, 0.0, 1.0)[None]  # farther than the budget reaches
    got = photoguard.encoder(x, model, settings=chosen, goal=goal)
    gained = (model.encode(x).mean - model.encode(got).mean).item()
    weight = model.weight
    best = 8 / 255 * weight.abs().sum() if norm == "linf" else 4 / 255 * x.numel() ** 0.5 * weight.norm()
    assert 0.97 * best <= gained <= best * (1 + 1e-5)  # 8-bit rounding costs the L2 ball a little
    if norm == "linf":
        assert gained == pytest.approx(best.item(), rel=1e-5)


def test_goal_is_any_picture(autoencoder):
    x, goal = photos(), photos(1, seed=7)
    got = photoguard.encoder(x, autoencoder, settings=replace(PAPER, steps=15), goal=goal)

    def distance(a):
        return (autoencoder.encode(a).mean - autoencoder.encode(goal).mean).flatten(1).norm(dim=1)

    assert (distance(got) < 0.97 * distance(x)).all()
    with pytest.raises(ValueError, match="goal.*one picture"):
        photoguard.encoder(x, autoencoder, settings=PAPER, goal=photos(1)[..., :16])


DIFFUSION = paper.PHOTOGUARD_DIFFUSION


def test_settings_of_the_diffusion_attack_are_those_of_the_sources():
    chosen = DIFFUSION["paper"]
    assert (chosen.norm, chosen.eps, chosen.step, chosen.steps) == ("linf", 16, 2, 200)  # Table 9
    chosen, values = DIFFUSION["released"], 3 * 512 * 512
    assert (chosen.norm, chosen.steps, chosen.draws, chosen.chain, chosen.eta, chosen.prompt) == ("l2", 200, 10, 4, 1.0, "")
    assert chosen.eps * values**0.5 / 127.5 == pytest.approx(16)  # the radius and the step on [-1, 1]
    assert chosen.step * values**0.5 / 127.5 == pytest.approx(1)
    assert (DIFFUSION["equal"].eps, DIFFUSION["equal"].step, DIFFUSION["equal"].steps) == (8, 1, 200)
    app = paper.PHOTOGUARD_ENCODER["app"]
    assert (app.eps, app.step) == pytest.approx((0.12 * 127.5, 0.01 * 127.5)) and app.steps == 200


def half(x):
    mask = torch.ones_like(x[:, :1])
    mask[..., x.shape[3] // 2 :] = 0
    return mask


@pytest.mark.parametrize("which", ["paper", "released", "equal"])
def test_diffusion_attack_turns_the_edit_grey_further_than_noise_does(which):
    from reproduce.diffusion import chain

    x = F.interpolate(photos(), (64, 64), mode="bilinear")
    x, model = pixels.quantise(x), Toy()
    chosen, mask, seen = replace(DIFFUSION[which], steps=12, draws=2, start="zero"), half(x), []
    chosen = replace(chosen, step=chosen.eps / 6)
    rule = dict(steps=4, eta=1.0, guidance=7.5)

    def distance(images):
        with torch.no_grad():
            each = [chain.inpaint(images, 1 - mask, [""] * 2, model, generator=generators(seed=s), **rule) for s in range(5)]
        return torch.stack([(edit - 0.5).flatten(1).norm(dim=1) for edit in each]).mean(0)

    got = photoguard.diffusion(
        x, model, settings=chosen, generator=generators(), mask=mask, callback=lambda i, z, d: seen.append(d)
    )
    change = (got - x).mul(255).round()
    used = change.abs().max() if chosen.norm == "linf" else change.square().mean().sqrt()
    assert 0.5 * chosen.eps < used <= chosen.eps * (1 + 1e-6) and change[..., 32:].abs().max() == 0
    noisy = (x + change.abs().mean() / 255 * torch.randn(x.shape, generator=rng.generator(5)).sign() * mask).clamp(0, 1)
    gain, chance = distance(x) - distance(got), (distance(x) - distance(noisy)).abs()
    assert (gain > 3 * chance).all() and (gain > 0).all()
    assert len(seen) == 12 and seen[0].shape == (2,)


def test_diffusion_attack_draws_anew_each_step_and_repeats_under_the_seed():
    x = pixels.quantise(F.interpolate(photos(), (64, 64)))
    chosen = replace(DIFFUSION["equal"], steps=3)

    def run(seed=0, **more):
        return photoguard.diffusion(x, Toy(), settings=chosen, generator=generators(seed=seed), **more)

    assert torch.equal(run(), run()) and not torch.equal(run(), run(seed=1))
    values = []
    still = replace(chosen, start="zero", step=1e-6)
    photoguard.diffusion(x, Toy(), settings=still, generator=generators(), callback=lambda i, z, d: values.append(d))
    assert (values[0] - values[1]).abs().min() > 1e-4  # the picture stood still; the noise did not


def test_the_adaptive_setting_adds_ten_times_the_distance_to_what_is_shown():
    x = pixels.quantise(F.interpolate(photos(), (64, 64)))
    adaptive, mask, seen = replace(DIFFUSION["adaptive"], steps=1, draws=1), half(x), {}
    assert adaptive.consistency == 10 and replace(adaptive, consistency=0.0, source="", differs="") == replace(
        DIFFUSION["released"], steps=1, draws=1, source="", differs=""
    )
    for weight in (0.0, 10.0):
        photoguard.diffusion(
            x, Toy(), settings=replace(adaptive, consistency=weight), generator=generators(), mask=mask,
            callback=lambda i, z, d, weight=weight: seen.setdefault(weight, d),
        )  # fmt: skip
    from reproduce.diffusion import chain

    with torch.no_grad():
        edit = chain.inpaint(x, 1 - mask, ["", ""], Toy(), steps=4, eta=1.0, generator=generators())
    shown = x * mask + 0.5 * (1 - mask)
    torch.testing.assert_close(seen[10.0] - seen[0.0], 10 * (shown - edit).flatten(1).norm(dim=1))


def test_prompts_given_change_the_attack_and_their_number_is_checked():
    x = pixels.quantise(F.interpolate(photos(), (64, 64)))
    chosen = replace(DIFFUSION["paper"], steps=2)
    seen = {}
    for prompts in (None, ["", ""], ["a wedding", "a wedding"]):
        photoguard.diffusion(
            x, Toy(), settings=chosen, generator=generators(), prompts=prompts,
            callback=lambda i, z, d, key=str(prompts): seen.setdefault(key, d),
        )  # fmt: skip
    assert torch.equal(seen["None"], seen["['', '']"]) and not torch.allclose(seen["None"], seen["['a wedding', 'a wedding']"])
    with pytest.raises(ValueError, match="prompts.*list of 2"):
        photoguard.diffusion(x, Toy(), settings=chosen, generator=generators(), prompts=["one"])


def test_the_printed_algorithm_leaves_budget_and_range():
    x = torch.full((1, 3, 8, 8), 200 / 255)
    trail = []
    loss = as_printed.encoder_loss(Pooling_anywhere(), torch.full((1, 3, 1, 1), -100.0))
    got = as_printed.printed(x, loss, eps=16, step=2, steps=20, callback=lambda n, z: trail.append((z - x).mul(255)))
    moves = torch.tensor([t.mean() for t in trail])
    by_hand = torch.cumsum(torch.tensor([min(2.0 * n, 16.0) for n in range(1, 21)]), 0)  # 2, 6, 12, ... then 16 a step
    torch.testing.assert_close(moves, -by_hand, atol=1e-2, rtol=0)
    assert got.min() < 0  # 264 levels below 200


def Pooling_anywhere():
    model = Pooling()
    inner = model.encode
    model.encode = lambda images, anywhere=False: inner(images)
    return model
