"""Train the bundled models from scratch, one stage a command, in this order:

    python -m reproduce.world.train pictures     render the training set (shards on disk; resumes)
    python -m reproduce.world.train autoencoder  4x, 4 latent channels
    python -m reproduce.world.train likeness     the same, briefly for fidelity alone
    python -m reproduce.world.train decoder      its decoder alone, for longer: the latents stay what they are
    python -m reproduce.world.train clip         tokenizer, text and image tower
    python -m reproduce.world.train inpainting   the 9-channel denoiser: epsilon prediction on the autoencoder's latents
    python -m reproduce.world.train denoiser     the plain denoiser, started from its 9-channel sibling
    python -m reproduce.world.train portraits    render the face networks' training set, and decode parts of it from disturbed latents
    python -m reproduce.world.train detector     finds faces: box, score, five points
    python -m reproduce.world.train embedder     says whose they are, with dropout
    python -m reproduce.world.train faces        write reproduce/bundle/faces alone
    python -m reproduce.world.train bundle       write reproduce/bundle, half precision, as diffusers reads it

Each stage resumes from its checkpoint in --work and ends at the same weights. `small`, the default, is what two CPU cores train in
some hours; `large` is for a GPU, where --minutes cuts a stage to the time at hand: the published bundle was trained so.
"""

import argparse
import json
from pathlib import Path

import torch

from . import denoiser as dn
from . import tower
from .codec import train_autoencoder, train_decoder, train_likeness
from .data import batch_of, blank, contexts, home, importance, latents, masked, pictures, shards, window
from .faces import LOGS, publish, train_detector, train_embedder
from .loop import quick, train
from .portraits import portraits

# Thousands of pictures: all, those shown with a part masked, the autoencoder's, dead leaves; then the side of the autoencoder's crops,
# and each stage's steps and batch. Of faces: shards rendered, decoded, pictures in each; shards woven; how many a judge looks at.
SIZES = {
    "tiny": dict(
        pictures=1,
        masked=1,
        crops=1,
        leaves=1,
        crop=64,
        autoencoder=(4, 4),
        likeness=(4, 4),
        decoder=(4, 4),
        clip=(4, 16),
        denoiser=(4, 8),
        inpainting=(4, 8),
        portraits=(1, 1, 24),
        woven=1,
        detector=(4, 8),
        embedder=(4, 16),
        judged=20,
    ),
    "small": dict(
        pictures=20,
        masked=20,
        crops=10,
        leaves=2,
        crop=64,
        autoencoder=(10000, 8),
        likeness=(500, 4),
        decoder=(1500, 4),
        clip=(1200, 64),
        inpainting=(6000, 64),
        denoiser=(500, 64),
        portraits=(10, 3, 1000),
        woven=3,
        detector=(6000, 32),
        embedder=(5000, 128),
        judged=400,
    ),
    "large": dict(
        pictures=64,
        masked=64,
        crops=24,
        leaves=8,
        crop=128,
        autoencoder=(20000, 32),
        likeness=(500, 4),
        decoder=(10000, 32),
        clip=(8000, 256),
        inpainting=(40000, 512),
        denoiser=(5000, 512),
        portraits=(64, 24, 1000),
        woven=24,
        detector=(20000, 64),
        embedder=(20000, 256),
        judged=1000,
    ),
}


def train_clip(args):
    """The image tower sees whole pictures with small shifts; the text tower the world's captions."""
    from transformers import CLIPTokenizer

    _, batch = args.size["clip"]
    images, captions, *_ = shards(args)
    images = images.to(args.device)
    begun = (args.work / "clip.pt").exists()  # its embeddings belong to the vocabulary it was begun with
    tokens = CLIPTokenizer.from_pretrained(args.work / "tokenizer") if begun else tower.tokenizer(args.work / "tokenizer")
    torch.manual_seed(args.seed)
    net, text = tower.clip(tokens).to(args.device), tower.ids(tokens, captions).to(args.device)

    def loss(net, step, generator):
        drawn = dict(generator=generator, device=generator.device)
        rows, (dy, dx) = torch.randint(len(images), (batch,), **drawn), torch.randint(-6, 7, (2, batch), **drawn)
        seen = window(images, rows, dy, dx, images.shape[-1])
        seen = (seen + 0.05 * torch.rand((batch, 1, 1, 1), **drawn) * torch.randn(seen.shape, **drawn)).clamp(0, 1)
        return tower.contrast(net, seen, text[rows])

    from .quality import retrieval

    net = train(args, "clip", net, loss, judge=lambda n: retrieval(n, tokens), judge_every=4000, muon=4e-3, adam=1e-3)
    net.save_pretrained(args.work / "clip")
    from transformers import CLIPTextModel

    text_tower = CLIPTextModel(net.config.text_config)
    own = net.state_dict()
    text_tower.load_state_dict({name: own[name if name in own else f"text_model.{name}"] for name in text_tower.state_dict()})
    text_tower.save_pretrained(args.work / "text_encoder")


def train_inpainting(args):
    """Both denoisers' long training: a 9-channel net on sampled latents that is often asked to repaint everything.

    One training serves two nets, since repainting everything is what the plain denoiser does. A tenth of the captions is empty.
    """
    from diffusers import UNet2DConditionModel

    _, batch = args.size["inpainting"]
    data, (table, row) = latents(args), contexts(args)
    (mask, hidden), (grey, spread) = masked(args, data["scale"]), blank(args, data["scale"])
    weight = importance(args)
    torch.manual_seed(args.seed)
    net = UNet2DConditionModel.from_pretrained(args.start / "inpainting/unet").float() if args.start else dn.denoiser(in_channels=9)
    alphas, net = dn.schedule().alphas_cumprod.to(args.device), ready(net, args)

    def loss(net, step, generator):
        drawn = dict(generator=generator, device=generator.device)
        rows, sample, text = batch_of(data, table, row, batch, generator, len(mask))
        whole = torch.rand(batch, 1, 1, 1, **drawn) < dn.WHOLE
        empty = grey + spread * torch.randn(batch, *grey.shape[1:], **drawn)
        condition = torch.cat([torch.where(whole, 1, mask[rows]), torch.where(whole, empty, hidden[rows])], 1)
        return dn.noise_loss(net, sample, text, alphas, generator, condition, weight[rows])

    net = train(args, "inpainting", net, loss, average=0.999, muon=1e-2, adam=1e-3)
    net.save_pretrained(args.work / "inpainting" / "unet")


def train_denoiser(args):
    """The plain denoiser, which starts as its inpainting sibling asked to repaint everything."""
    from diffusers import UNet2DConditionModel

    _, batch = args.size["denoiser"]
    data, (table, row), weight = latents(args), contexts(args), importance(args)
    torch.manual_seed(args.seed)
    if args.start:
        net = UNet2DConditionModel.from_pretrained(args.start / "unet").float()
    else:
        grey, _ = blank(args, data["scale"])
        net = dn.narrow(UNet2DConditionModel.from_pretrained(args.work / "inpainting" / "unet"), grey[0, :, 16, 16])
    alphas, net = dn.schedule().alphas_cumprod.to(args.device), ready(net, args)

    def loss(net, step, generator):
        rows, sample, text = batch_of(data, table, row, batch, generator)
        return dn.noise_loss(net, sample, text, alphas, generator, importance=weight[rows])

    net = train(args, "denoiser", net, loss, average=0.998, muon=5e-3, adam=5e-4)
    net.save_pretrained(args.work / "unet")


def ready(net, args):
    """A denoiser on its device, as it trains fastest: so few tokens that plain products beat the fused kernel on a CPU."""
    from diffusers.models.attention_processor import AttnProcessor

    if args.device == "cpu":
        net.set_attn_processor(AttnProcessor())
    net = net.to(args.device, memory_format=torch.channels_last)
    quick(net)
    return net


def bundle(args):
    """Assemble reproduce/bundle from the trained parts, in half precision safetensors."""
    from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

    tuned = args.work / "vae_decoder"
    vae = AutoencoderKL.from_pretrained(tuned if tuned.exists() else home(args, "vae"))
    vae.register_to_config(scaling_factor=latents(args)["scale"])
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel.from_pretrained(home(args, "text_encoder")),
        tokenizer=CLIPTokenizer.from_pretrained(home(args, "tokenizer")),
        unet=UNet2DConditionModel.from_pretrained(home(args, "unet")),
        scheduler=dn.schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(dtype=torch.float16).save_pretrained(args.out)
    UNet2DConditionModel.from_pretrained(home(args, "inpainting") / "unet").half().save_pretrained(args.out / "inpainting" / "unet")
    CLIPModel.from_pretrained(home(args, "clip")).half().save_pretrained(args.out / "clip")
    tower.portable(args.out, home(args, "tokenizer"))
    if home(args, "faces").exists():
        publish(home(args, "faces"), args.out / "faces", args.work)
    logs = json.loads((args.start / "training.json").read_text()) if args.start else {}
    for stage in (name for name in STAGES if name not in (*DATA, *LOGS)):
        log = args.work / f"{stage}.jsonl"
        if log.exists() or not args.start:
            logs[stage] = json.loads(log.read_text().splitlines()[-1])
    (args.out / "training.json").write_text(json.dumps(logs, indent=1) + "\n")
    print(f"{args.out}: {sum(f.stat().st_size for f in args.out.rglob('*') if f.is_file()) / 1e6:.1f} MB")


def faces(args):
    """Put the face networks into a bundle that is there, whose model stays what it is."""
    publish(args.work / "faces", args.out / "faces", args.work)


STAGES = {
    "pictures": pictures,
    "autoencoder": train_autoencoder,
    "likeness": train_likeness,
    "decoder": train_decoder,
    "clip": train_clip,
    "inpainting": train_inpainting,
    "denoiser": train_denoiser,
    "portraits": portraits,
    "detector": train_detector,
    "embedder": train_embedder,
    "faces": faces,
    "bundle": bundle,
}
DATA = ("pictures", "portraits", "faces", "bundle")  # stages that train nothing


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m reproduce.world.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--work", type=Path, default=Path(".train"), help="checkpoints and logs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "bundle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="train the stage for so long, whatever its number of steps")
    parser.add_argument("--workers", type=int, default=1, help="processes that render pictures")
    parser.add_argument("--start", type=Path, help="a bundle to go on from; its parts stand in for stages not run")
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates; less than 1 after --start")
    parser.add_argument("--kl", type=float, default=0.2, help="weight of the autoencoder's KL term")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    args.size = SIZES[args.size]
    STAGES[args.stage](args)
