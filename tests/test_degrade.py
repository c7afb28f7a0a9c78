"""JPEG against Pillow called by hand on the same bytes; gradients, draws and chains against the same done step by step."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

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
