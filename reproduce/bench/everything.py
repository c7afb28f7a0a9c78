"""How long things take here and how much memory: every protection, an edit, the renderer, opening the model."""

from __future__ import annotations

import resource
import sys
import time

HEADS = {"what": "what", "size": "size", "seconds": "seconds per picture", "detail": "detail", "memory": "peak memory (MB)"}


def rows(profile="bundled", size=None, steps=10, batch=1) -> list[dict]:
    """One row each, in one process: protections scaled up from `steps` steps to their settings' own number.

    size: pixels a side, the model's own by default; batch: pictures at once. Peak memory is the process's so far, so it only grows.
    """
    import dataclasses

    import torch

    from .. import protect, rng
    from ..diffusion import profiles
    from ..misuse import edit
    from ..papers import photoguard as paper
    from ..world import render

    opening = _timed(lambda: profiles.open(profile))
    model = profiles.open(profile).model
    size = size or model.size
    found = [dict(what="open the model", size="–", seconds=opening, detail=model.fingerprint, memory=_memory())]
    if size % 8 or size < 32:
        raise ValueError(f"size: expected a multiple of 8 from 32 on, got {size}")
    images = render(0, batch, size=size).images
    label = f"{batch} x {size} px"
    for name, method in protect.PROTECTIONS.items():
        for setting in method.settings:
            chosen = protect.record(name, setting)
            whole = getattr(chosen, "steps", None)

            def run(n, name=name, setting=setting):
                return protect.apply(images, model, name, settings=setting, steps=n)

            run(1 if whole else None)  # warm
            seconds = _timed(lambda: run(steps if whole else None)) / batch  # noqa: B023
            scaled = seconds * whole / steps if whole else seconds
            detail = f"{whole} steps, {1000 * seconds / steps:.1f} ms each ({steps} timed)" if whole else "no steps"
            found.append(dict(what=f"protect: {name} ({setting})", size=label, seconds=scaled, detail=detail, memory=_memory()))
    prompts, generators = ["a photo of a person"] * batch, [rng.generator(0, "bench", i) for i in range(batch)]
    if model.unet:
        settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["released variation"])
        seconds = _timed(lambda: edit.vary(images, prompts, model, settings=settings, generator=generators)) / batch
        found.append(dict(what="edit: variation", size=label, seconds=seconds, detail="25 of 50 steps, guidance 7.5", memory=_memory()))
    if model.unet_inpainting:
        settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["released inpainting"], steps=50)
        masks = torch.ones(batch, 1, size, size)
        seconds = _timed(lambda: edit.inpaint(images, masks, prompts, model, settings=settings, generator=generators)) / batch
        found.append(dict(what="edit: inpainting", size=label, seconds=seconds, detail="50 steps, guidance 7.5", memory=_memory()))
    render(1, 64)  # warm
    seconds = _timed(lambda: render(2, 256)) / 256
    rate = f"{1 / seconds:.0f} pictures a second"
    found.append(dict(what="render the world", size="256 x 128 px", seconds=seconds, detail=rate, memory=_memory()))
    return found


def _timed(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))
