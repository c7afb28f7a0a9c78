"""The figures of notebook 02: fit to the prompt, how much the evaluation makes, the algorithm as printed. Needs no torch."""

import matplotlib.pyplot as plt

from . import looks
from .figures import noted, people, reach
from .page import Page
from .photoguard import chosen, named
from .statistics import summarise

CLEAN, PHOTOGRAPH = "clean", "photograph"
LEAST = 1e-4  # a change of an edit that is smaller is drawn here


def listed(rows, without=(CLEAN, PHOTOGRAPH)):
    """The arms that were edited under the fixed seed, as looks.py orders them; those it lacks follow."""
    found = dict.fromkeys(r["protection"] for r in rows if r["rule"] == "fixed" and r["protection"] not in without)
    return [key for key in looks.PROTECTIONS if key in found] + [key for key in found if key not in looks.PROTECTIONS]


def ticked(rows, arm):
    """What an arm is called beside the others, and of how many people it is where it is not of all."""
    count, whole = (len({r["subject"] for r in some}) for some in (chosen(rows, arm), rows))
    return named(arm) if count == whole else f"{named(arm)} ({count} {'person' if count == 1 else 'people'})"


def prompt_differences(rows):
    """Figure 7, paired: how much better or worse than the clean edit each edit fits its prompt, means with intervals; the figure."""
    arms = listed(rows)
    figure, ax = plt.subplots(figsize=(9.4, 1.6 + 0.36 * len(arms)))
    for shift, rule, fill in ((-0.14, "fixed", "full"), (0.14, "best", "none")):
        lines = {arm: _fit(rows, arm, rule) for arm in arms}
        shown = [arm for arm in arms if lines[arm]]
        for arm in shown:
            mark = looks.drawn(looks.PROTECTIONS, arm, arms) | dict(fillstyle=fill, linestyle="none", elinewidth=1.4, capsize=2.5)
            ax.errorbar(lines[arm][0], arms.index(arm) + shift, xerr=reach([lines[arm]]), **mark)
    ax.axvline(0, color="#404040", linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    ax.set_yticks(range(len(arms)), [ticked(rows, arm) for arm in arms])
    ax.invert_yaxis()
    ax.set(xlabel="cosine of edit and prompt, minus the clean picture's edit", title="Does the edit fit its prompt worse? (after Figure 7)")
    mean, low, high = _fit(rows, PHOTOGRAPH, "none")
    floor = f"The unedited photograph is not drawn: {mean:+.3f} [{low:+.3f}, {high:+.3f}]."
    told = f"{people(rows)} Paired by person and prompt. Filled: a fixed seed; open: the best of a list of seeds."
    return noted(figure, f"{told} {floor}")


def _fit(rows, arm, rule):
    """(mean, low, high) of how much better an arm's edits fit their prompts than the clean picture's; None where there are none."""
    clean = {(r["subject"], r["prompt"]): r["fit"] for r in chosen(rows, CLEAN, "fixed" if rule == "none" else rule)}
    more = [dict(subject=r["subject"], more=r["fit"] - clean[r["subject"], r["prompt"]]) for r in chosen(rows, arm, rule)]
    if not more:
        return None
    [line] = summarise(more, [], "more")
    return line["mean"], line["low"], line["high"]


def ladder(rows):
    """Method or evaluation: change (1 - SSIM) of every set of edits under four conventions, with intervals; returns the figure."""
    arms = listed(rows)
    figure, ax = plt.subplots(figsize=(10, 1.6 + 0.46 * len(arms)))
    for shift, (key, shape) in enumerate(looks.CONVENTIONS.items()):
        changes = [_change(rows, arm, key) for arm in arms]
        at = [n + 0.15 * (shift - 2) for n in range(len(arms))]
        mark = dict(fmt=shape.marker, color=shape.colour, markersize=5, linewidth=1.2)
        ax.errorbar([change[0] for change in changes], at, xerr=reach(changes), label=shape.label, **mark)
    ax.set_xscale("log")
    ax.set_xlim(LEAST * 0.7, 1)
    ax.set_yticks(range(len(arms)), [ticked(rows, arm) for arm in arms])
    ax.invert_yaxis()
    ax.set(xlabel=f"change of the edit, 1 - SSIM (logarithmic; less than {LEAST:g} is drawn there)")
    ax.set_title("How much is the method, how much the evaluation?", pad=38)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.3, 1), ncols=3, fontsize=8.5, borderaxespad=0.2)
    return noted(figure, people(rows))


def _change(rows, arm, key):
    """(mean, low, high) of 1 - SSIM, no less than the figure shows."""
    [line] = summarise(chosen(rows, arm), [], key)
    return tuple(max(1 - line[end], LEAST) for end in ("mean", "high", "low"))  # in this order nan stays nan


def overshoot(rows):
    """The printed algorithm beside the attack it stands for: levels moved over steps; returns the figure."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
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
    return noted(figure, "One picture, the first person's.")


def _prompt(rows, about):
    return prompt_differences(rows["02_edits"])


def _ladder(rows, about):
    return ladder(rows["02_edits"])


def _overshoot(rows, about):
    return overshoot(rows["02_printed"])


PAGES = {
    "02_prompt": Page("figure", ("02_edits",), _prompt),
    "02_ladder": Page("figure", ("02_edits",), _ladder),
    "02_overshoot": Page("figure", ("02_printed",), _overshoot),
}
