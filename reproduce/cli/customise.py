"""Tuning a model to one person's picture files and writing what it paints of them, as PNG."""

from __future__ import annotations

import re
from pathlib import Path

from .batch import inside, squared


def customise_files(options) -> int:
    """Tune the profile's model to `options.images`, files and folders, and write `count` pictures a prompt into `options.out`.

    options: images, prompt (a list), count, settings, steps, class_pictures (a folder, or None: the model paints some), sampling (steps a
    picture), profile, precision, seed, force, out, as the command line gives them. Pictures are cut to the middle square, at the model's
    own size. Raises ValueError, one line: no or damaged pictures, settings or a profile that there are not, files that are there already.
    """
    from tqdm.auto import tqdm

    from .. import images, misuse, rng
    from ..diffusion import profiles
    from ..method import counted, settings_of
    from ..papers import dreambooth as paper

    row = misuse.MISUSES["dreambooth"]
    named = options.settings or ("equal" if options.profile == "bundled" else "paper")
    profiles.one_of("settings", named, list(row.settings))
    chosen = counted(settings_of(misuse.MISUSES, "misuse", "dreambooth", named), steps=options.steps)
    sampling = counted(paper.SAMPLING["paper"], steps=options.sampling)
    profiles.check(options.profile, precision=options.precision)
    out, targets = Path(options.out), []
    for prompt in options.prompt:
        for k in range(options.count):
            targets.append(out / f"{_slug(prompt)}-{k + 1}.png")
    for target in targets:
        if target.exists() and not options.force:
            raise ValueError(f"{target} is there already; choose another folder with -o, or write over it with --force")
    read = [images.load(path) for one in options.images for path in inside(Path(one))]
    others = [images.load(path) for path in inside(Path(options.class_pictures))] if options.class_pictures else None
    model = profiles.open(options.profile, precision=options.precision).model
    import torch

    pictures, others = (part and torch.cat([squared(one, model.size) for one in part]) for part in (read, others))
    out.mkdir(parents=True, exist_ok=True)
    chance = [rng.generator(options.seed, "customise", i) for i in range(len(pictures))]
    with tqdm(total=chosen.steps, desc="fine-tuning", unit="step", leave=False) as bar:
        made = row.function(
            pictures, model, settings=chosen, sampling=sampling, prompts=[p for p in options.prompt for _ in range(options.count)],
            generator=chance, others=others, callback=lambda *_: bar.update(),
        )  # fmt: skip
    for one, target in zip(made, targets, strict=True):
        images.save(one, target)
        print(target, flush=True)
    return 0


def _slug(prompt: str) -> str:
    """A prompt as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:80] or "picture"
