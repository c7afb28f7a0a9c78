"""The table of protections, and `apply`: any of them on images of any size.

A method is a function (images, model, *, settings, generator, mask=None) -> images in a file of its own, and a row here, which says
whether it takes an image or a set. The functions are imported when they are first used, so that reading the table needs no torch.
"""

from ..method import Method, changed, counted, settings_of
from ..papers import photoguard as paper
from .run import run, spent

__all__ = ["PROTECTIONS", "apply", "record", "run", "spent", "takes_goal"]

PROTECTIONS = {
    "noise": Method(
        "protect.noise:uniform", paper.NOISE, needs="nothing",
        about="Uniform random noise of the same bound: the baseline that should not protect.",
    ),
    "photoguard-encoder": Method(
        "protect.photoguard:encoder", paper.PHOTOGUARD_ENCODER, needs="the autoencoder's encoder",
        about="PhotoGuard's encoder attack: the encoder reads the photo as a grey image.",
    ),
    "photoguard-diffusion": Method(
        "protect.photoguard:diffusion", paper.PHOTOGUARD_DIFFUSION, needs="the autoencoder and the inpainting denoiser",
        about="PhotoGuard's diffusion attack: the inpainting model paints a grey image.",
    ),
}


def record(method, settings="paper", *, eps=None, steps=None, draws=None):
    """The settings record of a method, with eps (levels, in the settings' norm; step and rms keep their share), steps and
    draws replaced.

    settings: a name in the table, or a record of the method's kind. Methods that take no steps, or no draws, pass over them.
    ValueError: an unknown name (with what there is), eps outside [1, 255].
    """
    chosen = settings_of(PROTECTIONS, "protection", method, settings)
    if eps is not None:
        if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 < eps <= 255:
            raise ValueError(f"eps: expected grey levels, above 0 and at most 255, got {eps!r}")
        if eps < 1:
            raise ValueError(f"eps: {eps} levels leave nothing in 8 bits; give grey levels, e.g. 8 for 8/255")
        shares = {name: getattr(chosen, name) * eps / chosen.eps for name in ("step", "rms") if getattr(chosen, name, None)}
        chosen = changed(chosen, {"eps": eps, **shares}, f"eps is {eps:g} instead of {chosen.eps:.3g}")
    return counted(chosen, steps=steps, draws=draws)


def apply(images, model, method, *, settings="paper", eps=None, seed=0, mask=None, goal=None, steps=None, draws=None, callback=None):
    """Protect images (N, 3, H, W) of any size; returns 8-bit images, same device, inside the budget of the settings.

    Each image is attacked at its own size, extended by reflection to a multiple of the model's factor; above 512 x 512 pixels in tiles
    without overlap, each on its own. A method that takes a set gets all images in one call. Randomness comes from (seed, method, image,
    tile). mask, goal, callback: as in the methods; the callback sees one pass after the other. eps, steps, draws: see `record`.
    ValueError: see `record`, a goal where the method has none; RuntimeError: a method broke its budget.
    """
    chosen, row = record(method, settings, eps=eps, steps=steps, draws=draws), PROTECTIONS[method]
    if goal is not None and not takes_goal(method):
        raise ValueError(f"goal: {method} moves a picture towards nothing; choose {', '.join(filter(takes_goal, PROTECTIONS))}")
    given = dict(mask=mask, goal=goal, callback=callback)
    return run(row.function, images, model, settings=chosen, seed=seed, name=method, takes=row.takes, **given)


def takes_goal(method):
    """Whether a method can be given a picture to aim at."""
    return PROTECTIONS[method].accepts("goal")
