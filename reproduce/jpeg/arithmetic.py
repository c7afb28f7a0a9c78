"""The arithmetic of libjpeg-turbo, stage by stage, each with its transpose for the backward pass.

Every number is an integer that float32 holds exactly, so order, FMA and device cannot change it; products wider than 24 bits are
split in two. Planes are (N, C, H, W), centred on 0. The facts are those of libjpeg-turbo 3, in the file that a comment names.
"""

import torch
import torch.nn.functional as F

SUBSAMPLING = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}  # rows and columns that share one chroma sample
SHRINK = {(1, 2): (0, 1 / 2), (2, 2): (1 / 4, 1 / 2)}  # added before the mean is floored, in even and odd columns (jcsample.c)
GROW = {(1, 2): (1 / 4, 1 / 2), (2, 2): (8 / 16, 7 / 16)}  # likewise for the interpolated chroma (jdsample.c)
ANNEX_K = """
16 11 10 16  24  40  51  61     17 18 24 47 99 99 99 99
12 12 14 19  26  58  60  55     18 21 26 66 99 99 99 99
14 13 16 24  40  57  69  56     24 26 56 99 99 99 99 99
14 17 22 29  51  87  80  62     47 66 99 99 99 99 99 99
18 22 37 56  68 109 103  77     99 99 99 99 99 99 99 99
24 35 55 64  81 104 113  92     99 99 99 99 99 99 99 99
49 64 78 87 103 121 120 101     99 99 99 99 99 99 99 99
72 92 95 98 112 100 103  99     99 99 99 99 99 99 99 99
"""
STANDARD = torch.tensor([int(n) for n in ANNEX_K.split()]).view(8, 2, 8).transpose(0, 1)  # luma and chroma: ITU-T T.81, tables K.1, K.2
ISLOW = torch.tensor(  # one pass of jfdctint.c as a matrix: 8192 sqrt(8) DCT, each entry a sum of its 13-bit constants
    [
        [8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192],
        [11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363],
        [10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703],
        [9633, -2259, -11362, -6436, 6436, 11362, 2259, -9633],
        [8192, -8192, -8192, 8192, 8192, -8192, -8192, 8192],
        [6437, -11362, 2261, 9633, -9633, -2261, 11362, -6437],
        [4433, -10704, 10704, -4433, -4433, 10704, -10704, 4433],
        [2260, -6436, 9633, -11363, 11363, -9633, 6436, -2260],
    ]
).float()
DCT = ISLOW / (8192 * 8**0.5)  # orthonormal to 1e-4; its transpose is the inverse's matrix
SPLIT = torch.stack([(ISLOW / 128).round(), ISLOW - 128 * (ISLOW / 128).round()])  # ISLOW = 128 high + low: sums below 2^24
TO_YCC = torch.tensor([[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]]) / 65536  # jccolor.c, 16 bits
TO_YCC_BIAS = torch.tensor([[32768 - 128 * 65536], [32767], [32767]]) / 65536  # rounding; all planes centred on 0
TO_RGB = torch.tensor([[0, 91881], [-22554, -46802], [116130, 0]]) / 65536  # jdcolor.c: what chroma adds to luma
NUDGE = 1 + 2**-17  # takes ties away from zero; other quotients c / 8q (|c| < 2^15) lie farther from a half than this moves them


def quantisation(qualities, tables=None):
    """Steps (N, 3, 8, 8) of Y, Cb, Cr for N qualities, as jcparam.c scales the tables."""
    try:
        base = STANDARD if tables is None else torch.as_tensor(tables)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"tables: expected 1 to 3 tables of 8x8 whole numbers, got {type(tables).__name__}") from None
    if base.is_floating_point() or base.dtype == torch.bool or base.ndim != 3 or base.shape[1:] != (8, 8) or not 1 <= len(base) <= 3:
        raise ValueError(f"tables: expected 1 to 3 tables of 8x8 whole numbers, got {tuple(base.shape)} {base.dtype}")
    base = base.long().cpu()[[0, min(1, len(base) - 1), 2 if len(base) == 3 else min(1, len(base) - 1)]]
    if tables is not None and (base.min() < 1 or base.max() > 255):
        raise ValueError(f"tables: expected entries from 1 to 255, got {base.min()} to {base.max()}")
    percent = torch.tensor([100 if q is None else 5000 // q if q < 50 else 200 - 2 * q for q in qualities])
    return ((base * percent.view(-1, 1, 1, 1) + 50) // 100).clamp(1, 255).float()


# Colour


def mix(matrix, planes, bias=None):
    """`matrix` (m, k) over the channels of (N, k, H, W), plus a bias per channel: (N, m, H, W)."""
    matrix, flat = matrix.to(planes).expand(len(planes), *matrix.shape), planes.flatten(2)
    mixed = torch.bmm(matrix, flat) if bias is None else torch.baddbmm(bias.to(planes), matrix, flat)
    return mixed.unflatten(2, planes.shape[2:])


def to_ycc(levels):
    """Levels (N, C, H, W) as luma (N, 1, H, W) and, for colour, chroma (N, 2, H, W), centred on 0."""
    if levels.shape[1] == 1:
        return [levels - 128]
    ycc = mix(TO_YCC, levels, TO_YCC_BIAS).floor_()
    return [ycc[:, :1], ycc[:, 1:]]


def to_rgb(planes):
    """The inverse, not yet clipped to 0..255."""
    if len(planes) == 1:
        return planes[0] + 128
    return mix(TO_RGB, planes[1], torch.full((1, 1, 1), 0.5)).floor_().add_(planes[0] + 128)


# Resampling


def shrink(plane, shared):
    """Floored means over `shared` rows and columns, in whole blocks: libjpeg repeats columns before the mean, rows after it."""
    plane = _extend(_extend(plane, shared[0], 8 * shared[1]), shared[0], 1)
    for dim in (2, 3):
        if shared[dim - 2] == 2:
            even, odd = plane.unflatten(dim, (-1, 2)).unbind(dim + 1)
            plane = even + odd
    if shared != (1, 1):
        plane = plane.mul_(1 / (shared[0] * shared[1])).add_(_alternate(SHRINK[shared], plane)).floor_()
    return _extend(plane, 8, 8)


def shrink_back(gradient, size, shared):
    """The transpose of shrink."""
    gradient = _fold(gradient, -(-size[0] // shared[0]), gradient.shape[3])
    if shared != (1, 1):
        gradient = F.interpolate(gradient, scale_factor=shared).mul_(1 / (shared[0] * shared[1]))
    return _fold(gradient, *size)


def grow(plane, size, shared):
    """Crop to the picture, then upsample: the triangle filter of "fancy upsampling", plain repetition for up to two columns."""
    plane = plane[:, :, : -(-size[0] // shared[0]), : -(-size[1] // shared[1])]
    if shared != (1, 1) and plane.shape[3] > 2:
        plane = F.interpolate(plane, scale_factor=shared, mode="bilinear", align_corners=False)
        plane = plane.add_(_alternate(GROW[shared], plane)).floor_()
    elif shared != (1, 1):
        plane = F.interpolate(plane, scale_factor=shared)
    return plane[:, :, : size[0], : size[1]]


def grow_back(gradient, shape, shared):
    """The transpose of grow; `shape` is that of its input."""
    height, width = gradient.shape[2:]
    gradient = F.pad(gradient, (0, -width % shared[1], 0, -height % shared[0]))
    triangle = gradient.shape[3] > 2 * shared[1]
    for dim in (2, 3):
        if shared[dim - 2] == 2:
            even, odd = gradient.unflatten(dim, (-1, 2)).unbind(dim + 1)
            gradient = even + odd
            if triangle:  # 3/4 went to the two nearest pixels, 1/4 to the two beyond, or back at a border
                count = gradient.shape[dim] - 1
                gradient.mul_(0.75).select(dim, 0).add_(even.select(dim, 0), alpha=0.25)
                gradient.select(dim, count).add_(odd.select(dim, count), alpha=0.25)
                gradient.narrow(dim, 0, count).add_(even.narrow(dim, 1, count), alpha=0.25)
                gradient.narrow(dim, 1, count).add_(odd.narrow(dim, 0, count), alpha=0.25)
    return F.pad(gradient, (0, shape[3] - gradient.shape[3], 0, shape[2] - gradient.shape[2]))


def _extend(plane, rows, columns):
    """Repeat the last row and column up to multiples of `rows` and `columns`."""
    down, right = -plane.shape[2] % rows, -plane.shape[3] % columns
    return F.pad(plane, (0, right, 0, down), mode="replicate") if down or right else plane


def _fold(gradient, height, width):
    """The transpose of _extend from (height, width)."""
    for dim, length in ((2, height), (3, width)):
        if gradient.shape[dim] > length:
            last = gradient.narrow(dim, length - 1, gradient.shape[dim] - length + 1).sum(dim, keepdim=True)
            gradient = torch.cat([gradient.narrow(dim, 0, length - 1), last], dim)
    return gradient


def _alternate(pair, plane):
    """One number for even and one for odd columns of a plane: (W,)."""
    return plane.new_tensor(pair).repeat(-(-plane.shape[3] // 2))[: plane.shape[3]]


# Blocks


def blocks(plane):
    """A view with the row within a block as an axis of its own: (N, C, H / 8, 8, W)."""
    return plane.unflatten(2, (-1, 8))


def tile(step, plane):
    """Steps (N, C, 8, 8) along the rows of blocks: (N, C, 1, 8, W)."""
    return step.to(plane).repeat(1, 1, 1, plane.shape[3] // 8)[:, :, None]


def quotient(plane, step):
    """Coefficients over steps, not yet rounded; jfdctint.c returns 8 times the orthonormal DCT."""
    plane = _columns(_rows(plane, SPLIT.mT, 11), SPLIT, 15)
    blocks(plane).mul_(1 / (8 * tile(step, plane)))
    return plane


def decode(quotient, step):
    """Round, half away from zero; multiply; invert the DCT."""
    plane = quotient.mul(NUDGE).round_()
    blocks(plane).mul_(tile(step, plane))
    return _rows(_columns(plane, SPLIT.mT, 11), SPLIT, 18)


def _rows(plane, split, shift):
    """Every 8 neighbours in a row times a matrix, then >> `shift`, rounded; exact for sums of up to 30 bits."""
    flat, (high, low) = plane.reshape(-1, 16), (torch.block_diag(part, part).to(plane) for part in split)  # 16: faster than 8
    out = torch.addmm(flat.new_tensor(2.0 ** (shift - 8)), flat, low / 128).floor_()
    return out.addmm_(flat, high / 2 ** (shift - 7), beta=2.0 ** (7 - shift)).floor_().view(plane.shape)


def _columns(plane, split, shift):
    """The same down the columns of blocks."""
    blocks = plane.view(-1, 8, plane.shape[3])
    high, low = (part.to(plane).expand(len(blocks), 8, 8) for part in split)
    out = torch.baddbmm(blocks.new_tensor(2.0 ** (shift - 8)), low / 128, blocks).floor_()
    return out.baddbmm_(high / 2 ** (shift - 7), blocks, beta=2.0 ** (7 - shift)).floor_().view(plane.shape)


def dct(plane, matrix):
    """`matrix` X `matrix`^T for every block X, in floating point."""
    matrix = matrix.to(plane)
    rows = (plane.reshape(-1, 16) @ torch.block_diag(matrix.T, matrix.T)).view(-1, 8, plane.shape[3])
    return torch.bmm(matrix.expand(len(rows), 8, 8), rows).view(plane.shape)
