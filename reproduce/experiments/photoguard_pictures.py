"""The pictures of notebook 02, as report.picture_grid takes them: Figures 4 and 5, and the printed algorithm's."""

from ..report.photoguard import named

AMPLIFIED = 4  # how often a change is shown, around mid grey
COLUMNS = ("clean", "noise", "encoder", "diffusion", "another seed")
CAPTIONS = {"clean": "edit of it", "noise": "edit, random noise", "encoder": "edit, encoder attack", "diffusion": "edit, diffusion attack",
            "another seed": "edit of it, another seed"}  # fmt: skip


def edits(lab, count=5, rule="fixed"):
    """Figure 5: one row a person and prompt; the picture, its edit, and the edits of the same picture protected."""
    people = lab.people
    jobs = [(i, people.prompts[i][i % lab.scale.prompts]) for i in range(min(count, len(people.names)))]
    shown = [arm for arm in COLUMNS if rule == "fixed" or arm != "another seed"]
    rows = [
        [people.images[i].numpy()]
        + [lab.edited.images(dict(subject=i, prompt=asked), f"{rule}: {arm}")[0].numpy() for arm in shown]
        for i, asked in jobs
    ]
    labels = [asked.removeprefix("a photo of ") for _, asked in jobs]
    columns = ["picture", *(CAPTIONS[arm] for arm in shown)]
    return dict(images=rows, row_labels=labels, column_labels=columns, title="Edits: all but the person is repainted (after Figure 5)")


def protected(lab, count=4):
    """The protected pictures themselves: can you see it?"""
    arms = ("noise", "encoder", "diffusion")
    rows = [
        [lab.picture(i, arm)[0].numpy() for arm in ("clean", *arms)] for i in range(min(count, len(lab.people.names)))
    ]
    return dict(images=rows, column_labels=["picture", *(named(arm) for arm in arms)], title="Protected pictures")


def variations(lab):
    """Figure 4: one row a person; picture, protected picture, and variations of clean, noised, protected, and under another seed."""
    rows = []
    for i in range(len(lab.varied.jobs)):
        sent, done = lab.varied.images(i, "sent").numpy(), lab.varied.images(i, "edit").numpy()
        rows.append([sent[0], sent[2], *done])
    labels = [job["prompt"].removeprefix("a photo of ") for job in lab.varied.jobs]
    columns = ["picture", "protected (encoder)", "variation of it", "of the noised", "of the protected", "of it, another seed"]
    return dict(images=rows, row_labels=labels, column_labels=columns, title="Image variations (after Figure 4)")


def printed(lab):
    """The picture, what Algorithm 1 returns to the letter (cut at black and white), what equation 4 means, and both changes, amplified."""
    picture, letter, meant = (lab.people.images[0], *(lab.specimen.images(0, form)[0] for form in ("as printed", "as in equation 4")))
    change = [(AMPLIFIED * (made - picture) + 0.5).clamp(0, 1) for made in (letter, meant)]
    columns = ["picture", "Algorithm 1 as printed", "as in equation 4"]
    columns += [f"{which}: change x {AMPLIFIED}" for which in ("printed", "equation 4")]
    return dict(images=[[one.numpy() for one in (picture, letter, meant, *change)]], column_labels=columns, title="To the letter")
