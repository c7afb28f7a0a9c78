"""The denoiser of the small world and its 9-channel inpainting sibling: Stable Diffusion's anatomy, schedule and objective."""

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel

from .tower import WIDTH

EMPTY = 0.1  # share of captions dropped for classifier-free guidance
SNR_CAP = 5.0  # min-SNR weighting (Hang et al. 2023): early training spends itself on the steps that matter


def schedule():
    """Stable Diffusion's noise schedule, as its own scheduler_config.json has it."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
        timestep_spacing="leading",
    )


def denoiser(channels=(32, 64, 96, 128), layers=1, in_channels=4):
    """An untrained UNet2DConditionModel on 32x32 latents, cross-attention in the two coarsest levels and in the middle."""
    plain = len(channels) - 2
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=layers,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
        down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",) * plain,
    )


def widen(net):
    """The inpainting sibling of a trained denoiser: five more input channels (mask, masked image) that start without effect."""
    wide = UNet2DConditionModel.from_config({**net.config, "in_channels": 9})
    state = dict(net.state_dict())
    state["conv_in.weight"] = F.pad(state["conv_in.weight"], (0, 0, 0, 0, 0, 5))
    wide.load_state_dict(state)
    return wide


def noise_loss(net, latents, text, alphas, generator, condition=None):
    """Weighted squared error of the predicted noise: a scalar. latents (N, 4, h, w), text (N, tokens, width)."""
    count = len(latents)
    t = torch.randint(len(alphas), (count,), generator=generator)
    noise = torch.randn(latents.shape, generator=generator).to(latents)
    a = alphas[t].view(-1, 1, 1, 1).to(latents)
    noisy = a.sqrt() * latents + (1 - a).sqrt() * noise
    given = noisy if condition is None else torch.cat([noisy, condition], 1)
    error = (net(given, t.to(latents.device), encoder_hidden_states=text).sample.float() - noise).square().mean((1, 2, 3))
    snr = (a / (1 - a)).flatten()
    return (error * snr.clamp(max=SNR_CAP) / snr * weight_scale(alphas).to(latents)).mean()


def weight_scale(alphas):
    """Brings the mean of the min-SNR weights to 1, so that the loss reads like Stable Diffusion's."""
    snr = alphas / (1 - alphas)
    return 1 / (snr.clamp(max=SNR_CAP) / snr).mean()


def masks(count, size, generator, people=None):
    """Regions to repaint (count, 1, size, size): boxes and strokes at random, and for a part of them all but the people.

    people: person masks (count, 1, size, size) in [0, 1], or None.
    """
    axis = (torch.arange(size) + 0.5) / size
    y, x = axis[None, :, None], axis[None, None, :]
    rand = lambda low, high: low + (high - low) * torch.rand(count, 1, 1, generator=generator)  # noqa: E731
    out = torch.zeros(count, size, size)
    for _ in range(3):
        height, width, cy, cx = rand(0.1, 0.5), rand(0.1, 0.5), rand(0, 1), rand(0, 1)
        box = ((y - cy).abs() < height) & ((x - cx).abs() < width)
        angle, wide = rand(0, 3.1416), rand(0.05, 0.25)
        stroke = ((y - cy) * angle.cos() - (x - cx) * angle.sin()).abs() < wide
        kind = rand(0, 1)
        out = torch.where((kind < 0.45) & box | (kind > 0.75) & stroke, 1.0, out)
    if people is not None:
        around, whole, choice = (
            (people[:, 0] < 0.5).float(),
            torch.ones_like(out),
            torch.rand(count, 1, 1, generator=generator),
        )
        present = people.flatten(1).amax(1).view(-1, 1, 1) > 0.5
        out = torch.where(present & (choice < 0.5), around, torch.where(choice > 0.92, whole, out))
    return out[:, None]
