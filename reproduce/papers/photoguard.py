"""Settings of PhotoGuard, of its released code, and of the noise and edits it is judged by. Needs no torch.

A settings record names its `source`, and in `differs` what we do that the source does not; reports print
both. Budgets and steps are in grey levels: e on [0, 1] images is 255 e levels, e on [-1, 1] images is 127.5
e levels.
"""

from dataclasses import dataclass

PHOTOGUARD = "PhotoGuard, arXiv 2302.06588"
RELEASED = "MadryLab/photoguard at 686bea7"
ROUNDED = "the result is rounded to 8 bits inside the budget"


@dataclass(frozen=True)
class EncoderSettings:
    """PhotoGuard's encoder attack; decay: share of the step a linear fall ends at.

    eps and step are in levels: of every value for the norm "linf", root mean square over the picture's values for "l2". rms: a root mean
    square that the change keeps as well, over the pixels that may change. momentum: share of the direction so far that a step keeps.
    jpeg: lowest and highest quality of the JPEG that the attack sees the image through, drawn anew each step; empty for none.
    """

    eps: float
    step: float
    steps: int
    decay: float | None
    start: str  # "zero" | "uniform"
    target: str  # "grey image" | "noise image" | "zero latent"
    source: str
    differs: str
    jpeg: tuple = ()
    norm: str = "linf"  # | "l2"
    momentum: float = 0.0
    rms: float | None = None


@dataclass(frozen=True)
class DiffusionSettings:
    """PhotoGuard's diffusion attack: through `chain` denoising steps of the inpainting model, over `draws` draws of its noise a step.

    eps, step, norm, momentum and rms as for the encoder attack. The target is a picture: a grey one. consistency: weight of the distance
    between the edit and what the model is shown, which IMPRESS's authors add against purification.
    """

    eps: float
    step: float
    steps: int
    norm: str
    draws: int
    chain: int
    eta: float
    guidance: float
    prompt: str
    source: str
    differs: str
    decay: float | None = None
    start: str = "zero"
    consistency: float = 0.0
    momentum: float = 0.0
    rms: float | None = None


@dataclass(frozen=True)
class NoiseSettings:
    """Uniform noise in [-eps, eps] levels."""

    eps: float
    source: str
    differs: str


@dataclass(frozen=True)
class EditSettings:
    """How a source edits images; strength is None where the image is made from pure noise (inpainting)."""

    guidance: float
    steps: int
    eta: float | None
    strength: float | None
    size: int
    source: str
    differs: str


_STRONG = dict(step=4, decay=0.01, momentum=0.9)  # the rule that gets furthest, on people kept for that: notebook 02
EQUAL_NORM = 8  # levels, root mean square: half of the paper's bound, below what any of its attacks spends here
RULES = "no published setting; loss and bound are the paper's"

PHOTOGUARD_ENCODER = {
    "paper": EncoderSettings(
        eps=16, step=2, steps=200, decay=None, start="zero", target="grey image",
        source=f"{PHOTOGUARD}, equation 4 and Table 9",
        differs="16/255 and 2/255 are read on [0, 1]; pixels stay in range; the perturbation is not "
        f"subtracted again every step, as line 9 of Algorithm 1 has it; grey is 0.5; {ROUNDED}",
    ),
    "released": EncoderSettings(
        eps=7.65, step=2.55, steps=1000, decay=0.01, start="uniform", target="zero latent",
        source=f"{RELEASED}, notebooks/demo_simple_attack_img2img.ipynb (0.06 and 0.02 on [-1, 1])",
        differs="float32 instead of half precision; the start is seeded and kept in range; with a mask "
        "the target stays the zero latent, where the inpainting notebook encodes a photograph and steps "
        f"by 1.275; {ROUNDED}, where the notebook truncates: 7.65 levels are 7 in our files and up to 8 in the release's, which"
        " costs 3 to 5 % of the effect",
    ),
    "equal": EncoderSettings(
        eps=8, step=1, steps=200, decay=None, start="uniform", target="grey image",
        source="this study's budget, common to all methods: 8 levels, 200 steps of 1",
        differs="no published setting; the loss is PhotoGuard's equation 4",
    ),
    "app": EncoderSettings(
        eps=15.3, step=1.275, steps=200, decay=0.01, start="uniform", target="grey image",
        source=f"{RELEASED}, demo/app.py (0.12 and 0.01 on [-1, 1])",
        differs="float32 instead of half precision; the start is seeded and kept in range; the target is an even grey picture, where"
        f" the app downloads a photograph of one; {ROUNDED}, where the app truncates",
    ),
    "jpeg": EncoderSettings(
        eps=16, step=2, steps=200, decay=None, start="zero", target="grey image", jpeg=(50, 95),
        source="this study: the paper's setting, seen through JPEG files of random quality (expectation over transformation)",
        differs="no published setting; one quality from 50 to 95 per image and step, gradient of reproduce/jpeg/codec.py at scale eps / 2",
    ),
    "strong": EncoderSettings(
        eps=16, steps=200, start="zero", target="grey image", **_STRONG,
        source="this study: the paper's bound and count of steps, spent better: momentum, and steps that shorten", differs=RULES,
    ),
    "equal norm": EncoderSettings(
        eps=16, steps=200, start="zero", target="grey image", rms=EQUAL_NORM, **_STRONG,
        source=f"this study: the strong setting, and at most {EQUAL_NORM} levels root mean square", differs=RULES,
    ),
    "jpeg, equal norm": EncoderSettings(
        eps=16, steps=200, start="zero", target="grey image", jpeg=(50, 95), rms=EQUAL_NORM, **_STRONG,
        source=f"this study: through JPEG files of random quality, and at most {EQUAL_NORM} levels root mean square", differs=RULES,
    ),
    "noise target": EncoderSettings(
        eps=16, step=2, steps=200, decay=None, start="zero", target="noise image",
        source=f"{PHOTOGUARD}, section 4, which names random noise beside grey as a target, and Table 9",
        differs=f"one picture of uniform noise for all; {ROUNDED}",
    ),
}

RELEASED_RMS = 16 * 127.5 / (3 * 512 * 512) ** 0.5  # the released L2 radius, 16 on [-1, 1] at 512 pixels: 2.3 levels, root mean square

PHOTOGUARD_DIFFUSION = {
    "paper": DiffusionSettings(
        eps=16, step=2, steps=200, norm="linf", draws=1, chain=4, eta=1.0, guidance=7.5, prompt="",
        source=f"{PHOTOGUARD}, equation 5 and Table 9",
        differs="16/255 and 2/255 are read on [0, 1]; pixels stay in range; the perturbation is not subtracted again every step, as"
        " line 8 of Algorithm 2 has it; the paper backpropagates through \"only a few steps\" and names no prompt: 4 steps and the"
        f" empty prompt are those of the released notebook; {ROUNDED}",
    ),
    "released": DiffusionSettings(
        eps=RELEASED_RMS, step=RELEASED_RMS / 16, steps=200, norm="l2", draws=10, chain=4, eta=1.0, guidance=7.5, prompt="",
        source=f"{RELEASED}, notebooks/demo_complex_attack_inpainting.ipynb, super_l2 (radius 16, step 1 on [-1, 1] at 512 pixels)",
        differs="the radius is kept as a root mean square, 2.3 levels, so that it means the same at every size; float32 instead of half"
        f" precision; guidance is left out, which an empty prompt makes a no-op; {ROUNDED}, where the notebook truncates",
    ),
    "equal": DiffusionSettings(
        eps=8, step=1, steps=200, norm="linf", draws=1, chain=4, eta=1.0, guidance=7.5, prompt="", start="uniform",
        source="this study's budget, common to all methods: 8 levels, 200 steps of 1",
        differs="no published setting; the loss is PhotoGuard's equation 5",
    ),
    "strong": DiffusionSettings(
        eps=16, steps=200, norm="linf", draws=1, chain=4, eta=1.0, guidance=7.5, prompt="", **_STRONG,
        source="this study: the paper's bound and count of steps, spent better: momentum, and steps that shorten", differs=RULES,
    ),
    "equal norm": DiffusionSettings(
        eps=16, steps=200, norm="linf", draws=1, chain=4, eta=1.0, guidance=7.5, prompt="", rms=EQUAL_NORM, **_STRONG,
        source=f"this study: the strong setting, and at most {EQUAL_NORM} levels root mean square", differs=RULES,
    ),
    "adaptive": DiffusionSettings(
        eps=RELEASED_RMS, step=RELEASED_RMS / 16, steps=200, norm="l2", draws=10, chain=4, eta=1.0, guidance=7.5, prompt="",
        consistency=10.0,
        source="AAAAAAsuka/Impress at 12f1f07: its PhotoGuard script, which adds 10 ||shown - edit|| to the loss in every commit",
        differs="as the setting released; the paper calls this the adaptive protection, its script runs it as plain PhotoGuard",
    ),
}

NOISE = {
    "paper": NoiseSettings(
        eps=16,
        source=f"{PHOTOGUARD}, section 4: uniform noise of the same intensity",
        differs=f"intensity is read as the bound, 16 levels; {ROUNDED}",
    ),
    "released": NoiseSettings(
        eps=7.65,
        source=f"the bound of {RELEASED}, which has no noise baseline",
        differs=ROUNDED,
    ),
    "equal": NoiseSettings(
        eps=8,
        source="this study's budget, common to all methods: 8 levels",
        differs="no published setting",
    ),
}

PHOTOGUARD_EDIT = {
    "paper": EditSettings(
        guidance=7.5, steps=100, eta=1.0, strength=None, size=512,
        source=f"{PHOTOGUARD}, Table 8",
        differs="the paper names no scheduler, and picks a seed whose clean edit looks real; ours are listed",
    ),
    "released variation": EditSettings(
        guidance=7.5, steps=50, eta=None, strength=0.5, size=512,
        source=f"{RELEASED}, notebooks/demo_simple_attack_img2img.ipynb",
        differs="",
    ),
    "released inpainting": EditSettings(
        guidance=7.5, steps=100, eta=1.0, strength=None, size=512,
        source=f"{RELEASED}, notebooks/demo_simple_attack_inpainting.ipynb",
        differs="its strength=0.7 is left out: the pipelines of its day ignored it",
    ),
}
