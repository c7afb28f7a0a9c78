"""Protecting image files: read, protect, write as PNG, and check the budget on the file that was written."""

from __future__ import annotations

from pathlib import Path


def protect_files(options, complain) -> int:
    """Protect `options.images` into the folder `options.out`; returns 1 if any file failed, else 0.

    options: images, method, settings, eps (grey levels), profile, seed, out, as the command line gives them.
    complain: called with one line for each file that failed; the others go on. Raises ValueError for a
    method, settings, budget or profile that there is not.
    """
    from . import images, profiles, protect

    method = profiles.one_of("method", options.method, list(protect.PROTECTIONS))
    known = protect.PROTECTIONS[method].settings
    settings = profiles.one_of("settings", options.settings or next(iter(known)), list(known))
    chosen = protect.record(method, settings, eps=options.eps)
    profiles.check(options.profile)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    model, failed, taken = None, 0, set()
    for path in map(Path, options.images):
        try:
            image, target = images.load(path), _target(out, path, taken)
        except (ValueError, OSError) as error:
            failed += _tell(complain, path, error)
            continue
        model = model or profiles.open(options.profile).model  # none: no file can do without it
        try:
            print(_protect(image, model, method, target, settings, chosen.eps, options), flush=True)
        except (ValueError, OSError, RuntimeError) as error:
            failed += _tell(complain, path, error)
    return 1 if failed else 0


def _tell(complain, path: Path, error: Exception) -> int:
    complain(error if path.name in str(error) else f"{path}: {error}")
    return 1


def _protect(image, model, method, target, settings, eps, options) -> str:
    """Protect one picture, write it, and say how far the stored file is from the original, in grey levels."""
    from . import images, protect

    done = protect.apply(image, model, method, settings=settings, eps=options.eps, seed=options.seed)
    images.save(done, target)
    moved = (images.levels(images.load(target)).int() - images.levels(image).int()).abs().max().item()
    if moved > eps:
        target.unlink()
        raise RuntimeError(
            f"{method} moved a pixel by {moved} grey levels, the budget is {eps:g}; file removed"
        )
    return f"{target}  {method} ({settings}), largest change {moved} of {eps:g} grey levels"


def _target(out: Path, path: Path, taken: set) -> Path:
    """`out/<name>.png`; a second picture of that name keeps its ending in it. Never the picture itself."""
    target = out / f"{path.stem}.png"
    if target in taken:
        target = out / f"{path.stem}-{path.suffix.lstrip('.')}.png"
    if target in taken:
        raise ValueError(f"{path}: two pictures would become {target}; rename one")
    if target.exists() and path.exists() and target.samefile(path):
        raise ValueError(f"{path}: {target} is the picture itself; choose another folder with -o")
    taken.add(target)
    return target
