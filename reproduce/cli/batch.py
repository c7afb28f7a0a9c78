"""Protecting and purifying image files: read, do it, write as PNG; a protection's budget is checked on the file that was written."""

from __future__ import annotations

from pathlib import Path


def protect_files(options, complain) -> int:
    """Protect `options.images` into the folder `options.out`; returns 1 if any file failed, else 0.

    options: images, method, settings, eps (grey levels), mask, target (files), steps, longest (pixels; 0: as it is), profile, precision,
    seed, out, as the command line gives them.
    complain: called with one line for each file that failed; the others go on. Raises ValueError for a
    method, settings, budget or profile that there is not, for a mask or target that is no picture or that the method cannot use.
    """
    from .. import images, protect

    method, settings = _named(options, protect.PROTECTIONS)
    chosen = protect.record(method, settings, eps=options.eps, steps=options.steps)

    if options.target is not None and not protect.takes_goal(method):
        raise ValueError(f"--target: {method} moves a picture towards nothing; leave it out, or choose another method")
    given = {name: images.load(path) for name, path in (("mask", options.mask), ("goal", options.target)) if path is not None}

    def work(image, model, target):
        fitted = {name: _resized(picture, image.shape[2:]) for name, picture in given.items()}
        if "mask" in fitted:
            fitted["mask"] = (fitted["mask"].mean(1, keepdim=True) >= 0.5).float()
            for value, said in ((0, "nothing"), (1, "everything")):
                if (fitted["mask"] == value).all():  # a transparent ground counts as white
                    raise ValueError(f"{options.mask}: {said} in it is white; paint white what is to be protected, and black the rest")
        return _protect(image, model, method, target, settings, chosen, options, fitted)

    given_files = [Path(one) for one in (options.mask, options.target) if one is not None]
    return _each(options, [Path(one) for one in options.images], complain, work, overwrite=True, beside=given_files)


def purify_files(options, complain) -> int:
    """Purify `options.images`, files and folders, into the folder `options.out`; returns 1 if any file failed, else 0.

    options: as for `protect_files`, with force (whether files that are there are written over) and without eps. Of a folder all its
    files are tried but hidden ones, not its folders. Raises ValueError for a method, settings or profile that there is not, and for a
    method that lacks what it needs.
    """
    from .. import purify

    method, settings = _named(options, purify.PURIFIERS)
    chosen = purify.record(method, settings, steps=options.steps)

    def work(image, model, target):
        return _purify(image, model, method, target, settings, chosen, options)

    paths = [path for one in options.images for path in _inside(Path(one))]
    return _each(options, paths, complain, work, overwrite=options.force, model_free=purify.PURIFIERS[method].whole)


def _named(options, table):
    """The method and settings that the options name, the method's first by default."""
    from ..diffusion import profiles

    method = profiles.one_of("method", options.method, list(table))
    known = list(table[method].settings)
    return method, profiles.one_of("settings", options.settings or known[0], known)


def _inside(path: Path) -> list[Path]:
    """A folder's files in order of name; anything else is itself."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not found:
        raise ValueError(f"{path}: no files in this folder; name another, or single files")
    return found


def _each(options, paths, complain, work, *, overwrite, model_free=False, beside=()) -> int:
    """Print what `work(image, model, target)` says of each file; a file that fails is one complaint; returns 1 if any did, else 0.

    None of `paths` and of `beside` is ever written over.
    """
    from .. import images
    from ..diffusion import profiles
    from ..method import Unavailable

    if options.longest < 0 or (options.steps or 1) < 1:
        raise ValueError(f"expected --longest of 0 or more and --steps of at least 1, got {options.longest} and {options.steps}")
    profiles.check(options.profile, precision=options.precision)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    model, failed, taken = None, 0, set()
    for path in paths:
        try:
            image, target = _reduced(images.load(path), options.longest), _target(out, path, taken, overwrite, [*paths, *beside])
        except (ValueError, OSError) as error:
            failed += _tell(complain, path, error)
            continue
        if model is None and not model_free:
            model = profiles.open(options.profile, precision=options.precision).model  # none: no file can do without it
        try:
            print(work(image, model, target), flush=True)
        except Unavailable:  # nor without this
            raise
        except (ValueError, OSError, RuntimeError) as error:
            failed += _tell(complain, path, error)
    return 1 if failed else 0


def _tell(complain, path: Path, error: Exception) -> int:
    complain(error if path.name in str(error) else f"{path}: {error}")
    return 1


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


def _protect(image, model, method, target, settings, chosen, options, fitted) -> str:
    """Protect one picture, write it, and say how far the stored file is from the original, in grey levels."""
    from tqdm.auto import tqdm

    from .. import images, passes, protect

    total = len(passes.tiles(*image.shape[2:], getattr(model, "factor", 8))) * getattr(chosen, "steps", 0)
    with tqdm(total=total, desc=target.name, unit="step", leave=False, disable=not total) as bar:
        done = protect.apply(image, model, method, settings=settings, eps=options.eps, seed=options.seed, steps=options.steps,
                             callback=lambda *_: bar.update(), **fitted)
    images.save(done, target)
    moved = protect.spent(images.load(target), images.quantise(image), chosen).item()
    if moved > chosen.eps * (1 + 1e-9):
        target.unlink()
        raise RuntimeError(f"{method} moved a picture by {moved:g} grey levels, the budget is {chosen.eps:g}; file removed")
    height, width = image.shape[2:]
    kind = "root mean square change" if getattr(chosen, "norm", "linf") == "l2" else "largest change"
    return f"{target}  {width} x {height}, {method} ({settings}), {kind} {moved:.3g} of {chosen.eps:.3g} grey levels"


def _purify(image, model, method, target, settings, chosen, options) -> str:
    """Purify one picture, write it, and say how far the stored file is from the picture it was, in grey levels."""
    from tqdm.auto import tqdm

    from .. import images, passes, purify

    rounds = getattr(chosen, "rounds", getattr(chosen, "steps", 0))
    total = rounds * sum(1 for _ in passes.over(image, getattr(model, "factor", 8), purify.PURIFIERS[method].whole))
    with tqdm(total=total, desc=target.name, unit="step", leave=False, disable=total < 2) as bar:
        done = purify.apply(image, model, method, settings=settings, seed=options.seed, steps=options.steps,
                            callback=lambda *_: bar.update())
    images.save(done, target)
    moved = (images.levels(done).float() - images.levels(image).float()).abs()
    height, width = image.shape[2:]
    return f"{target}  {width} x {height}, {method} ({settings}), mean change {moved.mean():.3g}, largest {moved.max():.3g} grey levels"


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
