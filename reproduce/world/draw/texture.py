"""Band-limited textures: a bank of tileable noise fields, looked up at any coordinates.

Lengths are in units of 1/128 of the image's side, so that a texture belongs to the thing, not to the pixels.
Each field is white noise from a fixed seed, filtered in the Fourier domain to a band of wavelengths (some
oriented), with mean 0 and standard deviation 1. It is stored eight times finer than a unit, so that a nearest
look-up at warped coordinates (hair, dunes, cloth) stays smooth.
"""

from functools import cache

import torch
from torch import Tensor

_SIDE = 512
#        name: (samples per unit, shortest and longest wavelength across (u), along (v), squash)
_KINDS = {
    "fine": (8, (2.5, 4.5), None, 0.0),
    "grain": (8, (3.2, 7.0), None, 0.0),
    "blotch": (8, (7.0, 14.0), None, 0.0),
    "plaster": (8, (2.6, 12.0), None, 0.0),
    "leaf": (8, (3.5, 9.0), None, 2.2),
    "strand": (8, (2.5, 5.5), (14.0, 64.0), 0.0),
    "ripple": (8, (4.5, 9.0), (16.0, 64.0), 0.0),
    "cloud": (4, (14.0, 128.0), None, 0.0),
}
_NUMBER = {name: i for i, name in enumerate(_KINDS)}


def _field(name: str) -> Tensor:
    per_unit, across, along, squash = _KINDS[name]
    generator = torch.Generator().manual_seed(7000 + _NUMBER[name])
    spectrum = torch.fft.fft2(torch.randn(_SIDE, _SIDE, generator=generator))
    f = torch.fft.fftfreq(_SIDE, 1 / per_unit)
    fv, fu = f[:, None].abs(), f[None, :].abs()

    def band(frequency: Tensor, limits: tuple[float, float]) -> Tensor:
        low, high = 1 / limits[1], 1 / limits[0]
        return ((frequency / low - 0.7) / 0.3).clamp(0, 1) * ((1.15 - frequency / high) / 0.15).clamp(0, 1)

    if along is None:
        radius = (fu * fu + fv * fv).sqrt()
        gain = band(radius, across) / radius.clamp(min=1e-6)  # 1/f inside the band, as natural surfaces have
    else:
        gain = band(fu, across) * (1.1 - fv * along[0]).clamp(0, 1)
    field = torch.fft.ifft2(spectrum * gain).real
    field = field / field.std()
    if squash:
        field = torch.tanh(squash * field)
    field = (field - field.mean()) / field.std()
    return field.clamp(-2.6, 2.6)


@cache
def _bank() -> Tensor:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a transform's last bits may depend on the number of threads
    try:
        return torch.stack([_field(name) for name in _KINDS]).float().flatten()
    finally:
        torch.set_num_threads(threads)


def noise(kind: str, u: Tensor, v: Tensor) -> Tensor:
    """The field `kind` at coordinates u (across), v (along), in units; broadcasts; std 1, mean 0."""
    scale = _KINDS[kind][0]
    iu = (u * scale + 2**20).int() & (
        _SIDE - 1
    )  # the offset keeps truncation a floor for negative coordinates
    iv = (v * scale + 2**20).int() & (_SIDE - 1)
    at = iv * _SIDE + iu + _NUMBER[kind] * _SIDE * _SIDE
    return torch.index_select(_bank(), 0, at.reshape(-1)).view(at.shape)


def wave(t: Tensor) -> Tensor:
    """A smooth wave of period 1 and amplitude 1 (parabolas, close to a sine; exact operations only)."""
    s = (t - t.floor()) * 2 - 1
    return s * (1 - s.abs()) * 4


def saw(t: Tensor) -> Tensor:
    """The fractional part, in [0, 1)."""
    return t - t.floor()


def per_cell(table: Tensor, cell: Tensor) -> Tensor:
    """table (N, K) looked up by integer-valued cell numbers (N, H, W) (wrapped to K)."""
    k = table.shape[1]
    index = cell.to(torch.int64).remainder(k).expand(table.shape[0], *cell.shape[1:])
    return torch.gather(table, 1, index.reshape(table.shape[0], -1)).view(index.shape)
