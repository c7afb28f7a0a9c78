"""Settings of the purifiers but IMPRESS, as photoguard.py has those of the protections. Needs no torch.

Noise is in grey levels: a deviation of s on [0, 1] images is 255 s levels, one on [-1, 1] images 127.5 s levels.
"""

from dataclasses import dataclass

IMPRESS = "AAAAAAsuka/Impress at 12f1f07"
GAPDIFF = "AIASLab/GAP-Diff at bf6a1d2"
MIMICRY = "ethz-spylab/robust-style-mimicry at b4bf72b"
BLURGUARD = "jsu-kim/BlurGuard at e1b2d5e"
GRIDPURE = "ZhengyueZhao/GrIDPure at 504ff46"
TRUNCATED = "the result is rounded to 8 bits, where the script truncates"
OURS = "no published setting"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the settings are from, and what we do that the source does not."""

    source: str
    differs: str = ""


@dataclass(frozen=True)
class JpegSettings(Settings):
    """One JPEG file, colour as `subsampling` says."""

    quality: int
    subsampling: str = "4:2:0"


@dataclass(frozen=True)
class GaussianSettings(Settings):
    """Gaussian noise of this standard deviation, in levels."""

    sigma: float


@dataclass(frozen=True)
class BlurSettings(Settings):
    """Gaussian blur: deviations down and across, in pixels, and taps a direction."""

    sigma: tuple
    taps: int


@dataclass(frozen=True)
class QuantiseSettings(Settings):
    """Values of each colour; floor: cut down to the next one instead of rounded."""

    values: int
    floor: bool


@dataclass(frozen=True)
class ResizeSettings(Settings):
    """The share of its sides that a picture is reduced to before it is enlarged again, by the kernel "bilinear" or "bicubic"."""

    share: float
    kernel: str
    antialias: bool


@dataclass(frozen=True)
class CropSettings(Settings):
    """The share of its sides that is kept, around the middle, and enlarged."""

    share: float


@dataclass(frozen=True)
class RotateSettings(Settings):
    """How far a picture is turned about its middle, in degrees, anticlockwise; bilinear, what comes in at the borders is reflected."""

    degrees: float


@dataclass(frozen=True)
class MedianSettings(Settings):
    """The side of the square of pixels whose median is taken."""

    side: int


@dataclass(frozen=True)
class FilterSettings(Settings):
    """A photo filter: factors of contrast and of saturation; red is multiplied by 1 + warmth, blue by 1 - warmth."""

    contrast: float
    saturation: float
    warmth: float


@dataclass(frozen=True)
class CleanerSettings(Settings):
    """AdverseCleaner: bilateral filters, then guided ones; window and radius in pixels, colour and eps in levels and squared levels."""

    bilateral: int
    window: int
    colour: float
    space: float
    guided: int
    radius: int
    eps: float


@dataclass(frozen=True)
class CodecSettings(Settings):
    """Encode-decode, so many times."""

    rounds: int


@dataclass(frozen=True)
class DenoiseSettings(Settings):
    """Noise to `depth` diffusion steps and back in `steps` of DDIM, `rounds` times, each keeping a share of what was.

    tile: side of the tiles as a share of the model's own size, None for the whole picture; they lie half a side apart.
    """

    depth: int
    steps: int
    rounds: int
    keep: float
    tile: float | None


@dataclass(frozen=True)
class UpscaleSettings(Settings):
    """Noise (levels), then 4x super-resolution that is told noise level `told` and adds noise of level `added` itself."""

    sigma: float
    told: int
    added: int
    prompt: str
    guidance: float
    steps: int
    upscaler: str = "stabilityai/stable-diffusion-x4-upscaler"


PURIFY_JPEG = {
    f"quality {quality}": JpegSettings(quality, source=source, differs="chroma at half resolution (4:2:0), where the source is silent")
    for quality, source in (
        (75, f"{BLURGUARD}, its purifiers"), (90, "GAP-Diff's README"), (70, "GAP-Diff's README, the quality of its Table I"),
        (50, "GAP-Diff's README"), (15, f"{IMPRESS}, scripts, test data jpg15"),
    )
}  # fmt: skip

PURIFY_NOISE = {
    "sigma 0.05": GaussianSettings(
        0.05 * 255, source=f"{MIMICRY}, Gaussian noising alone; {GAPDIFF}, preprocess/random_noise.py",
        differs="the result is rounded to 8 bits, where GAP-Diff's script truncates",
    ),
    "sigma 0.1": GaussianSettings(
        0.1 * 255, source=f"{MIMICRY}, Gaussian noising before upscaling; {IMPRESS}, scripts, test data gauss0.1",
    ),
}  # fmt: skip

PURIFY_BLUR = {
    "released": BlurSettings(
        (2.0, 0.1), 3, source=f"{GAPDIFF}, preprocess/gaussianblur.py: 3 x 3, sigmaX 0.1, sigmaY 2",
        differs="in effect a blur down the columns alone; weights are exact, where OpenCV's are rounded to 8 bits",
    ),
    "named": BlurSettings(
        (0.05, 0.05), 3, source=f"{GAPDIFF}, preprocess/gaussianblur.py: kernel 3 and sigma 0.05, which it names and does not use",
        differs="a deviation of 0.05 pixels leaves every picture as it is",
    ),
    "training": BlurSettings(
        (2.0, 2.0), 7, source=f"{GAPDIFF}, models/Prelayer.py: the blur its generator trains with, 7 x 7, sigma 2",
    ),
}  # fmt: skip

PURIFY_QUANTISE = {
    "released": QuantiseSettings(
        64, True, source=f"{GAPDIFF}, preprocess/quantization.py: floor(64 v) / 64", differs=f"darkens by half a step; {TRUNCATED}",
    ),
    "rounded": QuantiseSettings(64, False, source="this study: as many values, rounded to the nearest", differs=OURS),
}  # fmt: skip

PURIFY_RESIZE = {
    "released": ResizeSettings(
        0.5, "bilinear", False, source=f"{GAPDIFF}, preprocess/resize.py: 512 to 256 pixels, OpenCV's INTER_LINEAR; {IMPRESS}, resize256",
        differs="enlarged again here, where the script leaves that to DreamBooth",
    ),
    "antialiased": ResizeSettings(0.5, "bicubic", True, source="this study: the same reduction as image editors do it", differs=OURS),
}  # fmt: skip

PURIFY_CROP = {"middle": CropSettings(7 / 8, source="this study: the middle 7/8 of each side, enlarged (bicubic)", differs=OURS)}

_NAMED = "PhotoGuard names cropping, rotation and filters, and no setting of any"

PURIFY_ROTATE = {
    "5 degrees": RotateSettings(
        5.0, source="this study: 5 degrees anticlockwise about the middle, bilinear, borders reflected, not turned back",
        differs=f"{OURS}; {_NAMED}; the mask of an edit is not turned with the picture",
    ),
}  # fmt: skip

PURIFY_MEDIAN = {"3 x 3": MedianSettings(3, source="this study: the median of 3 x 3 pixels, each colour on its own", differs=OURS)}

PURIFY_FILTER = {
    "warm": FilterSettings(
        1.2, 1.2, 0.1,
        source="this study: contrast times 1.2 about the mean brightness, saturation times 1.2, then red times 1.1 and blue times 0.9",
        differs=f"{OURS}; {_NAMED}",
    ),
}  # fmt: skip

PURIFY_CLEANER = {
    "released": CleanerSettings(
        bilateral=64, window=5, colour=8, space=8, guided=4, radius=4, eps=16,
        source="lllyasviel/AdverseCleaner at d2a548b, clean.py; the guide is its input",
        differs=f"bilateral weights are exact, where OpenCV reads them off a table; {TRUNCATED}",
    ),
}  # fmt: skip

PURIFY_CODEC = {"once": CodecSettings(1, source="this study's control: what the autoencoder alone does to a picture", differs=OURS)}

_LATENT = "the model's own denoiser on its latents, empty prompt, where the source has one for ImageNet's pixels; DDIM, no noise under way"

PURIFY_DIFFPURE = {
    "released": DenoiseSettings(
        100, 10, rounds=1, keep=0.0, tile=None, source=f"{GRIDPURE}, diffpure.py: 100 steps; BlurGuard's purifiers likewise",
        differs=f"{_LATENT}, in 10 steps; the picture keeps its size, where the script passes through 256 pixels",
    ),
}  # fmt: skip

PURIFY_GRIDPURE = {
    "released": DenoiseSettings(
        10, 1, rounds=20, keep=0.1, tile=0.5,
        source=f"{GRIDPURE}, gridpure.py, and BlurGuard's purifiers: 10 steps, 20 rounds, gamma 0.1; tiles of 256 in 512 pixels, 128 apart",
        differs=f"{_LATENT}; one step; rounds are made on latents, not on 8-bit pictures: the autoencoder is passed once, not 20 times",
    ),
}  # fmt: skip

PURIFY_UPSCALE = {
    "paper": UpscaleSettings(
        0.1 * 255, told=320, added=0, prompt="", guidance=9.0, steps=75, source=f"Noisy Upscaling, arXiv 2406.12027; {MIMICRY}",
        differs="the prompt is empty, where the source captions each picture with BLIP-2; the result is reduced to the picture's size",
    ),
    "stock": UpscaleSettings(
        0.1 * 255, told=20, added=20, prompt="a photo", guidance=9.0, steps=75, source=f"{BLURGUARD}, its purifiers: diffusers' defaults",
    ),
}  # fmt: skip
