"""What the encoder reads of a picture: how far its latents are from another's, and from a grey picture's, which attacks aim at.

Both are in units of the reference's own distance to grey: 0 is where the reference is, 1 as far away from it, or from grey, as grey is.
"""

import torch
import torch.nn.functional as F

GREY = 0.5


@torch.no_grad()
def shift(x, y, model):
    """Distance of the latents of x (N, 3, H, W) to those of y, over the distance of y's to grey: (N,), 0 for equal pictures."""
    at, home, grey = _read(model, x, y)
    return ((at - home).flatten(1).norm(dim=1) / (home - grey).flatten(1).norm(dim=1)).cpu()


@torch.no_grad()
def shift_within(x, y, mask, model):
    """`shift`, of the latents whose pixels lie half or more where mask (N, 1, H, W) is 1: (N,); nan where there are none."""
    at, home, grey = _read(model, x, y)
    inside = (F.adaptive_avg_pool2d(mask.to(at), at.shape[2:]) >= 0.5).to(at)
    far, whole = (((one - home) * inside).flatten(1).norm(dim=1) for one in (at, grey))
    return (far / whole).cpu()


@torch.no_grad()
def grey_distance(x, y, model):
    """Distance of the latents of x (N, 3, H, W) to grey, over that of y's: (N,), 1 for equal pictures, 0 for a grey one."""
    at, home, grey = _read(model, x, y)
    return ((at - grey).flatten(1).norm(dim=1) / (home - grey).flatten(1).norm(dim=1)).cpu()


def to_grey(x, model):
    """Distance of the latents of x (N, 3, H, W) to those of a grey picture: (N,), with a gradient to x."""
    x = x.to(model.device)
    with torch.no_grad():
        grey = model.encode(torch.full_like(x[:1], GREY)).mean.float()
    return (model.encode(x).mean.float() - grey).flatten(1).norm(dim=1)


def _read(model, x, y):
    return (model.encode(one.to(model.device)).mean.float() for one in (x, y, torch.full_like(y[:1], GREY)))
