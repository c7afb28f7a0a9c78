"""The one projected-gradient loop; what differs between attacks is a loss, a budget and a step rule.

How the published rules map onto the parameters (in grey levels; images on [-1, 1] have 127.5 levels per
unit):

  PhotoGuard, paper               Linf(16), step 2, steps 200, start "zero". As printed, line 9 of Algorithms
                                  1 and 2 subtracts the accumulated perturbation anew each step and so
                                  leaves the budget; here it stays inside.
  PhotoGuard, released encoder    Linf(7.65), step 2.55, decay 0.01, steps 1000, start "uniform"
  PhotoGuard, released diffusion  L2(16 * 127.5), step 127.5, start "zero", draws 10
  DiffusionGuard, released        Linf(8), step 0.5, start "zero", loss = minus the norm it drives up

`loss` is minimised. A distance, its square and any positive multiple have gradients of the same sign, hence
the same Linf trajectory.
"""

import math
from dataclasses import dataclass

import torch

from . import images as pixels
from . import rng


@dataclass(frozen=True)
class Linf:
    """Every value within `eps` grey levels of the original, 0 < eps <= 255; stored, within floor(eps)."""

    eps: float

    def __post_init__(self):
        _check_levels(self.eps, "eps", 255)

    def random_start(self, images, generator):
        """`images` plus uniform noise in [-eps, eps], kept in range; image i draws from generator i."""
        return self.project(images + rng.draw("uniform", images, generator) * (self.eps / 255), images)

    def direction(self, gradient):
        return gradient.sign()

    def project(self, x, origin):
        radius = self.eps / 255
        return torch.clamp(x, origin - radius, origin + radius).clamp(0, 1)

    def spent(self, x, origin):
        """The largest change of any value, in levels: (N,), exact for 8-bit images."""
        return (x.mul(255).round() - origin.mul(255).round()).abs().flatten(1).amax(1)

    def finish(self, x, origin):
        """The 8-bit image nearest to `x` inside the budget around the 8-bit `origin`; exact in levels."""
        stored = origin.mul(255).round()
        whole = math.floor(self.eps)
        change = (x.mul(255).round() - stored).clamp(-whole, whole)
        return (stored + change).clamp(0, 255).div(255)


@dataclass(frozen=True)
class L2:
    """Each image's perturbation has Euclidean norm at most `radius`, in grey levels over its 3HW values."""

    radius: float

    def __post_init__(self):
        _check_levels(self.radius, "radius", math.inf)

    def random_start(self, images, generator):
        """`images` moved by `radius` in a random direction, kept in range; image i draws from generator i."""
        noise = rng.draw("normal", images, generator)
        return self.project(images + self.direction(noise) * (self.radius / 255), images)

    def direction(self, gradient):
        return gradient / _norm(gradient).clamp_min(torch.finfo(gradient.dtype).tiny)

    def project(self, x, origin):
        change = x - origin
        scale = (self.radius / 255) / _norm(change).clamp_min(torch.finfo(x.dtype).tiny)
        return (origin + change * scale.clamp_max(1)).clamp(0, 1)

    def spent(self, x, origin):
        """The norm of the change, in levels: (N,), exact for 8-bit images."""
        return (x.mul(255).round() - origin.mul(255).round()).square().flatten(1).sum(1, dtype=torch.float64).sqrt()

    def finish(self, x, origin):
        """The 8-bit image inside the budget on the way from `origin` to `x`, as far along as it goes."""
        return fit(x, origin, torch.full((len(x),), float(self.radius), dtype=torch.float64, device=x.device))


def budget(norm, level, images):
    """Linf(level), or for the norm "l2" the ball whose border is `level` root mean square over each image's values."""
    if norm not in ("linf", "l2"):
        raise ValueError(f'norm: expected "linf" or "l2", got {norm!r}')
    return Linf(level) if norm == "linf" else L2(length(norm, level, images))


def length(norm, level, images):
    """`level` grey levels as the length of a step or a budget in that norm."""
    return level if norm == "linf" else level * math.prod(images.shape[1:]) ** 0.5


def fit(x, origin, radius):
    """8-bit images on the line from the 8-bit `origin` to `x`, the last whose change has norm <= radius (N,).

    Rounding is monotone, so the norm of the stored change grows along the line and bisection finds that
    image.
    """
    stored = origin.mul(255).round()
    change = x.mul(255) - stored

    def at(share):
        return (stored + change * share.to(change).view(-1, 1, 1, 1)).round().clamp(0, 255)

    def inside(share):
        return (at(share) - stored).square().flatten(1).sum(1, dtype=torch.float64) <= radius.square()

    low, high = torch.zeros_like(radius), torch.ones_like(radius)
    low = torch.where(inside(high), high, low)
    for _ in range(30):
        middle = (low + high) / 2
        fits = inside(middle)
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return at(low).div(255)


def pgd(
    images,
    loss,
    *,
    budget,
    steps,
    step,
    decay=None,
    momentum=0.0,
    start="zero",
    generator=None,
    mask=None,
    draws=1,
    callback=None,
):
    """Minimise `loss` over the 8-bit images inside `budget` around the 8-bit originals; returns (N, 3, H, W).

    loss(x) -> (N,): one value per image, differentiable in x; frozen weights are the caller's matter. step:
    length of a step in grey levels; decay: the share of it that a linear fall would reach after the last
    step. momentum: share of the direction so far that is kept, each gradient weighed by its mean magnitude (Dong
    et al. 2018); no published rule above has it. draws: how often a random loss is asked each step; gradients
    are averaged, and memory holds one draw. start: "zero", or "uniform" (from `generator`, one per image, or
    one alone for one image). mask: (N, 1, H, W), 1 where pixels may change; soft masks are cut at 1/2, as
    diffusers' inpainting does. callback(i, x, values): after step i, the new images and the (N,) loss before
    it, on the device; nothing in the loop waits for the device unless the callback does.
    """
    origin = pixels.quantise(images.detach() if isinstance(images, torch.Tensor) else images)
    _check_rule(steps, step, decay, momentum, start, draws)
    allowed = None if mask is None else (pixels.check_mask(mask, images) >= 0.5).to(origin)
    x, ahead = origin, 0
    broken = torch.zeros(len(origin), dtype=torch.bool, device=origin.device)
    if start == "uniform":
        x = budget.random_start(origin, generator)
        x = x if allowed is None else torch.where(allowed > 0, x, origin)
    for i in range(steps):
        reach = step if decay is None else step - (step - step * decay) / steps * i
        values, gradient = _mean_gradient(loss, x.detach(), draws)
        with torch.no_grad():
            broken = broken | ~gradient.isfinite().flatten(1).all(1)  # sign(NaN) is 0: it would pass unseen
            gradient = gradient if allowed is None else gradient * allowed
            ahead = momentum * ahead + gradient / _magnitude(gradient) if momentum else gradient
            x = budget.project(x - reach / 255 * budget.direction(ahead), origin)
            if callback is not None:
                callback(i, x, values)
    if broken.any():
        raise ValueError(
            f"images[{int(broken.nonzero()[0])}]: the gradient became NaN or infinite; "
            "run the model in float32, or look for a division by zero in the loss"
        )
    return budget.finish(x.detach(), origin)


def expectation(loss, transforms):
    """`loss` averaged over transforms (images -> images; None leaves them as they are), all held in memory together."""

    def averaged(x):
        return torch.stack([loss(x if transform is None else transform(x)) for transform in transforms]).mean(0)

    return averaged


def _mean_gradient(loss, x, draws):
    """Values (N,) and gradient of `loss` at x, averaged over `draws` draws, one after the other."""
    values, gradient = 0, 0
    for _ in range(draws):
        with torch.enable_grad():
            z = x.detach().requires_grad_(True)
            value = loss(z)
            if tuple(value.shape) != (len(x),):
                raise ValueError(
                    f"loss: expected one value per image ({len(x)},), got {tuple(value.shape)}; "
                    "sum over all but the first dimension"
                )
            (slope,) = torch.autograd.grad(value.sum(), z)
        values, gradient = values + value.detach() / draws, gradient + slope / draws
    return values, gradient


def _norm(x):
    return torch.linalg.vector_norm(x.flatten(1), dim=1).view(-1, 1, 1, 1)


def _magnitude(x):
    return x.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


def _check_levels(value, name, most):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value <= most or math.isinf(value):
        upper = "" if math.isinf(most) else f" and at most {most}"
        raise ValueError(f"{name}: expected grey levels (1/255 of the range) above 0{upper}, got {value!r}")


def _check_rule(steps, step, decay, momentum, start, draws):
    for name, count in (("steps", steps), ("draws", draws)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected a whole number, 1 or more, got {count!r}")
    _check_levels(step, "step", math.inf)
    if decay is not None and not 0 <= decay <= 1:
        raise ValueError(
            f"decay: expected the last step's share of the first, 0 to 1, or None, got {decay!r}"
        )
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum: expected the share that is kept, from 0 to below 1, got {momentum!r}")
    if start not in ("zero", "uniform"):
        raise ValueError(f'start: expected "zero" or "uniform", got {start!r}')
