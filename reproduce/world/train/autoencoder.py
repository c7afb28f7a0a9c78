"""The autoencoder of the small world: its start and its loss.

Start: eight channels of every layer carry colour linearly from the first step (4x average pooling in, smooth upsampling out),
the rest has the usual random initialisation. The net thus begins as a pale average-pooling codec (correlation with it above 0.97,
4.4 dB below it on photographs), loses no time on absolute colour, and is free to read texture with deep, normalised,
nonlinear features from the beginning.

Loss: local contrast counts, not amplitude. Each octave of a Laplacian pyramid is divided by its own local magnitude, as in the
normalised Laplacian pyramid distance (Laparra et al. 2016), and a second term compares local energies, so that faint texture is
worth coding. Nothing here knows any attack.

The posterior is kept noisy while the encoder trains (a KL term as heavy as 0.2), so that faint detail survives only if it is amplified.

End: each latent channel is brought to mean 0 and deviation 1 over the training pictures, so that the channel for texture weighs as
much as the one for brightness; and the posterior's deviation, whose work is done, is cut to a quarter: pipelines draw from it, and
Stable Diffusion's is small too.
"""

import piq
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

CARRIERS = 8  # red, green, blue, their negatives, and a constant pair
CALM = 0.25  # what the trained posterior keeps of its deviation
CONSTANT = 6.0  # large against the content, so that normalisation leaves content almost untouched
YCC = torch.tensor([[0.299, 0.587, 0.114], [0.5, -0.4187, -0.0813], [-0.1687, -0.3313, 0.5]])  # BT.601
SPREAD = torch.tensor([2.0, 5.0, 5.0])  # brings luma and chroma of [-1, 1] images to about unit deviation


def autoencoder(channels=(32, 64, 96), layers=1, groups=4):
    """An AutoencoderKL (4x, 4 latent channels) at the start described above."""
    blocks = len(channels)
    net = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * blocks,
        up_block_types=["UpDecoderBlock2D"] * blocks,
        block_out_channels=list(channels),
        layers_per_block=layers,
        latent_channels=4,
        norm_num_groups=groups,
        sample_size=128,
    )
    with torch.no_grad():
        for half in (net.encoder, net.decoder):
            for name, part in half.named_modules():
                if name.endswith("conv2") or name.endswith("to_out.0"):  # ends of residual branches: carriers pass untouched
                    part.weight[:CARRIERS], part.bias[:CARRIERS] = 0, 0
                elif name.endswith("conv_shortcut"):
                    _carry(part, torch.eye(6), torch.ones(1, 1))
                elif name.endswith("downsamplers.0.conv"):
                    _carry(part, torch.eye(6), F.pad(torch.full((2, 2), 0.25), (0, 1, 0, 1)))
                elif name.endswith("upsamplers.0.conv"):
                    smooth = torch.tensor([1.0, 2.0, 1.0])
                    _carry(part, torch.eye(6), smooth[:, None] * smooth / 16)
        to_latent, to_colour = SPREAD[:, None] * YCC, torch.linalg.inv(SPREAD[:, None] * YCC)
        _carry(net.encoder.conv_in, torch.cat([torch.eye(3), -torch.eye(3)]), centre(3))
        _carry(net.decoder.conv_in, F.pad(torch.cat([to_colour, -to_colour]), (0, 1)), centre(3))
        _read(net.encoder.conv_out, to_latent, channels[-1] // groups)
        _read(net.decoder.conv_out, torch.eye(3), channels[0] // groups)
        net.decoder.conv_out.weight[:, CARRIERS:] = 0
        net.encoder.conv_out.weight[4:], net.encoder.conv_out.bias[4:] = 0, -6.0  # posterior log-variance
        for conv in (net.quant_conv, net.post_quant_conv):
            conv.weight.copy_(torch.eye(len(conv.weight))[:, :, None, None])
            conv.bias.zero_()
    return net


@torch.no_grad()
def standardise(net, images):
    """Bring each latent channel of `net` to mean 0 and deviation 1 over `images` (N, 3, H, W) in [0, 1]; decoded means stay the same.

    The change of scale is folded into the two 1x1 convolutions around the latents; the posterior's log-variance follows, less what
    CALM takes.
    """
    means = torch.cat([net.encode(part * 2 - 1).latent_dist.mean.float() for part in images.split(50)])
    middle, spread = means.mean((0, 2, 3)), means.std((0, 2, 3))
    into, out = net.quant_conv, net.post_quant_conv
    into.bias[:4] -= middle
    into.weight[:4] /= spread.view(-1, 1, 1, 1)
    into.bias[:4] /= spread
    into.bias[4:] += 2 * (CALM / spread).log()
    out.bias += out.weight[:, :, 0, 0] @ middle
    out.weight *= spread.view(1, -1, 1, 1)
    return net


def centre(size):
    """A kernel (size, size) that passes its middle."""
    kernel = torch.zeros(size, size)
    kernel[size // 2, size // 2] = 1
    return kernel


def _carry(conv, mix, kernel):
    """Let the first channels of `conv` be `mix` (6, k) of its first k inputs under `kernel`, and the constant pair."""
    conv.weight[:CARRIERS] = 0
    conv.weight[:6, : mix.shape[1]] = mix[:, :, None, None] * kernel
    conv.bias[:CARRIERS] = torch.tensor([0.0] * 6 + [CONSTANT, -CONSTANT])


def _read(conv, mix, group):
    """Let `conv`, behind a norm and SiLU, return `mix` (k, 3) of the colour carriers: SiLU(x) - SiLU(-x) = x.

    group: channels that share the carriers' norm; its deviation is known, since the constant pair dominates it.
    """
    deviation = (2 * CONSTANT**2 / group) ** 0.5
    rows = len(mix)
    conv.weight[:rows] = 0
    conv.weight[:rows, :6] = (torch.cat([mix, -mix], 1) * deviation)[:, :, None, None] * centre(3)
    conv.bias[:rows] = 0


def octaves(images, count=4):
    """Laplacian pyramid of (N, C, H, W): `count` bands, finest first, and the low-pass rest."""
    kernel = torch.tensor([1.0, 4, 6, 4, 1])
    kernel = (kernel[:, None] * kernel / 256)[None, None].to(images)
    bands = []
    for _ in range(count):
        n, c, h, w = images.shape
        low = F.conv2d(F.pad(images.reshape(n * c, 1, h, w), (2, 2, 2, 2), mode="reflect"), kernel).reshape(n, c, h, w)
        bands.append(images - low)
        images = F.avg_pool2d(images, 2)
    return [*bands, images]


def local(band):
    """Mean magnitude in a 5x5 neighbourhood, (N, C, H, W)."""
    return F.avg_pool2d(F.pad(band.abs(), (2, 2, 2, 2), mode="reflect"), 5, 1)


def loss(out, images, *, floor=1 / 255, energy=1.2):
    """Distance of reconstructions `out` from `images`, both (N, 3, H, W) in [0, 1]: a scalar.

    floor: magnitude below which texture stops counting; energy: weight of local energies. Colour differences count as much as
    brightness, so that the encoder reads fine colour too, which JPEG drops first.
    """

    def to_ycc(x):
        return torch.einsum("ij,njhw->nihw", YCC.to(x), x)

    *fine, coarse = zip(octaves(to_ycc(out)), octaves(to_ycc(images)), strict=True)
    total = 8 * (coarse[0] - coarse[1]).abs().mean() + 8 * (out - images).abs().mean()
    for mine, true in fine:
        magnitude = local(true)
        total = total + 0.5 * ((mine - true).abs() / (magnitude + floor)).mean()
        total = total + energy * ((local(mine) - magnitude).abs() / (magnitude + floor)).mean()
    return total


def fidelity(out, images):
    """What the decoder ends with, under a fixed encoder: squared error, and what SSIM lacks to 1, which keeps contrast; a scalar."""
    return 10 * (out - images).square().mean() + 4 * (1 - piq.ssim(out.clamp(0, 1), images))
