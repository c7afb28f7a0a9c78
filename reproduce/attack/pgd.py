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

import torch

from .. import images as pixels
from .budgets import check_levels


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


def _magnitude(x):
    return x.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


def _check_rule(steps, step, decay, momentum, start, draws):
    for name, count in (("steps", steps), ("draws", draws)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected a whole number, 1 or more, got {count!r}")
    check_levels(step, "step", math.inf)
    if decay is not None and not 0 <= decay <= 1:
        raise ValueError(
            f"decay: expected the last step's share of the first, 0 to 1, or None, got {decay!r}"
        )
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum: expected the share that is kept, from 0 to below 1, got {momentum!r}")
    if start not in ("zero", "uniform"):
        raise ValueError(f'start: expected "zero" or "uniform", got {start!r}')
