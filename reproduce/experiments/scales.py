"""How much is run: every count of every notebook, at every scale."""

from types import SimpleNamespace

AT_MOST = {  # arm, or method -> what its settings' counts are cut to
    "smoke": {"photoguard-encoder": dict(steps=6), "photoguard-diffusion": dict(steps=3, draws=1)},
    "standard": {
        "photoguard-encoder": dict(steps=200), "photoguard-diffusion": dict(steps=25, draws=1),
        "diffusion, strong": dict(steps=200), "diffusion, equal norm": dict(steps=50),
    },
    "paper": {},
}
EVERY = (None, *range(100, 0, -5))  # qualities of JPEG; None: no file
SOME = (None, 95, 85, 75, 50, 30, 15, 5)

COUNTS = {
    # 00: pictures reconstructed, generated in so many steps, inpainted in so many, renders the scene classifier learns from, pictures
    # attacked in so many steps, captions ranked
    "small_world": {
        "smoke": dict(
            rebuilt=32, generated=8, steps=6, inpainted=4, inpaint_steps=4, learned=340, attacked=2, attack_steps=10, captions=64
        ),
        "standard": dict(
            rebuilt=256, generated=68, steps=30, inpainted=51, inpaint_steps=20, learned=2040, attacked=8, attack_steps=200, captions=512
        ),
        "paper": dict(
            rebuilt=1024, generated=510, steps=30, inpainted=255, inpaint_steps=50, learned=8160, attacked=128, attack_steps=1000,
            captions=512
        ),
    },
    # 01: people edited untreated and at quality 75 under so many seeds, those of the curves over all qualities, photographs, prompts
    # each, steps of either edit, steps of attacks (None: as their settings say), qualities
    "jpeg_bypass": {
        "smoke": dict(
            people=2, curve=2, seeds=2, photographs=1, prompts=1, variation_steps=8, inpainting_steps=4, attack_steps=10,
            qualities=(None, 75, 15)
        ),
        "standard": dict(
            people=20, curve=8, seeds=3, photographs=3, prompts=1, variation_steps=50, inpainting_steps=20, attack_steps=None,
            qualities=SOME
        ),
        "paper": dict(
            people=20, curve=20, seeds=3, photographs=3, prompts=3, variation_steps=50, inpainting_steps=100, attack_steps=None,
            qualities=EVERY
        ),
    },
    # 02: people, prompts each, seeds in the list, people for settings side by side and for variations, steps of edits and as printed;
    # then of the curve over budgets: people, levels, steps of the encoder and of the diffusion attack
    "photoguard": {
        "smoke": dict(
            people=2, prompts=3, seeds=2, side=1, variations=1, edit_steps=4, printed_steps=4, budget_people=1, budgets=(4, 32),
            budget_steps=(4, 2)
        ),
        "standard": dict(
            people=20, prompts=2, seeds=3, side=4, variations=3, edit_steps=20, printed_steps=20, budget_people=4,
            budgets=(2, 4, 8, 16, 32, 64), budget_steps=(60, 20)
        ),
        "paper": dict(
            people=20, prompts=3, seeds=10, side=20, variations=20, edit_steps=100, printed_steps=200, budget_people=20,
            budgets=(2, 4, 8, 16, 32, 64), budget_steps=(200, 200)
        ),
    },
    # 03: people and seeds of the cells that decide, people of the others (a multiple of the grid's group), who are those of 04; prompts
    # each, steps of an edit, steps of IMPRESS (None: its settings' own), people for single settings; people and steps where it is followed
    "purification": {
        "smoke": dict(
            people=2, seeds=2, few=1, prompts=1, edit_steps=4, impress_steps=3, setting_people=1, followed=1, followed_steps=3
        ),
        "standard": dict(
            people=20, seeds=3, few=4, prompts=1, edit_steps=20, impress_steps=50, setting_people=2, followed=2, followed_steps=300
        ),
        "paper": dict(
            people=20, seeds=3, few=20, prompts=3, edit_steps=100, impress_steps=None, setting_people=4, followed=20, followed_steps=1000
        ),
    },
    # 05: pictures, qualities of files, directions, attack steps, qualities attacked through, people whose perturbations are taken apart;
    # then the edits, as for 01
    "jpeg_gradient": {
        "smoke": dict(pictures=2, qualities=(75, 30), directions=8, steps=4, through=(75,), perturbed=2),
        "standard": dict(pictures=4, qualities=(95, 90, 75, 50, 30, 10), directions=16, steps=40, through=(75, 30), perturbed=20),
        "paper": dict(pictures=30, qualities=(95, 90, 75, 50, 30, 10), directions=96, steps=200, through=(90, 75, 50, 30), perturbed=30),
    },
    "jpeg_gradient/edits": {
        "smoke": dict(
            people=1, curve=1, seeds=1, photographs=0, prompts=1, variation_steps=8, inpainting_steps=None, attack_steps=6,
            qualities=(None, 75, 30)
        ),
        "standard": dict(
            people=4, curve=4, seeds=1, photographs=0, prompts=1, variation_steps=50, inpainting_steps=None, attack_steps=None,
            qualities=SOME
        ),
        "paper": dict(
            people=30, curve=30, seeds=3, photographs=0, prompts=3, variation_steps=50, inpainting_steps=None, attack_steps=None,
            qualities=SOME
        ),
    },
    # 06: people, among how many a face is told, samples a prompt; steps and class pictures of a fine-tuning (None: its settings'), steps
    # of a sample; people and samples of what is tried beside, rates (times the settings') and steps of the search, the settings' beside;
    # drawn pictures and people that the face networks are judged on
    "customisation": {
        "smoke": dict(
            people=1, among=2, samples=1, steps=3, others=2, sampling=3, few=1, few_samples=1, rates=(0.5,), taken=(1, 2), judged=40,
            strangers=16
        ),
        "standard": dict(
            people=4, among=16, samples=8, steps=None, others=None, sampling=25, few=2, few_samples=4, rates=(0.5, 2),
            taken=(100, 200, 300), judged=1000, strangers=64
        ),
        "paper": dict(
            people=30, among=30, samples=30, steps=None, others=None, sampling=100, few=4, few_samples=8, rates=(0.5, 2),
            taken=(100, 200, 300), judged=4000, strangers=256
        ),
    },
}  # fmt: skip


def counts(experiment, scale):
    """The counts of an experiment at a scale, by name."""
    return SimpleNamespace(**COUNTS[experiment][scale])
