"""What happens to an image on its way: JPEG files, one after the other or of qualities drawn at random.

Every function takes and returns images (N, 3, H, W) in [0, 1], and gradients pass through it; whatever an attack is to survive is
one such function, which `pgd.expectation` and `protect.photoguard.encoder` accept.
"""

import io

import torch
from PIL import Image

from . import images as pixels
from . import jpeg as codec
from . import rng

SUBSAMPLING = codec.SUBSAMPLING


def jpeg(images, quality, **options):
    """Each image as the JPEG file of its quality shows it: exactly Pillow's save and open, on any device, differentiable.

    quality: a whole number 1 to 100, None for no JPEG (only rounding to 8 bits), or a list with one of these per image. options:
    subsampling, surrogate and scale of `reproduce.jpeg.jpeg`.
    """
    pixels.check(images)
    each = codec.qualities(quality, len(images), none="no JPEG")
    filed = codec.jpeg(images, [one or 100 for one in each], **options)
    if None not in each:
        return filed
    if options.get("surrogate") == "none":
        images = images.detach()
    rounded = images + (pixels.quantise(images) - images).detach()  # exact, and rounding counts as the identity backward
    return torch.where(torch.tensor([one is None for one in each], device=images.device).view(-1, 1, 1, 1), rounded, filed)


def jpeg_file(images, quality, subsampling="4:2:0"):
    """The same through Pillow, one file an image, no gradient: what `jpeg` is held against."""
    out = []
    for image in images:
        file = io.BytesIO()
        pixels.to_pil(image).save(file, format="JPEG", quality=quality, subsampling=subsampling)
        out.append(pixels.from_pil(Image.open(file)))
    return torch.cat(out).to(images)


def random_jpeg(lowest, highest, generator, **options):
    """A function images -> images that saves each image at a quality drawn anew from lowest..highest at every call.

    generator: one torch.Generator on the CPU per image, or one alone for one image; each image's draws come from its own.
    """
    lowest, highest = codec.qualities([lowest, highest], 2)
    if lowest > highest:
        raise ValueError(f"quality: expected the lowest first, got {lowest} to {highest}")

    def filed(images):
        draws = [torch.randint(lowest, highest + 1, (), generator=one).item() for one in rng.each(generator, len(images))]
        return jpeg(images, draws, **options)

    return filed


def chain(*functions):
    """One function images -> images after the other: chain(a, b)(x) = b(a(x))."""

    def chained(images):
        for function in functions:
            images = function(images)
        return images

    return chained
