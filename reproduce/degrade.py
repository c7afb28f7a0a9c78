"""What happens to an image on its way: JPEG files, of one quality or at random, noise, blur, fewer values, resizing, turning, filters.

Every function takes and returns images (N, 3, H, W) in [0, 1], and gradients pass through it; whatever an attack is to survive is
one such function, which `attack.pgd.expectation` and `protect.photoguard.encoder` accept.
"""

import io
import math

import torch
import torch.nn.functional as F
from PIL import Image

from . import images as pixels
from . import rng
from .jpeg import codec

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


def noise(images, sigma, generator):
    """Images plus Gaussian noise of standard deviation `sigma`, in grey levels, kept in [0, 1]; generator: one per image."""
    _check_number(sigma, "sigma", "grey levels")
    return (pixels.check(images) + rng.draw("normal", images, generator) * (sigma / 255)).clamp(0, 1)


def blur(images, sigma, taps):
    """Gaussian blur by `taps` (odd) in each direction, sigma in pixels or (down, across); borders reflect, as OpenCV's do by default."""
    down, across = sigma if isinstance(sigma, (tuple, list)) else (sigma, sigma)
    for one in (down, across):
        _check_number(one, "sigma", "pixels")
    if isinstance(taps, bool) or not isinstance(taps, int) or taps < 1 or taps % 2 == 0:
        raise ValueError(f"taps: expected an odd whole number, got {taps!r}")
    reach = taps // 2
    height, width = pixels.check(images).shape[2:]
    at = torch.arange(-reach, reach + 1, dtype=torch.float64)
    columns, rows = ((-(at**2) / (2 * one**2)).softmax(0).tolist() for one in (down, across))
    x = pixels.framed(images, reach)
    x = sum(weight * x[:, :, k : k + height] for k, weight in enumerate(columns))
    return sum(weight * x[..., k : k + width] for k, weight in enumerate(rows)).clamp(0, 1)


def quantise(images, values, floor=False):
    """Images with `values` values a colour: rounded to multiples of 1 / (values - 1), or cut down to multiples of 1 / values.

    Backward it counts as the identity.
    """
    if isinstance(values, bool) or not isinstance(values, int) or values < 2:
        raise ValueError(f"values: expected a whole number, 2 or more, got {values!r}")
    pixels.check(images)
    fewer = (images * values).floor() / values if floor else (images * (values - 1)).round() / (values - 1)
    return images + (fewer - images).detach()


def resize(images, share, kernel="bilinear", antialias=False):
    """Images reduced to a share of their sides, at least one pixel, and enlarged again to their size."""
    _check_share(share)
    size = pixels.check(images).shape[2:]
    rule = dict(mode=kernel, antialias=antialias)
    small = F.interpolate(images, [max(1, round(side * share)) for side in size], **rule)
    return F.interpolate(small.clamp(0, 1), size, **rule).clamp(0, 1)  # bicubic overshoots


def crop(images, share):
    """The middle of the images, a share of their sides and at least one pixel, enlarged to their size (bicubic)."""
    _check_share(share)
    height, width = pixels.check(images).shape[2:]
    tall, wide = (max(1, round(side * share)) for side in (height, width))
    top, left = (height - tall) // 2, (width - wide) // 2
    inner = images[:, :, top : top + tall, left : left + wide]
    return F.interpolate(inner, (height, width), mode="bicubic").clamp(0, 1)


def rotate(images, degrees):
    """Images turned about their middle, anticlockwise as one looks at them, at their own size (bilinear); borders reflect, the edge twice.

    degrees: any number; what was turned is not turned back.
    """
    if isinstance(degrees, bool) or not isinstance(degrees, (int, float)) or not math.isfinite(degrees):
        raise ValueError(f"degrees: expected a number, got {degrees!r}")
    height, width = pixels.check(images).shape[2:]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    y = (torch.arange(height, dtype=torch.float64) - (height - 1) / 2)[:, None]
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    where = torch.stack([(cosine * x - sine * y) * 2 / width, (sine * x + cosine * y) * 2 / height], -1)  # -1 and 1 are the outer edges
    where = where.to(images).expand(len(images), -1, -1, -1)
    return F.grid_sample(images, where, "bilinear", "reflection", align_corners=False).clamp(0, 1)


def median(images, side):
    """Every value replaced by the median of the square of `side` (odd) pixels around it, each colour on its own; borders reflect."""
    if isinstance(side, bool) or not isinstance(side, int) or side < 1 or side % 2 == 0:
        raise ValueError(f"side: expected an odd whole number, got {side!r}")
    height, width = pixels.check(images).shape[2:]
    wide = pixels.framed(images, side // 2)
    places = [(down, across) for down in range(side) for across in range(side)]
    return torch.stack([wide[:, :, y : y + height, x : x + width] for y, x in places]).median(0).values


def photo_filter(images, contrast, saturation, warmth):
    """Contrast times `contrast` around the picture's mean brightness, colour times `saturation` around each pixel's brightness, then red
    times 1 + warmth and blue times 1 - warmth; kept in [0, 1] after each. Brightness is Pillow's "L" (ITU-R 601), as the first two are
    its ImageEnhance.Contrast and .Color but for their rounding."""
    for name, factor in (("contrast", contrast), ("saturation", saturation)):
        _check_number(factor, name, "a factor")
    if isinstance(warmth, bool) or not isinstance(warmth, (int, float)) or not -1 <= warmth <= 1:
        raise ValueError(f"warmth: expected a number from -1 to 1, got {warmth!r}")
    middle = _brightness(pixels.check(images)).mean((2, 3), keepdim=True)
    x = (middle + contrast * (images - middle)).clamp(0, 1)
    grey = _brightness(x)
    x = (grey + saturation * (x - grey)).clamp(0, 1)
    return (x * x.new_tensor([1 + warmth, 1, 1 - warmth]).view(3, 1, 1)).clamp(0, 1)


def _brightness(images):
    """(N, 1, H, W)."""
    return (images * images.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)


def chain(*functions):
    """One function images -> images after the other: chain(a, b)(x) = b(a(x))."""

    def chained(images):
        for function in functions:
            images = function(images)
        return images

    return chained


def _check_number(value, name, unit):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"{name}: expected {unit} above 0, got {value!r}")


def _check_share(share):
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise ValueError(f"share: expected a part of each side, above 0 and at most 1, got {share!r}")
