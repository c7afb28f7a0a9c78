"""How different two pictures look: LPIPS (Zhang et al. 2018) by piq on full models, the same construction on the bundled CLIP otherwise.

Both are differentiable, 0 for equal pictures and higher for pictures that look less alike, but they are not the same measure, and a table
names the one it has. The bundled distance is built on CLIP's image tower, not on the autoencoder's encoder, for two reasons: the
protections of this study attack that encoder, so that to stay near a protected picture in its features is to keep the attack; and the
tower is seven times as fast. Scaled by UNIT, it gives Gaussian noise of deviation 0.05 on [-1, 1], the start of IMPRESS, the 0.15 that
a third-party rerun of IMPRESS reports for LPIPS after 100 steps, which are little more than that noise: so published budgets bind as there.
"""

import functools

import torch
import torch.nn.functional as F

from ..images import mirrored
from ..method import Unavailable
from . import clip

LPIPS = "LPIPS (VGG)"
BUNDLED = "bundled perceptual distance"
GIGABYTES = 0.6
UNIT = 40.6


def perceptual(judges, model=None):
    """(Distance, label) of a model's judges: distance(x, y) -> (N,) for x and y (N, 3, H, W) in, or a little outside, [0, 1].

    judges: diffusion.judges.Judges, of an opened profile or its model. model: whose device the networks go to; None is the CPU.
    Unavailable, a ValueError: no weights of LPIPS here, and none to be had.
    """
    device = str(getattr(model, "device", "cpu"))
    return _bundled(device) if judges.distance == "bundled" else _lpips(device), label(judges)


def label(judges):
    """What tables call the distance that `perceptual` gives."""
    return BUNDLED if judges.distance == "bundled" else LPIPS


class Distance:
    """distance(x, y) -> (N,), from what `features` finds in each and what `between` makes of the two."""

    def __init__(self, name, features, between):
        self.name, self.features, self.between = name, features, between

    def __call__(self, x, y):
        _agree(x, y, self.name)
        return self.between(self.features(x), self.features(y)).to(x)

    def to(self, y):
        """The distance to y alone, whose features are found once: a function x -> (N,), to the same bits."""
        there = self.features(y)

        def near(x):
            _agree(x, y, self.name)
            return self.between(self.features(x), there).to(x)

        return near


@torch.no_grad()
def apart(x, y, distance):
    """`distance` (the first of what `perceptual` returns) of pictures x and y (N, 3, H, W), in its own place: (N,) on the CPU."""
    return distance(x, y).cpu()


@functools.cache
def _bundled(device):
    opened = clip.clip("bundled", device=device)

    def features(images):
        """Unit vectors of every patch after every block of the tower, of the tiles that fill the picture: a list of (N, patches, width)."""
        side = opened.size
        y, x = (mirrored(torch.arange(-(-length // side) * side), length).to(images.device) for length in images.shape[2:])
        tiles = images.float()[:, :, y][:, :, :, x].unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5)
        seen = (tiles.flatten(0, 2) - opened.mean) / opened.std
        found = opened.model.vision_model(pixel_values=seen, output_hidden_states=True).hidden_states[1:]
        return [F.normalize(one[:, 1:], dim=-1).reshape(len(images), -1, one.shape[-1]) for one in found]

    def between(here, there):
        """Squared distance of the unit vectors, averaged over patches and blocks, in units of 1 / UNIT."""
        return UNIT * torch.stack([(a - b).square().sum(2).mean(1) for a, b in zip(here, there, strict=True)]).mean(0)

    return Distance(BUNDLED, features, between)


@functools.cache
def _lpips(device):
    import piq
    from torchvision.models import VGG16_Weights

    urls = (VGG16_Weights.IMAGENET1K_V1.url, piq.LPIPS._weights_url)
    try:
        for url in urls:  # pickles; read here as nothing but tensors, before piq finds them in torch hub's folder
            torch.hub.load_state_dict_from_url(url, map_location="cpu", progress=False, weights_only=True)
        net = piq.LPIPS(reduction="none")
    except Exception as error:  # no network, no space, a damaged file: each library raises its own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"LPIPS weights: could not be read ({first}); fetch them once with network access ({GIGABYTES} GB from {' and '.join(urls)}),"
            f" or put copies into {torch.hub.get_dir()}/checkpoints"
        ) from error
    net = net.requires_grad_(False).eval().to(device)

    def features(images):
        """piq's, which scales [0, 1] as the original scales [-1, 1]."""
        return net.get_features(images.float())

    def between(here, there):
        """What piq's own forward pass ends with."""
        apart = zip(net.compute_distance(here, there), net.weights, strict=True)
        return torch.cat([(one * weight.to(one)).mean((2, 3)) for one, weight in apart], 1).sum(1)

    return Distance(LPIPS, features, between)


def _agree(x, y, name):
    for label, one in (("x", x), ("y", y)):
        if not isinstance(one, torch.Tensor) or one.ndim != 4 or one.shape[1] != 3 or 0 in one.shape or not one.is_floating_point():
            got = f"{one.dtype} {tuple(one.shape)}" if isinstance(one, torch.Tensor) else type(one).__name__
            raise ValueError(f"{name}: expected {label} to be float images (N, 3, H, W), got {got}; read files with images.load")
    if x.shape != y.shape:
        raise ValueError(f"{name}: expected equal shapes, got {tuple(x.shape)} and {tuple(y.shape)}; resize one of them")
