"""Settings of fine-tunings on a few pictures of one person, as those whom protections defend against run them. Needs no torch."""

from dataclasses import dataclass

from .photoguard import EditSettings

GAPDIFF = "AIASLab/GAP-Diff at bf6a1d2"
OURS = "ours"
PROMPTS = {  # GAP-Diff's and SimAC's four: infer.py's list
    "A": "a photo of sks person",
    "B": "a dslr portrait of sks person",
    "C": "a photo of sks person looking at the mirror",
    "D": "a photo of sks person in front of eiffel tower",
}


@dataclass(frozen=True)
class DreamBoothSettings:
    """Fine-tuning a model to a set of pictures.

    learn: what learns, by the names of diffusion.trainable. rank: of low-rank adapters on the attention of these parts, which then learn in
    its place; 0: none. rate, decay, clip: AdamW's, constant, and the largest norm of a gradient. batch: pictures of the person a step, and
    as many of the class. prior: weight of the class pictures' loss; 0 leaves them out. others: how many class pictures there are. order:
    "shuffled" draws every batch anew, "fixed" forms the same batches, in another order each time through. precision: what the networks
    compute in, None what pays on the device. checkpointed: whether activations are computed again rather than kept.
    """

    learn: tuple
    rate: float
    steps: int
    batch: int
    prior: float
    others: int
    prompt: str
    group: str
    source: str
    differs: str
    rank: int = 0
    decay: float = 0.01
    clip: float | None = 1.0
    order: str = "shuffled"
    precision: str | None = None
    checkpointed: bool = False


_PUBLISHED = dict(
    learn=("unet", "text_encoder"), rate=5e-7, steps=1000, batch=2, prior=1.0, others=200, prompt=PROMPTS["A"], group="a photo of person",
    checkpointed=True,
)  # fmt: skip
_SEEDED = "the run is seeded"
_SMALL = dict(batch=4, prior=1.0, others=32, prompt=PROMPTS["A"], group="a photo of a person", precision="float32")

DREAMBOOTH = {
    "paper": DreamBoothSettings(
        **_PUBLISHED, source=f"GAP-Diff (NDSS 2025), whose evaluation is DreamBooth's script: {GAPDIFF}, scripts/db_infer.sh",
        differs=f"batches are drawn anew in every round; {_SEEDED}",
    ),
    "released": DreamBoothSettings(
        **_PUBLISHED, order="fixed", source=f"{GAPDIFF}, train_dreambooth.py, which keeps the batches of one round with their posteriors",
        differs=_SEEDED,
    ),
    "equal": DreamBoothSettings(
        **_SMALL, learn=("unet",), rate=2e-4, steps=200,
        source=f"{OURS}: what keeps both person and prompt on the bundled model, one cost for every protection",
        differs="no published setting: a model of 7 M weights learns at hundreds of times the rate of one of a billion, in fewer steps; the"
        " text tower stays as it is, which keeps the prompts' scenes",
    ),
    "lora": DreamBoothSettings(
        **_PUBLISHED | dict(learn=("unet",), rate=1e-4, others=200), rank=4, source="diffusers' train_dreambooth_lora.py, its defaults",
        differs=f"prompts, steps and class pictures are GAP-Diff's; {_SEEDED}",
    ),
    "kv": DreamBoothSettings(
        **_PUBLISHED | dict(learn=("unet.kv",), rate=1e-5, steps=250), source="Custom Diffusion (Kumari et al. 2023), as CAAT runs it",
        differs=f"no word of its own is learnt; prompts and class pictures are GAP-Diff's; {_SEEDED}",
    ),
}  # fmt: skip
SAMPLING = {
    "paper": EditSettings(
        guidance=7.5, steps=100, eta=None, strength=None, size=512, source=f"{GAPDIFF}, infer.py", differs="DDIM in place of PNDM"
    ),
}  # fmt: skip
