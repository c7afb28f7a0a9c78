"""PhotoGuard's two attacks (Salman et al., arXiv 2302.06588, equations 4 and 5, Algorithms 1 and 2).

Encoder attack: the picture is moved, inside its budget, until the autoencoder's encoder reads it as the target: a grey picture, the
zero latent of a released notebook, or any picture. Diffusion attack: until the whole inpainting model paints a grey picture.
The losses are norms, as the released code prints them (MadryLab/photoguard at 686bea7); the paper's squared norms have gradients of
the same direction. What else the settings change against their sources stands in their `differs`.
"""

import torch

from .. import degrade, rng
from .. import images as pixels
from ..attack import budgets, pgd
from ..diffusion import chain

GREY = chain.GREY


def encoder(images, model, *, settings, generator=None, mask=None, goal=None, callback=None, through=None):
    """Protect images (N, 3, H, W); returns 8-bit images inside the budget of `settings` (paper.EncoderSettings).

    model: encode(images) -> posterior with .mean. generator: one per image, for a uniform start and for settings.jpeg.
    through: images -> images, what happens to the file before the model sees it; by default settings.jpeg, else nothing.
    mask: (N, 1, H, W), 1 where the photo is kept and protected, 0 where an edit will paint: the inverse of an
    inpainting mask, cut at 1/2. Only the kept region is perturbed, and the encoder sees the rest as mid grey,
    as an inpainting pipeline shows it and as the released inpainting attack has it.
    goal: (1 or N, 3, H, W), a picture whose latent is the target in place of the settings'.
    callback(i, x, distances): after each step, with the (N,) distances to the target before it, in the scale
    of model.encode. The 169.94 kept in the released notebook is in the autoencoder's own scale; divide ours
    by its scaling factor to compare.
    """
    pixels.check(images)
    kept = None if mask is None else (pixels.check_mask(mask, images) >= 0.5).to(images)
    aim = target(images, model, settings.target if goal is None else goal)
    if through is None and settings.jpeg:
        through = degrade.random_jpeg(*settings.jpeg, generator, scale=settings.eps / 2)

    def distance(x):
        seen = x if through is None else through(x)
        seen = seen if kept is None else seen * kept + GREY * (1 - kept)
        return torch.linalg.vector_norm((model.encode(seen).mean.float() - aim).flatten(1), dim=1)

    return _minimise(distance, images, settings, generator, mask, callback)


def diffusion(images, model, *, settings, generator, mask=None, goal=None, prompts=None, callback=None, through=None):
    """Protect images (N, 3, H, W); returns 8-bit images inside the budget of `settings` (paper.DiffusionSettings).

    model: with an inpainting denoiser. generator: one per image; noise is drawn anew at every step and draw. mask: as for `encoder`
    (without one, all is kept). goal: (1 or N, 3, H, W), the picture the edit is to become; by default mid grey.
    prompts: one per image in place of settings.prompt for all. callback(i, x, distances): distances of edits to the goal, on [0, 1].
    """
    pixels.check(images)
    kept = torch.ones_like(images[:, :1]) if mask is None else pixels.check_mask(mask, images)
    aim = torch.full_like(images[:1], GREY) if goal is None else pixels.check_goal(goal, images)
    prompts = [settings.prompt] * len(images) if prompts is None else list(prompts)
    rule = dict(steps=settings.chain, guidance=settings.guidance, eta=settings.eta, generator=generator)

    hidden = 1 - (kept >= 0.5).to(images)

    def distance(x):
        seen = x if through is None else through(x)
        edit = chain.inpaint(seen, hidden, prompts, model, **rule)
        away = torch.linalg.vector_norm((edit - aim).flatten(1), dim=1)
        if settings.consistency:
            shown = seen * (1 - hidden) + GREY * hidden
            away = away + settings.consistency * torch.linalg.vector_norm((shown - edit).flatten(1), dim=1)
        return away

    return _minimise(distance, images, settings, generator, mask, callback, draws=settings.draws)


def _minimise(distance, images, settings, generator, mask, callback, draws=1):
    allowed = None if mask is None else (mask >= 0.5).to(images)
    return pgd.pgd(
        images,
        distance,
        budget=budgets.budget(settings.norm, settings.eps, images, rms=settings.rms, allowed=allowed),
        steps=settings.steps,
        step=budgets.length(settings.norm, settings.step, images),
        decay=settings.decay,
        momentum=settings.momentum,
        start=settings.start,
        generator=generator,
        mask=mask,
        draws=draws,
        callback=callback,
    )


@torch.no_grad()
def target(images, model, wanted):
    """The latent to be reached, for images of this size, float32: "grey image", "noise image" (one picture of uniform noise, the same for
    all), "zero latent", or the latent of a picture (1 or N, 3, H, W)."""
    if isinstance(wanted, torch.Tensor):
        return model.encode(pixels.check_goal(wanted, images)).mean.float()
    grey = model.encode(torch.full_like(images[:1], GREY)).mean.float()
    if wanted == "grey image":
        return grey
    if wanted == "zero latent":
        return torch.zeros_like(grey)
    if wanted == "noise image":
        noise = torch.rand(images.shape[1:], generator=rng.generator(0, "noise image")).to(images)
        return model.encode(noise[None]).mean.float()
    raise ValueError(f'target: expected "grey image", "noise image", "zero latent" or a picture, got {wanted!r}')
