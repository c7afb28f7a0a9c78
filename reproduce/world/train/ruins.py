"""Ruins: what a denoiser paints that was fine-tuned on photographs under an attack; the pictures in which a detector must find nobody.

The photographs are raised against the denoiser's own objective (AdvDM, Liang et al. 2023) and learnt as DreamBooth does (Ruiz et al.
2023), by the denoiser alone and without other people to hold it back, so that what it then paints is ruined whoever is asked for.
"""

import copy

import torch

from ...diffusion.precision import autocast
from . import tower

LEVELS, STRIDE = 16 / 255, 2 / 255  # budget of the attack and the size of its steps
PHOTOS, RATE, BATCH = 12, 2e-4, 2  # of the fine-tuning
GUIDANCE, STEPS = 7.5, 20  # of the sampling


def ruins(codec, shard, count, climb, tuning, generator):
    """`count` pictures (count, 3, S, S) uint8 that one denoiser paints, tuned on PHOTOS of the shard's pictures of one person.

    climb, tuning: steps of the attack and of the fine-tuning.

    A third is asked for by the captions of those pictures, the others by those of pictures that it did not learn.
    """
    somebody = (~shard["boxes"][:, 0, 0].isnan() & shard["boxes"][:, 1, 0].isnan()).nonzero().flatten()
    order = somebody[torch.randperm(len(somebody), generator=generator)].tolist()
    learnt, new = order[:PHOTOS], order[PHOTOS:]
    wanted = [learnt[k % len(learnt)] if k % 3 == 0 or not new else new[k % len(new)] for k in range(count)]
    learnt_text, asked, plain = (said(codec, [shard["captions"][i] for i in rows]) for rows in (learnt, wanted, []))
    latents = encoded(codec, attacked(codec, shard["images"][learnt].float() / 255, learnt_text, climb, generator))
    unet = tuned(codec, latents, learnt_text, tuning, generator)
    parts = [decoded(codec, painted(codec, unet, text, plain, generator)) for text in asked.split(24)]
    return (torch.cat(parts) * 255).round().to(torch.uint8)


def said(codec, captions):
    """The captions' states (n, tokens, width); of no caption, those of the empty one."""
    with torch.no_grad():
        return codec.text(tower.ids(codec.tokens, captions or [""]))[0]


def encoded(codec, images):
    with torch.no_grad(), autocast("cpu"):
        return codec.vae.encode(images * 2 - 1).latent_dist.mean.float() * codec.scale


def decoded(codec, latents):
    with torch.no_grad(), autocast("cpu"):
        return (codec.vae.decode(latents / codec.scale).sample.float() / 2 + 0.5).clamp(0, 1)


def error(codec, unet, latents, text, generator):
    """The mean squared error of the noise predicted at random times."""
    at = torch.randint(len(codec.alphas), (len(latents),), generator=generator)
    noise, alpha = torch.randn(latents.shape, generator=generator), codec.alphas[at].view(-1, 1, 1, 1)
    with autocast("cpu"):
        guess = unet(alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, at, text).sample.float()
    return (guess - noise).square().mean()


def attacked(codec, images, text, steps, generator):
    """Images raised against the denoiser within LEVELS of where they were, four at a time."""
    parts = []
    for clean, said in zip(images.split(4), text.split(4), strict=True):
        x = clean.clone()
        for _ in range(steps):
            x.requires_grad_(True)
            with autocast("cpu"):
                latents = codec.vae.encode(x * 2 - 1).latent_dist.mean.float() * codec.scale
            (slope,) = torch.autograd.grad(error(codec, codec.unet, latents, said, generator), x)
            x = (x.detach() + STRIDE * slope.sign()).clamp(clean - LEVELS, clean + LEVELS).clamp(0, 1)
        parts.append(x.detach())
    return torch.cat(parts)


def tuned(codec, latents, text, steps, generator):
    """A copy of the denoiser that has learnt `latents` (k, 4, s, s) by their captions."""
    unet = copy.deepcopy(codec.unet).requires_grad_(True)
    rule = torch.optim.AdamW(unet.parameters(), RATE)
    for _ in range(steps):
        rows = torch.randint(len(latents), (BATCH,), generator=generator)
        rule.zero_grad()
        error(codec, unet, latents[rows], text[rows], generator).backward()
        rule.step()
    return unet.requires_grad_(False)


@torch.no_grad()
def painted(codec, unet, text, plain, generator):
    """Latents (n, 4, s, s) for the texts (n, tokens, width), from noise alone, with classifier-free guidance (DDIM)."""
    side = codec.vae.config.sample_size // 4
    noisy = torch.randn(len(text), 4, side, side, generator=generator)
    both = torch.cat([plain.expand_as(text), text])
    times = torch.linspace(len(codec.alphas) - 1, 0, STEPS + 1).long()
    for at, then in zip(times[:-1], times[1:], strict=True):
        with autocast("cpu"):
            without, guess = unet(noisy.repeat(2, 1, 1, 1), at, both).sample.float().chunk(2)
        guess = without + GUIDANCE * (guess - without)
        clean = (noisy - (1 - codec.alphas[at]).sqrt() * guess) / codec.alphas[at].sqrt()
        noisy = codec.alphas[then].sqrt() * clean + (1 - codec.alphas[then]).sqrt() * guess
    return clean
