"""Metrics against scikit-image and piq called on one pair; what piq would get wrong; what is refused."""

import numpy as np
import piq
import pytest
import torch
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reproduce import images as pixels
from reproduce.measure import MEASURES, PLAIN, compare, similarity

LEAST = {
    "ssim": 11, "psnr": 1, "vifp": 41, "fsim": 2, "sr-sim": 40, "gmsd": 2, "vsi": 2, "dss": 32, "haarpsi": 16,
    "ssim-sewar": 11,
}  # fmt: skip
PIQ = {
    "ssim": piq.ssim, "psnr": piq.psnr, "vifp": piq.vif_p, "fsim": piq.fsim, "sr-sim": piq.srsim,
    "gmsd": piq.gmsd, "vsi": piq.vsi, "dss": piq.dss, "haarpsi": piq.haarpsi,
}  # fmt: skip


@pytest.fixture(scope="module")
def pair():
    """Three photographs and three kinds of damage, 96 x 112."""
    whole = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None].float() / 255
    y = torch.cat([whole[..., :96, 150:262], whole[..., 200:296, 100:212], whole[..., 300:396, 300:412]])
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    x = y.clone()
    x[0] = y[0] + 0.1 * noise[0]
    x[1] = torch.nn.functional.avg_pool2d(y[1], 3, stride=1, padding=1)
    x[2] = (y[2] + 0.2 * noise[2]) * 0.8
    return pixels.quantise(x.clamp(0, 1)), pixels.quantise(y)


def channels_last(image):
    return image.permute(1, 2, 0).double().numpy()


def test_ssim_sewar_is_the_uniform_window_on_its_valid_region(pair):
    x, y = pair
    got = compare(x, y, ["ssim-sewar"])["ssim-sewar"]
    for i in range(3):
        _, full = structural_similarity(
            channels_last(x[i]), channels_last(y[i]), win_size=11, gaussian_weights=False,
            use_sample_covariance=False, data_range=1, channel_axis=2, full=True,
        )  # fmt: skip
        assert got[i].item() == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


def test_ssim_agrees_with_scikit_image_where_piq_does_not_pool(pair):
    x, y = pair
    got = compare(x, y, ["ssim"])["ssim"]
    for i in range(3):
        oracle = structural_similarity(
            channels_last(x[i]), channels_last(y[i]), gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, data_range=1, channel_axis=2,
        )  # fmt: skip
        assert got[i].item() == pytest.approx(oracle, abs=3e-5)  # float32 in piq; 1e-9 in float64
        both = [z[i : i + 1].double() for z in (x, y)]
        assert piq.ssim(*both).item() == pytest.approx(oracle, abs=1e-9)


def test_psnr_agrees_with_scikit_image_and_stops_at_80_db(pair):
    x, y = pair
    got = compare(x, y, ["psnr"])["psnr"]
    for i in range(3):
        oracle = peak_signal_noise_ratio(channels_last(y[i]), channels_last(x[i]), data_range=1)
        assert got[i].item() == pytest.approx(oracle, abs=1e-4)
    assert compare(y, y, ["psnr"])["psnr"].tolist() == pytest.approx([80] * 3)


@pytest.mark.parametrize("name", PIQ)
def test_each_value_is_piqs_for_that_pair_alone(pair, name):
    x, y = pair
    got = MEASURES[name].function(x, y)
    assert got.shape == (3,) and got.dtype == torch.float64 and not got.requires_grad
    for i in range(3):
        assert got[i].item() == pytest.approx(PIQ[name](x[i : i + 1], y[i : i + 1]).item(), abs=1e-5)


def test_batch_mates_change_nothing_though_they_would_in_piq(pair):
    x, y = pair
    for name, measure in ((name, MEASURES[name]) for name in PLAIN):
        together = measure.function(x, y)
        assert torch.equal(together[[2, 0]], measure.function(x[[2, 0]], y[[2, 0]])), name
    alone = compare(x, y, ["sr-sim"])["sr-sim"]
    batch = piq.srsim(x, y, reduction="none").double().flatten()
    assert (alone - batch).abs().max() > 1e-3  # the reason for going one by one


def test_directions_and_the_value_of_identical_images(pair):
    x, y = pair
    best = {**dict.fromkeys(PLAIN, 1.0), "psnr": 80.0, "gmsd": 0.0}
    same, damaged = compare(y, y), compare(x, y)
    for name, measure in ((name, MEASURES[name]) for name in PLAIN):
        assert same[name].tolist() == pytest.approx([best[name]] * 3, abs=2e-5), name
        worse = damaged[name] < same[name] if measure.better == "higher" else damaged[name] > same[name]
        assert worse.all(), name


def test_vifp_takes_the_edit_of_the_clean_image_second(pair):
    x, y = pair
    forward, backward = MEASURES["vifp"].function(x, y), MEASURES["vifp"].function(y, x)
    assert (forward - backward).abs().min() > 0.01
    # noise added to x carries no information about y, but makes y look like a faithful copy of part of x
    oracle = piq.vif_p(x[:1], y[:1]).item()
    assert forward[0].item() == pytest.approx(oracle, abs=1e-5)


def test_the_two_ssim_are_far_apart_at_512():
    y = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None].float() / 255
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)) * 16 / 255
    got = compare(pixels.quantise((y + noise).clamp(0, 1)), y, ["ssim", "ssim-sewar"])
    assert got["ssim"].item() - got["ssim-sewar"].item() > 0.1


@pytest.mark.parametrize("name", PLAIN)
def test_smallest_size(name):
    torch.manual_seed(0)
    least = LEAST[name]
    x, y = torch.rand(2, 3, least, least + 1), torch.rand(2, 3, least, least + 1)
    assert torch.isfinite(MEASURES[name].function(x, y)).all()
    if least > 1:
        with pytest.raises(ValueError, match=f"at least {least} x {least}") as error:
            MEASURES[name].function(x[..., :-1, :], y[..., :-1, :])
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", PLAIN)
def test_flat_images_give_numbers(name):
    for level in (0.0, 0.5, 1.0):
        flat = torch.full((1, 3, 64, 64), level)
        value = MEASURES[name].function(flat, flat)
        assert value.isnan().all() if (name, level) == ("haarpsi", 0.0) else value.isfinite().all(), level


@pytest.mark.parametrize("name", PLAIN)
def test_bad_input_is_refused_in_one_line(name):
    good = torch.rand(2, 3, 64, 64)
    for x, y, said in (
        (good, good[:1], "shapes"),
        (good, good[..., :60], "shapes"),
        (good * 2, good, "x.*0, 1"),
        (good, good - 1, "y.*0, 1"),
        (good, good.half(), "float"),
        (good[0], good[0], "shape"),
        (good, np.zeros(3), "tensor"),
    ):
        with pytest.raises(ValueError, match=said) as error:
            MEASURES[name].function(x, y)
        assert "\n" not in str(error.value)


def test_unknown_measure_lists_what_there_is():
    with pytest.raises(ValueError, match="ssmi.*there is ssim, psnr"):
        compare(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), ["ssmi"])


def test_over_the_whole_picture_the_region_measures_are_the_usual_ones(pair):
    x, y = pair
    whole = torch.ones(len(x), 1, *x.shape[2:])
    torch.testing.assert_close(similarity.psnr_over(x, y, whole), similarity.psnr(x, y))
    torch.testing.assert_close(similarity.ssim_over(x, y, whole), similarity.ssim(x, y), atol=3e-5, rtol=0)  # piq: float32


def test_region_measures_see_the_region_alone(pair):
    x, y = pair
    y = y.clone()
    y[..., : y.shape[3] // 2] = x[..., : x.shape[3] // 2]
    right = torch.zeros(len(x), 1, *x.shape[2:])
    right[..., x.shape[3] // 2 + 11 :] = 1
    left = right.flip(3)
    assert (similarity.psnr_over(x, y, left) == 80).all() and (similarity.ssim_over(x, y, left) == 1).all()
    far = x.shape[3] // 2 + 11
    by_hand = -10 * torch.log10((x[..., far:].double() - y[..., far:].double()).square().mean((1, 2, 3)) + 1e-8)
    torch.testing.assert_close(similarity.psnr_over(x, y, right), by_hand)
    assert (similarity.ssim_over(x, y, right) < 0.9).all()
    assert similarity.psnr_over(x, y, right * 0).isnan().all()


def test_over_a_person_it_is_the_windows_around_the_persons_pixels(pair):
    """By hand at five pixels: Wang's window of 11 x 11 and deviation 1.5, moments of each colour, the mean of the index."""
    x, y = pair
    mask, at = torch.zeros(3, 1, *x.shape[2:]), [(20, 30), (20, 31), (21, 30), (50, 60), (52, 63)]
    for row, column in at:
        mask[:, :, row, column] = 1
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    got = MEASURES["ssim_person"].function(x, y, mask)
    for i in range(3):
        values = []
        for (row, column), channel in ((where, channel) for where in at for channel in range(3)):
            a, b = (z[i, channel, row - 5 : row + 6, column - 5 : column + 6].double().numpy() for z in (x, y))
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb, vab = ((window * c * d).sum() - m for c, d, m in ((a, a, ma * ma), (b, b, mb * mb), (a, b, ma * mb)))
            values.append((2 * ma * mb + 1e-4) * (2 * vab + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)))
        assert got[i].item() == pytest.approx(np.mean(values), abs=1e-9)
    assert MEASURES["ssim_person"].kind == "person" and torch.equal(got, similarity.ssim_over(x, y, mask))


def test_pixels_beyond_the_window_of_a_person_do_not_matter(pair):
    x, y = pair
    mask = torch.zeros(3, 1, *x.shape[2:])
    mask[:, :, 40:50, 40:50] = 1
    near = torch.zeros_like(mask, dtype=torch.bool)
    near[:, :, 35:55, 35:55] = True
    beyond, edge = torch.where(near, x, 1 - x), x.clone()
    edge[:, :, 35, 45] = 1 - edge[:, :, 35, 45]
    got = similarity.ssim_over(x, y, mask)
    assert torch.allclose(similarity.ssim_over(beyond, y, mask), got, rtol=0, atol=1e-12)
    assert ((similarity.ssim_over(edge, y, mask) - got).abs() > 1e-9).all(), "the last one that the window sees"
