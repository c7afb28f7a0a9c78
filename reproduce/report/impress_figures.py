"""The figures of notebook 03: IMPRESS over its settings and over its steps. Needs no torch."""


import matplotlib.pyplot as plt
import numpy as np
from matplotlib.transforms import offset_copy

from . import looks
from .page import Page
from .purification import UNTREATED, chosen, counted, listed, mean, protection, purifier

TURNED = {  # name -> words, scale of the axis, below what a logarithmic one is linear
    "alpha": ("weight alpha (log, 0 apart)", "symlog", 0.003),
    "budget": ("budget of the distance (log)", "log", None), "rate": ("learning rate (log)", "log", None),
    "noise": ("start noise (levels)", "linear", None), "steps": ("steps (log)", "log", None),
    "norm": ("squared errors", "names", None),
}  # fmt: skip
EDIT, PICTURE = looks.BLUE, looks.ORANGE
FOLLOWED = {  # IMPRESS's arms where they are lines beside each other, which one blue for all would not tell apart
    "IMPRESS, released in half": "#000000", "IMPRESS, released": looks.ORANGE, "IMPRESS, fp32": "#009e73", "IMPRESS": looks.BLUE,
}  # fmt: skip


def settings(rows, turned):
    """Small multiples: SSIM of edit and picture over each of IMPRESS's settings, the others as they are; returns the figure.

    turned: name -> list of (value, the change in the words of the rows, "" where the value is as it is). Numbers stand where they are on
    their axis; bars are 95 % intervals over people and may run out of the picture.
    """
    [arm] = listed(rows, "protection")
    untreated = mean(chosen(rows, arm, UNTREATED), "ssim")[0]
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), sharey=True)
    curves = (("ssim", EDIT, "o", -3, "edit, to the clean edit"), ("picture_ssim", PICTURE, "s", 3, "picture, to the photograph"))
    means = [untreated]
    for ax, (name, (words, scale, linear)) in zip(axes.flat, TURNED.items(), strict=True):
        values, changes = zip(*sorted(turned[name], key=_place), strict=True)
        at = list(range(len(values))) if scale == "names" else list(values)
        ax.plot(at, [untreated] * len(at), color=EDIT, linewidth=1, linestyle=(0, (4, 3)), label="edit, not purified")
        for key, colour, marker, aside, label in curves:
            found = [mean(chosen(rows, arm, "IMPRESS", change), key) for change in changes]
            beside = offset_copy(ax.transData, figure, x=aside, units="points")  # bars of one value stand beside each other
            line = dict(color=colour, marker=marker, label=label, linestyle="none" if scale == "names" else "-", transform=beside)
            _with_intervals(ax, at, found, **line)
            means += [one[0] for one in found]
        ax.axvline(at[changes.index("")], color="#bdbdbd", linewidth=8, alpha=0.35, zorder=0)
        _axis(ax, at, values, scale, linear)
        ax.set_title(words, fontsize=10.5)
    for ax in axes[:, 0]:
        ax.set_ylabel("SSIM")
    axes[0, 0].set_ylim(min(means) - 0.1, min(1.0, max(means) + 0.1))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=3, fontsize=9)
    title = f"IMPRESS, one setting turned at a time: {counted(rows)}"
    figure.suptitle(f"{title} (grey band: as it is; bars: 95 % over people)", x=0.01, ha="left", weight="bold", fontsize=11.5)
    return figure


def _place(pair):
    """Numbers by size; words stay in their order."""
    return pair[0] if isinstance(pair[0], (int, float)) else 0


def _with_intervals(ax, at, found, **line):
    """A line through the means of (mean, low, high), with bars where there is an interval."""
    means, lows, highs = (np.array(one) for one in zip(*found, strict=True))
    reach = np.nan_to_num([means - lows, highs - means])
    ax.errorbar(at, means, yerr=reach, capsize=2.5, elinewidth=1, **line)


def _axis(ax, at, values, scale, linear):
    """A horizontal axis of that scale with a tick at every value, and room at both ends."""
    if scale == "symlog":
        ax.set_xscale("symlog", linthresh=linear, linscale=0.4)
    elif scale == "log":
        ax.set_xscale("log")
    ax.set_xticks(at, [value if isinstance(value, str) else f"{value:.3g}" for value in values])
    ax.minorticks_off()
    if scale == "names":
        ax.set_xlim(-0.5, len(at) - 0.5)
    ax.margins(x=0.12)


def steps(rows):
    """What IMPRESS changes in the SSIM of edit and picture over its steps, a line an arm; returns the figure.

    Every value is less the same person's without purification, so that bands, 95 % intervals over people, are of paired differences.
    """
    [arm] = listed(rows, "protection")
    followed = [row for row in rows if row["step"] is not None]
    taken, [total] = sorted({row["step"] for row in followed}), listed(followed, "of")
    figure, axes = plt.subplots(1, 2, figsize=(11.4, 4.8))
    curves = (
        ("ssim", "SSIM of the edit to the clean edit", "What is restored"),
        ("picture_ssim", "SSIM of the picture to the photograph", "Likeness of the picture"),
    )
    for ax, (key, words, title) in zip(axes, curves, strict=True):
        ax.axhline(0, color=looks.GREY, linewidth=1, linestyle=(0, (4, 3)), label="not purified")
        changes = _less_untreated(followed, chosen(rows, arm, UNTREATED), key)
        for name in listed(followed, "purifier"):
            found = [mean([row for row in chosen(changes, arm, name) if row["step"] == step], "less") for step in taken]
            means, lows, highs = zip(*found, strict=True)
            ax.plot(taken, means, label=purifier(name), color=FOLLOWED[name], marker=looks.PURIFIERS[name].marker)
            ax.fill_between(taken, lows, highs, color=FOLLOWED[name], alpha=0.15, linewidth=0)
        _axis(ax, taken, taken, "symlog", min([step for step in taken if step], default=1))
        ax.set(xlabel="step (logarithmic, the start apart)", ylabel=f"{words},\nless that without purification")
        ax.set_title(title)
    axes[0].legend(fontsize=8.5, loc="upper left")
    title = f"IMPRESS over one run of {total:g} steps, {protection(arm)}: {counted(rows)}; bands: 95 %"
    figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=11.5)
    return figure


def _less_untreated(rows, untreated, key):
    """Rows with `less`: a column less that of the same person and prompt untreated."""
    before = {(row["subject"], row["prompt"]): row[key] for row in untreated}
    return [row | {"less": row[key] - before[row["subject"], row["prompt"]]} for row in rows]


def _turned(rows, about):
    return settings(rows["03_setting_rows"], about.settings["turned"])


def _steps(rows, about):
    return steps(rows["03_step_rows"])


PAGES = {
    "03_turned": Page("figure", ("03_setting_rows",), _turned),
    "03_steps": Page("figure", ("03_step_rows",), _steps),
}
