"""The table of misuses: what an editor does with a picture.

A misuse is a function (images, model, *, settings, generator, prompts) -> 8-bit images in a file of its own, and a row here, which
says whether it takes an image or a set. prompts: one per image; one that takes a set takes any number, and makes a picture for each. One
that spares the person takes a mask too, (N, 1, H, W), 1 where the person is. The functions are imported when they are first used, so
that reading the table needs no torch.
"""

from ..method import Method
from ..papers import dreambooth as tuning
from ..papers import photoguard as paper

MISUSES = {
    "inpainting": Method(
        "misuse.edit:inpainting", {"paper": paper.PHOTOGUARD_EDIT["paper"], "released": paper.PHOTOGUARD_EDIT["released inpainting"]},
        needs="the autoencoder and the inpainting denoiser", about="All but the person is repainted after a prompt.",
    ),
    "variation": Method(
        "misuse.edit:variation", {"released": paper.PHOTOGUARD_EDIT["released variation"]},
        needs="the autoencoder and the denoiser", about="The picture, noised half way, is painted anew after a prompt.",
    ),
    "dreambooth": Method(
        "misuse.dreambooth:customise", tuning.DREAMBOOTH, needs="the autoencoder, the denoiser and the text tower",
        about="The model is tuned to a person's pictures and paints that person after any prompt.", takes="set",
    ),
}  # fmt: skip
