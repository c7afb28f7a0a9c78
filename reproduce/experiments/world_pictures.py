"""The picture grids of notebook 00, as report.picture_grid takes them: the world, and what its models make of it."""

import torch

from .. import rng
from ..engine.jobs import Job, levels
from ..measure import compare
from ..world import HELD_OUT_STYLES, SCENES, STYLES, Spec, render
from ..world.train import quality
from .panels import SIDE, Sheet


def scenes(seed=0):
    """Every scene once, with somebody in it."""
    made = render([Spec(identity=100_000 + i, scene=scene, seed=rng.child(seed, scene) % 2**62) for i, scene in enumerate(SCENES)])
    return dict(**_rows_of(made.images.numpy(), SCENES, 6), title="The scenes")


def identities(seed=0, people=5, views=6):
    """Five people, one a row, in other poses, light, clothes and expressions."""
    specs = [
        Spec(identity=100_500 + i, scene="studio", seed=rng.child(seed, "view", i, k) % 2**62) for i in range(people) for k in range(views)
    ]
    made = render(specs).images.numpy()
    return dict(
        images=[list(made[i * views : (i + 1) * views]) for i in range(people)],
        row_labels=[f"identity {i + 1}" for i in range(people)],
        title="One identity a row: pose, light, expression and clothes vary",
    )


def styles(seed=0):
    """One picture as a photo, in every style of the training set, and in those held out of it."""
    shown = ("photo", *STYLES, *HELD_OUT_STYLES)
    made = render([Spec(identity=100_007, scene="beach", style=style, seed=rng.child(seed, "style") % 2**62) for style in shown])
    names = [f"{style}\n(held out)" if style in HELD_OUT_STYLES else style for style in shown]
    return dict(**_rows_of(made.images.numpy(), names, 4), title="The painterly styles; two were held out of training", side=SIDE)


def captions(seed=0, count=8):
    """Captions of sampled pictures, and the pictures."""
    made = render(rng.child(seed, "captions") % 2**62, count)
    return dict(**_rows_of(made.images.numpy(), [f"“{one}”" for one in made.captions], 4), title="What the captions say", side=SIDE)


def reconstructions(study, count=2):
    """Renders and photographs, their average-pooled version and the autoencoder's: a grid, with the PSNR of each."""
    photographs = quality.photographs(study.identity.size)[1][:3]
    images = torch.cat([render(quality.SEED, count).images, photographs])
    back = study.sweep("encode-decode", [Job("experiments.stages:encode_decode", {}, {"images": levels(images)})]).images({}, "image")
    sheet = Sheet()
    sheet.row("picture", images)
    for name, rebuilt in (("8x average pooling", quality.pooled(images)), ("autoencoder", back)):
        sheet.row(name, rebuilt, [f"{value:.1f} dB" for value in compare(rebuilt, images, ("psnr",))["psnr"].tolist()])
    columns = [*["held-out render"] * count, *["photograph"] * len(photographs)]
    return sheet.drawn(columns, "Held-out renders and real photographs", "dB: PSNR to the picture above.")


def generated(sweep):
    """The first generated picture of each scene, the scene that was asked for above it."""
    at = [i for i, row in enumerate(sweep.rows) if row["index"] == 0]
    pictures = sweep.images({}, "image").numpy()
    shown = _rows_of([pictures[i] for i in at], [sweep.rows[i]["scene"] for i in at], 6)
    return dict(**shown, title="Made from “a photo of a person …”", note="The first picture of each scene, not chosen.")


def inpainted(sweep, count=4):
    """The first originals and their inpainted versions, with the scene asked for and what became of the person."""
    before, after = (sweep.images({}, name)[:count] for name in ("original", "image"))
    rows, sheet = sweep.rows[:count], Sheet()
    sheet.row("original", before)
    sheet.row("all but the person repainted", after, [f"person: {row['kept_psnr']:.1f} dB of {row['roundtrip_psnr']:.1f}" for row in rows])
    told = f"dB: PSNR of the person, of what encode-decode alone leaves. The first {len(rows)} of {len(sweep.rows)} people."
    return sheet.drawn([row["scene"] for row in rows], "Inpainting: the person stays", told)


def _rows_of(pictures, names, per_row):
    """Pictures in rows of `per_row`, the name of each above it."""
    starts = range(0, len(pictures), per_row)
    rows = [list(pictures[i : i + per_row]) for i in starts]
    return dict(images=rows, above=[names[i : i + per_row] for i in starts])
