"""The table of protections, and `apply`: any of them on images of any size.

A method is a function (images, model, *, settings, generator, mask=None) -> images in a file of its own, and
a row here. The functions are imported when they are first used, so that reading the table needs no torch.
"""

from .. import passes
from ..method import Method, changed, counted, settings_of
from ..papers import photoguard as paper

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
    """The settings record of a method, with eps (levels, in the settings' norm; the step keeps its share), steps and draws replaced.

    settings: a name in the table, or a record of the method's kind. Methods that take no steps, or no draws, pass over them.
    ValueError: an unknown name (with what there is), eps outside [1, 255].
    """
    chosen = settings_of(PROTECTIONS, "protection", method, settings)
    if eps is not None:
        if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 < eps <= 255:
            raise ValueError(f"eps: expected grey levels, above 0 and at most 255, got {eps!r}")
        if eps < 1:
            raise ValueError(f"eps: {eps} levels leave nothing in 8 bits; give grey levels, e.g. 8 for 8/255")
        step = {"step": chosen.step * eps / chosen.eps} if hasattr(chosen, "step") else {}
        chosen = changed(chosen, {"eps": eps, **step}, f"eps is {eps:g} instead of {chosen.eps:.3g}")
    return counted(chosen, steps=steps, draws=draws)


def apply(images, model, method, *, settings="paper", eps=None, seed=0, mask=None, goal=None, steps=None, draws=None, callback=None):
    """Protect images (N, 3, H, W) of any size; returns 8-bit images, same device, inside the budget of the settings.

    Each image is attacked at its own size, extended by reflection to a multiple of the model's factor; above
    512 x 512 pixels in tiles without overlap, each on its own. Randomness comes from (seed, method, image,
    tile). mask, goal, callback: as in the methods; the callback sees one pass after the other. eps, steps,
    draws: see `record`. ValueError: see `record`, a goal where the method has none; RuntimeError: a method broke its budget.
    """
    from .. import images as pixels
    from . import photoguard

    chosen = record(method, settings, eps=eps, steps=steps, draws=draws)
    function = PROTECTIONS[method].function
    if goal is not None and not takes_goal(method):
        raise ValueError(f"goal: {method} moves a picture towards nothing; choose {', '.join(filter(takes_goal, PROTECTIONS))}")
    origin = pixels.quantise(images)
    if mask is not None:
        pixels.check_mask(mask, images)
    device = getattr(model, "device", images.device)
    result = origin.clone()
    extra = {"callback": callback} if callback is not None and hasattr(chosen, "steps") else {}
    aim = None if goal is None else photoguard.picture(goal, origin).expand(len(origin), -1, -1, -1)
    for one in passes.over(origin, int(getattr(model, "factor", 8))):
        kept = None if mask is None else one.of(mask).to(device)
        if kept is not None and not (kept >= 0.5).any():
            continue
        if aim is not None:
            extra["goal"] = one.of(aim).to(device)
        done = function(one.of(origin).to(device), model, settings=chosen, generator=one.generators(seed, method), mask=kept, **extra)
        one.into(result, done)
    used = spent(result, origin, chosen)
    if (used > chosen.eps * (1 + 1e-9)).any():  # the norm is kept before it is divided by the number of values
        worst = int(used.argmax())
        raise RuntimeError(f"{method}: images[{worst}] moved by {used[worst]:g} levels, not {chosen.eps:g}")
    return result


def takes_goal(method):
    """Whether a method can be given a picture to aim at."""
    return PROTECTIONS[method].takes("goal")


def spent(protected, origin, settings):
    """What of its eps a method used, (N,) in levels on the stored images: the largest change, or for the norm "l2" its root mean square."""
    from ..attack import budgets

    norm = getattr(settings, "norm", "linf")
    used = budgets.budget(norm, settings.eps, origin).spent(protected, origin)
    return used / budgets.length(norm, 1.0, origin)
