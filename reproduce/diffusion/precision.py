"""Which precision pays on which device; the processor is asked, never assumed."""

import copy

import torch

KINDS = ("float32", "bfloat16")


def pays(device):
    """Whether bfloat16 is the faster precision there: on GPUs, and on CPUs whose own instructions multiply in it and may be used.

    Other CPUs take every product apart: a training step of the denoiser takes eight times as long as in float32.
    """
    if torch.device(device).type != "cpu":
        return True
    own = any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))  # older torch: no
    return own and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # which also knows of ONEDNN_MAX_CPU_ISA


def autocast(device, precision=None):
    """A context in which networks compute in bfloat16 where that pays, elsewhere in their own precision; or in the one that is named.

    precision: "float32" or "bfloat16". Casts of weights are not kept: one made without gradients would serve where gradients are wanted.
    """
    if precision is not None and precision not in KINDS:
        raise ValueError(f"precision: expected {', '.join(KINDS)} or None for what pays on the device, got {precision!r}")
    enabled = pays(device) if precision is None else precision != "float32"
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled, cache_enabled=False)


def single(device):
    """Inside `autocast`, a context without it, for what is to be computed in float32."""
    return torch.autocast(torch.device(device).type, enabled=False)


def with_autoencoder(model, dtype):
    """A model with its autoencoder in `dtype`: itself where it is so already, else a copy that shares all other parts.

    The weights are cast on the copy; the model's stay as they are.
    """
    if model.dtype == dtype:
        return model
    made = copy.copy(model)
    made.vae = torch.nn.Module.to(copy.deepcopy(model.vae), dtype)  # diffusers' own warns of modules that it has none of
    return made
