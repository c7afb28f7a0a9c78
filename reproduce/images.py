"""The pixel convention, and the border where everything else is converted to it.

Images are float tensors (N, 3, H, W), RGB, in [0, 1]. What enters or leaves a stage is 8 bit, so a grey
level is 1/255 of the range, and it is rounded, never truncated: that darkens by half a level. Files come
from outside: their bytes and pixels are counted before they are decoded, and every complaint is one line.
"""

import math
import os
import uuid
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

MAX_BYTES = 256 * 2**20
MAX_PIXELS = 64_000_000
# Named, as some of Pillow's other decoders start external programs (EPS). JPEG includes the MPO of cameras.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")


def check(images, name="images"):
    """Return `images` if it is a float32 or float64 tensor (N, 3, H, W) in [0, 1]; otherwise ValueError."""
    if not isinstance(images, torch.Tensor):
        raise ValueError(
            f"{name}: expected a tensor (N, 3, H, W), got {type(images).__name__}; read files with load"
        )
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        remedy = ""
        if images.ndim == 3:
            remedy = "; add the batch dimension: image[None]"
        elif images.ndim == 4 and images.shape[-1] == 3:
            remedy = "; move the channels: permute(0, 3, 1, 2)"
        elif images.ndim == 4 and images.shape[1] == 1:
            remedy = "; repeat grey to RGB: expand(-1, 3, -1, -1)"
        raise ValueError(
            f"{name}: expected the shape (N, 3, H, W), none of it 0, got {tuple(images.shape)}{remedy}"
        )
    if images.dtype not in (torch.float32, torch.float64):
        remedy = "images.from_levels" if images.dtype == torch.uint8 else ".float()"
        raise ValueError(f"{name}: expected float32 or float64, got {images.dtype}; convert with {remedy}")
    _check_range(images, name, "; map [-1, 1] with (x + 1) / 2, 0..255 with x / 255")
    return images


def check_mask(mask, images):
    """Return `mask` if it is a float tensor (N, 1, H, W) in [0, 1] fitting `images`; otherwise ValueError."""
    expected = (images.shape[0], 1, *images.shape[2:])
    if not isinstance(mask, torch.Tensor) or tuple(mask.shape) != expected:
        got = tuple(mask.shape) if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(
            f"mask: expected a tensor {expected} to fit the images, got {got}; one per image, one channel"
        )
    if not mask.dtype.is_floating_point:
        raise ValueError(f"mask: expected a float tensor in [0, 1], got {mask.dtype}; convert with .float()")
    _check_range(mask, "mask", "; divide 0..255 by 255")
    return mask


def check_goal(goal, images):
    """Return `goal` (1 or N, 3, H, W) on the images' device if it is one picture, or one per image, of their size; otherwise ValueError."""
    if check(goal, "goal").shape[1:] != images.shape[1:] or len(goal) not in (1, len(images)):
        size, got = tuple(images.shape[1:]), tuple(goal.shape)
        raise ValueError(f"goal: expected one picture, or one per image, of the images' size {size}, got {got}; resize it")
    return goal.to(images)


def _check_range(images, name, remedy):
    flat = images.detach().flatten(1)
    low, high = flat.amin(1), flat.amax(1)  # one pass more than aminmax, and twenty times faster
    bad = ~((low >= 0) & (high <= 1))  # NaN compares false, so it is caught here as well
    if bad.any():
        i = int(bad.nonzero()[0])
        if math.isnan(low[i]):
            raise ValueError(
                f"{name}[{i}]: expected values in [0, 1], got NaN; look for it in the stage before"
            )
        raise ValueError(f"{name}[{i}]: expected values in [0, 1], got [{low[i]:.4g}, {high[i]:.4g}]{remedy}")


def quantise(images):
    """`images` rounded to what 8 bits can store: multiples of 1/255, same shape and dtype."""
    return check(images).mul(255).round().div(255)


def levels(images):
    """`images` as stored: a uint8 tensor of the same shape, rounded."""
    return check(images).mul(255).round().to(torch.uint8)


def from_levels(stored):
    """A uint8 tensor (N, 3, H, W) as float32 images in [0, 1]; the exact inverse of `levels`."""
    if not isinstance(stored, torch.Tensor) or stored.dtype != torch.uint8:
        got = stored.dtype if isinstance(stored, torch.Tensor) else type(stored).__name__
        raise ValueError(f"levels: expected a uint8 tensor, got {got}; floats in [0, 1] are images already")
    return check(stored.float().div(255))


def load(path, size=None):
    """Read one image file as (1, 3, H, W).

    Orientation from EXIF is applied, transparency is laid over white, grey (8 or 16 bit) and palettes
    become RGB; of several frames the first is read. Pillow reads 16-bit colour by its upper 8 bits.

    size: None keeps the size; an int centre-crops to a square and resizes it to size x size (Lanczos).
    ValueError, one line: no such file, a folder, empty, over 256 MiB or 64 megapixels, not an image, damaged.
    """
    path = Path(path)
    if size is not None:
        _check_count(size, "size", "pixels")
    if not path.exists():
        raise ValueError(f"{path}: no such file; give the path of an image, e.g. photo.png")
    if not path.is_file():
        raise ValueError(
            f"{path}: expected an image file, got a folder or device; name the file, or use load_folder"
        )
    try:
        length = path.stat().st_size
        if length == 0:
            raise ValueError(f"{path}: the file is empty; export or download it again")
        if length > MAX_BYTES:
            raise ValueError(
                f"{path}: {length / 2**20:.0f} MiB, at most {MAX_BYTES >> 20} are read; save it smaller"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large images; ours is the limit that counts
            image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_large(path, "far more") from None
    except Image.UnidentifiedImageError:
        raise ValueError(
            f"{path}: not an image that can be read ({', '.join(FORMATS)}); export it as PNG or JPEG"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from None
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(path, f"{image.width} x {image.height}")
        try:
            image.load()
            image = _as_rgb(ImageOps.exif_transpose(image))
        except Exception as error:  # what a decoder raises on damaged data is not specified
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(
                f"{path}: cannot be decoded ({reason}); open it elsewhere and save it as 8-bit PNG"
            ) from error
    if size is not None:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side)).resize(
            (size, size), Image.Resampling.LANCZOS
        )
    return from_pil(image)


def from_pil(image):
    """A Pillow image in mode RGB as (1, 3, H, W)."""
    return from_levels(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].contiguous())


def _too_large(path, got):
    return ValueError(
        f"{path}: {got} pixels, at most {MAX_PIXELS // 10**6} megapixels are read; scale it down first"
    )


def _as_rgb(image):
    if image.mode.startswith("I"):
        # 16-bit grey: "I;16" in current Pillow, "I" for some formats. 65535 / 257 = 255, and it is rounded.
        wide = np.asarray(image).astype(np.float64)
        if wide.max() > 65535 or wide.min() < 0:
            raise ValueError("32-bit grey")
        image = Image.fromarray(np.round(wide / 257).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("floating-point pixels have no fixed range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def load_folder(path, size, limit=None):
    """The image files of a folder in order of name, each as `load(file, size)`: (N, 3, size, size).

    Other files, hidden files and folders inside it are passed over; limit keeps the first so many.
    """
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"{path}: expected a folder of images; give an existing folder, or one file to load")
    _check_count(size, "size", "pixels")
    if limit is not None:
        _check_count(limit, "limit", "images")
    files = sorted(
        f
        for f in path.iterdir()
        if f.suffix.lower() in SUFFIXES and not f.name.startswith(".") and f.is_file()
    )
    if not files:
        raise ValueError(f"{path}: no images in this folder; put files ending in {', '.join(SUFFIXES)} there")
    return torch.cat([load(file, size) for file in files[:limit]])


def _check_count(value, name, unit):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected a whole number of {unit}, 1 or more, got {value!r}")


def to_pil(image):
    """(3, H, W) or (1, 3, H, W) as an 8-bit RGB Pillow image, rounded."""
    if isinstance(image, torch.Tensor) and image.ndim == 3:
        image = image[None]
    if len(check(image, "image")) != 1:
        raise ValueError(
            f"image: expected one image, got {len(image)}; pass images[i], or images.grid for several"
        )
    return Image.fromarray(levels(image.detach().cpu())[0].permute(1, 2, 0).contiguous().numpy())


def save(image, path):
    """Write (3, H, W) or (1, 3, H, W) as 8-bit RGB PNG, whole or not at all; missing folders are created."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: images are saved as PNG, which keeps every level; end the name in .png")
    picture = to_pil(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{uuid.uuid4().hex}.tmp"  # same folder, so that the replacement is atomic
    try:
        with open(partial, "xb") as file:
            picture.save(file, format="PNG")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def mirrored(at, count, edge=1):
    """The places `at` (whole numbers, also outside) on a line of `count` pixels continued by reflection, its ends seen `edge` times.

    Once (1) is OpenCV's BORDER_REFLECT_101 and torch's "reflect", twice (2) OpenCV's BORDER_REFLECT; any length will do, even 1.
    """
    period = max(1, 2 * (count + edge - 2))
    at = at % period
    return torch.minimum(at, period + 1 - edge - at)


def framed(images, reach, edge=1):
    """Images (N, C, H, W) with `reach` pixels more on every side, by reflection: (N, C, H + 2 reach, W + 2 reach)."""
    y, x = (mirrored(torch.arange(-reach, count + reach), count, edge).to(images.device) for count in images.shape[2:])
    return images[:, :, y][:, :, :, x]


def grid(images, columns, pad=2):
    """Images (N, 3, H, W) laid out row by row with `pad` white pixels between and around: one (3, H', W')."""
    check(images)
    _check_count(columns, "columns", "images")
    if isinstance(pad, bool) or not isinstance(pad, int) or pad < 0:
        raise ValueError(f"pad: expected a whole number of pixels, 0 or more, got {pad!r}")
    count, _, height, width = images.shape
    rows = -(-count // columns)
    sheet = images.new_ones(3, rows * (height + pad) + pad, columns * (width + pad) + pad)
    for i, image in enumerate(images):
        top, left = pad + i // columns * (height + pad), pad + i % columns * (width + pad)
        sheet[:, top : top + height, left : left + width] = image
    return sheet
