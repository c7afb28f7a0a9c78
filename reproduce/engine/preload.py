"""What every worker needs, imported once: a pool's server process imports this file, and its workers start as copies of it."""

import torch  # noqa: F401
from diffusers import (  # noqa: F401
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer  # noqa: F401

from ..diffusion import profiles  # noqa: F401
