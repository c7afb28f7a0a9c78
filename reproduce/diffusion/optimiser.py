"""The optimisers of the training loop: momentum made orthogonal for matrices and kernels beside Adam for the rest; AdamW to fine-tune.

Muon (Jordan 2024): a step of equal size in every direction of a weight matrix. On the small budgets this project trains with, it
reaches Adam's loss in about half the steps. torch ships it for matrices only; a kernel is a matrix (out, in * h * w) here.
"""

import math

import torch

from . import precision

QUINTIC = (3.4445, -4.7750, 2.0315)  # Newton-Schulz coefficients of the publication


def orthogonal(matrix, rounds=5):
    """The nearest semi-orthogonal matrix to `matrix` (..., m, n), roughly: singular values between 0.7 and 1.2."""
    a, b, c = QUINTIC
    x = matrix.bfloat16() if precision.pays(matrix.device) else matrix.float()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum for parameters of two or more dimensions; those of one shape go through it together."""

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            alike = {}
            for p in (p for p in group["params"] if p.grad is not None):
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                alike.setdefault(p.shape, []).append(p)
            for shape, parameters in alike.items():
                grads, buffers = [p.grad for p in parameters], [self.state[p]["momentum"] for p in parameters]
                torch._foreach_mul_(buffers, group["momentum"])
                torch._foreach_add_(buffers, grads)
                ahead = torch.stack(torch._foreach_add(grads, buffers, alpha=group["momentum"])).flatten(2)
                stretch = max(1, ahead.shape[1] / ahead.shape[2]) ** 0.5
                updates = orthogonal(ahead).view(-1, *shape).unbind()
                torch._foreach_add_(parameters, updates, alpha=-group["lr"] * stretch)


class Optimiser:
    """Muon and Adam side by side, under one learning rate schedule (warm-up, then cosine to nothing)."""

    def __init__(self, net, steps, *, muon=1e-2, adam=1.5e-3, warmup=50, clip=1.0):
        trained = learning(net)
        wide = [p for name, p in trained if p.dim() >= 2 and "embedding" not in name]
        rest = [p for name, p in trained if p.dim() < 2 or "embedding" in name]
        kinds = [(Muon, wide, muon, {}), (torch.optim.Adam, rest, adam, dict(betas=(0.9, 0.99)))]
        self.parts = [(kind(group, lr, **more), lr) for kind, group, lr, more in kinds if group]
        self.parameters, self.steps, self.warmup, self.clip = wide + rest, steps, warmup, clip

    def step(self, loss, at, done=None):
        """One step down `loss` at step number `at`, the share `done` of the training over (by default at / steps)."""
        done = at / self.steps if done is None else done
        rate = min(1, (at + 1) / self.warmup) * 0.5 * (1 + math.cos(math.pi * done))
        for part, _ in self.parts:
            part.zero_grad()
        slope(loss, self.parameters, self.clip)
        for part, full in self.parts:
            for group in part.param_groups:
                group["lr"] = full * rate
            part.step()

    def state_dict(self):
        return [part.state_dict() for part, _ in self.parts]

    def load_state_dict(self, states):
        for (part, _), state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


class AdamW:
    """Plain AdamW at one constant rate for all that learns, as fine-tunings have it."""

    def __init__(self, net, *, adamw=5e-6, betas=(0.9, 0.999), decay=0.01, clip=1.0):
        self.parameters, self.clip = [p for _, p in learning(net)], clip
        self.inner = torch.optim.AdamW(self.parameters, adamw, betas=betas, weight_decay=decay, fused=True)

    def step(self, loss, at, done=None):
        """One step down `loss`; at and done change nothing."""
        self.inner.zero_grad()
        slope(loss, self.parameters, self.clip)
        self.inner.step()

    def state_dict(self):
        return self.inner.state_dict()

    def load_state_dict(self, state):
        self.inner.load_state_dict(state)


def of(net, steps, rates, clip):
    """The optimiser that `rates` name: dict(muon=, adam=), or dict(adamw=) with AdamW's betas and decay if they are to be others.

    clip: the largest norm of a gradient, None for any. ValueError: other names.
    """
    if set(rates) == {"muon", "adam"}:
        return Optimiser(net, steps, **rates, clip=clip)
    if "adamw" in rates and set(rates) <= {"adamw", "betas", "decay"}:
        return AdamW(net, **rates, clip=clip)
    got = ", ".join(map(str, rates)) or "none"
    raise ValueError(f"rates: expected muon and adam, or adamw (and its betas, decay), got {got}; name one optimiser's")


def learning(net):
    """[(name, parameter)] of what learns in a module; ValueError if nothing does."""
    found = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    if not found:
        raise ValueError(f"net: nothing in this {type(net).__name__} learns; take a copy with model.trainable, or unfreeze some of it")
    return found


def slope(loss, parameters, clip):
    """The gradient of a scalar, its norm over all parameters cut at `clip` unless that is None."""
    loss.backward()
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(parameters, clip)
