"""How similar two images are: the metrics of PhotoGuard's Tables 6 and 10, over piq 0.8 with its defaults
(PhotoGuard names piq but not the arguments), and SSIM as sewar 0.4 computes it, which IMPRESS reports.

Every function takes x and y, (N, 3, H, W) in [0, 1], and returns (N,) float64, one value per image. The order
matters for VIFp: x is the edit of the immunised image, y the edit of the clean one. Images are handed to piq
one by one: its SR-SIM normalises saliency over the whole batch, so that batch mates move it in the second
decimal. ValueError: what is no image, two shapes, images smaller than a metric's window.
"""

import piq
import torch
import torch.nn.functional as F

from .. import images as pixels


def _pairs(x, y, name, least):
    pixels.check(x, "x")
    pixels.check(y, "y")
    if x.shape != y.shape:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"{name}: expected equal shapes, got {shapes}; resize one of them")
    if min(x.shape[-2:]) < least:
        got = f"{x.shape[-2]} x {x.shape[-1]}"
        raise ValueError(f"{name}: expected at least {least} x {least} pixels, got {got}; enlarge them")
    return zip(x.detach().split(1), y.detach().split(1), strict=True)


def _each(metric, x, y, name, least, dtype=torch.float32):
    values = [metric(a.to(dtype), b.to(dtype), reduction="none") for a, b in _pairs(x, y, name, least)]
    return torch.stack([value.reshape(()) for value in values]).double()


def ssim(x, y):
    """Structural similarity: Gaussian 11 x 11 window; piq first pools by round(shorter side / 256)."""
    return _each(piq.ssim, x, y, "SSIM", 11)


def psnr(x, y):
    """Peak signal-to-noise ratio in dB. piq adds 1e-8 to the error, so that identical images have 80 dB."""
    return _each(piq.psnr, x, y, "PSNR", 1, torch.float64)


def vifp(x, y):
    """Visual information fidelity, pixel domain, of luminance; not symmetric: y is the reference."""
    return _each(piq.vif_p, x, y, "VIFp", 41)


def fsim(x, y):
    """Feature similarity with chrominance (FSIMc, piq's default)."""
    return _each(piq.fsim, x, y, "FSIM", 2)


def srsim(x, y):
    """Spectral-residual similarity of luminance, normalised per image."""
    return _each(piq.srsim, x, y, "SR-SIM", 40)


def gmsd(x, y):
    """Gradient magnitude similarity deviation of luminance: 0 for identical images, lower is more similar."""
    return _each(piq.gmsd, x, y, "GMSD", 2)


def vsi(x, y):
    """Visual saliency-induced index."""
    return _each(piq.vsi, x, y, "VSI", 2)


def dss(x, y):
    """DCT subband similarity of luminance."""
    return _each(piq.dss, x, y, "DSS", 32)


def haarpsi(x, y):
    """Haar wavelet perceptual similarity; NaN for two black images, where piq divides by zero."""
    values = _each(piq.haarpsi, x, y, "HaarPSI", 16)
    return values.masked_fill(~values.isfinite(), torch.nan)


def ssim_sewar(x, y):
    """SSIM as sewar has it: uniform 11 x 11 window where it fits, per channel, no pooling, mean over all.

    Up to 0.2 away from piq's at 512 pixels, which piq halves first: the two must not share a column.
    """
    return _each(_uniform_ssim, x, y, "SSIM (sewar)", 11, torch.float64)


def _uniform_ssim(x, y, reduction):
    def mean(z):
        return F.avg_pool2d(z, 11, stride=1)

    c1, c2 = 0.01**2, 0.03**2
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    index = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return index.mean()


def change(x, y):
    """Mean absolute difference in grey levels."""
    return torch.stack([(a - b).abs().mean() * 255 for a, b in _pairs(x, y, "change", 1)])


def ssim_over(x, y, mask):
    """SSIM averaged over the pixels of `mask` (N, 1, H, W) >= 1/2: scikit-image's map with Wang's Gaussian window, colours averaged.

    The map's border, half a window wide, is left out as usual. NaN where the mask is empty.
    """
    from skimage.metrics import structural_similarity

    pairs, values = _pairs(x, y, "SSIM", 11), []
    for (a, b), region in zip(pairs, pixels.check_mask(mask, x), strict=True):
        a, b = (one[0].permute(1, 2, 0).double().cpu().numpy() for one in (a, b))
        rule = dict(channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True)
        index = torch.from_numpy(structural_similarity(a, b, **rule)[1]).mean(2)[5:-5, 5:-5]
        values.append(index[(region[0] >= 0.5).cpu()[5:-5, 5:-5]].mean())
    return torch.stack(values)


def psnr_over(x, y, mask):
    """PSNR in dB of the pixels of `mask` (N, 1, H, W) >= 1/2, with piq's 1e-8. NaN where the mask is empty."""
    pairs, values = _pairs(x, y, "PSNR", 1), []
    for (a, b), region in zip(pairs, pixels.check_mask(mask, x), strict=True):
        error = (a[0].double() - b[0].double()).square()[:, (region[0] >= 0.5)]
        values.append(-10 * torch.log10(error.mean() + 1e-8))
    return torch.stack(values).double().cpu()
