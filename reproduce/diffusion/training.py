"""The one training loop: resumable to the bit, logged, with averaged weights."""

import copy
import json
import os
import time
from pathlib import Path

import torch

from .. import rng
from .optimiser import Optimiser


def fit(
    net,
    loss,
    *,
    stage,
    steps,
    folder,
    minutes=None,
    seed=0,
    average=0.998,
    save_every=500,
    say_every=50,
    judge=None,
    judge_every=1000,
    muon=1e-2,
    adam=1.5e-3,
):
    """Train `net` for `steps` steps of `loss(net, step, generator) -> scalar` and return its averaged copy.

    A checkpoint in `folder` is picked up where it stopped; each step has a random stream of its own, on the net's device, so an
    interrupted run ends at the same weights. With `minutes` the clock decides in place of `steps`: the learning rate falls with
    the time spent. `judge(net) -> dict` is asked now and then and at the end; the log is one JSON line an entry.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, log = folder / f"{stage}.pt", folder / f"{stage}.jsonl"
    steps, device = None if minutes else steps, next(net.parameters()).device
    optimiser, mean, start, spent = Optimiser(net, steps, muon=muon, adam=adam), copy.deepcopy(net), 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        if state["steps"] != steps or state["seed"] != seed:
            raise ValueError(
                f"{checkpoint} belongs to a run of {state['steps'] or 'no fixed number of'} steps with seed {state['seed']}, this one has"
                f" {steps or 'no fixed number'} and {seed}; finish that one or move the file away"
            )
        net.load_state_dict(state["net"])
        mean.load_state_dict(state["mean"])
        optimiser.load_state_dict(state["optimiser"])
        start, spent = state["step"], state["seconds"]
    began, recent = time.time() - spent, []
    share = (lambda step: (time.time() - began) / 60 / minutes) if minutes else (lambda step: step / steps)
    pairs = zip(mean.state_dict().values(), net.state_dict().values(), strict=True)
    slow, fast = (list(half) for half in zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True))

    def note(step, **values):
        entry = dict(stage=stage, step=step, seconds=round(time.time() - began), **values)
        with log.open("a") as out:
            out.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)

    def keep(step):
        part = checkpoint.with_suffix(".part")
        torch.save(
            dict(
                net=net.state_dict(),
                mean=mean.state_dict(),
                optimiser=optimiser.state_dict(),
                step=step,
                steps=steps,
                seed=seed,
                seconds=time.time() - began,
            ),
            part,
        )
        os.replace(part, checkpoint)

    step, done = start, share(start)
    while done < 1:
        net.train()
        value = loss(net, step, rng.generator(seed, stage, step, device=device))
        optimiser.step(value, step, done)
        recent.append(value.detach())
        pull = max(1 - average, 1 / (step + 2))  # of the step alone, or a resumed run would end elsewhere
        with torch.no_grad():
            torch._foreach_lerp_(slow, fast, pull)
        step, done = step + 1, share(step + 1)
        due = lambda every: step % every == 0 or done >= 1  # noqa: B023, E731
        if due(say_every):
            note(step, loss=round(torch.stack(recent).mean().item(), 4))
            recent.clear()
        if due(save_every):
            keep(step)
        if judge and due(judge_every):
            note(step, **judge(mean.eval()))
    return mean.eval()


def train(args, stage, net, loss, *, muon, adam, **how):
    """`fit` for one stage of `reproduce.world.train`: its steps from args.size, its minutes, folder, seed and rates from args."""
    rates = dict(muon=muon * args.rate, adam=adam * args.rate)
    return fit(net, loss, stage=stage, steps=args.size[stage][0], minutes=args.minutes, folder=args.work, seed=args.seed, **rates, **how)


def quick(*parts):
    """Compile parts of a net that live on a GPU, in place: many small kernels become few."""
    for part in parts:
        if next(part.parameters()).is_cuda:
            part.compile()
