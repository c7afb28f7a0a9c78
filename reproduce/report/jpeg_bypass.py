"""What the rows of notebook 01 say: effects, the answer in one sentence, curves and tables. Needs no torch."""

import matplotlib.pyplot as plt

from .. import protect, report
from ..papers import photoguard as paper
from ..papers import published

LABELS = {"clean": "clean picture", "noise": "uniform noise", "photoguard-encoder": "PhotoGuard, encoder attack"}
SHOWN = (None, 95, 85, 75, 50, 30, 15, 5)  # qualities in tables and in the picture grid
GONE = 0.1  # the protection counts as gone where less than this share of its effect is left


def same_seed(rows, edit, group="people"):
    """The rows of one kind of edit on one group of pictures, without the seed floor."""
    return [r for r in rows if r["edit"] == edit and r["group"] == group and r["seed"] == "same"]


def floor(rows, edit, measure="ssim", group="people"):
    """Mean of `measure` between two clean edits with different seeds."""
    found = [r for r in rows if r["edit"] == edit and r["group"] == group and r["seed"] == "other"]
    return report.summarise(found, ["edit"], measure)[0]["mean"]


def effects(rows, edit, protection="photoguard-encoder", measure="ssim", group="people"):
    """Effect of a protection per quality: how much less similar its edit is than that of the clean picture at that quality.

    One dict a quality: quality, mean, low, high (95 % bootstrap over images, paired by image and prompt), n, and share, the part of
    the effect without JPEG that is left.
    """
    chosen = same_seed(rows, edit, group)
    clean = {(r["image"], r["prompt"], r["quality"]): r[measure] for r in chosen if r["protection"] == "clean"}
    paired = [
        dict(
            image=r["image"],
            quality=r["quality"],
            effect=clean[r["image"], r["prompt"], r["quality"]] - r[measure],
        )
        for r in chosen
        if r["protection"] == protection
    ]
    table = report.summarise(paired, ["quality"], "effect")
    whole = next(row["mean"] for row in table if row["quality"] is None)
    return [row | {"share": row["mean"] / whole if whole else float("nan")} for row in table]


def answer(rows, edit, measure="ssim"):
    """One sentence: from which quality down is the protection gone?"""
    if not same_seed(rows, edit):
        return f"This profile's model has no denoiser for {edit}."
    table = effects(rows, edit, measure=measure)
    whole = next(row for row in table if row["quality"] is None)
    noise = next(row for row in effects(rows, edit, "noise", measure) if row["quality"] is None)
    stated = (
        f"Without JPEG, PhotoGuard lowers the {measure.upper()} of the {edit} by {_interval(whole)} (uniform noise: {_interval(noise)})"
    )
    if not whole["low"] > 0:
        return f"{stated}; that is no clear effect, so there is nothing for JPEG to remove."
    lost = [row for row in sorted((r for r in table if r["quality"] is not None), key=lambda r: -r["quality"])]
    half = next((r["quality"] for i, r in enumerate(lost) if all(s["share"] < 0.5 for s in lost[i:])), None)
    gone = next(
        (r["quality"] for i, r in enumerate(lost) if all(s["share"] < GONE or s["low"] <= 0 for s in lost[i:])),
        None,
    )
    tail = f"it has lost half of that from quality {half} down" if half else "it keeps more than half of that at every quality"
    end = f"is gone (no clear effect, or under {GONE:.0%}) from quality {gone} down" if gone else "is never quite gone"
    return f"{stated}; {tail}, and {end}."


def _interval(row):
    return f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def effect_table(rows, edit, qualities=SHOWN):
    """Rows for report.table_markdown: similarity per protection, effects and what is left, at the qualities shown."""
    chosen = same_seed(rows, edit)
    if not chosen:
        return [dict.fromkeys(HEADS) | {"quality": f"no {edit} on this model"}]
    ssim = {
        (r["protection"], r["quality"]): (r["mean"], r["low"], r["high"])
        for r in report.summarise(chosen, ["protection", "quality"], "ssim")
    }
    psnr = {
        (r["protection"], r["quality"]): (r["mean"], r["low"], r["high"])
        for r in report.summarise(chosen, ["protection", "quality"], "psnr")
    }
    left = {r["quality"]: r for r in effects(rows, edit)}
    return [
        dict(
            quality="no JPEG" if q is None else q,
            clean=ssim["clean", q],
            noise=ssim["noise", q],
            protected=ssim["photoguard-encoder", q],
            psnr=psnr["photoguard-encoder", q],
            effect=(left[q]["mean"], left[q]["low"], left[q]["high"]),
            share=f"{left[q]['share']:.0%}",
        )
        for q in qualities
        if q in left
    ]


HEADS = {
    "quality": "JPEG quality",
    "clean": "SSIM, clean",
    "noise": "SSIM, noise",
    "protected": "SSIM, PhotoGuard",
    "psnr": "PSNR, PhotoGuard (dB)",
    "effect": "effect of PhotoGuard (SSIM)",
    "share": "left of it",
}


def published_rows():
    """What others printed for JPEG on PhotoGuard, on Stable Diffusion at 512 px: rows for report.table_markdown."""
    found = [row for row in published.numbers() if row.key.startswith(("diffvax/", "dia/")) and "jpeg" in row.key]
    return [{name: getattr(row, name) for name in PUBLISHED_HEADS} for row in found]


def curves(rows, edit):
    """SSIM and PSNR of the edit against the clean edit, over quality; the seed floor as a line; returns the figure."""
    if not same_seed(rows, edit):
        return _nothing(f"this profile's model has no denoiser for {edit}")
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2))
    for ax, (measure, unit) in zip(axes, (("ssim", "SSIM"), ("psnr", "PSNR (dB)")), strict=True):
        shown = [r for r in same_seed(rows, edit) if not (r["protection"] == "clean" and r["quality"] is None)]  # equal to itself
        report.curve(ax, shown, "quality", measure, "protection", none="no JPEG", labels=LABELS)
        report.hline(ax, floor(rows, edit, measure), "another seed, clean picture")
        ax.set(xlabel="JPEG quality", ylabel=f"{unit} to the clean picture's edit")
    pictures = len({r["image"] for r in same_seed(rows, edit)})
    axes[1].get_legend().remove()
    axes[0].set_title(f"{edit.capitalize()}: does the edit come back? ({pictures} pictures)")
    return figure


def latents(rows):
    """How far JPEG and the protections move the encoder's reading, over quality; returns the figure."""
    figure, ax = plt.subplots(figsize=(7.2, 4.2))
    report.curve(ax, same_seed(rows, rows[0]["edit"]), "quality", "latents_moved", "protection", none="no JPEG", labels=LABELS)
    ax.set(xlabel="JPEG quality", ylabel="latents moved / distance to grey", title="What the encoder reads")
    return figure


def to_photo(rows):
    """SSIM and PSNR of the edit against the original photograph, over quality; returns the figure."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2))
    for ax, (measure, unit) in zip(axes, (("ssim_to_photo", "SSIM"), ("psnr_to_photo", "PSNR (dB)")), strict=True):
        report.curve(ax, same_seed(rows, rows[0]["edit"]), "quality", measure, "protection", none="no JPEG", labels=LABELS)
        ax.set(xlabel="JPEG quality", ylabel=f"{unit} to the original photograph")
    axes[1].get_legend().remove()
    axes[0].set_title("Against the original (means little)")
    return figure


def _nothing(why):
    figure, ax = plt.subplots(figsize=(7.2, 1.2))
    ax.set_axis_off()
    ax.text(0, 0.5, why)
    return figure


PROTECTION_HEADS = {"group": "pictures", "protection": "protection", "levels": "largest change (levels)", "rms": "RMS (levels)",
                    "psnr": "PSNR (dB)", "ssim": "SSIM"}  # fmt: skip
PUBLISHED_HEADS = {"paper": "paper", "place": "place", "condition": "condition", "quantity": "quantity", "value": "value",
                   "standing": "standing"}  # fmt: skip


def protection_table(rows):
    """One line a group and protection: how large the perturbation is on the stored pictures."""
    lines = []
    for group, protection in dict.fromkeys((r["group"], r["protection"]) for r in rows):
        mine = [r for r in rows if (r["group"], r["protection"]) == (group, protection)]
        mean = {key: sum(r[key] for r in mine) / len(mine) for key in ("rms", "psnr", "ssim")}
        lines.append(dict(group=group, protection=LABELS[protection], levels=round(max(r["levels"] for r in mine)), **mean))
    return lines


def notes(bypass):
    """Footnotes: settings with their sources, what differs, model, seed and scale."""
    scale, study = bypass.scale, bypass.study
    chosen = protect.record("photoguard-encoder", bypass.settings, steps=scale.attack_steps)
    edits = paper.PHOTOGUARD_EDIT
    return [
        f"PhotoGuard ({bypass.settings}): eps {chosen.eps:g} levels, {chosen.steps} steps of {chosen.step:g}; {chosen.source}."
        f" Differs: {chosen.differs}.",
        f"Variation: {edits['released variation'].source}; {scale.variation_steps} steps, strength 0.5, DDIM."
        f" Inpainting: {edits['released inpainting'].source}; {scale.inpainting_steps} steps instead of 100.",
        "Effect: SSIM of the clean picture's edit minus that of the protected picture's, both at this quality, against the clean,"
        " uncompressed edit; paired; mean and 95 % bootstrap interval over pictures.",
        f"JPEG: as Pillow has it, {bypass.subsampling}. Model {study.profile.describe()}; seed {study.seed}, scale {study.scale};"
        f" {len(bypass.sets['people'].names)} pictures.",
    ]


def verdict(rows):
    """What held of the note's claim on this model: the answer per kind of edit, and what JPEG does to the latents."""
    kinds = list(dict.fromkeys(r["edit"] for r in rows))
    lines = [f"{kind.capitalize()}. {answer(rows, kind)}" for kind in kinds]
    table = report.summarise(same_seed(rows, kinds[0]), ["protection", "quality"], "latents_moved")
    moved = {(r["protection"], r["quality"]): r["mean"] for r in table}
    whole, after, alone = (moved.get(key) for key in (("photoguard-encoder", None), ("photoguard-encoder", 75), ("clean", 75)))
    if whole and after is not None:
        lines.append(
            f"Latents. The attack moves them by {whole:.2f} of their distance to grey. After JPEG 75 the protected picture's lie"
            f" {after:.2f} from where the clean one's were, and the clean picture's own {alone:.2f}: part of that distance is JPEG's,"
            " whatever became of the attack. How much JPEG gives back along the attack's own way, towards grey, is in notebook 00."
        )
    return "\n\n".join(lines)
