"""The figures of notebook 01: similarity over quality, the encoder's reading, the original photograph. Needs no torch."""

import matplotlib.pyplot as plt

from . import looks
from .figures import curve, hline, noted, people
from .jpeg_bypass import attack, floor, throughout
from .page import Page
from .statistics import summarise

UNITS = {"ssim": "SSIM", "psnr": "PSNR (dB)"}


def curves(rows, misuse):
    """SSIM and PSNR of the edit against the clean edit, over quality; the seed floor as a line; returns the figure."""
    chosen = throughout(rows, misuse)
    if not chosen:
        return _nothing(f"this profile's model has no denoiser for {misuse}")
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2))
    for ax, (measure, unit) in zip(axes, UNITS.items(), strict=True):
        shown = chosen if measure == "ssim" else [r for r in chosen if not itself(r)]  # a picture has no PSNR to itself
        curve(ax, shown, "quality", measure, "protection", looks.PROTECTIONS, none="no JPEG")
        hline(ax, floor(rows, misuse, measure), looks.label(looks.PROTECTIONS, "another seed"))
        ax.set(xlabel="JPEG quality", ylabel=f"{unit} to the clean picture's edit")
    axes[1].get_legend().remove()
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 0.12))  # above the line of the other seed
    axes[0].set_title(f"{misuse.capitalize()}: does the edit come back?")
    return noted(figure, f"{people(chosen)} The clean picture without JPEG is the reference itself: SSIM 1, no PSNR.")


def itself(row):
    """Whether an edit would be compared with itself: that of the clean, uncompressed picture."""
    return row["protection"] == "clean" and row["quality"] is None


def latents(rows):
    """How far JPEG and the protections move the encoder's reading, over quality; returns the figure."""
    figure, ax = plt.subplots(figsize=(7.2, 4.4))
    chosen = throughout(rows, rows[0]["misuse"])
    curve(ax, chosen, "quality", "latent_shift", "protection", looks.PROTECTIONS, none="no JPEG")
    ax.set(xlabel="JPEG quality", ylabel="latent shift / distance to grey", title="What the encoder reads")
    return noted(figure, f"{people(chosen)} The shift is from the latents of the clean, uncompressed picture, whatever its direction.")


def to_photo(rows):
    """What each protection takes from the SSIM and PSNR of the edit to the original photograph, paired, over quality; returns the figure.

    Thin lines: single people, under the attack that the rows are about.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    chosen = throughout(rows, rows[0]["misuse"])
    for ax, (measure, unit) in zip(axes, UNITS.items(), strict=True):
        paired = _beside_clean(chosen, f"{measure}_to_photo")
        for subject in dict.fromkeys(r["subject"] for r in paired):
            _person(ax, [r for r in paired if r["subject"] == subject and r["protection"] == attack(chosen)])
        curve(ax, paired, "quality", "more", "protection", looks.PROTECTIONS, none="no JPEG")
        hline(ax, 0)
        ax.set(xlabel="JPEG quality", ylabel=f"difference in {unit} to photograph")
    axes[1].get_legend().remove()
    axes[0].set_title("Against the photograph (means little)")
    told = f"{people(chosen)} Differences are paired: protected minus clean, same person, prompt, seed and quality."
    return noted(figure, f"{told} Thin lines: single people, {looks.short(looks.PROTECTIONS, attack(chosen))}.")


def _beside_clean(rows, measure):
    """How much more of a measure an edit has than the clean picture's at the same quality: a row an edit of the others."""
    clean = {(r["subject"], r["prompt"], r["quality"]): r[measure] for r in rows if r["protection"] == "clean"}
    paired = []
    for r in rows:
        if r["protection"] != "clean":
            more = r[measure] - clean[r["subject"], r["prompt"], r["quality"]]
            paired.append({key: r[key] for key in ("subject", "protection", "quality")} | {"more": more})
    return paired


def _person(ax, rows):
    """One person's differences as a thin line, prompts averaged."""
    points = sorted((line["quality"], line["mean"]) for line in summarise(rows, "quality", "more") if line["quality"] is not None)
    colour = looks.drawn(looks.PROTECTIONS, rows[0]["protection"], [rows[0]["protection"]])["color"]
    ax.plot(*zip(*points, strict=True), color=colour, linewidth=0.7, alpha=0.45, zorder=1)


def _nothing(why):
    figure, ax = plt.subplots(figsize=(7.2, 1.2))
    ax.set_axis_off()
    ax.text(0, 0.5, why)
    return figure


def _curves(misuse):
    def make(rows, about):
        return curves(rows["01_edits"], misuse)

    return make


def _latents(rows, about):
    return latents(rows["01_edits"])


def _to_photo(rows, about):
    return to_photo(rows["01_edits"])


PAGES = {
    "01_curves": Page("figure", ("01_edits",), _curves("variation")),
    "01_inpainting_curves": Page("figure", ("01_edits",), _curves("inpainting")),
    "01_latents": Page("figure", ("01_edits",), _latents),
    "01_to_photo": Page("figure", ("01_edits",), _to_photo),
}
