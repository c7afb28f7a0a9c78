"""How far a picture may be moved: balls around the stored original, as objects, in grey levels."""

import math
from dataclasses import dataclass

import torch

from .. import rng


@dataclass(frozen=True)
class Linf:
    """Every value within `eps` grey levels of the original, 0 < eps <= 255; stored, within floor(eps)."""

    eps: float

    def __post_init__(self):
        check_levels(self.eps, "eps", 255)

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
        check_levels(self.radius, "radius", math.inf)

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


@dataclass(frozen=True)
class Both:
    """Every value within `eps` grey levels, and each image's perturbation of a Euclidean norm of at most its `radius` (N,), in levels."""

    eps: float
    radius: torch.Tensor

    def __post_init__(self):
        check_levels(self.eps, "eps", 255)

    @property
    def _box(self):
        return Linf(self.eps)

    def random_start(self, images, generator):
        """`images` plus uniform noise in [-eps, eps], drawn in to the radius; image i draws from generator i."""
        return self.project(images + rng.draw("uniform", images, generator) * (self.eps / 255), images)

    def direction(self, gradient):
        return self._box.direction(gradient)

    def project(self, x, origin):
        """Into the box, then towards the origin: inside both, if not the nearest point that is."""
        change = self._box.project(x, origin) - origin
        reach = (self.radius.to(change) / 255).view(-1, 1, 1, 1)
        return origin + change * (reach / _norm(change).clamp_min(torch.finfo(x.dtype).tiny)).clamp_max(1)

    def spent(self, x, origin):
        """The largest change of any value, in levels: (N,), exact for 8-bit images."""
        return self._box.spent(x, origin)

    def finish(self, x, origin):
        """The 8-bit image inside both on the way from `origin` to the nearest in the box."""
        return fit(self._box.finish(x, origin), origin, self.radius.to(x.device))


def budget(norm, level, images, *, rms=None, allowed=None):
    """Linf(level), or for the norm "l2" the ball whose border is `level` root mean square over each image's values.

    rms: for the norm "linf", a root mean square in levels that the change keeps as well, over the pixels that may change: those where
    allowed (N, 1, H, W) is 1, or all.
    """
    if norm not in ("linf", "l2"):
        raise ValueError(f'norm: expected "linf" or "l2", got {norm!r}')
    if norm == "l2":
        return L2(length(norm, level, images))
    if rms is None:
        return Linf(level)
    check_levels(rms, "rms", level)
    share = 1.0 if allowed is None else allowed.flatten(1).mean(1, dtype=torch.float64)
    radius = rms * (images[0].numel() * share) ** 0.5 * (1 + 1e-12)  # a root that is rounded down shuts out the border itself
    return Both(level, torch.as_tensor(radius, dtype=torch.float64, device=images.device).expand(len(images)))


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


def _norm(x):
    return torch.linalg.vector_norm(x.flatten(1), dim=1).view(-1, 1, 1, 1)


def check_levels(value, name, most):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value <= most or math.isinf(value):
        upper = "" if math.isinf(most) else f" and at most {most}"
        raise ValueError(f"{name}: expected grey levels (1/255 of the range) above 0{upper}, got {value!r}")
