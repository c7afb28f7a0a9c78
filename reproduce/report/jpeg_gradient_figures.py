"""The figures of notebook 05: agreement, attacks, spectra, edits. Needs no torch."""

import matplotlib.pyplot as plt

from . import looks
from .figures import curve, hline
from .jpeg_bypass import floor, same_seed
from .jpeg_bypass_figures import itself
from .page import Page
from .statistics import summarise

DRAWN = ("none", "mask", "polynomial", "exact, identity", "exact, Cauchy")  # of the surrogates, in the figure of attacks


def agreement_figure(rows):
    """Mean difference from the real file over quality, for all but the exact one; returns the figure."""
    figure, ax = plt.subplots(figsize=(7.2, 4.2))
    shown = [r for r in rows if r["form"] != "exact"]
    curve(ax, shown, "quality", "mean", "form", looks.FORMULATIONS)
    exact = max(r["worst"] for r in rows if r["form"] == "exact")
    ax.set(xlabel="JPEG quality", ylabel="mean difference (levels)", yscale="log", title="How far from the real file")
    ax.legend(loc="center left", bbox_to_anchor=(0.02, 0.52), ncols=2, fontsize=8.5)
    ax.annotate(f"ours: largest difference {exact:g}", (0.01, 0.02), xycoords="axes fraction", fontsize=9)
    return figure


def attack_figure(rows):
    """What an attack through each surrogate leaves of the distance to grey, on real files over quality; returns the figure."""
    trained = list(dict.fromkeys(r["through"] for r in rows))
    figure, axes = plt.subplots(1, len(trained), figsize=(5.5 * len(trained), 4.2), sharey=True, squeeze=False)
    for ax, quality in zip(axes[0], trained, strict=True):
        shown = [r for r in rows if r["through"] == quality and r["surrogate"] in DRAWN]
        curve(ax, shown, "quality", "grey_distance", "surrogate", looks.FORMULATIONS, none="no JPEG", band=False)
        ax.set(xlabel="quality of the file", ylabel="distance to grey left", title=f"Attacks through JPEG {quality}")
        ax.axvline(quality, color="#404040", linewidth=1, linestyle=":")
    for ax in axes[0, 1:]:
        ax.get_legend().remove()
        ax.set_ylabel("")
    return figure


def spectrum_figure(rows):
    """Left: energy of each perturbation per band of frequency. Right: the part of each that is left over quality. Returns the figure."""
    figure, (bars, lines) = plt.subplots(1, 2, figsize=(12, 4.4))
    names = list(dict.fromkeys(r["protection"] for r in rows))
    whole = [r for r in rows if r["quality"] is None and r["band"] != "all"]
    bands = list(dict.fromkeys(r["band"] for r in whole))
    for i, name in enumerate(names):
        drawn = looks.drawn(looks.PROTECTIONS, name, names)
        bottom = None
        for kind, hatch in (("brightness", ""), ("colour", "////")):
            mine = [r for r in whole if (r["protection"], r["kind"]) == (name, kind)]
            table = {row["band"]: row["mean"] for row in summarise(mine, ["band"], "share")}
            heights = [table[band] for band in bands]
            places = [k + (i - (len(names) - 1) / 2) * 0.27 for k in range(len(bands))]
            label = looks.label(looks.PROTECTIONS, name) if not hatch else None
            bars.bar(places, heights, 0.25, bottom=bottom, color=drawn["color"], alpha=0.55 if hatch else 1, hatch=hatch, label=label,
                     edgecolor="white", linewidth=0)  # fmt: skip
            bottom = heights
    bars.set_xticks(range(len(bands)), bands)
    bars.set(xlabel="cycles a pixel", ylabel="share of energy (hatched: colour)", title="Where the perturbation lies")
    bars.legend()
    everything = [r for r in rows if r["band"] == "all" and r["kind"] == "brightness"]
    curve(lines, everything, "quality", "kept", "protection", looks.PROTECTIONS, none="no JPEG")
    lines.set(xlabel="JPEG quality", ylabel="part left (brightness)", title="What a file leaves of it", ylim=(0, 1.05))
    lines.get_legend().remove()
    return figure


def edit_figure(rows):
    """SSIM of the edit over quality, plain and JPEG-aware; returns the figure."""
    figure, (edits, latents) = plt.subplots(1, 2, figsize=(11, 4.2))
    shown = [r for r in same_seed(rows, "variation") if not itself(r)]
    units = {"ssim": "SSIM to the clean picture's edit", "latent_shift": "latents moved / distance to grey"}
    for ax, (value, unit) in zip((edits, latents), units.items(), strict=True):
        curve(ax, shown, "quality", value, "protection", looks.PROTECTIONS, none="no JPEG")
        ax.axvspan(50, 95, color="#f2f2f2", zorder=0)
        ax.set(xlabel="JPEG quality (shaded: optimised for)", ylabel=unit)
    hline(edits, floor(rows, "variation"), looks.label(looks.PROTECTIONS, "another seed"))
    edits.set_title("Variation: does the edit come back?")
    latents.set_title("What the encoder reads")
    latents.get_legend().remove()
    return figure


def _agreement(rows, about):
    return agreement_figure(rows["05_agreement"])


def _attacks(rows, about):
    return attack_figure(rows["05_attacks"])


def _spectrum(rows, about):
    return spectrum_figure(rows["05_spectra"])


def _edits(rows, about):
    return edit_figure(rows["05_edits"])


PAGES = {
    "05_agreement_curves": Page("figure", ("05_agreement",), _agreement),
    "05_attacks_curves": Page("figure", ("05_attacks",), _attacks),
    "05_spectrum": Page("figure", ("05_spectra",), _spectrum),
    "05_edit_curves": Page("figure", ("05_edits",), _edits),
}
