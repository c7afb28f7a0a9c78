"""The perceptual distances: the bundled one against CLIP's own forward pass, LPIPS against its formula, and what is refused."""

from types import SimpleNamespace
from urllib.error import URLError

import piq
import pytest
import torch
import torch.nn.functional as F
from torchvision.models.vgg import cfgs, make_layers

from reproduce import images as pixels
from reproduce import method
from reproduce.diffusion import judges
from reproduce.measure import clip
from reproduce.measure import perceptual as module
from reproduce.world import render


@pytest.fixture(scope="module")
def bundled():
    distance, label = module.perceptual(judges.BUNDLED)
    assert label == "bundled perceptual distance" and "LPIPS" not in label
    return distance


def noisy(images, sigma, seed=1):
    """With Gaussian noise, sigma on [-1, 1]."""
    return (images + sigma / 2 * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))).clamp(0, 1)


def test_it_is_the_distance_of_clips_normalised_patches(bundled):
    x = render(3, 2).images
    y = noisy(x, 0.2)
    opened, total = clip.clip("bundled", device="cpu"), torch.zeros(2)
    outs = []
    hooks = [layer.register_forward_hook(lambda _, __, out: outs.append(out)) for layer in opened.model.vision_model.encoder.layers]
    with torch.no_grad():
        for one in (x, y):
            opened.model.get_image_features(pixel_values=opened.pixels(one))
    for hook in hooks:
        hook.remove()
    outs = [out[0] if isinstance(out, tuple) else out for out in outs]
    assert len(outs) == 10
    for a, b in zip(outs[:5], outs[5:], strict=True):
        a, b = (out[:, 1:] / out[:, 1:].norm(dim=2, keepdim=True) for out in (a, b))
        total += (a - b).pow(2).sum(2).mean(1) / 5
    torch.testing.assert_close(bundled(x, y), module.UNIT * total, rtol=1e-4, atol=1e-6)


def test_it_is_zero_symmetric_and_grows(bundled):
    x = render(4, 3).images
    assert bundled(x, x).abs().max() == 0 and bundled(x, x).shape == (3,)
    torch.testing.assert_close(bundled(x, noisy(x, 0.1)), bundled(noisy(x, 0.1), x))
    less, more, other = bundled(x, noisy(x, 0.05)), bundled(x, noisy(x, 0.2)), bundled(x, x.roll(1, 0))
    assert (less > 0).all() and (more > 4 * less).all() and (other > more).all()


def test_its_unit_is_the_noise_that_impress_starts_from(bundled):
    """Red after new weights of CLIP: then UNIT is to be measured again, 0.15 over what this gives at UNIT 1."""
    x = render(777, 8).images
    assert bundled(x, noisy(x, 0.05)).mean() == pytest.approx(0.15, rel=0.25)


def test_a_picture_counts_by_itself_and_by_its_tiles(bundled):
    x = render(5, 4).images
    y = noisy(x, 0.1)
    each = bundled(x, y)
    for i in range(4):
        torch.testing.assert_close(bundled(x[i : i + 1], y[i : i + 1]), each[i : i + 1], rtol=1e-4, atol=1e-6)
    one, two = (torch.cat([torch.cat([z[0], z[1]], 2), torch.cat([z[2], z[3]], 2)], 1)[None] for z in (x, y))
    torch.testing.assert_close(bundled(one, two), each.mean()[None], rtol=1e-4, atol=1e-6)
    for height, width in ((1, 1), (17, 9), (130, 64)):
        a = one[:, :, :height, :width]
        assert bundled(a, a) == 0 and bundled(a, two[:, :, :height, :width]) > 0


def test_its_gradient_is_that_of_finite_differences(bundled):
    x = render(6, 1).images
    y = noisy(x, 0.2)
    z = y.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(bundled(z, x).sum(), z)
    direction = gradient / gradient.norm()
    step = 0.05
    slope = (bundled(y + step * direction, x) - bundled(y - step * direction, x)).item() / (2 * step)
    assert slope == pytest.approx(gradient.norm().item(), rel=0.01) and slope > 0
    assert bundled(y.double(), x.double()).dtype == torch.float64


def test_the_distance_to_one_picture_is_the_same_and_finds_its_features_once(bundled, monkeypatch):
    x, seen, features = render(7, 2).images, [], bundled.features
    monkeypatch.setattr(bundled, "features", lambda images: seen.append(images) or features(images))
    near = bundled.to(x)
    for sigma in (0.05, 0.2):
        assert torch.equal(near(noisy(x, sigma)), bundled(noisy(x, sigma), x))
    assert sum(one is x for one in seen) == 1 + 2
    with pytest.raises(ValueError, match="equal shapes"):
        near(x[:1])


@pytest.fixture
def lpips(monkeypatch):
    """piq's LPIPS over a VGG and weights drawn at random, with what was asked of torch hub."""
    torch.manual_seed(0)
    vgg = make_layers(cfgs["D"], False).eval()
    weights = [torch.rand(1, width, 1, 1) for width in (64, 128, 256, 512, 512)]
    asked = []

    def load(url, *, progress, weights_only=False, **_):
        asked.append((url, weights_only))
        return {} if "vgg" in url else weights

    module._lpips.cache_clear()
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    monkeypatch.setattr(piq.perceptual, "vgg16", lambda **_: SimpleNamespace(features=vgg))
    yield *module.perceptual(judges.FULL, SimpleNamespace(device=torch.device("cpu"))), vgg, weights, asked
    module._lpips.cache_clear()


def test_full_models_have_lpips(lpips):
    distance, label, vgg, weights, asked = lpips
    assert label == "LPIPS (VGG)"
    assert [(url.rsplit("/", 1)[-1], safe) for url, safe in asked[:2]] == [("vgg16-397923af.pth", True), ("lpips_weights.pt", True)]
    x = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    y = noisy(x, 0.1)
    # the original's, for pictures on [-1, 1]
    shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
    want = torch.zeros(2)
    with torch.no_grad():
        a, b = ((z * 2 - 1 - shift) / scale for z in (x, y))
        at = iter(weights)
        for i, layer in enumerate(vgg):
            a, b = layer(a), layer(b)
            if i in (3, 8, 15, 22, 29):
                want += (next(at) * (F.normalize(a) - F.normalize(b)) ** 2).sum(1).mean((1, 2))
    torch.testing.assert_close(distance(x, y), want, rtol=1e-3, atol=1e-6)
    assert torch.equal(distance.to(y)(x), distance(x, y))
    z = y.clone().requires_grad_(True)
    assert torch.autograd.grad(distance(z, x).sum(), z)[0].abs().sum() > 0
    assert not any(p.requires_grad for p in vgg.parameters())


@pytest.mark.parametrize("error", [URLError("no route\nto host"), RuntimeError("invalid hash value"), OSError(28, "No space left")])
def test_a_failed_download_is_one_clear_line(monkeypatch, error):
    def fail(*_, **__):
        raise error

    module._lpips.cache_clear()
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    with pytest.raises(method.Unavailable, match=r"LPIPS weights.*0.6 GB.*vgg16.*lpips_weights.*checkpoints") as told:
        module.perceptual(judges.FULL)
    assert isinstance(told.value, ValueError) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9), "equal shapes"),
        (torch.rand(3, 8, 8), torch.rand(3, 8, 8), "x to be float images"),
        (torch.rand(1, 3, 8, 8), torch.zeros(1, 3, 8, 8).to(torch.uint8), "y to be float images.*uint8"),
        (pixels.to_pil(torch.rand(3, 8, 8)), torch.rand(1, 3, 8, 8), "got Image"),
    ],
)
def test_what_is_no_pair_of_pictures_is_refused(bundled, x, y, said):
    with pytest.raises(ValueError, match=f"bundled perceptual distance.*{said}") as told:
        bundled(x, y)
    assert "\n" not in str(told.value)
