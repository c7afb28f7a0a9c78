"""Purifiers that need no model: what `degrade` does to a picture, with settings, as purifiers.

Each takes images (N, 3, H, W) in [0, 1] of any size and returns 8-bit images of that size; settings are those of papers.purifiers.
"""

from .. import degrade
from ..images import quantise as stored


def jpeg(images, model=None, *, settings, generator=None):
    """Saved once as a JPEG file of settings.quality and settings.subsampling, and opened again."""
    return degrade.jpeg(images, settings.quality, subsampling=settings.subsampling)


def noise(images, model=None, *, settings, generator):
    """Plus Gaussian noise of settings.sigma levels, from one generator per image."""
    return stored(degrade.noise(images, settings.sigma, generator))


def blur(images, model=None, *, settings, generator=None):
    """Blurred by a Gaussian of settings.sigma pixels (down, across), cut off at settings.taps."""
    return stored(degrade.blur(images, settings.sigma, settings.taps))


def quantise(images, model=None, *, settings, generator=None):
    """With settings.values values a colour."""
    return stored(degrade.quantise(images, settings.values, settings.floor))


def resize(images, model=None, *, settings, generator=None):
    """Reduced to settings.share of its sides and enlarged again."""
    return stored(degrade.resize(images, settings.share, settings.kernel, settings.antialias))


def crop(images, model=None, *, settings, generator=None):
    """The middle, settings.share of its sides, enlarged."""
    return stored(degrade.crop(images, settings.share))


def rotate(images, model=None, *, settings, generator=None):
    """Turned by settings.degrees, and not back."""
    return stored(degrade.rotate(images, settings.degrees))


def median(images, model=None, *, settings, generator=None):
    """The median of settings.side pixels square."""
    return stored(degrade.median(images, settings.side))


def photo_filter(images, model=None, *, settings, generator=None):
    """More contrast and colour, and warmer, as settings say."""
    return stored(degrade.photo_filter(images, settings.contrast, settings.saturation, settings.warmth))
