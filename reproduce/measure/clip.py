"""How well a picture fits its prompt: the cosine between CLIP's embeddings of the two, as in PhotoGuard's Figure 7.

The paper names no checkpoint. Here it is the one that a model's judges name: the bundled model's own small one, CHECKPOINT for others: SD
1.x reads prompts with its text tower. Similarities by two checkpoints are not comparable, so a table says `Clip.name`.
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from ..diffusion.judges import FULL
from ..diffusion.model import fingerprint
from ..diffusion.profiles import BUNDLE
from ..images import check, quantise
from ..method import Unavailable

CHECKPOINT = FULL.clip
GIGABYTES = 1.7  # of CHECKPOINT's safetensors
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # Radford et al. 2021, its released code
BATCH = 16  # pictures or prompts at a time
UNRESOLVED = "unresolved"  # the fingerprint of a CLIP that is not here


class Clip:
    """An opened CLIP, frozen, in float32: `name` for tables, `fingerprint`, `size` in pixels, `width` of its embeddings."""

    def __init__(self, model, tokenizer, *, mean=MEAN, std=STD, name="CLIP", fingerprint="", device="cpu"):
        self.model = model.requires_grad_(False).eval().float().to(device)
        self.tokenizer, self.name, self.fingerprint, self.device = tokenizer, name, fingerprint, torch.device(device)
        self.mean, self.std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (mean, std))
        self.size, self.width = model.config.vision_config.image_size, model.config.projection_dim
        self.length = model.config.text_config.max_position_embeddings  # tokens in a prompt, start and end included

    def pixels(self, images):
        """Images (N, 3, H, W) as the image tower reads them, (N, 3, size, size), by CLIP's own preprocessing.

        Shorter side to `size` (bicubic, antialiased), centre cut of the longer one, normalised. Pillow, by which CLIP was trained, resizes
        rows, then columns, and has 8 bits after each; in one go a picture differs from its by up to 3 levels.
        """
        images = check(images).detach().float().to(self.device)
        before = images.shape[2:]
        height, width = after = [int(self.size * side / min(before)) for side in before]
        if min(before) != self.size:
            for shape in ((before[0], width), after):
                images = quantise(F.interpolate(images, shape, mode="bicubic", antialias=True).clamp(0, 1))
        top, left = (height - self.size) // 2, (width - self.size) // 2
        return (images[:, :, top : top + self.size, left : left + self.size] - self.mean) / self.std

    @torch.no_grad()
    def image_features(self, images):
        """Images (N, 3, H, W) -> their projected embeddings (N, width), float32 on the CPU, not of unit length; what FID and PR take."""
        check(images)
        return torch.cat([_tensor(self.model.get_image_features(pixel_values=self.pixels(x))) for x in images.split(BATCH)])

    @torch.no_grad()
    def text_features(self, prompts):
        """A list of N prompts -> (N, width) likewise; as in CLIP, what goes beyond `length` tokens is cut off."""
        _check_prompts(prompts)
        made = self.tokenizer(list(prompts), padding="max_length", truncation=True, max_length=self.length, return_tensors="pt")
        ids = made.input_ids.to(self.device).split(BATCH)
        return torch.cat([_tensor(self.model.get_text_features(input_ids=x)) for x in ids])

    def similarity(self, images, prompts):
        """Cosine of each image (N, 3, H, W) and its own prompt, a list of N: (N,) float64 in [-1, 1], higher is closer."""
        _check_prompts(prompts, len(check(images)))
        return F.cosine_similarity(self.image_features(images).double(), self.text_features(prompts).double(), dim=1)


def fit(x, prompts, clip):
    """`clip.similarity` of pictures x (N, 3, H, W) and their prompts, a list of N: (N,)."""
    return clip.similarity(x, prompts)


@torch.no_grad()
def nearest(x, prompts, clip):
    """Which of M prompts each picture of x (N, 3, H, W) fits best: (N,) numbers."""
    _check_prompts(prompts)
    one, other = (F.normalize(part.double(), dim=1) for part in (clip.image_features(x), clip.text_features(prompts)))
    return (one @ other.T).argmax(1)


def identify(source):
    """(name, fingerprint) of the Clip that `clip` would open; nothing is read but what a folder's fingerprint takes."""
    where = str(BUNDLE / "clip") if source == "bundled" else str(source)
    local = Path(where).is_dir()
    name = "bundled CLIP" if source == "bundled" else Path(where).name if local else where
    return name, fingerprint(where) if local else _commit(where)


def clip(source=CHECKPOINT, *, device=None):
    """A Clip from "bundled", a folder that save_pretrained wrote, or a hub id, as in a model's judges.clip; safetensors only.

    device: "cpu", "cuda"; by default CUDA where there is one. The tokenizer is read from the folder, or from tokenizer/ beside it, as in
    our bundle; the pixels' mean and deviation from preprocessor_config.json, in a folder without one CLIP's own.
    Unavailable, a ValueError, one line: not here and not to be fetched, incomplete, damaged.
    """
    from safetensors import SafetensorError

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    where = str(BUNDLE / "clip") if source == "bundled" else str(source)
    local = Path(where).is_dir()
    try:
        model, tokenizer, mean, std = _read(where, local)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # what transformers raises on missing or damaged files
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if source == "bundled":
            remedy = "reinstall the package"
        elif local:
            remedy = "point at a folder with config.json, model.safetensors and the tokenizer's files, as save_pretrained writes them"
        else:
            size = f"{GIGABYTES} GB " if where == CHECKPOINT else ""
            remedy = f"fetch it once with network access ({size}from the hub: {where}), or name a folder that holds a copy"
        raise Unavailable(f"CLIP {where}: could not be read ({first}); {remedy}") from error
    name, mark = identify(source)
    return Clip(model, tokenizer, mean=mean, std=std, name=name, fingerprint=mark, device=device)


def _read(where, local):
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    model, told = CLIPModel.from_pretrained(where, use_safetensors=True, output_loading_info=True)
    if missing := sorted(told["missing_keys"]):  # transformers would fill them with random numbers, and only say so
        raise OSError(f"it lacks {len(missing)} weights, {missing[0]} the first")
    words = Path(where).parent / "tokenizer"
    inside = not local or any((Path(where) / file).is_file() for file in ("vocab.json", "tokenizer.json"))
    tokenizer = CLIPTokenizer.from_pretrained(where if inside else words)
    count, known = len(tokenizer), model.config.text_config.vocab_size
    if not known / 2 <= count <= known:  # without its files it would be an empty one, and every prompt the same
        raise OSError(f"the tokenizer has {count} words, the text tower was made for {known}")
    if local and not (Path(where) / "preprocessor_config.json").is_file():
        return model, tokenizer, MEAN, STD
    given = CLIPImageProcessor.from_pretrained(where)
    for values in (given.image_mean, given.image_std):
        if not isinstance(values, (list, tuple)) or len(values) != 3:
            raise OSError(f"preprocessor_config.json: expected a mean and a deviation of three colours, got {values!r}")
    return model, tokenizer, given.image_mean, given.image_std


def _commit(source):
    """The first twelve digits of the commit that a hub id's cached copy is of."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source, "config.json")
    return Path(found).parent.name[:12] if isinstance(found, str) else UNRESOLVED


def _check_prompts(prompts, count=None):
    if not isinstance(prompts, (list, tuple)) or len(prompts) != (count or len(prompts) or 1):
        got = len(prompts) if isinstance(prompts, (list, tuple)) else type(prompts).__name__
        raise ValueError(f"prompts: expected a list, one per image ({count or 'at least 1'}), got {got}; for one prompt: [prompt] * N")
    for i, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise ValueError(f"prompts[{i}]: expected a string, got {type(prompt).__name__}; pass the words its image was made from")


def _tensor(out):
    return getattr(out, "pooler_output", out).cpu()  # version 5 of transformers wraps the projected embedding, 4 does not
