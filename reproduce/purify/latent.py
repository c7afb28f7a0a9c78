"""Purifying by the model's own parts: encode-decode, and DiffPure's and GrIDPure's way with its denoiser.

DiffPure (Nie et al., arXiv 2205.07460) adds noise of some diffusion steps and lets the model take it away; GrIDPure (Zhao et al., arXiv
2312.00084) does so often and little, on overlapping tiles. Both have a diffusion model of pixels. Here is a latent one, so both work
on latents: an encoder that was misled has been misled already. A round over pixels would pass the autoencoder every time, and twenty of
its passes alone cost more than the noise: on the bundled model they leave renders at 16 dB, on latents all of GrIDPure leaves 21 dB.
"""

import torch

from .. import rng
from ..images import check, quantise


@torch.no_grad()
def roundtrip(images, model, *, settings, generator=None):
    """Images (N, 3, H, W), sides multiples of the model's factor, through encoder (posterior mean) and decoder, settings.rounds times."""
    for _ in range(settings.rounds):
        images = quantise(model.decode(model.encode(images).mean).clamp(0, 1).to(images))
    return images


@torch.no_grad()
def denoise(images, model, *, settings, generator, callback=None):
    """Images (N, 3, H, W), sides multiples of the model's factor, with noise to settings.depth added and taken away: 8-bit images.

    settings: papers.purifiers.DenoiseSettings. generator: one per image. callback(i): after each round.
    """
    each, latents = rng.each(generator, len(check(images))), model.encode(images).mean
    steps = timesteps(settings.depth, settings.steps, len(model.schedule.alphas_cumprod))
    side = max(latents.shape[2:]) if settings.tile is None else max(1, round(settings.tile * model.size / model.factor))
    for i in range(settings.rounds):
        total, count = torch.zeros_like(latents), torch.zeros_like(latents)
        for rows, columns in tiles(*latents.shape[2:], side):
            place = (slice(None), slice(None), rows[:, None], columns)
            total[place] += _cleaned(latents[place], steps, model, each)
            count[place] += 1
        latents = (1 - settings.keep) * total / count + settings.keep * latents
        if callback is not None:
            callback(i)
    return quantise(model.decode(latents).clamp(0, 1).to(images))


def timesteps(depth, steps, most):
    """The steps at which the denoiser is asked, noisiest first: `steps` of the `depth` first of a schedule of `most`, evenly spaced."""
    for name, value, limit in (("depth", depth, most), ("steps", steps, depth)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
            raise ValueError(f"{name}: expected a whole number from 1 to {limit}, got {value!r}")
    return [round(depth * (1 - k / steps)) - 1 for k in range(steps)]


def tiles(height, width, side):
    """Rows and columns (index tensors) of tiles of `side`, half a side apart and up to the far edges, and of one made of the four corners.

    The corners lie in one tile only otherwise. A picture smaller than a tile is one along that direction.
    """
    along = []
    for length in (height, width):
        one = min(side, length)
        starts = sorted({*range(0, length - one + 1, max(1, side // 2)), length - one})
        half = one // 2
        corner = torch.cat([torch.arange(half), torch.arange(length - (one - half), length)])
        along.append(([torch.arange(start, start + one) for start in starts], corner))
    (rows, upright), (columns, level) = along
    whole = [(down, across) for down in rows for across in columns]
    return whole if len(whole) == 1 else [*whole, (upright, level)]


def _cleaned(latents, steps, model, each):
    """Latents with noise up to the first of `steps` added, brought back by DDIM without noise of its own, unprompted."""
    alphas = model.schedule.alphas_cumprod.to(latents)[steps]
    text = model.text([""])
    text = text.expand(len(latents), *text.shape[1:])
    x = alphas[0].sqrt() * latents + (1 - alphas[0]).sqrt() * rng.draw("normal", latents, each)
    for k, t in enumerate(steps):
        noise = model.predict_noise(x, t, text)
        clean = (x - (1 - alphas[k]).sqrt() * noise) / alphas[k].sqrt()
        x = clean if k + 1 == len(steps) else alphas[k + 1].sqrt() * clean + (1 - alphas[k + 1]).sqrt() * noise
    return x
