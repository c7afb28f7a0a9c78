"""Does an attack carry over to another autoencoder (notebook 02): what the bundle's version 1 reads of pictures made against version 5."""

import copy

from ..diffusion import profiles, weights
from ..engine.jobs import Job, Result
from ..measure import latents
from .arms import CLEAN
from .cells import Cell

EARLIER = profiles.BUNDLE / "earlier"  # version 1 of the autoencoder, of which version 5 was bred in some 20,000 further steps
READ = ("noise", "encoder", "encoder, strong", "diffusion, strong")


def other_encoder(lab):
    """Rows one a person, protection and encoder: distance of latents to grey and to the clean picture's, in units of the clean's to grey.

    Of models that are not the bundled one there is no earlier version here: rows of their own encoder alone.
    """
    jobs, mark = [], weights.fingerprint(EARLIER) if lab.study.name == "bundled" else None
    for key in READ:
        for some in lab.grid.groups():
            pictures = {"made": lab.grid.pictures(Cell(key), some), "images": lab.grid.pictures(Cell(CLEAN), some)}
            pictures["mask"] = lab.grid.masks(some)
            values = dict(names=lab.grid.names(some), earlier=mark)
            jobs.append(Job("experiments.other_encoder:read", values, pictures, told=dict(protection=key)))
    rows = lab.study.sweep("another encoder", jobs).rows
    return [{name: row[name] for name in ("subject", "protection", "encoder", "grey_distance", "latent_shift")} for row in rows]


def read(profile, values, pictures):
    """Rows: what each encoder reads of "made" beside "images", of which the person ("mask") is shown.

    values: names, earlier (the mark of the earlier version's weights, None for none).
    """
    from diffusers import AutoencoderKL

    readers = {"its own": profile.model}
    if values["earlier"]:
        readers["version 1"] = copy.copy(profile.model)
        readers["version 1"].vae = AutoencoderKL.from_pretrained(EARLIER, subfolder="vae").eval().to(profile.model.device)
    made, clean = (pictures[name] * pictures["mask"] + latents.GREY * (1 - pictures["mask"]) for name in ("made", "images"))
    rows = []
    for encoder, model in readers.items():
        columns = latents.grey_distance(made, clean, model).tolist(), latents.shift(made, clean, model).tolist()
        for subject, grey_distance, shift in zip(values["names"], *columns, strict=True):
            rows.append(dict(subject=subject, encoder=encoder, grey_distance=grey_distance, latent_shift=shift))
    return Result(rows)
