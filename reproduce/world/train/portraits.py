"""What the face networks train on: renders with faces' boxes, points and identities, and the same decoded from (disturbed) latents."""

import contextlib
import dataclasses
import functools
import math
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from ... import rng
from ...diffusion.model import fingerprint
from ...diffusion.precision import autocast
from ..draw import person
from ..draw.render import render
from ..draw.spec import IDENTITIES, sample_specs
from ..draw.style import STYLES
from . import denoiser as dn
from . import patches, tower, woven
from .data import home

CAST = 2000
SEED = 3_000_000  # shard k holds pictures of seed SEED + k; nothing else in the project renders these
# How latents are disturbed (see `Codec.disturb`), how often, the degree up to which there is a face in one piece and that from which on
# there is none, set by looking as in spoil.SPOILS. A blend of two faces, one on the other, stays a face.
KINDS = {
    "plain": (32, 1.0, 9.0),
    "noise": (12, 0.25, 0.65),
    "grid": (11, 0.20, 0.80),
    "blend": (5, 0.50, 9.0),
    "guess": (12, 0.40, 0.80),
    "redrawn": (14, 1.0, 9.0),
    "ruined": (14, -1.0, 0.0),
}
SAME = dict(plain=1.0, noise=0.25, grid=0.20, guess=0.25, redrawn=0.40)  # degrees up to which it is still the same person
NAMES, (SHARES, MILD, STRONG) = list(KINDS), zip(*KINDS.values(), strict=True)
STEPS = 8  # of the denoiser where it redraws
SHAKEN = (0.2, 0.34)  # deviation of what is added to the denoiser's kernels, in theirs


def specs(shard, count, identities=IDENTITIES, seed=SEED):
    """Specs of one shard: 15 % nobody, 20 % two; three in ten of the first persons disguised.

    The first persons are CAST of the identities, one as often as another, so that each is seen in several pictures; the second may be any.
    All are photos but three in ten of the pictures without people. A disguise is of the same sex, or beards would mark it.
    """
    found = sample_specs(seed + shard, count, styles=["photo"], people=[0] * 3 + [1] * 13 + [2] * 4)
    draw = rng.generator(seed, "portraits", shard)
    many = len(identities)
    turn = torch.randperm(many, generator=rng.generator(seed, "turns"))
    women = _women(identities)
    other = torch.randint(many, (count, 2), generator=draw)
    chance = torch.rand(count, 2, generator=draw)
    made = []
    for i, spec in enumerate(found):
        first = int(turn[(shard * count + i) % min(CAST, many)])
        partner = int(other[i, 0]) if int(other[i, 0]) != first else (first + 1) % many
        same = (women == women[first]).nonzero().flatten()
        worn = identities[int(same[int(other[i, 1]) % len(same)])] if chance[i, 0] < 0.3 else -1
        if not spec.people:
            style = STYLES[int(other[i, 0]) % len(STYLES)] if chance[i, 1] < 0.3 else spec.style
            made.append(dataclasses.replace(spec, style=style))
        else:
            pair = dict(partner=identities[partner]) if spec.people == 2 else {}
            made.append(dataclasses.replace(spec, identity=identities[first], disguise=worn, **pair))
    return made


@functools.lru_cache(2)
def _women(identities):
    return person.identity(torch.tensor(list(identities))).woman.flatten() > 0


def drawn(wanted):
    """The renders of specs as a dict of tensors, and captions.

    images (n, 3, 128, 128) uint8; boxes (n, 2, 4) and points (n, 2, 5, 2) in pixels, nan where nobody is; identities (n, 2), -1 there;
    mirror (n, 4): the box of the looking glass that shows somebody, else nan.
    """
    made = render(wanted)
    size = made.images.shape[-1]
    boxes, points = torch.full((len(wanted), 2, 4), torch.nan), torch.full((len(wanted), 2, 5, 2), torch.nan)
    mirror = torch.full((len(wanted), 4), torch.nan)
    for i, told in enumerate(made.attributes):
        for slot, somebody in enumerate(told["persons"]):
            boxes[i, slot], points[i, slot] = torch.tensor(somebody["box"]) * size, torch.tensor(somebody["points"]) * size
        if told["scene"] == "mirror" and told["people"]:
            x = 64 - told["side"] * 33  # indoors.mirror_frame
            mirror[i] = torch.tensor([x - 24.0, 9.0, x + 24.0, 91.0]) * size / 128
    images = (made.images * 255).round().to(torch.uint8)
    return dict(images=images, boxes=boxes, points=points, identities=made.identities, mirror=mirror, captions=made.captions)


def portraits(args):
    """Render the shards that are missing, and decode those that are to be."""
    args.work.mkdir(parents=True, exist_ok=True)
    rendered, decoded, count = args.size["portraits"]
    missing = [(args.work, k, count) for k in range(rendered) if not _rendered(args.work, k).exists()]
    if args.workers == 1:
        for job in missing:
            _render(*job)
    elif missing:
        with ProcessPoolExecutor(args.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            list(pool.map(_render, *zip(*missing, strict=True)))
    if not all(_decoded(args, k).exists() for k in range(decoded)):
        codec = Codec(args)
        for k in range(decoded):
            shard = torch.load(_rendered(args.work, k), weights_only=True)
            _keep(_decoded(args, k), lambda k=k, shard=shard: codec.decoded(shard, rng.generator(SEED, "decoded", k)))
    weaves = args.size["woven"]
    if not all(_made(args, "woven", k).exists() for k in range(weaves)):
        codec = Codec(args)
        for k in range(weaves):  # of the last shards, as those decoded are the first
            shard = torch.load(_rendered(args.work, rendered - 1 - k), weights_only=True)
            _keep(_made(args, "woven", k), lambda k=k, shard=shard: woven.woven(codec, shard, rng.generator(SEED, "woven", k)))


def _rendered(work, k):
    return work / f"portraits-{k:03d}.pt"


def _render(work, k, count):
    _keep(_rendered(work, k), lambda: drawn(specs(k, count)))


def _decoded(args, k):
    return _made(args, "decoded", k)


def _made(args, kind, k):
    """The file of shard k that the bundle's autoencoder made; a retrained one gets a file of its own."""
    return args.work / f"{kind}-{k:03d}-{fingerprint(home(args, 'vae'))}.pt"


def _keep(path, make):
    """What `make` makes, in the file `path`, whole or not at all; what is there stays."""
    if path.exists():
        return
    began, part = time.time(), path.with_suffix(".part")
    torch.save(make(), part)
    part.rename(path)
    print(f"{path.name}: {time.time() - began:.0f} s", flush=True)


def stored(args):
    """The shards in memory: a dict as drawn has it, without captions; decoded, kinds, degrees of the first pictures; woven, woven_status
    of those that end with the last.
    """
    rendered, decoded, _ = args.size["portraits"]
    parts = [torch.load(_rendered(args.work, k), weights_only=True) for k in range(rendered)]
    more = [torch.load(_decoded(args, k), weights_only=True) for k in range(decoded)]
    data = {key: torch.cat([p[key] for p in parts]) for key in ("images", "boxes", "points", "identities", "mirror")}
    last = [torch.load(_made(args, "woven", k), weights_only=True) for k in reversed(range(args.size["woven"]))]
    data |= {"woven" if key == "images" else "woven_status": torch.cat([p[key] for p in last]) for key in ("images", "status")}
    return data | {"decoded" if key == "images" else key: torch.cat([p[key] for p in more]) for key in ("images", "kinds", "degrees")}


class Codec:
    """The bundle's autoencoder and denoiser, as they disturb pictures."""

    def __init__(self, args):
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTokenizer

        self.vae = AutoencoderKL.from_pretrained(home(args, "vae")).eval().requires_grad_(False)
        self.unet = UNet2DConditionModel.from_pretrained(home(args, "unet")).eval().requires_grad_(False)
        self.text = CLIPTextModel.from_pretrained(home(args, "text_encoder")).eval().requires_grad_(False)
        self.tokens = CLIPTokenizer.from_pretrained(home(args, "tokenizer"))
        self.scale, self.alphas = self.vae.config.scaling_factor, dn.schedule().alphas_cumprod

    @torch.no_grad()
    def decoded(self, shard, generator, batch=25):
        """dict(images (n, 3, S, S) uint8, kinds (n,) int64, degrees (n,)): each picture of the shard decoded in one way."""
        n = len(shard["images"])
        kinds = torch.multinomial(torch.tensor(SHARES, dtype=torch.float32), n, True, generator=generator)
        kinds = torch.where(shard["boxes"][:, 0, 0].isnan() & (kinds != NAMES.index("ruined")), 0, kinds)
        degrees = torch.rand(n, generator=generator)
        parts = []
        for rows in torch.arange(n).split(batch):
            images = shard["images"][rows].float() / 255
            with autocast("cpu"):
                latents = self.vae.encode(images * 2 - 1).latent_dist.mean.float() * self.scale
                captions = [shard["captions"][i] for i in rows.tolist()]
                changed = self.disturb(latents, shard["boxes"][rows, 0], kinds[rows], degrees[rows], captions, generator)
                out = self.vae.decode(changed / self.scale).sample.float()
            parts.append(((out / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8))
        return dict(images=torch.cat(parts), kinds=kinds, degrees=degrees)

    def disturb(self, latents, boxes, kinds, degrees, captions, generator):
        """Latents (n, 4, s, s), each with one disturbance of its first face or of the whole picture.

        noise: smooth noise added; grid: two waves added; blend: another picture's blended in, head on head; guess: what the denoiser
        makes, in one step, of a noised copy; redrawn: in many; ruined: what a denoiser whose weights are shaken draws instead.
        """
        n, _, _, s = latents.shape
        out, cell = latents.clone(), 128 / s
        boxes = boxes / cell
        for i in (kinds > 0).nonzero().flatten().tolist():
            one, degree, where = latents[i : i + 1], float(degrees[i]), patches.head(s, boxes[i : i + 1], 1.1)
            if NAMES[kinds[i]] == "noise":
                scale = patches.one_of(generator, (1.0, 2.0, 4.0))
                where = patches.one_of(generator, (where, torch.ones_like(where)))
                out[i] = (one + 1.5 * degree * where * patches.field(1, 4, s, scale, generator))[0]
            elif NAMES[kinds[i]] == "grid":
                where = patches.one_of(generator, (where, torch.ones_like(where), torch.ones_like(where)))
                tint = torch.randn(4, 1, 1, generator=generator).sign() * patches.uniform(generator, 0.7, 1.3, 4).view(4, 1, 1)
                out[i] = (one + 2 * degree * where * tint * waves(s, generator))[0]
            elif NAMES[kinds[i]] == "blend":
                j = (i + 1 + int(torch.randint(n - 1, (1,), generator=generator))) % n if n > 1 else i
                near = boxes[j].isnan().any()
                shift = torch.zeros(2) if near else (boxes[i] - boxes[j]).view(2, 2).mean(0).round()
                other = latents[j : j + 1].roll((int(shift[1]), int(shift[0])), (2, 3))
                out[i] = torch.lerp(one, other, 0.6 * degree * patches.one_of(generator, (where, torch.ones_like(where))))[0]
        text = self.text(tower.ids(self.tokens, captions))[0]
        rows = (kinds == NAMES.index("guess")).nonzero().flatten()
        if len(rows):
            out[rows] = self.denoised(latents[rows], text[rows], degrees[rows] * 999, 1, generator)
        rows = (kinds == NAMES.index("redrawn")).nonzero().flatten()
        if len(rows):
            out[rows] = self.denoised(latents[rows], text[rows], degrees[rows] * 500, STEPS, generator)
        rows = (kinds == NAMES.index("ruined")).nonzero().flatten()
        if len(rows):
            start = 0.8 + 0.2 * degrees[rows]
            with self.shaken(generator):
                out[rows] = self.denoised(latents[rows], text[rows], start * 999, 2 * STEPS, generator)
        return out

    def denoised(self, latents, text, start, steps, generator):
        """Latents noised up to the times `start` (n,) and denoised in `steps` steps without noise (DDIM)."""
        noise = torch.randn(latents.shape, generator=generator)
        alpha = self.alphas[start.long()].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        for k in range(steps):
            at, then = (start * (1 - k / steps)).long(), (start * (1 - (k + 1) / steps)).long()
            alpha = self.alphas[at].view(-1, 1, 1, 1)
            after = self.alphas[then].view(-1, 1, 1, 1) if k + 1 < steps else torch.ones_like(alpha)
            guess = self.unet(noisy, at, text).sample.float()
            clean = (noisy - (1 - alpha).sqrt() * guess) / alpha.sqrt()
            noisy = after.sqrt() * clean + (1 - after).sqrt() * guess
        return noisy

    @contextlib.contextmanager
    def shaken(self, generator):
        """A context in which the denoiser's kernels are off by a share of their size: what it then draws is no face."""
        kernels = [p for p in self.unet.parameters() if p.dim() > 1]
        kept = [p.clone() for p in kernels]
        amount = float(patches.uniform(generator, *SHAKEN))
        for p in kernels:
            p += amount * p.std() * torch.randn(p.shape, generator=generator)
        try:
            yield
        finally:
            for p, old in zip(kernels, kept, strict=True):
                p.copy_(old)


def waves(size, generator):
    """Two waves of 2 to 8 pixels across one another, (size, size), each of deviation 0.7."""
    x, y = patches.places(size)
    angle, periods = patches.uniform(generator, 0, math.pi), patches.uniform(generator, 2, 8, 2)
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    return ((along * (2 * math.pi / periods[0])).sin() + (across * (2 * math.pi / periods[1])).sin())[0]
