"""The picture grids of notebooks 01 to 05, as report.picture_grid takes them."""

from ..report import looks
from .arms import CLEAN, UNTREATED
from .cells import AGAIN, OTHER, Cell

AMPLIFIED, DIFFERENCE = 4, 6  # how often a change is shown, around mid grey: of attacks, of purifiers
QUALITIES = (None, 95, 85, 75, 50, 30, 15, 5)
PURIFIERS = ("JPEG 90", "JPEG 15", "noise 0.1", "blur, training", "resize, antialiased", "AdverseCleaner", "DiffPure", "IMPRESS")


def over_quality(bypass, misuse="variation", role="people", subject=0, prompt=0):
    """Notebook 01: over quality, the protected picture as sent and the edits of clean, noised and protected."""
    if (misuse, role) not in bypass.edited:
        return _instead(bypass, misuse, role)
    shown = [q for q in bypass.counts.qualities if q in QUALITIES]
    rows = {"protected and compressed": [bypass.sent(role, subject, bypass.attack, q) for q in shown]}
    for words, key in (("edit of it", bypass.attack), ("edit of noised picture", "noise"), ("edit of clean picture", CLEAN)):
        rows[words] = [bypass.edit(misuse, role, subject, key, q, prompt) for q in shown]
    wanted = bypass.grids[role].subjects.prompts[subject][prompt]
    return _grid(rows.values(), list(rows), _columns(shown), f"“{wanted}”, {misuse}")


def side_by_side(bypass, misuse="variation", role="people", quality=75, count=4):
    """Notebook 01: original, protected, and edits of clean, protected, noised, and protected after JPEG: one row a picture."""
    if (misuse, role) not in bypass.edited:
        return _instead(bypass, misuse, role)
    known, rows = bypass.grids[role].subjects, []
    for i in range(min(count, len(known.names))):
        shown = ((CLEAN, None), (bypass.attack, None), ("noise", None), (bypass.attack, quality))
        edits = [bypass.edit(misuse, role, i, key, q) for key, q in shown]
        rows.append([known.images[i], bypass.sent(role, i, bypass.attack, None), *edits])
    columns = ["original", "protected", "edit of clean", "edit of protected", "edit of noised", f"edit of protected, JPEG {quality}"]
    labels = [f"{name}: {asked[0].removeprefix('a photo of ')}" for name, asked in zip(known.names, known.prompts, strict=True)]
    return _grid(rows, labels[:count], columns, f"Before and after JPEG, {misuse}")


def through_jpeg(gradients):
    """Notebook 05: the first person, plain and JPEG-aware, as sent and edited, over quality."""
    bypass = gradients.bypass
    if ("variation", "people") not in bypass.edited:
        return _instead(bypass, "variation", "people")
    shown, rows = [q for q in bypass.counts.qualities if q in (None, 95, 75, 50, 30, 5)], {}
    for words, key in (("PhotoGuard", "encoder"), ("through JPEG", "encoder, through JPEG")):
        rows[f"{words}: sent"] = [bypass.sent("people", 0, key, q) for q in shown]
        rows[f"{words}: edit"] = [bypass.edit("variation", "people", 0, key, q) for q in shown]
    rows["clean: edit"] = [bypass.edit("variation", "people", 0, CLEAN, q) for q in shown]
    asked = bypass.grids["people"].subjects.prompts[0][0]
    return _grid(rows.values(), list(rows), _columns(shown), f"“{asked}”, variation, {gradients.study.identity.name} model")


def _columns(qualities):
    return ["no JPEG" if q is None else f"quality {q}" for q in qualities]


def _instead(bypass, misuse, role):
    """What to show where a profile has no such edits: the pictures, and why."""
    name = bypass.study.identity.name
    why = "a folder of pictures was given instead" if role not in bypass.grids else f"{name} has no denoiser for it"
    return _grid([list(bypass.grids["people"].subjects.images[:4])], None, None, f"no {misuse} of {role}: {why}")


PAINTED = (CLEAN, "noise", "encoder", "diffusion", OTHER)
CAPTIONS = {CLEAN: "edit of it", "noise": "edit, random noise", "encoder": "edit, encoder attack", "diffusion": "edit, diffusion attack",
            OTHER: "edit of it, another seed"}  # fmt: skip


def edits(lab, count=5):
    """Figure 5: one row a person and prompt; the picture, its edit, and the edits of the same picture protected."""
    people, rows, labels = lab.people, [], []
    for i in range(min(count, len(people.names))):
        number = i % lab.counts.prompts
        rows.append([people.images[i], *(_edit(lab, i, arm, number) for arm in PAINTED)])
        labels.append(people.prompts[i][number].removeprefix("a photo of "))
    title = "Edits: all but the person is repainted (after Figure 5)"
    return _grid(rows, labels, ["picture", *(CAPTIONS[arm] for arm in PAINTED)], title)


def _edit(lab, subject, arm, number):
    cell, seed = {OTHER: (Cell(), 1), AGAIN: (Cell(again=True), 0)}.get(arm, (Cell(arm), 0))
    return lab.edited.shown(cell, subject, number, seed)


def protected(lab, count=4):
    """The protected pictures themselves: can you see it?"""
    arms = (CLEAN, "noise", "encoder", "diffusion")
    rows = [[lab.grid.shown(Cell(arm), i)[0] for arm in arms] for i in range(min(count, len(lab.people.names)))]
    return _grid(rows, None, ["picture", "random noise", "encoder attack", "diffusion attack"], "Protected pictures")


def variations(varied):
    """Figure 4: one row a person; picture, protected picture, and variations of clean, noised, protected, and under another seed."""
    rows = [varied.shown(i) for i in varied.subjects]
    labels = [varied.lab.people.prompts[i][0].removeprefix("a photo of ") for i in varied.subjects]
    columns = ["picture", "protected (encoder)", "variation of it", "of the noised", "of the protected", "of it, another seed"]
    return _grid(rows, labels, columns, "Image variations (after Figure 4)")


def printed(lab, specimen):
    """The picture, what Algorithm 1 returns to the letter (cut at black and white), what equation 4 means, and both changes, amplified."""
    picture, letter, meant = lab.people.images[0], *(specimen.images({}, form)[0] for form in ("as printed", "as in equation 4"))
    change = [(AMPLIFIED * (made - picture) + 0.5).clamp(0, 1) for made in (letter, meant)]
    columns = ["picture", "Algorithm 1 as printed", "as in equation 4"]
    columns += [f"{which}: change x {AMPLIFIED}" for which in ("printed", "equation 4")]
    return _grid([[picture, letter, meant, *change]], None, columns, "To the letter")


def purified(lab, purifiers, protection="encoder", subject=0):
    """Notebooks 03 and 04: what each purifier leaves of one protected picture: it, its difference from the photograph, its edit."""
    photo = lab.grid.subjects.images[subject]
    cells = [(CLEAN, UNTREATED), *((protection, purifier) for purifier in (UNTREATED, *purifiers))]
    pictures = [lab.shown(subject, *cell) for cell in cells]
    changes = [(DIFFERENCE * (one - photo) + 0.5).clamp(0, 1) for one in pictures]
    rows = [pictures, changes, [lab.edit(subject, *cell) for cell in cells]]
    columns = ["photograph", looks.short(looks.PROTECTIONS, protection), *(looks.label(looks.PURIFIERS, one) for one in purifiers)]
    return _grid(rows, ["picture", f"difference x {DIFFERENCE}", "edit"], columns, f"What each purifier leaves: {lab.names[subject]}")


def _grid(rows, row_labels, column_labels, title):
    images = [[picture.numpy() for picture in row] for row in rows]
    return dict(images=images, row_labels=row_labels, column_labels=column_labels, title=title)
