"""BRISQUE: what the package gives when it is called plainly; its border, with a stand-in, wherever the package is not installed."""

import math
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from skimage import data

from reproduce import images as pixels
from reproduce.measure import MEASURES, quality
from reproduce.method import Unavailable
from reproduce.world import render


def photograph(side=256):
    return torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None, :, :side, 100 : 100 + side].float().div(255).contiguous()


def noisy(images, deviation, seed=0):
    return (images + deviation * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))).clamp(0, 1)


def refusal(call, said, kind=ValueError):
    with pytest.raises(kind, match=said) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.fixture
def package():
    quality._scorer.cache_clear()
    return pytest.importorskip("brisque", reason="brisque is not installed; pip install 'reproduce[faces]'")


def by_hand(package, picture):
    """The package's 36 features; its model, a sum of Gaussians around support vectors, from the text that it is."""
    import cv2
    from skimage.color import rgb2gray

    scorer = package.BRISQUE.__new__(package.BRISQUE)
    grey = rgb2gray(np.asarray(picture))
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC)
    features = [np.asarray(one, float).item() for part in (grey, half) for one in scorer.calculate_brisque_features(part, 7, 7 / 6)]
    folder = quality.Path(package.__file__).parent / "models"
    ranges = pickle.loads((folder / "normalize.pickle").read_bytes())
    low, high = np.array(ranges["min_"]), np.array(ranges["max_"])
    x = -1 + 2 * (np.array(features) - low) / (high - low)
    head, _, body = (folder / "svm.txt").read_text().partition("SV\n")
    told = dict(line.split(" ", 1) for line in head.strip().splitlines())
    total = -float(told["rho"])
    for line in body.strip().splitlines():
        weight, *cells = line.split()
        vector = np.zeros(36)
        for cell in cells:
            number, value = cell.split(":")
            vector[int(number) - 1] = float(value)
        total += float(weight) * math.exp(-float(told["gamma"]) * ((x - vector) ** 2).sum())
    return total


def test_it_is_the_packages_features_and_model(package):
    pictures = torch.cat([photograph(), noisy(photograph(), 0.1)])
    want = [by_hand(package, pixels.to_pil(one)) for one in pictures]
    got = quality.brisque(pictures)
    assert got.dtype == torch.float64 and got.shape == (2,)
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64), atol=1e-3, rtol=0)


def test_it_is_the_package_called_plainly(package):
    picture = photograph()
    try:
        want = package.BRISQUE(url=False).score(pixels.to_pil(picture))
    except TypeError as error:  # brisque 0.2.0 turns arrays of one number into floats, which numpy 2.4 refuses
        pytest.skip(f"the package itself fails with numpy {np.__version__}: {error}")
    assert quality.brisque(picture).item() == want


def test_noise_and_blocks_are_worse_than_the_picture(package):
    clean = photograph()
    scores = quality.brisque(torch.cat([clean, noisy(clean, 0.02), noisy(clean, 0.05), noisy(clean, 0.1)]))
    assert (scores.diff() > 1).all() and scores[0] < 30 < scores[3]
    made = render(5, 8).images
    assert (quality.brisque(noisy(made, 0.15)) > quality.brisque(made)).sum() >= 6  # of drawn pictures it says less


def test_eight_bits_are_scored_and_each_picture_is_as_alone(package):
    made = render(7, 3).images
    both = quality.brisque(made)
    assert torch.equal(both, torch.cat([quality.brisque(one[None]) for one in made]))
    nudged = (made.double() + 0.3 / 255 * torch.where(made < 0.5, 1, -1)).clamp(0, 1)
    assert torch.equal(quality.brisque(nudged), both)


def test_a_picture_without_texture_is_not_measured(package):
    even = torch.stack([torch.full((3, 64, 64), 0.5), torch.tensor([0.2, 0.5, 0.7]).view(3, 1, 1).expand(3, 64, 64)])
    assert quality.brisque(even).isnan().all()


def test_its_ranges_are_what_unpickling_would_give(package, tmp_path):
    path = quality.Path(package.__file__).parent / "models" / "normalize.pickle"
    want = pickle.loads(path.read_bytes())
    assert quality._ranges(path) == {key: list(map(float, values)) for key, values in want.items()}


class Stand:
    """What a picture is handed to."""

    def __init__(self, **_):
        pytest.fail("the constructor unpickles a file")

    def score(self, picture):
        assert isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape == (40, 48, 3)
        return float(picture[0, 0] @ [1, 1000, 1000000])

    def scale_features(self, features):
        return [float(one) for one in features]


@pytest.fixture
def stand(monkeypatch, tmp_path):
    (tmp_path / "normalize.pickle").write_bytes(pickle.dumps({"min_": [0.5, 2, -300] * 12, "max_": [1e-4, 70000, 2**40] * 12}))
    modules = {name: types.ModuleType(name) for name in ("brisque", "brisque.models", "libsvm", "libsvm.svmutil")}
    modules["brisque"].BRISQUE = Stand
    modules["brisque.models"].MODEL_PATH = str(tmp_path)
    modules["libsvm.svmutil"].svm_load_model = lambda path: path
    modules["libsvm"].svmutil = modules["libsvm.svmutil"]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    quality._scorer.cache_clear()
    yield tmp_path
    quality._scorer.cache_clear()


def test_pictures_are_handed_over_as_8_bit_rgb_rounded(stand):
    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    image[0, :, 0, 0] = torch.tensor([10.4, 20.6, 30.0]) / 255
    assert quality.brisque(image).tolist() == [10 + 21e3 + 30e6]
    assert MEASURES["brisque"].function(image).tolist() == [10 + 21e3 + 30e6] and MEASURES["brisque"].kind == "alone"


def test_the_ranges_are_read_and_nothing_is_unpickled(stand):
    scorer = quality._scorer()
    assert scorer.model.endswith("svm.txt") and scorer.url is False
    assert scorer.scale_params == {"min_": [0.5, 2, -300] * 12, "max_": [1e-4, 70000, 2**40] * 12}
    assert scorer.scale_features([1.5, np.array([2.5])]) == [1.5, 2.5]
    (stand / "normalize.pickle").write_bytes(pickle.dumps(print))
    quality._scorer.cache_clear()
    refusal(quality._scorer, "normalize.pickle has not the ranges of 36 features", Unavailable)


def test_a_missing_package_is_one_line(monkeypatch):
    quality._scorer.cache_clear()
    monkeypatch.setitem(sys.modules, "brisque", None)
    refusal(lambda: quality.brisque(photograph()), r"the package could not be imported .*pip install 'reproduce.faces.'", Unavailable)


def test_bad_input_is_refused_in_one_line():
    refusal(lambda: quality.brisque(photograph(24)), r"expected pictures of 32 x 32 pixels or more, got \(24, 24\)")
    refusal(lambda: quality.brisque(photograph() * 255), "0, 1")
    refusal(lambda: quality.brisque("a.png"), "tensor")
