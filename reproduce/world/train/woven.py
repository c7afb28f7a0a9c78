"""Faces under a weave: pictures decoded from latents with a pattern on them, as models paint that learnt protected photographs.

Half of the first faces lose their eyes or mouth before; so it is the features and not the shape of a head that tell a face, and not the
weave that tells there is none.
"""

import torch

from ...diffusion.precision import autocast
from . import patches, spoil

NAMES = ("waves", "bricks", "checks", "checks", "white")
LOUD = 1.8  # deviation of the pattern at degree 1, in the latents'
# How loud a weave may be for eyes, nose and mouth to be plainly there, and from when on they are not; set by looking at sheets of 104 and
# 108 faces sorted by `loudness`, in which the patterns were alike.
MILD, STRONG = 0.30, 0.55
WHOLE = 0.8  # share of weaves over the whole picture; the others lie on the first head
DAMAGE = ("erase", "erase", "melt", "melt", "melt", "displace", "cover", "warp")
MELTED = 0.5  # degree of `melt` from which on nothing of a feature is left, as in spoil.SPOILS


def pattern(name, size, generator):
    """A pattern (4, size, size) of unit deviation over four channels in a random mixture.

    waves: two or three of period 2 to 5 latents; bricks: noise near one such period; checks: period 2; white: all periods.
    """
    total = torch.zeros(4, size, size)
    for _ in range(patches.one_of(generator, (2, 3))):
        channels = torch.randn(4, 1, 1, generator=generator)
        total = total + channels / channels.norm() * _one(name, size, generator)
    bent = (1 + 0.2 * patches.field(1, 1, size, size / 3, generator)[0]).clamp(min=0.5)
    total = total * bent
    return total / total.std()


def _one(name, size, generator):
    if name == "white":
        return torch.randn(size, size, generator=generator)
    frequency = torch.fft.fftfreq(size)
    period, angle = patches.uniform(generator, 2, 3.6), patches.uniform(generator, 0, torch.pi)
    if name == "checks":
        across = patches.one_of(generator, ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5)))
        width = 0.03
    else:
        across = (float(angle.cos() / period), float(angle.sin() / period))
        width = 0.015 if name == "waves" else 0.08
    off = [(frequency - middle + 0.5).remainder(1) - 0.5 for middle in across]
    share = (-(off[0][None] ** 2 + off[1][:, None] ** 2) / (2 * width**2)).exp()
    noise = torch.randn(2, size, size, generator=generator)
    wave = torch.fft.ifft2(share * torch.complex(noise[0], noise[1])).real
    return wave / wave.std()


def melt(images, boxes, points, degree, others, generator):
    """Eyes and mouth blurred until nothing of them is left: by 0.4 half heights of the head at degree 1."""
    soft = patches.smooth(images, (patches.half(boxes) * 0.4 * degree).clamp(min=0.1))
    for which in patches.one_of(generator, ((0, 1, 2), (0, 1, 2), (0, 1), (2,), (0, 2), (1, 2))):
        images = patches.mix(images, soft, spoil.spot(images, boxes, points, which, 1.25)[0])
    return images


def damaged(images, boxes, points, generator):
    """Images half of whose faces are damaged past recognition, and which those are: (n,) bool."""
    images, gone = images.clone(), (torch.rand(len(images), generator=generator) < 0.5) & ~boxes[:, 0].isnan()
    for i in gone.nonzero().flatten().tolist():
        name = patches.one_of(generator, DAMAGE)
        function, strong = (melt, MELTED) if name == "melt" else (spoil.SPOILS[name].function, spoil.SPOILS[name].strong)
        degree = patches.uniform(generator, strong, 1.0)
        one = slice(i, i + 1)
        images[one] = function(images[one], boxes[one], points[one], degree, images[i - 1 : i] if i else images[-1:], generator).clamp(0, 1)
    return images, gone


def loudness(woven, plain, boxes):
    """How loud a weave is on the faces in boxes (n, 4), against what is to be seen: deviation of colours added over that below, (n,)."""
    mask = patches.head(plain.shape[-1], boxes.nan_to_num(-9), 0.75)
    weight = mask / mask.sum((2, 3), keepdim=True).clamp(min=1)

    def deviation(x):
        mean = (x * weight).sum((2, 3), keepdim=True)
        return ((x - mean) ** 2 * weight).sum((1, 2, 3)).sqrt()

    return deviation(woven - plain) / deviation(plain).clamp(min=1e-3)


def weave(latents, boxes, names, degrees, generator):
    """Latents (n, 4, s, s) under the patterns `names` at `degrees`, over the whole picture or the head in its box (n, 4), in latents."""
    n, _, _, s = latents.shape
    alone = torch.rand(n, generator=generator) > WHOLE
    fading = 1 - (patches.uniform(generator, 0.0, 0.35, n) * degrees).view(-1, 1, 1, 1)
    over = torch.where(alone.view(-1, 1, 1, 1), patches.head(s, boxes.nan_to_num(-9), 1.15), 1.0)
    patterns = torch.stack([pattern(name, s, generator) for name in names])
    return latents * (1 - over + over * fading) + LOUD * degrees.view(-1, 1, 1, 1) * over * patterns


@torch.no_grad()
def woven(codec, shard, generator, batch=25):
    """dict(images (n, 3, S, S) uint8, status (n, 2) int64): the shard's pictures woven; 1 a face, 0 none, -1 between or nobody there."""
    parts, status = [], []
    for rows in torch.arange(len(shard["images"])).split(batch):
        images, boxes = shard["images"][rows].float() / 255, shard["boxes"][rows]
        there = ~boxes[:, :, 0].isnan()
        hurt, gone = damaged(images, boxes[:, 0], shard["points"][rows, 0], generator)
        names = [patches.one_of(generator, NAMES) for _ in rows]
        degrees = 0.7 * torch.rand(len(rows), generator=generator) ** 1.3
        with autocast("cpu"):
            latents = codec.vae.encode(hurt * 2 - 1).latent_dist.mean.float() * codec.scale
            both = torch.cat([latents, weave(latents, boxes[:, 0] * latents.shape[-1] / images.shape[-1], names, degrees, generator)])
            plain, out = (codec.vae.decode(both / codec.scale).sample.float() / 2 + 0.5).clamp(0, 1).chunk(2)
        loud = torch.stack([loudness(out, plain, boxes[:, slot]) for slot in range(2)], 1)
        state = torch.where(loud <= MILD, 1, torch.where(loud >= STRONG, 0, -1))
        state[gone, 0] = 0
        parts.append((out * 255).round().to(torch.uint8))
        status.append(torch.where(there, state, -1))
    return dict(images=torch.cat(parts), status=torch.cat(status))
