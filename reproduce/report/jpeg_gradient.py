"""What the rows of notebook 05 say: tables and the verdict. Needs no torch."""

from . import ledger, looks
from .jpeg_edits import won
from .jpeg_spectra import people, premise
from .page import Page
from .statistics import Table, effect, summarise, table_markdown

OURS, PLAIN = "exact, Cauchy", "none"
OVER = "means with 95 % intervals over them"


def named(form):
    """What a formulation of JPEG is called."""
    return looks.label(looks.FORMULATIONS, form)


def called(form):
    """The same in a sentence, without who released it."""
    return looks.short(looks.FORMULATIONS, form)


def differences(rows, by, one, value, at):
    """Rows `value` of `one` less that of every other, each where the columns `at` are equal: those, `by` (the other), difference."""
    own = {tuple(r[name] for name in at): r[value] for r in rows if r[by] == one}
    return [
        {name: r[name] for name in at} | {by: r[by], "difference": own[tuple(r[name] for name in at)] - r[value]}
        for r in rows
        if r[by] != one
    ]


def against(rows, by, one, value, at):
    """other -> (mean, low, high, n) of `one` less it, paired, over subjects."""
    found = differences(rows, by, one, value, at)
    return {other: effect([r for r in found if r[by] == other], "difference") for other in dict.fromkeys(r[by] for r in found)}


def agreement_table(rows):
    """One line a formulation: mean (with interval) and largest difference from the real file in levels, the share of bytes that agree."""
    lines = []
    for form in dict.fromkeys(r["form"] for r in rows):
        mine = [r for r in rows if r["form"] == form]
        [mean], [equal] = (summarise(mine, ["form"], value) for value in ("mean", "equal"))
        interval = mean["mean"], mean["low"], mean["high"]
        worst = round(max(r["worst"] for r in mine))
        lines.append(dict(form=named(form), mean=interval if mean["mean"] else 0.0, worst=worst, equal=f"{equal['mean']:.1%}"))
    return lines


AGREEMENT_HEADS = {"form": "formulation", "mean": "mean difference (levels)", "worst": "largest", "equal": "bytes that agree"}


def by_column(rows, row, column, value):
    """Rows for table_markdown: one line a `row`, one column a value of `column`, mean and interval of `value` over pictures."""
    lines = {}
    for found in summarise(rows, [row, column], value):
        line = lines.setdefault(found[row], {"key": found[row], "what": named(found[row])})
        line[_text(found[column])] = (found["mean"], found["low"], found["high"])
    return list(lines.values())


def column_heads(rows, column, what, **more):
    """The columns of by_column, those of `more` behind the first."""
    return {"what": what} | more | {_text(one): _text(one) for one in dict.fromkeys(r[column] for r in rows)}


def _text(one):
    return "no JPEG" if one is None else str(one)


FORESEEN = ("subject", "quality", "push")  # what a correlation is of
LESS = "ours less it, paired"


def foresight_table(rows):
    """The lines of by_column for the correlations over quality, all pushes together, with how far ours lies above each."""
    apart = against(rows, "surrogate", OURS, "correlation", FORESEEN)
    return [line | {"less": apart[line["key"]][:3] if line["key"] in apart else None} for line in
            by_column(rows, "surrogate", "quality", "correlation")]  # fmt: skip


def push_table(rows):
    """How far ours lies above each other gradient, one column a push in levels, all qualities together."""
    lines = {}
    for push in dict.fromkeys(r["push"] for r in rows):
        for other, found in against([r for r in rows if r["push"] == push], "surrogate", OURS, "correlation", FORESEEN).items():
            lines.setdefault(other, {"what": named(other)})[str(push)] = found[:3]
    return list(lines.values())


ATTACKED = ("subject", "through", "quality")


def attack_table(rows):
    """The lines of by_column for the attacks, one a surrogate and quality it was made for, with how much more it takes than the plain."""
    lines = []
    for quality in dict.fromkeys(r["through"] for r in rows):
        mine, apart = [r for r in rows if r["through"] == quality], gained(rows, quality)
        for line in by_column(mine, "surrogate", "quality", "grey_distance"):
            lines.append(line | dict(through=quality, more=apart[line["key"]][:3] if line["key"] in apart else None))
    return lines


def gained(rows, quality):
    """surrogate -> (mean, low, high, n) of what the plain attack leaves less what one through it does, on files of its own quality."""
    own = [r for r in rows if r["through"] == r["quality"] == quality]
    return against(own, "surrogate", PLAIN, "grey_distance", ATTACKED)


def verdict(agreement, foresight, attacks, spectra, edits):
    """What held, in a few sentences made from the rows."""
    told = [_files(agreement), _foreseen(foresight)]
    told += [_attacked(attacks, quality) for quality in dict.fromkeys(r["through"] for r in attacks)]
    return "\n\n".join([*told, premise(spectra), *won(edits)])


def _files(rows):
    exact = [r for r in rows if r["form"] == "exact"]
    means = {row["form"]: row["mean"] for row in summarise([r for r in rows if r["form"] != "exact"], ["form"], "mean")}
    nearest, second = sorted(means, key=means.get)[:2]
    [equal] = summarise([r for r in rows if r["form"] == nearest], ["form"], "equal")
    two = [r for r in rows if r["form"] in (nearest, second)]
    gap = against(two, "form", nearest, "mean", ("subject", "quality"))[second]
    return (
        f"Files. Ours differs from the real file by {max(r['worst'] for r in exact):g} levels at most, over {len(exact)} pictures and"
        f" qualities. Of the others, {called(nearest)} is {means[nearest]:.2f} levels away and agrees in {equal['mean']:.1%} of the bytes;"
        f" less the next, {called(second)}: {_paired(gap, 2)} levels."
    )


def _foreseen(rows):
    seen = {row["surrogate"]: row["mean"] for row in summarise(rows, ["surrogate"], "correlation")}
    pushes = ", ".join(map(str, dict.fromkeys(r["push"] for r in rows)))
    apart = against(rows, "surrogate", OURS, "correlation", FORESEEN)
    return (
        f"Gradients. Over all qualities and pushes of {pushes} levels, {people(rows)} pictures, they foresee what the file does to the"
        " encoder's reading with a correlation of "
        + ", ".join(f"{seen[name]:.2f} ({called(name)})" for name in sorted(seen, key=seen.get, reverse=True))
        + f". {_apart(apart, 'Ours lies above', 'below')}"
    )


def _attacked(rows, quality):
    own = [r for r in rows if r["through"] == r["quality"] == quality]
    left = {row["surrogate"]: row["mean"] for row in summarise(own, ["surrogate"], "grey_distance")}
    return (
        f"Attacks, 8 levels, {people(rows)} pictures, scored on files of quality {quality}: {left[OURS]:.3f} of the distance to grey"
        f" remains through ours, {left[PLAIN]:.3f} without JPEG in the loop."
        f" {_apart(gained(rows, quality), 'Stronger than that', 'weaker')}"
    )


def _apart(found, above, below):
    """Sentences: of which others the paired interval lies above 0, of which below, and which are not told apart."""
    groups = {above: [], below: [], "not told apart": []}
    for name, one in found.items():
        if one[1] > 0 or one[2] < 0:
            groups[above if one[1] > 0 else below].append(f"{called(name)} {_paired(one, 3)}")
        else:
            groups["not told apart"].append(called(name))
    first = "; ".join(groups.pop(above)) or "none"
    rest = [f"{word}: {'; '.join(names)}" for word, names in groups.items() if names]
    return f"{above}, paired one by one: {first}" + "".join(f". {looks.begun(one)}" for one in rest) + "."


def _paired(found, digits):
    mean, low, high, n = found
    return f"{mean:+.{digits}f}" + (f" [{low:+.{digits}f}, {high:+.{digits}f}]" if n > 1 else "")


# --- pages -----------------------------------------------------------------------------------------------------------------


def _agreement(rows, about):
    found = rows["05_agreement"]
    return table_markdown(agreement_table(found), AGREEMENT_HEADS, [f"{people(found)} pictures, all qualities; {OVER}."])


def _foresight(rows, about):
    found = rows["05_foresight"]
    heads = column_heads(found, "quality", "gradient through") | {"less": LESS}
    pushes = ", ".join(map(str, dict.fromkeys(r["push"] for r in found)))
    return table_markdown(foresight_table(found), heads, [f"{people(found)} pictures, pushes of {pushes} levels together; {OVER}."])


def _pushes(rows, about):
    found = rows["05_foresight"]
    heads = {"what": "correlation of ours less that of"} | {str(p): f"push of {p}" for p in dict.fromkeys(r["push"] for r in found)}
    note = f"{people(found)} pictures, all qualities, paired; {OVER}."
    return table_markdown(push_table(found), heads, [note])


def _attacks(rows, about):
    found = rows["05_attacks"]
    heads = column_heads(found, "quality", "attack through", through="made for quality")
    heads["more"] = "more than the plain attack takes, at the quality it was made for, paired"
    return table_markdown(attack_table(found), heads, [f"{people(found)} pictures; {OVER}."])


def _verdict(rows, about):
    return Table(verdict(*(rows[name] for name in _ALL)))



_ALL = ("05_agreement", "05_foresight", "05_attacks", "05_spectra", "05_edits")
PAGES = {
    "05_agreement_table": Page("table", ("05_agreement",), _agreement),
    "05_foresight_table": Page("table", ("05_foresight",), _foresight),
    "05_foresight_pushes": Page("table", ("05_foresight",), _pushes),
    "05_attacks_table": Page("table", ("05_attacks",), _attacks),
    "05_verdict": Page("text", _ALL, _verdict),
    "05_ledger": Page("table", ("05_spectra",), ledger.table),
    "05_sensitivity": Page("table", ("05_spectra",), ledger.sensitivity_table),
}
