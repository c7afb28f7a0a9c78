"""JPEG against Pillow called by hand on the same bytes."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from reproduce import degrade, images


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
