"""How good the face networks are on people that no training saw: the figures of the bundle's README and notebook 00."""

import functools

import torch
import torch.nn.functional as F

from ... import rng
from ...measure import face_nets as nets
from ...measure.face_bundled import BundledFaces, iou
from ...measure.face_kind import Face
from ..draw.person import identity
from ..draw.render import render
from ..draw.scene import SCENES
from ..draw.spec import FRAMINGS, Spec
from . import patches, portraits, spoil, woven

STRANGERS = range(200_000, 204_000)  # training knows 0 to 3999, the study's people are numbered from 100,000 on
SEED = 4_000_000  # of what is measured; portraits.SEED of training
VIEWS = 4  # pictures that stand for a person, and as many that are held against them


@functools.lru_cache(2)
def _shown(count, seed):
    return portraits.drawn(portraits.specs(0, count, STRANGERS, seed))


def detection(faces, count=1000, seed=SEED):
    """Clean renders of strangers: share of pictures with people in which each face is found (a box overlaps its head by half), share of
    people-free ones in which none is, and the points' mean distance, in heights of the head; with the counts."""
    shown = _shown(count, seed)
    got = faces.detect(shown["images"].float() / 255)
    found, free, errors = [], [], []
    for i, here in enumerate(got):
        there = [k for k in range(2) if not shown["boxes"][i, k].isnan().any()]
        if not there:
            free.append(not here)
            continue
        pairs = [(k, max(here, key=lambda face: iou(face.box, shown["boxes"][i, k]), default=None)) for k in there]  # noqa: B023
        hits = [(k, face) for k, face in pairs if face and iou(face.box, shown["boxes"][i, k]) > 0.5]
        found.append(len(hits) == len(there))
        for k, face in hits:
            height = shown["boxes"][i, k, 3] - shown["boxes"][i, k, 1]
            errors.append(((torch.tensor(face.points) - shown["points"][i, k]).norm(dim=1) / height).mean().item())
    return dict(found=_mean(found), of=len(found), none_found=_mean(free), of_free=len(free), points_off=_mean(errors))


def under_weaves(args, count=400):
    """Strangers under weaves, to judge a Detector by: images (n, 3, S, S) uint8, boxes (n, 4) and status (n,) of their first faces."""
    shown = _shown(count, SEED + 5)
    made = woven.woven(portraits.Codec(args), shown, rng.generator(SEED, "woven"))
    rows = made["status"][:, 0] >= 0
    return made["images"][rows], shown["boxes"][rows, 0], made["status"][rows, 0]


def detector_quality(net, count=400, seed=SEED + 1, weaves=None):
    """How surely a Detector tells faces from spoiled ones and from pictures without people: shares at the best threshold, and it.

    found, mild: whole and mildly spoiled faces called faces; strong, free: those spoiled past recognition, and people-free pictures, not.
    weaves: what `under_weaves` made; then also legible, those called faces, and illegible, those not.
    """
    shown = _shown(count, seed)
    images = shown["images"].float() / 255
    alone = (~shown["boxes"][:, 0, 0].isnan()).nonzero().flatten()
    free = shown["boxes"][:, 0, 0].isnan().nonzero().flatten()
    whole = scores(net, images[alone], shown["boxes"][alone, 0])
    none = _maps(net, images[free]).flatten(1).amax(1)
    ways = list(spoil.SPOILS)
    kept, gone = [], []
    for j, i in enumerate(alone.tolist()):
        row, draw = spoil.SPOILS[ways[j % len(ways)]], rng.generator(seed, "spoil", j)
        box, five, other = shown["boxes"][i : i + 1, 0], shown["points"][i : i + 1, 0], images[(i + 7) % count][None]
        for target, low, high in ((kept, 0.0, row.mild), (gone, row.strong, 1.0)):
            degree = patches.uniform(draw, low, high)
            target.append(row.function(images[i : i + 1], box, five, degree, other, draw).clamp(0, 1))
    kept, gone = (scores(net, torch.cat(part), shown["boxes"][alone, 0]) for part in (kept, gone))
    faces, others = dict(found=whole, mild=kept), dict(strong=gone, free=none)
    if weaves is not None:
        seen, where, status = weaves
        woven_scores = scores(net, seen.float() / 255, where)
        faces["legible"], others["illegible"] = woven_scores[status == 1], woven_scores[status == 0]
    at = torch.linspace(0.02, 0.98, 97)
    right = sum((part >= at[:, None]).float().mean(1) for part in faces.values())
    right = right + sum((part < at[:, None]).float().mean(1) for part in others.values())
    threshold = at[right >= right.max() - 1e-6].median().item()
    shares = {name: part >= threshold for name, part in faces.items()} | {name: part < threshold for name, part in others.items()}
    return {name: round(part.float().mean().item(), 4) for name, part in shares.items()} | dict(threshold=round(threshold, 2))


@torch.no_grad()
def _maps(net, images):
    return torch.cat([net(x).float()[:, 0].sigmoid() for x in images.split(50)])


def scores(net, images, boxes):
    """The Detector's score of the face in each box (N, 4), the largest within a cell and a half of its middle: (N,)."""
    maps = _maps(net, images)
    at = (torch.arange(maps.shape[-1]) + 0.5) * nets.STRIDE
    middle = boxes.view(-1, 2, 2).mean(1)
    far = ((at - middle[:, :1]) ** 2)[:, None] + ((at[: maps.shape[1]] - middle[:, 1:]) ** 2)[:, :, None]
    return maps.masked_fill(far.sqrt() > 1.5 * nets.STRIDE, 0).flatten(1).amax(1)


def recognition(faces, people=64, seed=SEED + 2, told=False):
    """Who is who among strangers, across scenes and framings: the numbers below, and the share of pictures in which a face was found.

    eer: equal error rate of cosines, pairs of one person against pairs of two; disguised: the same where one of a pair wears the hair,
    glasses and beard of another; disguised_as: there, against the other alone; right: the person among 16, by the mean of VIEWS pictures;
    right_disguised. told: faces are where the renderer says, not where the detector finds them.
    """
    shots = [_views(people, seed, worn) for worn in (False, True)]
    embedded = [_embedded(faces, images, five, told) for images, five in shots]
    plain, worn = (F.normalize(found, dim=-1).view(people, -1, nets.WIDTH) for found, _ in embedded)
    who = torch.arange(people)
    same = who[:, None] == who
    among = plain.shape[1]
    everyone, masked = plain.flatten(0, 1), worn.flatten(0, 1)
    cosine = everyone @ everyone.T
    own = same.repeat_interleave(among, 0).repeat_interleave(among, 1)
    upper = torch.ones_like(own).triu(1)
    across = masked @ everyone.T
    mine = same.repeat_interleave(worn.shape[1], 0).repeat_interleave(among, 1)
    theirs = (who[:, None] + 1) % people == who
    theirs = theirs.repeat_interleave(worn.shape[1], 0).repeat_interleave(among, 1)
    reference = F.normalize(plain[:, :VIEWS].mean(1), dim=-1)
    return dict(
        eer=equal_error(cosine[own & upper], cosine[~own & upper]),
        disguised=equal_error(across[mine], across[~mine]),
        disguised_as=equal_error(across[mine], across[theirs]),
        right=_right(plain[:, VIEWS:], reference),
        right_disguised=_right(worn, reference),
        found=_mean([share for _, share in embedded]),
        people=people,
    )


def embedder_quality(net, people=32):
    """`recognition` of an Embedder by itself, on faces that lie where the renderer says."""
    told = recognition(BundledFaces(nets.Detector().eval(), net, threshold=0.5), people, SEED + 3, told=True)
    return {name: round(value, 4) for name, value in told.items() if name not in ("found", "people")}


def equal_error(genuine, impostor):
    """The rate at which as many genuine pairs are refused as impostors let in: scores (n,), (m,), higher is closer; 0.5 is chance.

    Where no threshold makes the two equal it is the middle of the two rates that come closest.
    """
    if not len(genuine) or not len(impostor):
        raise ValueError(f"scores: expected some of both kinds, got {len(genuine)} genuine and {len(impostor)} impostors")
    genuine, impostor = (part.double().nan_to_num(-2).sort().values for part in (genuine, impostor))
    at = torch.cat([genuine, impostor]).unique()
    refused = torch.searchsorted(genuine, at).double() / len(genuine)
    let_in = 1 - torch.searchsorted(impostor, at).double() / len(impostor)
    best = (refused - let_in).abs().argmin()
    return ((refused[best] + let_in[best]) / 2).item()


@functools.lru_cache(4)
def _views(people, seed, worn):
    """2 * VIEWS pictures of each of `people` strangers, VIEWS if they wear the looks of the next one: images (n, 3, S, S) and points."""
    numbers = torch.tensor(STRANGERS[2000:])
    women = identity(numbers).woman.flatten() > 0
    numbers = torch.cat([numbers[women][: people // 2], numbers[~women][: people - people // 2]]).tolist()  # neighbours are of one sex
    specs = []
    for i, number in enumerate(numbers):
        for k in range(VIEWS if worn else 2 * VIEWS):
            draw = rng.child(seed, "view", i, k, str(worn)) % 2**62
            scene = [name for name in SCENES if name != "mirror"][draw % (len(SCENES) - 1)]
            looks = numbers[(i + 1) % people] if worn else -1
            specs.append(Spec(number, scene, framing=FRAMINGS[(draw >> 8) % 2], seed=draw, disguise=looks))
    made = render(specs)
    return made.images, torch.tensor([told["points"] for told in made.attributes]) * made.images.shape[-1]


def _embedded(faces, images, five, told):
    """(embeddings (n, 128), nan where no face is found; share found)."""
    given = [[Face((0.0, 0.0, 1.0, 1.0), 1.0, tuple(map(tuple, one.tolist())))] for one in five] if told else faces.detect(images)
    rows = [i for i, here in enumerate(given) if here]
    out = torch.full((len(images), nets.WIDTH), torch.nan)
    if rows:
        out[rows] = faces.embed(images[rows], [given[i][0] for i in rows])
    return out, len(rows) / len(images)


def _right(queries, reference, among=16):
    """Share of queries (people, k, width) closest to their own person's reference of `among` people, the 15 that follow and their own."""
    people = len(reference)
    among = min(among, people)
    hits = []
    for i in range(people):
        others = [(i + k) % people for k in range(1, among)] + [i]  # their own last: a tie is no recognition
        hits.append((queries[i] @ reference[others].T).nan_to_num(-2).argmax(1) == among - 1)
    return torch.cat(hits).float().mean().item()


def _mean(values):
    return sum(map(float, values)) / len(values) if len(values) else float("nan")
