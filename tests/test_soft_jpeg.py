"""The published formulations beside plain statements of what their releases compute, values and gradients."""

import kornia
import pytest
import torch
import torch.nn.functional as F

from reproduce import degrade
from reproduce.jpeg import arithmetic, surrogates
from reproduce.world.train.quality import photographs

MATRIX = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64)
at = torch.arange(8, dtype=torch.float64)
WAVES = torch.cos(torch.pi / 16 * at * (2 * at[:, None] + 1)) * torch.where(at == 0, 0.125**0.5, 0.5)  # pixel, frequency


@pytest.fixture(scope="module")
def photo():
    """Two photographs in float64, so that no sum decides which way a half is rounded; corners too bright and too dark for a file."""
    images = photographs()[1][:2].double()
    images[0, :, :16, :16] = (images[0, :, :16, :16] - 0.5) * 50
    return images.clamp(0, 1)


class Stand(torch.autograd.Function):
    """Values of one function, slopes of another: both as numbers."""

    @staticmethod
    def forward(ctx, v, values, slope):
        ctx.save_for_backward(slope)
        return values

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0], None, None


def rounded(v, hard):
    d = v.detach() - v.detach().round()
    return Stand.apply(v, v.detach().round() + (0 if hard else d**3), 3 * d**2)


def clipped(v, low, high, hard):
    known = v.detach()
    inside = (known >= low) & (known <= high)
    values = known.clamp(low, high) if hard else torch.where(inside, known, known.clamp(low, high) * 0.999 + known * 0.001)
    return Stand.apply(v, values, torch.where(inside, 1.0, 0.001).double())


def floored(v, hard):
    return v.floor() if hard else (v - 0.5).round() + (v - 0.5 - (v - 0.5).round()) ** 3


def coded(plane, table, hard):
    """One plane (H, W), block by block."""
    blocks = (plane - 128).unfold(0, 8, 8).unfold(1, 8, 8)  # (H / 8, W / 8, 8, 8)
    v = torch.einsum("ijxy,xu,yv->ijuv", blocks, WAVES, WAVES) / table
    back = torch.einsum("ijuv,xu,yv->ijxy", rounded(v, hard) * table, WAVES, WAVES) + 128
    return back.permute(0, 2, 1, 3).reshape(plane.shape)


def diff_jpeg(images, quality, hard):
    """Diff-JPEG (necla-ml at e81f082) on (N, 3, H, W) in [0, 1], sizes multiples of 16."""
    scale = floored(torch.tensor(5000 / quality if quality < 50 else 200.0 - 2 * quality).double(), hard)
    luma, chroma = (clipped(floored((base * scale + 50) / 100, hard), 1, 255, hard) for base in arithmetic.STANDARD.double())
    out = []
    for image in images * 255:
        y, cb, cr = torch.einsum("ij,jhw->ihw", MATRIX, image) + torch.tensor([0, 128, 128]).view(3, 1, 1)
        small = kornia.geometry.rescale(torch.stack([cb, cr])[None], 0.5, "bilinear", align_corners=False, antialias=True)[0]
        small = torch.stack([coded(one, chroma, hard) for one in small])
        large = F.interpolate(small[None], scale_factor=2, mode="bilinear", align_corners=False)[0] - 128
        planes = torch.cat([coded(y, luma, hard)[None], large])
        out.append(torch.einsum("ij,jhw->ihw", MATRIX.inverse(), planes))
    return clipped(torch.stack(out), 0, 255, hard) / 255


def mlomnitz(images, quality):
    """DiffJPEG (mlomnitz): its table of luma lies on its side."""
    factor = (5000 / quality if quality < 50 else 200.0 - 2 * quality) / 100
    luma, chroma = arithmetic.STANDARD.double() * factor
    to_rgb, out = torch.tensor([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], dtype=torch.float64), []
    for image in images * 255:
        y, cb, cr = torch.einsum("ij,jhw->ihw", MATRIX, image) + torch.tensor([0, 128, 128]).view(3, 1, 1)
        small = [one.unfold(0, 2, 2).unfold(1, 2, 2).mean((2, 3)) for one in (cb, cr)]
        large = [coded(one, chroma, False).repeat_interleave(2, 0).repeat_interleave(2, 1) - 128 for one in small]
        out.append(torch.einsum("ij,jhw->ihw", to_rgb, torch.stack([coded(y, luma.T, False), *large])))
    return torch.stack(out).clamp(0, 255) / 255


def plain(images, quality, form):
    """What the release of `form` computes."""
    return mlomnitz(images, quality) if form == "cubic" else diff_jpeg(images, quality, form == "straight-through")


@pytest.mark.parametrize("form", surrogates.FORMS)
@pytest.mark.parametrize("quality", [10, 40, 75, 95])
def test_values_and_gradients_are_the_releases(photo, form, quality):
    x, y = (photo.clone().requires_grad_() for _ in range(2))
    got, wanted = surrogates.soft_jpeg(x, quality, form), plain(y, quality, form)
    assert (got - wanted).abs().max() * 255 < 1e-3
    weights = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slopes = [torch.autograd.grad((out * weights).sum(), one)[0] for out, one in ((got, x), (wanted, y))]
    assert (slopes[0] - slopes[1]).norm() < 1e-4 * slopes[1].norm()


def away(images, real):
    return ((images - real) * 255).abs().mean().item()


@pytest.mark.parametrize("form", surrogates.FORMS)
@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_nearer_to_the_file_than_no_model_at_all(form, quality):
    photo = photographs()[1][:2]
    real = degrade.jpeg_file(photo, quality)
    modelled = surrogates.soft_jpeg(photo, quality, form)
    assert away(modelled, real) < 0.8 * away(photo, real)
    assert away(modelled, real) > 0.1  # none is exact


def test_differentiable_at_any_size(photo):
    x = photo[:1, :, :37, :51].float().requires_grad_()
    for form in surrogates.FORMS:
        out = surrogates.soft_jpeg(x, 60, form)
        assert out.shape == x.shape
        (gradient,) = torch.autograd.grad(out.square().sum(), x)
        assert gradient.isfinite().all() and gradient.abs().max() > 0.01


def test_hard_values_are_whole_and_clipped_with_soft_slopes():
    v = torch.tensor([-1.3, 0.2, 0.5, 2.9, 300.25], dtype=torch.float64, requires_grad=True)
    soft = surrogates._soft(v)
    assert torch.allclose(soft[:4], torch.tensor([-1 - 0.027, 0.008, 0.125, 3 - 0.001], dtype=torch.float64))
    hard = surrogates._hard(v.round(), soft)
    assert torch.equal(hard, v.detach().round())
    (slope,) = torch.autograd.grad(hard.sum(), v)
    assert torch.allclose(slope, 3 * (v.detach() - v.detach().round()) ** 2)
    for form, values in (("straight-through", [0, 255.0]), ("polynomial", [-0.0013, 255.04525])):
        cut = surrogates._clip(v, 0, 255, form)
        assert cut[[0, 4]].tolist() == pytest.approx(values, abs=1e-12)
        assert torch.autograd.grad(cut.sum(), v)[0].tolist() == pytest.approx([0.001, 1, 1, 1, 0.001])


def test_tables_of_each_form():
    exact = arithmetic.quantisation([60])[0, :2]
    assert torch.equal(surrogates._tables(60, "straight-through"), exact)
    polynomial, cubic = surrogates._tables(60, "polynomial"), surrogates._tables(60, "cubic")
    assert (polynomial - exact).abs().max() <= 1.125  # floors softened by an eighth, of the scale (80 is 79.875) and of each entry
    assert polynomial[0, 0, 0].item() == pytest.approx(13 + (16 * 0.79875 - 13) ** 3)
    assert torch.allclose(cubic[0], arithmetic.STANDARD[0].T * 0.8) and torch.allclose(cubic[1], arithmetic.STANDARD[1] * 0.8)
    assert surrogates._tables(99, "polynomial").min() > 0.99 and surrogates._tables(99, "polynomial").min() < 1


def test_bad_arguments(photo):
    with pytest.raises(ValueError, match="cubic, polynomial, straight-through"):
        surrogates.soft_jpeg(photo, 75, "exact")
    with pytest.raises(ValueError, match="100"):
        surrogates.soft_jpeg(photo, 100, "polynomial")
    with pytest.raises(ValueError, match="images"):
        surrogates.soft_jpeg(photo[0], 75, "cubic")
