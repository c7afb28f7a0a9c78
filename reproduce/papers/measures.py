"""The measures of similarity that papers print, and which values of each mean similar. Needs no torch."""

BETTER = {  # "higher" or "lower" values mean similar
    "ssim": "higher",
    "psnr": "higher",
    "vifp": "higher",
    "fsim": "higher",
    "sr-sim": "higher",
    "gmsd": "lower",
    "vsi": "higher",
    "dss": "higher",
    "haarpsi": "higher",
    "ssim-sewar": "higher",
}
# PhotoGuard's (arXiv 2302.06588).
TABLE6, TABLE10 = ("ssim", "psnr", "vifp", "fsim"), ("sr-sim", "gmsd", "vsi", "dss", "haarpsi")


def base(column):
    """The measure that a column holds, however its pictures were cut or paired: "ssim_person_likewise" is of "ssim"."""
    return column.partition("_")[0]


def distance(column, value):
    """How far apart two pictures are that a similarity measure, named by its column, calls so alike: 0 for equal ones.

    PSNR in dB becomes a root mean square error on [0, 1]; what is a distance already stays; all others count what they lack of 1.
    """
    if base(column) == "psnr":
        return 10 ** (-value / 20)
    return value if base(column) in ("gmsd", "latent", "perceptual") else 1 - value
