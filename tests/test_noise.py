"""Random noise: its bound, its distribution, and that matched noise has the norm it claims, as stored."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reproduce import images as pixels
from reproduce import rng
from reproduce.papers import photoguard as paper
from reproduce.protect.noise import matched, uniform


def photos(count=2, side=32, seed=0):
    return pixels.quantise(torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)))


def norm(a, b):
    return (pixels.levels(a).double() - pixels.levels(b).double()).flatten(1).norm(dim=1)


def generators(count=2, seed=0):
    return [rng.generator(seed, i) for i in range(count)]


@pytest.mark.parametrize("name", paper.NOISE)
def test_uniform_noise_fills_its_bound_evenly(name):
    eps = paper.NOISE[name].eps
    x = torch.full((2, 3, 64, 64), 0.5)
    got = uniform(x, None, settings=paper.NOISE[name], generator=generators())
    moved = (pixels.levels(got).int() - pixels.levels(x).int()).double()
    assert moved.abs().max() == int(eps) and abs(moved.mean()) < 0.15
    assert abs(moved.std() - eps / 3**0.5) < 0.25
    counts = torch.bincount(moved.flatten().long() + int(eps), minlength=2 * int(eps) + 1)[1:-1]
    assert counts.min() > 0.8 * counts.float().mean() and counts.max() < 1.2 * counts.float().mean()


def test_uniform_noise_is_seeded_per_image_and_confined_by_a_mask():
    x = photos()
    settings_ = paper.NOISE["equal"]
    got = uniform(x, None, settings=settings_, generator=generators())
    assert torch.equal(got[1:], uniform(x[1:], None, settings=settings_, generator=rng.generator(0, 1)))
    assert not torch.equal(got, uniform(x, None, settings=settings_, generator=generators(seed=1)))
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :16] = 1
    confined = uniform(x, None, settings=settings_, generator=generators(), mask=mask)
    assert torch.equal(confined[..., :16], got[..., :16]) and torch.equal(confined[..., 16:], x[..., 16:])


@pytest.mark.parametrize("eps", [1, 2, 8, 16, 60])
def test_matched_noise_has_the_references_norm_within_one_percent(eps):
    x = photos()
    sign = torch.randn(x.shape, generator=torch.Generator().manual_seed(5)).sign()
    reference = (x + sign * eps / 255).clamp(0, 1)
    reference[1] = (x[1] + sign[1] / 255).clamp(0, 1)  # another norm for the second image
    got = matched(x, reference, generators())
    target = norm(reference, x)
    assert (norm(got, x) <= target).all() and (norm(got, x) >= 0.99 * target).all()
    assert torch.equal(got, pixels.quantise(got))
    cosine = torch.nn.functional.cosine_similarity((got - x).flatten(1), (reference - x).flatten(1))
    assert (cosine.abs() < 0.1).all()  # of that size, not in that direction


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), share=st.floats(0.01, 1), level=st.sampled_from([0, 3, 128, 255]))
def test_matched_noise_stays_in_range_and_below(seed, share, level):
    x = torch.full((1, 3, 16, 16), level / 255)
    moved = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) < share
    reference = torch.where(moved, (x * 255 + (8 if level < 128 else -8)) / 255, x)
    got, target = matched(x, reference, rng.generator(seed)), norm(reference, x)
    pixels.check(got)
    assert norm(got, x) <= target and norm(got, x) >= 0.97 * target - 1


def test_no_change_is_matched_by_no_change_and_shapes_must_agree():
    x = photos()
    assert torch.equal(matched(x, x, generators()), x)
    with pytest.raises(ValueError, match="reference"):
        matched(x, x[:1], generators())
    with pytest.raises(ValueError, match="one per image"):
        matched(x, x, rng.generator(0))


def test_matched_noise_keeps_to_the_mask():
    x = photos(2)
    mask = torch.zeros(2, 1, *x.shape[2:])
    mask[:, :, : x.shape[2] // 2] = 1
    reference = pixels.quantise((x + 0.05 * mask).clamp(0, 1))
    got = matched(x, reference, generators(), mask=mask)
    assert torch.equal(got[:, :, x.shape[2] // 2 :], pixels.quantise(x)[:, :, x.shape[2] // 2 :])
    torch.testing.assert_close(norm(got, x), norm(reference, x), rtol=0.01, atol=0)
