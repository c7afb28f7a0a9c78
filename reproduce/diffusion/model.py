"""A latent diffusion model as the methods see it: five calls over diffusers' own parts.

Latents are always those the denoiser sees: the autoencoder's, shifted and scaled by its own config. Images are
(N, 3, H, W) in [0, 1], float32; half precision, ranges, scaling and epsilon-versus-v stay inside this file. Weights are frozen.
"""

from types import SimpleNamespace

import torch

from ..images import check
from . import judges as judging
from . import trainable
from .weights import fingerprint


class LatentModel:
    """`encode`, `decode`, `text`, `predict_noise` and `schedule` of one latent diffusion model.

    parts: vae (AutoencoderKL), text_encoder, tokenizer, scheduler, and unet (4 channels) or unet_inpainting (9 channels) or both.
    judges: which networks judge pictures beside it (judges.Judges).
    """

    def __init__(
        self,
        *,
        vae,
        text_encoder,
        tokenizer,
        scheduler,
        unet=None,
        unet_inpainting=None,
        name="model",
        fingerprint="",
        device="cpu",
        dtype=torch.float32,
        judges=judging.FULL,
    ):
        if unet is None and unet_inpainting is None:
            raise ValueError(f"model {name}: expected a denoiser with 4 or with 9 input channels, got neither")
        self.tokenizer, self.scheduler, self.judges = tokenizer, scheduler, judges
        self.name, self.fingerprint, self.device, self.dtype = name, fingerprint, torch.device(device), dtype

        def cast(part):
            return part if part.dtype == dtype else part.to(dtype)

        def freeze(part):
            return part and cast(part.requires_grad_(False).eval()).to(self.device)

        def layout(part):
            return part and freeze(part).to(memory_format=torch.channels_last)

        self.vae, self.unet, self.unet_inpainting = layout(vae), layout(unet), layout(unet_inpainting)
        self.text_encoder = freeze(text_encoder)
        self.scale, self.shift = vae.config.scaling_factor, getattr(vae.config, "shift_factor", None) or 0.0
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.size = (unet or unet_inpainting).config.sample_size * self.factor

    def trainable(self, which):
        """A copy in which what `which` names learns in float32, e.g. "unet" or ("unet.kv", "text_encoder"); the rest is shared and frozen.

        Names: see trainable.named. This model stays frozen and as it is, to the bit. ValueError: a part that there is not.
        """
        return trainable.learning(self, which)

    def parameters_of(self, which):
        """{name: parameter} of what `which` names, as for `trainable`."""
        return trainable.named(self, which)

    @property
    def learners(self):
        """The parts of which something learns, as one module by their names: what training.fit takes of a trainable copy."""
        parts = {name: getattr(self, name) for name in trainable.PARTS}
        return torch.nn.ModuleDict({name: net for name, net in parts.items() if net and any(p.requires_grad for p in net.parameters())})

    @property
    def schedule(self):
        """The noise schedule: alphas_cumprod (T,), prediction_type, and the scheduler with its config."""
        return SimpleNamespace(
            alphas_cumprod=self.scheduler.alphas_cumprod.to(self.device),
            scheduler=self.scheduler,
            prediction_type=self.scheduler.config.prediction_type,
        )

    def encode(self, images, *, anywhere=False):
        """Images (N, 3, H, W), H and W multiples of `factor` -> posterior with mean, std (N, C, h, w) and sample(generator).

        anywhere: pixels may lie outside [0, 1].
        """
        if not anywhere:
            check(images)
        if images.shape[2] % self.factor or images.shape[3] % self.factor:
            raise ValueError(
                f"{self.name}: expected height and width to be multiples of {self.factor}, got {tuple(images.shape[2:])};"
                " pad or crop the images first"
            )
        pixels = (images * 2 - 1).to(self.device, self.vae.dtype, memory_format=torch.channels_last)
        posterior = self.vae.encode(pixels).latent_dist
        mean, std = (_full(posterior.mean) - self.shift) * self.scale, _full(posterior.std) * self.scale
        return Posterior(mean, std)

    def decode(self, latents):
        """Latents (N, C, h, w) -> images (N, 3, H, W) float32; not clamped, so that gradients survive at the ends of the range."""
        pixels = self.vae.decode((latents / self.scale + self.shift).to(self.device, self.vae.dtype)).sample
        return _full(pixels) / 2 + 0.5

    def text(self, prompts):
        """A list of N prompts -> text embeddings (N, tokens, width)."""
        tokens = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        ).input_ids
        return self.text_encoder(tokens.to(self.device))[0]

    def predict_noise(self, latents, t, text, condition=None):
        """The noise in `latents` (N, C, h, w) at steps `t` (an int or (N,)), whatever the network was trained to predict.

        condition: (N, 1 + C, h, w), mask and masked-image latents, for the 9-channel inpainting denoiser; None for the 4-channel one.
        """
        unet = self.unet if condition is None else self.unet_inpainting
        if unet is None:
            raise ValueError(
                f"{self.name} has no {'4-channel' if condition is None else '9-channel inpainting'} denoiser;"
                " open a profile whose model has one"
            )
        t = torch.as_tensor(t, device=self.device).expand(latents.shape[0])
        given = latents if condition is None else torch.cat([latents, condition], 1)
        dtype = getattr(unet, "dtype", self.dtype)  # float32 where it learns
        out = unet(given.to(self.device, dtype), t, encoder_hidden_states=text.to(dtype)).sample
        out = _full(out)
        if self.schedule.prediction_type == "epsilon":
            return out
        if self.schedule.prediction_type != "v_prediction":
            raise ValueError(
                f"{self.name}: expected a scheduler that predicts epsilon or v_prediction, got {self.schedule.prediction_type}"
            )
        alpha = self.schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
        return alpha.sqrt() * out + (1 - alpha).sqrt() * latents.to(self.device)


def _full(tensor):
    """In float32, or float64 where the model runs in it."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


class Posterior:
    """The encoder's answer: a diagonal Gaussian over latents."""

    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def sample(self, generator):
        """One draw (N, C, h, w); generator: one per image, or one for all; drawn on the CPU."""
        each = generator if isinstance(generator, list) else [generator]
        shape = self.mean.shape[1:]
        noise = (
            torch.stack([torch.randn(shape, generator=g) for g in each])
            if len(each) == len(self.mean)
            else torch.randn(self.mean.shape, generator=each[0])
        )
        return self.mean + self.std * noise.to(self.mean)


def load(
    source,
    *,
    inpainting=None,
    name=None,
    device="cpu",
    dtype=torch.float32,
    revision=None,
    inpainting_revision=None,
    judges=judging.FULL,
):
    """A LatentModel from any folder or hub id that diffusers reads (safetensors only).

    inpainting: folder or hub id of the 9-channel sibling; when `source` itself has 9 channels it is that sibling. revisions: of hub ids.
    Raises OSError as diffusers does when a part is missing, or when the text tower is incomplete.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    get, beside = (dict(revision=which) if which else {} for which in (revision, inpainting_revision))
    unets = [
        UNet2DConditionModel.from_pretrained(where, subfolder="unet", use_safetensors=True, torch_dtype=dtype, **which)
        for where, which in ((source, get), (inpainting, beside))
        if where
    ]
    by_channels = {unet.config.in_channels: unet for unet in unets}
    text_encoder, told = CLIPTextModel.from_pretrained(
        source, subfolder="text_encoder", use_safetensors=True, output_loading_info=True, **get
    )
    tokenizer = CLIPTokenizer.from_pretrained(source, subfolder="tokenizer", **get)
    words, known = len(tokenizer), text_encoder.config.vocab_size
    if told["missing_keys"]:  # transformers would fill them with random numbers, and only say so
        raise OSError(f"{source}: text_encoder lacks {len(told['missing_keys'])} weights, {sorted(told['missing_keys'])[0]} the first")
    if not known / 2 <= words <= known:  # without its files it would be an empty one, and every prompt the same
        raise OSError(f"{source}: the tokenizer has {words} words, the text encoder was made for {known}")
    return LatentModel(
        vae=AutoencoderKL.from_pretrained(source, subfolder="vae", use_safetensors=True, torch_dtype=dtype, **get),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        # said outright: a PNDM config may leave both out, and DDIM's own defaults are for pixels; not every pipeline mends them
        scheduler=DDIMScheduler.from_pretrained(source, subfolder="scheduler", clip_sample=False, steps_offset=1, **get),
        unet=by_channels.get(4),
        unet_inpainting=by_channels.get(9),
        name=name or str(source),
        fingerprint=fingerprint(source, inpainting, revision=revision, inpainting_revision=inpainting_revision),
        device=device,
        dtype=dtype,
        judges=judges,
    )
