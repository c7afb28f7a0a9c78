"""The small CLIP: tokenizer, text tower (it conditions the denoiser, as in Stable Diffusion) and image tower."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from ..draw.caption import caption_words

LENGTH = 24  # tokens in a prompt, start and end included
WIDTH = 192  # of the text tower; the denoiser's cross-attention width
START, END = "<|startoftext|>", "<|endoftext|>"
MEAN, STD = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)  # CLIP's pixel statistics


def tokenizer(folder):
    """Write and return a CLIPTokenizer in which each word of the caption grammar is one token; other words fall into pieces."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [" ".join(pair) for pair in joins(caption_words())]
    pieces = [*alphabet, *(a + "</w>" for a in alphabet), *(m.replace(" ", "") for m in merges), START, END]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    made = CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        model_max_length=LENGTH,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
    )
    made.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def joins(words):
    """Merges of a byte-pair encoding, first come first, after which each of `words` is one piece; the same on every machine."""
    ranks = {}
    for word in words:
        parts = _pieces(word, ranks)
        while len(parts) > 1:  # a later join comes last in every earlier word, so it cannot undo one
            ranks[parts[0], parts[1]] = len(ranks)
            parts = _pieces(word, ranks)
    return list(ranks)


def _pieces(word, ranks):
    parts = [*word[:-1], word[-1] + "</w>"]
    while known := [(ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:], strict=False)) if pair in ranks]:
        _, i = min(known)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


def clip(tokens):
    """An untrained CLIPModel for 128 px images and the vocabulary of `tokens`."""
    ends = dict(bos_token_id=tokens.bos_token_id, eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id)
    text = CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=128,
        **ends,
    )
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=5,
        num_attention_heads=4,
        image_size=128,
        patch_size=16,
        projection_dim=128,
    )
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=128))


def portable(bundle, tokens):
    """Make a bundle that was saved in half precision load as it should under versions 4 and 5 of transformers.

    Version 5 leaves the prefix of the text tower's names and the two files of the tokenizer (made in `tokens`) away; version 4 then
    fills the tower with random numbers and only warns. Version 5 also loads towers in the precision their config names, beside
    diffusers' parts in single precision, with which they could not run. Where the parts lay while they were trained is nobody's business.
    """
    bundle = Path(bundle)
    file = bundle / "text_encoder" / "model.safetensors"
    named = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in load_file(file).items()}
    save_file(named, file, metadata={"format": "pt"})
    for name in ("vocab.json", "merges.txt"):
        (bundle / "tokenizer" / name).write_bytes((Path(tokens) / name).read_bytes())
    for config in (bundle / "text_encoder" / "config.json", bundle / "clip" / "config.json"):
        config.write_text(config.read_text().replace('"float16"', '"float32"'))
    for config in bundle.rglob("config.json"):
        told = {key: value for key, value in json.loads(config.read_text()).items() if key != "_name_or_path"}
        config.write_text(json.dumps(told, indent=2) + "\n")


def pixels(images):
    """Images (N, 3, H, W) in [0, 1] as the image tower reads them."""

    def stat(v):
        return torch.tensor(v, device=images.device).view(1, 3, 1, 1)

    return (images - stat(MEAN)) / stat(STD)


def ids(tokens, captions):
    """Captions as token ids (N, LENGTH)."""
    return tokens(list(captions), padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").input_ids


def embed(net, images=None, text=None):
    """Unit vectors (N, 128) of images in [0, 1], or of token ids."""
    out = net.get_image_features(pixel_values=pixels(images)) if text is None else net.get_text_features(input_ids=text)
    return F.normalize(getattr(out, "pooler_output", out).float(), dim=-1)


def contrast(net, images, text):
    """CLIP's symmetric loss over a batch; equal captions in a batch count as right for one another."""
    logits = net.logit_scale.exp().clamp(max=100) * embed(net, images) @ embed(net, text=text).T
    same = (text[:, None] == text[None]).all(-1).float()
    target = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
