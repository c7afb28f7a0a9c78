"""The denoiser of the small world and its 9-channel inpainting sibling: Stable Diffusion's anatomy, schedule and objective."""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from .tower import WIDTH

EMPTY = 0.1  # share of captions dropped for classifier-free guidance
SNR_CAP = 5.0  # min-SNR weighting (Hang et al. 2023): early training spends itself on the steps that matter
WHOLE = 0.4  # share of a batch that the inpainting denoiser is asked to repaint whole: what the plain denoiser starts from
PERSON = 2.0  # how much more a latent under the person counts in the loss …
FACE = 8.0  # … and one under the face on top of it: faces are small and what visitors look at
OFFSET = 0.15  # of the noise, the same over a picture's channel: brightness and colour are to be read where the picture is shown


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


def narrow(net, blank):
    """The plain denoiser that a 9-channel one already is when asked to repaint everything: a 4-channel copy.

    blank: latents (4,) of the grey picture that such a request shows. A constant input only adds to the bias (but for the
    outermost ring of latents, where the convolution is padded; training sees to that).
    """
    plain = UNet2DConditionModel.from_config({**net.config, "in_channels": 4})
    state = dict(net.state_dict())
    weight = state["conv_in.weight"]
    shown = torch.cat([torch.ones(1), blank.cpu()]).to(weight)
    state["conv_in.weight"] = weight[:, :4]
    state["conv_in.bias"] = state["conv_in.bias"] + weight[:, 4:].sum((2, 3)) @ shown
    plain.load_state_dict(state)
    return plain


def noise_loss(net, latents, text, alphas, generator, condition=None, importance=None):
    """Weighted squared error of the predicted noise: a scalar.

    latents (N, 4, h, w), text (N, tokens, width), condition (N, 5, h, w) for the inpainting sibling, importance (N, 1, h, w).
    The noise has a part that is constant over the picture (offset noise, Guttenberg 2023).
    """
    count, channels = latents.shape[:2]
    drawn = dict(generator=generator, device=latents.device)
    t = torch.randint(len(alphas), (count,), **drawn)
    noise = torch.randn(latents.shape, **drawn) + OFFSET * torch.randn(count, channels, 1, 1, **drawn)
    a = alphas[t].view(-1, 1, 1, 1).to(latents)
    noisy = a.sqrt() * latents + (1 - a).sqrt() * noise
    given = noisy if condition is None else torch.cat([noisy, condition], 1)
    error = (net(given, t, encoder_hidden_states=text).sample.float() - noise).square()
    if importance is not None:
        error = error * importance / importance.mean()
    snr = (a / (1 - a)).flatten()
    return (error.mean((1, 2, 3)) * snr.clamp(max=SNR_CAP) / snr * weight_scale(alphas).to(latents)).mean()


def weight_scale(alphas):
    """Brings the mean of the min-SNR weights to 1, so that the loss reads like Stable Diffusion's."""
    snr = alphas / (1 - alphas)
    return 1 / (snr.clamp(max=SNR_CAP) / snr).mean()


def masks(count, size, generator, people=None):
    """Regions to repaint (count, 1, size, size): boxes and strokes at random, and for a part of them all but the people.

    people: person masks (count, 1, size, size) in [0, 1], or None.
    """
    drawn = dict(generator=generator, device=generator.device)
    axis = (torch.arange(size, device=generator.device) + 0.5) / size
    y, x = axis[None, :, None], axis[None, None, :]

    def rand(low, high):
        return low + (high - low) * torch.rand(count, 1, 1, **drawn)

    out = torch.zeros(count, size, size, device=generator.device)
    for _ in range(3):
        height, width, cy, cx = rand(0.1, 0.5), rand(0.1, 0.5), rand(0, 1), rand(0, 1)
        box = ((y - cy).abs() < height) & ((x - cx).abs() < width)
        angle, wide = rand(0, 3.1416), rand(0.05, 0.25)
        stroke = ((y - cy) * angle.cos() - (x - cx) * angle.sin()).abs() < wide
        kind = rand(0, 1)
        out = torch.where((kind < 0.45) & box | (kind > 0.75) & stroke, 1.0, out)
    if people is not None:
        around, chosen = (people[:, 0] < 0.5).float(), torch.rand(count, 1, 1, **drawn) < 0.5
        present = people.flatten(1).amax(1).view(-1, 1, 1) > 0.5
        out = torch.where(present & chosen, around, out)
    return out[:, None]
