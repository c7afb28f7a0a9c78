"""The figures of notebook 01: similarity over quality, the encoder's reading, the original photograph. Needs no torch."""

import matplotlib.pyplot as plt

from . import looks
from .figures import curve, hline
from .jpeg_bypass import floor, same_seed
from .page import Page

UNITS = {"ssim": "SSIM", "psnr": "PSNR (dB)"}


def curves(rows, misuse):
    """SSIM and PSNR of the edit against the clean edit, over quality; the seed floor as a line; returns the figure."""
    chosen = same_seed(rows, misuse)
    if not chosen:
        return _nothing(f"this profile's model has no denoiser for {misuse}")
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2))
    shown = [r for r in chosen if not itself(r)]
    for ax, (measure, unit) in zip(axes, UNITS.items(), strict=True):
        curve(ax, shown, "quality", measure, "protection", looks.PROTECTIONS, none="no JPEG")
        hline(ax, floor(rows, misuse, measure), looks.label(looks.PROTECTIONS, "another seed"))
        ax.set(xlabel="JPEG quality", ylabel=f"{unit} to the clean picture's edit")
    pictures = len({r["subject"] for r in chosen})
    axes[1].get_legend().remove()
    axes[0].set_title(f"{misuse.capitalize()}: does the edit come back? ({pictures} pictures)")
    return figure


def itself(row):
    """Whether an edit would be compared with itself: that of the clean, uncompressed picture."""
    return row["protection"] == "clean" and row["quality"] is None


def latents(rows):
    """How far JPEG and the protections move the encoder's reading, over quality; returns the figure."""
    figure, ax = plt.subplots(figsize=(7.2, 4.2))
    chosen = same_seed(rows, rows[0]["misuse"])
    curve(ax, chosen, "quality", "latent_shift", "protection", looks.PROTECTIONS, none="no JPEG")
    ax.set(xlabel="JPEG quality", ylabel="latents moved / distance to grey", title="What the encoder reads")
    return figure


def to_photo(rows):
    """SSIM and PSNR of the edit against the original photograph, over quality; returns the figure."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2))
    chosen = same_seed(rows, rows[0]["misuse"])
    for ax, (measure, unit) in zip(axes, UNITS.items(), strict=True):
        curve(ax, chosen, "quality", f"{measure}_to_photo", "protection", looks.PROTECTIONS, none="no JPEG")
        ax.set(xlabel="JPEG quality", ylabel=f"{unit} to the original photograph")
    axes[1].get_legend().remove()
    axes[0].set_title("Against the original (means little)")
    return figure


def _nothing(why):
    figure, ax = plt.subplots(figsize=(7.2, 1.2))
    ax.set_axis_off()
    ax.text(0, 0.5, why)
    return figure


def _curves(misuse):
    def make(rows, about):
        return curves(rows["01_edits"], misuse)

    return make


def _latents(rows, about):
    return latents(rows["01_edits"])


def _to_photo(rows, about):
    return to_photo(rows["01_edits"])


PAGES = {
    "01_curves": Page("figure", ("01_edits",), _curves("variation")),
    "01_inpainting_curves": Page("figure", ("01_edits",), _curves("inpainting")),
    "01_latents": Page("figure", ("01_edits",), _latents),
    "01_to_photo": Page("figure", ("01_edits",), _to_photo),
}
