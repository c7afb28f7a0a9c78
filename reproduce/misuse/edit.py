"""Misuse by editing: image variations and inpainting, through diffusers' own pipelines.

One generator per image, so the clean and the protected image meet the same noise when they get equal generators, and neither batch size
nor order changes an edit by more than its kernels' rounding, which on some processors depends on the size of the batch.
Results are 8-bit images, as an editor would publish them.
Settings are `paper.EditSettings`; a strength of None means from pure noise, an eta of None means 0.
"""

import torch

from ..images import check, check_mask, quantise

BATCH = 16  # images a pipeline call takes at once


def vary(images, prompts, model, *, settings, generator):
    """Image variations (img2img): images (N, 3, H, W), one prompt and one generator each -> edits (N, 3, H, W)."""
    from diffusers import StableDiffusionImg2ImgPipeline

    _agree(images, prompts, generator, settings, model)
    pipe = _pipeline(StableDiffusionImg2ImgPipeline, model, model.unet, "4-channel")

    def call(rows):
        return pipe(
            prompt=list(prompts[rows]),
            image=images[rows].to(model.device, model.dtype),
            strength=settings.strength or 1.0,
            guidance_scale=settings.guidance,
            num_inference_steps=settings.steps,
            eta=settings.eta or 0.0,
            generator=generator[rows],
            output_type="pt",
        ).images

    return _batches(call, len(images))


def inpaint(images, masks, prompts, model, *, settings, generator, paste=None):
    """Inpainting: masks (N, 1, H, W) are 1 where the editor repaints; one prompt and one generator each -> edits (N, 3, H, W).

    paste: images whose kept region (mask 0) is laid over the result; PhotoGuard's notebook pastes the clean originals,
    which makes clean and protected edits more alike; None leaves the pipeline's output as it is.
    """
    from diffusers import StableDiffusionInpaintPipeline

    _agree(images, prompts, generator, settings, model)
    check_mask(masks, images)
    pipe = _pipeline(StableDiffusionInpaintPipeline, model, model.unet_inpainting, "9-channel inpainting")
    height, width = images.shape[2:]

    def call(rows):
        return pipe(
            prompt=list(prompts[rows]),
            image=images[rows].to(model.device, model.dtype),
            mask_image=masks[rows].to(model.device, model.dtype),
            height=height,
            width=width,
            strength=settings.strength or 1.0,
            guidance_scale=settings.guidance,
            num_inference_steps=settings.steps,
            eta=settings.eta or 0.0,
            generator=generator[rows],
            output_type="pt",
        ).images

    edits = _batches(call, len(images))
    return edits if paste is None else quantise(masks * edits + (1 - masks) * paste)


def inpainting(images, model, *, settings, generator, prompts, mask):
    """`inpaint` as the table of misuses has it: all is repainted but where mask (N, 1, H, W) is 1. ValueError: no mask."""
    if mask is None:
        raise ValueError("inpainting: expected a mask of what is kept, got none; give one per image, (N, 1, H, W)")
    return inpaint(images, 1 - mask, prompts, model, settings=settings, generator=generator)


def variation(images, model, *, settings, generator, prompts):
    """`vary` as the table of misuses has it: nothing is kept."""
    return vary(images, prompts, model, settings=settings, generator=generator)


def generate(prompts, model, *, steps, guidance, generator, eta=0.0):
    """Pictures from prompts alone (N of them, the model's size), DDIM: what the model can draw; one generator per prompt.

    eta: share of fresh noise in each step, 0 to 1; at 1, the sampling of DDPM.
    """
    from diffusers import StableDiffusionPipeline

    pipe = _pipeline(StableDiffusionPipeline, model, model.unet, "4-channel")

    def call(rows):
        return pipe(
            prompt=list(prompts[rows]),
            height=model.size,
            width=model.size,
            guidance_scale=guidance,
            num_inference_steps=steps,
            eta=eta,
            generator=generator[rows],
            output_type="pt",
        ).images

    return _batches(call, len(prompts))


def _pipeline(kind, model, unet, what):
    """diffusers' pipeline over the model's own parts, with DDIM, silent and without a safety checker."""
    if unet is None:
        raise ValueError(f"{model.name} has no {what} denoiser, which {kind.__name__} needs; open a profile whose model has one")
    pipe = kind(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=unet,
        scheduler=model.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _batches(call, count):
    with torch.no_grad():
        parts = [call(slice(start, start + BATCH)) for start in range(0, count, BATCH)]
    return quantise(torch.cat(parts).float().cpu().clamp(0, 1))


def _agree(images, prompts, generator, settings, model):
    check(images)
    if images.shape[2] % model.factor or images.shape[3] % model.factor:
        raise ValueError(
            f"expected height and width to be multiples of {model.factor}, got {tuple(images.shape[2:])}; pad or crop the images first"
        )
    if isinstance(prompts, str) or len(prompts) != len(images):
        raise ValueError(f"expected a list of {len(images)} prompts, one per image, got {prompts!r:.80}")
    if not isinstance(generator, list) or len(generator) != len(images):
        raise ValueError(f"expected a list of {len(images)} generators, one per image; make them with rng.generator(seed, ..., i)")
    strength = 1.0 if settings.strength is None else settings.strength
    if not 0 < strength <= 1 or int(settings.steps * strength) < 1:
        raise ValueError(f"expected strength in (0, 1] and at least one step, got strength {settings.strength}, steps {settings.steps}")
