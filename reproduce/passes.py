"""Passes over images of any size: tiles, reflected to what a model takes, and as many images at once as memory holds."""

import dataclasses
import math

from . import rng

# One pass of an attack holds the encoder's activations for this many pixels, Stable Diffusion's own size:
# 0.6 GB, measured, for an autoencoder of widths (32, 64, 64, 128), several GB for Stable Diffusion's.
PIXELS = 512 * 512
TILE = 512


@dataclasses.dataclass(frozen=True)
class Pass:
    """What a method is handed at once: of some of the images (`batch`) the rows and columns of one tile."""

    tile: int
    batch: range
    rows: range
    columns: range
    factor: int

    def of(self, images):
        """That part of images (N, C, H, W), continued by reflection to multiples of the factor."""
        y, x = (reflected(part, self.factor).to(images.device) for part in (self.rows, self.columns))
        return images[self.batch.start : self.batch.stop][:, :, y][:, :, :, x]

    def into(self, result, done):
        """Write what a method made of that part into `result` (N, C, H, W), without the continuation."""
        inside = done[:, :, : len(self.rows), : len(self.columns)].to(result)
        batch, rows, columns = (slice(part.start, part.stop) for part in (self.batch, self.rows, self.columns))
        result[batch, :, rows, columns] = inside

    def generators(self, seed, purpose):
        """A fresh generator for each of its images, named by the purpose, the image and the tile."""
        return [rng.generator(seed, purpose, i, self.tile) for i in self.batch]


def over(images, factor, whole=False):
    """The passes over images (N, C, H, W): one tile after the other, of at most TILE x TILE pixels, and as many images as PIXELS holds.

    whole: one tile, whatever its size, not extended.
    """
    count, _, height, width = images.shape
    for tile, (rows, columns) in enumerate([(range(height), range(width))] if whole else tiles(height, width, factor)):
        sides = (math.ceil(len(part) / factor) * factor for part in (rows, columns))
        together = max(1, PIXELS // math.prod(sides))
        for first in range(0, count, together):
            yield Pass(tile, range(count)[first : first + together], rows, columns, 1 if whole else factor)


def tiles(height, width, factor):
    """Rows and columns (ranges) of at most TILE x TILE pixels that cover a picture once; one pair if it is small enough."""
    if height * width <= PIXELS:
        return [(range(height), range(width))]

    grid = math.lcm(factor, 16)  # cuts fall between the blocks of a JPEG file

    def cuts(length):
        count = math.ceil(length / TILE)
        side = math.ceil(length / count / grid) * grid
        return [range(start, min(start + side, length)) for start in range(0, length, side)]

    return [(rows, columns) for rows in cuts(height) for columns in cuts(width)]


def reflected(part, factor):
    """The indices of the range `part`, continued by reflection to a multiple of `factor`; any length, even 1."""
    import torch

    from .images import mirrored

    return part.start + mirrored(torch.arange(math.ceil(len(part) / factor) * factor), len(part))
