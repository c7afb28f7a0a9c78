"""Misuse by fine-tuning (DreamBooth, Ruiz et al. 2023): a copy of the model learns a person from a few pictures and paints them at will.

The model itself stays as it is. What learns is said by the settings (`papers.dreambooth`): the denoiser and the text tower, keys and
values of its cross-attention (Custom Diffusion), low-rank adapters (LoRA). Each picture's posterior is found once; every step draws
latents from it, times and noise, from a random stream that is named by the step, so that no training depends on another.
"""

import torch

from .. import rng
from ..diffusion import adapters, loss, training
from ..images import check
from .edit import generate

HANDED = 8  # pictures that the autoencoder reads at once


def tune(images, model, *, settings, generator, others=None, callback=None, taken=None):
    """What a copy of the model learns of the set images (n, 3, H, W) of one person: {name: tensor}, for `tuned`.

    others: pictures (m, 3, H, W) of the class, for prior preservation; None: the model paints `settings.others` of them first. generator:
    one per image; the first one names the training's random stream. callback(step, value): after each step, its loss. taken: steps after
    which it is to be had, in place of the settings' own; then a list of such dicts comes back. ValueError: a model without 4-channel
    denoiser, pictures whose sides are no multiples of its factor, a loss that does not stay finite.
    """
    seed, wanted = _seed(images, model, generator), [settings.steps] if taken is None else list(taken)
    if not all(isinstance(step, int) and step > 0 for step in wanted) or not wanted:
        raise ValueError(f"taken: expected steps, whole numbers from 1 on, got {taken}")
    if settings.prior and others is None:
        others = painted(model, settings, seed)
    made, kept = learner(model, settings), {}

    def after(step, value):
        if step + 1 in wanted:
            kept[step + 1] = {name: parameter.detach().clone() for name, parameter in learnt(made).items()}
        if callback is not None:
            callback(step, value)

    rule = dict(steps=max(wanted), seed=seed, stage="dreambooth", clip=settings.clip, precision=settings.precision, callback=after)
    training.fit(made.learners, objective(made, images, others, settings, seed), rates=rates(settings), **rule)
    return kept[settings.steps] if taken is None else [kept[step] for step in taken]


def objective(made, images, others, settings, seed):
    """The loss of a copy that learns the set images beside others of the class, as `diffusion.training.fit` takes it.

    Each step takes its pictures by `batch`, and what it draws from its own random stream.
    """
    sets = [(settings.prompt, _posterior(images, made))]
    if settings.prior:
        sets.append((settings.group, _posterior(others, made)))
    prompts, lengths = [prompt for prompt, _ in sets], [len(mean) for _, (mean, _) in sets]
    fixed = None if "text_encoder" in made.learners else made.text(prompts).detach()

    def loss_of(net, step, chance):
        text, rows = made.text(prompts) if fixed is None else fixed, batch(step, lengths, settings, seed)
        drawn = [draw(mean[at], std[at], made, chance) for (_, (mean, std)), at in zip(sets, rows, strict=True)]
        latents, t, noise = (torch.cat(part) for part in zip(*drawn, strict=True))
        words = torch.cat([one.expand(len(at), -1, -1) for one, at in zip(text.split(1), rows, strict=True)])
        own, *prior = (part.mean() for part in loss.denoising(made, latents, words, t, noise).split([len(at) for at in rows]))
        return own + settings.prior * prior[0] if prior else own

    return loss_of


def rates(settings):
    """The optimiser of these settings, as `diffusion.optimiser.of` takes it."""
    return dict(adamw=settings.rate, decay=settings.decay)


def tuned(model, weights, *, settings):
    """A frozen copy of the model with the weights that `tune` gave, in the model's precision. ValueError: weights of something else."""
    made = learner(model, settings)
    own = learnt(made)
    if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
        raise ValueError(f"weights: expected those of {len(own)} parameters of {model.name}, got others; tune it with these settings")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])
            parameter.requires_grad_(False)
    for part in {name.partition(".")[0] for name in own}:
        net = getattr(made, part).eval()
        setattr(made, part, net if settings.rank else torch.nn.Module.to(net, model.dtype))
    return made


def customise(images, model, *, settings, generator, prompts, sampling, others=None, callback=None):
    """Pictures of the person in images (n, 3, H, W), one for each of any number of prompts, as a model tuned to them paints them.

    sampling: `papers.photoguard.EditSettings`, whose guidance, steps and eta count; the rest as for `tune`. (len(prompts), 3, S, S).
    """
    weights = tune(images, model, settings=settings, generator=generator, others=others, callback=callback)
    seed = _seed(images, model, generator)
    chance = [rng.generator(seed, "sample", i) for i in range(len(prompts))]
    return sample(prompts, tuned(model, weights, settings=settings), settings=sampling, generator=chance)


def sample(prompts, model, *, settings, generator):
    """One picture for each prompt by a tuned model, one generator each; settings: `papers.photoguard.EditSettings`."""
    return generate(prompts, model, steps=settings.steps, guidance=settings.guidance, eta=settings.eta or 0.0, generator=generator)


def painted(model, settings, seed, *, steps=50, guidance=7.5):
    """`settings.others` pictures of the class by the model itself, as DreamBooth's script makes them: (m, 3, S, S)."""
    chance = [rng.generator(seed, "class", i) for i in range(settings.others)]
    return generate([settings.group] * settings.others, model, steps=steps, guidance=guidance, generator=chance)


def learner(model, settings):
    """A copy of the model in which what the settings name learns: weights themselves, or adapters of their rank beside them."""
    made = adapters.beside(model, settings.learn, settings.rank) if settings.rank else model.trainable(settings.learn)
    if settings.checkpointed and "unet" in made.learners:
        made.unet.enable_gradient_checkpointing()
    return made


def learnt(made):
    """{name: parameter} of what learns in a copy."""
    return {f"{part}.{name}": p for part, net in made.learners.items() for name, p in net.named_parameters() if p.requires_grad}


def draw(mean, std, model, chance):
    """What a step learns from, for each of some posteriors (N, C, h, w): a draw of its latents, a step of the schedule (N,), noise."""
    there = dict(generator=chance, device=mean.device)
    latents = mean + std * torch.randn(mean.shape, **there)
    t = torch.randint(len(model.schedule.alphas_cumprod), (len(mean),), **there)
    return latents, t, torch.randn(mean.shape, **there)


def batch(step, lengths, settings, seed):
    """Which pictures of each set of `lengths` a step takes: lists of indices, `settings.batch` of each, fewer at the end of a round.

    As in DreamBooth's script, a round goes once through the longer set, while the shorter is gone through again and again.
    """
    whole, size = max(lengths), settings.batch
    batches = -(-whole // size)
    epoch, part = divmod(step, batches)
    chance = rng.generator(seed, "order", epoch)
    if settings.order == "fixed":
        first = torch.randperm(batches, generator=chance)[part].item() * size
        items = list(range(first, min(first + size, whole)))
    else:
        items = torch.randperm(whole, generator=chance)[part * size : (part + 1) * size].tolist()
    return [[i % length for i in items] for length in lengths]


def _posterior(images, model):
    """Mean and deviation of the latents of images (N, 3, H, W), on the model's device."""
    with torch.no_grad():
        found = [model.encode(part) for part in images.split(HANDED)]
    return torch.cat([one.mean for one in found]), torch.cat([one.std for one in found])


def _seed(images, model, generator):
    """The seed of the training on images, once these and the model are what they should be."""
    check(images)
    if getattr(model, "unet", None) is None:
        raise ValueError(f"{model.name} has no 4-channel denoiser, which is what is fine-tuned; open a profile whose model has one")
    return rng.each(generator, len(images))[0].initial_seed()
