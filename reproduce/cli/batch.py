"""Protecting and purifying image files: read, do it, write as PNG; a protection's budget is checked on the file that was written.

A method that takes an image is given one file after the other, one that takes a set all files of the command in one call.
"""

from __future__ import annotations

import functools
from pathlib import Path


def protect_files(options, complain) -> int:
    """Protect `options.images`, files and folders, into the folder `options.out`; returns 1 if any file failed, else 0.

    options: images, method, settings, eps (grey levels), mask, target (files), steps, longest (pixels; 0: as it is), square (whether to cut
    to the model's own size instead), profile, precision, seed, out, as the command line gives them. Of a folder all its files are tried but
    hidden ones, not its folders.
    complain: called with one line for each file that failed; the others go on. Raises ValueError for a method, settings, budget or profile
    that there is not, for a mask or target that is no picture or that the method cannot use, for a set of pictures of several sizes.
    """
    from .. import images, protect

    method, settings = _named(options, protect.PROTECTIONS)
    chosen = protect.record(method, settings, eps=options.eps, steps=options.steps)

    if options.target is not None and not protect.takes_goal(method):
        raise ValueError(f"--target: {method} moves a picture towards nothing; leave it out, or choose another method")
    given = {name: images.load(path) for name, path in (("mask", options.mask), ("goal", options.target)) if path is not None}

    def work(pictures, model, targets, seed):
        fitted = {name: _resized(picture, pictures.shape[2:]) for name, picture in given.items()}
        if "mask" in fitted:
            fitted["mask"] = (fitted["mask"].mean(1, keepdim=True) >= 0.5).float().expand(len(pictures), -1, -1, -1)
            for value, said in ((0, "nothing"), (1, "everything")):
                if (fitted["mask"] == value).all():  # a transparent ground counts as white
                    raise ValueError(f"{options.mask}: {said} in it is white; paint white what is to be protected, and black the rest")
        return _protect(pictures, model, method, targets, settings, chosen, options, seed, fitted)

    beside = [Path(one) for one in (options.mask, options.target) if one is not None]
    return _each(options, complain, work, protect.PROTECTIONS[method], overwrite=True, beside=beside)


def purify_files(options, complain) -> int:
    """Purify `options.images`, files and folders, into the folder `options.out`; returns 1 if any file failed, else 0.

    options: as for `protect_files`, with force (whether files that are there are written over) and without eps, mask and target. Raises
    ValueError for a method, settings or profile that there is not, for a method that lacks what it needs, and as `protect_files` for a set.
    """
    from .. import purify

    method, settings = _named(options, purify.PURIFIERS)
    chosen = purify.record(method, settings, steps=options.steps)

    def work(pictures, model, targets, seed):
        return _purify(pictures, model, method, targets, settings, chosen, options, seed)

    return _each(options, complain, work, purify.PURIFIERS[method], overwrite=options.force)


def _named(options, table):
    """The method and settings that the options name, the method's first by default."""
    from ..diffusion import profiles

    method = profiles.one_of("method", options.method, list(table))
    known = list(table[method].settings)
    return method, profiles.one_of("settings", options.settings or known[0], known)


def inside(path: Path) -> list[Path]:
    """A folder's files in order of name; anything else is itself."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not found:
        raise ValueError(f"{path}: no files in this folder; name another, or single files")
    return found


def _each(options, complain, work, row, *, overwrite, beside=()) -> int:
    """Print what `work(pictures, model, targets, seed)` says of each file, or of all in one call where the method of `row` takes a set.

    A file that fails is one complaint; returns 1 if any did, else 0. No file that is read, those `beside` included, is written over. The
    random stream of a file is named by its name, so that it is the same alone and among others; that of a set by the seed alone.
    """
    import torch

    from .. import images, rng
    from ..diffusion import profiles
    from ..method import Unavailable

    if options.longest < 0 or (options.steps or 1) < 1:
        raise ValueError(f"expected --longest of 0 or more and --steps of at least 1, got {options.longest} and {options.steps}")
    profiles.check(options.profile, precision=options.precision)
    paths = [path for one in options.images for path in inside(Path(one))]
    out, together = Path(options.out), row.takes == "set"
    out.mkdir(parents=True, exist_ok=True)

    @functools.cache
    def model():  # opened when the first picture is there; none: no file can do without it
        return profiles.open(options.profile, precision=options.precision).model

    failed, taken = 0, set()
    for group in [paths] if together else [[path] for path in paths]:
        read = {}
        for path in group:
            try:
                read[path] = images.load(path), _target(out, path, taken, overwrite, [*paths, *beside])
            except (ValueError, OSError) as error:
                failed += _tell(complain, [path], error)
        if not read:
            continue
        pictures, targets = zip(*read.values(), strict=True)
        pictures = [squared(one, model().size) if options.square else _reduced(one, options.longest) for one in pictures]
        _one_size(list(read), pictures, options.method)
        opened, seed = None if row.whole else model(), options.seed if together else rng.child(options.seed, group[0].name)
        try:
            for line in work(torch.cat(pictures), opened, targets, seed):
                print(line, flush=True)
        except Unavailable:  # nor without this
            raise
        except (ValueError, OSError, RuntimeError) as error:
            failed += _tell(complain, list(read), error)
    return 1 if failed else 0


def _tell(complain, paths: list[Path], error: Exception) -> int:
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    complain(error if any(path.name in str(error) for path in paths) else f"{paths[0]}{others}: {error}")
    return 1


def _one_size(paths: list[Path], pictures: list, method: str) -> None:
    """ValueError that names two pictures of different sizes, if there are."""
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            (height, width), (tall, wide) = pictures[0].shape[2:], picture.shape[2:]
            raise ValueError(
                f"{method} takes a set of pictures of one size, got {paths[0]} ({width} x {height}) and {path} ({wide} x {tall});"
                " give --square, which cuts all to the model's own size, or leave one out"
            )


def squared(picture, side: int):
    """The middle square of the picture at side x side pixels, on the 8-bit grid."""
    least = min(picture.shape[2:])
    top, left = ((length - least) // 2 for length in picture.shape[2:])
    return _resized(picture[:, :, top : top + least, left : left + least], (side, side))


def _reduced(image, longest: int):
    """The picture with its longest side at most `longest` pixels, on the 8-bit grid; as it is where that is 0."""
    height, width = image.shape[2:]
    if not longest or max(height, width) <= longest:
        return image
    share = longest / max(height, width)
    return _resized(image, (max(1, round(height * share)), max(1, round(width * share))))


def _resized(image, size):
    """The picture at that height and width, on the 8-bit grid."""
    from torch.nn.functional import interpolate

    from ..images import quantise

    return quantise(interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1))


def _protect(pictures, model, method, targets, settings, chosen, options, seed, fitted) -> list[str]:
    """Protect pictures of one size, write them, and say of each how far the stored file is from the original, in grey levels."""
    from tqdm.auto import tqdm

    from .. import images, passes, protect

    height, width = pictures.shape[2:]
    takes = protect.PROTECTIONS[method].takes
    total = sum(1 for _ in passes.over(pictures, getattr(model, "factor", 8), takes=takes)) * getattr(chosen, "steps", 0)
    with tqdm(total=total, desc=targets[0].name, unit="step", leave=False, disable=not total) as bar:
        done = protect.apply(pictures, model, method, settings=settings, eps=options.eps, seed=seed, steps=options.steps,
                             callback=lambda *_: bar.update(), **fitted)
    for one, target in zip(done, targets, strict=True):
        images.save(one, target)
    spent = [protect.spent(images.load(target), one[None], chosen).item() for one, target in zip(pictures, targets, strict=True)]
    if max(spent) > chosen.eps * (1 + 1e-9):
        for target in targets:
            target.unlink()
        raise RuntimeError(f"{method} moved a picture by {max(spent):g} grey levels, the budget is {chosen.eps:g}; file removed")
    kind = "root mean square change" if getattr(chosen, "norm", "linf") == "l2" else "largest change"
    return [
        f"{target}  {width} x {height}, {method} ({settings}), {kind} {moved:.3g} of {chosen.eps:.3g} grey levels"
        for target, moved in zip(targets, spent, strict=True)
    ]


def _purify(pictures, model, method, targets, settings, chosen, options, seed) -> list[str]:
    """Purify pictures of one size, write them, and say of each how far the stored file is from the picture it was, in grey levels."""
    from tqdm.auto import tqdm

    from .. import images, passes, purify

    height, width = pictures.shape[2:]
    row, rounds = purify.PURIFIERS[method], getattr(chosen, "rounds", getattr(chosen, "steps", 0))
    total = rounds * sum(1 for _ in passes.over(pictures, getattr(model, "factor", 8), row.whole, row.takes))
    with tqdm(total=total, desc=targets[0].name, unit="step", leave=False, disable=total < 2) as bar:
        done = purify.apply(pictures, model, method, settings=settings, seed=seed, steps=options.steps,
                            callback=lambda *_: bar.update())
    for one, target in zip(done, targets, strict=True):
        images.save(one, target)
    moved = (images.levels(done).float() - images.levels(pictures).float()).abs()
    return [
        f"{target}  {width} x {height}, {method} ({settings}), mean change {one.mean():.3g}, largest {one.max():.3g} grey levels"
        for target, one in zip(targets, moved, strict=True)
    ]


def _target(out: Path, path: Path, taken: set, overwrite: bool, read: list[Path]) -> Path:
    """`out/<name>.png`; a second picture of that name keeps its ending in it. Never one of the files that are `read`."""
    target = out / f"{path.stem}.png"
    if target in taken:
        target = out / f"{path.stem}-{path.suffix.lstrip('.')}.png"
    if target in taken:
        raise ValueError(f"{path}: two pictures would become {target}; rename one")
    for file in read:
        if target.exists() and file.exists() and target.samefile(file):
            which = "the picture itself" if file == path else "another file of this command"
            raise ValueError(f"{path}: {target} is {which}; choose another folder with -o")
    if target.exists() and not overwrite:
        raise ValueError(f"{path}: {target} is there already; choose another folder with -o, or write over it with --force")
    taken.add(target)
    return target
