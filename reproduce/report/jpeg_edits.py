"""What notebook 05's rows say of edits: what protection through JPEG wins back of them. Needs no torch."""

from ..papers import photoguard as paper
from .jpeg_bypass import effects
from .page import Page
from .statistics import table_markdown


def effects_table(rows):
    """One line a quality: the effect of plain and of JPEG-aware PhotoGuard on the edit (SSIM lost), with intervals."""
    plain, aware = (effects(rows, "variation", name) for name in ("encoder", "encoder, through JPEG"))
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
        " uncompressed edit; paired; mean and 95 % bootstrap interval over pictures.",
        f"Model {about.run()}; {len({r['subject'] for r in rows})} pictures.",
    ]


def won(rows):
    """The sentence of the verdict, in a list; an empty one where no file was edited."""
    table = effects_table(rows)
    if all(line["quality"] == "no JPEG" for line in table):
        return []
    told = "; ".join(
        f"{'' if line['quality'] == 'no JPEG' else 'quality '}{line['quality']} {line['plain'][0]:.3f} against {line['aware'][0]:.3f}"
        for line in table
        if line["quality"] in ("no JPEG", 75, 50, 30, 5)
    )
    return [f"Editing. SSIM that the protection takes from the edit, plain against optimised through JPEG 50 to 95: {told}."]


def _effects(rows, about):
    return table_markdown(effects_table(rows["05_edits"]), EFFECT_HEADS, notes(rows["05_edits"], about))


PAGES = {"05_effects": Page("table", ("05_edits",), _effects)}
