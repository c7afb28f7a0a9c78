"""Which files a model is opened from, and the fingerprint over them: whole contents, through symbolic links, or the hub's commits."""

import functools
import hashlib
import json
from pathlib import Path

# What a model folder is read from: its own files, and those of its parts. `clip` judges the bundled model's pictures.
PARTS = (".", "unet", "vae", "text_encoder", "tokenizer", "scheduler", "inpainting/unet", "clip")
KINDS = (".json", ".safetensors", ".txt")
CONFIGS = ("unet/config.json", "vae/config.json", "text_encoder/config.json")


def fingerprint(source, inpainting=None, *, revision=None, inpainting_revision=None):
    """Twelve hex digits that change when a weight or a config that is read from the folder changes; a hub id's resolved commit.

    inpainting: folder or hub id of the 9-channel sibling, wherever it lies. "unresolved" where a hub id is not in the cache.
    Files are hashed whole, a second time only where their size or time has changed.
    """
    marks = [_mark(source, PARTS, revision)]
    if inpainting and not (Path(source).is_dir() and Path(inpainting).absolute() == Path(source, "inpainting").absolute()):
        marks.append(_mark(inpainting, ("unet",), inpainting_revision))
    if None in marks:
        return "unresolved"
    if len(marks) == 1 and isinstance(marks[0], str):
        return marks[0][:12]
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:12]


def commit(source, revision=None):
    """The commit that a hub id's cached copy is of, or None where there is none."""
    from huggingface_hub import try_to_load_from_cache

    which = {"revision": revision} if revision else {}
    for file in ("unet/config.json", "model_index.json"):  # whatever was fetched first
        found = try_to_load_from_cache(str(source), file, **which)
        if isinstance(found, str) and "snapshots" in Path(found).parts:
            parts = Path(found).parts
            return parts[len(parts) - parts[::-1].index("snapshots")]
    return None


def fetch(source, files=CONFIGS):
    """(folder, commit) of a hub id with `files` in it: of the cached copy where there is one, else fetched; weights are left alone.

    Raises OSError, as the hub's client does, where they are not here and can't be fetched.
    """
    from huggingface_hub import hf_hub_download

    pinned = commit(source)
    found = Path(hf_hub_download(str(source), files[0], revision=pinned)).parents[files[0].count("/")]
    for file in files[1:]:
        hf_hub_download(str(source), file, revision=found.name)
    return found, found.name


def _mark(source, parts, revision):
    folder = Path(source)
    if not folder.is_dir():
        return commit(source, revision)
    found = []
    for part in parts:
        inside = folder / part
        files = sorted(inside.iterdir()) if inside.is_dir() else []
        found += [[f"{part}/{file.name}", _whole(file)] for file in files if file.suffix in KINDS and file.is_file()]
    return found


def _whole(file):
    real = file.resolve()
    stat = real.stat()
    return _sha(real, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@functools.cache
def _sha(real, *_):
    digest = hashlib.sha256()
    with real.open("rb") as stream:
        while block := stream.read(2**22):
            digest.update(block)
    return digest.hexdigest()
