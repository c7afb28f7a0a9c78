"""The optimiser of every stage: momentum made orthogonal for matrices and kernels, Adam for the rest.

Muon (Jordan 2024): a step of equal size in every direction of a weight matrix. On the small budgets this project trains with, it
reaches Adam's loss in about half the steps. torch ships it for matrices only; a kernel is a matrix (out, in * h * w) here.
"""

import torch

QUINTIC = (3.4445, -4.7750, 2.0315)  # Newton-Schulz coefficients of the publication


def orthogonal(matrix, rounds=5):
    """The nearest semi-orthogonal matrix to `matrix` (m, n), roughly: singular values between 0.7 and 1.2."""
    a, b, c = QUINTIC
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum for parameters of two or more dimensions."""

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(p.grad)
                update = orthogonal((p.grad + group["momentum"] * buffer).flatten(1))
                stretch = max(1, update.shape[0] / update.shape[1]) ** 0.5
                p.add_(update.view_as(p), alpha=-group["lr"] * stretch)


class Optimiser:
    """Muon and Adam side by side, under one learning rate schedule (warm-up, then cosine to nothing)."""

    def __init__(self, net, steps, *, muon=1e-2, adam=1.5e-3, warmup=50):
        trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
        wide = [p for name, p in trained if p.dim() >= 2 and "embedding" not in name]
        rest = [p for name, p in trained if p.dim() < 2 or "embedding" in name]
        self.parts = [(Muon(wide, muon), muon), (torch.optim.Adam(rest, adam, betas=(0.9, 0.99)), adam)]
        self.parameters, self.steps, self.warmup = wide + rest, steps, warmup

    def step(self, loss, at):
        """One step down `loss` at step number `at`; returns the gradient's norm before clipping."""
        rate = min(1, (at + 1) / self.warmup) * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * at / self.steps))).item()
        for part, _ in self.parts:
            part.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for part, full in self.parts:
            for group in part.param_groups:
                group["lr"] = full * rate
            part.step()
        return norm

    def state_dict(self):
        return [part.state_dict() for part, _ in self.parts]

    def load_state_dict(self, states):
        for (part, _), state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)
