"""What notebook 02's rows say of carrying over: is what is optimised without a prompt as strong where one is asked? Needs no torch."""

from .page import Page
from .photoguard import named, spread
from .statistics import Table, effect, table_markdown

TRANSFER_NOTE = "SSIM to the clean edit of equal steps, prompt and seed; ± one deviation over people, [ ] the 95 % interval of the mean."


def transfer_table(rows):
    """Does what is optimised without a prompt carry over? One line an attack; edits of few steps and many, without and with a prompt."""
    lines = {}
    for row in rows:
        lines.setdefault(row["protection"], {}).setdefault(f"{row['steps']} {row['prompted']}", []).append(row)
    return [dict(what=named(arm)) | _spreads(columns) for arm, columns in lines.items()]


def _spreads(columns):
    return {column: spread(found, "ssim", 3) for column, found in columns.items()}


def transfer_heads(rows):
    """Headings of `transfer_table`."""
    return {"what": "edited picture"} | {
        f"{r['steps']} {r['prompted']}": f"{r['steps']} steps, {'its prompt' if r['prompted'] else 'no prompt'}" for r in rows
    }


def transfer_verdict(rows):
    """What the prompt is worth to the diffusion attack, where edits are longest, asked with the prompt and without."""
    most, lines = max(r["steps"] for r in rows), []
    for prompted in (True, False):
        at = {(r["protection"], r["subject"]): r["ssim"] for r in rows if r["steps"] == most and r["prompted"] == prompted}
        told = {}
        for arm in ("diffusion", "encoder"):
            lost = [dict(subject=one, more=ssim - at["diffusion, prompted", one]) for (name, one), ssim in at.items() if name == arm]
            told[arm] = "{:.3f} [{:.3f}, {:.3f}]".format(*effect(lost, "more"))
        lines.append(
            f"In {most} steps {'with the prompt' if prompted else 'without a prompt'}, the diffusion attack made with the prompt takes"
            f" {told['diffusion']} more of SSIM from an edit than the one made without, and {told['encoder']} more than the encoder attack."
        )
    people = len({r["subject"] for r in rows})
    return "\n\n".join([*lines, f"{people} people. With the prompt the attack also passes guidance, which this does not separate."])


def _transfer(rows, about):
    found = rows["02_transfer_rows"]
    return table_markdown(transfer_table(found), transfer_heads(found), [TRANSFER_NOTE])


def _transfer_verdict(rows, about):
    return Table(transfer_verdict(rows["02_transfer_rows"]))


PAGES = {
    "02_transfer": Page("table", ("02_transfer_rows",), _transfer),
    "02_transfer_verdict": Page("text", ("02_transfer_rows",), _transfer_verdict),
}
