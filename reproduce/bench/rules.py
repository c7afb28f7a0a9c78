"""Which rule of steps gets an attack furthest inside one budget: the paper's, and others, on people that no table of the study shows."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

HEADS = {"attack": "attack", "rule": "rule", "steps": "steps", "remaining": "remaining distance to grey [95 %]", "best": "furthest"}
RULES = {
    "the paper's: step 2": {},
    "uniform start": dict(start="uniform"),
    "falling step": dict(decay=0.01),
    "step 4, falling": dict(step=4, decay=0.01),
    "momentum 0.9": dict(momentum=0.9),
    "step 4, falling, momentum 0.9": dict(step=4, decay=0.01, momentum=0.9),
    "step 4, falling, momentum 0.75": dict(step=4, decay=0.01, momentum=0.75),
}
KEPT = range(101_000, 101_100)  # identities for choosing a rule: no model was trained on them, and no experiment shows them
FOOTNOTE = (
    "Distance of what the encoder reads (encoder attack), or of what four steps paint (diffusion attack), to grey, over the untreated"
    " picture's; the person alone is shown and changed; 16 levels, the paper's settings but for the rule. The rule called strong in"
    " reproduce/papers/photoguard.py is chosen here."
)


def rows(profile="bundled", steps=None, people=4) -> list[dict]:
    """One row an attack and rule, on one thread. steps: of either attack, in place of 200 and 25."""
    import torch

    from .. import rng
    from ..diffusion import profiles
    from ..experiments import arms, stages
    from ..experiments.subjects import rendered
    from ..papers import photoguard as paper
    from ..protect import photoguard
    from ..report.statistics import student

    torch.set_num_threads(1)
    model = profiles.open(profile).model
    shown = rendered(0, people, model.size, KEPT)
    names = [f"kept {name}" for name in shown.names]
    aims = dict(names=names, seed=0, settings=arms.plain(paper.PHOTOGUARD_DIFFUSION["paper"]), together=4)

    def distances(images, column):
        found = stages.aims(SimpleNamespace(model=model), aims, {"images": images, "mask": shown.masks})
        return torch.tensor([row[column] for row in found.rows])

    lines = []
    for attack, settings, count, column in (
        (photoguard.encoder, paper.PHOTOGUARD_ENCODER["paper"], 200, "reads"),
        (photoguard.diffusion, paper.PHOTOGUARD_DIFFUSION["paper"], 25, "paints"),
    ):
        before, remaining = distances(shown.images, column), {}
        for rule, changes in RULES.items():
            chance = [rng.generator(0, "rules", name) for name in names]
            tried = dataclasses.replace(settings, steps=steps or count, **changes)
            made = attack(shown.images, model, settings=tried, generator=chance, mask=shown.masks)
            remaining[rule] = distances(made, column) / before
        nearest = torch.stack(list(remaining.values())).argmin(0).tolist()
        for number, (rule, values) in enumerate(remaining.items()):
            line = dict(attack=attack.__name__, rule=rule, steps=steps or count, remaining=student(values.tolist()))
            lines.append(line | dict(best=f"{nearest.count(number)} of {people}"))
    return lines
