"""The one training loop: resumable to the bit, logged, with averaged weights."""

import copy
import json
import os
import time
from pathlib import Path

import torch

from .. import rng
from .optim import Optimiser


def fit(
    net,
    loss,
    *,
    stage,
    steps,
    folder,
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

    A checkpoint in `folder` is picked up where it stopped; each step has a generator of its own, so an interrupted run
    ends at the same weights. `judge(net) -> dict` is asked now and then and at the end; the log is one JSON line an entry.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, log = folder / f"{stage}.pt", folder / f"{stage}.jsonl"
    optimiser, mean, start, spent = Optimiser(net, steps, muon=muon, adam=adam), copy.deepcopy(net), 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=next(net.parameters()).device)
        if state["steps"] != steps or state["seed"] != seed:
            raise ValueError(
                f"{checkpoint} belongs to a run of {state['steps']} steps with seed {state['seed']}, this one has {steps} and"
                f" {seed}; finish that one or move the file away"
            )
        net.load_state_dict(state["net"])
        mean.load_state_dict(state["mean"])
        optimiser.load_state_dict(state["optimiser"])
        start, spent = state["step"], state["seconds"]
    began, recent = time.time() - spent, []

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

    for step in range(start, steps):
        net.train()
        value = loss(net, step, rng.generator(seed, stage, step))
        optimiser.step(value, step)
        recent.append(value.detach())
        pull = max(1 - average, 1 / (step + 2))  # of the step alone, or a resumed run would end elsewhere
        with torch.no_grad():
            for slow, fast in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
                slow.lerp_(fast, pull) if slow.is_floating_point() else slow.copy_(fast)
        if (step + 1) % say_every == 0 or step + 1 == steps:
            note(step + 1, loss=round(torch.stack(recent).mean().item(), 4))
            recent.clear()
        if (step + 1) % save_every == 0 or step + 1 == steps:
            keep(step + 1)
        if judge and ((step + 1) % judge_every == 0 or step + 1 == steps):
            note(step + 1, **judge(mean.eval()))
    return mean.eval()


def train(args, stage, net, loss, **how):
    """`fit` for one stage of `reproduce.world.train`: its steps from args.size, its folder and seed from args."""
    return fit(net, loss, stage=stage, steps=args.size[stage][0], folder=args.work, seed=args.seed, **how)
