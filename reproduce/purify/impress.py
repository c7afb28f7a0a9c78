"""IMPRESS (Cao et al., NeurIPS 2023, arXiv 2310.19248): move the picture until the autoencoder reproduces it, near what it was.

Minimises |D(E(x)) - x|^2 + alpha * max(distance(x, protected) - budget, 0) by Adam from the protected picture plus noise, D(E(x)) through
the posterior's mean. The released loop keeps the image and Adam's state in half precision, where the squares of its gradients are zero;
Adam is then gradient descent with momentum, and many of its steps are too small for the image to hold. `log` says how far it went.

Its autoencoder is in half precision too. The gradient then sets out as a few multiples of the smallest number that there is, 6e-8, and
loses its direction on the way back: on the bundled model its cosine to that in single precision is 0.42 to 0.54, half as long, where half
precision of the image alone leaves 0.999. Such a step takes 1.4 times as long as one in single precision (one thread of a CPU with
AVX512-FP16, four pictures: 1.5 and 1.1 s).
"""

import torch

from .. import rng
from ..diffusion.precision import with_autoencoder
from ..images import check, quantise
from ..measure.perceptual import Distance, perceptual

KINDS = {"single": None, "half": torch.float16}


def impress(images, model, *, settings, generator, distance=None, log=None, callback=None):
    """Images (N, 3, H, W), sides multiples of the model's factor -> 8-bit images; settings: papers.impress.ImpressSettings.

    generator: one per image, for the start noise. distance: (x, protected) -> (N,), differentiable, x in or near [0, 1], in single
    precision; by default the one that the model's judges name. callback(i, x, losses): after each step, with x on [-1, 1] and the (N,)
    losses before it. log: a list that gets one dict per image: consistency (mean squared error on [-1, 1], by networks in single
    precision) of the picture as it came, with the noise and at the end; distance at the end; never_moved, the share of values that no
    step changed; zero_moments, the share of second moments that are exactly 0, None without a step. ValueError: a precision or norm there
    is not; NaN.
    """
    if settings.precision not in KINDS or settings.networks not in KINDS or settings.norm not in ("mean", "sum"):
        got = f"{settings.precision!r}, {settings.networks!r} and {settings.norm!r}"
        raise ValueError(f'expected precision and networks "single" or "half" and the norm "mean" or "sum", got {got}')
    kind = KINDS[settings.precision] or check(images).dtype
    protected = (quantise(images) * 2 - 1).to(kind)
    start = protected + (rng.draw("normal", images, generator) * (settings.noise / 127.5)).to(kind)
    if settings.steps or log is not None:
        single = with_autoencoder(model, torch.promote_types(model.dtype, torch.float32))
        networks = with_autoencoder(model, torch.float16) if settings.networks == "half" else single
        near = _to(distance or perceptual(model.judges, model)[0], protected.to(images) / 2 + 0.5)

    def errors(x):
        return _errors(x.to(images), networks)

    def far(x):
        return near(x.to(images) / 2 + 0.5)

    x, state, moved = _minimise(errors, far, start, settings, callback)
    bad = ~x.isfinite().flatten(1).all(1)
    if bad.any():
        number = int(bad.nonzero()[0])
        raise ValueError(f"images[{number}]: became NaN or infinite; use single precision, of the networks too, or a larger adam_eps")
    if log is not None:
        with torch.no_grad():
            before, begun, ended = (_errors(one.to(images), single).mean(1) for one in (protected, start, x))
            told = dict(
                consistency_before=before, consistency_start=begun, consistency=ended,
                distance=far(x), never_moved=(~moved).flatten(1).float().mean(1),
            )  # fmt: skip
        if state is not None:
            told["zero_moments"] = (state == 0).flatten(1).float().mean(1)
        log += [{"zero_moments": None, **{name: values[i].item() for name, values in told.items()}} for i in range(len(images))]
    return quantise((x.to(images) / 2 + 0.5).clamp(0, 1))


def _errors(x, networks):
    """Squared errors of D(E(x)), (N, values), of x on [-1, 1]."""
    back = networks.decode(networks.encode(x / 2 + 0.5, anywhere=True).mean) * 2 - 1
    return (back.to(x) - x).square().flatten(1)


def _to(distance, protected):
    """x -> (N,): the distance to a picture that never changes."""
    if isinstance(distance, Distance):
        return distance.to(protected)

    def near(x):
        return distance(x, protected)

    return near


def _minimise(errors, far, start, settings, callback):
    """(the last iterate, kept in [-1, 1] after each step; Adam's second moments; which values ever moved)."""
    x, moved = start.clone().requires_grad_(True), torch.zeros_like(start, dtype=torch.bool)
    if not settings.steps:
        return start.clamp(-1, 1), None, moved
    adam = torch.optim.Adam([x], lr=settings.rate, eps=settings.adam_eps, foreach=False)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(adam, settings.steps, eta_min=settings.floor)
    count = start[0].numel()
    weight = 1.0 if settings.side is None else count / (3 * settings.side**2)
    for i in range(settings.steps):
        before = x.detach().clamp(-1, 1)  # what clamping takes from the start is no step
        with torch.enable_grad():
            error = errors(x)
            losses = error.mean(1) if settings.norm == "mean" else error.sum(1)
            losses = losses + settings.alpha * (far(x) - settings.budget).clamp(min=0)
            (x.grad,) = torch.autograd.grad(losses.sum() * weight, x)  # nothing is scaled against underflow, as in the release
        adam.step()
        plan.step()
        with torch.no_grad():
            x.clamp_(-1, 1)
            moved |= x != before
        if callback is not None:
            callback(i, x.detach(), losses.detach())
    return x.detach(), adam.state[x]["exp_avg_sq"], moved
