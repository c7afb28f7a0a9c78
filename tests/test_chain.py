"""The differentiable chain against diffusers' own pipeline, and its gradient against itself and finite differences."""

import pytest
import tinysd
import torch
from diffusers import StableDiffusionInpaintPipeline

from reproduce import rng
from reproduce.diffusion import chain
from reproduce.diffusion.model import LatentModel
from reproduce.misuse import edit


@pytest.fixture(scope="module")
def bundled():
    from reproduce.diffusion import profiles

    return profiles.open("bundled").model


def generators(count, seed=0):
    return [rng.generator(seed, "sample", i) for i in range(count)]


def pictures(model, count=2):
    from reproduce.world import render

    made = render(5, count, size=model.size)
    return made.images, 1 - (made.masks["person"] >= 0.5).float()


def pipeline(model, images, masks, prompts, *, steps, eta, guidance, seed=0):
    """diffusers' inpainting, unrounded."""
    pipe = edit._pipeline(StableDiffusionInpaintPipeline, model, model.unet_inpainting, "9-channel inpainting")
    with torch.no_grad():
        return pipe(
            prompt=prompts, image=images, mask_image=masks, height=images.shape[2], width=images.shape[3], strength=1.0, eta=eta,
            guidance_scale=guidance, num_inference_steps=steps, generator=generators(len(images), seed), output_type="pt",
        ).images  # fmt: skip


@pytest.mark.parametrize("which", ["bundled", "tiny"])
@pytest.mark.parametrize(("prompt", "eta"), [("", 1.0), ("a photo of a person in the snow", 1.0), ("a photo of a person", 0.0)])
def test_equals_the_pipeline_given_the_same_noise(bundled, models, which, prompt, eta):
    model = bundled if which == "bundled" else models()
    images, masks = pictures(model)
    with torch.no_grad():
        ours = chain.inpaint(images, masks, [prompt] * 2, model, steps=4, eta=eta, guidance=7.5, generator=generators(2)).clamp(0, 1)
    theirs = pipeline(model, images, masks, [prompt] * 2, steps=4, eta=eta, guidance=7.5)
    other = pipeline(model, images, masks, [prompt] * 2, steps=4, eta=eta, guidance=7.5, seed=1)
    assert (ours - theirs).abs().max() < 1e-4 < (other - theirs).abs().max()


def test_timesteps_are_those_of_the_released_attack(bundled, models):
    assert chain.timesteps(bundled, 4) == [751, 501, 251, 1] == chain.timesteps(models(), 4)
    assert chain.timesteps(bundled, 100)[:2] == [991, 981]
    bundled.scheduler.set_timesteps(7)
    chain.timesteps(bundled, 4)
    assert len(bundled.scheduler.timesteps) == 7  # the pipelines' own is left alone


def test_guidance_changes_nothing_where_the_prompt_is_empty(models):
    model = models()
    images, masks = pictures(model)
    rule = dict(steps=4, eta=1.0, guidance=7.5)
    left_out = pipeline(model, images, masks, [""] * 2, **(rule | {"guidance": 1.0}))
    torch.testing.assert_close(left_out, pipeline(model, images, masks, [""] * 2, **rule), atol=1e-5, rtol=0)


def _gradient(model, images, masks, checkpointed, steps=4, prompts=("", "")):
    x = images.clone().requires_grad_(True)
    out = chain.inpaint(x, masks, list(prompts), model, steps=steps, eta=1.0, generator=generators(2), checkpointed=checkpointed)
    return torch.autograd.grad((out - 0.5).flatten(1).norm(dim=1).sum(), x)[0]


@pytest.mark.parametrize("prompts", [("", ""), ("a photo of a person", "")])
def test_checkpointing_leaves_the_gradient_as_it_is(models, prompts):
    images, masks = pictures(models())
    kept, again = (_gradient(models(), images, masks, on, prompts=prompts) for on in (False, True))
    assert kept.abs().max() > 1e-4
    torch.testing.assert_close(again, kept, atol=1e-5 * kept.abs().max().item(), rtol=0)


def test_gradient_reaches_the_kept_region_alone(models):
    images, masks = pictures(models())
    gradient = _gradient(models(), images, masks, True)
    repaint = masks.bool().expand_as(gradient)
    assert gradient[repaint].abs().max() == 0 and gradient[~repaint].abs().max() > 0


def test_gradient_is_that_of_finite_differences(tmp_path):
    pipe = tinysd.pipeline(tmp_path, channels=9)
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    model = LatentModel(
        vae=pipe.vae, text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer, scheduler=scheduler, unet_inpainting=pipe.unet,
        dtype=torch.float64,
    )  # fmt: skip
    images = tinysd.portraits(1).double() * 0.8 + 0.1
    masks = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    masks[..., 40:] = 1

    def loss(x):
        out = chain.inpaint(x, masks, [""], model, steps=4, eta=1.0, generator=[rng.generator(0)])
        return (out - 0.5).flatten(1).norm(dim=1).sum()

    x = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(x), x)
    along = torch.randn(images.shape, generator=rng.generator(1), dtype=torch.float64)
    h = 1e-5
    with torch.no_grad():
        slope = (loss(images + h * along) - loss(images - h * along)) / (2 * h)
    assert slope.abs() > 1e-3
    torch.testing.assert_close((gradient * along).sum(), slope, rtol=1e-5, atol=0)


def test_bad_input(models):
    images, masks = pictures(models())
    for given, said in (
        (dict(masks=masks[:1]), "mask"),
        (dict(prompts=["one"]), "prompts.*list of 2"),
        (dict(generator=[rng.generator(0)]), "generator"),
        (dict(images=images * 2 - 1), r"\[0, 1\]"),
    ):
        whole = dict(images=images, masks=masks, prompts=["", ""], generator=generators(2)) | given
        with pytest.raises(ValueError, match=said) as error:
            chain.inpaint(whole.pop("images"), whole.pop("masks"), whole.pop("prompts"), models(), steps=4, **whole)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="9-channel inpainting"):
        chain.inpaint(images, masks, ["", ""], models(sibling=False), steps=4, generator=generators(2))
