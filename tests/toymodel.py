"""A latent diffusion model small enough to know the answer: every part linear but for one tanh in the encoder."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler

from reproduce.diffusion import judges

SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)


@dataclass
class Posterior:
    mean: torch.Tensor

    @property
    def std(self):
        return torch.full_like(self.mean, 0.1)


class Toy:
    """Encoder and decoder of factor 8, a denoiser that copies the condition; it refuses sizes a real one would refuse.

    Without a condition it is the best denoiser of latents that are standard normal: it takes a share of what it is given for noise.
    """

    factor, device, dtype, size, name = 8, torch.device("cpu"), torch.float32, 64, "toy"
    judges = judges.FULL
    vae = torch.nn.Identity()  # its own parts do the work: a copy with this in half precision computes the same

    def __init__(self, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.first = torch.randn(6, 3, 8, 8, generator=generator) / 8
        self.second = torch.randn(4, 6, 1, 1, generator=generator)
        self.back = torch.randn(4, 3, 8, 8, generator=generator) / 8
        self.shapes = []
        self.scheduler = DDIMScheduler(**SCHEDULE, set_alpha_to_one=False)
        self.schedule = SimpleNamespace(alphas_cumprod=self.scheduler.alphas_cumprod)

    def encode(self, images, anywhere=False):
        assert images.shape[-1] % 8 == 0 and images.shape[-2] % 8 == 0
        self.shapes.append(tuple(images.shape))
        return Posterior(F.conv2d(torch.tanh(F.conv2d(images * 2 - 1, self.first, stride=8)), self.second))

    def decode(self, latents):
        return F.conv_transpose2d(latents, self.back, stride=8) / 2 + 0.5

    def text(self, prompts):
        return torch.tensor([[[float(len(prompt))]] for prompt in prompts])

    def predict_noise(self, latents, t, text, condition=None):
        alpha = self.schedule.alphas_cumprod[t]
        if condition is None:
            return (1 - alpha).sqrt() * latents
        return (latents - alpha.sqrt() * condition[:, 1:]) / (1 - alpha).sqrt() + 0.001 * text.view(-1, 1, 1, 1)
