"""Every purifier on pictures of any size: 8 bits, same size, alone as in a batch, by its seed; and what each does, by an oracle."""

import dataclasses
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tinysd
import torch
from toymodel import Toy

from reproduce import degrade, method, passes, purify, rng
from reproduce import images as pixels
from reproduce.diffusion import judges
from reproduce.papers import impress
from reproduce.papers import purifiers as paper
from reproduce.purify import PURIFIERS, apply, cleaner, latent, record, upscale

TABLES = {name: table for file in (paper, impress) for name, table in vars(file).items() if name.startswith("PURIFY_")}
EVERY = [(name, which) for name, method in PURIFIERS.items() for which in method.settings]
RANDOM = {"impress", "noise", "diffpure", "gridpure", "noisy-upscaling"}


def photos(count=3, height=24, width=40, seed=0):
    coarse = torch.rand(count, 3, 5, 7, generator=torch.Generator().manual_seed(seed))
    return pixels.quantise(torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1))


def moved(a, b):
    return (pixels.levels(a).int() - pixels.levels(b).int()).abs()


def apart(x, y):
    return 20 * (x - y).square().flatten(1).mean(1)


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory):
    """A StableDiffusionUpscalePipeline with every part in place and random weights, on disk."""
    from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionUpscalePipeline, UNet2DConditionModel

    folder = tmp_path_factory.mktemp("upscaler")
    tokens, encoder = tinysd._text(folder / "words", "2.1-base")
    torch.manual_seed(5)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=4, latent_channels=4, scaling_factor=0.08333,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        in_channels=7, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2, num_class_embeds=1000,
    )  # fmt: skip
    StableDiffusionUpscalePipeline(
        vae=vae, unet=unet, text_encoder=encoder, tokenizer=tokens, scheduler=DDIMScheduler(), low_res_scheduler=DDPMScheduler(),
    ).save_pretrained(folder / "model")  # fmt: skip
    return folder / "model"


@pytest.fixture
def do(upscaler, monkeypatch):
    """`apply` on the toy model, few steps, and with the tiny upscaler in place of the hub's."""
    for name, settings in paper.PURIFY_UPSCALE.items():
        monkeypatch.setitem(paper.PURIFY_UPSCALE, name, dataclasses.replace(settings, upscaler=str(upscaler)))

    def run(images, method, **given):
        steps = 3 if method in ("impress", "noisy-upscaling") else None
        return apply(images, Toy(), method, **{"steps": steps, "distance": apart, **given})

    return run


@pytest.mark.parametrize("size", [(24, 40), (21, 11), (1, 1)])
@pytest.mark.parametrize(("method", "which"), EVERY)
def test_every_purifier_returns_8_bit_pictures_of_any_size(do, method, which, size):
    x = photos(2, *size)
    got = do(x, method, settings=which)
    assert got.shape == x.shape and got.dtype == x.dtype
    assert torch.equal(got, pixels.quantise(got))
    if size == (24, 40) and (method, which) != ("blur", "named"):
        assert (moved(got, x) > 0).float().mean() > 0.2
    if (method, which) == ("blur", "named"):
        assert torch.equal(got, x), "a deviation of 0.05 pixels should leave a picture as it is"


@pytest.mark.parametrize("method", PURIFIERS)
def test_a_picture_comes_out_the_same_alone_and_in_a_batch(do, method, monkeypatch):
    x = photos(3, 21, 20)
    together = do(x, method)
    monkeypatch.setattr(passes, "PIXELS", 24 * 24)  # one picture a pass
    alone = do(x, method)
    if PURIFIERS[method].whole:
        assert torch.equal(together, alone)
        for i in range(0 if method in RANDOM else 3):
            assert torch.equal(do(x[i : i + 1], method)[0], together[i])
    else:  # networks sum a batch in another order
        assert moved(together, alone).max() <= 1 and (moved(together, alone) > 0).float().mean() < 0.01


@pytest.mark.parametrize("method", PURIFIERS)
def test_chance_follows_the_seed_and_the_picture(do, method):
    x = photos(1).expand(2, -1, -1, -1)
    one = do(x, method, seed=3)
    assert torch.equal(one, do(x, method, seed=3))
    random = method in RANDOM
    assert torch.equal(one, do(x, method, seed=4)) != random
    assert torch.equal(one[0], one[1]) != random  # each picture has its own stream


def test_what_goes_through_the_model_is_extended_by_reflection_and_tiled(monkeypatch):
    model, x = Toy(), photos(2, 21, 11)
    got = apply(x, model, "autoencoder")
    assert set(model.shapes) == {(2, 3, 24, 16)}
    wide = x[:, :, pixels.mirrored(torch.arange(24), 21)][..., pixels.mirrored(torch.arange(16), 11)]
    want = pixels.quantise(model.decode(model.encode(wide).mean).clamp(0, 1))
    assert torch.equal(got, want[:, :, :21, :11])
    monkeypatch.setattr(passes, "PIXELS", 40 * 40)
    monkeypatch.setattr(passes, "TILE", 40)
    model.shapes.clear()
    large = photos(1, 61, 90)
    assert moved(apply(large, model, "autoencoder"), large).float().mean() > 1
    assert len(model.shapes) == 6 and all(h * w <= 1600 for _, _, h, w in model.shapes)
    assert apply(large, None, "resize").shape == large.shape  # whole, and without a model


PLAIN = {
    ("jpeg", "quality 50"): lambda x: degrade.jpeg_file(x, 50),
    ("noise", "sigma 0.1"): lambda x: degrade.noise(x, 25.5, [rng.generator(0, "noise", i, 0) for i in range(len(x))]),
    ("blur", "released"): lambda x: degrade.blur(x, (2.0, 0.1), 3),
    ("blur", "training"): lambda x: degrade.blur(x, 2.0, 7),
    ("quantise", "released"): lambda x: (x * 64).floor() / 64,
    ("quantise", "rounded"): lambda x: (x * 63).round() / 63,
    ("resize", "released"): lambda x: degrade.resize(x, 0.5, "bilinear", False),
    ("resize", "antialiased"): lambda x: degrade.resize(x, 0.5, "bicubic", True),
    ("crop", "middle"): lambda x: degrade.crop(x, 0.875),
    ("rotate", "5 degrees"): lambda x: degrade.rotate(x, 5.0),
    ("median", "3 x 3"): lambda x: degrade.median(x, 3),
    ("filter", "warm"): lambda x: degrade.photo_filter(x, 1.2, 1.2, 0.1),
    ("adverse-cleaner", "released"): lambda x: cleaner.clean(x, settings=paper.PURIFY_CLEANER["released"]),
}


@pytest.mark.parametrize(("method", "which"), PLAIN)
def test_what_needs_no_model_is_done_to_the_whole_picture(method, which, monkeypatch):
    x = photos(2, 21, 30)
    want = pixels.quantise(PLAIN[method, which](x))
    monkeypatch.setattr(passes, "PIXELS", 16 * 16)
    monkeypatch.setattr(passes, "TILE", 16)
    assert torch.equal(apply(x, Toy(), method, settings=which), want)


def test_the_autoencoders_round_trip_is_the_pipelines(models):
    model, x = models(), tinysd.portraits(2)
    with torch.no_grad():
        want = model.vae(x * 2 - 1).sample / 2 + 0.5  # diffusers' own forward pass, at the posterior's mode
    assert moved(apply(x, model, "autoencoder"), pixels.quantise(want.clamp(0, 1))).max() <= 1


def test_diffpure_is_diffusers_ddim_from_the_noised_latents(models):
    from diffusers import DDIMScheduler

    model, x = models(), tinysd.portraits(2)
    scheduler = DDIMScheduler.from_config(model.scheduler.config, set_alpha_to_one=True)
    scheduler.set_timesteps(100)  # ten steps apart
    with torch.no_grad():
        z = model.vae.encode(x * 2 - 1).latent_dist.mode() * model.vae.config.scaling_factor
        noise = torch.stack([torch.randn(z.shape[1:], generator=rng.generator(7, "diffpure", i, 0)) for i in range(2)])
        z = scheduler.add_noise(z, noise, torch.tensor([99, 99]))
        text = model.text(["", ""])
        for t in range(99, 0, -10):
            z = scheduler.step(model.unet(z, t, encoder_hidden_states=text).sample, t, z).prev_sample
        want = model.vae.decode(z / model.vae.config.scaling_factor).sample / 2 + 0.5
    got = apply(x, model, "diffpure", seed=7)
    assert moved(got, pixels.quantise(want.clamp(0, 1))).max() <= 1
    assert moved(got, apply(x, model, "autoencoder")).float().mean() > 1  # noise is not all taken away


def test_gridpure_is_its_rounds_over_tiles_done_one_by_one():
    """On latents of 16 x 24 with tiles of 8, 4 apart: 3 x 5 tiles and the corners, noised, shrunk, averaged, kept by a tenth."""

    class Large(Toy):
        size = 128  # whose half, 64 pixels, is 8 latents

    model, x = Large(), photos(2, 128, 192)
    a = model.schedule.alphas_cumprod[9]
    for i in range(2):
        z = model.encode(x[i : i + 1]).mean
        chance = rng.generator(5, "gridpure", i, 0)

        def pure(part, chance=chance):
            noisy = a.sqrt() * part + (1 - a).sqrt() * torch.randn(part.shape[1:], generator=chance)
            return (noisy - (1 - a).sqrt() * ((1 - a).sqrt() * noisy)) / a.sqrt()

        for _ in range(20):
            total, count = torch.zeros_like(z), torch.zeros_like(z)
            for top in (0, 4, 8):
                for left in (0, 4, 8, 12, 16):
                    total[..., top : top + 8, left : left + 8] += pure(z[..., top : top + 8, left : left + 8])
                    count[..., top : top + 8, left : left + 8] += 1
            above, below, left, right = slice(0, 4), slice(12, 16), slice(0, 4), slice(20, 24)
            rows = [torch.cat([z[..., down, left], z[..., down, right]], 3) for down in (above, below)]
            joined = pure(torch.cat(rows, 2))
            for down, there in ((above, slice(0, 4)), (below, slice(4, 8))):
                for across, here in ((left, slice(0, 4)), (right, slice(4, 8))):
                    total[..., down, across] += joined[..., there, here]
                    count[..., down, across] += 1
            z = 0.9 * total / count + 0.1 * z
        want = pixels.quantise(model.decode(z).clamp(0, 1))
        rounds = []
        got = apply(x, model, "gridpure", seed=5, callback=rounds.append)
        assert rounds == list(range(20)) and moved(got[i : i + 1], want).max() <= 1


def test_tiles_of_gridpure_are_those_of_its_script():
    found = [(rows.tolist(), columns.tolist()) for rows, columns in latent.tiles(64, 64, 32)]  # 512 and 256 pixels of Stable Diffusion
    starts = [(rows[0], columns[0]) for rows, columns in found[:-1]]
    assert starts == [(top, left) for top in (0, 16, 32) for left in (0, 16, 32)]
    assert found[-1][0] == found[-1][1] == [*range(16), *range(48, 64)]
    assert [len(one) for pair in latent.tiles(5, 70, 32) for one in pair][:2] == [5, 32]
    assert len(latent.tiles(5, 7, 32)) == 1  # a picture smaller than a tile is one
    seen = torch.zeros(37, 70)
    for rows, columns in latent.tiles(37, 70, 32):
        seen[rows[:, None], columns] += 1
    assert (seen > 0).all()
    assert latent.timesteps(100, 10, 1000) == list(range(99, 0, -10)) and latent.timesteps(10, 1, 1000) == [9]


def test_noisy_upscaling_is_the_pipeline_that_is_told_more_noise_than_it_gets(do, upscaler):
    from diffusers import StableDiffusionUpscalePipeline

    x = photos(2, 16, 24)
    chance = [rng.generator(2, "noisy-upscaling", i, 0) for i in range(2)]
    noise = torch.stack([torch.randn(3, 16, 24, generator=one) for one in chance])
    shown = pixels.quantise((x + 0.1 * noise).clamp(0, 1))
    pipe = StableDiffusionUpscalePipeline.from_pretrained(upscaler)
    told = []

    def stepping(module, arguments, given):
        told.append(given["class_labels"].unique().item())

    pipe.unet.register_forward_pre_hook(stepping, with_kwargs=True)
    for which, level, added in (("stock", 20, 20), ("paper", 320, 0)):
        settings = paper.PURIFY_UPSCALE[which]
        schedule, states = pipe.low_res_scheduler, [one.get_state() for one in chance]
        if added != level:  # what the authors' own pipeline does to the picture: noise of step 0
            schedule.add_noise = lambda image, noise, _: type(schedule).add_noise(schedule, image, noise, torch.tensor([0]))  # noqa: B023
        with torch.no_grad():
            rule = dict(num_inference_steps=3, guidance_scale=9.0, noise_level=level, output_type="pt")
            made = pipe([settings.prompt] * 2, shown, generator=chance, **rule).images
        for one, state in zip(chance, states, strict=True):
            one.set_state(state)
        assert made.shape == (2, 3, 64, 96) and told[-1] == level
        want = cv2.resize(made[0].permute(1, 2, 0).numpy(), (24, 16), interpolation=cv2.INTER_AREA)
        got = do(x, "noisy-upscaling", settings=which, seed=2)
        assert np.abs(got[0].permute(1, 2, 0).numpy() - want.clip(0, 1)).mean() < 0.05
        small = torch.nn.functional.interpolate(made, (16, 24), mode="bicubic", antialias=True).clamp(0, 1)
        assert moved(got, pixels.quantise(small)).max() <= 1
    assert moved(do(x, "noisy-upscaling", settings="paper", seed=2), do(x, "noisy-upscaling", settings="stock", seed=2)).max() > 1


def test_noisy_upscaling_says_what_it_lacks(tmp_path):
    class Bundled(Toy):
        judges = judges.BUNDLED

    with pytest.raises(method.Unavailable, match="bundled.*sd15"):
        apply(photos(1), Bundled(), "noisy-upscaling")
    lacking = dataclasses.replace(paper.PURIFY_UPSCALE["stock"], upscaler=str(tmp_path))
    with pytest.raises(method.Unavailable, match="could not be read.*3.5 GB.*folder") as told:
        upscale.noisy(photos(1), Toy(), settings=lacking, generator=[rng.generator(0)])
    assert "\n" not in str(told.value)


def test_settings_are_those_of_their_sources():
    def value(table, which, name):
        return getattr(TABLES[f"PURIFY_{table}"][which], name)

    assert [value("JPEG", which, "quality") for which in paper.PURIFY_JPEG] == [75, 90, 70, 50, 15]
    assert all(f"quality {one.quality}" == name for name, one in paper.PURIFY_JPEG.items())
    assert [value("NOISE", f"sigma {sigma}", "sigma") for sigma in (0.05, 0.1)] == pytest.approx([12.75, 25.5])
    # cv2.GaussianBlur(image, (3, 3), sigmaX=0.1, sigmaY=2.0); kernel = 3, sigma = 0.05; GaussianBlur(2), 7 x 7
    assert [(one.sigma, one.taps) for one in paper.PURIFY_BLUR.values()] == [((2.0, 0.1), 3), ((0.05, 0.05), 3), ((2.0, 2.0), 7)]
    assert (value("QUANTISE", "released", "values"), value("QUANTISE", "released", "floor")) == (64, True)
    assert (value("RESIZE", "released", "share"), value("RESIZE", "released", "kernel")) == (256 / 512, "bilinear")
    assert value("CROP", "middle", "share") == 7 / 8 and value("CODEC", "once", "rounds") == 1
    assert value("ROTATE", "5 degrees", "degrees") == 5 and value("MEDIAN", "3 x 3", "side") == 3
    assert all("this study" in one.source for name in ("ROTATE", "MEDIAN", "FILTER") for one in TABLES[f"PURIFY_{name}"].values())
    pure = paper.PURIFY_DIFFPURE["released"]
    assert (pure.depth, pure.rounds, pure.keep, pure.tile) == (100, 1, 0.0, None)
    grid = paper.PURIFY_GRIDPURE["released"]
    assert (grid.depth, grid.rounds, grid.keep, grid.tile) == (10, 20, 0.1, 256 / 512)
    noisy, stock = paper.PURIFY_UPSCALE["paper"], paper.PURIFY_UPSCALE["stock"]
    assert (noisy.sigma, noisy.told, noisy.added, noisy.steps, noisy.guidance) == (25.5, 320, 0, 75, 9.0)
    assert (stock.sigma, stock.told, stock.added, stock.prompt) == (25.5, 20, 20, "a photo")
    assert noisy.upscaler == stock.upscaler == "stabilityai/stable-diffusion-x4-upscaler"


def test_the_table_and_its_settings_are_complete():
    for name, row in PURIFIERS.items():
        assert callable(row.function) and row.about.endswith(".") and row.needs
        assert row.whole == (row.needs == "nothing"), name
    assert {id(table) for table in TABLES.values()} == {id(method.settings) for method in PURIFIERS.values()}
    for table in TABLES.values():
        for one in table.values():
            assert one.source and "\n" not in one.source + one.differs
            with pytest.raises(dataclasses.FrozenInstanceError):
                one.source = "another"
    code = "import sys; from reproduce import purify; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_steps_are_replaced_and_noted_where_there_are_any():
    plain, changed = record("impress", "released"), record("impress", "released", steps=30)
    assert changed.steps == 30 and "30 steps instead of 1000" in changed.differs and plain.differs in changed.differs
    assert record("jpeg", steps=5) == record("jpeg") == paper.PURIFY_JPEG["quality 75"]
    assert record("impress", "noise only", steps=5).steps == 0  # it has none
    seen = []
    apply(photos(1), Toy(), "impress", steps=4, distance=apart, callback=lambda i, x, losses: seen.append(i))
    assert seen == [0, 1, 2, 3]


def test_the_log_names_picture_and_tile(monkeypatch):
    monkeypatch.setattr(passes, "PIXELS", 16 * 16)
    monkeypatch.setattr(passes, "TILE", 16)
    log = []
    apply(photos(2, 16, 30), Toy(), "impress", steps=1, distance=apart, log=log)
    assert [(line["image"], line["tile"]) for line in log] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    apply(photos(1), None, "jpeg", log=log)
    assert len(log) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "impres"}, "no purifier called 'impres'; there is impress, jpeg"),
        ({"settings": "papper"}, "impress has none called 'papper'; there is paper, released, released in half, fp32"),
        ({"steps": 0}, "steps: expected a whole number, 1 or more, got 0"),
        ({"steps": True}, "steps: expected a whole number"),
        ({"images": torch.rand(3, 8, 8)}, "images: expected the shape"),
        ({"images": torch.rand(1, 3, 8, 8) * 2}, r"images\[0\]: expected values in \[0, 1\]"),
        ({"images": torch.full((1, 3, 8, 8), torch.nan)}, "NaN"),
        ({"method": "diffpure", "steps": 101}, "steps: expected a whole number from 1 to 100, got 101"),
    ],
)
def test_bad_requests_are_refused_in_one_line(arguments, said):
    given = {"images": photos(1, 8, 8), "method": "impress", **arguments}
    with pytest.raises(ValueError, match=said) as error:
        apply(given.pop("images"), Toy(), given.pop("method"), **given)
    assert "\n" not in str(error.value)


def test_a_model_without_the_denoiser_says_so(models):
    model = models(False)
    held, model.unet = model.unet, None
    try:
        with pytest.raises(ValueError, match="no 4-channel denoiser"):
            purify.apply(tinysd.portraits(1), model, "diffpure")
    finally:
        model.unet = held
