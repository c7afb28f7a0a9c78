"""What the rows of notebook 00 add up to: the scorecard, the condition, the verdict."""

import json

from ..diffusion import profiles
from ..experiments.small_world import SCALES, scene_classifier
from ..papers import published
from ..world.train import quality


def scorecard(generated, inpainted, reconstruction, retrieval):
    """How good the models are, beside the floors and goals they were built for: rows for report.table_markdown."""
    codec = {(r["pictures"], r["codec"]): r for r in reconstruction.rows}
    ours, pooled, real = codec["renders", "autoencoder"], codec["renders", "8x average pooling"], codec["photographs", "autoencoder"]
    share = lambda rows, key: f"{sum(r[key] for r in rows) / len(rows):.0%} of {len(rows)}"  # noqa: E731
    both = [dict(r, both=r["kept"] and r["right"]) for r in inpainted.rows]
    line = lambda what, value, floor, goal: dict(what=what, measured=value, floor=floor, goal=goal)  # noqa: E731
    return [
        line("autoencoder, renders: PSNR", f"{ours['psnr']:.1f} dB", "28 dB", "33 dB"),
        line("… above 8x average pooling", f"{ours['psnr'] - pooled['psnr']:.1f} dB", "3 dB", "–"),
        line("autoencoder, renders: SSIM", f"{ours['ssim']:.3f}", "0.88", "0.95"),
        line("autoencoder, real photographs: PSNR", f"{real['psnr']:.1f} dB", "24 dB", "28 dB"),
        line("CLIP: right caption among 32", f"{retrieval.rows[0]['retrieval']:.0%}", "85%", "97%"),
        line("scene of a generated picture recognised", share(generated.rows, "right"), "75%", "95%"),
        line("inpainting: person kept and scene as asked", share(both, "both"), "75%", "95%"),
    ]


def condition(rows):
    """The susceptibility table with a real autoencoder's published line beside ours: rows for report.table_markdown."""
    real = {row.quantity: row.value for row in published.numbers("autoencoder")}
    targets = {"attack": ("0.75", "0.55"), "attack, JPEG 75": ("a third back", "half back"), "noise": ("0.97", "0.99")}
    return [
        dict(
            condition=r["condition"],
            ours=r["ratio"],
            real=real.get(r["condition"]),
            floor=targets.get(r["condition"], ("–", "–"))[0],
            goal=targets.get(r["condition"], ("–", "–"))[1],
        )
        for r in rows
    ]


def given_back(rows):
    """Share of the attack's effect that JPEG 75 undoes."""
    found = {r["condition"]: r["ratio"] for r in rows}
    return (found["attack, JPEG 75"] - found["attack"]) / (1 - found["attack"])


def training():
    """The last line of each stage's training log, as shipped with the bundle."""
    return json.loads((profiles.BUNDLE / "training.json").read_text())


SCORE_HEADS = {"what": "on pictures no training saw", "measured": "measured", "floor": "floor", "goal": "goal"}
CONDITION_HEADS = {
    "condition": "picture",
    "ours": "bundled model, renders at 128 px",
    "floor": "floor",
    "goal": "goal",
    "real": "a real autoencoder, photographs at 192 px",
}


def score_notes(study):
    """Footnotes of the scorecard."""
    learned, rebuilt = SCALES[study.scale].learned, SCALES[study.scale].rebuilt
    accuracy = scene_classifier(learned)[1]
    return [
        f"The autoencoder: mean over {rebuilt} renders and five photographs.",
        f"The scene classifier (logistic regression on 16x16 thumbnails of {learned} renders) is right on {accuracy:.0%} of others.",
        "Inpainting is right where the person is kept within 3 dB of the autoencoder's own round trip and the classifier sees the scene"
        " that was asked for.",
        f"Model {study.profile.describe()}; seed {study.seed}, scale {study.scale}.",
    ]


def condition_notes(rows):
    """Footnotes of the susceptibility table."""
    return [
        "Distance of the latents to a grey picture's over the clean one's, mean over pictures; `noise moved`, `JPEG 75 alone`:"
        " see reproduce/world/train/quality.py.",
        f"The attack keeps {quality.MOMENTUM:.0%} of its direction from step to step; the methods of the papers, and"
        " `attack without momentum`, keep none.",
        f"JPEG 75 gives back {given_back(rows):.0%} of what the attack took (floor: a third, goal: half).",
        "The real autoencoder is a distilled Stable Diffusion autoencoder, 2.5 M parameters a side, measured for this project by 60 steps"
        " of attack; whether with momentum was not written down.",
    ]


def verdict(rows, scores):
    """Which floors were missed, and whether the organism has its condition: a few sentences from the rows."""
    found = {r["condition"]: r["ratio"] for r in rows}
    back = given_back(rows)
    lines = [
        f"The attack leaves {found['attack']:.2f} of the distance to grey, noise of the same size {found['noise']:.2f};"
        f" JPEG 75 gives back {back:.0%} of the difference."
    ]
    has = found["attack"] <= 0.75 and back >= 1 / 3 and found["noise"] >= 0.97
    lines.append(
        "The bundled encoder has the condition it was bred for."
        if has
        else "The bundled encoder does not fully have the condition it was bred for (floors: 0.75, a third, 0.97):"
        " read results about JPEG on this model with that in mind."
    )
    missed = [s["what"].strip("… ") for s in scores if _number(s["floor"]) is not None and _number(s["measured"]) < _number(s["floor"])]
    lines.append("Below their floors: " + "; ".join(missed) + "." if missed else "Every model is above its floor.")
    return "\n".join(lines)


def _number(text):
    """The leading number of "27.1 dB" or "93% of 68"; percentages and plain numbers alike; None where there is none."""
    head = text.split()[0].rstrip("%")
    try:
        return float(head)
    except ValueError:
        return None
