"""The columns that every file of rows has, so that one that lacks them is refused by name. Further columns may follow."""

_LIKEWISE = "ssim_likewise psnr_likewise vifp_likewise fsim_likewise ssim_person_likewise"  # to the clean edit, purified likewise
_EDIT = "subject protection misuse prompt seed"
_PURIFIED = "subject protection purifier changed picture_ssim picture_psnr perceptual from_protected latent_shift change"
_SETTING_EDIT = f"{_PURIFIED} misuse prompt seed ssim psnr vifp fsim ssim-sewar ssim_person"
_PURIFIED_EDIT = f"{_SETTING_EDIT} {_LIKEWISE}"
_QUALITY_EDIT = (
    "subject role protection purifier quality misuse prompt seed latent_shift ssim psnr vifp fsim ssim-sewar ssim_person ssim_to_photo"
    f" psnr_to_photo {_LIKEWISE}"
)
_SAMPLE = "subject role protection purifier quality changed misuse prompt seed step sample"
_TABLES = "vifp fsim sr-sim gmsd vsi dss haarpsi"
_WORDS = {
    "00_generated_rows": "scene index prompt recognised right",
    "00_inpainted_rows": "subject scene recognised right kept_psnr roundtrip_psnr kept",
    "00_reconstruction_rows": "pictures codec psnr ssim",
    "00_retrieval_rows": "retrieval",
    "00_condition_rows": "subject condition ratio",
    "01_protections": "subject role protection levels rms psnr ssim",
    "01_edits": _QUALITY_EDIT,
    "02_protections": "subject protection levels rms used grey_distance painted_grey_distance",
    "02_edits": f"{_EDIT} rule ssim psnr ssim-sewar ssim_person ssim_pasted psnr_pasted ssim_edited psnr_edited fit {_TABLES}",
    "02_distances": "rule protection fid precision recall edits features",
    "02_transfer_rows": "subject protection steps prompted ssim",
    "02_budgets": "subject protection eps rms misuse prompt seed ssim ssim_person latent_shift_person",
    "02_other_encoder": "subject protection encoder grey_distance latent_shift",
    "02_eye": "subject protection prompt seed spoiled",
    "02_variations": "subject protection misuse prompt ssim psnr",
    "02_printed": "form step largest mean outside",
    "03_purified": _PURIFIED,
    "03_edits": f"{_PURIFIED_EDIT} consistency_before",
    "03_setting_rows": _SETTING_EDIT,
    "03_step_rows": f"{_SETTING_EDIT} step of",
    "04_purified": _PURIFIED,
    "04_edits": _PURIFIED_EDIT,
    "05_agreement": "subject role quality form mean worst equal",
    "05_foresight": "subject quality surrogate push correlation",
    "05_attacks": "subject surrogate through quality grey_distance",
    "05_protections": "subject role protection levels rms psnr ssim",
    "05_spectra": "subject protection quality kind band share outside kept kept_energy energy",
    "05_edits": _QUALITY_EDIT,
    "06_faces": "what measured floor goal",
    "06_tunings": "subject role way changed seed steps learnt first last seconds",
    "06_customised": f"{_SAMPLE} control",
    "06_ways": f"{_SAMPLE} way",
    "06_search": f"{_SAMPLE} rate",
}
COLUMNS = {artefact: tuple(words.split()) for artefact, words in _WORDS.items()}
