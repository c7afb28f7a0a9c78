"""Models of full size with random weights, built from their configs without a download: what a method costs, before one has the weights."""

import torch

from . import profiles
from .model import LatentModel

NAMES = ("sd15",)


def build(name, device="cpu"):
    """The LatentModel of that anatomy; float32 on a CPU, float16 elsewhere. ValueError: an unknown name.

    sd15: Stable Diffusion 1.5 for inpainting (1.1 billion weights, 4.1 GB in float32): autoencoder, denoiser with 9 channels and text
    tower as in its configs, the bundled model's tokenizer.
    """
    profiles.one_of("anatomy", name, NAMES)
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    tokens = CLIPTokenizer.from_pretrained(profiles.BUNDLE / "tokenizer", model_max_length=77)
    text = CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        bos_token_id=tokens.bos_token_id, eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = dict(
            vae=AutoencoderKL(
                block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, scaling_factor=0.18215, sample_size=512,
                down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            ),
            unet_inpainting=UNet2DConditionModel(  # kinds of blocks, norms and activations: the class's defaults are this model's
                sample_size=64, in_channels=9, out_channels=4, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2,
                cross_attention_dim=768, attention_head_dim=8,
            ),
            text_encoder=CLIPTextModel(text),
        )  # fmt: skip
    return LatentModel(
        **parts,
        tokenizer=tokens,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", set_alpha_to_one=False, clip_sample=False, steps_offset=1
        ),
        name="Stable Diffusion 1.5's anatomy with random weights",
        fingerprint="random",
        device=device,
        dtype=torch.float32 if torch.device(device).type == "cpu" else torch.float16,
    )
