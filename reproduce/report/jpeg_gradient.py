"""What the rows of notebook 05 say: tables and the verdict. Needs no torch."""

from ..papers import photoguard as paper
from . import ledger, looks
from .jpeg_bypass import over_quality
from .page import Page
from .statistics import Table, summarise, table_markdown


def named(form):
    """What a formulation of JPEG is called."""
    return looks.label(looks.FORMULATIONS, form)


def agreement_table(rows):
    """One line a formulation: mean and largest difference from the real file in levels, and the share of bytes that agree."""
    lines = []
    for form in dict.fromkeys(r["form"] for r in rows):
        mine = [r for r in rows if r["form"] == form]
        mean, equal = (sum(r[key] for r in mine) / len(mine) for key in ("mean", "equal"))
        lines.append(dict(form=named(form), mean=mean, worst=round(max(r["worst"] for r in mine)), equal=f"{equal:.1%}"))
    return lines


AGREEMENT_HEADS = {"form": "formulation", "mean": "mean difference (levels)", "worst": "largest", "equal": "bytes that agree"}


def by_quality(rows, row, value):
    """Rows for table_markdown: one line a `row`, one column a quality, mean and interval of `value` over pictures."""
    table = summarise(rows, [row, "quality"], value)
    lines = {}
    for found in table:
        column = "no JPEG" if found["quality"] is None else str(found["quality"])
        lines.setdefault(found[row], {"what": named(found[row])})[column] = (found["mean"], found["low"], found["high"])
    return list(lines.values())


def quality_heads(rows, what, also=None):
    """The columns of by_quality, with the qualities that were run, the column `also` first."""
    qualities = dict.fromkeys("no JPEG" if r["quality"] is None else str(r["quality"]) for r in rows)
    return {"what": what} | ({also: "made for quality"} if also else {}) | {q: q for q in qualities}


def attack_table(rows):
    """The lines of by_quality for the attacks, one a surrogate and quality it was made for."""
    lines = []
    for quality in dict.fromkeys(r["through"] for r in rows):
        mine = [r for r in rows if r["through"] == quality]
        lines += [dict(line, through=quality) for line in by_quality(mine, "surrogate", "grey_distance")]
    return lines


def survival_table(rows, qualities=(95, 75, 50, 30)):
    """One line a perturbation and kind: energy below 1/16 cycles a pixel, and the part of the perturbation left at some qualities."""
    lines = []
    for name in dict.fromkeys(r["protection"] for r in rows):
        mine = [r for r in rows if r["protection"] == name]
        outside = summarise([r for r in mine if r["quality"] is None], ["protection"], "outside")[0]
        for kind in ("brightness", "colour"):
            of_kind = [r for r in mine if r["kind"] == kind]
            bands = summarise([r for r in of_kind if r["quality"] is None and r["share"] is not None], ["band"], "share")
            low = sum(row["mean"] for row in bands if row["band"] in ("below 1/32", "1/32 to 1/16"))
            line = dict(what=looks.label(looks.PROTECTIONS, name), kind=kind, low=f"{low:.0%}", outside=f"{outside['mean']:.0%}")
            for row in summarise([r for r in of_kind if r["band"] == "all"], ["quality"], "kept"):
                if row["quality"] in qualities:
                    line[str(row["quality"])] = f"{row['mean']:.0%}"
            lines.append(line)
    return lines


def survival_heads(rows, qualities=(95, 75, 50, 30)):
    """The columns of survival_table, with the qualities that were run."""
    run = {r["quality"] for r in rows}
    heads = {"what": "perturbation", "kind": "of it in", "low": "share below 1/16 cycles a pixel", "outside": "share JPEG-Mask removes"}
    return heads | {str(q): f"left at {q}" for q in qualities if q in run}


def effects_table(rows):
    """One line a quality: the effect of plain and of JPEG-aware PhotoGuard on the edit (SSIM lost), with intervals."""
    plain, aware = (over_quality(rows, "variation", name) for name in ("encoder", "encoder, through JPEG"))
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


def notes(rows, about):
    """Footnotes: settings, model, seed and scale."""
    plain, aware = (about.settings["protections"][key] for key in ("encoder", "encoder, through JPEG"))
    steps, printed, (low, high) = plain["steps"], paper.PHOTOGUARD_ENCODER["paper"].steps, aware["jpeg"]
    return [
        f"PhotoGuard: paper's setting, {plain['eps']:g} levels, "
        + (f"{steps} steps instead of {printed}" if steps != printed else f"{steps} steps of {plain['step']:g}")
        + f"; through JPEG: the same, seen through a file of one quality from {low} to {high} drawn per step.",
        "SSIM lost: SSIM of the clean picture's edit minus that of the protected picture's, both at this quality, against the clean,"
        " uncompressed edit; paired; mean and 95 % interval (Student's t) over pictures.",
        f"Model {about.run()}; {len({r['subject'] for r in rows})} pictures.",
    ]


def verdict(agreement, foresight, attacks, spectra, edits):
    """What held, in a few sentences made from the rows."""
    exact = [r for r in agreement if r["form"] == "exact"]
    best = min((line for line in agreement_table(agreement) if line["form"] != named("exact")), key=lambda line: line["mean"])
    lines = [
        f"Files. Ours differs from the real file by {max(r['worst'] for r in exact):g} levels at most, over {len(exact)} pictures and"
        f" qualities; the nearest of the others ({best['form']}) agrees in {best['equal']} of the bytes."
    ]
    seen = {row["surrogate"]: row["mean"] for row in summarise(foresight, ["surrogate"], "correlation")}
    order = sorted(seen, key=seen.get, reverse=True)
    lines.append(
        "Gradients. Over all qualities they foresee what the file does to the encoder's reading with a correlation of "
        + ", ".join(f"{seen[name]:.2f} ({named(name)})" for name in order)
        + "."
    )
    for quality in dict.fromkeys(r["through"] for r in attacks):
        mine = [r for r in attacks if r["through"] == r["quality"] == quality]
        hit = {row["surrogate"]: row["mean"] for row in summarise(mine, ["surrogate"], "grey_distance")}
        strongest = min(hit, key=hit.get)
        lines.append(
            f"Attacks, 8 levels, scored on files of quality {quality}: {hit['exact, Cauchy']:.3f} of the distance to grey is left through"
            f" ours, {hit['none']:.3f} without JPEG in the loop; strongest: {named(strongest)} ({hit[strongest]:.3f})."
        )
    lines += [premise(spectra), *_won(edits)]
    return "\n\n".join(lines)


def premise(rows):
    """GAP-Diff's premise, "PGD noise is high-frequency and JPEG removes it", as a number and a verdict."""
    outside = {row["protection"]: row["mean"] for row in summarise(rows, ["protection"], "outside")}
    table = summarise([r for r in rows if r["band"] == "all" and r["kind"] == "brightness"], ["protection", "quality"], "kept")
    left = {(row["protection"], row["quality"]): row["mean"] for row in table}
    at = 75 if any(r["quality"] == 75 for r in rows) else next(r["quality"] for r in rows if r["quality"])
    mine, noise = outside["encoder"], outside["noise"]
    high, gone = mine > 0.5, left["encoder", at] < 0.5
    word = {(True, True): "holds", (True, False): "holds in its first half only", (False, True): "holds in its second half only"}
    return (
        f"“PGD noise is high-frequency and JPEG removes it” (GAP-Diff's premise) {word.get((high, gone), 'does not hold')} for"
        f" PhotoGuard on this model: {mine:.0%} of its energy lies in the frequencies that JPEG-Mask removes (uniform noise:"
        f" {noise:.0%}), and at quality {at} a file leaves {left['encoder', at]:.0%} of it in brightness (uniform noise:"
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


# --- pages -----------------------------------------------------------------------------------------------------------------


def _agreement(rows, about):
    return table_markdown(agreement_table(rows["05_agreement"]), AGREEMENT_HEADS)


def _foresight(rows, about):
    found = rows["05_foresight"]
    return table_markdown(by_quality(found, "surrogate", "correlation"), quality_heads(found, "gradient through"))


def _attacks(rows, about):
    found = rows["05_attacks"]
    return table_markdown(attack_table(found), quality_heads(found, "attack through", "through"))


def _survival(rows, about):
    found = rows["05_spectra"]
    return table_markdown(survival_table(found), survival_heads(found))


def _premise(rows, about):
    return Table(premise(rows["05_spectra"]))


def _effects(rows, about):
    return table_markdown(effects_table(rows["05_edits"]), EFFECT_HEADS, notes(rows["05_edits"], about))


def _verdict(rows, about):
    return Table(verdict(*(rows[name] for name in _ALL)))



_ALL = ("05_agreement", "05_foresight", "05_attacks", "05_spectra", "05_edits")
PAGES = {
    "05_agreement_table": Page("table", ("05_agreement",), _agreement),
    "05_foresight_table": Page("table", ("05_foresight",), _foresight),
    "05_attacks_table": Page("table", ("05_attacks",), _attacks),
    "05_survival": Page("table", ("05_spectra",), _survival),
    "05_premise": Page("text", ("05_spectra",), _premise),
    "05_effects": Page("table", ("05_edits",), _effects),
    "05_verdict": Page("text", _ALL, _verdict),
    "05_ledger": Page("table", ("05_spectra",), ledger.table),
    "05_sensitivity": Page("table", ("05_spectra",), ledger.sensitivity_table),
}
