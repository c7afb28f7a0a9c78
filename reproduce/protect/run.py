"""Any protection's function on images of any size, and its budget checked on what would be stored. It knows no table of protections,
so that a stored result made through it stays valid when another protection is added."""

from .. import passes


def run(function, images, model, *, settings, seed, name, mask=None, goal=None, callback=None, takes="image", first=0):
    """Protect images (N, 3, H, W) by `function`; returns 8-bit images, same device, inside the budget of `settings` (a record with .eps).

    function: see `protect`. name: of its random stream, and in what is said; first: the number of the first image in that stream. mask
    (N, 1, H, W), goal (1 or N, 3, H, W), callback: as in the methods. takes: "image" or "set", see `method.Method`. ValueError: images,
    mask or goal that are none, or that the function has no parameter for; RuntimeError: it broke its budget.
    """
    from .. import images as pixels

    origin = pixels.quantise(images)
    if mask is not None:
        pixels.check_mask(mask, images)
    if goal is not None:
        goal = pixels.check_goal(goal, origin).expand(len(origin), -1, -1, -1)
    along = dict(mask=mask, goal=goal)
    rule = dict(settings=settings, seed=seed, name=name, takes=takes, first=first)
    made = passes.run(function, origin, model, along=along, callback=callback, **rule)
    used = spent(made, origin, settings)
    if (used > settings.eps * (1 + 1e-9)).any():  # the norm is kept before it is divided by the number of values
        worst = int(used.argmax())
        raise RuntimeError(f"{name}: images[{worst}] moved by {used[worst]:g} levels, not {settings.eps:g}")
    return made


def spent(protected, origin, settings):
    """What of its eps a method used, (N,) in levels on the stored images: the largest change, or for the norm "l2" its root mean square."""
    from ..attack import budgets

    norm = getattr(settings, "norm", "linf")
    used = budgets.budget(norm, settings.eps, origin).spent(protected, origin)
    return used / budgets.length(norm, 1.0, origin)
