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
