"""The stages of training that make the autoencoder; started by `reproduce.world.train`."""

import torch

from ...diffusion.precision import single
from ..draw.render import render
from . import autoencoder as ae
from .data import home, leaves, shards, window
from .loop import quick, train


def crops(args, batch, size):
    """A function step, generator -> (batch, 3, size, size): three quarters renders, one quarter dead leaves, crops and flips."""
    quarter = batch // 4
    sources = [(shards(args, args.size["crops"])[0].to(args.device), batch - quarter), (leaves(args).to(args.device), quarter)]

    def crop(step, generator):
        def draw(high, count):
            return torch.randint(high, (count,), generator=generator, device=generator.device)

        def corner(images, count):
            return draw(images.shape[-1] - size + 1, count)

        parts = [window(images, draw(len(images), count), corner(images, count), corner(images, count), size) for images, count in sources]
        images = torch.cat(parts)
        return images.flip(3) if step % 2 else images

    return crop


def sample(net, images, generator, spread=1):
    """The posterior of a batch and the pictures decoded from a draw of it (`spread` of its deviation)."""
    posterior = net.encode((images * 2 - 1).contiguous(memory_format=torch.channels_last)).latent_dist
    noise = spread * torch.randn(posterior.mean.shape, generator=generator, device=images.device)
    return posterior, net.decode(posterior.mean + posterior.std * noise).sample.float() / 2 + 0.5


def train_autoencoder(args):
    """The whole autoencoder; at the end its latents are brought to unit deviation."""
    from diffusers import AutoencoderKL

    _, batch = args.size["autoencoder"]
    crop = crops(args, batch, args.size["crop"])
    torch.manual_seed(args.seed)
    net = AutoencoderKL.from_pretrained(args.start / "vae").float() if args.start else ae.autoencoder()
    net = net.to(args.device, memory_format=torch.channels_last)
    quick(net.encoder, net.decoder)

    def loss(net, step, generator):
        images = crop(step, generator)
        posterior, out = sample(net, images, generator)
        with single(images.device):
            kl = 0.5 * (posterior.mean.float() ** 2 + posterior.var.float() - 1 - posterior.logvar.float()).mean()
            return ae.loss(out, images) + args.kl * kl

    net = train(args, "autoencoder", net, loss, judge=_judge_autoencoder(args), judge_every=2000, muon=1e-2, adam=1.5e-3)
    world, *_ = shards(args, 1)
    net = ae.standardise(net, world[:500].to(args.device).float() / 255)
    net.save_pretrained(args.work / "vae")


def train_likeness(args):
    """Encoder and decoder together, for fidelity and only briefly: the latents move a little, so this comes before what reads them.

    It found likeness that training the decoder alone did not. At higher rates it found more, and JPEG undid less of an attack.
    """
    net = _faithful(args, "likeness", _codec(args), muon=6e-4, adam=9e-5)
    net.save_pretrained(args.work / "vae")


def train_decoder(args):
    """The decoder under a fixed encoder, for fidelity alone: what makes the encoder read texture has done its work."""
    net = _codec(args)
    net.encoder.requires_grad_(False)
    net.quant_conv.requires_grad_(False)
    net = _faithful(args, "decoder", net, muon=4e-3, adam=6e-4)
    net.save_pretrained(args.work / "vae_decoder")


def _codec(args):
    from diffusers import AutoencoderKL

    net = AutoencoderKL.from_pretrained(home(args, "vae")).float().to(args.device, memory_format=torch.channels_last)
    quick(net.encoder, net.decoder)
    return net


def _faithful(args, stage, net, **rates):
    """Train what is not frozen of `net` for fidelity, on whole pictures.

    It learns to read the posterior's mean, which methods and measures use, as well as draws of it, which pipelines start from.
    """
    _, batch = args.size[stage]
    crop = crops(args, batch, 128)

    def loss(net, step, generator):
        images = crop(step, generator)
        spread = torch.rand(batch, 1, 1, 1, generator=generator, device=images.device)
        _, out = sample(net, images, generator, spread)
        with single(images.device):
            return ae.fidelity(out, images)

    return train(args, stage, net, loss, judge=_judge_autoencoder(args), judge_every=2000, **rates)


def _judge_autoencoder(args):
    from .quality import reconstruction, susceptibility

    held_out = render(77, 8).images

    def judge(net):
        def encode(x):
            return net.encode(x.to(args.device) * 2 - 1).latent_dist.mean.float().cpu()

        ratios = susceptibility(encode, held_out, steps=60)
        return reconstruction(net, device=args.device) | {name: round(ratio.mean().item(), 3) for name, ratio in ratios.items()}

    return judge
