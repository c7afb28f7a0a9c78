"""The small world's face networks: a detector (box, score, five points) and an embedder with dropout before its last layer.

The detector is a heat map of faces' middles, as in CenterNet (Zhou et al. 2019): each cell of 8 x 8 pixels says how surely the middle of
a face in one piece is in it, and where its box and points then are. The embedder is a small residual net on aligned crops, trained as in
ArcFace (Deng et al. 2019); what it drops by chance is what SER-FIQ (Terhoerst et al. 2020) asks.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

STRIDE = 8  # pixels a cell of the detector's map
REACH, SPREAD = 64.0, 32.0  # pixels that 1 stands for in boxes and in points
CROP = 64  # side of the embedder's crops, pixels
WIDTH = 128  # of an embedding


def _conv(into, out, side=3, stride=1):
    return nn.Sequential(nn.Conv2d(into, out, side, stride, side // 2, bias=False), nn.BatchNorm2d(out))


class Block(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, x):
        return F.silu(x + self.second(F.silu(self.first(x))))


class Stage(nn.Module):
    """A convolution, of stride 2 unless told, and blocks after it."""

    def __init__(self, into, out, blocks, stride=2):
        super().__init__()
        self.enter, self.blocks = _conv(into, out, 3, stride), nn.Sequential(*(Block(out) for _ in range(blocks)))

    def forward(self, x):
        return self.blocks(F.silu(self.enter(x)))


class Detector(nn.Module):
    """Images (N, 3, H, W) in [0, 1], sides multiples of 8 -> (N, 15, H/8, W/8): logit of the score, 4 of the box, 10 of the points."""

    def __init__(self, widths=(16, 32, 64, 80), blocks=(1, 2, 2, 2)):
        super().__init__()
        self.config = dict(widths=list(widths), blocks=list(blocks))
        entries = (3, *widths[:-1])
        self.stages = nn.ModuleList(Stage(a, b, n) for a, b, n in zip(entries, widths, blocks, strict=True))
        self.across = _conv(widths[3], widths[2], 1)
        self.join = _conv(widths[2], widths[2])
        self.head = nn.Conv2d(widths[2], 15, 1)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.zero_()[0] = -3.0  # most cells hold no face

    def forward(self, images):
        if images.shape[2] % STRIDE or images.shape[3] % STRIDE:
            raise ValueError(f"images: expected sides that are multiples of {STRIDE}, got {tuple(images.shape[2:])}; crop or resize them")
        x = images * 2 - 1
        for stage in self.stages:
            fine, x = x, stage(x)
        above = F.interpolate(self.across(x), scale_factor=2)[..., : fine.shape[2], : fine.shape[3]]
        x = F.silu(fine + above)
        return self.head(F.silu(x + self.join(x)))


class Embedder(nn.Module):
    """Aligned crops (N, 3, 64, 64) in [0, 1] -> embeddings (N, 128), not of unit length."""

    def __init__(self, widths=(32, 64, 128), blocks=(2, 2, 1), narrow=32, dropout=0.4):
        super().__init__()
        self.config = dict(widths=list(widths), blocks=list(blocks), narrow=narrow, dropout=dropout)
        entries = (16, *widths[:-1])
        self.enter = _conv(3, 16)
        self.stages = nn.ModuleList(Stage(a, b, n) for a, b, n in zip(entries, widths, blocks, strict=True))
        self.narrow = _conv(widths[-1], narrow, 1)
        self.dropout = dropout
        self.out = nn.Linear(narrow * (CROP // 8) ** 2, WIDTH)

    def features(self, crops):
        """(N, 2048): what dropout drops from."""
        x = F.silu(self.enter(crops * 2 - 1))
        for stage in self.stages:
            x = stage(x)
        return self.narrow(x).flatten(1)

    def forward(self, crops):
        return self.out(F.dropout(self.features(crops), self.dropout, self.training))


def save(folder, name, net, **more):
    """Write `net` as <name>.safetensors, in half precision, and its shape and `more` into config.json beside it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: v for key, v in net.state_dict().items() if not key.endswith("num_batches_tracked")}
    state = {key: v.detach().cpu().half().contiguous() for key, v in state.items()}
    save_file(state, folder / f"{name}.safetensors", metadata={"format": "pt"})
    file = folder / "config.json"
    told = json.loads(file.read_text()) if file.exists() else {}
    told[name] = {**net.config, **more}
    file.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")


def load(folder, name):
    """(net in evaluation, float32, frozen; what config.json says of it). OSError, KeyError, ValueError, RuntimeError: missing, damaged."""
    folder = Path(folder)
    told = json.loads((folder / "config.json").read_text())[name]
    kind = {"detector": Detector, "embedder": Embedder}[name]
    net = kind(**{key: value for key, value in told.items() if key in ("widths", "blocks", "narrow", "dropout")})
    state = {key: value.float() for key, value in load_file(folder / f"{name}.safetensors").items()}
    own = {key: value.shape for key, value in net.state_dict().items() if not key.endswith("num_batches_tracked")}
    wrong = sorted(key for key in own.keys() | state.keys() if key not in own or key not in state or own[key] != state[key].shape)
    if wrong:
        raise OSError(f"{name}.safetensors: {len(wrong)} weights are missing, unknown or of another shape, {wrong[0]} the first")
    net.load_state_dict(state, strict=False)
    return net.eval().requires_grad_(False), told
