"""Copies of a model of which some parts learn: what is fine-tuned, while the model that it is a copy of stays what it is."""

import copy

import torch

PARTS = ("unet", "unet_inpainting", "text_encoder", "vae")
PIECES = {"kv": ("attn2.to_k", "attn2.to_v")}  # Custom Diffusion's (Kumari et al. 2023): keys and values of the cross-attention


def named(model, which):
    """{name: parameter} of the parts of a model that `which` names, each name led by its part's ("unet.conv_in.weight").

    which: a name or several: a part ("unet", "unet_inpainting", "text_encoder", "vae"), or, after a dot, what of it: words that stand one
    after the other in the parameters' names ("unet.attn2", "vae.decoder", "unet.mid_block.attentions"), or "kv". ValueError: none such.
    """
    which = [which] if isinstance(which, str) else list(which)
    there = [part for part in PARTS if getattr(model, part, None) is not None]
    if not which:
        raise ValueError(f"trainable: expected at least one part of {model.name}, got none; there is {', '.join(there)}")
    found = {}
    for one in which:
        part, _, piece = str(one).partition(".")
        if part not in there:
            raise ValueError(f"trainable: {model.name} has no part {str(one)!r}; there is {', '.join(there)}")
        net = getattr(model, part)
        words = [f".{words}." for words in PIECES.get(piece, (piece,)) if words]
        known = {f"{part}.{name}": p for name, p in net.named_parameters() if not words or any(w in f".{name}." for w in words)}
        if not known:
            below = ", ".join(name for name, _ in net.named_children())
            raise ValueError(f"trainable: {part} has nothing called {piece!r}; there is {below}, what is below them, and kv")
        found |= known
    return found


def learning(model, which):
    """A copy of a LatentModel in which what `which` names (see `named`) learns, in float32; the rest is shared with it and frozen.

    What is shared are the weights, not the modules around them: a copy may be moved or cast, but no weights may be written into what does
    not learn of it. A part in half precision of which anything learns is copied whole, in float32. The model itself stays as it is, and so
    does a copy of which another is made.
    """
    learn, made = named(model, which), copy.copy(model)
    for part in PARTS:
        net = getattr(model, part, None)
        names = {name for name in learn if name.startswith(f"{part}.")}
        if net is None or not (names or any(p.requires_grad for p in net.parameters())):
            continue
        own = copy.deepcopy(net, _shared(net, part, learn))
        own = own.float() if names and net.dtype in (torch.float16, torch.bfloat16) else own
        for name, parameter in own.named_parameters():
            parameter.requires_grad_(f"{part}.{name}" in learn)
        setattr(made, part, own)
    made.fingerprint = f"{model.fingerprint}+"  # no longer the weights that it names
    return made


def shared(net):
    """A copy of a part's modules, to which others may be added, with the frozen part's own weights."""
    return copy.deepcopy(net, _shared(net, "", ()))


def _shared(net, part, learn):
    """A memo for deepcopy by which a copy of the net has the same memory for all but the parameters that learn, here or there."""
    still = {id(p): p for name, p in net.named_parameters() if f"{part}.{name}" not in learn and not p.requires_grad}
    memo = {at: torch.nn.Parameter(p.detach(), requires_grad=False) for at, p in still.items()}
    return memo | {id(b): b.detach() for b in net.buffers()}
