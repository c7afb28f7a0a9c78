"""JPEG against Pillow and OpenCV, its backward against autograd of a float JPEG written here, its mask against scipy."""

import contextlib
import io
import math
import random

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.fft import dct, dctn, idctn
from scipy.stats import cauchy
from skimage import data
from torch.utils.checkpoint import checkpoint

from reproduce.jpeg import arithmetic as lib
from reproduce.jpeg import codec, jpeg, jpeg_mask

FACTORS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
KINDS = ("smooth", "noise", "saturated", "photograph")
SIZES = [(1, 1), (2, 5), (7, 13), (16, 16), (17, 4), (26, 35), (33, 18)]
MODES = [(3, "4:4:4"), (3, "4:2:2"), (3, "4:2:0"), (1, "4:2:0")]
modes = pytest.mark.parametrize(("channels", "subsampling"), MODES, ids=["444", "422", "420", "grey"])


def draw(*shape, seed=0, low=0.0, high=1.0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * (high - low) + low


def picture(kind, height, width, channels=3, seed=0):
    """Levels, uint8 (C, H, W)."""
    if kind == "photograph":
        photo = (data.astronaut, data.chelsea, data.coffee)[seed % 3]()
        y, x = (random.Random(seed).randint(0, have - want) for have, want in zip(photo.shape, (height, width), strict=False))
        return torch.from_numpy(photo[y : y + height, x : x + width].copy()).permute(2, 0, 1)[:channels]
    if kind == "noise":
        return (draw(channels, height, width, seed=seed) * 256).byte()
    coarse = draw(1, channels, height // 9 + 2, width // 7 + 2, seed=seed)
    if kind == "saturated":
        return F.interpolate(coarse.round() * 255, (height, width))[0].byte()
    return F.interpolate(coarse * 255, (height, width), mode="bicubic").clamp(0, 255)[0].byte()


def batch(height, width, channels=3, seed=0):
    """One picture of each kind as (4, C, H, W) in [0, 1]."""
    return torch.stack([picture(kind, height, width, channels, seed) for kind in KINDS]).float() / 255


def saved(image, quality, subsampling="4:2:0", tables=None):
    """What Pillow opens after saving an image (C, H, W), and the quantisation tables in its file."""
    array, file = image.mul(255).round().byte().permute(1, 2, 0).numpy(), io.BytesIO()
    options = ({} if quality is None else {"quality": quality}) | ({} if tables is None else {"qtables": tables.flatten(1).tolist()})
    Image.fromarray(array.squeeze(2) if array.shape[2] == 1 else array).save(file, "JPEG", subsampling=subsampling, **options)
    opened = Image.open(file)
    return torch.from_numpy(np.array(opened).reshape(array.shape)).permute(2, 0, 1).to(image.dtype) / 255, opened.quantization


# The bytes


def cases(every):
    """(size, a quality per kind, tables)."""
    chance = random.Random(0)
    small = [(height, width) for height in range(1, 41) for width in range(1, 41)]
    for size in small if every else SIZES + chance.sample(small, 20):
        yield size, chance.choices(range(1, 101), k=4), None
    for quality in range(1, 101) if every else (1, 2, 10, 24, 25, 49, 50, 51, 75, 91, 98, 99, 100):
        for size in ((45, 70), (288, 200), (111, 128))[: 3 if every else 1]:
            yield size, [quality] * 4, None
    for i in range(200 if every else 6):
        size = chance.randint(1, 300 if every else 50), chance.randint(1, 400)
        tables = (draw(i % 3 + 1, 8, 8, seed=i).pow((1, 8)[i % 2]) * 255 + 1).long()  # every other time mostly 1
        yield from ((size, [None] * 4, tables), (size, [1, 40, 60, 100], tables), (size, chance.choices(range(1, 101), k=4), None))


@modes
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["some", "every"])
def test_every_picture_equals_pillows(channels, subsampling, every):
    count = 0
    for size, qualities, tables in cases(every):
        x = batch(*size, channels, seed=count)
        got = jpeg(x, qualities, subsampling=subsampling, tables=tables)
        for kind, quality, one, mine in zip(KINDS, qualities, x, got, strict=True):
            assert torch.equal(mine, saved(one, quality, subsampling, tables)[0]), (size, kind, quality, tables)
            count += 1
    print(count, "pictures compared")


@pytest.mark.parametrize("subsampling", FACTORS)
def test_opencv_says_the_same(subsampling):
    factor = getattr(cv2, "IMWRITE_JPEG_SAMPLING_FACTOR_" + subsampling.replace(":", ""))
    for quality, kind in zip((1, 30, 75, 100), KINDS, strict=True):
        levels = picture(kind, 37, 59)
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
        file = cv2.imencode(".jpg", levels.permute(1, 2, 0).numpy()[..., ::-1], options)[1]
        want = torch.from_numpy(cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].copy()).permute(2, 0, 1)
        assert torch.equal(jpeg(levels[None].float() / 255, quality, subsampling=subsampling)[0], want.float() / 255)


# However it is called


def test_the_input_is_rounded_and_left_alone():
    for x in (draw(2, 3, 19, 23), draw(2, 3, 19, 23).float(), draw(1, 1, 19, 23).float().expand(2, 3, 19, 23)):
        before = x.clone()
        got = jpeg(x, 60)
        assert torch.equal(x, before) and got.dtype == x.dtype and got.device == x.device and got.shape == x.shape
        assert all(torch.equal(mine, saved(one, 60)[0]) for one, mine in zip(x, got, strict=True))


def save(x):
    return jpeg(x, [1, 90, 50, 100])


@contextlib.contextmanager
def medium():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


INSIDE = {"autocast": lambda: torch.autocast("cpu", torch.bfloat16), "medium": medium}
CALLS = {
    "channels last": lambda x: save(x.contiguous(memory_format=torch.channels_last)),
    "strided": lambda x: save(x.repeat_interleave(2, 3).mT.contiguous()[:, :, ::2].mT),
    "double": lambda x: save(x.double()).float(),
    "one by one": lambda x: torch.cat([jpeg(x[:1], 1), jpeg(x[1:2], 90), jpeg(x[2:], torch.tensor([50, 100]))]),
    "checkpoint": lambda x: checkpoint(save, x, use_reentrant=False),
    "reentrant checkpoint": lambda x: checkpoint(save, x, use_reentrant=True),
}


@pytest.mark.parametrize("name", [*INSIDE, *CALLS])
def test_the_same_bits_and_gradient_however_it_is_called(name):
    x, y, g = batch(35, 42).requires_grad_(), batch(35, 42).requires_grad_(), draw(4, 3, 35, 42, seed=1).float() - 0.5
    want = save(x)
    want.backward(g)
    with INSIDE.get(name, contextlib.nullcontext)():
        got = CALLS.get(name, save)(y)
        got.backward(g)
        assert codec._work(y) == (torch.float64 if name == "medium" else torch.float32)  # few CPUs show a float32 product's harm
    assert torch.equal(got, want)
    assert (y.grad - x.grad).abs().max() < (0.02 if name == "medium" else 1e-4) * x.grad.abs().max()


@pytest.mark.gpu
@modes
@pytest.mark.parametrize("tf32", [True, False])
def test_the_same_bits_on_a_gpu(channels, subsampling, tf32, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", tf32)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
    for size in (*SIZES, (200, 311)):
        x = batch(*size, channels)
        got = jpeg(x.cuda(), [1, 30, 75, 100], subsampling=subsampling)
        assert got.is_cuda and torch.equal(got.cpu(), jpeg(x, [1, 30, 75, 100], subsampling=subsampling))


# Backward: the linear parts


def shrunk(plane, shared):
    height, width = plane.shape[2:]
    plane = F.pad(plane, (0, -width % (8 * shared[1]), 0, -height % shared[0]), mode="replicate")
    plane = F.avg_pool2d(plane, shared)
    return F.pad(plane, (0, 0, 0, -plane.shape[2] % 8), mode="replicate")


def grown(plane, size, shared):
    plane = plane[:, :, : math.ceil(size[0] / shared[0]), : math.ceil(size[1] / shared[1])]
    how = dict(mode="bilinear", align_corners=False) if plane.shape[3] > 2 else dict(mode="nearest")
    return F.interpolate(plane, scale_factor=shared, **how)[:, :, : size[0], : size[1]]


@pytest.mark.parametrize("shared", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("size", SIZES)
def test_resampling_and_its_transpose(size, shared):
    x = draw(2, 2, *size, low=-128, high=127).round().requires_grad_()
    small = shrunk(x, shared)
    assert (lib.shrink(x.detach(), shared) - small).abs().max() < 1
    g = draw(*small.shape, seed=1)
    assert torch.allclose(lib.shrink_back(g.clone(), size, shared), torch.autograd.grad(small, x, g)[0], atol=1e-12)
    small = small.detach().round().requires_grad_()
    large = grown(small, size, shared)
    assert (lib.grow(small.detach(), size, shared) - large).abs().max() < 1
    g = draw(*large.shape, seed=2)
    assert torch.allclose(lib.grow_back(g.clone(), small.shape, shared), torch.autograd.grad(large, small, g)[0], atol=1e-12)


def test_colour_and_dct_and_their_transposes():
    x, y = draw(2, 3, 16, 24, low=-1), draw(2, 3, 16, 24, seed=1, low=-1)
    assert torch.allclose((lib.dct(x, lib.DCT) * y).sum(), (x * lib.dct(y, lib.DCT.T)).sum(), rtol=1e-12)
    assert np.allclose(lib.dct(x, lib.DCT)[1, 2, 8:, 16:], dctn(x[1, 2, 8:, 16:].numpy(), norm="ortho"), atol=1e-3)
    for matrix in (lib.TO_YCC, lib.TO_RGB):
        from_x, to_y = x[:, : matrix.shape[1]], y[:, : matrix.shape[0]]
        assert torch.allclose((lib.mix(matrix, from_x) * to_y).sum(), (from_x * lib.mix(matrix.T, to_y)).sum(), rtol=1e-12)


# Backward: the whole


def whole(v, weight=1.0):
    """round(v), with `weight` for its derivative."""
    return v.round().detach() + weight * (v - v.detach())


def model(x, quality, subsampling, surrogate):
    """A JPEG in floating point, rounded where files hold whole numbers: the image, and all that was clipped beyond +-127.5."""
    planes, clipped, tables = [], [], saved(x[0].detach(), quality)[1]
    ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=x.dtype)
    rgb = torch.tensor([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], dtype=x.dtype)
    basis = torch.from_numpy(dct(np.eye(8), axis=0, norm="ortho"))
    levels = whole(x * 255) - 128
    coded = whole(torch.einsum("ij,njhw->nihw", ycc, levels)) if x.shape[1] == 3 else levels
    for i, plane in enumerate(coded.split(1, 1)):
        shared, step = FACTORS[subsampling] if i else (1, 1), torch.tensor(tables[min(i, 1)], dtype=x.dtype).view(8, 1, 8)
        blocks = whole(shrunk(plane, shared)).unflatten(3, (-1, 8)).unflatten(2, (-1, 8))
        v = torch.einsum("ai,nchiwj,bj->nchawb", basis, blocks, basis) / step
        weight = 1.0 if surrogate == "straight-through" else codec._weight(v.detach(), step, surrogate, 5.0)
        plane = whole(torch.einsum("ai,nchawb,bj->nchiwj", basis, whole(v, weight) * step, basis).flatten(4).flatten(2, 3))
        clipped.append(plane[:, :, : x.shape[2], : x.shape[3]] + 0.5)
        planes.append(grown(plane.clamp(-128, 127), x.shape[2:], shared))
    out = torch.cat(planes, 1)
    if x.shape[1] == 3:
        out = torch.einsum("ij,njhw->nihw", rgb, out)
        clipped.append(out + 0.5)
    return (out.clamp(-128, 127) + 128) / 255, [part.detach().abs() for part in clipped]


def wrong(x, g, out, quality, subsampling, surrogate):
    """How far jpeg's gradient is from that of the model's `out`, relatively."""
    want = torch.autograd.grad(out, x, g)[0]
    got = torch.autograd.grad(jpeg(x, quality, subsampling=subsampling, surrogate=surrogate, scale=5.0), x, g)[0]
    return (got - want).norm() / want.norm()


@modes
@pytest.mark.parametrize("surrogate", ["straight-through", "cauchy", "polynomial"])
@pytest.mark.parametrize("size", [(9, 3), (21, 34), (47, 33)])
def test_the_gradient_is_that_of_a_float_jpeg(channels, subsampling, surrogate, size):
    x = draw(2, channels, 24, 17, seed=3, low=0.4, high=0.6)
    x = F.interpolate(x, scale_factor=2)[:, :, : size[0], : size[1]].requires_grad_()  # chroma means are whole: rounded the same way
    out, clipped = model(x, 50, subsampling, surrogate)
    assert max(part.max() for part in clipped) < 120, "nothing is to be clipped here"
    assert wrong(x, draw(*x.shape) - 0.5, out, 50, subsampling, surrogate) < (1e-4 if surrogate == "straight-through" else 0.06)


@pytest.mark.parametrize("channels", [1, 3])
def test_no_gradient_where_a_value_was_clipped(channels):
    x = (draw(1, channels, 32, 40) * 4 - 1.5).clamp(0, 1).requires_grad_()
    out, clipped = model(x, 25, "4:4:4", "straight-through")
    off = (out - jpeg(x, 25, subsampling="4:4:4")).detach().abs().amax(1, keepdim=True)
    clear = F.interpolate(F.max_pool2d(off, 8), scale_factor=8) < 2 / 255  # no coefficient of the block was rounded the other way
    clear &= ((torch.cat(clipped, 1) - 127.5).abs() > 2.5).all(1, keepdim=True)  # and a rounding more or less clips the same
    assert clear.double().mean() > 0.2 and all((clear & (part > 127.5)).double().mean() > 0.05 for part in clipped[::3])
    assert wrong(x, (draw(*x.shape) - 0.5) * clear, out, 25, "4:4:4", "straight-through") < 1e-4


@pytest.mark.parametrize("scale", [0.5, 4.0, 16.0])
def test_the_weights_are_derivatives_of_a_mean_and_of_soft_rounding(scale):
    v, step, half = draw(40, low=-3, high=3), torch.tensor(20.0, dtype=torch.float64), np.arange(-4000, 4000) + 0.5

    def mean(v):  # E[round(v + n)], n Cauchy: round(u) counts the halves between 0 and u
        return (cauchy.sf((half - v) * 20 / scale) - (half < 0)).sum()

    slope = [(mean(one + 1e-4) - mean(one - 1e-4)) / 2e-4 for one in v.tolist()]
    assert np.allclose(codec._weight(v, step, "cauchy", scale), slope, rtol=1e-3, atol=1e-3)
    assert abs(codec._weight(torch.arange(0, 1, 1e-3, dtype=v.dtype), step, "cauchy", scale).mean() - 1) < 1e-9
    v.requires_grad_()
    soft = v.detach().round() + (v - v.detach().round()) ** 3
    assert torch.allclose(codec._weight(v.detach(), step, "polynomial", scale), torch.autograd.grad(soft.sum(), v)[0])


@modes
def test_the_other_surrogates(channels, subsampling):
    x, g = draw(2, channels, 19, 26, low=0.2, high=0.8).float().requires_grad_(), draw(2, channels, 19, 26, seed=1).float()
    out = {name: jpeg(x, 30, subsampling=subsampling, surrogate=name, scale=1e4) for name in codec.SURROGATES}
    assert all(torch.equal(one, out["none"]) for one in out.values()) and not out.pop("none").requires_grad
    slope = {name: torch.autograd.grad(one, x, g)[0] for name, one in out.items()}
    assert torch.equal(slope["identity"], g)
    assert (slope["cauchy"] - slope["straight-through"]).norm() < 1e-3 * slope["cauchy"].norm(), "a large scale tends there"


@pytest.mark.parametrize("surrogate", ["cauchy", "identity"])
def test_a_second_derivative_is_refused(surrogate):
    x = draw(1, 3, 8, 8).requires_grad_()
    (slope,) = torch.autograd.grad(jpeg(x, 50, surrogate=surrogate).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


# JPEG-Mask


@pytest.mark.parametrize("size", [(16, 16), (8, 24), (13, 22), (1, 1)])
def test_mask_against_scipy(size):
    x = draw(2, 3, *size)
    for one, got in zip(x.numpy(), jpeg_mask(x).numpy(), strict=True):
        r, g, b = np.pad(one, ((0, 0), (0, -size[0] % 8), (0, -size[1] % 8)))
        planes = [0.299 * r + 0.587 * g + 0.114 * b, -0.1687 * r - 0.3313 * g + 0.5 * b, 0.5 * r - 0.4187 * g - 0.0813 * b]
        for plane, kept in zip(planes, (5, 3, 3), strict=True):
            for at in np.ndindex(r.shape[0] // 8, r.shape[1] // 8):
                block = plane[8 * at[0] : 8 * at[0] + 8, 8 * at[1] : 8 * at[1] + 8]
                block[:] = idctn(np.pad(dctn(block, norm="ortho")[:kept, :kept], (0, 8 - kept)), norm="ortho")
        y, u, v = planes
        want = np.stack([y + 1.40198758 * v, y - 0.344113281 * u - 0.714103821 * v, y + 1.77197812 * u])
        assert np.allclose(got, want.clip(0, 1)[:, : size[0], : size[1]], atol=1e-6)


def test_mask_gradient():
    x = draw(1, 3, 8, 10, low=0.45, high=0.55).requires_grad_()
    inside = jpeg_mask(x)[..., :8]  # the rest of the second block is black, which may clip
    assert inside.min() > 0 and inside.max() < 1 and torch.autograd.gradcheck(lambda x: jpeg_mask(x)[..., :8], x)


# Bad input

PHOTO, ONES = torch.full((2, 3, 8, 8), 0.5), torch.ones(2, 8, 8, dtype=torch.long)
BAD = dict(
    quality=[0, 101, 50.5, True, "75", None, [75], [75] * 3, [75, 0], torch.tensor([0, 75])],
    images=[PHOTO.byte(), PHOTO * 255, PHOTO - 1, PHOTO * math.nan, PHOTO[:0], PHOTO[..., :0], PHOTO[:, :1, :0], PHOTO[:, :2], PHOTO[0]],
    subsampling=["4:1:1", "420", None],
    surrogate=["hard", None],
    scale=[0, -1, math.inf, math.nan, "4", None],
    tables=[ONES * 0, ONES * 256, ONES.float(), ONES[0], ONES[:, :7], ONES.repeat(2, 1, 1), ONES[:0]],
)


@pytest.mark.parametrize(("word", "bad"), [(word, bad) for word, values in BAD.items() for bad in values])
def test_bad_input_gets_one_line(word, bad):
    with pytest.raises(ValueError, match=word) as error:
        jpeg(**dict(images=PHOTO, quality=75) | {word: bad})
    assert "\n" not in str(error.value) and len(str(error.value)) < 200
    if word == "images":
        with pytest.raises(ValueError, match=word):
            jpeg_mask(bad)
