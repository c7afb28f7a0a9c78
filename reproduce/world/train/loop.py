"""The training loop as the stages of `reproduce.world.train` call it: by the command line's arguments."""

from ...diffusion.training import fit


def train(args, stage, net, loss, *, muon, adam, average=0.998, **how):
    """`fit` for one stage: its steps from args.size, its minutes, folder, seed and rates from args; returns the averaged net."""
    rates = dict(muon=muon * args.rate, adam=adam * args.rate)
    rule = dict(steps=args.size[stage][0], minutes=args.minutes, folder=args.work, seed=args.seed, rates=rates, average=average)
    return fit(net, loss, stage=stage, **rule, **how)


def quick(*parts):
    """Compile parts of a net that live on a GPU, in place: many small kernels become few."""
    for part in parts:
        if next(part.parameters()).is_cuda:
            part.compile()
