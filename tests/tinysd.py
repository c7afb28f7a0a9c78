"""Stable Diffusion 1.5 and 2.1 with every part in place and random weights, at reduced width: 64 px images, 8x8 latents.

Channel counts, heads and token widths are small; blocks, layers, scaling factor, activations and scheduler configs are theirs.
"""

import functools

import torch

PNDM = dict(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1,
)  # fmt: skip
KINDS = {  # prediction, heads, linear projections, text activation, scheduler class
    "1.5": ("epsilon", 2, False, "quick_gelu", "PNDMScheduler"),
    "2.1-base": ("epsilon", (1, 2, 2, 2), True, "gelu", "PNDMScheduler"),
    "2.1-768": ("v_prediction", (1, 2, 2, 2), True, "gelu", "DDIMScheduler"),
}


def vae(seed=0):
    """A four-block autoencoder with four latent channels, whose posterior is not wider than what it means."""
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    net = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=4, sample_size=64,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, layers_per_block=2, scaling_factor=0.18215,
    )  # fmt: skip
    with torch.no_grad():
        net.quant_conv.weight[:4] *= 8  # means of about unit size
        net.quant_conv.bias[4:] = -5.0
        net.decoder.conv_out.weight *= 1.5  # pictures with some contrast
    return net


def unet(kind="1.5", channels=4, seed=1):
    """A UNet of Stable Diffusion's shape: three blocks with cross-attention, one without, two layers each."""
    from diffusers import UNet2DConditionModel

    _, heads, linear, _, _ = KINDS[kind]
    torch.manual_seed(seed)
    cross = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    return UNet2DConditionModel(
        sample_size=8, in_channels=channels, out_channels=4, block_out_channels=(8, 16, 16, 16), layers_per_block=2,
        down_block_types=cross[0], up_block_types=cross[1], norm_num_groups=4, cross_attention_dim=16,
        attention_head_dim=heads, use_linear_projection=linear,
    )  # fmt: skip


@functools.cache
def _text(folder, kind):
    from transformers import CLIPTextConfig, CLIPTextModel

    from reproduce.world.train import tower

    tokens = tower.tokenizer(folder)
    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=len(tokens), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=tokens.model_max_length, hidden_act=KINDS[kind][3], bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id,
    )  # fmt: skip
    return tokens, CLIPTextModel(config).eval()


def pipeline(folder, kind="1.5", channels=4):
    """diffusers' pipeline over such parts; `folder` keeps the tokenizer. With 9 channels it is the inpainting pipeline."""
    import diffusers

    prediction, *_, scheduler = KINDS[kind]
    tokens, encoder = _text(folder / "words", kind)
    extra = dict(clip_sample=False) if scheduler == "DDIMScheduler" else {}
    made = diffusers.StableDiffusionInpaintPipeline if channels == 9 else diffusers.StableDiffusionPipeline
    config = {k: v for k, v in PNDM.items() if scheduler == "PNDMScheduler" or k != "skip_prk_steps"}
    return made(
        vae=vae(), unet=unet(kind, channels), text_encoder=encoder, tokenizer=tokens, safety_checker=None, feature_extractor=None,
        scheduler=getattr(diffusers, scheduler)(**config, **extra, prediction_type=prediction), requires_safety_checker=False,
    )  # fmt: skip


def save(folder, kind="1.5", channels=4, sibling=False, **how):
    """Such a pipeline on disk below `folder`; sibling: with a 9-channel denoiser in inpainting/unet. Returns the model's folder."""
    place = folder / f"sd-{kind}-{channels}{'-and-9' if sibling else ''}"
    if not place.exists():
        pipeline(folder, kind, channels).save_pretrained(place, **how)
        if sibling:
            unet(kind, 9, seed=3).save_pretrained(place / "inpainting" / "unet", **how)
    return place


def portraits(count=2, size=64, seed=0):
    """Smooth random pictures on the 8-bit grid, (count, 3, size, size)."""
    chance = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=chance)
    return (torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1) * 255).round() / 255
