"""What the tables of methods share: a row, its settings with overrides, and passes over images of any size. Reading it needs no torch."""

import dataclasses
import importlib
import inspect
import math

from . import rng

# One pass of an attack holds the encoder's activations for this many pixels, Stable Diffusion's own size:
# 0.6 GB, measured, for an autoencoder of widths (32, 64, 64, 128), several GB for Stable Diffusion's.
PIXELS = 512 * 512
TILE = 512


class Unavailable(ValueError):
    """What a method needs is not here, so that no picture can be done."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A row: where the function is ("module:function" below this package), settings by name, what it needs.

    whole: it takes pictures of any size as they are; others get passes whose sides are multiples of the model's factor.
    """

    place: str
    settings: dict
    needs: str
    about: str
    whole: bool = False

    @property
    def function(self):
        module, name = self.place.split(":")
        return getattr(importlib.import_module(f"{__package__}.{module}"), name)

    def takes(self, name):
        """Whether the function has a parameter of that name, as some have a goal, a callback, a log."""
        return name in inspect.signature(self.function).parameters


def chosen(table, kind, method, settings=None):
    """The settings record called `settings` of a table's method; None takes the first, a record is taken as it is.

    ValueError: an unknown name, with what there is; a record of another method.
    """
    if method not in table:
        raise ValueError(f"method: no {kind} called {method!r}; there is {', '.join(table)}")
    choices = table[method].settings
    if dataclasses.is_dataclass(settings):
        wanted = type(next(iter(choices.values())))
        if type(settings) is not wanted:
            raise ValueError(f"settings: {method} takes {wanted.__name__}, got {type(settings).__name__}")
        return settings
    if settings is not None and settings not in choices:
        raise ValueError(f"settings: {method} has none called {settings!r}; there is {', '.join(choices)}")
    return choices[next(iter(choices)) if settings is None else settings]


def changed(record, changes, note):
    """`record` with `changes` (name -> value), which its `differs` then tells in the words of `note`."""
    return dataclasses.replace(record, **changes, differs="; ".join(filter(None, [record.differs, note])))


def counted(record, **counts):
    """`record` with whole numbers replaced; None keeps one, and what a record does not have, or has 0 of, is passed over."""
    for name, count in counts.items():
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected a whole number, 1 or more, got {count!r}")
        if (getattr(record, name, None) or count) != count:
            unit = name if count > 1 else name.removesuffix("s")
            record = changed(record, {name: count}, f"{count} {unit} instead of {getattr(record, name)}")
    return record


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


def passes(images, factor, whole=False):
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
