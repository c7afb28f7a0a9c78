"""Inpainting with a gradient: the pipeline's own steps, from the picture through encoder, denoiser and decoder to the edit.

Equal to diffusers' StableDiffusionInpaintPipeline with DDIM, given the same generators: they draw the start, the masked picture's
latents and each step's noise, in this order. From LARGE pixels on every network call is checkpointed: memory holds the activations
of one call, and the number of steps costs time alone, about half as much again.
"""

import copy

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from .. import images as pixels
from .. import rng

LARGE = 256 * 256  # pixels a picture; below it, all of a short chain fits everywhere
GREY = 0.5  # what the pipeline shows the encoder where it will repaint


def inpaint(images, masks, prompts, model, *, steps, generator, guidance=7.5, eta=0.0, checkpointed=None):
    """Edits (N, 3, H, W) of images (N, 3, H, W), float32, not clamped, with a gradient to `images`.

    masks: (N, 1, H, W), 1 where the editor repaints, cut at 1/2. prompts: one per image; where all are empty, guidance changes
    nothing and is left out. generator: one per image, on the CPU. checkpointed: True, False, or None, which leaves it to the size.
    ValueError: wrong shapes, a model without inpainting denoiser.
    """
    pixels.check(images)
    repaint = (pixels.check_mask(masks, images) >= 0.5).to(images)
    if isinstance(prompts, str) or len(prompts) != len(images):
        raise ValueError(f"prompts: expected a list of {len(images)}, one per image, got {prompts!r:.80}")
    each = rng.each(generator, len(images))
    with torch.no_grad():
        text = model.text(prompts)
        empty = model.text([""]) if guidance != 1 and any(prompts) else None
    call = _checkpoint if checkpointed or (checkpointed is None and images[0, 0].numel() >= LARGE) else _call
    mean, std = call(lambda x: _moments(model, x), images * (1 - repaint) + GREY * repaint)

    def drawn():
        return torch.stack([torch.randn(mean.shape[1:], generator=one) for one in each]).to(mean)

    x = drawn()
    hidden = mean + std * drawn()
    condition = torch.cat([F.interpolate(repaint, hidden.shape[2:]).to(hidden), hidden], 1)
    for now, after, t in _alphas(model, steps, x):
        noise = call(lambda x, condition, t=t: _guided(model, x, t, text, empty, guidance, condition), x, condition)
        clean = (x - (1 - now).sqrt() * noise) / now.sqrt()
        spread = eta * ((1 - after) / (1 - now) * (1 - now / after)).sqrt()
        x = after.sqrt() * clean + (1 - after - spread**2).clamp(min=0).sqrt() * noise
        x = x + spread * drawn() if eta else x
    return call(model.decode, x)


def timesteps(model, steps):
    """The timesteps of a chain of `steps`, as DDIM spaces them for this model: a list of ints, noisiest first."""
    scheduler = copy.deepcopy(model.scheduler)  # the model's own belongs to the pipelines
    scheduler.set_timesteps(steps)
    return scheduler.timesteps.tolist()


def _alphas(model, steps, like):
    """(alpha_cumprod here, at the next step, t) along the chain."""
    every, last = model.schedule.alphas_cumprod.to(like), model.scheduler.final_alpha_cumprod.to(like)
    stride = len(every) // steps
    for t in timesteps(model, steps):
        yield every[t], every[t - stride] if t >= stride else last, t


def _moments(model, images):
    posterior = model.encode(images)
    return posterior.mean, posterior.std


def _guided(model, x, t, text, empty, guidance, condition):
    if empty is None:
        return model.predict_noise(x, t, text, condition)
    both = torch.cat([empty.expand_as(text), text])
    without, prompted = model.predict_noise(torch.cat([x, x]), t, both, torch.cat([condition, condition])).chunk(2)
    return without + guidance * (prompted - without)


def _call(function, *given):
    return function(*given)


def _checkpoint(function, *given):
    return checkpoint(function, *given, use_reentrant=False, preserve_rng_state=False)  # no network here draws
