"""What the stages train on: rendered pictures in shards, latents, captions' embeddings, masked latents. Each is made once and kept."""

import time

import torch

from .. import rng
from ..model import fingerprint
from . import denoiser as dn
from . import tower
from .render import render

SHARD = 1000  # pictures a file
SEED = 1_000_000  # training pictures: seed SEED + shard; everything else in the project renders other seeds


def pictures(args):
    """Render the shards that are missing."""
    args.work.mkdir(parents=True, exist_ok=True)
    for shard in range(args.size["pictures"]):
        path = args.work / f"pictures-{shard:03d}.pt"
        if not path.exists():
            began, made = time.time(), render(SEED + shard, SHARD)
            part = path.with_suffix(".part")
            torch.save(
                dict(
                    images=(made.images * 255).round().to(torch.uint8),
                    captions=made.captions,
                    people=(made.masks["person"] * 255).round().to(torch.uint8),
                ),
                part,
            )
            part.rename(path)
            print(f"{path.name}: {SHARD / (time.time() - began):.0f} images/s", flush=True)


def shards(args, limit=None):
    """The training set in memory, or its first `limit` shards: images (n, 3, 128, 128) uint8, captions, person masks uint8."""
    paths = [args.work / f"pictures-{k:03d}.pt" for k in range(args.size["pictures"])][:limit]
    missing = [p.name for p in paths if not p.exists()]
    if missing:
        raise ValueError(f"{args.work} lacks {missing[0]} ({len(missing)} of {len(paths)} shards missing); run the stage `pictures` first")
    parts = [torch.load(p, weights_only=True) for p in paths]
    return (
        torch.cat([p["images"] for p in parts]),
        sum((p["captions"] for p in parts), []),
        torch.cat([p["people"] for p in parts]),
    )


def _kept(args, name):
    """The file for what this autoencoder makes; a retrained one gets a file of its own."""
    return args.work / f"{name}-{fingerprint(args.work / 'vae')}.pt"


def latents(args, scale=None):
    """Mean and deviation of the training set's posteriors, scaled to unit variance: kept in a file, computed once."""
    from diffusers import AutoencoderKL

    path = _kept(args, "latents")
    if not path.exists():
        vae, (images, _, _) = (
            AutoencoderKL.from_pretrained(args.work / "vae").to(args.device).eval(),
            shards(args),
        )
        with torch.no_grad(), torch.autocast(args.device, torch.bfloat16):
            found = [vae.encode(images[i : i + 50].to(args.device).float() / 127.5 - 1).latent_dist for i in range(0, len(images), 50)]
        mean, std = (
            torch.cat([d.mean.cpu().float() for d in found]),
            torch.cat([d.std.cpu().float() for d in found]),
        )
        scale = 1 / (mean.var() + std.square().mean()).sqrt().item()
        torch.save(dict(mean=mean * scale, std=std * scale, scale=scale), path)
    return torch.load(path, weights_only=True)


def contexts(args):
    """The text tower's embedding of every distinct caption, the empty one last, and each picture's row in it."""
    from transformers import CLIPTextModel, CLIPTokenizer

    _, captions, _ = shards(args)
    tokens, encoder = (
        CLIPTokenizer.from_pretrained(args.work / "tokenizer"),
        CLIPTextModel.from_pretrained(args.work / "text_encoder"),
    )
    distinct = sorted(set(captions)) + [""]
    with torch.no_grad():
        table = torch.cat([encoder(tower.ids(tokens, distinct[i : i + 256]))[0] for i in range(0, len(distinct), 256)])
    row = {caption: i for i, caption in enumerate(distinct)}
    return table, torch.tensor([row[c] for c in captions])


def batch_of(args, data, table, row, batch, generator, among=None):
    """Row numbers, sampled latents and caption embeddings of a random batch, from the first `among` pictures."""
    rows = torch.randint(among or len(row), (batch,), generator=generator)
    noise = torch.randn((batch, *data["mean"].shape[1:]), generator=generator)
    sample = (data["mean"][rows] + data["std"][rows] * noise).to(args.device, memory_format=torch.channels_last)
    empty = torch.rand(batch, generator=generator) < dn.EMPTY
    return rows, sample, table[torch.where(empty, len(table) - 1, row[rows])].to(args.device)


def masked(args, scale):
    """Masks (n, 1, 32, 32) and latents (n, 4, 32, 32) of masked pictures, for the first shards.

    As diffusers' pipeline makes them: the mask shrunk to its nearest pixel, the latents a draw of the posterior.
    """
    from diffusers import AutoencoderKL

    path = _kept(args, "masked")
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(args.work / "vae").to(args.device).eval()
        images, _, people = shards(args, args.size["masked"])
        small, hidden = [], []
        for i in range(0, len(images), 50):
            mask = dn.masks(50, 128, rng.generator(args.seed, "masks", i), people[i : i + 50].float() / 255)
            shown = (images[i : i + 50].float() / 127.5 - 1) * (mask < 0.5)
            with torch.no_grad(), torch.autocast(args.device, torch.bfloat16):
                posterior = vae.encode(shown.to(args.device)).latent_dist
            draw = torch.randn(posterior.mean.shape, generator=rng.generator(args.seed, "draws", i)).to(posterior.mean)
            hidden.append(((posterior.mean + posterior.std * draw).float().cpu() * scale).half())
            small.append(torch.nn.functional.interpolate(mask, hidden[-1].shape[2:]))
        torch.save(dict(mask=torch.cat(small), hidden=torch.cat(hidden)), path)
    found = torch.load(path, weights_only=True)
    return found["mask"], found["hidden"].float()


def blank(args, scale):
    """Mean and deviation (1, 4, 32, 32) of the latents of what is left of a picture whose whole is to be repainted: grey."""
    from diffusers import AutoencoderKL

    with torch.no_grad():
        posterior = AutoencoderKL.from_pretrained(args.work / "vae").eval().encode(torch.zeros(1, 3, 128, 128)).latent_dist
    return posterior.mean * scale, posterior.std * scale


def people_in_latents(args):
    """Share of each latent's pixels that belongs to a person, (n, 1, 32, 32)."""
    return torch.nn.functional.avg_pool2d(shards(args)[2].float() / 255, 4)
