"""The stages of a picture's way, as jobs call them: protect, purify, edit, measure. Each is a function (profile, values, pictures).

Values are plain, pictures are float tensors (N, C, H, W); a method is named by its place, its settings by their fields (`arms.Arm`), so
that a result depends on that method and those settings alone and not on any table.
"""

import dataclasses
import functools
from statistics import mean

import torch

from .. import passes, rng
from ..diffusion import chain
from ..engine.jobs import Result
from ..images import quantise
from ..measure import clip, distribution, face, number
from ..measure import latents as reading
from ..measure.perceptual import perceptual
from ..misuse import dreambooth
from ..places import resolve
from ..protect.run import run as protected
from ..protect.run import spent as budget_spent
from .arms import record

DRAWS = 4  # of the noise, over which what four steps paint is averaged


def protect(profile, values, pictures):
    """"images" under a protection, which may change where "mask" (where given) is 1: pictures called "image".

    values: place, settings, takes, seed, stream (the name of the random stream), first (the number of the first picture).
    """
    made = protected(
        resolve(values["place"]), pictures["images"], profile.model, settings=_settings(values), seed=values["seed"],
        name=values["stream"], mask=pictures.get("mask"), takes=values["takes"], first=values["first"],
    )  # fmt: skip
    return Result([], {"image": made.cpu()})


def purify(profile, values, pictures):
    """"images" after a purifier: pictures called "image", a row a picture with what the purifier says of itself.

    values: place, settings, takes, whole, seed, stream, names; distance: which one the model's judges bring, where it takes one.
    """
    log = []
    made = passes.run(
        resolve(values["place"]), pictures["images"], profile.model, settings=_settings(values), seed=values["seed"],
        name=values["stream"], takes=values["takes"], whole=values["whole"], log=log,
    )  # fmt: skip
    rows = [{"subject": name} for name in values["names"]]
    for line in log:
        rows[line["image"]] |= {name: value for name, value in line.items() if name not in ("image", "tile", "distance")}
    return Result(rows, {"image": made.cpu()})


def purify_by_steps(profile, values, pictures):
    """"images" as IMPRESS has them after each of the steps `taken` of its whole run: pictures called "0", "10", and so on.

    Step 0 is the start, the picture with its noise. values: as for `purify`, and taken. ValueError: a step that there is not.
    """
    settings, taken, model = _settings(values), values["taken"], profile.model
    if not all(0 <= step <= settings.steps for step in taken):
        raise ValueError(f"taken: expected steps from 0 to {settings.steps}, got {taken}")
    purifier, images = resolve(values["place"]), quantise(pictures["images"])
    made = {step: images.clone() for step in taken}
    for one in passes.over(images, model.factor, values["whole"], values["takes"]):
        part, chance = one.of(images).to(model.device), (values["seed"], values["stream"])
        if 0 in made:
            start = dataclasses.replace(settings, steps=0)
            one.into(made[0], purifier(part, model, settings=start, generator=one.generators(*chance)))
        keep = functools.partial(_take, made, one)
        purifier(part, model, settings=settings, generator=one.generators(*chance), callback=keep)
    return Result([], {str(step): images for step, images in made.items()})


def _take(made, one, i, x, losses):
    """IMPRESS's callback: x on [-1, 1] after step i + 1 as the picture it would end with."""
    if i + 1 in made:
        one.into(made[i + 1], quantise((x.float() / 2 + 0.5).clamp(0, 1)))


def edit(profile, values, pictures):
    """"images" misused, sparing "mask" where it is given: pictures called "edit".

    values: place, settings, prompts, seed, streams (each picture's random stream, a list of words).
    """
    rule = dict(settings=_settings(values), prompts=values["prompts"])
    if "mask" in pictures:
        rule["mask"] = pictures["mask"]
    rule["generator"] = [rng.generator(values["seed"], *stream) for stream in values["streams"]]
    return Result([], {"edit": resolve(values["place"])(pictures["images"], profile.model, **rule)})


def tune(profile, values, pictures):
    """What a copy of the model learns of "images", a set of one person, beside "others" of the class: weights "STEP/NAME", as halves.

    values: settings, seed, stream (the random stream's words), taken (steps after which the weights are kept). One row: how many weights
    learn, the loss over the first and the last tenth of the steps.
    """
    losses, taken = [], values["taken"]
    chance = [rng.generator(values["seed"], *values["stream"], i) for i in range(len(pictures["images"]))]
    learnt = dreambooth.tune(
        pictures["images"], profile.model, settings=_settings(values), generator=chance, others=pictures["others"], taken=taken,
        callback=lambda step, value: losses.append(value.item()),
    )  # fmt: skip
    tenth = max(1, len(losses) // 10)
    told = dict(learnt=sum(part.numel() for part in learnt[0].values()), first=mean(losses[:tenth]), last=mean(losses[-tenth:]))
    kept = {f"{step}/{name}": part.half() for step, parts in zip(taken, learnt, strict=True) for name, part in parts.items()}
    return Result([told], weights=kept)


def sample(profile, values, pictures, weights=None):
    """Pictures from prompts alone: called "image"; by a model tuned so, where `tune` has left weights, else by the model as it is.

    values: sampling, prompts, seed, streams (one a picture); settings (of the tuning) and taken (after which step) with weights.
    """
    model = profile.model
    if weights is not None:
        start = f"{values['taken']}/"
        own = {name.removeprefix(start): part for name, part in weights.items() if name.startswith(start)}
        model = dreambooth.tuned(model, own, settings=_settings(values))
    chance = [rng.generator(values["seed"], *stream) for stream in values["streams"]]
    sampling = record(resolve(values["sampling"]["kind"]), values["sampling"])
    return Result([], {"image": dreambooth.sample(values["prompts"], model, settings=sampling, generator=chance)})


def recognise(profile, values, pictures):
    """A row a picture "image": "sample", its number; what faces tell of it (`measure.face.told`); measures of a picture by itself; where a
    scene is asked for, whether CLIP sees that.

    "gallery": people's clean pictures, `each` of a person, the pictures' own person first. values: faces, the networks' name and
    fingerprint, and clip, what to open and its fingerprint, or None; measures (name -> place, kind, needs); each, prompts; scenes, prompts
    of all scenes, and scene, the number of the right one.
    """
    x, columns = pictures["image"], {}
    if values["faces"]:
        networks = _faces(profile.model.judges)
        references = torch.stack([face.reference(one, networks) for one in pictures["gallery"].split(values["each"])])
        columns |= face.told(x, references, networks)
    columns |= {name: _measured(profile, row, x, None, {}, values) for name, row in values["measures"].items()}
    if "scene" in values:
        columns["scene_seen"] = (clip.nearest(x, values["scenes"], _clip(values["clip"][0])) == values["scene"]).double()
    listed = {name: [number(value) for value in found.tolist()] for name, found in columns.items()}
    return Result([dict(sample=i) | {name: found[i] for name, found in listed.items()} for i in range(len(x))])


def encode_decode(profile, values, pictures):
    """"images" through the autoencoder and back: pictures called "image"."""
    with torch.no_grad():
        back = profile.model.decode(profile.model.encode(pictures["images"]).mean)
    return Result([], {"image": back.clamp(0, 1).cpu()})


def spent(profile, values, pictures):
    """How far "made" was moved from "images", in levels: the largest change, root mean square over "mask" (or all), what of eps is used.

    values: names, settings.
    """
    made, origin = pictures["made"], pictures["images"]
    moved = (made - origin).mul(255).round()
    share = pictures["mask"].flatten(1).mean(1).clamp_min(1e-6) if "mask" in pictures else 1.0
    rms = (moved.square().flatten(1).mean(1) / share).sqrt()
    used = budget_spent(made, origin, _settings(values))
    columns = zip(values["names"], moved.abs().flatten(1).amax(1).tolist(), rms.tolist(), used.tolist(), strict=True)
    return Result([dict(subject=name, levels=levels, rms=each, used=part) for name, levels, each, part in columns])


def aims(profile, values, pictures):
    """What PhotoGuard's attacks make small, of "images" shown where "mask" is 1: distances to grey of what the encoder reads and of what
    the inpainting model paints, the latter as a mean over DRAWS draws of its noise.

    values: names, seed, settings (of the diffusion attack, whose chain it is), together (pictures painted at once).
    """
    model, settings = profile.model, _settings(values)
    images, kept = (pictures[name].to(model.device) for name in ("images", "mask"))
    with torch.no_grad():
        reads = reading.to_grey(images * kept + reading.GREY * (1 - kept), model)
        chance = [rng.generator(values["seed"], "aims", name, draw) for name in values["names"] for draw in range(DRAWS)]
        again, hidden = (one.repeat_interleave(DRAWS, 0) for one in (images, 1 - kept))
        paints = []
        for i in range(0, len(again), DRAWS * values["together"]):
            x, y, z = (part[i : i + DRAWS * values["together"]] for part in (again, hidden, chance))
            painted = chain.inpaint(x, y, [""] * len(x), model, steps=settings.chain, eta=1.0, generator=z)
            paints.append((painted - reading.GREY).flatten(1).norm(dim=1))
    columns = zip(values["names"], reads.tolist(), torch.cat(paints).view(-1, DRAWS).mean(1).tolist(), strict=True)
    return Result([dict(subject=name, reads=read, paints=paint) for name, read, paint in columns])


def measure(profile, values, pictures):
    """A row a picture: each measure of each comparison.

    values: names; measures: name -> its place, kind and needs, as in the table; compared: lists of [column, x, y, measures], with {} for
    the measure's name in `column`, x and y names of pictures (y None for measures of a picture by itself); prompts and clip (what to
    open, its fingerprint) for those; pasted: names of pictures that are also to be had as "NAME, pasted", what "mask" keeps of "photo"
    laid over them; faces (the networks' name and fingerprint) and distance (which one the model's judges bring), where a measure needs
    them.
    """
    known = dict(pictures)
    for name in values.get("pasted", ()):
        known[f"{name}, pasted"] = known[name] * (1 - known["mask"]) + known["photo"] * known["mask"]
    rows = [{"subject": name} for name in values["names"]]
    for column, x, y, names in values["compared"]:
        for name in names:
            found = _measured(profile, values["measures"][name], known[x], known.get(y), known, values)
            for line, value in zip(rows, found.tolist(), strict=True):
                line[column.format(name)] = number(value)
    return Result(rows)


def apart(profile, values, pictures):
    """How far apart the sets of pictures "x" and "y" are: one row with fid, precision, recall, their number, what features they are of.

    values: clip (what to open, its fingerprint), features (which the model's judges bring).
    """
    judges = profile.model.judges
    features, label = distribution.extractor(judges, _clip(values["clip"][0]) if judges.features == "bundled" else None)
    x, y = (features(pictures[name]) for name in ("x", "y"))
    precision, recall = distribution.precision_recall(x, y)
    return Result([dict(fid=distribution.fid(x, y), precision=precision, recall=recall, edits=len(x), features=label)])


def _measured(profile, row, x, y, known, values):
    """(N,) values of a measure: its place, its kind, what it needs."""
    place, kind, needs = row
    given = [x]
    if kind in ("pair", "person", "around", "among"):
        given.append(y)
    if kind in ("person", "around"):
        given.append(known["mask"] if kind == "person" else 1 - known["mask"])
    if kind == "among":
        given.append(known["others"])
    if kind == "picture":
        given.append(values["prompts"])
    if needs == "model":
        given.append(profile.model)
    elif needs == "distance":
        given.append(perceptual(profile.model.judges, profile.model)[0])
    elif needs == "clip":
        given.append(_clip(values["clip"][0]))
    elif needs == "faces":
        given.append(_faces(profile.model.judges))
    return resolve(place)(*given)


@functools.lru_cache(1)
def _faces(judges):
    return face.faces(judges)


@functools.lru_cache(1)
def _clip(source):
    return clip.clip(source)


def _settings(values):
    return record(resolve(values["settings"]["kind"]), values["settings"])
