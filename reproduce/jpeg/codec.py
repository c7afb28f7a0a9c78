"""JPEG as real files have it, to the byte, with a gradient that knows the size of the perturbation.

Forward: what Pillow, OpenCV and torchvision (libjpeg-turbo) return after encoding and decoding; `arithmetic` holds the arithmetic.
Backward: the exact transposes of the linear parts, no gradient where a value was clipped to 0..255, and for the rounding of a
coefficient c by a step q a weight w(c / q), the surrogate:

    cauchy            derivative of E[round(v + n / q)] for Cauchy noise n of `scale` grey levels: what rounding does on average
                      to coefficients that a perturbation of that size moves; a large scale is straight-through
    straight-through  1
    polynomial        3 (v - round v)^2, the derivative of the cubic soft rounding of Shin and Song (2017)
    identity          the whole codec counts as the identity (BPDA)
    none              no gradient
"""

import math
import operator

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from .. import images as pixels
from . import arithmetic as lib

SUBSAMPLING = tuple(lib.SUBSAMPLING)
WEIGHED = ("cauchy", "straight-through", "polynomial")
SURROGATES = (*WEIGHED, "identity", "none")


def jpeg(images, quality, *, subsampling="4:2:0", surrogate="cauchy", scale=4.0, tables=None):
    """Save as JPEG and open again: (N, 3, H, W) or grey (N, 1, H, W) in [0, 1], rounded to 8 bits first; any size, same device.

    quality: a whole number 1 to 100 or a list with one per image; None with `tables` uses those as they are. tables: up to three 8x8
    tables (Y, Cb, Cr) in natural order instead of the standard two. scale: grey levels, for "cauchy"; half an attack's eps is a
    good choice. Float32 arithmetic even under autocast. ValueError: wrong shape, range, quality, name or table.
    """
    grey = isinstance(images, torch.Tensor) and images.ndim == 4 and images.shape[1] == 1
    pixels.check(images.expand(-1, 3, -1, -1) if grey else images)
    if subsampling not in SUBSAMPLING:
        raise ValueError(f"subsampling: expected one of {', '.join(SUBSAMPLING)}, got {subsampling!r}")
    if surrogate not in SURROGATES:
        raise ValueError(f"surrogate: expected one of {', '.join(SURROGATES)}, got {surrogate!r}")
    if isinstance(scale, (bool, str)) or not hasattr(scale, "__float__") or not 0 < float(scale) < math.inf:
        raise ValueError(f"scale: expected grey levels above 0, got {scale!r}")
    steps = lib.quantisation(qualities(quality, len(images), "" if tables is None else "the tables as they are"), tables).to(images.device)
    if not (torch.is_grad_enabled() and images.requires_grad) or surrogate == "none":
        images, surrogate = images.detach(), "none"  # and nothing is kept for a backward pass
    return _Jpeg.apply(images, steps, lib.SUBSAMPLING[subsampling], surrogate, float(scale))


def qualities(quality, count, none=""):
    """`quality` as a list of `count`: whole numbers from 1 to 100, or None where `none` says what that stands for; else ValueError."""
    given = quality.tolist() if hasattr(quality, "tolist") else quality
    if not isinstance(given, (list, tuple)):
        given = [given] * count
    elif len(given) != count:
        raise ValueError(f"quality: expected one per image ({count}), got {len(given)}; pass one number for all")
    for i, one in enumerate(given):
        whole = one if hasattr(one, "__index__") and not isinstance(one, bool) else -1
        if not (none and one is None) and not 1 <= operator.index(whole) <= 100:
            name = f"quality[{i}]" if isinstance(quality, (list, tuple)) else "quality"
            raise ValueError(f"{name}: expected a whole number from 1 to 100{none and f', or None for {none}'}, got {one!r}")
    return list(given)


class _Jpeg(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images, steps, factors, surrogate, scale):
        ctx.surrogate, ctx.scale, ctx.factors = surrogate, scale, [(1, 1), factors][: 1 if images.shape[1] == 1 else 2]
        size, planes, kept = images.shape[2:], [], [steps]
        with torch.autocast(images.device.type, enabled=False):
            coded = lib.to_ycc(images.contiguous().mul(255).round_().to(_work(images)))
            for i, shared in enumerate(ctx.factors):
                step, coded[i] = _of(steps, i), lib.shrink(coded[i], shared)
                quotient = lib.quotient(coded[i], step)
                plane = lib.decode(quotient, step)
                inside = plane.clamp(-128, 127)
                planes.append(lib.grow(inside, size, shared))
                if surrogate in WEIGHED:
                    kept += [plane == inside, quotient.to(images.dtype)]
            del coded, plane, inside  # each is as large as a part of the picture
            whole = lib.to_rgb(planes)
            out = whole.clamp(0, 255)
        if surrogate in WEIGHED:
            ctx.save_for_backward(*kept, whole == out)
        return out.to(images.dtype).div_(255)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        if ctx.surrogate == "identity":
            return gradient, None, None, None, None
        steps, *kept, inside = ctx.saved_tensors
        size, grey = gradient.shape[2:], gradient.shape[1] == 1
        with torch.autocast(gradient.device.type, enabled=False):
            gradient = gradient * inside
            parts = [gradient] if grey else [gradient.sum(1, keepdim=True), lib.mix(lib.TO_RGB.T, gradient)]
            del gradient
            for i, shared in enumerate(ctx.factors):
                inside, quotient = kept[2 * i : 2 * i + 2]
                part = lib.grow_back(parts[i], inside.shape, shared).mul_(inside)
                if ctx.surrogate != "straight-through":  # there the DCT and its inverse cancel
                    part = lib.dct(part, lib.DCT)
                    lib.blocks(part).mul_(_weight(lib.blocks(quotient), lib.tile(_of(steps, i), part), ctx.surrogate, ctx.scale))
                    part = lib.dct(part, lib.DCT.T)
                parts[i] = lib.shrink_back(part, size, shared)
            if grey:
                return parts[0], None, None, None, None
            gradient = lib.mix(lib.TO_YCC.T[:, 1:], parts.pop())
            gradient.addcmul_(lib.TO_YCC.T[:, :1, None].to(gradient), parts.pop())
        return gradient, None, None, None, None


def _of(steps, i):
    """The steps of luma (0) or chroma (1)."""
    return steps[:, 1:] if i else steps[:, :1]


def _work(images):
    """Float32 holds every sum here, but not behind TF32 or bfloat16 products: float64 where those may occur."""
    plain = images.device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
    return torch.float32 if plain or images.device.type == "mps" else torch.float64


def _weight(quotient, step, surrogate, scale):
    """d round(v) / d v as the surrogate has it."""
    if surrogate == "polynomial":
        return (quotient - quotient.round()).square_().mul_(3)
    spread = (2 * math.pi * scale / step).clamp(max=20)  # from there on the weight is 1 in float32
    return spread.sinh() / quotient.mul(2 * math.pi).cos_().add_(spread.cosh())


KEPT = torch.tensor([5, 3, 3])  # low frequencies that HiDDeN's mask keeps in each direction, for Y, U and V


def jpeg_mask(images):
    """JPEG-Mask, after HiDDeN (Zhu et al. 2018) as GAP-Diff trains with it: of each 8x8 block 5x5 coefficients of Y and 3x3 of U, V.

    (N, 3, H, W) in [0, 1], any size: the last blocks are filled with black, as the released module does for square images. It knows
    no quality, rounds nothing and is differentiable but where it clips to [0, 1]. Constants: models/Prelayer.py at bf6a1d2.
    """
    pixels.check(images)
    height, width = images.shape[2:]
    to_yuv = torch.tensor([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    to_rgb = torch.tensor([[1, 0, 1.40198758], [1, -0.344113281, -0.714103821], [1, 1.77197812, 0]])
    at = torch.arange(8)
    cosines = torch.cos(math.pi / 16 * at[:, None] * (2 * at + 1)) * torch.where(at == 0, 0.125, 0.25).sqrt()[:, None]
    low = cosines * (at < KEPT.view(3, 1)).view(3, 8, 1)
    keep = (low.mT @ cosines).to(images)  # (3, 8, 8): the projection onto what is kept, along one axis
    planes = lib.mix(to_yuv, F.pad(images, (0, -width % 8, 0, -height % 8)))
    planes = torch.einsum("cij,nchjw->nchiw", keep, lib.blocks(planes)).flatten(2, 3)
    planes = torch.einsum("cij,nchwj->nchwi", keep, planes.unflatten(3, (-1, 8))).flatten(3)
    return lib.mix(to_rgb, planes)[:, :, :height, :width].clamp(0, 1)
