"""A method over images of any size: by tiles and as many images at once as memory holds, or over a set in one call."""

import dataclasses
import math

from . import rng
from .method import accepts, check_takes

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

    def generators(self, seed, purpose, first=0):
        """A fresh generator for each of its images, named by the purpose, the image's number counted from `first`, and the tile."""
        return [rng.generator(seed, purpose, first + i, self.tile) for i in self.batch]


def run(function, images, model, *, settings, seed, name, takes="image", whole=False, along=None, log=None, first=0, **given):
    """What a method's function makes of images (N, 3, H, W) of any size: 8-bit images of that size, on their device.

    function(images, model, *, settings, generator, …) -> images; it gets passes (see `over`), whose randomness comes from (seed, name,
    first + image, tile). along: name -> (N, C, H, W), what it gets the same part of; where no value of a "mask" is 1/2 or more, images
    stay what they are. log: a list, to which a method that measures itself appends a dict for every image and tile. given: what else it
    gets, the same in every pass; what is None, and what the function has no parameter for, it does not get. ValueError: images that are
    none, something `along` that it has no parameter for. RuntimeError: it returned other than one image for each.
    """
    from . import images as pixels

    along = {what: part for what, part in (along or {}).items() if part is not None}
    for what in along:
        if not accepts(function, what):
            raise ValueError(f"{what}: {name} makes no use of one; leave it out, or choose another method")
    given = {what: value for what, value in given.items() if value is not None and accepts(function, what)}
    origin = pixels.quantise(images)
    device, result = getattr(model, "device", images.device), origin.clone()
    for one in over(origin, int(getattr(model, "factor", 8)), whole, takes):
        beside = {what: one.of(part).to(device) for what, part in along.items()}
        if "mask" in beside and not (beside["mask"] >= 0.5).any():
            continue
        told = []
        if log is not None and accepts(function, "log"):
            beside["log"] = told
        part = one.of(origin).to(device)
        done = function(part, model, settings=settings, generator=one.generators(seed, name, first), **beside, **given)
        if done.shape != part.shape:
            raise RuntimeError(f"{name}: expected images {tuple(part.shape)} back, got {tuple(done.shape)}; return one for each")
        one.into(result, done)
        if told:
            log += [{"image": i, "tile": one.tile, **line} for i, line in zip(one.batch, told, strict=True)]
    return result


def over(images, factor, whole=False, takes="image"):
    """The passes over images (N, C, H, W): one tile after the other, of at most TILE x TILE pixels, and as many images as PIXELS holds.

    takes: of a "set" there is one pass, with all images in whole, whatever that takes. whole: one tile, whatever its size, not extended.
    """
    check_takes(takes)
    count, _, height, width = images.shape
    one = whole or takes == "set"
    for tile, (rows, columns) in enumerate([(range(height), range(width))] if one else tiles(height, width, factor)):
        sides = (math.ceil(len(part) / factor) * factor for part in (rows, columns))
        together = max(1, count if takes == "set" else PIXELS // math.prod(sides))
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
