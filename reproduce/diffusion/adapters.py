"""Low-rank adapters (LoRA, Hu et al. 2022) beside a model's attention, by the library peft: what learns in place of the weights."""

import copy

from ..method import Unavailable
from . import trainable

ATTENTION = {  # the projections that get one, as diffusers' and peft's own scripts choose them
    "unet": ["to_q", "to_k", "to_v", "to_out.0"],
    "text_encoder": ["q_proj", "k_proj", "v_proj", "out_proj"],
}


def beside(model, parts, rank):
    """A copy of a LatentModel in which adapters of that rank learn, in float32, on the attention of `parts`; all weights are shared.

    parts: of "unet", "text_encoder". A fresh adapter changes nothing: of its two factors one is 0. The other is drawn from a random stream
    of torch's own, which is set by the rank alone and left as it was. ValueError: another part. Unavailable: no peft.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise Unavailable("low-rank adapters: peft is not installed; pip install peft") from None
    import torch

    made = copy.copy(model)
    for part in parts:
        if part not in ATTENTION:
            raise ValueError(f"adapters: expected parts of {', '.join(ATTENTION)}, got {part!r}")
        own = trainable.shared(getattr(model, part))
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=ATTENTION[part], init_lora_weights=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(rank)
            inject_adapter_in_model(config, own)
        for name, parameter in own.named_parameters():
            parameter.requires_grad_("lora_" in name)
            if "lora_" in name:
                parameter.data = parameter.data.float()
        setattr(made, part, own)
    made.fingerprint = f"{model.fingerprint}+"
    return made
