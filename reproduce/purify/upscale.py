"""Noisy Upscaling (Hönig et al., arXiv 2406.12027): Gaussian noise, then a super-resolution diffusion model, which paints it over.

The model is diffusers' StableDiffusionUpscalePipeline, fetched from the hub and so only beside a full profile's model. Its 4x result is
reduced to the picture's size.
"""

import functools

import torch
import torch.nn.functional as F

from .. import degrade, rng
from ..images import quantise
from ..method import Unavailable

GIGABYTES = 3.5


def noisy(images, model, *, settings, generator, callback=None):
    """Images (N, 3, H, W), sides multiples of 8 -> 8-bit images of that size; settings: papers.purifiers.UpscaleSettings.

    model: for its judges, device and precision. generator: one per image; it draws the added noise, then what the pipeline draws.
    callback(i): after each step. Unavailable, a ValueError: a model that nothing is fetched beside, or no upscaler here and none to be had.
    """
    if model is None or model.judges.offline:
        raise Unavailable(
            "noisy-upscaling: expected a full model, got the bundled one, which has no super-resolution model beside it and downloads"
            " nothing; open sd15, sd21 or a folder with --profile, or choose another method"
        )
    each = rng.each(generator, len(images))
    pipe = _pipeline(settings.upscaler, str(model.device), model.dtype)
    schedule = pipe.low_res_scheduler
    # The source's pipeline tells the network one level and adds noise of another; diffusers' adds what it tells.
    schedule.add_noise = lambda image, noise, told: type(schedule).add_noise(schedule, image, noise, torch.full_like(told, settings.added))
    shown = quantise(degrade.noise(images, settings.sigma, each)).to(model.device, model.dtype)
    made = pipe(
        prompt=[settings.prompt] * len(images),
        image=shown,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        noise_level=settings.told,
        generator=each,
        callback=None if callback is None else lambda i, t, latents: callback(i),
        output_type="pt",
    ).images
    small = F.interpolate(made.float(), images.shape[2:], mode="bicubic", antialias=True)
    return quantise(small.clamp(0, 1).to(images))


@functools.lru_cache(1)
def _pipeline(source, device, dtype):
    from diffusers import StableDiffusionUpscalePipeline
    from safetensors import SafetensorError

    try:
        pipe = StableDiffusionUpscalePipeline.from_pretrained(source, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # what diffusers raises on missing or damaged files
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"noisy-upscaling: the upscaler could not be read ({first}); fetch it once with network access"
            f" ({GIGABYTES:g} GB from the hub: {source}), or name a folder with a copy in the settings' `upscaler`"
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device, dtype)
