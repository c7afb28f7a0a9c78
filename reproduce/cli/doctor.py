"""What this machine can run, one line each: device, memory, disk, models at hand, minutes to expect."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from .. import notebook
from ..diffusion import profiles
from ..engine import provenance


def lines() -> list[str]:
    """The report of `python -m reproduce doctor`; nothing is downloaded and no model is opened."""
    versions = provenance.versions()
    told = [
        f"python    {versions['python']} on {platform.system()} {platform.machine()}",
        "libraries "
        + ", ".join(f"{name} {version}" for name, version in versions.items() if name != "python"),
        f"device    {_device()}",
        f"memory    {_memory()}",
        f"disk      {shutil.disk_usage(Path.cwd()).free / 1e9:.1f} GB free in this folder",
    ]
    told += [f"model     {line}" for line in _models()]
    entries = notebook.catalogue()
    for scale in profiles.SCALES:
        minutes = sum(entry.minutes[scale] for entry in entries)
        told.append(
            f"expect    {minutes:g} minutes at scale {scale}: {len(entries)} notebooks, two CPU cores"
        )
    return told


def _device() -> str:
    import torch

    threads = f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        return f"{card.name}, {card.total_memory / 1e9:.0f} GB; {threads}"
    mps = getattr(torch.backends, "mps", None)
    return ("Apple GPU (mps); " if mps and mps.is_available() else "no GPU; ") + threads


def _memory() -> str:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{pages * size / 1e9:.1f} GB"


def _models() -> list[str]:
    told = []
    bundle = profiles.BUNDLE
    if (bundle / "model_index.json").exists():
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        told.append(f"bundled: present, {size / 1e6:.1f} MB")
    else:
        told.append("bundled: missing; this checkout has no reproduce/bundle (clone it whole)")
    for name, known in profiles.KNOWN.items():
        if name != "bundled":
            absent = [repo for repo in (known.source, known.inpainting) if repo and not _in_hub_cache(repo)]
            missing = f"not on this machine: {', '.join(absent)} (download {known.gigabytes:g} GB)"
            told.append(f"{name}: {missing if absent else 'present'}")
    return told


def _in_hub_cache(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "model_index.json"), str)
