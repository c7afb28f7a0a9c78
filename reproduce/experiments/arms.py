"""Every arm of the study once: its key, as rows have it, with the method and the settings it stands for. Labels and colours: report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .. import protect, purify
from ..method import Method, changed
from . import scales

CLEAN, UNTREATED = "clean", "none"
PROTECTIONS = {  # key -> method, settings
    "noise": ("noise", "paper"),
    "encoder": ("photoguard-encoder", "paper"),
    "diffusion": ("photoguard-diffusion", "paper"),
    "encoder, released": ("photoguard-encoder", "released"),
    "diffusion, released": ("photoguard-diffusion", "released"),
    "encoder, equal": ("photoguard-encoder", "equal"),
    "encoder, app": ("photoguard-encoder", "app"),
    "encoder, strong": ("photoguard-encoder", "strong"),
    "encoder, equal norm": ("photoguard-encoder", "equal norm"),
    "encoder, noise target": ("photoguard-encoder", "noise target"),
    "diffusion, equal": ("photoguard-diffusion", "equal"),
    "diffusion, strong": ("photoguard-diffusion", "strong"),
    "diffusion, equal norm": ("photoguard-diffusion", "equal norm"),
    "encoder, through JPEG": ("photoguard-encoder", "jpeg"),
    "encoder, through JPEG, equal norm": ("photoguard-encoder", "jpeg, equal norm"),
    "diffusion, adaptive": ("photoguard-diffusion", "adaptive"),
}
PURIFIERS = {  # key -> method, settings; None: the picture as it is
    UNTREATED: None,
    "JPEG 90": ("jpeg", "quality 90"),
    "JPEG 75": ("jpeg", "quality 75"),
    "JPEG 50": ("jpeg", "quality 50"),
    "JPEG 15": ("jpeg", "quality 15"),
    "noise 0.05": ("noise", "sigma 0.05"),
    "noise 0.1": ("noise", "sigma 0.1"),
    "blur, released": ("blur", "released"),
    "blur, as named": ("blur", "named"),
    "blur, training": ("blur", "training"),
    "quantise": ("quantise", "released"),
    "resize, released": ("resize", "released"),
    "resize, antialiased": ("resize", "antialiased"),
    "crop": ("crop", "middle"),
    "rotate": ("rotate", "5 degrees"),
    "median": ("median", "3 x 3"),
    "filter": ("filter", "warm"),
    "AdverseCleaner": ("adverse-cleaner", "released"),
    "autoencoder": ("autoencoder", "once"),
    "DiffPure": ("diffpure", "released"),
    "GrIDPure": ("gridpure", "released"),
    "IMPRESS": ("impress", "paper"),
    "IMPRESS, released": ("impress", "released"),
    "IMPRESS, released in half": ("impress", "released in half"),
    "IMPRESS, fp32": ("impress", "fp32"),
    "IMPRESS, noise only": ("impress", "noise only"),
    "Noisy Upscaling": ("noisy-upscaling", "paper"),
}


@dataclass(frozen=True)
class Arm:
    """An arm as it is run: its key, the method's name and row in its table, the settings record."""

    key: str
    method: str
    row: Method
    record: object

    @property
    def settings(self) -> dict:
        """What of the settings a job depends on: all but where they are from."""
        return plain(self.record)

    @property
    def uses(self) -> tuple[str, ...]:
        """Places of the code that a job with this arm runs: the method's, and the class of its settings."""
        return self.row.place, self.settings["kind"]


def plain(record) -> dict:
    """A settings record as jobs hold it: its kind (a place) and its fields, but where they are from."""
    kind = type(record)
    fields = {name: value for name, value in dataclasses.asdict(record).items() if name not in ("source", "differs")}
    return {"kind": f"{kind.__module__.partition('.')[2]}:{kind.__name__}", **fields}


def protection(key: str, scale: str, *, settings: str | None = None) -> Arm:
    """A protection as a scale runs it; what was cut stands in its record's `differs`. settings: others than the arm's own.

    A method of the table that no arm is made of stands for itself, with its first settings.
    """
    known = {name: (name, next(iter(row.settings))) for name, row in protect.PROTECTIONS.items()} | PROTECTIONS
    if key not in known:
        raise ValueError(f"protection: no arm called {key!r}; there is {', '.join(known)}")
    method, own = known[key]
    own = settings if settings in protect.PROTECTIONS[method].settings else own
    most = scales.AT_MOST[scale]
    whole, most = protect.record(method, own), most.get(key, most.get(method, {}))
    cut = {count: min(limit, getattr(whole, count)) for count, limit in most.items()}
    return Arm(key, method, protect.PROTECTIONS[method], protect.record(method, own, **cut))


def purifier(key: str, *, impress_steps: int | None = None, changes: tuple = ()) -> Arm | None:
    """A purifier, IMPRESS with the scale's steps, its settings with `changes` (pairs of name and value); None for no purifier."""
    if PURIFIERS[key] is None:
        return None
    method, settings = PURIFIERS[key]
    record = purify.record(method, settings, steps=impress_steps if method == "impress" else None)
    record = changed(record, dict(changes), told(changes)) if changes else record
    return Arm(key, method, purify.PURIFIERS[method], record)


def told(changes: tuple) -> str:
    """Changes of settings in words, for rows."""
    return ", ".join(f"{name} {_word(value)}" for name, value in changes)


def _word(value):
    return value if isinstance(value, str) else " and ".join(value) if isinstance(value, tuple) else f"{value:g}"


def record(kind: type, plain: dict):
    """The record that `plain` made plain; where it is from is not in there."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items() if name != "kind"}
    return kind(**fields, source="", differs="")
