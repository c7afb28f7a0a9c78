"""JPEG against Pillow called by hand on the same bytes; gradients, draws and chains against the same done step by step."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter
from scipy import ndimage

from reproduce import degrade, images, jpeg, rng


def photo(seed, height=24, width=40):
    coarse = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def oracle(image, quality, chroma):
    file = io.BytesIO()
    array = np.rint(image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    Image.fromarray(array).save(file, "JPEG", quality=quality, subsampling=chroma)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


@pytest.mark.parametrize(("name", "number"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_every_quality_equals_pillow(name, number):
    image = photo(0)
    for quality in (1, 5, 50, 75, 95, 100):
        got = degrade.jpeg(image, quality, subsampling=name)
        assert torch.equal(images.levels(got)[0], oracle(image[0], quality, number))


def test_default_subsampling_is_420_and_it_matters():
    image = photo(1)
    assert torch.equal(degrade.jpeg(image, 75), degrade.jpeg(image, 75, subsampling="4:2:0"))
    assert not torch.equal(degrade.jpeg(image, 75), degrade.jpeg(image, 75, subsampling="4:4:4"))


def test_output_is_8_bit_and_none_only_rounds():
    image = photo(2)
    assert torch.equal(degrade.jpeg(image, None), images.quantise(image))
    got = degrade.jpeg(image, 30)
    assert torch.equal(got, images.quantise(got)) and got.dtype == image.dtype
    assert degrade.jpeg(image.double(), 30).dtype == torch.float64


@pytest.mark.parametrize("form", [list, tuple, torch.tensor, np.array])
def test_one_quality_per_image(form):
    batch = torch.cat([photo(i) for i in range(3)])
    got = degrade.jpeg(batch, form([5, 50, 95]))
    for i, quality in enumerate((5, 50, 95)):
        assert torch.equal(got[i : i + 1], degrade.jpeg(batch[i : i + 1], quality))
    mixed, plain = degrade.jpeg(batch, [None, 5, None]), images.quantise(batch)
    assert torch.equal(mixed[0], plain[0]) and not torch.equal(mixed[1], plain[1])


def test_lower_quality_is_further_away():
    image = photo(3, 64, 64)
    error = [(degrade.jpeg(image, quality) - image).square().mean() for quality in (5, 25, 50, 75, 95)]
    assert all(a > b for a, b in zip(error, error[1:], strict=False))


BAD = [0, 101, -5, 50.5, 50.0, True, "75", [75], [75, 75, 75], [75, 0], torch.tensor([75.0, 75.0])]


@pytest.mark.parametrize("bad", BAD)
def test_bad_quality_is_refused_in_one_line(bad):
    with pytest.raises(ValueError, match="quality") as error:
        degrade.jpeg(torch.rand(2, 3, 8, 8), bad)
    assert "\n" not in str(error.value)


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="subsampling"):
        degrade.jpeg(photo(0), 75, subsampling="4:1:1")
    with pytest.raises(ValueError, match="images"):
        degrade.jpeg(torch.rand(3, 8, 8), 75)


# Gradients, draws and chains


def slope(function, x, seed=9):
    x = x.clone().requires_grad_()
    out = function(x)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed))
    return out.detach(), torch.autograd.grad(out, x, weights)[0], weights


def test_no_jpeg_counts_as_the_identity_backward():
    batch = torch.cat([photo(i) for i in range(3)])
    plain, through, weights = slope(lambda x: degrade.jpeg(x, None), batch)
    assert torch.equal(plain, images.quantise(batch)) and torch.equal(through, weights)
    _, mixed, weights = slope(lambda x: degrade.jpeg(x, [None, 40, None], surrogate="polynomial"), batch)
    _, filed, _ = slope(lambda x: degrade.jpeg(x, 40, surrogate="polynomial"), batch)
    assert torch.equal(mixed[::2], weights[::2]) and torch.equal(mixed[1], filed[1]) and not torch.equal(mixed[1], weights[1])


def test_options_reach_the_codec():
    batch = photo(4)
    for options in (dict(surrogate="identity"), dict(scale=0.3), dict(subsampling="4:4:4"), dict(surrogate="straight-through")):
        got, want = (slope(lambda x, call=call, o=options: call(x, 40, **o), batch) for call in (degrade.jpeg, jpeg.jpeg))
        assert torch.equal(got[0], want[0]) and torch.equal(got[1], want[1])
        assert not torch.equal(got[1], slope(lambda x: degrade.jpeg(x, 40), batch)[1])


def test_jpeg_file_is_pillow():
    batch = torch.cat([photo(i) for i in range(2)])
    for name, number in (("4:4:4", 0), ("4:2:0", 2)):
        got = images.levels(degrade.jpeg_file(batch, 20, name))
        assert torch.equal(got, torch.stack([oracle(one, 20, number) for one in batch]))


def generators(count, seed=0):
    return [rng.generator(seed, "jpeg", i) for i in range(count)]


def drawn(monkeypatch, lowest, highest, generator, count, calls):
    """The qualities that random_jpeg asks for, one list a call."""
    asked = []
    monkeypatch.setattr(degrade, "jpeg", lambda x, quality, **options: asked.append(quality) or x)
    function = degrade.random_jpeg(lowest, highest, generator)
    for _ in range(calls):
        function(torch.zeros(count, 3, 1, 1))
    return asked


def test_random_qualities_cover_the_range_anew_for_each_image_and_call(monkeypatch):
    asked = drawn(monkeypatch, 30, 34, generators(3), 3, 60)
    each = list(zip(*asked, strict=True))
    assert [set(one) for one in each] == [set(range(30, 35))] * 3 and len(set(each)) == 3
    assert drawn(monkeypatch, 30, 34, generators(3), 3, 60) == asked
    alone = drawn(monkeypatch, 30, 34, generators(3)[1], 1, 60)
    assert [one for [one] in alone] == list(each[1]), "an image's draws do not depend on its batch"
    assert drawn(monkeypatch, 7, 7, generators(2), 2, 2) == [[7, 7], [7, 7]]


def test_random_jpeg_saves_with_its_options():
    batch = torch.cat([photo(i) for i in range(2)])
    got = slope(degrade.random_jpeg(20, 20, generators(2), subsampling="4:4:4", surrogate="identity"), batch)
    assert torch.equal(got[0], degrade.jpeg(batch, 20, subsampling="4:4:4")) and torch.equal(got[1], got[2])


@pytest.mark.parametrize(("lowest", "highest"), [(60, 40), (0, 50), (50, 101), (50, None), (50.5, 60)])
def test_bad_ranges_are_refused_in_one_line(lowest, highest):
    with pytest.raises(ValueError, match="quality") as error:
        degrade.random_jpeg(lowest, highest, generators(1))
    assert "\n" not in str(error.value)


def test_too_few_generators_are_refused():
    with pytest.raises(ValueError, match="generator"):
        degrade.random_jpeg(40, 60, generators(1))(torch.rand(2, 3, 8, 8))


def test_a_chain_goes_one_after_the_other_and_back():
    batch = photo(5)
    first, second = (lambda x: degrade.jpeg(x, 30)), (lambda x: degrade.jpeg(x, 80, subsampling="4:4:4"))
    got, through, weights = slope(degrade.chain(first, second), batch)
    middle = degrade.jpeg(batch, 30)
    assert torch.equal(got, second(middle)) and not torch.equal(got, first(second(batch)))
    later = torch.autograd.grad(second(middle.requires_grad_()), middle, weights)[0]
    x = batch.clone().requires_grad_()
    assert torch.equal(through, torch.autograd.grad(first(x), x, later)[0])
    assert torch.equal(degrade.chain()(batch), batch)


def test_noise_is_gaussian_of_its_deviation_and_each_pictures_own():
    image = torch.full((2, 3, 64, 64), 0.5)
    draws = [rng.generator(0, i) for i in range(2)]
    got = degrade.noise(image, 12.75, draws)
    assert torch.equal(got[1], 0.5 + 0.05 * torch.randn(3, 64, 64, generator=rng.generator(0, 1)))
    assert got.std() == pytest.approx(0.05, rel=0.02) and not torch.equal(got[0], got[1])
    bright = degrade.noise(image * 0 + 1, 25, [rng.generator(0, i) for i in range(2)])
    assert bright.max() == 1 and bright.min() < 0.8


@pytest.mark.parametrize(("sigma", "taps"), [((2.0, 0.1), 3), ((0.05, 0.05), 3), ((2.0, 2.0), 7), ((0.7, 3.0), 9)])
@pytest.mark.parametrize("size", [(24, 40), (5, 3), (1, 1)])
def test_blur_is_opencvs(sigma, taps, size):
    image = images.quantise(photo(4, *size))
    down, across = sigma
    array = np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())
    border = cv2.BORDER_REFLECT_101 if min(size) > taps // 2 else cv2.BORDER_DEFAULT
    want = cv2.GaussianBlur(array, (taps, taps), sigmaX=across, sigmaY=down, borderType=border)
    got = degrade.blur(image, sigma, taps)
    assert np.abs(got[0].permute(1, 2, 0).numpy() - want).max() < 1e-5
    stored = cv2.GaussianBlur(images.levels(image)[0].permute(1, 2, 0).contiguous().numpy(), (taps, taps), sigmaX=across, sigmaY=down)
    assert np.abs(images.levels(got)[0].permute(1, 2, 0).numpy().astype(int) - stored).max() <= 1  # as the script has it, on files


def test_gap_diffs_blur_runs_down_the_columns():
    dot = torch.zeros(1, 3, 5, 5)
    dot[..., 2, 2] = 1
    got = degrade.blur(dot, (2.0, 0.1), 3)[0, 0]
    assert got[:, 2].tolist() == pytest.approx([0, 0.319, 0.362, 0.319, 0], abs=1e-3) and got.sum(0)[[0, 1, 3, 4]].max() < 1e-6


def test_fewer_values_are_cut_down_or_rounded():
    ramp = torch.arange(256).view(1, 1, 1, 256).expand(1, 3, 1, 256) / 255
    cut = degrade.quantise(ramp, 64, floor=True)
    script = np.floor(ramp.numpy().astype(np.float32) * 64) / 64
    assert np.array_equal(cut.numpy(), script)
    assert len(degrade.quantise(ramp, 64).unique()) == 64
    assert (degrade.quantise(ramp, 64) - ramp).abs().max() <= 0.5 / 63 + 1e-6 and (ramp - cut).min() >= 0
    assert (ramp - cut).mean() == pytest.approx(0.5 / 64, rel=0.1) and abs((ramp - degrade.quantise(ramp, 64)).mean()) < 1e-3


@pytest.mark.parametrize("size", [(24, 40), (13, 9), (1, 1)])
def test_resizing_is_opencvs_and_back(size):
    image = photo(5, *size)
    array = image[0].permute(1, 2, 0).numpy()
    small = cv2.resize(array, (max(1, round(size[1] / 2)), max(1, round(size[0] / 2))), interpolation=cv2.INTER_LINEAR)
    want = cv2.resize(small, size[::-1], interpolation=cv2.INTER_LINEAR).reshape(*size, 3)
    got = degrade.resize(image, 0.5)[0].permute(1, 2, 0).numpy()
    assert np.abs(got - want).max() < 2e-3  # OpenCV weighs by 11 bits


def test_antialiasing_takes_what_a_small_picture_cannot_hold():
    stripes = (torch.arange(64) % 3 == 0).float().expand(1, 3, 64, 64)
    assert degrade.resize(stripes, 0.5, "bicubic", True).std() < 0.5 * degrade.resize(stripes, 0.5).std()
    got = degrade.resize(photo(6, 32, 32).round(), 0.5, "bicubic", True)
    assert got.min() >= 0 and got.max() <= 1  # bicubic overshoots


def test_crop_is_the_middle_enlarged():
    image = photo(7, 16, 24)
    inner = image[:, :, 1:15, 1:22]
    want = torch.nn.functional.interpolate(inner, (16, 24), mode="bicubic").clamp(0, 1)
    assert torch.equal(degrade.crop(image, 7 / 8), want)
    assert torch.equal(degrade.crop(image, 1), image) and degrade.crop(image[..., :1, :1], 0.5).shape == (1, 3, 1, 1)


@pytest.mark.parametrize("degrees", [5, -5, 30.5, 180])
@pytest.mark.parametrize("size", [(24, 40), (13, 9), (1, 1)])
def test_turning_is_scipys(degrees, size):
    image = photo(8, *size)
    got = degrade.rotate(image, degrees)[0].numpy()
    want = ndimage.rotate(image[0].double().numpy(), degrees, (2, 1), reshape=False, order=1, mode="reflect")
    assert np.abs(got - want).max() < 2e-5
    if size == (24, 40):
        pillows = np.array(images.to_pil(image).rotate(degrees, Image.Resampling.BILINEAR), dtype=int)  # with black borders
        assert np.abs(pillows - np.rint(got.transpose(1, 2, 0) * 255))[8:-8, 14:-14].max() <= 1
    assert degrees == 180 or size == (1, 1) or np.abs(got - image[0].numpy()).mean() > 0.01


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize("size", [(24, 40), (5, 3), (1, 1)])
def test_the_median_is_scipys_and_pillows(side, size):
    image = images.quantise(photo(9, *size))
    got = degrade.median(image, side)
    want = ndimage.median_filter(image[0].numpy(), (1, side, side), mode="mirror")
    assert min(size) <= side // 2 or np.array_equal(got[0].numpy(), want)
    filed = np.array(images.to_pil(image).filter(ImageFilter.MedianFilter(side)))
    inner = (slice(side // 2, size[0] - side // 2), slice(side // 2, size[1] - side // 2))  # Pillow repeats the edge
    assert np.array_equal(images.levels(got)[0].permute(1, 2, 0).numpy()[inner], filed[inner])


def test_the_photo_filter_is_pillows_but_for_rounding():
    image = images.quantise(photo(10, 32, 32))
    picture = images.to_pil(image)

    def levels(*factors):
        return images.levels(degrade.photo_filter(image, *factors))[0].permute(1, 2, 0).numpy().astype(int)

    contrast = ImageEnhance.Contrast(picture).enhance(1.2)
    both = ImageEnhance.Color(contrast).enhance(1.2)
    assert np.abs(levels(1.2, 1, 0) - np.array(contrast)).max() <= 1  # Pillow cuts off after each step
    assert np.abs(levels(1, 1.2, 0) - np.array(ImageEnhance.Color(picture).enhance(1.2))).max() <= 1
    assert np.abs(levels(1.2, 1.2, 0) - np.array(both)).max() <= 3
    warm = (levels(1.2, 1.2, 0) * np.array([1.1, 1, 0.9])).clip(0, 255)
    assert np.abs(levels(1.2, 1.2, 0.1) - warm).max() <= 1.1
    assert np.abs(levels(1.2, 1.2, 0.1) - np.array(picture)).mean() > 8
    assert (degrade.photo_filter(image, 1, 1, 0) - image).abs().max() < 1e-6


DEGRADATIONS = {
    "noise": lambda x: degrade.noise(x, 5, [rng.generator(0)]),
    "blur": lambda x: degrade.blur(x, 1.5, 5),
    "quantise": lambda x: degrade.quantise(x, 16),
    "resize": lambda x: degrade.resize(x, 0.5, "bicubic", True),
    "crop": lambda x: degrade.crop(x, 0.75),
    "rotate": lambda x: degrade.rotate(x, 5),
    "median": lambda x: degrade.median(x, 3),
    "filter": lambda x: degrade.photo_filter(x, 1.1, 1.1, 0.05),
}


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_gradients_pass(name):
    x = (photo(8, 8, 8).double() * 0.8 + 0.1).requires_grad_(True)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    (gradient,) = torch.autograd.grad((DEGRADATIONS[name](x) * direction).sum(), x)
    if name == "quantise":  # straight through
        assert torch.equal(gradient, direction)
        return
    step = 1e-6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    change = ((DEGRADATIONS[name](x + step) - DEGRADATIONS[name](x - step)) * direction).sum() / 2
    assert change.item() == pytest.approx((gradient * step).sum().item(), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: degrade.noise(x, 0, [rng.generator(0)]), "sigma: expected grey levels above 0, got 0"),
        (lambda x: degrade.noise(x, 5, None), "generator: expected one per image"),
        (lambda x: degrade.blur(x, -1, 3), "sigma: expected pixels above 0, got -1"),
        (lambda x: degrade.blur(x, 1, 4), "taps: expected an odd whole number, got 4"),
        (lambda x: degrade.quantise(x, 1), "values: expected a whole number, 2 or more, got 1"),
        (lambda x: degrade.resize(x, 1.5), "share: expected a part of each side"),
        (lambda x: degrade.crop(x, 0), "share: expected a part of each side"),
        (lambda x: degrade.rotate(x, float("inf")), "degrees: expected a number, got inf"),
        (lambda x: degrade.rotate(x, "5"), "degrees: expected a number, got '5'"),
        (lambda x: degrade.median(x, 2), "side: expected an odd whole number, got 2"),
        (lambda x: degrade.photo_filter(x, 0, 1, 0), "contrast: expected a factor above 0, got 0"),
        (lambda x: degrade.photo_filter(x, 1, -1, 0), "saturation: expected a factor above 0, got -1"),
        (lambda x: degrade.photo_filter(x, 1, 1, 2), "warmth: expected a number from -1 to 1, got 2"),
        (lambda x: degrade.crop(x * 3, 0.5), r"images\[0\]: expected values"),
    ],
)
def test_bad_degradations_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call(photo(9))
