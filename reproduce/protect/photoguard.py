"""PhotoGuard's encoder attack (Salman et al., arXiv 2302.06588, equation 4 and Algorithm 1).

The image is moved, inside an L-infinity budget, until the autoencoder's encoder reads it as the target: a
grey image, or the zero latent of the released notebook. The loss is the norm of the difference of the
latents' means, as the released code prints it (MadryLab/photoguard at 686bea7); the paper's squared norm
has the same signs. What else the settings change against their sources stands in their `differs`.
"""

import torch

from .. import degrade
from .. import images as pixels
from ..pgd import Linf, pgd

GREY = 0.5


def encoder(images, model, *, settings, generator=None, mask=None, callback=None, through=None):
    """Protect images (N, 3, H, W); returns 8-bit images inside `settings.eps` levels.

    model: encode(images) -> posterior with .mean. generator: one per image, for a uniform start and for settings.jpeg.
    through: images -> images, what happens to the file before the model sees it; by default settings.jpeg, else nothing.
    mask: (N, 1, H, W), 1 where the photo is kept and protected, 0 where an edit will paint: the inverse of an
    inpainting mask, cut at 1/2. Only the kept region is perturbed, and the encoder sees the rest as mid grey,
    as an inpainting pipeline shows it and as the released inpainting attack has it.
    callback(i, x, distances): after each step, with the (N,) distances to the target before it, in the scale
    of model.encode. The 169.94 kept in the released notebook is in the autoencoder's own scale; divide ours
    by its scaling factor to compare.
    """
    pixels.check(images)
    kept = None if mask is None else (pixels.check_mask(mask, images) >= 0.5).to(images)
    goal = target(images, model, settings.target)
    if through is None and settings.jpeg:
        through = degrade.random_jpeg(*settings.jpeg, generator, scale=settings.eps / 2)

    def distance(x):
        seen = x if through is None else through(x)
        seen = seen if kept is None else seen * kept + GREY * (1 - kept)
        return torch.linalg.vector_norm((model.encode(seen).mean.float() - goal).flatten(1), dim=1)

    return pgd(
        images, distance, budget=Linf(settings.eps), steps=settings.steps, step=settings.step,
        decay=settings.decay, start=settings.start, generator=generator, mask=mask, callback=callback,
    )


@torch.no_grad()
def target(images, model, name):
    """The latent to be reached, for images of this size: that of a mid-grey image, or zero; float32."""
    grey = model.encode(torch.full_like(images[:1], GREY)).mean.float()
    if name == "grey image":
        return grey
    if name == "zero latent":
        return torch.zeros_like(grey)
    raise ValueError(f'target: expected "grey image" or "zero latent", got {name!r}')
