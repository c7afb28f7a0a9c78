"""The picture grids of notebooks 01 to 05, as report.picture_grid takes them."""

from ..report import looks
from .arms import CLEAN, UNTREATED
from .cells import AGAIN, OTHER, Cell
from .panels import AMPLIFIED, Sheet, box, difference, near, ssim

DIFFERENCE = 6  # how often the change of a purified picture is shown
SMALL = 128  # pixels a side up to which a dozen levels are seen, by eye
QUALITIES = (None, 75, 30, 15)
ARMS = ("IMPRESS, noise only", "IMPRESS, released", "IMPRESS")
PURIFIERS = ("JPEG 50", "DiffPure", "IMPRESS")
EXPLAINED = f"SSIM: of the edit to the edit of the clean picture. Differences are shown {AMPLIFIED} times as large, around mid grey."


def over_quality(bypass, misuse="variation", role="people", subject=0, prompt=0):
    """Notebook 01: over quality, the protected picture as sent, and what became of the edits of it and of the clean picture."""
    if (misuse, role) not in bypass.edited:
        return _instead(bypass, misuse, role)
    known, shown, sheet = bypass.grids[role].subjects, _qualities(bypass), Sheet()
    clean, corner = bypass.edit(misuse, role, subject, CLEAN, None, prompt), box(known.masks[subject])
    sheet.row("protected, as sent", [bypass.sent(role, subject, bypass.attack, q) for q in shown])
    edits = [bypass.edit(misuse, role, subject, bypass.attack, q, prompt) for q in shown]
    sheet.edits("edit of it", edits, clean, corner)
    sheet.gap()
    edits = [bypass.edit(misuse, role, subject, CLEAN, q, prompt) for q in shown]
    sheet.edits("edit of the clean picture", edits, clean, corner, whole=False)
    title = f"“{known.prompts[subject][prompt]}”, {misuse}, {looks.label(looks.PROTECTIONS, bypass.attack)}"
    return sheet.drawn(_columns(shown), title, f"{EXPLAINED} Shown: {known.names[subject]} of {len(known.names)}.")


def side_by_side(bypass, misuse="variation", role="people", quality=75, count=2):
    """Notebook 01: the edits of clean, protected, noised, and protected after JPEG: a block of rows a picture."""
    if (misuse, role) not in bypass.edited:
        return _instead(bypass, misuse, role)
    known, sheet = bypass.grids[role].subjects, Sheet()
    some = range(min(count, len(known.names)))
    for i in some:
        shown = ((CLEAN, None), (bypass.attack, None), ("noise", None), (bypass.attack, quality))
        edits = [bypass.edit(misuse, role, i, key, q) for key, q in shown]
        corner = box(known.masks[i]) if role == "people" else None
        sheet.edits(_asked(known, i), edits, edits[0], corner, photograph=known.images[i])
        sheet.gap()
    attack = looks.short(looks.PROTECTIONS, bypass.attack)
    columns = ["edit of the clean picture", attack, "uniform noise", f"{attack}, JPEG {quality}"]
    return sheet.drawn(columns, f"Before and after JPEG, {misuse}", f"{EXPLAINED} {_which(some, known)}")


def through_jpeg(gradients):
    """Notebook 05: the edits of the first person, plain, JPEG-aware and clean, over quality."""
    bypass = gradients.bypass
    if ("variation", "people") not in bypass.edited:
        return _instead(bypass, "variation", "people")
    known, shown, sheet = bypass.grids["people"].subjects, _qualities(bypass), Sheet()
    clean, corner = bypass.edit("variation", "people", 0, CLEAN, None), box(known.masks[0])
    for key in (*bypass.protections, CLEAN):
        edits = [bypass.edit("variation", "people", 0, key, q) for q in shown]
        sheet.edits(looks.short(looks.PROTECTIONS, key), edits, clean, corner, whole=False)
        sheet.gap()
    return sheet.drawn(_columns(shown), f"“{known.prompts[0][0]}”, variation: the edits", f"{EXPLAINED} {_which([0], known)}")


def _qualities(bypass):
    return [q for q in bypass.counts.qualities if q in QUALITIES]


def _columns(qualities):
    return ["no JPEG" if q is None else f"JPEG quality {q}" for q in qualities]


def _asked(known, i, number=0):
    """A person and what is asked of the edit."""
    return f"{known.names[i]}: {known.prompts[i][number].removeprefix('a photo of ')}"


def _which(some, known):
    """Who is shown, of how many: the first, so that nobody can have picked them."""
    shown = f"{known.names[0]}, the first" if len(some) == 1 else f"the first {len(some)}"
    return f"Shown: {shown} of {len(known.names)}."


def _instead(bypass, misuse, role):
    """What to show where a profile has no such edits: the pictures, and why."""
    name, sheet = bypass.study.identity.name, Sheet()
    why = "a folder of pictures was given instead" if role not in bypass.grids else f"{name} has no denoiser for it"
    sheet.row(None, bypass.grids["people"].subjects.images[:4])
    return sheet.drawn(None, f"no {misuse} of {role}: {why}")


PAINTED = (CLEAN, "encoder", "encoder, strong", "diffusion, strong", OTHER)


def edits(lab, count=2):
    """Figure 5: a block of rows a person and prompt; the edits of the picture, clean and protected, and under another seed."""
    people, sheet = lab.people, Sheet()
    some = range(min(count, len(people.names)))
    for i in some:
        number = i % lab.counts.prompts
        made = [_edit(lab, i, arm, number) for arm in PAINTED]
        sheet.edits(_asked(people, i, number), made, made[0], box(people.masks[i]), photograph=people.images[i])
        sheet.gap()
    columns = [looks.short(looks.PROTECTIONS, arm) for arm in PAINTED]
    return sheet.drawn(columns, "Edits: all but the person is repainted (after Figure 5)", f"{EXPLAINED} {_which(some, people)}")


def _edit(lab, subject, arm, number):
    cell, seed = {OTHER: (Cell(), 1), AGAIN: (Cell(again=True), 0)}.get(arm, (Cell(arm), 0))
    return lab.edited.shown(cell, subject, number, seed)


def protected(lab, count=2):
    """The protected pictures themselves, and what was added: can you see it?"""
    people, arms, sheet = lab.people, (CLEAN, "noise", "encoder", "encoder, strong", "diffusion, strong"), Sheet()
    some, largest = range(min(count, len(people.names))), 0
    for i in some:
        picture, *made = (lab.grid.shown(Cell(arm), i)[0] for arm in arms)
        levels = [round((one - picture).abs().max().item() * 255) for one in made]
        words = [f"{most} levels, {ssim(one, picture)}" for most, one in zip(levels, made, strict=True)]
        sheet.row(people.names[i], [picture, *made], [None, *words])
        sheet.row("the face ×2", [near(one, box(people.masks[i])) for one in (picture, *made)])
        sheet.row(f"the change ×{AMPLIFIED}", [None, *(difference(one, picture) for one in made)])
        sheet.gap()
        largest = max(largest, *levels)
    size = people.images.shape[-1]
    seen = f"At {size} px a change of {largest} levels can be seen. " if size <= SMALL else ""
    told = f"{seen}The change is shown {AMPLIFIED} times as large, around mid grey. SSIM: of the protected picture to the clean one."
    columns = [looks.short(looks.PROTECTIONS, arm) for arm in arms]
    return sheet.drawn(columns, f"Protected pictures, {size} px: can you see it?", f"{told} {_which(some, people)}")


def variations(varied, count=2):
    """Figure 4: a block of rows a person; variations of clean, noised, protected, and under another seed."""
    people, sheet = varied.lab.people, Sheet()
    some = varied.subjects[:count]
    for i in some:
        photograph, _, *made = varied.shown(i)
        sheet.edits(_asked(people, i), made, made[0], box(people.masks[i]), photograph=photograph)
        sheet.gap()
    columns = [looks.short(looks.PROTECTIONS, arm) for arm in (*varied.ARMS, OTHER)]
    return sheet.drawn(columns, "Image variations of whole pictures (after Figure 4)", f"{EXPLAINED} {_which(some, people)}")


def printed(lab, specimen):
    """The picture, what Algorithm 1 returns to the letter (cut at black and white), what equation 4 means, and both changes, amplified."""
    picture, letter, meant = lab.people.images[0], *(specimen.images({}, form)[0] for form in ("as printed", "as in equation 4"))
    sheet = Sheet()
    sheet.row(None, [picture, letter, meant], [None, ssim(letter, picture), ssim(meant, picture)])
    sheet.row(None, [None, difference(letter, picture), difference(meant, picture)], [None, *[f"the change ×{AMPLIFIED}"] * 2])
    columns = ["picture", "Algorithm 1 as printed", "as in equation 4"]
    told = f"Cut at black and white; the change around mid grey. {_which([0], lab.people)}"
    return sheet.drawn(columns, f"Algorithm 1 to the letter, {lab.counts.printed_steps} steps", told)


def purified(lab, purifiers, protection="encoder", subject=0):
    """Notebooks 03 and 04: what each purifier leaves of one protected picture: it, its difference from the photograph, its edit."""
    known, sheet = lab.grid.subjects, Sheet()
    photo, corner = known.images[subject], box(known.masks[subject])
    cells = [(protection, purifier) for purifier in (UNTREATED, *purifiers)]
    pictures = [lab.shown(subject, *cell) for cell in cells]
    sheet.row("picture", [photo, *pictures], [None, *(ssim(one, photo) for one in pictures)])
    sheet.row(f"difference to the photograph ×{DIFFERENCE}", [None, *(difference(one, photo, DIFFERENCE) for one in pictures)])
    sheet.gap()
    clean = lab.edit(subject, CLEAN, UNTREATED)
    sheet.edits("edit", [clean, *(lab.edit(subject, *cell) for cell in cells)], clean, corner)
    sheet.rows[-1][0] = None  # the clean edit differs from itself nowhere
    columns = ["photograph", *(looks.label(looks.PURIFIERS, purifier) for _, purifier in cells)]
    title = f"What each purifier leaves of the {looks.short(looks.PROTECTIONS, protection)}"
    told = f"SSIM: of pictures to the photograph, of edits to its edit. Shown: {known.names[subject]} of {len(known.names)}."
    return sheet.drawn(columns, title, told)
