"""What the encoder reads, on a toy whose latents see one block of 8 x 8 pixels each: distances by hand, over all and over the person."""

import math

import pytest
import torch
from toymodel import Toy

from reproduce.measure import MEASURES, latents


@pytest.fixture(scope="module")
def model():
    return Toy()


@pytest.fixture(scope="module")
def pair():
    """Two pictures of 2 x 3 blocks and what they should be."""
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(2, 3, 16, 24, generator=generator)
    return (y + 0.2 * torch.rand(y.shape, generator=generator)).clamp(0, 1), y


def distance(model, x, y, i, blocks):
    """The distance of latents of picture i over some blocks (row, column), a block at a time."""
    total = 0.0
    for row, column in blocks:
        cut = (slice(i, i + 1), slice(None), slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8))
        total += (model.encode(x[cut]).mean - model.encode(y[cut]).mean).square().sum().item()
    return math.sqrt(total)


BLOCKS = [(row, column) for row in range(2) for column in range(3)]


def test_distances_are_in_units_of_the_way_to_grey(model, pair):
    x, y = pair
    grey = torch.full_like(y, 0.5)
    shift, distances = (MEASURES[name].function(x, y, model) for name in ("latent_shift", "grey_distance"))
    for i in range(2):
        whole = distance(model, y, grey, i, BLOCKS)
        assert shift[i].item() == pytest.approx(distance(model, x, y, i, BLOCKS) / whole, rel=1e-5)
        assert distances[i].item() == pytest.approx(distance(model, x, grey, i, BLOCKS) / whole, rel=1e-5)
    assert latents.shift(grey, y, model).tolist() == pytest.approx([1, 1], rel=1e-5) and (latents.shift(y, y, model) == 0).all()
    assert (latents.grey_distance(grey, y, model) == 0).all()


def test_over_the_person_are_the_latents_half_of_whose_pixels_are_the_persons(model, pair):
    x, y = pair
    mask = torch.zeros(2, 1, 16, 24)
    mask[0, :, :8, :8] = 1  # a whole block
    mask[0, :, 8:, 8:12] = 1  # half of one
    mask[0, :, :7, 16:20] = 1  # less than half
    mask[1] = 1
    row = MEASURES["latent_shift_person"]
    assert (row.kind, row.better) == ("person", "lower")
    got, grey = row.function(x, y, mask, model), torch.full_like(y, 0.5)
    for i, blocks in ((0, [(0, 0), (1, 1)]), (1, BLOCKS)):
        assert got[i].item() == pytest.approx(distance(model, x, y, i, blocks) / distance(model, y, grey, i, blocks), rel=1e-5)
    assert got[1].item() == pytest.approx(latents.shift(x, y, model)[1].item(), rel=1e-6)
    outside = x.clone()
    outside[0, :, 8:, :8], outside[0, :, :8, 8:] = 0.0, 1.0  # whatever lies in the other blocks
    assert row.function(outside, y, mask, model)[0] == got[0]
    outside[0, :, 15, 15] = 1 - outside[0, :, 15, 15]  # no pixel of the person's, but one that such a latent sees
    assert row.function(outside, y, mask, model)[0] != got[0]
    assert row.function(x, y, mask * 0, model).isnan().all()
