"""The table of protections, and `apply`: any of them on images of any size.

A method is a function (images, model, *, settings, generator, mask=None) -> images in a file of its own, and
a row here. The functions are imported when they are first used, so that reading the table needs no torch.
"""

import dataclasses
import importlib
import math

from .. import paper

# One pass of an attack holds the encoder's activations for this many pixels, Stable Diffusion's own size:
# 0.6 GB, measured, for an autoencoder of widths (32, 64, 64, 128), several GB for Stable Diffusion's.
PIXELS = 512 * 512
TILE = 512


@dataclasses.dataclass(frozen=True)
class Method:
    """A row: where the function is ("module:function" in this package), settings by name, what it needs."""

    place: str
    settings: dict
    needs: str
    about: str

    @property
    def function(self):
        module, name = self.place.split(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)


PROTECTIONS = {
    "noise": Method(
        "noise:uniform", paper.NOISE, needs="nothing",
        about="Uniform random noise of the same bound: the baseline that should not protect.",
    ),
    "photoguard-encoder": Method(
        "photoguard:encoder", paper.PHOTOGUARD_ENCODER, needs="the autoencoder's encoder",
        about="PhotoGuard's encoder attack: the encoder reads the photo as a grey image.",
    ),
    "photoguard-diffusion": Method(
        "photoguard:diffusion", paper.PHOTOGUARD_DIFFUSION, needs="the autoencoder and the inpainting denoiser",
        about="PhotoGuard's diffusion attack: the inpainting model paints a grey image.",
    ),
}


def record(method, settings="paper", *, eps=None, steps=None, draws=None):
    """The settings record of a method, with eps (levels, in the settings' norm; the step keeps its share), steps and draws replaced.

    Methods that take no steps, or no draws, pass over them. ValueError: an unknown name (with what there is), eps
    outside [1, 255].
    """
    if method not in PROTECTIONS:
        raise ValueError(f"method: no protection called {method!r}; there is {', '.join(PROTECTIONS)}")
    choices = PROTECTIONS[method].settings
    if settings not in choices:
        raise ValueError(f"settings: {method} has none called {settings!r}; there is {', '.join(choices)}")
    chosen = choices[settings]
    fields = {field.name for field in dataclasses.fields(chosen)}
    changes, notes = {}, []
    if eps is not None:
        if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 < eps <= 255:
            raise ValueError(f"eps: expected grey levels, above 0 and at most 255, got {eps!r}")
        if eps < 1:
            raise ValueError(f"eps: {eps} levels leave nothing in 8 bits; give grey levels, e.g. 8 for 8/255")
        changes["eps"] = eps
        notes.append(f"eps is {eps:g} instead of {chosen.eps:.3g}")
        if "step" in fields:
            changes["step"] = chosen.step * eps / chosen.eps
    for name, count in (("steps", steps), ("draws", draws)):
        if count is not None and name in fields and count != getattr(chosen, name):
            changes[name] = count
            notes.append(f"{count} {name} instead of {getattr(chosen, name)}")
    if changes and "differs" in fields:
        changes["differs"] = "; ".join(filter(None, [chosen.differs, *notes]))
    return dataclasses.replace(chosen, **changes)


def apply(images, model, method, *, settings="paper", eps=None, seed=0, mask=None, steps=None, draws=None, callback=None):
    """Protect images (N, 3, H, W) of any size; returns 8-bit images, same device, inside the budget of the settings.

    Each image is attacked at its own size, extended by reflection to a multiple of the model's factor; above
    512 x 512 pixels in tiles without overlap, each on its own. Randomness comes from (seed, method, image,
    tile). mask, callback: as in the methods; the callback sees one pass after the other. eps, steps,
    draws: see `record`. ValueError: see `record`; RuntimeError: a method broke its budget.
    """
    from .. import images as pixels
    from .. import rng

    chosen = record(method, settings, eps=eps, steps=steps, draws=draws)
    function = PROTECTIONS[method].function
    origin = pixels.quantise(images)
    if mask is not None:
        pixels.check_mask(mask, images)
    factor = int(getattr(model, "factor", 8))
    device = getattr(model, "device", images.device)
    result = origin.clone()
    extra = {"callback": callback} if callback is not None and hasattr(chosen, "steps") else {}
    for t, (rows, columns) in enumerate(tiles(*images.shape[2:], factor)):
        y, x = (_reflected(part, factor).to(images.device) for part in (rows, columns))
        tile = origin[:, :, y][:, :, :, x]
        part = None if mask is None else mask[:, :, y][:, :, :, x]
        together = max(1, PIXELS // (len(y) * len(x)))
        for first in range(0, len(images), together):
            batch = slice(first, first + together)
            kept = None if part is None else part[batch].to(device)
            if kept is not None and not (kept >= 0.5).any():
                continue
            generators = [rng.generator(seed, method, i, t) for i in range(len(images))[batch]]
            done = function(
                tile[batch].to(device), model, settings=chosen, generator=generators, mask=kept, **extra
            )
            inside = done[:, :, : len(rows), : len(columns)].to(origin)
            result[batch, :, rows.start : rows.stop, columns.start : columns.stop] = inside
    used = spent(result, origin, chosen)
    if (used > chosen.eps * (1 + 1e-9)).any():  # the norm is kept before it is divided by the number of values
        worst = int(used.argmax())
        raise RuntimeError(f"{method}: images[{worst}] moved by {used[worst]:g} levels, not {chosen.eps:g}")
    return result


def spent(protected, origin, settings):
    """What of its eps a method used, (N,) in levels on the stored images: the largest change, or for the norm "l2" its root mean square."""
    from .. import pgd

    norm = getattr(settings, "norm", "linf")
    used = pgd.budget(norm, settings.eps, origin).spent(protected, origin)
    return used / pgd.length(norm, 1.0, origin)


def tiles(height, width, factor):
    """The passes `apply` makes over an image: rows and columns (ranges) of at most TILE x TILE; one if it is small enough."""
    if height * width <= PIXELS:
        return [(range(height), range(width))]

    grid = math.lcm(factor, 16)  # cuts fall between the blocks of a JPEG file

    def cuts(length):
        count = math.ceil(length / TILE)
        side = math.ceil(length / count / grid) * grid
        return [range(start, min(start + side, length)) for start in range(0, length, side)]

    return [(rows, columns) for rows in cuts(height) for columns in cuts(width)]


def _reflected(part, factor):
    """The indices of `part`, continued by reflection to a multiple of `factor`; any length, even 1."""
    import torch

    count = len(part)
    period = max(1, 2 * (count - 1))
    ahead = torch.arange(math.ceil(count / factor) * factor) % period
    return part.start + torch.minimum(ahead, period - ahead)
