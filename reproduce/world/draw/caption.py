"""The small grammar of captions, and every word it can say.

`caption` picks one phrasing from the spec's seed. Lower case, no punctuation.
"""

import torch

from .chance import Draws
from .hair import COLOURS, LENGTH
from .scene import TABLE
from .spec import PLAIN, Spec
from .style import HELD_OUT_STYLES, STYLES

# the prompts of the papers, whose words the vocabulary must hold whether or not a picture is captioned so
PROMPTS = (
    "two men in a wedding",
    "a person in an airplane",
    "two men in the plane hugging",
    "man attending a wedding",
    "dog under heavy rain and muddy ground real",
    "a dslr portrait of sks person",
    "a photo of sks person looking at the mirror",
    "a photo of sks person in front of eiffel tower",
    "in the style of",
    "a photo of sks person",
    "a painting in the style of sks",
    "a photo of a person",
)
EXTRAS = (
    "with glasses",
    "with a beard",
    "with a moustache",
    "bald",
    "smiling",
    "with long hair",
    "with short hair",
    "with curly hair",
    "a man and a woman",
    "two people",
    "two women",
    "man woman person",
    "hugging",
)


def article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def extras(person: dict) -> list[str]:
    """What a caption may mention about a person (attributes as `render` reports them)."""
    out = [f"with {person['hair_colour']} hair"] if person["cut"] != "bald" else ["bald"]
    if person["cut"] in LENGTH:
        out.append(f"with {LENGTH[person['cut']]} hair")
    if person["glasses"] != "none":
        out += ["with glasses"] * 2
    if person["beard"] in ("full", "goatee"):
        out += ["with a beard"] * 2
    if person["beard"] == "moustache":
        out += ["with a moustache"] * 2
    if person["smile"] > 0.6:
        out.append("smiling")
    return out


def phrase(spec: Spec, persons: list[dict], hug: bool) -> str:
    """The caption of a spec whose people have these attributes."""
    d = Draws(torch.tensor([spec.seed]), "caption")
    r = [float(d.row()) for _ in range(8)]
    scene = TABLE[spec.scene]
    place = scene.phrases[0] if r[0] < 0.5 else scene.phrases[int(r[1] * len(scene.phrases))]
    if spec.style != PLAIN:
        head = article(f"{spec.style} painting of ")
    else:
        head = "a dslr portrait of " if spec.framing != "photo" else "a photo of "
    if spec.people == 0:
        return head + scene.alone
    if spec.people == 1:
        person = persons[0]
        subject = "a person" if r[2] < 0.5 else "a woman" if person["woman"] else "a man"
        said = extras(person)
        extra = said[int(r[4] * len(said))] if r[3] < 0.35 else ""
        if extra == "bald":
            subject, extra = subject.replace("a ", "a bald "), ""
        bare = spec.style == PLAIN and spec.framing == "photo" and r[5] < 0.10 and place
    else:
        women = sum(p["woman"] for p in persons)
        subject = "two people" if r[2] < 0.4 else ("two men", "a man and a woman", "two women")[women]
        extra = ""
        bare = spec.style == PLAIN and spec.framing == "photo" and r[5] < 0.4
        if hug:
            place = f"hugging {place}" if r[6] < 0.5 else f"{place} hugging"
    return " ".join(f"{'' if bare else head}{subject} {extra} {place}".split())


def caption_words() -> list[str]:
    """Every word the grammar and the papers' prompts use, "sks" among them, sorted."""
    said = [
        *PROMPTS,
        *EXTRAS,
        "a photo of",
        "a dslr portrait of",
        "a an painting of",
        *STYLES,
        *HELD_OUT_STYLES,
    ]
    said += [f"{colour} hair" for colour in COLOURS]
    for scene in TABLE.values():
        said += [*scene.phrases, scene.alone]
    return sorted({w for text in said for w in text.split()})
