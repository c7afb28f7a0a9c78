"""What the rows of notebook 02 say: Tables 6 and 10 beside the published ones, controls, conventions, figures. Needs no torch."""

import math
import statistics

import matplotlib.pyplot as plt

from .. import report
from ..papers import published
from .ledger import TABLE6, TABLE10

ARMS = {"noise": "random noise", "encoder": "encoder attack", "diffusion": "diffusion attack"}
CONTROLS = ("same seed again", "round trip", *ARMS, "noise of the encoder attack's norm", "another seed")
LABELS = ARMS | {
    "clean": "no immunisation", "round trip": "autoencoder round trip", "noise of the encoder attack's norm": "noise of the attack's norm",
    "diffusion, prompted": "diffusion attack, made with the prompt",
    "another seed": "clean picture, another seed", "same seed again": "clean picture, same seed again",
}  # fmt: skip
NAMES = {"ssim": "SSIM", "psnr": "PSNR (dB)", "vifp": "VIFp", "fsim": "FSIM", "sr-sim": "SR-SIM", "gmsd": "GMSD", "vsi": "VSI",
         "dss": "DSS", "haarpsi": "HaarPSI", "fid": "FID", "pr": "PR"}  # fmt: skip
ARROWS = {"gmsd": "↓", "fid": "↓"}  # which way is similar; the paper's arrows
COLOURS = {"photograph": "#b9b9b9", "clean": "#6b6b6b", "noise": "#e69f00", "encoder": "#7fb8d9", "diffusion": "#0072b2"}
CONVENTIONS = {"ssim": "SSIM as piq has it", "ssim-sewar": "SSIM as sewar has it", "ssim_pasted": "clean person pasted back",
               "ssim_edited": "repainted region only"}  # fmt: skip


def chosen(rows, protection, seeds="fixed"):
    """The rows of one set of edits; seeds: "fixed" (the first of the list), "all" (the whole list), "best" or "none"."""
    rules = ("fixed", "list") if seeds == "all" else (seeds,)
    return [r for r in rows if r["seeds"] in rules and r["protection"] == protection]


def spread(rows, measure, digits=2):
    """Mean and deviation over edits, interval over images, as text: 0.58 ± 0.11 [0.55, 0.61]."""
    values = [r[measure] for r in rows]
    [line] = report.summarise(rows, [], measure)
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    places = 1 if abs(line["mean"]) >= 10 else digits
    interval = "" if math.isnan(line["low"]) else f" [{line['low']:.{places}f}, {line['high']:.{places}f}]"
    return f"{line['mean']:.{places}f} ± {deviation:.{places}f}{interval}"


def quality_table(rows, distances, table, seeds="fixed"):
    """Table 6 or 10, a line a measure: ours and the published number for noise, encoder and diffusion attack."""
    printed = {tuple(row.key.split("/")[2:]): row for row in published.numbers(f"photoguard/table{table}")}
    lines = []
    if table == 6:
        sets = {d["protection"]: d for d in distances if d["seeds"] == seeds}
        shown = (("fid", lambda d: f"{d['fid']:.2f}", "g"), ("pr", lambda d: f"{d['precision']:.2f} / {d['recall']:.2f}", ".2f"))
        for name, show, style in shown:
            line = {arm: show(sets[arm]) for arm in ARMS} | {f"{arm} printed": f"{printed[arm, name].value:{style}}" for arm in ARMS}
            lines.append(dict(measure=f"{NAMES[name]} {ARROWS.get(name, '↑')}", **line))
    for name in TABLE6 if table == 6 else TABLE10:
        line = dict(measure=f"{NAMES[name]} {ARROWS.get(name, '↑')}")
        for arm in ARMS:
            line[arm] = spread(chosen(rows, arm, seeds), name, 3)
            line[f"{arm} printed"] = f"{printed[arm, name].value:.2f} ± {printed[arm, name].spread:.2f}"
        lines.append(line)
    return lines


def quality_heads(study):
    """Headings that name both models and sizes."""
    ours, theirs = f"{study.name}, {study.profile.size} px", "SD 1.5, 512 px, printed"
    return {"measure": "measure"} | {
        key: f"{words}: {where}" for arm, words in ARMS.items() for key, where in ((arm, ours), (f"{arm} printed", theirs))
    }


def control_table(rows, distances):
    """What else changes an edit, and by how much: one line a control, FID, precision and recall beside SSIM."""
    sets = {d["protection"]: d for d in distances if d["seeds"] == "fixed"}
    return [
        dict(what=LABELS[arm], ssim=spread(found, "ssim", 3), psnr=spread(found, "psnr"), fit=spread(found, "fit", 3),
             fid=f"{sets[arm]['fid']:.2f}", precision=sets[arm]["precision"], recall=sets[arm]["recall"])
        for arm in CONTROLS if (found := chosen(rows, arm))
    ]  # fmt: skip


CONTROL_HEADS = {"what": "edited picture", "ssim": "SSIM to the clean edit", "psnr": "PSNR (dB)", "fit": "CLIP similarity to the prompt",
                 "fid": "FID", "precision": "precision", "recall": "recall"}  # fmt: skip


def convention_table(rows):
    """The same edits judged in four ways."""
    arms = [arm for arm in (*ARMS, "another seed") if chosen(rows, arm)]
    return [dict(convention=words, **{arm: spread(chosen(rows, arm), key, 3) for arm in arms}) for key, words in CONVENTIONS.items()]


CONVENTION_HEADS = {"convention": "how SSIM is taken"} | {arm: LABELS[arm] for arm in (*ARMS, "another seed")}


def settings_table(protections, rows):
    """Paper's, released and equal settings on the same pictures: size of the perturbation, loss, edits."""
    names = {r["image"] for r in protections if "," in r["protection"]} or {r["image"] for r in protections}
    lines = []
    for arm in dict.fromkeys(r["protection"] for r in protections):
        mine = [r for r in protections if r["protection"] == arm and r["image"] in names]
        found = [r for r in chosen(rows, arm) if r["image"] in names]
        mean = lambda key, mine=mine: statistics.mean(r[key] for r in mine)  # noqa: E731
        kind = arm if "," in arm else f"{arm}, paper"
        line = dict(what=kind, levels=round(max(r["levels"] for r in mine)), rms=mean("rms"), reads=mean("reads"), paints=mean("paints"))
        lines.append(line | dict(ssim=spread(found, "ssim", 3), fit=spread(found, "fit", 3), pictures=len(names)))
    return lines


SETTINGS_HEADS = {"what": "protection, settings", "levels": "largest change (levels)", "rms": "RMS over the kept region (levels)",
                  "reads": "encoder: left of the distance to grey", "paints": "four steps, no prompt: left of it",
                  "ssim": "SSIM to the clean edit", "fit": "CLIP similarity to the prompt", "pictures": "people"}  # fmt: skip


def setting_notes(lab):
    """One footnote a setting: where it is printed, and what differs."""
    told = {arm: one for arm, one in lab.protected.settings.items() if arm not in ARMS}
    return [f"{arm.capitalize()}: {one.source}. Differs: {one.differs}." for arm, one in told.items()]


def seed_table(rows):
    """A fixed seed beside a list of seeds and the seed of the list whose clean edit fits the prompt best (appendix A.1)."""
    shown = [(key, rule) for key in ("ssim", "fit") for rule in ("fixed", "all", "best")]
    return [
        dict(what=LABELS[arm], **{f"{key}, {rule}": spread(chosen(rows, arm, rule), key, 3) for key, rule in shown})
        for arm in ("clean", *ARMS)
    ]


def transfer_table(rows):
    """Does what is optimised without a prompt carry over? One line an attack; edits of few steps and many, without and with a prompt."""
    lines = {}
    for row in rows:
        lines.setdefault(row["protection"], {}).setdefault(f"{row['steps']} {row['prompted']}", []).append(row)
    return [
        dict(what=LABELS[arm]) | {column: spread(found, "ssim", 3) for column, found in columns.items()} for arm, columns in lines.items()
    ]


TRANSFER_NOTE = "SSIM to the clean edit of equal steps, prompt and seed; ± one deviation over people, [ ] the 95 % interval of the mean."


def transfer_verdict(rows):
    """What the prompt is worth to the diffusion attack, where edits are longest, asked with the prompt and without."""
    most, lines = max(r["steps"] for r in rows), []
    for prompted in (True, False):
        at = {(r["protection"], r["image"]): r["ssim"] for r in rows if r["steps"] == most and r["prompted"] == prompted}
        told = {}
        for arm in ("diffusion", "encoder"):
            lost = [dict(image=image, more=ssim - at["diffusion, prompted", image]) for (name, image), ssim in at.items() if name == arm]
            told[arm] = "{:.3f} [{:.3f}, {:.3f}]".format(*report.effect(lost, "more"))
        lines.append(
            f"In {most} steps {'with the prompt' if prompted else 'without a prompt'}, the diffusion attack made with the prompt takes"
            f" {told['diffusion']} more of SSIM from an edit than the one made without, and {told['encoder']} more than the encoder attack."
        )
    people = len({r["image"] for r in rows})
    return "\n".join([*lines, f"{people} people. With the prompt the attack also passes guidance, which this does not separate."])


def transfer_heads(rows):
    """Headings of `transfer_table`."""
    return {"what": "edited picture"} | {
        f"{r['steps']} {r['prompted']}": f"{r['steps']} steps, {'its prompt' if r['prompted'] else 'no prompt'}" for r in rows
    }


SEED_HEADS = {"what": "edited picture"} | {
    f"{key}, {rule}": f"{words}, {which}"
    for key, words in (("ssim", "SSIM"), ("fit", "CLIP similarity"))
    for rule, which in (("fixed", "first seed"), ("all", "all of the list"), ("best", "best of the list"))
}


def prompt_bars(rows):
    """Figure 7: CLIP similarity of edits to their prompts, medians with interquartile bars; the photograph itself as the floor."""
    groups = [("photograph", "none"), *((arm, "fixed") for arm in ("clean", *ARMS)), *((arm, "best") for arm in ("clean", *ARMS))]
    figure, ax = plt.subplots(figsize=(8.4, 4.2))
    places, ticks = [], []
    for arm, rule in groups:
        values = [r["fit"] for r in chosen(rows, arm, rule)]
        low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
        at = len(places) + (0.6 if rule == "fixed" else 1.2 if rule == "best" else 0)
        ax.bar(at, middle, width=0.72, color=COLOURS[arm])
        ax.errorbar(at, middle, yerr=[[middle - low], [high - middle]], color="#222222", capsize=3, linewidth=1.2)
        places.append(at)
        ticks.append({"photograph": "photograph,\nunedited", "clean": "none", "noise": "noise"}.get(arm, arm))
    ax.set_xticks(places, ticks)
    for rule, words in (("fixed", "a fixed seed"), ("best", "the best of a list of seeds")):
        mine = [at for at, (_, r) in zip(places, groups, strict=True) if r == rule]
        ax.text(sum(mine) / len(mine), -0.2, words, transform=ax.get_xaxis_transform(), ha="center", va="top", fontsize=10.5)
    lowest = min(r["fit"] for r in rows)
    ax.set_ylim(min(0, lowest), None)
    ax.grid(axis="x", visible=False)
    ax.set(ylabel="cosine, edit and prompt", title="Does the edit fit its prompt? Median, quartiles (after Figure 7)")
    return figure


def ladder(rows):
    """Method or evaluation: change (1 - SSIM) of every set of edits under four conventions, with intervals; returns the figure."""
    arms, least = [arm for arm in CONTROLS if chosen(rows, arm)], 1e-4
    figure, ax = plt.subplots(figsize=(9.4, 4.8))
    shapes = dict(zip(CONVENTIONS, (("#0072b2", "D"), ("#56b4e9", "o"), ("#e69f00", "s"), ("#d55e00", "^")), strict=True))
    for shift, (key, (colour, marker)) in enumerate(shapes.items()):
        lines = [report.summarise(chosen(rows, arm), [], key)[0] for arm in arms]
        mean, low, high = ([max(least, 1 - line[end]) for line in lines] for end in ("mean", "high", "low"))
        bars = [[m - e for m, e in zip(mean, low, strict=True)], [e - m for m, e in zip(mean, high, strict=True)]]
        bars = [[0 if math.isnan(v) else max(0, v) for v in side] for side in bars]
        at = [n + 0.16 * (shift - 1.5) for n in range(len(arms))]
        ax.errorbar(mean, at, xerr=bars, fmt=marker, color=colour, markersize=5, linewidth=1.2, label=CONVENTIONS[key])
    ax.set_xscale("log")
    ax.set_xlim(least * 0.7, 1)
    ax.set_yticks(range(len(arms)), [LABELS[arm] for arm in arms])
    ax.invert_yaxis()
    ax.set(xlabel="change of the edit, 1 - SSIM (logarithmic; less than 0.0001 is drawn there)")
    ax.set_title("How much is the method, how much the evaluation?")
    ax.legend(loc="upper right")
    return figure


def overshoot(rows):
    """The printed algorithm beside the attack it stands for: levels moved over steps; returns the figure."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
    for form, (colour, style) in {"as printed": ("#d55e00", "-"), "as in equation 4": ("#0072b2", "-")}.items():
        mine = [r for r in rows if r["form"] == form]
        steps = [r["step"] for r in mine]
        left.plot(steps, [r["largest"] for r in mine], style, color=colour, label=form)
        right.plot(steps, [100 * r["outside"] for r in mine], style, color=colour)
    left.axhline(16, color="#6b6b6b", linewidth=1, linestyle="--", label="the budget, 16 levels")
    for ax in (left, right):
        ax.xaxis.get_major_locator().set_params(integer=True)
    left.set(xlabel="step", ylabel="largest change (levels)", title="Algorithm 1, to the letter")
    right.set(xlabel="step", ylabel="values outside the range (%)")
    left.legend()
    return figure


def verdict(rows, ledger):
    """What held, in a few sentences made from the rows."""
    counts = {word: sum(line["verdict"] == word for line in ledger) for word in ("held", "not held", "undecided")}
    mean = {arm: statistics.mean(r["ssim"] for r in chosen(rows, arm)) for arm in (*ARMS, "another seed")}
    order = " < ".join(ARMS[arm] for arm in sorted(ARMS, key=lambda arm: 1 - mean[arm]))
    seed = 1 - mean["another seed"]
    share = {arm: (1 - mean[arm]) / seed for arm in ARMS}
    return (
        f"Of {len(ledger)} claims, {counts['held']} held, {counts['not held']} did not, {counts['undecided']} are undecided.\n\n"
        f"By how much they change an edit (1 - SSIM): {order}. Another seed changes it by {seed:.3f}; of that, noise changes"
        f" {share['noise']:.0%}, the encoder attack {share['encoder']:.0%}, the diffusion attack {share['diffusion']:.0%}."
    )


def notes(lab):
    """Footnotes: settings with their sources, what differs, models, seed and scale."""
    study, scale = lab.study, lab.scale
    told = {arm: lab.protected.settings[arm] for arm in ARMS}
    return [
        *(f"{ARMS[arm].capitalize()}: {one.source}. Differs: {one.differs}." for arm, one in told.items()),
        f"Edits: {lab.settings.source}; {scale.edit_steps} steps instead of 100, DDIM; {len(lab.people.names)} people x {scale.prompts}"
        f" prompts, a list of {scale.seeds} seeds; all but the person is repainted, and the attacks change and see the person alone."
        " Differs: the paper's pictures, masks, prompts and seeds are not published.",
        "± is one standard deviation over edits, [ ] the 95 % bootstrap interval of the mean over people. PR is precision / recall"
        " (Kynkäänniemi et al.; the paper cites Sajjadi et al. and prints one number; precision is the likelier).",
        f"Model {study.profile.describe()}; {lab.clip.name} ({lab.clip.fingerprint}); seed {study.seed}, scale {study.scale}.",
    ]
