"""A profile without a model, a slow job, a checkout with one tiny notebook: what the engine is tested on."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import torch

from reproduce.engine.study import Result, Study

NOTEBOOK = {
    "title": "A fake study",
    "claim": "Levels are levels",
    "needs": "nothing",
    "minutes": {"smoke": 0.1, "standard": 0.2, "paper": 3},
    "artefacts": ["levels"],
}
PARAMETERS = 'PROFILE = "bundled"\nSCALE = "standard"\nSEED = 0\nOUT = "figures"\nCOUNT = 3\nPAUSE = 0.0'
START = "from reproduce import notebook\n\nstudy = notebook.start(PROFILE, SCALE, SEED, OUT)"


def opener(name, scale="standard"):
    """A profile whose model is a name."""
    model = SimpleNamespace(name="fake", fingerprint="f00", device="cpu")
    return SimpleNamespace(name=name, model=model, size=8, scale=scale, describe=lambda: "fake")


def study(folder: Path, seed=0) -> Study:
    """A study at the smoke scale that keeps everything below `folder`."""
    from reproduce.engine.store import Store

    return Study("bundled", "smoke", seed, folder / "figures", store=Store(folder / "store"), opener=opener)


def jobs(count: int) -> list[dict]:
    """`count` jobs, every third with no quality."""
    return [{"image": i, "quality": None if i % 3 == 2 else 10 * i} for i in range(count)]


def work(job, pause=0.0) -> Result:
    """Two rows and a picture; the numbers are awkward on purpose: thirds, and a tensor's scalar."""
    time.sleep(pause)
    number = torch.tensor((job["image"] + 1) / 3, dtype=torch.float64)
    picture = torch.full((1, 3, 8, 8), job["image"] / 255)
    return Result([{"try": t, "value": number / (t + 1)} for t in range(2)], {"seen": picture})


def fail(job) -> Result:
    """Job 2 cannot be done."""
    if job["image"] == 2:
        raise ValueError("no such picture")
    return work(job)


def checkout(folder: Path, body: str, name="07_fake") -> Path:
    """A folder with `notebooks/<name>.ipynb`, whose model is the fake one and whose last cell is `body`."""
    patch = "import fakelab\nfrom reproduce.diffusion import profiles\n\nprofiles.open = fakelab.opener"
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


BODY = """from functools import partial
import fakelab

sweep = study.sweep("levels", fakelab.jobs(COUNT), partial(fakelab.work, pause=PAUSE))
print(len(sweep.rows))
study.save_rows("levels", sweep.rows)"""


def _cell(kind, text, tags=()):
    cell = {"cell_type": kind, "id": f"c{abs(hash(text)) % 10**8}", "metadata": {}, "source": text}
    if tags:
        cell["metadata"]["tags"] = list(tags)
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})
