"""What the rows of notebook 04 say: what purification costs, and how many purifiers each attack survives. Needs no torch."""

import math

from . import looks
from .page import Page
from .purification import ATTACKS, UNTREATED, chosen, listed, mean, notes, protection, purifier, remaining_share
from .statistics import Table, table_markdown

SPARED = 0.98  # SSIM of the edit of a purified clean picture: a purifier that leaves less has hurt the edit itself
UNCOUNTED = ("blur, as named", "IMPRESS, noise only", "crop", "rotate")  # purifiers that change nothing, are a control, or move the person


def cost_table(rows):
    """What each purifier costs an unprotected picture, and its edit."""
    lines = []
    for purified in listed(rows, "purifier"):
        found = chosen(rows, "clean", purified)
        if found and purified != UNTREATED:
            columns = {key: mean(found, key) for key in ("picture_ssim", "picture_psnr", "perceptual", "ssim")}
            lines.append(dict(what=purifier(purified)) | columns)
    return lines


def cost_heads(distance):
    """Headings of `cost_table`."""
    return {"what": "purifier, on the clean picture", "picture_ssim": "SSIM of the picture", "picture_psnr": "PSNR (dB)",
            "perceptual": f"{distance} to the original", "ssim": "SSIM of its edit to the untreated picture's"}  # fmt: skip


def survivors(rows):
    """Notebook 04 in a few sentences: for each attack, how many purifiers leave most of it, and which does best without hurting edits."""
    purifiers = [purified for purified in listed(rows, "purifier") if purified not in (UNTREATED, *UNCOUNTED)]
    sparing = [purified for purified in purifiers if mean(chosen(rows, "clean", purified), "ssim")[0] >= SPARED]
    lines = [_survivor(rows, key, purifiers, sparing) for key in ATTACKS if key in listed(rows, "protection")]
    few = [purifier(one) for one in UNCOUNTED if one in listed(rows, "purifier")]
    return "\n\n".join([*lines, f"Not counted: {'; '.join(few)}."] if few else lines)


def _survivor(rows, key, purifiers, sparing):
    """The sentence of one attack; sparing: the purifiers that hardly touch a clean picture's edit."""
    shares, name = {purified: remaining_share(rows, key, purified) for purified in purifiers}, looks.begun(protection(key))
    if any(math.isnan(one) for one in shares.values()):
        return f"{name}: no clear effect to begin with."
    told = f"{name}: {sum(one > 0.5 for one in shares.values())} of {len(shares)} purifiers leave more than half of its effect; "
    best = min(sparing, key=shares.get, default=None)
    spares = f"a clean picture's edit (SSIM {SPARED:g} or more)"
    if best is None:
        return f"{told}none of them spares {spares}."
    return f"{told}of the {len(sparing)} that spare {spares}, {purifier(best)} leaves least, {100 * shares[best]:.0f} %."


# --- pages -----------------------------------------------------------------------------------------------------------------


def _costs(rows, about):
    edits = rows["04_edits"]
    return table_markdown(cost_table(edits), cost_heads(about.settings["distance"]), notes(edits, about))


def _survivors(rows, about):
    return Table(survivors(rows["04_edits"]))


PAGES = {
    "04_costs": Page("table", ("04_edits",), _costs),
    "04_verdict": Page("text", ("04_edits",), _survivors),
}
