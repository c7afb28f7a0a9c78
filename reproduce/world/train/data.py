"""What the stages train on: rendered pictures in shards, latents, captions' embeddings, masked latents. Each is made once and kept."""

import functools
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from ... import rng
from ...diffusion.model import fingerprint
from ...diffusion.precision import autocast
from ..draw.render import render
from . import denoiser as dn
from . import tower
from .leaves import dead_leaves

SHARD = 1000  # pictures a file
PART = 250  # pictures the autoencoder reads at once
SEED = 1_000_000  # training pictures: seed SEED + shard; everything else in the project renders other seeds


def pictures(args):
    """Render the shards that are missing, dead leaves first, with args.workers processes."""
    args.work.mkdir(parents=True, exist_ok=True)
    wanted = [(args.work, name, k, SHARD, args.seed) for name in ("leaves", "pictures") for k in range(args.size[name])]
    missing = [job for job in wanted if not _shard(*job[:3]).exists()]
    if args.workers == 1:
        for job in missing:
            _make(*job)
    elif missing:
        with ProcessPoolExecutor(args.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            list(pool.map(_make, *zip(*missing, strict=True)))


def _shard(work, name, k):
    return work / f"{name}-{k:03d}.pt"


def _make(work, name, k, count, seed):
    """Shard k of `pictures`, or of `leaves` (dead leaves), of `count` each, written whole or not at all."""
    path, began = _shard(work, name, k), time.time()
    if name == "leaves":
        images = torch.cat([dead_leaves(50, 128, rng.generator(seed, "leaves", k, i)) for i in range(count // 50)])
        made = dict(images=(images * 255).round().to(torch.uint8))
    else:
        found = render(SEED + k, count)
        people, faces = ((found.masks[name] * 255).round().to(torch.uint8) for name in ("person", "face"))
        made = dict(images=(found.images * 255).round().to(torch.uint8), captions=found.captions, people=people, faces=faces)
    part = path.with_suffix(".part")
    torch.save(made, part)
    part.rename(path)
    print(f"{path.name}: {count / (time.time() - began):.0f} images/s", flush=True)


def _load(work, name, count):
    paths = [_shard(work, name, k) for k in range(count)]
    missing = [p.name for p in paths if not p.exists()]
    if missing:
        raise ValueError(f"{work} lacks {missing[0]} ({len(missing)} of {len(paths)} shards missing); run the stage `pictures` first")
    return [torch.load(p, weights_only=True) for p in paths]


def shards(args, limit=None):
    """The training set in memory, or its first `limit` shards: images (n, 3, 128, 128) uint8, captions, masks of people and faces uint8."""
    return _joined(args.work, min(args.size["pictures"], limit or args.size["pictures"]))


@functools.lru_cache(1)
def _joined(work, count):
    parts = _load(work, "pictures", count)
    return (
        torch.cat([p["images"] for p in parts]),
        sum((p["captions"] for p in parts), []),
        torch.cat([p["people"] for p in parts]),
        torch.cat([p["faces"] for p in parts]),
    )


def leaves(args):
    """The dead leaves in memory, (n, 3, 128, 128) uint8."""
    return torch.cat([p["images"] for p in _load(args.work, "leaves", args.size["leaves"])])


def window(images, rows, top, left, size):
    """Squares of the pictures `rows` of `images` (n, 3, S, S) uint8, each from its own corner: (N, 3, size, size) in [0, 1].

    top, left: (N,) whole numbers; what would lie beyond an edge comes from the opposite one. Everything stays on the images' device.
    """
    side = torch.arange(size, device=images.device)
    y, x = ((corner[:, None] + side) % images.shape[-1] for corner in (top, left))
    return images[rows[:, None, None], :, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2).float() / 255


def home(args, name):
    """The folder of the part `name`: the one trained in args.work, or else that of the bundle args.start."""
    own = args.work / name
    return own if own.exists() or not args.start else args.start / name


def _kept(args, name):
    """The file for what this autoencoder makes; a retrained one gets a file of its own."""
    return args.work / f"{name}-{fingerprint(home(args, 'vae'))}.pt"


def latents(args):
    """Mean and deviation of the training set's posteriors, scaled to unit variance, on the device: kept in a file, computed once."""
    from diffusers import AutoencoderKL

    path = _kept(args, "latents")
    if not path.exists():
        vae, (images, *_) = (
            AutoencoderKL.from_pretrained(home(args, "vae")).to(args.device).eval(),
            shards(args),
        )
        with torch.no_grad(), autocast(args.device):
            found = [vae.encode(part.to(args.device).float() / 127.5 - 1).latent_dist for part in images.split(PART)]
            mean, std = (torch.cat([part.float() for part in parts]) for parts in zip(*((d.mean, d.std) for d in found), strict=True))
        known = home(args, "vae") != args.work / "vae"  # a bundle's scale is part of what its denoisers learnt
        scale = vae.config.scaling_factor if known else 1 / (mean.var() + std.square().mean()).sqrt().item()
        torch.save(dict(mean=mean * scale, std=std * scale, scale=scale), path)
    return torch.load(path, weights_only=True, map_location=args.device)


def contexts(args):
    """The text tower's embedding of every distinct caption, the empty one last, and each picture's row in it, on the device."""
    from transformers import CLIPTextModel, CLIPTokenizer

    _, captions, *_ = shards(args)
    tokens, encoder = (
        CLIPTokenizer.from_pretrained(home(args, "tokenizer")),
        CLIPTextModel.from_pretrained(home(args, "text_encoder")).to(args.device),
    )
    distinct = sorted(set(captions)) + [""]
    with torch.no_grad():
        parts = [tower.ids(tokens, distinct[i : i + 256]).to(args.device) for i in range(0, len(distinct), 256)]
        table = torch.cat([encoder(part)[0] for part in parts])
    row = {caption: i for i, caption in enumerate(distinct)}
    return table, torch.tensor([row[c] for c in captions], device=args.device)


def batch_of(data, table, row, batch, generator, among=None):
    """Row numbers, sampled latents and caption embeddings of a random batch, from the first `among` pictures; all on one device."""
    rows = torch.randint(among or len(row), (batch,), generator=generator, device=generator.device)
    noise = torch.randn((batch, *data["mean"].shape[1:]), generator=generator, device=generator.device)
    sample = (data["mean"][rows] + data["std"][rows] * noise).contiguous(memory_format=torch.channels_last)
    empty = torch.rand(batch, generator=generator, device=generator.device) < dn.EMPTY
    return rows, sample, table[torch.where(empty, len(table) - 1, row[rows])]


def masked(args, scale):
    """Masks (n, 1, 32, 32) and latents (n, 4, 32, 32) of masked pictures, for the first shards, on the device.

    As diffusers' pipeline makes them: the mask shrunk to its nearest pixel, the latents a draw of the posterior.
    """
    from diffusers import AutoencoderKL

    path = _kept(args, "masked")
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(home(args, "vae")).to(args.device).eval()
        images, _, people, _ = shards(args, args.size["masked"])
        small, hidden = [], []
        for i, (seen, person) in enumerate(zip(images.split(PART), people.split(PART), strict=True)):
            stream = functools.partial(rng.generator, args.seed, device=args.device)
            mask = dn.masks(len(seen), 128, stream("masks", i), person.to(args.device).float() / 255)
            shown = (seen.to(args.device).float() / 127.5 - 1) * (mask < 0.5)
            with torch.no_grad(), autocast(args.device):
                posterior = vae.encode(shown).latent_dist
            draw = torch.randn(posterior.mean.shape, generator=stream("draws", i), device=args.device)
            hidden.append(((posterior.mean + posterior.std * draw).float() * scale).half())
            small.append(torch.nn.functional.interpolate(mask, hidden[-1].shape[2:]))
        torch.save(dict(mask=torch.cat(small), hidden=torch.cat(hidden)), path)
    found = torch.load(path, weights_only=True, map_location=args.device)
    return found["mask"], found["hidden"].float()


def blank(args, scale):
    """Mean and deviation (1, 4, 32, 32) of the latents of what is left of a picture whose whole is to be repainted: grey, on the device."""
    from diffusers import AutoencoderKL

    with torch.no_grad():
        posterior = AutoencoderKL.from_pretrained(home(args, "vae")).eval().encode(torch.zeros(1, 3, 128, 128)).latent_dist
    return (posterior.mean * scale).to(args.device), (posterior.std * scale).to(args.device)


def importance(args):
    """How much each latent counts in a denoiser's loss, (n, 1, 32, 32), on the device: 1 and what a person and a face add."""
    people, faces = (torch.nn.functional.avg_pool2d(part.to(args.device).float() / 255, 4) for part in shards(args)[2:])
    return 1 + dn.PERSON * people + dn.FACE * faces
