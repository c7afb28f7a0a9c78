"""The figures of notebook 05: agreement, attacks, spectra, edits. Needs no torch."""

import math

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from . import looks
from .figures import curve, hline
from .jpeg_bypass import floor, same_seed
from .jpeg_bypass_figures import itself
from .jpeg_gradient import ATTACKED, PLAIN, differences
from .jpeg_spectra import KINDS, people
from .page import Page
from .statistics import summarise

BANDS = "bands: 95 % intervals of the mean over them"


def agreement_figure(rows):
    """Mean difference from the real file over quality, for all but the exact one; returns the figure."""
    figure, ax = plt.subplots(figsize=(9.6, 4.4))
    shown = [r for r in rows if r["form"] != "exact"]
    curve(ax, shown, "quality", "mean", "form", looks.FORMULATIONS)
    exact = max(r["worst"] for r in rows if r["form"] == "exact")
    ax.set(xlabel="JPEG quality", ylabel="mean difference (levels)", yscale="log", title="How far from the real file")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8.5, title=_over(rows), title_fontsize=8.5, alignment="left")
    ax.annotate(f"ours: largest difference {exact:g}", (0.01, 0.02), xycoords="axes fraction", fontsize=9)
    return figure


def attack_figure(rows):
    """How much more of the distance to grey each attack takes than the plain one, on real files over quality; returns the figure.

    A panel a surrogate, a line a quality that its attack was made for.
    """
    found = differences(rows, "surrogate", PLAIN, "grey_distance", ATTACKED)
    names, made = (list(dict.fromkeys(r[column] for r in found)) for column in ("surrogate", "through"))
    columns = min(4, len(names))
    lines = math.ceil(len(names) / columns)
    size = dict(figsize=(3.1 * columns, 2.6 * lines + 1.1))
    figure, axes = plt.subplots(lines, columns, sharex=True, sharey=True, squeeze=False, **size)
    for ax, name in zip(axes.flat, names, strict=False):
        mine = [r for r in found if r["surrogate"] == name]
        curve(ax, mine, "quality", "difference", "through", looks.MADE_FOR, none="no file")
        for quality in made:
            ax.axvline(quality, color=looks.drawn(looks.MADE_FOR, quality, made)["color"], linewidth=1, linestyle=":")
        ax.axhline(0, color="#404040", linewidth=1)
        ax.set(xlabel="quality of the file" if ax in axes[-1] else "", ylabel="")
        ax.set_title(looks.short(looks.FORMULATIONS, name), fontsize=10)
        ax.get_legend().remove()
    for ax in axes.flat[len(names) :]:
        ax.remove()
    _legend(figure, axes[0, 0], f"{_over(rows)}, paired. Dotted: the quality that an attack was made for")
    figure.suptitle("Attacks through each, beside the attack without JPEG in the loop (0; above: stronger)", x=0.01, ha="left",
                    fontweight="bold", fontsize=12)  # fmt: skip
    figure.supylabel("more of the distance to grey taken", fontsize=10)
    return figure


REMAINING = {"brightness": "of its amplitude, in brightness", "colour": "of its amplitude, in colour", "all": "of its energy, all channels"}


def spectrum_figure(rows):
    """First: energy of each perturbation per band of frequency. Then what of each remains over quality: of the amplitude in brightness
    and in colour, of the energy over all channels. Returns the figure."""
    figure, axes = plt.subplots(2, 2, figsize=(12, 8.4))
    _bars(axes[0, 0], rows)
    axes[0, 0].set_title(f"Where the perturbation lies ({_pictures(rows)})")
    for ax, kind in zip(axes.flat[1:], KINDS, strict=True):
        value = "kept_energy" if kind == "all" else "kept"
        mine = [r for r in rows if (r["band"], r["kind"]) == ("all", kind)]
        curve(ax, mine, "quality", value, "protection", looks.PROTECTIONS, none="no JPEG")
        ax.set(xlabel="JPEG quality", ylabel="part that remains", title=f"What remains in a file {REMAINING[kind]}", ylim=(0, 1.05))
        ax.get_legend().remove()
    hline(axes[1, 1], 0.5, "half")
    note = "“Remains”: the projection of what the file leaves onto the perturbation, band by band; what it puts in its place is not in it"
    figure.supxlabel(f"{note}. {_over(rows)}", fontsize=9)
    return figure


def _bars(ax, rows):
    names = list(dict.fromkeys(r["protection"] for r in rows))
    whole = [r for r in rows if r["quality"] is None and r["band"] != "all"]
    bands = list(dict.fromkeys(r["band"] for r in whole))
    for i, name in enumerate(names):
        drawn, bottom = looks.drawn(looks.PROTECTIONS, name, names), None
        for kind, hatch in (("brightness", ""), ("colour", "////")):
            mine = [r for r in whole if (r["protection"], r["kind"]) == (name, kind)]
            table = {row["band"]: row["mean"] for row in summarise(mine, ["band"], "share")}
            heights = [table[band] for band in bands]
            places = [k + (i - (len(names) - 1) / 2) * 0.27 for k in range(len(bands))]
            label = looks.label(looks.PROTECTIONS, name) if not hatch else None
            ax.bar(places, heights, 0.25, bottom=bottom, color=drawn["color"], alpha=0.55 if hatch else 1, hatch=hatch, label=label,
                   edgecolor="white", linewidth=0)  # fmt: skip
            bottom = heights
    ax.set_xticks(range(len(bands)), bands)
    ax.set(xlabel="cycles a pixel", ylabel="share of energy (hatched: colour)")
    ax.legend()


def edit_figure(rows):
    """SSIM of the edit over quality, plain and JPEG-aware; returns the figure."""
    figure, (edits, latents) = plt.subplots(1, 2, figsize=(11, 4.2))
    shown = [r for r in same_seed(rows, "variation") if not itself(r)]
    units = {"ssim": "SSIM to the clean picture's edit", "latent_shift": "latent shift / distance to grey"}
    for ax, (value, unit) in zip((edits, latents), units.items(), strict=True):
        curve(ax, shown, "quality", value, "protection", looks.PROTECTIONS, none="no JPEG")
        ax.axvspan(50, min(95, max(r["quality"] or 50 for r in shown)), color="#f2f2f2", zorder=0)
        ax.set(xlabel="JPEG quality (shaded: optimised for)", ylabel=unit)
    hline(edits, floor(rows, "variation"), looks.label(looks.PROTECTIONS, "another seed"))
    edits.set_title(f"Variation: does the edit come back? ({_pictures(shown)})")
    latents.set_title("What the encoder reads")
    latents.get_legend().remove()
    edits.get_legend().remove()
    _legend(figure, edits, _over(shown))
    return figure


def _over(rows):
    """Whose means and intervals a figure draws."""
    return f"{_pictures(rows)}; {BANDS}"


def _pictures(rows):
    return f"{people(rows)} picture{'s' if people(rows) != 1 else ''}"


def _legend(figure, ax, title):
    """The legend of one panel below them all."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), title=title, title_fontsize=9, alignment="left")


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
