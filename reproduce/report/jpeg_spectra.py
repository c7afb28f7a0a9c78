"""What notebook 05's rows say of perturbations: where their energy lies, what a file leaves of it, GAP-Diff's premise. Needs no torch."""

from . import looks
from .page import Page
from .statistics import Table, effect, summarise, table_markdown

KINDS = ("brightness", "colour", "all")
LOW = ("below 1/32", "1/32 to 1/16")  # bands below 1/16 cycles a pixel
QUALITIES = (95, 75, 50, 30)  # in the table
PREMISE = 75  # quality at which the premise is looked at
MEANT = "the projection, in brightness and colour and in each band of frequency, of what the file leaves onto the perturbation"


def survival_table(rows, qualities=QUALITIES):
    """One line a perturbation and kind: its shares of the energy, and the amplitude and energy that remain at some qualities."""
    lines = []
    for name in dict.fromkeys(r["protection"] for r in rows):
        mine = [r for r in rows if r["protection"] == name]
        for kind in KINDS:
            of_kind = [r for r in mine if r["kind"] == kind]
            whole = [r for r in of_kind if r["quality"] is None]
            low = sum(row["mean"] for row in summarise(whole, ["band"], "share") if row["band"] in LOW)
            line = dict(what=looks.label(looks.PROTECTIONS, name), kind="all channels" if kind == "all" else kind)
            line |= dict(share=f"{_whole(whole, 'share')[0]:.0%}", low=f"{low:.0%}")
            line["outside"] = _percent(_whole(whole, "outside")) if kind == "all" else None
            for q in qualities:
                at = [r for r in of_kind if r["quality"] == q]
                if at:
                    line[str(q)] = f"{_whole(at, 'kept')[0]:.0%} / {_percent(_whole(at, 'kept_energy'))}"
            lines.append(line)
    return lines


def survival_heads(rows, qualities=QUALITIES):
    """The columns of survival_table, with the qualities that were run."""
    run = {r["quality"] for r in rows}
    heads = {"what": "perturbation", "kind": "of it in", "share": "share of its energy", "low": "share below 1/16 cycles a pixel",
             "outside": "share JPEG-Mask removes"}  # fmt: skip
    return heads | {str(q): f"remains at {q}: amplitude / energy" for q in qualities if q in run}


def survival_notes(rows):
    """Footnotes: what "remains" means, and over whom."""
    return [
        f"Remains: {MEANT}, as a share of the perturbation's amplitude, and squared, of its energy. What the file puts in its place, its"
        " own rounding noise, is not counted.",
        f"{people(rows)} pictures, one a person; 95 % intervals over them.",
    ]


def people(rows) -> int:
    """How many pictures the rows are of."""
    return len({r["subject"] for r in rows})


def premise(rows):
    """GAP-Diff's premise, "PGD noise is high-frequency and JPEG removes it", as shares of PhotoGuard's energy with intervals."""
    at = PREMISE if any(r["quality"] == PREMISE for r in rows) else next(r["quality"] for r in rows if r["quality"])
    mine, noise = ([r for r in rows if r["protection"] == name] for name in ("encoder", "noise"))
    high, left = _of(mine, None, "all", "outside"), _of(mine, at, "all", "kept_energy")
    amplitude, other = _of(mine, at, "all", "kept"), _of(noise, at, "all", "kept_energy")
    parts = [
        f"{kind} ({_of(mine, None, kind, 'share')[0]:.0%} of the energy) keeps {_of(mine, at, kind, 'kept')[0]:.0%}"
        for kind in ("brightness", "colour")
    ]
    return (
        f"“PGD noise is high-frequency and JPEG removes it” (GAP-Diff's premise), for PhotoGuard on this model, {people(mine)} pictures:"
        f" {_percent(high)} of its energy lies in the frequencies that JPEG-Mask removes, {_half(high)} (uniform noise:"
        f" {_of(noise, None, 'all', 'outside')[0]:.0%}). A file of quality {at} leaves {_percent(left)} of its energy over all channels,"
        f" {_half(left)} (uniform noise: {other[0]:.0%}), and {_percent(amplitude)} of its amplitude: {', '.join(parts)}."
    )


def _of(rows, quality, kind, value):
    """(mean, low, high, n) of a column of all bands together, over people."""
    return _whole([r for r in rows if (r["quality"], r["kind"]) == (quality, kind)], value)


def _whole(rows, value):
    return effect([r for r in rows if r["band"] == "all"], value)


def _percent(found):
    mean, low, high, n = found
    return f"{mean:.0%} [{low:.0%}, {high:.0%}]" if n > 1 else f"{mean:.0%}"


def _half(found):
    """Where an interval lies to a half."""
    _, low, high, _ = found
    return "more than half" if low > 0.5 else "less than half" if high < 0.5 else "not told apart from half"


def _survival(rows, about):
    found = rows["05_spectra"]
    return table_markdown(survival_table(found), survival_heads(found), survival_notes(found))


def _premise(rows, about):
    return Table(premise(rows["05_spectra"]))


PAGES = {
    "05_survival": Page("table", ("05_spectra",), _survival),
    "05_premise": Page("text", ("05_spectra",), _premise),
}
