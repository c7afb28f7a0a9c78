"""Pictures with natural statistics and no subject: dead leaves with textured leaves.

The autoencoder sees these beside the world's renders, so that it reads texture in general and also reconstructs real
photographs. Recipe after "Learning to See by Looking at Noise" (Baradad et al. 2021, arXiv 2106.05963): occluding shapes
with a power law of sizes, each with its own colour, shading and a band of texture with a natural (1/f) or oriented spectrum.
"""

import math

import torch

SHAPES = 90  # leaves in a picture; the smallest lie on top, so every scale is seen
BANK = 48  # texture fields drawn per call, shared by its pictures


def textures(count, size, generator):
    """`count` tileable fields (count, size, size) of unit variance: half 1/f^a noise, half oriented bands of 2.5 to 16 px."""
    f = torch.fft.fftfreq(size)
    fy, fx = f[:, None], f[None, :]
    radius = (fy**2 + fx**2).sqrt().clamp_min(1 / size)
    angle = torch.rand(count, 1, 1, generator=generator) * math.pi
    across = fx * angle.cos() + fy * angle.sin()
    along = -fx * angle.sin() + fy * angle.cos()
    power = 0.4 + 1.4 * torch.rand(count, 1, 1, generator=generator)
    centre = 1 / (2.5 * 6.4 ** torch.rand(count, 1, 1, generator=generator))
    thin = 0.01 + 0.04 * torch.rand(count, 1, 1, generator=generator)
    oriented = (-(((across.abs() - centre) / (0.25 * centre)) ** 2) / 2 - (along / thin) ** 2 / 2).exp()
    natural = radius**-power * (radius > 1.5 / 128)
    spectrum = torch.where(torch.arange(count)[:, None, None] % 2 == 0, natural, oriented)
    noise = torch.randn(count, size, size, generator=generator)
    field = torch.fft.ifft2(torch.fft.fft2(noise) * spectrum).real
    return field / field.std(dim=(1, 2), keepdim=True)


def dead_leaves(count, size, generator, shapes=SHAPES):
    """`count` pictures (count, 3, size, size) in [0, 1]; the same generator state gives the same pictures."""
    side = size * 2  # painted at twice the size and averaged, for soft edges

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    axis = (torch.arange(side) + 0.5) / side
    y, x = axis[:, None], axis[None, :]
    index = torch.zeros(count, side, side, dtype=torch.int64)
    radius = 0.4 * 0.035 ** rand(count, shapes)  # log-uniform before occlusion; 1.8 to 51 px at 128
    radius = radius.sort(dim=1, descending=True).values
    centre, turn = rand(count, shapes, 2), rand(count, shapes) * math.pi
    aspect, box = 0.35 + 0.65 * rand(count, shapes), rand(count, shapes) < 0.35
    for i in range(count):
        for k in range(shapes):
            r, (cy, cx) = float(radius[i, k]), centre[i, k].tolist()
            y0, y1 = max(0, int((cy - 1.5 * r) * side)), min(side, int((cy + 1.5 * r) * side) + 1)
            x0, x1 = max(0, int((cx - 1.5 * r) * side)), min(side, int((cx + 1.5 * r) * side) + 1)
            if y0 >= y1 or x0 >= x1:
                continue
            c, s, a = math.cos(turn[i, k]), math.sin(turn[i, k]), float(aspect[i, k])
            dy, dx = y[y0:y1] - cy, x[:, x0:x1] - cx
            u, v = (c * dx + s * dy).abs() / r, (c * dy - s * dx).abs() / (a * r)
            inside = (torch.maximum(u, v) < 1) if box[i, k] else (u * u + v * v < 1)
            index[i, y0:y1, x0:x1].masked_fill_(inside, k + 1)

    leaves = shapes + 1
    mood = rand(count, 1, 3)  # leaves of one picture share a palette: its mean and its spread vary
    grey = rand(count, leaves, 1)
    colour = (0.25 * mood + 0.75 * grey) + (0.05 + 0.35 * rand(count, 1, 1)) * (rand(count, leaves, 3) - 0.5)
    bank = textures(BANK, size, generator)
    which = torch.randint(BANK, (count, 4), generator=generator)
    roll = torch.randint(size, (count, 4, 2), generator=generator)
    fields = torch.stack([torch.stack([bank[which[i, j]].roll(roll[i, j].tolist(), (0, 1)) for j in range(4)]) for i in range(count)])
    slot = torch.randint(4, (count, leaves), generator=generator)
    amplitude = (25 / 255) * rand(count, leaves) ** 1.5
    tint = 1 + 0.6 * (rand(count, leaves, 3) - 0.5)
    slope = 0.35 * (rand(count, leaves, 2) - 0.5)

    flat = index.reshape(count, -1)

    def pick(table):
        return torch.gather(table, 1, flat).reshape(count, side, side)

    channel = [pick(colour[..., c]) for c in range(3)]
    ramp = pick(slope[..., 0]) * (y - 0.5) + pick(slope[..., 1]) * (x - 0.5)
    pool = torch.nn.functional.avg_pool2d
    image = pool(torch.stack(channel, 1) + ramp[:, None], 2)
    weave = torch.zeros_like(image)
    for j in range(4):
        share = torch.where(slot == j, amplitude, torch.zeros(())).unsqueeze(-1) * tint
        mask = torch.stack([pick(share[..., c]) for c in range(3)], 1)
        weave += pool(mask, 2) * fields[:, j, None]
    return (image + weave).clamp(0, 1)
