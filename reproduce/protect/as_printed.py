"""PhotoGuard's Algorithms 1 and 2 to the letter: a specimen, not a protection, and in no table of methods.

Line 9 of Algorithm 1 (line 8 of Algorithm 2) takes the accumulated perturbation off the already perturbed picture at every step. The
picture so moves by up to eps a step: after N steps up to N eps, and out of the pixels' range, which no line restores. The released
code does what equations 4 and 5 say, and so does `photoguard`.
"""

import torch


def printed(images, loss, *, eps, step, steps, callback=None):
    """The pictures (N, 3, H, W) the printed algorithms return: floats, neither inside eps levels nor inside [0, 1].

    loss(x) -> (N,), the squared distance of line 6 (line 5), taken at pictures of any range. eps, step: grey levels.
    callback(n, x): after step n = 1 ... steps.
    """
    x, delta = images.clone(), torch.zeros_like(images)
    for n in range(1, steps + 1):
        with torch.enable_grad():
            z = x.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(loss(z).sum(), z)
        delta = (delta + step / 255 * gradient.sign()).clamp(-eps / 255, eps / 255)
        x = x - delta
        if callback is not None:
            callback(n, x)
    return x


def encoder_loss(model, target):
    """Line 6 of Algorithm 1: squared distance of the latents to `target` (latents), at pictures of any range."""
    return lambda x: (model.encode(x, anywhere=True).mean.float() - target).square().flatten(1).sum(1)
