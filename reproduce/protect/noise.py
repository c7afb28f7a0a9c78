"""Random noise: PhotoGuard's baseline ("uniform random noise of the same intensity", arXiv 2302.06588,
section 4), and the control it lacks, noise of the same Euclidean norm as a given perturbation.

Uniform noise of the same bound is weaker than an attack, most of whose values sit at the bound; matched
noise is not.
"""

import torch

from .. import images as pixels
from .. import rng
from ..attack.budgets import Linf, fit


def uniform(images, model=None, *, settings, generator, mask=None):
    """Images (N, 3, H, W) plus uniform noise in [-eps, eps] levels (`settings.eps`), inside it in 8 bits.

    The model is not used. generator: one per image. mask: (N, 1, H, W), noise where it is at least 1/2.
    """
    budget = Linf(settings.eps)
    origin = pixels.quantise(images)
    noisy = budget.random_start(origin, generator)
    if mask is not None:
        noisy = torch.where(pixels.check_mask(mask, images) >= 0.5, noisy, origin)
    return budget.finish(noisy, origin)


def matched(images, reference, generator, mask=None):
    """Images plus uniform noise whose norm, per image and as stored, is that of `reference` - `images`; mask as for `uniform`.

    The norm is never above the reference's, and below it by the change of one value at most: within 1 %
    when the perturbation has a norm of 10 levels or more, which any visible one has. Where an image is so
    near black or white that noise cannot reach that norm inside the range, it is as large as it gets.
    """
    if pixels.check(reference, "reference").shape != pixels.check(images).shape:
        shape, expected = tuple(reference.shape), tuple(images.shape)
        raise ValueError(f"reference: expected the images' shape {expected}, got {shape}; pair them up")
    origin = pixels.quantise(images)
    change = (pixels.quantise(reference) - origin).mul(255).round()
    norm = change.square().flatten(1).sum(1, dtype=torch.float64).sqrt()
    # 510 levels of amplitude: clipping takes half of the noise on a white image, and still it can be matched
    added = 2 * rng.draw("uniform", origin, generator)
    added = added if mask is None else added * (pixels.check_mask(mask, images) >= 0.5)
    return fit(origin + added, origin, norm)
