"""What a set of rows is about: which model, how much, with which settings. Made from the manifest alone."""

from __future__ import annotations

from dataclasses import dataclass

from . import manifest
from .rows import Damaged

ORIGIN = ("notebook", "profile", "scale", "seed", "size", "model", "device", "precision", "pictures", "versions")


@dataclass(frozen=True)
class About:
    """One run, as the entries of its rows say it.

    size: pixels a side; name and fingerprint: the model's; pictures: the folder's name, None for the model's own people; settings: the
    blocks of the rows' entries, joined.
    """

    notebook: str | None
    profile: str
    scale: str
    seed: int
    size: int
    name: str
    fingerprint: str
    device: str
    precision: str
    pictures: str | None
    versions: dict
    settings: dict

    def describe(self) -> str:
        """The model in one line: name (fingerprint), size, device, precision."""
        return f"{self.name} ({self.fingerprint}), {self.size} px, {self.device}, {self.precision}"

    def run(self) -> str:
        """The line under every figure: the model, seed and scale."""
        return f"{self.describe()}; seed {self.seed}, scale {self.scale}"

    def model_note(self) -> str:
        """The last footnote of a table."""
        return f"Model {self.run()}."

    def count(self, name: str):
        """One field of the scale, as it was run."""
        return self.settings["counts"][name]

    def edits(self, misuse: str) -> dict:
        """How pictures were edited, "inpainting" or "variation"; {} where there were no such edits."""
        return self.settings.get("edits", {}).get(misuse) or {}


def settings_note(name: str, record: dict) -> str:
    """A footnote of one settings record: where it is from, and what differs."""
    return f"{name}: {record['source']}." + (f" Differs: {record['differs']}." if record["differs"] else "")


def about(folder, artefacts) -> About:
    """What the rows `artefacts` in a folder are about. Damaged, in one line: an entry without origin, or of different runs."""
    entries = {name: manifest.read(folder).get(name, {}) for name in artefacts}
    first, *others = entries
    origin = {}
    for field in ORIGIN:
        if field not in entries[first]:
            raise Damaged(f"{manifest.NAME}: {first} has no {field!r}; run notebook {first[:2]} again")
        origin[field] = entries[first][field]
        for name in others:
            if entries[name].get(field) != origin[field]:
                got = f"{origin[field]!r} and {entries[name].get(field)!r}"
                raise Damaged(f"{manifest.NAME}: {first} and {name} are of different runs ({field}: {got}); run notebook {first[:2]} again")
    model = origin.pop("model")
    return About(**origin, name=model["name"], fingerprint=model["fingerprint"], settings=_joined(entries.values()))


def origin(folder, artefact: str) -> dict:
    """What an artefact made from these rows says of where it comes from: the same."""
    entry = manifest.read(folder)[artefact]
    return {field: entry[field] for field in ORIGIN}


def _joined(entries) -> dict:
    """The settings of all entries; tables of one name are joined."""
    joined: dict = {}
    for entry in entries:
        for block, value in entry.get("settings", {}).items():
            both = isinstance(value, dict) and isinstance(joined.get(block), dict)
            joined[block] = {**joined[block], **value} if both else value
    return joined
