"""Spectra on perturbations whose frequency, colour and fate are known."""

import math

import pytest
import torch

from reproduce.measure import spectrum


def wave(cycles, colour=(1, 1, 1), size=64, amplitude=8 / 255):
    """A horizontal wave of `cycles` a pixel in one colour, (1, 3, size, size)."""
    line = amplitude * torch.cos(2 * math.pi * cycles * torch.arange(size))
    return torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1) * line.expand(1, 1, size, size)


@pytest.mark.parametrize(("cycles", "band"), [(1 / 64, 0), (3 / 64, 1), (5 / 64, 2), (6 / 64, 2), (12 / 64, 3), (24 / 64, 4)])
def test_a_wave_lies_in_its_band(cycles, band):
    share = spectrum.energy(wave(cycles))
    assert share["brightness", spectrum.NAMES[band]].item() == pytest.approx(1, abs=1e-5)
    assert sum(share[kind, name].item() for kind in ("brightness", "colour") for name in spectrum.NAMES) == pytest.approx(1, abs=1e-5)
    assert share["all", spectrum.NAMES[band]].item() == pytest.approx(1, abs=1e-5) and share["all", "all"].item() == pytest.approx(1)


def test_colour_is_told_from_brightness():
    opponent = wave(6 / 64, colour=(0.5, -0.3, 0.2))  # as near to no luma as these weights come
    luma = 0.299 * 0.5 - 0.587 * 0.3 + 0.114 * 0.2
    assert abs(luma) < 0.01
    share = spectrum.energy(opponent)
    assert share["colour", "1/16 to 1/8"].item() > 0.99


def test_white_noise_is_spread_by_area():
    noise = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    share = spectrum.energy(noise)
    fine = share["brightness", "above 1/4"] + share["colour", "above 1/4"]
    assert fine.mean().item() == pytest.approx(1 - math.pi / 16, abs=0.02)  # the square less the disc of radius 1/4
    plain = share["brightness", "all"].mean().item()
    assert plain == pytest.approx(1 / 3, abs=0.02)  # one plane of three, each as loud
    assert spectrum.energy(torch.zeros(1, 3, 64, 64))["colour", "above 1/4"].item() == 0


def test_survival_of_what_is_kept_halved_and_replaced():
    clean = torch.full((1, 3, 64, 64), 0.5)
    low, high = wave(2 / 64).roll(3, 3), wave(24 / 64).roll(1, 3)  # out of phase with the transform's own cosine
    moved, halved = clean + low + high, clean + low + high / 2
    left = spectrum.survival(clean, moved, clean, halved)
    assert left["brightness", "1/32 to 1/16"][0].item() == pytest.approx(1, abs=1e-4)
    assert left["brightness", "above 1/4"][0].item() == pytest.approx(0.5, abs=1e-4)
    assert left["brightness", "above 1/4"][1:] == (pytest.approx(0.25, abs=1e-4),) * 2
    assert left["brightness", "all"][0].item() == pytest.approx(0.75, abs=1e-4)
    assert left["brightness", "all"][1].item() == pytest.approx((1 + 0.25) / 2, abs=1e-4)  # of each band its own part, squared
    shifted = high.roll(2, 3)  # a quarter of a cycle and more: other energy at the same frequency
    other = spectrum.survival(clean, clean + high, clean, clean + shifted)
    turned = math.cos(2 * math.pi * 24 / 64 * 2)
    assert [one.item() for one in other["brightness", "all"]] == pytest.approx([turned, turned**2, 1], abs=1e-4)


def test_all_channels_weigh_by_their_energy():
    """Brightness stays whole, colour of twice the amplitude loses half of it: amplitude and energy left are means over energy."""
    clean, colour = torch.full((1, 3, 64, 64), 0.5), wave(12 / 64, colour=(0.5, -0.3, 0.2), amplitude=16 / 255)
    grey = wave(6 / 64, amplitude=4 / 255)
    share = spectrum.energy(grey + colour)
    weight = share["colour", "all"].item()
    assert 0.5 < weight < 0.95 and weight + share["brightness", "all"].item() == pytest.approx(1)
    assert share["all", "1/8 to 1/4"].item() == pytest.approx(weight, abs=0.01)
    left = spectrum.survival(clean, clean + grey + colour, clean, clean + grey + colour / 2)
    assert left["all", "all"][0].item() == pytest.approx(1 - weight / 2, abs=0.01)
    assert left["all", "all"][1].item() == pytest.approx(1 - weight * 3 / 4, abs=0.01)
    assert left["all", "all"][2].item() == pytest.approx(1 - weight * 3 / 4, abs=0.01)
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 4 / 255
    added = spectrum.survival(clean, clean + grey + colour, clean, clean + noise)["all", "all"]
    assert added[1].item() < 0.05 and added[2].item() > 0.2  # what the file put there is no part of the perturbation


def test_outside_mask_by_block_frequency():
    """Cosines of one 8x8 block frequency: 4 is the last that the mask keeps of Y, 2 of colour."""
    at = torch.arange(64) % 8
    for k, colour, outside in [(4, (1, 1, 1), 0), (5, (1, 1, 1), 1)]:
        line = 0.03 * torch.cos(math.pi * k * (2 * at + 1) / 16)
        block = torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1) * line.expand(1, 1, 64, 64)
        assert spectrum.outside_mask(block).item() == pytest.approx(outside, abs=1e-3)
    noise = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert 1 - 25 / 64 < spectrum.outside_mask(noise).mean().item() < 1 - 9 / 64


def test_survival_refuses_what_is_no_image():
    good = torch.rand(1, 3, 16, 16)
    with pytest.raises(ValueError, match="0, 1"):
        spectrum.survival(good, good * 255, good, good)
