"""The table of purifiers, and `apply`: any of them on images of any size.

A method is a function (images, model, *, settings, generator) -> 8-bit images of the same size in a file of its own, and a row here,
which says whether it takes an image or a set. The functions are imported when first used, so that reading the table needs no torch.
"""

from ..method import Method, counted, settings_of
from ..papers import impress as impress_settings
from ..papers import purifiers as paper
from ..passes import run

__all__ = ["PURIFIERS", "apply", "record", "run"]

PURIFIERS = {
    "impress": Method(
        "purify.impress:impress", impress_settings.PURIFY_IMPRESS,
        needs="the autoencoder, with gradients; LPIPS's weights (0.5 GB, fetched once), on `bundled` its CLIP instead",
        about="IMPRESS: the picture is moved until the autoencoder reproduces it.",
    ),
    "jpeg": Method("purify.plain:jpeg", paper.PURIFY_JPEG, needs="nothing", about="One JPEG file.", whole=True),
    "noise": Method("purify.plain:noise", paper.PURIFY_NOISE, needs="nothing", about="Gaussian noise.", whole=True),
    "blur": Method("purify.plain:blur", paper.PURIFY_BLUR, needs="nothing", about="A Gaussian blur.", whole=True),
    "quantise": Method("purify.plain:quantise", paper.PURIFY_QUANTISE, needs="nothing", about="Fewer values a colour.", whole=True),
    "resize": Method("purify.plain:resize", paper.PURIFY_RESIZE, needs="nothing", about="Half the size and back.", whole=True),
    "crop": Method("purify.plain:crop", paper.PURIFY_CROP, needs="nothing", about="The middle, enlarged.", whole=True),
    "rotate": Method("purify.plain:rotate", paper.PURIFY_ROTATE, needs="nothing", about="Turned a little, and not back.", whole=True),
    "median": Method("purify.plain:median", paper.PURIFY_MEDIAN, needs="nothing", about="A median filter.", whole=True),
    "filter": Method(
        "purify.plain:photo_filter", paper.PURIFY_FILTER, needs="nothing", about="A photo filter: more contrast and colour, warmer.",
        whole=True,
    ),
    "adverse-cleaner": Method(
        "purify.cleaner:clean", paper.PURIFY_CLEANER, needs="nothing",
        about="AdverseCleaner: bilateral filters, then guided ones.", whole=True,
    ),
    "autoencoder": Method(
        "purify.latent:roundtrip", paper.PURIFY_CODEC, needs="the autoencoder", about="Encoded and decoded, nothing else: a control.",
    ),
    "diffpure": Method(
        "purify.latent:denoise", paper.PURIFY_DIFFPURE, needs="the autoencoder and the denoiser",
        about="DiffPure's way with the model's own denoiser: noise in the latents, and its removal.",
    ),
    "gridpure": Method(
        "purify.latent:denoise", paper.PURIFY_GRIDPURE, needs="the autoencoder and the denoiser",
        about="GrIDPure's way with it: little noise, many rounds, overlapping tiles.",
    ),
    "noisy-upscaling": Method(
        "purify.upscale:noisy", paper.PURIFY_UPSCALE,
        needs="a 4x upscaling model from the hub (about 3.5 GB); not on `bundled`, which never downloads and has none",
        about="Gaussian noise, then super-resolution, reduced to the picture's size.",
    ),
}  # fmt: skip


def record(method, settings=None, *, steps=None):
    """The settings record of a purifier (a name in the table, its first by default, or a record), with its steps replaced.

    Purifiers without steps pass over them.
    ValueError: an unknown name, with what there is; steps below 1.
    """
    return counted(settings_of(PURIFIERS, "purifier", method, settings), steps=steps)


def apply(images, model, method, *, settings=None, seed=0, steps=None, callback=None, log=None, distance=None):
    """Purify images (N, 3, H, W) of any size; returns 8-bit images of the same size on the same device.

    What goes through the model does so at the picture's own size, extended by reflection to a multiple of the model's factor; above 512 x
    512 pixels in tiles without overlap, each on its own; a method that takes a set gets all images in one call. Randomness comes from
    (seed, method, image, tile). callback(i, ...): after each step or round of the methods that have them, one pass after the other. log:
    a list, to which a method that measures itself (impress) appends a dict for every image and tile. distance: impress's, in place of its
    model's own.
    ValueError: see `record`; images that are none; a model without what the method needs.
    """
    chosen, row = record(method, settings, steps=steps), PURIFIERS[method]
    given = dict(callback=callback, log=log, distance=distance)
    return run(row.function, images, model, settings=chosen, seed=seed, name=method, takes=row.takes, whole=row.whole, **given)
