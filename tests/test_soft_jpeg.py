"""The published formulations: near a real file, differentiable, and each with the trait it is known for."""

import pytest
import torch

from reproduce import degrade
from reproduce.jpeg import arithmetic, surrogates
from reproduce.world.train.quality import photographs


@pytest.fixture(scope="module")
def photo():
    return photographs()[1][:2]


def away(images, real):
    return ((images - real) * 255).abs().mean().item()


@pytest.mark.parametrize("form", surrogates.FORMS)
@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_nearer_to_the_file_than_no_model_at_all(photo, form, quality):
    real = degrade.jpeg_file(photo, quality)
    modelled = surrogates.soft_jpeg(photo, quality, form)
    assert away(modelled, real) < 0.8 * away(photo, real) and away(modelled, real) < 3
    assert away(modelled, real) > 0.1  # none is exact


def test_differentiable_at_any_size(photo):
    x = photo[:1, :, :37, :51].clone().requires_grad_()
    for form in surrogates.FORMS:
        out = surrogates.soft_jpeg(x, 60, form)
        assert out.shape == x.shape
        (gradient,) = torch.autograd.grad(out.square().sum(), x)
        assert gradient.isfinite().all() and gradient.abs().max() > 0.01


def test_cubic_rounding_and_its_slope():
    v = torch.tensor([-1.3, 0.2, 0.5, 2.9], dtype=torch.float64, requires_grad=True)
    got = surrogates._soft(v)
    assert torch.allclose(got, torch.tensor([-1 - 0.027, 0.008, 0.125, 3 - 0.001], dtype=torch.float64))
    (slope,) = torch.autograd.grad(got.sum(), v)
    assert torch.allclose(slope, 3 * (v - v.round()) ** 2)


def test_tables_of_each_form():
    exact = arithmetic.quantisation([60])[0, :2]
    assert torch.equal(surrogates._tables(60, "straight-through"), exact)
    cubic, polynomial = surrogates._tables(60, "cubic"), surrogates._tables(60, "polynomial")
    assert not torch.equal(cubic, cubic.round()) and not torch.equal(polynomial, polynomial.round())
    assert (polynomial - exact).abs().max() <= 1.125  # a floor softened by an eighth


def test_bad_arguments(photo):
    with pytest.raises(ValueError, match="cubic, polynomial, straight-through"):
        surrogates.soft_jpeg(photo, 75, "exact")
    with pytest.raises(ValueError, match="100"):
        surrogates.soft_jpeg(photo, 100, "cubic")
    with pytest.raises(ValueError, match="images"):
        surrogates.soft_jpeg(photo[0], 75, "cubic")
