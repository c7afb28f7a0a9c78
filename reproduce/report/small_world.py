"""What the rows of notebook 00 add up to: the scorecard, the condition, the verdict. Needs no torch."""

from ..papers import published
from .page import Page
from .statistics import Table, summarise, table_markdown

SCORE_HEADS = {"what": "on pictures no training saw", "measured": "measured", "floor": "floor", "goal": "goal"}
CONDITION_HEADS = {
    "condition": "picture",
    "ours": "bundled model, renders at 128 px",
    "floor": "floor",
    "goal": "goal",
    "real": "a real autoencoder, photographs at 192 px",
}
TARGETS = {"attack": ("0.75", "0.55"), "attack, JPEG 75": ("a third back", "half back"), "noise": ("0.97", "0.99")}  # floor, goal


def scorecard(generated, inpainted, reconstruction, retrieval):
    """How good the models are, beside the floors and goals they were built for: rows in, rows for table_markdown out."""
    codec = {(r["pictures"], r["codec"]): r for r in reconstruction}
    ours, pooled, real = codec["renders", "autoencoder"], codec["renders", "8x average pooling"], codec["photographs", "autoencoder"]
    both = [r["kept"] and r["right"] for r in inpainted]
    return [
        _line("autoencoder, renders: PSNR", f"{ours['psnr']:.1f} dB", "28 dB", "33 dB"),
        _line("… above 8x average pooling", f"{ours['psnr'] - pooled['psnr']:.1f} dB", "3 dB", "–"),
        _line("autoencoder, renders: SSIM", f"{ours['ssim']:.3f}", "0.88", "0.95"),
        _line("autoencoder, real photographs: PSNR", f"{real['psnr']:.1f} dB", "24 dB", "28 dB"),
        _line("CLIP: right caption among 32", f"{retrieval[0]['retrieval']:.0%}", "85%", "97%"),
        _line("scene of a generated picture recognised", _share([r["right"] for r in generated]), "75%", "95%"),
        _line("inpainting: person kept and scene as asked", _share(both), "75%", "95%"),
    ]


def _line(what, measured, floor, goal):
    return dict(what=what, measured=measured, floor=floor, goal=goal)


def _share(answers):
    return f"{sum(answers) / len(answers):.0%} of {len(answers)}"


def condition(rows):
    """The susceptibility table with a real autoencoder's published line beside ours: rows for table_markdown."""
    real = {row.quantity: row.value for row in published.numbers("autoencoder")}
    lines = []
    for row in summarise(rows, "condition", "ratio"):
        floor, goal = TARGETS.get(row["condition"], ("–", "–"))
        ours = row["mean"], row["low"], row["high"]
        lines.append(dict(condition=row["condition"], ours=ours, real=real.get(row["condition"]), floor=floor, goal=goal))
    return lines


def given_back(rows):
    """Share of the attack's effect that JPEG 75 undoes."""
    found = _ratios(rows)
    return (found["attack, JPEG 75"] - found["attack"]) / (1 - found["attack"])


def _ratios(rows):
    """Condition -> mean ratio over pictures."""
    return {line["condition"]: line["mean"] for line in summarise(rows, "condition", "ratio")}


def score_notes(about):
    """Footnotes of the scorecard."""
    return [
        f"The autoencoder: mean over {about.count('rebuilt')} renders and five photographs.",
        f"The scene classifier (logistic regression on 16x16 thumbnails of {about.count('learned')} renders) is right on"
        f" {about.settings['classifier']:.0%} of others.",
        "Inpainting is right where the person is kept within 3 dB of encode-decode by the autoencoder and the classifier sees the scene"
        " that was asked for.",
        about.model_note(),
    ]


def condition_notes(rows, about):
    """Footnotes of the susceptibility table."""
    pictures = len({row["subject"] for row in rows})
    others = " and ".join(f"{row.value:.2f}" for row in published.numbers("encoders"))
    return [
        f"Distance of the latents to a grey picture's over the clean one's, mean over {pictures} pictures; `noise moved`, `JPEG 75 alone`:"
        " see reproduce/world/train/quality.py.",
        f"The attack keeps {about.settings['momentum']:.0%} of its direction from step to step; the methods of the papers, and"
        " `attack without momentum`, keep none.",
        f"JPEG 75 restores {given_back(rows):.0%} of what the attack took (floor: a third, goal: half).",
        "The real autoencoder is a distilled Stable Diffusion autoencoder, 2.5 M parameters a side, measured for this project by 60 steps"
        f" of attack; whether with momentum was not written down. It is one kind of encoder: two other released small ones left {others}"
        " (six photographs, 128 px, 60 steps).",
    ]


def verdict(rows, scores):
    """Which floors were missed, and whether the organism has its condition: a few sentences from the rows."""
    found = _ratios(rows)
    back = given_back(rows)
    lines = [
        f"The attack leaves {found['attack']:.2f} of the distance to grey, noise of the same size {found['noise']:.2f};"
        f" JPEG 75 restores {back:.0%} of the difference."
    ]
    has = found["attack"] <= 0.75 and back >= 1 / 3 and found["noise"] >= 0.97
    lines.append(
        "The bundled encoder has the condition it was bred for."
        if has
        else "The bundled encoder does not fully have the condition it was bred for (floors: 0.75, a third, 0.97):"
        " read results about JPEG on this model with that in mind."
    )
    missed = [score["what"].strip("… ") for score in scores if _below(score)]
    lines.append("Below their floors: " + "; ".join(missed) + "." if missed else "Every model is above its floor.")
    return "\n\n".join(lines)


def _below(score):
    floor = _number(score["floor"])
    return floor is not None and _number(score["measured"]) < floor


def _number(text):
    """The leading number of "27.1 dB" or "93% of 68"; percentages and plain numbers alike; None where there is none."""
    head = text.split()[0].rstrip("%")
    try:
        return float(head)
    except ValueError:
        return None


# --- pages -----------------------------------------------------------------------------------------------------------------

_SCORED = ("00_generated_rows", "00_inpainted_rows", "00_reconstruction_rows", "00_retrieval_rows")


def _scores(rows):
    return scorecard(*(rows[name] for name in _SCORED))


def _scorecard(rows, about):
    return table_markdown(_scores(rows), SCORE_HEADS, score_notes(about))


def _condition(rows, about):
    found = rows["00_condition_rows"]
    return table_markdown(condition(found), CONDITION_HEADS, condition_notes(found, about))


def _verdict(rows, about):
    return Table(verdict(rows["00_condition_rows"], _scores(rows)))


PAGES = {
    "00_scorecard": Page("table", _SCORED, _scorecard),
    "00_condition": Page("table", ("00_condition_rows",), _condition),
    "00_verdict": Page("text", (*_SCORED, "00_condition_rows"), _verdict),
}
