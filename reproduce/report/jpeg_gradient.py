"""What the rows of notebook 05 say: tables, figures and the verdict. Needs no torch."""

import matplotlib.pyplot as plt

from .. import report
from . import jpeg_bypass

NAMES = {  # formulation or surrogate -> what it is called in tables and legends
    "exact": "ours: exact",
    "straight-through": "Diff-JPEG, straight-through",
    "polynomial": "Diff-JPEG, polynomial",
    "cubic": "DiffJPEG, cubic",
    "mask": "JPEG-Mask",
    "none": "no JPEG at all",
    "exact, identity": "exact file, identity back (BPDA)",
    "exact, polynomial": "exact file, polynomial back",
    "exact, straight-through": "exact file, straight-through back",
    "exact, Cauchy": "ours: exact file, Cauchy back",
}
LABELS = {
    "clean": "clean picture",
    "noise": "uniform noise",
    "photoguard-encoder": "PhotoGuard",
    "photoguard-encoder-jpeg": "PhotoGuard through JPEG 50 to 95",
}
DRAWN = ("none", "mask", "polynomial", "exact, identity", "exact, Cauchy")  # of the surrogates, in the figure of attacks


def agreement_table(rows):
    """One line a formulation: mean and largest difference from the real file in levels, and the share of bytes that agree."""
    lines = []
    for form in dict.fromkeys(r["form"] for r in rows):
        mine = [r for r in rows if r["form"] == form]
        mean, equal = (sum(r[key] for r in mine) / len(mine) for key in ("mean", "equal"))
        lines.append(dict(form=NAMES[form], mean=mean, worst=round(max(r["worst"] for r in mine)), equal=f"{equal:.1%}"))
    return lines


AGREEMENT_HEADS = {"form": "formulation", "mean": "mean difference (levels)", "worst": "largest", "equal": "bytes that agree"}


def agreement_figure(rows):
    """Mean difference from the real file over quality, for all but the exact one; returns the figure."""
    figure, ax = plt.subplots(figsize=(7.2, 4.2))
    shown = [r for r in rows if r["form"] != "exact"]
    report.curve(ax, shown, "quality", "mean", "form", labels=NAMES)
    exact = max(r["worst"] for r in rows if r["form"] == "exact")
    ax.set(xlabel="JPEG quality", ylabel="mean difference (levels)", yscale="log", title="How far from the real file")
    ax.legend(loc="center left", bbox_to_anchor=(0.02, 0.52), ncols=2, fontsize=8.5)
    ax.annotate(f"ours: largest difference {exact:g}", (0.01, 0.02), xycoords="axes fraction", fontsize=9)
    return figure


def by_quality(rows, row, value, names=NAMES):
    """Rows for report.table_markdown: one line a `row`, one column a quality, mean and interval of `value` over pictures."""
    table = report.summarise(rows, [row, "quality"], value)
    lines = {}
    for found in table:
        column = "no JPEG" if found["quality"] is None else str(found["quality"])
        lines.setdefault(found[row], {"what": names.get(found[row], found[row])})[column] = (found["mean"], found["low"], found["high"])
    return list(lines.values())


def quality_heads(rows, what, also=None):
    """The columns of by_quality, with the qualities that were run, the column `also` first."""
    qualities = dict.fromkeys("no JPEG" if r["quality"] is None else str(r["quality"]) for r in rows)
    return {"what": what} | ({also: "made for quality"} if also else {}) | {q: q for q in qualities}


def attack_table(rows):
    """The lines of by_quality for the attacks, one a surrogate and quality it was made for."""
    made_for = dict.fromkeys(r["through"] for r in rows)
    return [dict(line, through=q) for q in made_for for line in by_quality([r for r in rows if r["through"] == q], "surrogate", "left")]


def attack_figure(rows):
    """What an attack through each surrogate leaves of the distance to grey, on real files over quality; returns the figure."""
    trained = list(dict.fromkeys(r["through"] for r in rows))
    figure, axes = plt.subplots(1, len(trained), figsize=(5.5 * len(trained), 4.2), sharey=True, squeeze=False)
    for ax, quality in zip(axes[0], trained, strict=True):
        shown = [r for r in rows if r["through"] == quality and r["surrogate"] in DRAWN]
        report.curve(ax, shown, "quality", "left", "surrogate", none="no JPEG", labels=NAMES, band=False)
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
        drawn = report.look(name, names)
        bottom = None
        for kind, hatch in (("brightness", ""), ("colour", "////")):
            mine = [r for r in whole if (r["protection"], r["kind"]) == (name, kind)]
            table = {row["band"]: row["mean"] for row in report.summarise(mine, ["band"], "share")}
            heights = [table[band] for band in bands]
            places = [k + (i - (len(names) - 1) / 2) * 0.27 for k in range(len(bands))]
            label = LABELS[name] if not hatch else None
            bars.bar(places, heights, 0.25, bottom=bottom, color=drawn["color"], alpha=0.55 if hatch else 1, hatch=hatch, label=label,
                     edgecolor="white", linewidth=0)  # fmt: skip
            bottom = heights
    bars.set_xticks(range(len(bands)), bands)
    bars.set(xlabel="cycles a pixel", ylabel="share of energy (hatched: colour)", title="Where the perturbation lies")
    bars.legend()
    everything = [r for r in rows if r["band"] == "all" and r["kind"] == "brightness"]
    report.curve(lines, everything, "quality", "kept", "protection", none="no JPEG", labels=LABELS)
    lines.set(xlabel="JPEG quality", ylabel="part left (brightness)", title="What a file leaves of it", ylim=(0, 1.05))
    lines.get_legend().remove()
    return figure


def survival_table(rows, qualities=(95, 75, 50, 30)):
    """One line a perturbation and kind: energy below 1/16 cycles a pixel, and the part of the perturbation left at some qualities."""
    lines = []
    for name in dict.fromkeys(r["protection"] for r in rows):
        mine = [r for r in rows if r["protection"] == name]
        outside = report.summarise([r for r in mine if r["quality"] is None], ["protection"], "outside")[0]
        for kind in ("brightness", "colour"):
            of_kind = [r for r in mine if r["kind"] == kind]
            low = sum(
                row["mean"]
                for row in report.summarise([r for r in of_kind if r["quality"] is None and r["share"] is not None], ["band"], "share")
                if row["band"] in ("below 1/32", "1/32 to 1/16")
            )
            line = dict(what=LABELS[name], kind=kind, low=f"{low:.0%}", outside=f"{outside['mean']:.0%}")
            for row in report.summarise([r for r in of_kind if r["band"] == "all"], ["quality"], "kept"):
                line[str(row["quality"])] = f"{row['mean']:.0%}"
            lines.append({key: value for key, value in line.items() if not key.isdigit() or int(key) in qualities})
    return lines


def survival_heads(rows, qualities=(95, 75, 50, 30)):
    """The columns of survival_table, with the qualities that were run."""
    run = {r["quality"] for r in rows}
    heads = {"what": "perturbation", "kind": "of it in", "low": "share below 1/16 cycles a pixel", "outside": "share JPEG-Mask removes"}
    return heads | {str(q): f"left at {q}" for q in qualities if q in run}


def effects_table(rows):
    """One line a quality: the effect of plain and of JPEG-aware PhotoGuard on the edit (SSIM lost), with intervals."""
    plain, aware = (jpeg_bypass.effects(rows, "variation", name) for name in ("photoguard-encoder", "photoguard-encoder-jpeg"))
    return [
        dict(
            quality="no JPEG" if a["quality"] is None else a["quality"],
            plain=(a["mean"], a["low"], a["high"]),
            aware=(b["mean"], b["low"], b["high"]),
            seen="yes" if a["quality"] is not None and 50 <= a["quality"] <= 95 else "no",
        )
        for a, b in zip(plain, aware, strict=True)
    ]


EFFECT_HEADS = {"quality": "JPEG quality", "plain": "SSIM lost: PhotoGuard", "aware": "SSIM lost: through JPEG 50 to 95",
                "seen": "quality within what it was optimised for"}  # fmt: skip


def edit_figure(rows):
    """SSIM of the edit over quality, plain and JPEG-aware; returns the figure."""
    figure, (edits, latents) = plt.subplots(1, 2, figsize=(11, 4.2))
    shown = [r for r in jpeg_bypass.same_seed(rows, "variation") if not (r["protection"] == "clean" and r["quality"] is None)]
    units = {"ssim": "SSIM to the clean picture's edit", "latents_moved": "latents moved / distance to grey"}
    for ax, (value, unit) in zip((edits, latents), units.items(), strict=True):
        report.curve(ax, shown, "quality", value, "protection", none="no JPEG", labels=LABELS)
        ax.axvspan(50, 95, color="#f2f2f2", zorder=0)
        ax.set(xlabel="JPEG quality (shaded: optimised for)", ylabel=unit)
    report.hline(edits, jpeg_bypass.floor(rows, "variation"), "another seed, clean picture")
    edits.set_title("Variation: does the edit come back?")
    latents.set_title("What the encoder reads")
    latents.get_legend().remove()
    return figure


def notes(gradients):
    """Footnotes: settings, model, seed and scale."""
    study, edits = gradients.study, gradients.scale.edits
    return [
        "PhotoGuard: paper's setting, 16 levels, "
        + (f"{edits.attack_steps} steps instead of 200" if edits.attack_steps else "200 steps of 2")
        + "; through JPEG: the same, seen through a file of one quality from 50 to 95 drawn per step.",
        "SSIM lost: SSIM of the clean picture's edit minus that of the protected picture's, both at this quality, against the clean,"
        " uncompressed edit; paired; mean and 95 % bootstrap interval over pictures.",
        f"Model {study.profile.describe()}; seed {study.seed}, scale {study.scale}; {len(gradients.bypass.sets['people'].names)} pictures.",
    ]


def verdict(agreement, foresight, attacks, spectra, edits):
    """What held, in a few sentences made from the rows."""
    exact = [r for r in agreement if r["form"] == "exact"]
    best = min((line for line in agreement_table(agreement) if line["form"] != NAMES["exact"]), key=lambda line: line["mean"])
    lines = [
        f"Files. Ours differs from the real file by {max(r['worst'] for r in exact):g} levels at most, over {len(exact)} pictures and"
        f" qualities; the nearest of the others ({best['form']}) agrees in {best['equal']} of the bytes."
    ]
    seen = {row["surrogate"]: row["mean"] for row in report.summarise(foresight, ["surrogate"], "correlation")}
    order = sorted(seen, key=seen.get, reverse=True)
    lines.append(
        "Gradients. Over all qualities they foresee what the file does to the encoder's reading with a correlation of "
        + ", ".join(f"{seen[name]:.2f} ({NAMES[name]})" for name in order)
        + "."
    )
    for quality in dict.fromkeys(r["through"] for r in attacks):
        hit = {
            row["surrogate"]: row["mean"]
            for row in report.summarise([r for r in attacks if r["through"] == r["quality"] == quality], ["surrogate"], "left")
        }
        strongest = min(hit, key=hit.get)
        lines.append(
            f"Attacks, 8 levels, scored on files of quality {quality}: {hit['exact, Cauchy']:.3f} of the distance to grey is left through"
            f" ours, {hit['none']:.3f} without JPEG in the loop; strongest: {NAMES[strongest]} ({hit[strongest]:.3f})."
        )
    lines += [premise(spectra), *_won(edits)]
    return "\n\n".join(lines)


def premise(rows):
    """GAP-Diff's premise, "PGD noise is high-frequency and JPEG removes it", as a number and a verdict."""
    outside = {row["protection"]: row["mean"] for row in report.summarise(rows, ["protection"], "outside")}
    table = report.summarise([r for r in rows if r["band"] == "all" and r["kind"] == "brightness"], ["protection", "quality"], "kept")
    left = {(row["protection"], row["quality"]): row["mean"] for row in table}
    at = 75 if any(r["quality"] == 75 for r in rows) else next(r["quality"] for r in rows if r["quality"])
    mine, noise = outside["photoguard-encoder"], outside["noise"]
    high, gone = mine > 0.5, left["photoguard-encoder", at] < 0.5
    word = {(True, True): "holds", (True, False): "holds in its first half only", (False, True): "holds in its second half only"}
    return (
        f"“PGD noise is high-frequency and JPEG removes it” (GAP-Diff's premise) {word.get((high, gone), 'does not hold')} for"
        f" PhotoGuard on this model: {mine:.0%} of its energy lies in the frequencies that JPEG-Mask removes (uniform noise:"
        f" {noise:.0%}), and at quality {at} a file leaves {left['photoguard-encoder', at]:.0%} of it in brightness (uniform noise:"
        f" {left['noise', at]:.0%})."
    )


def _won(rows):
    table = effects_table(rows)
    if all(line["quality"] == "no JPEG" for line in table):
        return []
    told = "; ".join(
        f"{'' if line['quality'] == 'no JPEG' else 'quality '}{line['quality']} {line['plain'][0]:.3f} against {line['aware'][0]:.3f}"
        for line in table
        if line["quality"] in ("no JPEG", 75, 50, 30, 5)
    )
    return [f"Editing. SSIM that the protection takes from the edit, plain against optimised through JPEG 50 to 95: {told}."]
