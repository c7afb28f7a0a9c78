"""Protecting image files: read, protect, write as PNG, and check the budget on the file that was written."""

from __future__ import annotations

from pathlib import Path


def protect_files(options, complain) -> int:
    """Protect `options.images` into the folder `options.out`; returns 1 if any file failed, else 0.

    options: images, method, settings, eps (grey levels), steps, longest (pixels; 0: as it is), profile, seed, out, as the command
    line gives them.
    complain: called with one line for each file that failed; the others go on. Raises ValueError for a
    method, settings, budget or profile that there is not.
    """
    from . import images, profiles, protect

    method = profiles.one_of("method", options.method, list(protect.PROTECTIONS))
    known = protect.PROTECTIONS[method].settings
    settings = profiles.one_of("settings", options.settings or next(iter(known)), list(known))
    chosen = protect.record(method, settings, eps=options.eps, steps=options.steps)
    if options.longest < 0 or (options.steps or 1) < 1:
        raise ValueError(f"expected --longest of 0 or more and --steps of at least 1, got {options.longest} and {options.steps}")
    profiles.check(options.profile)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    model, failed, taken = None, 0, set()
    for path in map(Path, options.images):
        try:
            image, target = _reduced(images.load(path), options.longest), _target(out, path, taken)
        except (ValueError, OSError) as error:
            failed += _tell(complain, path, error)
            continue
        model = model or profiles.open(options.profile).model  # none: no file can do without it
        try:
            print(_protect(image, model, method, target, settings, chosen, options), flush=True)
        except (ValueError, OSError, RuntimeError) as error:
            failed += _tell(complain, path, error)
    return 1 if failed else 0


def _tell(complain, path: Path, error: Exception) -> int:
    complain(error if path.name in str(error) else f"{path}: {error}")
    return 1


def _reduced(image, longest: int):
    """The picture with its longest side at most `longest` pixels, on the 8-bit grid; as it is where that is 0."""
    from torch.nn.functional import interpolate

    from .images import quantise

    height, width = image.shape[2:]
    if not longest or max(height, width) <= longest:
        return image
    share = longest / max(height, width)
    size = max(1, round(height * share)), max(1, round(width * share))
    return quantise(interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1))


def _protect(image, model, method, target, settings, chosen, options) -> str:
    """Protect one picture, write it, and say how far the stored file is from the original, in grey levels."""
    from tqdm.auto import tqdm

    from . import images, protect

    passes = len(protect.tiles(*image.shape[2:], getattr(model, "factor", 8))) * getattr(chosen, "steps", 0)
    with tqdm(total=passes, desc=target.name, unit="step", leave=False, disable=not passes) as bar:
        done = protect.apply(image, model, method, settings=settings, eps=options.eps, seed=options.seed, steps=options.steps,
                             callback=lambda *_: bar.update())
    images.save(done, target)
    moved = protect.spent(images.load(target), images.quantise(image), chosen).item()
    if moved > chosen.eps * (1 + 1e-9):
        target.unlink()
        raise RuntimeError(f"{method} moved a picture by {moved:g} grey levels, the budget is {chosen.eps:g}; file removed")
    height, width = image.shape[2:]
    kind = "root mean square change" if getattr(chosen, "norm", "linf") == "l2" else "largest change"
    return f"{target}  {width} x {height}, {method} ({settings}), {kind} {moved:.3g} of {chosen.eps:.3g} grey levels"


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
