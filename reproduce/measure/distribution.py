"""How far two sets of edits lie apart: FID and precision and recall of features, for PhotoGuard's Table 6.

x are the features of the edits of immunised pictures, the "fake" ones, y those of the edits of the clean pictures, the "real" ones, both
(N, D). The paper has N = 60, far fewer than Inception's 2048 dimensions: most of such a FID is the small sample (two draws of 60 from one
distribution are far from 0), so hold it against a floor of the same N: the FID between edits of the same clean pictures under two seeds.
"""

import functools
import warnings

import torch

from ..images import check
from ..method import Unavailable
from . import clip as clips

DIMENSIONS = 2048  # of Inception's last average pooling
BATCH = 16


def fid(x, y):
    """Frechet distance between Gaussians fitted to features x (N, D) and y (M, D): a float, 0 for identical sets, lower is closer.

    Heusel et al. 2017, |mx - my|^2 + tr(Sx + Sy - 2 (Sx Sy)^1/2), in float64 with covariances over N - 1, as piq.FID has it; but the last
    trace is computed exactly, as a sum of singular values, and in N x M, not D x D. piq's iteration stops at 1e-5 of the matrix, before
    its small eigenvalues: 1.6 between identical sets where another draw of renders is 66 away (bundled CLIP, N = 60); and it takes half a
    minute at 2048-d. On sets like the paper's (60 of 2048-d, far apart) both agree to 1e-4 of the value.
    """
    x, y = _features(x, y, "FID", 2)
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))  # a.T @ a is the covariance
    # the eigenvalues of (Sx Sy)^1/2 are the singular values of a b^T, and of the triangles of their QR, which are never larger than D
    ra, rb = (torch.linalg.qr(z, mode="r").R for z in (a, b))
    distance = (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * torch.linalg.svdvals(ra @ rb.T).sum()
    return max(distance.item(), 0.0)


def precision_recall(x, y, nearest=5):
    """Share of x (N, D) inside the manifold of y (M, D), and share of y inside that of x: (precision, recall), floats in [0, 1].

    Kynkaanniemi et al. 2019 by piq.PR: a manifold is the union of balls around its items that reach to the `nearest`-th neighbour. Table 6
    prints one number and cites Sajjadi et al. 2018, which piq does not have; precision is the likelier. The paper does not give `nearest`;
    5 is piq's default. Recall is piq's precision with the roles changed, as piq 0.8 compares some of recall's ties with the wrong radii.

    With few items in many dimensions the balls are wide: 60 grey pictures all lie inside the manifold of 60 renders (bundled CLIP), and
    precision is 1 where recall is 0. So the two are read together.
    """
    import piq

    if isinstance(nearest, bool) or not isinstance(nearest, int) or nearest < 1:
        raise ValueError(f"nearest: expected a whole number of neighbours, 1 or more, got {nearest!r}")
    x, y = _features(x, y, "PR", nearest + 1)
    count = piq.PR(nearest_k=nearest)  # takes (real, fake)
    precision, recall = count(y, x)[0].item(), count(x, y)[0].item()
    return round(precision * len(x)) / len(x), round(recall * len(y)) / len(y)  # piq's means are float32


def inception(images):
    """Images (N, 3, H, W) -> InceptionV3's last average pooling (N, 2048), float32 on the CPU; computed on CUDA where there is one.

    piq's network with the weights that FID is defined by; it resizes to 299 x 299 (bilinear, not antialiased, as pytorch-fid does).
    Unavailable, a ValueError, one line: the weights are not here and cannot be fetched (91 MB, once).
    """
    check(images)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = _network(device)
    with torch.no_grad():
        return torch.cat([net(x.detach().float().to(device))[0].flatten(1).cpu() for x in images.split(BATCH)])


def extractor(judges, clip=None):
    """(function images -> features (N, D), label for tables) of a model's judges: the bundled CLIP's for the bundle, else Inception's.

    Inception never saw the small world and its download is not offline; the label stands in every table, as the two are not comparable.
    judges: diffusion.judges.Judges. clip: an opened clip.Clip in place of the one that would be opened, so that it is read once.
    """
    if judges.features == "bundled":
        clip = clip or clips.clip(judges.clip)
        return clip.image_features, f"{clip.name}'s image features, {clip.width}-d"
    return inception, f"InceptionV3's pooled features (FID weights, piq), {DIMENSIONS}-d"


@functools.cache
def _network(device):
    from piq.feature_extractors import fid_inception

    url = fid_inception.FID_WEIGHTS_URL
    try:
        # They exist only as a pickle, and piq reads it as one. So it is fetched here, held against the hash in its name and read as nothing
        # but tensors; piq then finds it in torch hub's folder.
        torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torchvision, on how piq calls it
            net = fid_inception.InceptionV3()
    except Exception as error:  # no network, no space, another file's hash, a damaged file: each library raises its own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        place = f"{torch.hub.get_dir()}/checkpoints/{url.rsplit('/', 1)[-1]}"
        raise Unavailable(
            f"Inception weights: could not be read ({first}); fetch them once with network access (91 MB from {url}),"
            f" or put a copy at {place}"
        ) from error
    return net.requires_grad_(False).eval().to(device)


def _features(x, y, name, least):
    for label, features in (("x", x), ("y", y)):
        if not isinstance(features, torch.Tensor) or features.ndim != 2 or not features.dtype.is_floating_point:
            got = f"{features.dtype} {tuple(features.shape)}" if isinstance(features, torch.Tensor) else type(features).__name__
            raise ValueError(f"{name}: expected {label} to be float features (N, D), got {got}; make them with extractor's function")
        if len(features) < least:
            raise ValueError(f"{name}: expected at least {least} items in {label}, got {len(features)}; measure more pictures")
        bad = ~features.isfinite().all(1)
        if bad.any():
            raise ValueError(f"{name}: {label}[{int(bad.nonzero()[0])}] is not finite; look for NaN in its picture or leave it out")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{name}: expected features of one width, got {x.shape[1]} and {y.shape[1]}; take both from one extractor")
    return x.detach().cpu().double(), y.detach().cpu().double()
