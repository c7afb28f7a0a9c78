"""A profile without a model, a slow job, a checkout with one tiny notebook: what the engine is tested on."""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch

from reproduce.engine import fingerprint
from reproduce.engine.jobs import Job, Result
from reproduce.engine.study import Study

NOTEBOOK = {
    "title": "A fake study",
    "claim": "Levels are levels",
    "needs": "nothing",
    "minutes": {"smoke": 0.1, "standard": 0.2, "paper": 3},
    "artefacts": ["levels"],
}
PARAMETERS = 'PROFILE = "bundled"\nSCALE = "standard"\nSEED = 0\nOUT = "figures"\nCOUNT = 3\nPAUSE = 0.0'
START = "from reproduce import notebook\n\nstudy = notebook.start(PROFILE, SCALE, SEED, OUT)"


def identify(name, **_):
    """A profile's identity without a model behind it."""
    told = dict(name="fake", fingerprint="f00", size=8, device="cpu", precision="float32", varies=True, inpaints=True)
    return SimpleNamespace(**told, describe=lambda: "fake")


def opener(name, *_, **__):
    """A profile whose model is a name."""
    fields = vars(identify(name)) | {"model": SimpleNamespace(name="fake", device="cpu"), "scale": "smoke"}
    return SimpleNamespace(**fields)


def study(folder: Path, seed=0, scale="smoke") -> Study:
    """A study at the smoke scale that keeps everything below `folder` and computes here."""
    from reproduce.engine.store import Store

    return Study("bundled", scale, seed, folder / "figures", store=Store(folder / "store"), opener=opener)


def jobs(count: int, work="work", **values) -> list[Job]:
    """`count` jobs, every third with no quality."""
    listed = [{"image": i, "quality": None if i % 3 == 2 else 10 * i} for i in range(count)]
    return [Job(f"fakelab:{work}", one | values, told=one) for one in listed]


def work(profile, values, pictures) -> Result:
    """Two rows and a picture; the numbers are awkward on purpose: thirds, and a tensor's scalar."""
    time.sleep(values.get("pause", 0.0))
    number = torch.tensor((values["image"] + 1) / 3, dtype=torch.float64)
    picture = torch.full((1, 3, 8, 8), values["image"] / 255)
    done.append(values["image"])
    return Result([{"try": t, "value": number / (t + 1)} for t in range(2)], {"seen": picture})


def fail(profile, values, pictures) -> Result:
    """Job 2 cannot be done."""
    if values["image"] == 2:
        raise ValueError("no such picture")
    return work(profile, values, pictures)


def stop(profile, values, pictures) -> Result:
    """Somebody presses Ctrl-C in job 3."""
    if values["image"] == 3:
        raise KeyboardInterrupt
    return work(profile, values, pictures)


def dictionary(profile, values, pictures):
    """No Result."""
    return {}


def flat(profile, values, pictures):
    """A picture without its batch."""
    return Result([], {"x": torch.zeros(3, 4, 4)})


def shade(profile, values, pictures) -> Result:
    """Values between the levels of 8 bits."""
    return Result([], {"x": (torch.tensor([0.0, 0.49, 0.51, 1.51, 254.6, 300.0]) / 255).expand(1, 3, 2, 6)})


def double(profile, values, pictures) -> Result:
    """Twice as bright, from another job's picture; a row with what it got."""
    given = pictures["given"]
    return Result([{"levels": (given[:, 0, 0, 0] * 255).tolist()}], {"seen": (2 * given).clamp(0, 1)})


def learn(profile, values, pictures) -> Result:
    """Weights that say which image they are of, as halves."""
    return Result([], weights={"a.b": torch.full((2, 3), values["image"] / 3).half(), "c": torch.ones(1)})


def use(profile, values, pictures, weights=None) -> Result:
    """A row with what the weights are; without any, with that."""
    told = {name: [str(part.dtype), *part.flatten().tolist()] for name, part in sorted((weights or {}).items())}
    return Result([dict(weights=str(told))])


done: list[int] = []  # the images that were worked on, in this process
sys.modules["reproduce.fakelab"] = sys.modules[__name__]  # where places are looked for
codes = {}  # place -> what stands for its code
_code = fingerprint.code
fingerprint.code = lambda *places: codes.get(places[0], "1") if str(places[0]).startswith("fakelab:") else _code(*places)


def checkout(folder: Path, body: str, name="07_fake") -> Path:
    """A folder with `notebooks/<name>.ipynb`, whose model is the fake one and whose last cell is `body`."""
    patch = "import fakelab\nfrom reproduce.diffusion import profiles\n\n"
    patch += "profiles.open = fakelab.opener\nprofiles.identify = fakelab.identify"
    cells = [
        _cell("markdown", "# A fake study"),
        _cell("code", PARAMETERS, tags=["parameters"]),
        _cell("code", patch),
        _cell("code", START),
        _cell("markdown", "## The levels\n\nTwo sentences."),
        _cell("code", body),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel, "reproduce": NOTEBOOK}}
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    (folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps(book | {"cells": cells}))
    return folder


BODY = """import fakelab

sweep = study.sweep("levels", fakelab.jobs(COUNT, pause=PAUSE))
print(len(sweep.rows))
study.save_rows("levels", sweep.rows)"""


def _cell(kind, text, tags=()):
    cell = {"cell_type": kind, "id": f"c{abs(hash(text)) % 10**8}", "metadata": {}, "source": text}
    if tags:
        cell["metadata"]["tags"] = list(tags)
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})
