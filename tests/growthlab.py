"""Experiments of notebooks 01, 02, 03 and 05 in miniature on a model's folder, in this process or as a script: jobs asked for, computed."""

import contextlib
import json
import sys
from pathlib import Path
from unittest import mock

COUNTS = {
    "jpeg_bypass": dict(
        people=1, curve=1, seeds=2, photographs=0, prompts=1, variation_steps=4, inpainting_steps=2, attack_steps=2, qualities=(None, 75)
    ),
    "photoguard": dict(
        people=1, prompts=1, seeds=2, side=1, variations=1, edit_steps=2, printed_steps=2, budget_people=1, budgets=(4,),
        budget_steps=(2, 1)
    ),
    "purification": dict(people=1, seeds=1, few=1, prompts=1, edit_steps=2, impress_steps=1, setting_people=1, followed_steps=1),
    "jpeg_gradient": dict(pictures=1, qualities=(75,), directions=4, steps=2, through=(75,), perturbed=1),
    "jpeg_gradient/edits": dict(
        people=1, curve=1, seeds=1, photographs=0, prompts=1, variation_steps=4, inpainting_steps=None, attack_steps=2,
        qualities=(None, 75)
    ),
}  # fmt: skip
AT_MOST = {"photoguard-encoder": dict(steps=2), "photoguard-diffusion": dict(steps=1, draws=1)}


def run(model: Path, store: Path) -> dict:
    """`asked`: how many jobs the experiments' sweeps have; `computed`: how many of them were not stored yet; `rows`: 01's edits."""
    from reproduce.diffusion import judges, profiles
    from reproduce.engine import worker
    from reproduce.engine.store import Store
    from reproduce.engine.study import Study
    from reproduce.experiments import scales

    counted, listed = mock.Mock(wraps=worker.compute), []

    class Listed(Study):
        def sweep(self, name, jobs):
            done = super().sweep(name, jobs)
            listed.extend(done.jobs)
            return done

    patches = [mock.patch.dict(scales.COUNTS[name], smoke=counts) for name, counts in COUNTS.items()]
    patches.append(mock.patch.dict(scales.AT_MOST, smoke=AT_MOST))
    patches.append(mock.patch.object(profiles, "judges", lambda name: judges.BUNDLED))  # offline
    patches.append(mock.patch.object(worker, "compute", counted))
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        rows = _experiments(Listed(str(model), "smoke", store=Store(store), workers=1))
    return dict(asked=len(listed), computed=counted.call_count, rows=rows)


def _experiments(study):
    from reproduce.experiments import as_printed, budget_curve, jpeg_bypass, jpeg_gradient, other_encoder, photoguard, purification

    bypass = jpeg_bypass.Bypass(study)
    bypass.protect()
    rows = bypass.edits()
    edits = photoguard.Edits(study)
    edits.protect()
    edits.edits()
    budget_curve.budget_curve(edits)
    other_encoder.other_encoder(edits)
    as_printed.printed(edits)
    purifiers = ("none", "JPEG 75", "AdverseCleaner", "DiffPure", "IMPRESS")
    cells = {purification.Cell("encoder, through JPEG", purifier): (1, 1) for purifier in purifiers}
    purified = purification.Purification(study, cells)
    purified.purify()
    purified.edits()
    gradients = jpeg_gradient.Gradients(study)
    gradients.agreement()
    gradients.foresight()
    gradients.attacks()
    gradients.bypass.protect()
    gradients.spectra()
    return rows


if __name__ == "__main__":
    import reproduce

    print(json.dumps(run(*map(Path, sys.argv[1:])) | {"package": reproduce.__file__}))
