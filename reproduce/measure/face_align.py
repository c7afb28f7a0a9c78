"""A face brought to where a network expects it: the similarity that takes its five points closest to a template."""

import torch
import torch.nn.functional as F

# Where the points of a mean face of the small world lie in a crop that shows the head from hairline to chin, as shares of its side.
TEMPLATE = ((0.350, 0.480), (0.650, 0.480), (0.500, 0.632), (0.375, 0.745), (0.625, 0.745))


def similarity(points, template=TEMPLATE):
    """Least squares over rotation, scale and shift, without reflection: points (N, K, 2) in pixels -> (N, 2, 3) float64.

    The matrix takes a place of the crop, in shares of its side, to pixels of the picture. In complex numbers z = turn * w + shift, whose
    normal equations have a closed form. Source: Umeyama 1991, the plane.
    """
    z = torch.view_as_complex(points.double().contiguous())
    w = torch.view_as_complex(torch.tensor(template, dtype=torch.float64, device=points.device))
    away = w - w.mean()
    turn = (away.conj() * (z - z.mean(1, keepdim=True))).sum(1) / away.abs().square().sum()
    shift = z.mean(1) - turn * w.mean()
    rows = [turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag]
    return torch.stack(rows, 1).view(-1, 2, 3)


def align(images, points, size=64, template=TEMPLATE):
    """One face of each image (N, 3, H, W), whose points (N, K, 2) are in pixels, as a crop (N, 3, size, size) in [0, 1].

    Where a crop has fewer pixels than the picture, each is the mean of a grid of samples, as dense as the picture. What lies beyond the
    picture repeats its edge. ValueError: points of another number, or that span no face.
    """
    if points.ndim != 3 or points.shape != (len(images), len(template), 2):
        raise ValueError(f"points: expected ({len(images)}, {len(template)}, 2), one face per image, got {tuple(points.shape)}")
    maps = similarity(points, template)
    scale = maps[:, :, 0].norm(dim=1)
    if not (scale.isfinite() & (scale > 2)).all():
        raise ValueError(f"points: expected faces of some pixels, got a crop of {scale.min().item():.1f} pixels; pass points in pixels")
    dense = (scale / size - 0.25).ceil().clamp(1, 16).long()  # a quarter more is no aliasing to speak of
    crops = torch.empty(len(images), 3, size, size, dtype=images.dtype, device=images.device)
    for k in dense.unique().tolist():
        rows = (dense == k).nonzero().flatten()
        seen = _sample(images[rows], maps[rows], size * k)
        crops[rows] = F.avg_pool2d(seen, k) if k > 1 else seen
    return crops


def _sample(images, maps, size):
    height, width = images.shape[2:]
    at = (torch.arange(size, dtype=torch.float64, device=images.device) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1) @ maps.mT[:, None]
    grid = places * 2 / torch.tensor([width, height], device=images.device) - 1
    return F.grid_sample(images, grid.to(images.dtype), mode="bilinear", padding_mode="border", align_corners=False)
