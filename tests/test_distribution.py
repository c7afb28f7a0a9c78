"""FID against closed forms and scipy, precision and recall against constructed sets and plain loops, the way to features, bad input."""

import os
import pickle
import urllib.error
import warnings

import numpy as np
import piq
import pytest
import tinysd
import torch
from piq.feature_extractors import fid_inception
from scipy.linalg import sqrtm
from torchvision.models.inception import Inception3

from reproduce.diffusion import judges
from reproduce.measure import clip, distribution
from reproduce.measure.distribution import fid, precision_recall
from reproduce.world import render

FILE = "pt_inception-2015-12-05-6726825d.pth"


def normal(count, width, seed):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def white(count, width, seed):
    """Items whose mean is 0 and whose sample covariance is the unit matrix."""
    z = normal(count, width, seed)
    z = z - z.mean(0)
    return z @ torch.linalg.inv(torch.linalg.cholesky(z.T @ z / (count - 1))).T


# --- FID -----------------------------------------------------------------------------------------------------------------------------


def test_fid_of_gaussians_that_share_their_axes_is_the_closed_form():
    axes, _ = torch.linalg.qr(normal(5, 5, 0))
    sx, sy = torch.tensor([3.0, 2, 1, 0.5, 0]).double(), torch.tensor([1.0, 2, 4, 0, 0]).double()
    shift = torch.tensor([1.0, -2, 0, 0, 3]).double()
    x, y = (white(30, 5, 1) * sx + shift) @ axes, white(47, 5, 2) * sy @ axes
    want = (1 + 4 + 9) + (4 + 0 + 9 + 0.25)  # |shift|^2 + sum (sx - sy)^2
    assert fid(x, y) == pytest.approx(want, rel=1e-10)
    assert fid(y, x) == pytest.approx(want, rel=1e-10)


def test_fid_is_that_of_an_independent_matrix_root():
    x, y = normal(40, 6, 3) @ normal(6, 6, 4), normal(55, 6, 5) @ normal(6, 6, 6) + 1
    cx, cy = np.cov(x.numpy(), rowvar=False), np.cov(y.numpy(), rowvar=False)
    assert np.abs(cx @ cy - cy @ cx).max() > 1  # no axes in common
    gap = x.numpy().mean(0) - y.numpy().mean(0)
    want = gap @ gap + np.trace(cx + cy - 2 * sqrtm(cx @ cy).real)
    assert fid(x, y) == pytest.approx(want, rel=1e-9)
    assert fid(x.float(), y.float()) == pytest.approx(want, rel=1e-5)


def test_fid_with_fewer_items_than_dimensions_does_not_notice_the_empty_ones():
    x, y = normal(20, 6, 7) @ normal(6, 6, 8), normal(25, 6, 9) + 0.5
    turn, _ = torch.linalg.qr(normal(300, 6, 10))
    assert fid(x @ turn.T + 40, y @ turn.T + 40) == pytest.approx(fid(x, y), rel=1e-9)


def test_fid_of_sets_far_apart_is_piqs_and_of_one_set_is_zero_where_piqs_is_not():
    scale = torch.arange(1, 129) ** -1.0
    x, y = normal(60, 128, 11) * scale, normal(60, 128, 12) * scale * 2 + 1
    assert fid(x, y) == pytest.approx(piq.FID()(x, y).item(), rel=1e-3)
    assert 0 <= fid(x, x) < 1e-9 and 0 <= fid(x, x.flip(0)) < 1e-9
    assert piq.FID()(x, x).item() > 1e-2  # the reason for computing the trace exactly
    flat = x[:1].expand(9, -1)
    assert fid(flat, flat + 1) == pytest.approx(128)  # no spread at all: the means are left


def test_fid_of_two_draws_of_sixty_is_far_from_zero():
    """Why a table needs a floor with the same N."""
    assert fid(normal(60, 512, 13), normal(60, 512, 14)) > 4 * fid(normal(1000, 512, 13), normal(1000, 512, 14)) > 0


# --- precision and recall ----------------------------------------------------------------------------------------------------------------


def line(*places):
    return torch.tensor(places, dtype=torch.float32)[:, None]


def test_precision_is_the_share_of_immunised_edits_inside_the_clean_ones_manifold():
    clean = line(*range(10))  # every ball reaches 1 to both sides
    immunised = line(0.5, 1.5, 2.5, 100, 101, 102)  # likewise
    assert precision_recall(immunised, clean, nearest=1) == (3 / 6, 4 / 10)  # 0.5, 1.5, 2.5 in [-1, 10]; 0, 1, 2, 3 in [-0.5, 3.5]
    assert precision_recall(clean, immunised, nearest=1) == (4 / 10, 3 / 6)
    collapsed = line(*(4.5 + 0.001 * i for i in range(8)))  # all edits alike: each looks real, few real ones are covered
    assert precision_recall(collapsed, clean, nearest=1) == (1, 0)


def test_nearest_is_the_number_of_neighbours_and_five_unless_told():
    clean, probe = line(0, 1, 2, 4, 8, 16, 32), line(-1.5, -3, -7.9, -31, -33, 500, 600)
    got = [precision_recall(probe, clean, nearest=k)[0] for k in (1, 2, 3, 5)]
    assert got == [0 / 7, 1 / 7, 2 / 7, 3 / 7]  # the ball of 0 reaches to -1, -2, -4 and -16; none other further
    assert precision_recall(probe, clean) == precision_recall(probe, clean, nearest=5)


def test_precision_and_recall_are_those_of_plain_loops():
    x, y = normal(37, 4, 15) * 1.3 + 0.4, normal(52, 4, 16)

    def inside(items, centres, k):
        hits = 0
        for item in items.numpy():
            for centre in centres.numpy():
                radius = np.sort(np.linalg.norm(centres.numpy() - centre, axis=1))[k]
                if np.linalg.norm(item - centre) <= radius:
                    hits += 1
                    break
        return hits / len(items)

    for k in (1, 3, 5):
        assert precision_recall(x, y, nearest=k) == (inside(x, y, k), inside(y, x, k))
    assert 0.2 < precision_recall(x, y)[0] < 1 and precision_recall(x, y)[0] != precision_recall(x, y)[1]


def test_identical_sets_and_sets_far_apart():
    x = normal(60, 128, 17).float()
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 100) == (0, 0)


def test_recall_does_not_count_the_ties_that_piq_counts():
    clean, immunised = line(0, 1), line(2, 2.1)
    assert precision_recall(immunised, clean, nearest=1) == (1 / 2, 0)  # 2 is on the clean ball's edge; 1 is far from 2's, which is 0.1
    assert piq.PR(nearest_k=1)(clean, immunised)[1].item() == 1 / 2  # the reason for changing the roles


# --- features ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path):
    """An empty torch hub folder, and no network left in memory from another."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "hub")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    distribution._network.cache_clear()
    yield tmp_path / "hub" / "checkpoints"
    distribution._network.cache_clear()
    torch.hub.set_dir(before)


@pytest.fixture(scope="module")
def random_inception():
    """FID's Inception with random weights, as it lies in the file, and running statistics that training would have moved."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision, on how piq calls it
        patch.setattr(fid_inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(Inception3, "load_state_dict", lambda *_: None)
        torch.manual_seed(0)
        net = fid_inception.InceptionV3.fid_inception_v3()
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.mul_(0.1)
    return net


def test_inception_reads_the_weights_from_torch_hubs_folder(hub, random_inception, monkeypatch):
    torch.save(random_inception.state_dict(), hub / FILE)
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("nothing is to be fetched"))
    images = tinysd.portraits(3, size=64).requires_grad_()
    got = distribution.inception(images)
    assert got.shape == (3, 2048) and got.dtype == torch.float32 and not got.requires_grad
    seen = []
    random_inception.Mixed_7c.register_forward_hook(lambda *given: seen.append(given[-1]))
    with torch.no_grad():
        random_inception.eval()(torch.nn.functional.interpolate(images, (299, 299), mode="bilinear") * 2 - 1)
    torch.testing.assert_close(got, seen[0].mean((2, 3)).cpu(), atol=1e-5, rtol=1e-3)
    assert got.std(0).mean() > 1e-3
    monkeypatch.setattr(distribution, "BATCH", 2)
    monkeypatch.setattr(fid_inception, "InceptionV3", lambda: pytest.fail("read twice"))
    torch.testing.assert_close(distribution.inception(images), got, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(distribution.inception(images[2:].double()), got[2:], atol=1e-5, rtol=1e-3)


def test_weights_that_cannot_be_fetched_are_one_line(hub, random_inception, monkeypatch):
    def offline(url, place, hash_prefix=None, progress=True):
        assert url.endswith(FILE) and hash_prefix == "6726825d"  # what comes is held against its name
        raise urllib.error.URLError("no route\nto host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ValueError, match="Inception weights.*no route.*fetch them once.*91 MB from https.*put a copy at") as error:
        distribution.inception(tinysd.portraits(1))
    assert "\n" not in str(error.value) and str(hub / FILE) in str(error.value)
    torch.save(random_inception.state_dict(), hub / FILE)  # as told
    assert distribution.inception(tinysd.portraits(1)).shape == (1, 2048)


class Trap:
    """A pickle that leaves a mark where it is opened."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_weights_that_are_no_tensors_are_not_opened(hub, tmp_path):
    mark = tmp_path / "mark"
    torch.save({"weight": Trap(mark)}, hub / FILE)
    for content in (None, pickle.dumps(Trap(mark)), b"", b"<html>not found</html>"):
        if content is not None:
            (hub / FILE).write_bytes(content)
        with pytest.raises(ValueError, match="Inception weights: could not be read") as error:
            distribution.inception(tinysd.portraits(1))
        assert "\n" not in str(error.value) and not mark.exists()
    torch.save({"weight": torch.zeros(3)}, hub / FILE)
    with pytest.raises(ValueError, match="Inception weights: could not be read") as error:
        distribution.inception(tinysd.portraits(1))
    assert "\n" not in str(error.value)


def test_the_extractor_of_a_models_judges_says_what_it_takes(monkeypatch):
    opened = clip.clip("bundled", device="cpu")
    images = render(3, 2).images
    function, label = distribution.extractor(judges.BUNDLED)
    assert label == "bundled CLIP's image features, 128-d"
    want = opened.image_features(images)
    assert want.shape == (2, 128)
    torch.testing.assert_close(function(images).cpu(), want, atol=1e-3, rtol=1e-3)
    monkeypatch.setattr(clip, "clip", lambda *_, **__: pytest.fail("it is open already"))
    function, label = distribution.extractor(judges.BUNDLED, opened)
    assert torch.equal(function(images), want) and label == "bundled CLIP's image features, 128-d"
    for given in (None, opened):
        function, label = distribution.extractor(judges.FULL, given)
        assert function is distribution.inception and label == "InceptionV3's pooled features (FID weights, piq), 2048-d"


def test_on_the_bundled_clip_more_noise_is_further_away_and_precision_alone_sees_none_of_it():
    features, _ = distribution.extractor(judges.BUNDLED, clip.clip("bundled", device="cpu"))
    images = render(31, 24).images
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    clean = features(images)
    damaged = [features((images + level * noise).clamp(0, 1)) for level in (0.02, 0.1, 0.4, 1)]
    distances = [fid(x, clean) for x in damaged]
    assert distances[0] > 0 and distances[1] > 5 * distances[0] and distances[2] > 5 * distances[1] and distances[3] > distances[2]
    shares = [precision_recall(x, clean) for x in damaged]
    assert shares[0] == (1, 1) and shares[3] == (1, 0)  # the manifold of a few items is wide enough for anything


# --- bad input ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [fid, precision_recall])
def test_bad_features_are_refused_in_one_line(measure):
    good = normal(9, 4, 18)
    torn, endless = good.clone(), good.clone()
    torn[2, 1], endless[5, 0] = torch.nan, torch.inf
    for x, y, said in (
        (good, good[:, :3], "features of one width, got 4 and 3"),
        (good[:1], good, r"at least \d items in x, got 1"),
        (good, good[:1], r"at least \d items in y, got 1"),
        (torn, good, r"x\[2\] is not finite"),
        (good, endless, r"y\[5\] is not finite"),
        (good[0], good, r"x to be float features \(N, D\)"),
        (good, good.long(), "int64"),
        (good, good.numpy(), "y.*ndarray"),
        (tinysd.portraits(2), good, r"\(2, 3, 64, 64\)"),
    ):
        with pytest.raises(ValueError, match=said) as error:
            measure(x, y)
        assert "\n" not in str(error.value)


def test_precision_needs_more_items_than_neighbours():
    x = normal(9, 4, 19)
    assert precision_recall(x[:6], x) and precision_recall(x, x[:6])
    for a, b, name in ((x[:5], x, "x"), (x, x[:5], "y")):
        with pytest.raises(ValueError, match=f"at least 6 items in {name}, got 5"):
            precision_recall(a, b)
    for nearest in (0, -1, 2.0, True, None):
        with pytest.raises(ValueError, match="nearest: expected a whole number") as error:
            precision_recall(x, x, nearest=nearest)
        assert "\n" not in str(error.value)


def test_inception_refuses_what_is_no_image_before_it_fetches_anything(hub, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("asked for weights"))
    with pytest.raises(ValueError, match="0, 1"):
        distribution.inception(tinysd.portraits(1) * 2)
