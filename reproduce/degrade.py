"""What happens to an image on its way: so far real JPEG, encoded and decoded by Pillow.

`quality` is libjpeg's, 1 to 100, on its standard tables, as in the JPEG bypass (arXiv 2304.02234). Chroma
subsampling is Pillow's default 4:2:0 unless said otherwise; it is an argument because it removes fine
colour whatever the quality.
"""

import io
import operator

import numpy as np
import torch
from PIL import Image

from . import images as pixels

SUBSAMPLING = ("4:4:4", "4:2:2", "4:2:0")


def jpeg(images, quality, *, subsampling="4:2:0"):
    """Encode and decode each 8-bit image: (N, 3, H, W) in [0, 1], multiples of 1/255, on the same device.

    quality: a whole number 1 to 100, None for no JPEG (only rounding to 8 bits), or a list with one of
    these per image.
    """
    pixels.check(images)
    if subsampling not in SUBSAMPLING:
        raise ValueError(f"subsampling: expected one of {', '.join(SUBSAMPLING)}, got {subsampling!r}")
    qualities = _per_image(quality, len(images))
    stored = pixels.levels(images.detach()).cpu()
    for i, one in enumerate(qualities):
        if one is not None:
            stored[i] = _round_trip(stored[i], one, subsampling)
    return pixels.from_levels(stored).to(images)


def _round_trip(stored, quality, subsampling):
    file = io.BytesIO()
    Image.fromarray(stored.permute(1, 2, 0).contiguous().numpy()).save(
        file, format="JPEG", quality=quality, subsampling=subsampling
    )
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


def _per_image(quality, count):
    if isinstance(quality, (torch.Tensor, np.ndarray)):
        quality = quality.tolist()
    if not isinstance(quality, (list, tuple)):
        return [_check_quality(quality, "quality")] * count
    if len(quality) != count:
        raise ValueError(
            f"quality: expected one per image ({count}), got {len(quality)}; pass one number for all"
        )
    return [_check_quality(one, f"quality[{i}]") for i, one in enumerate(quality)]


def _check_quality(quality, name):
    if quality is None:
        return None
    try:
        whole = None if isinstance(quality, bool) else operator.index(quality)
    except TypeError:
        whole = None
    if whole is None or not 1 <= whole <= 100:
        raise ValueError(
            f"{name}: expected a whole number from 1 to 100, or None for no JPEG, got {quality!r}"
        )
    return whole
