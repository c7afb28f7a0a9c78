"""The one training loop: in memory for a fine-tuning of ten steps; with a folder resumable to the bit and logged; averaged if asked."""

import copy
import json
import os
import time
from pathlib import Path

import torch

from .. import rng
from . import optimiser
from .precision import autocast

PAIR = {"muon": 1e-2, "adam": 1.5e-3}


def fit(
    net,
    loss,
    *,
    steps=None,
    minutes=None,
    seed=0,
    stage="fit",
    rates=PAIR,
    clip=1.0,
    precision=None,
    average=None,
    callback=None,
    folder=None,
    save_every=500,
    say_every=50,
    judge=None,
    judge_every=1000,
):
    """Train what learns in `net` (a module) for `steps` steps of `loss(net, step, generator) -> scalar`; returns it, or its averaged copy.

    Each step has a random stream of its own, named by (seed, stage, step), on the net's device. With `minutes` the clock decides in place
    of `steps`: a learning rate that falls does so with the time spent.
    rates, clip: dict(muon=, adam=), whose rates warm up and fall, or dict(adamw=), whose rate stays: see optimiser.of.
    precision: what `loss` computes in, "float32" or "bfloat16", by default what pays on the device. It is set here, once: a loss has no
    autocast of its own, and does what must be exact inside precision.single.
    average: share of the averaged copy that a step keeps; None makes no copy. callback(step, value): after each step, its loss.
    folder: without one nothing is written or printed. With one, the checkpoint `<stage>.pt` in it is picked up where it stopped, so that an
    interrupted run ends at the same weights; `judge(net) -> dict` is asked now and then and at the end; the log is one JSON line an entry.
    ValueError: neither steps nor minutes, nothing that learns, a checkpoint of another run, a loss that is no longer finite at the end.
    """
    if not minutes and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ValueError(f"steps: expected a whole number, 1 or more, or minutes, got {steps!r}")
    steps = None if minutes else steps
    learner, mean = optimiser.of(net, steps, rates, clip), copy.deepcopy(net) if average else None
    device = learner.parameters[0].device
    kept = None if folder is None else Checkpoint(folder, stage, steps, seed)
    parts = {"net": net, "mean": mean, "optimiser": learner} if average else {"net": net, "optimiser": learner}
    step, spent = kept.restore(parts, device) if kept else (0, 0.0)
    begun, recent, best = time.time() - spent, [], net if mean is None else mean

    def share(step):
        return (time.time() - begun) / 60 / minutes if minutes else step / steps

    def due(every):
        return step % every == 0 or done >= 1

    done, value = share(step), None
    while done < 1:
        net.train()
        with autocast(device, precision):
            value = loss(net, step, rng.generator(seed, stage, step, device=device))
        learner.step(value, step, done)
        value = value.detach()
        if average:
            _pull(mean, net, max(1 - average, 1 / (step + 2)))  # of the step alone, or a resumed run would end elsewhere
        if callback is not None:
            callback(step, value)
        step, done = step + 1, share(step + 1)
        if kept is None:
            continue
        recent.append(value)
        if due(say_every):
            kept.note(step, begun, loss=round(torch.stack(recent).mean().item(), 4))
            recent.clear()
        if due(save_every):
            kept.write(parts, step, begun)
        if judge and due(judge_every):
            kept.note(step, begun, **judge(best.eval()))
    if value is not None and not value.isfinite():
        raise ValueError(f'{stage}: the loss is {value.item()} after {step} steps; train at lower rates, or in precision="float32"')
    return best.eval()


def _pull(mean, net, share):
    """Draw the averaged weights towards the net's by that share of the way."""
    pairs = zip(mean.state_dict().values(), net.state_dict().values(), strict=True)
    slow, fast = (list(half) for half in zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True))
    with torch.no_grad():
        torch._foreach_lerp_(slow, fast, share)


class Checkpoint:
    """Where a run stands, in `<folder>/<stage>.pt`, and its log, in `<folder>/<stage>.jsonl`."""

    def __init__(self, folder, stage, steps, seed):
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.path, self.log = Path(folder) / f"{stage}.pt", Path(folder) / f"{stage}.jsonl"
        self.stage, self.steps, self.seed = stage, steps, seed

    def restore(self, parts, device):
        """(steps made, seconds spent), with the parts set to where they stood; (0, 0.0) before the first checkpoint."""
        if not self.path.exists():
            return 0, 0.0
        state = torch.load(self.path, weights_only=True, map_location=device)
        if (state["steps"], state["seed"], "mean" in state) != (self.steps, self.seed, "mean" in parts):
            old, new = (
                f"{steps or 'no fixed number of'} steps with seed {seed}{'' if mean else ', not averaged'}"
                for steps, seed, mean in ((state["steps"], state["seed"], "mean" in state), (self.steps, self.seed, "mean" in parts))
            )
            raise ValueError(f"{self.path} belongs to a run of {old}, this one has {new}; finish that one or move the file away")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return state["step"], state["seconds"]

    def write(self, parts, step, begun):
        """Keep where the parts stand, whole or not at all."""
        states = {name: part.state_dict() for name, part in parts.items()}
        partial = self.path.with_suffix(".part")
        torch.save(dict(**states, step=step, steps=self.steps, seed=self.seed, seconds=time.time() - begun), partial)
        os.replace(partial, self.path)

    def note(self, step, begun, **values):
        """One line more in the log, and on the screen."""
        entry = json.dumps(dict(stage=self.stage, step=step, seconds=round(time.time() - begun), **values))
        with self.log.open("a") as out:
            out.write(entry + "\n")
        print(entry, flush=True)
