"""What PhotoGuard's two attacks cost here, beside the plain formulation and the device's limit: `python -m reproduce bench attacks`."""

from __future__ import annotations

import copy
import dataclasses
import statistics
import subprocess
import time

import torch

from .. import notebook, rng
from ..attack import budgets, pgd
from ..diffusion import anatomy as bodies
from ..diffusion import chain, precision, profiles
from ..engine import executors
from ..papers import photoguard as paper
from ..papers import published
from ..report import table_markdown
from . import cost

ENCODER = {
    "what": "encoder attack", "batch": "pictures at once", "median": "ms per step and picture: median", "least": "minimum",
    "seconds": "seconds per picture, {steps} steps", "rate": "pictures a second", "ratio": "times the plain speed",
    "reached": "GFLOP/s", "share": "share of the device's", "left": "distance to grey left after the steps timed",
}  # fmt: skip
DIFFUSION = {
    "chain": "diffusion attack: steps of the chain", "way": "checkpointed", "median": "seconds per iteration: median", "least": "minimum",
    "memory": "peak memory over the model (MiB)",
}  # fmt: skip
SMALL = 256 * 256  # pixels of a pass on a CPU by default: the blocks of larger ones go back to the system at every call
TOO_LARGE = "does not fit"
PLAIN = (
    f"one picture at a time, weights not frozen, contiguous layout, the loss read at every step, as the notebooks of {paper.RELEASED}"
    " have it"
)


def report(profile="bundled", anatomy=None, size=None, batch=None, steps=None) -> str:
    """Both tables with their footnotes. The model: a profile, or with random weights an anatomy ("sd15").

    size: pixels a side, the model's own by default; batch, steps: of the encoder attack, pictures at once and steps timed; by
    default 8 and 10 on a GPU, 65,536 pixels and 10 on a CPU (for an anatomy 1 step). ValueError: unknown names, a bad size.
    """
    model = opened(profile, anatomy)
    size, gpu, quick = model.size if size is None else size, model.device.type == "cuda", anatomy is None
    if size % 8 or size < 32:
        raise ValueError(f"size: expected a multiple of 8 from 32 on, got {size}")
    batch, steps = batch or (8 if gpu else max(1, SMALL // size**2)), steps or (10 if gpu or quick else 1)
    rounds = 5 if quick else 3 if gpu else 1
    pays = precision.pays(model.device)
    swift = profiles.open(profile, precision="bfloat16").model if quick and pays and model.dtype == torch.float32 else None
    rows = encoder_rows(model, pictures(batch, size, model), steps, rounds, swift)
    notes = [
        f"{model.name}, {size} px, {str(model.dtype).removeprefix('torch.')} on {_device(gpu)}; rendered pictures, settings"
        f' "paper"; steps timed: {steps}, rounds: {rounds}',
        f"plain: {PLAIN}; the two take turns in one process",
        f"a step takes {rows[0]['work']:.4g} GFLOP a picture, counted; the device reaches {rows[0]['limit']:,.0f} GFLOP/s, the best of"
        " matrix products and 3 x 3 convolutions in turn with the attacks",
        *([] if pays else ["not in bfloat16, which this processor does not compute in"]),
    ]
    whole = paper.PHOTOGUARD_ENCODER["paper"].steps
    text = table_markdown(rows, {key: head.format(steps=whole) for key, head in ENCODER.items()}, notes)
    if not model.unet_inpainting:
        return f"{text}\nno diffusion attack: {model.name} has no 9-channel inpainting denoiser\n"
    weights = sum(p.nbytes for part in (model.vae, model.unet_inpainting, model.text_encoder) for p in part.parameters())
    model = model if gpu else None  # other processes open their own
    rows = diffusion_rows((profile, anatomy), model, size, _chains(quick, gpu), 4 if quick or gpu else 1)
    where = "as torch counts it on the GPU" if gpu else "resident, each row in a process of its own"
    notes = [f"one picture, one draw an iteration; memory {where}, over {weights / 2**20:.0f} MiB of weights"]
    return f"{text}\n" + table_markdown(rows, DIFFUSION, notes if quick else [*notes, _published()])


def _published():
    told = ", ".join(f"{row.condition} {row.value:g} {row.unit}" for row in published.numbers("diffvax/cost"))
    return f"published for one picture, on GPUs: {told} (DiffVax, third party); the released notebook asks 40 GB for the diffusion attack"


def _chains(quick, gpu):
    """(length, checkpointed) of the chains to be measured."""
    if quick:
        return [(length, way) for length in ((4, 20, 50) if gpu else (4, 20)) for way in (False, True)]
    return [(4, False), (4, True)] + ([(50, True)] if gpu else [])


def opened(profile, anatomy, device=None):
    """The model of an anatomy if one is named, else of a profile; device as for profiles.open."""
    if anatomy is None:
        return profiles.open(profile, device=device).model
    if profile != "bundled":
        raise ValueError(f"expected a profile or an anatomy, got both: {profile} and {anatomy}")
    return bodies.build(anatomy, device or ("cuda" if torch.cuda.is_available() else "cpu"))


def pictures(count, size, model):
    """Rendered pictures (count, 3, size, size) on the model's device."""
    from ..world import render

    return render(0, count, size=size).images.to(model.device)


def plain(images, vae, settings, callback=None):
    """The encoder attack towards grey as the released loop has it, start "zero"; 8-bit images (N, 3, H, W). callback(i): after each step.

    vae: an AutoencoderKL in any layout and precision. The released start would be random, its last rounding a truncation.
    """
    half = vae.dtype != torch.float32
    last = settings.step if settings.decay is None else settings.step * settings.decay
    aim = vae.encode(torch.zeros_like(images[:1], dtype=vae.dtype)).latent_dist.mean.detach()
    done = []
    for image in images:
        x = 2 * image[None] - 1
        moved = x.clone()
        for i in range(settings.steps):
            moved.requires_grad_(True)
            with torch.autocast(images.device.type, vae.dtype if half else None, enabled=half):
                loss = (vae.encode(moved).latent_dist.mean - aim).norm()
            loss.item()
            (gradient,) = torch.autograd.grad(loss, [moved])
            step = settings.step - (settings.step - last) / settings.steps * i
            moved = moved.detach() - gradient.sign() * (step / 127.5)
            moved = torch.minimum(torch.maximum(moved, x - settings.eps / 127.5), x + settings.eps / 127.5).clamp(-1, 1)
            if callback:
                callback(i)
        done.append(moved)
    return (torch.cat(done) / 2 + 0.5).mul(255).round().div(255)


def encoder_rows(model, images, steps, rounds, swift=None) -> list[dict]:
    """Our attack and the plain one in turn, with the operations they take (GFLOP a step and picture) and those the device can do.

    swift: the same model in a faster precision, attacked likewise; what attacks reach is measured by `model` itself.
    """
    from ..protect import photoguard

    settings = paper.PHOTOGUARD_ENCODER["paper"]
    vae = copy.deepcopy(model.vae).to(memory_format=torch.contiguous_format).requires_grad_(True)
    attacks = {
        "ours": lambda settings, callback: photoguard.encoder(images, model, settings=settings, callback=callback),
        "plain": lambda settings, callback: plain(images, vae, settings, callback),
    }
    if swift is not None:
        name = f"ours, {str(swift.dtype).removeprefix('torch.')}"
        attacks[name] = lambda settings, callback: photoguard.encoder(images, swift, settings=settings, callback=callback)
    made = {}
    taken, limit, work = {name: [] for name in attacks}, 0, arithmetic(model, images[:1]) / 1e9
    for done in range(rounds):
        executors.say(f"encoder attack: round {done + 1} of {rounds}, {steps} steps each of {', '.join(attacks)}")
        limit = max(limit, cost.rate(model.device, model.dtype) / 1e9)
        for name, attack in attacks.items():
            seconds, made[name] = _a_step(attack, settings, steps)
            taken[name].append(seconds / len(images))
    found = []
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        own = not name.startswith("ours, ")  # the limit is the model's own precision's
        row = dict(name=name, what=name, batch=1 if name == "plain" else len(images), median=1000 * median, least=1000 * min(seconds))
        row |= dict(seconds=settings.steps * median, rate=1 / (settings.steps * median), reached=work / median)
        row |= dict(share=work / median / limit if own else None, work=work, limit=limit, left=_left(model, made[name], images))
        found.append(row | dict(ratio=statistics.median(other / one for other, one in zip(taken["plain"], seconds, strict=True))))
    return found


def _a_step(attack, settings, steps):
    """Seconds a step of attack(settings, callback), from the end of each first step on, which warms, and what it made.

    Waits for the device at the ends.
    """
    stamps = []

    def stamp(i, *_):
        if i in (0, steps):
            cost.wait()
            stamps.append(time.perf_counter())

    made = attack(dataclasses.replace(settings, steps=steps + 1), stamp)
    return (sum(stamps[1::2]) - sum(stamps[::2])) / steps, made


def _left(model, made, images):
    """The mean share of the pictures' distance to grey that an attack has left, as the model reads it."""
    with torch.no_grad():
        after, before, grey = (model.encode(x).mean for x in (made, images, torch.full_like(images, 0.5)))
    return ((after - grey).flatten(1).norm(dim=1) / (before - grey).flatten(1).norm(dim=1)).mean().item()


def arithmetic(model, images) -> int:
    """Floating-point operations of one step of our encoder attack, for one picture."""
    x = images.clone().requires_grad_(True)
    return cost.operations(lambda: torch.autograd.grad(torch.linalg.vector_norm(model.encode(x).mean), x)) // len(images)


def diffusion_rows(source, model, size, chains, rounds) -> list[dict]:
    """One row per (length, checkpointed) of `chains`, with `model`; with None on the CPU, each in a process that opens `source`.

    source: (profile, anatomy).
    """
    found = []
    for length, way in chains:
        executors.say(f"diffusion attack: {rounds} of its iterations through {length} steps{', checkpointed' * way}")
        given = (size, length, way, rounds)
        seconds, memory = measured(model, *given) if model else _child(*source, *given)
        row = dict(chain=length, way=way, memory=TOO_LARGE)
        if seconds:
            row |= dict(median=statistics.median(seconds), least=min(seconds), memory=memory / 2**20)
        found.append(dict(median=None, least=None) | row)
    return found


def _child(*given):
    try:
        return cost.in_a_child("bench.attacks.alone", *given)
    except subprocess.CalledProcessError as error:
        if error.returncode != -9:  # ended by the system for want of memory
            raise
        return [], 0


def alone(profile, anatomy, *given):
    """`measured` on the CPU, for a process of its own, which gives up before it takes the memory of others."""
    notebook.quiet()
    model = opened(profile, anatomy, "cpu")
    cost.limit()
    return measured(model, *given)


def measured(model, size, length, checkpointed, rounds):
    """Seconds of `rounds` iterations of the diffusion attack on one picture, and the growth of memory in bytes; [] and 0 if too large.

    With more than one round, the one whose memory was looked at is left out.
    """
    settings = dataclasses.replace(paper.PHOTOGUARD_DIFFUSION["paper"], chain=length)
    small, image = pictures(1, 32, model), pictures(1, size, model)

    def call(images):
        return iteration(images, model, settings, checkpointed)

    call(small)  # warm
    seconds = []
    try:
        memory = cost.growth(lambda: seconds.append(cost.seconds(lambda: call(image))), model.device)
        more = [cost.seconds(lambda: call(image)) for _ in range(rounds - 1)]
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        return [], 0
    return more or seconds, memory


def iteration(images, model, settings, checkpointed):
    """One step of photoguard.diffusion with one draw, the network calls checkpointed or not whatever the size; 8-bit images."""
    generator = [rng.generator(0, "bench", i) for i in range(len(images))]
    rule = dict(steps=settings.chain, guidance=settings.guidance, eta=settings.eta, generator=generator, checkpointed=checkpointed)

    def distance(x):
        edit = chain.inpaint(x, torch.zeros_like(x[:, :1]), [settings.prompt] * len(x), model, **rule)
        return torch.linalg.vector_norm((edit - chain.GREY).flatten(1), dim=1)

    budget, step = budgets.budget(settings.norm, settings.eps, images), budgets.length(settings.norm, settings.step, images)
    return pgd.pgd(images, distance, budget=budget, steps=1, step=step)


def _device(gpu) -> str:
    return torch.cuda.get_device_name() if gpu else f"a CPU, threads: {torch.get_num_threads()}"
