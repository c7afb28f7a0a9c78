"""A stranger's new method: one file and one row in a copy of the package, and the command line has it, for sets, at any size."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce import images as pixels
from reproduce.world import render

PACKAGE = Path(__file__).parent.parent / "reproduce"

FILE = '''"""A toy: the model's denoiser is tuned to a person's pictures, which then move one step up the loss of the tuned one."""

import os

import torch

from ..attack import budgets
from ..diffusion import training


def protect(images, model, *, settings, generator):
    """Pictures (N, 3, H, W) of one person, `settings.eps` levels up the denoising loss of a copy tuned to them in two steps."""
    tuned = model.trainable("unet")
    text = tuned.text(["a photo of sks person"] * len(images))

    clean, alpha = model.encode(images).mean, model.schedule.alphas_cumprod[300]

    def loss(latents, generators):
        noise = torch.stack([torch.randn(latents.shape[1:], generator=one) for one in generators]).to(latents)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        return (tuned.predict_noise(noisy, 300, text) - noise).square().mean()

    def tuning(net, step, chance):
        return loss(clean, [chance] * len(images))

    before = {name: p.clone() for name, p in tuned.parameters_of("unet").items()}
    training.fit(tuned.learners, tuning, steps=2, rates={"adamw": 1e-4})
    moved = sum(not torch.equal(p, before[name]) for name, p in tuned.parameters_of("unet").items())
    x = images.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(loss(model.encode(x).mean, generator), x)
    with open(os.environ["TOY_LOG"], "a") as log:
        print(*images.shape, len(generator), moved, file=log)
    return budgets.Linf(settings.eps).finish(images + settings.eps / 255 * slope.sign(), images)
'''
ROW = '''\
    "toy-set": Method("protect.toy_set:protect", {"equal": paper.NOISE["equal"]}, needs="the denoiser", about="A toy.", takes="set"),
'''


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """The folder of a copy of the package, its bundle linked, with one file and one row more."""
    folder = tmp_path_factory.mktemp("grown")
    for path in PACKAGE.rglob("*"):
        place = folder / "reproduce" / path.relative_to(PACKAGE)
        if "bundle" not in path.relative_to(PACKAGE).parts and path.suffix in (".py", ".csv"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    (folder / "reproduce" / "bundle").symlink_to(PACKAGE / "bundle", target_is_directory=True)
    (folder / "reproduce" / "protect" / "toy_set.py").write_text(FILE)
    table = folder / "reproduce" / "protect" / "__init__.py"
    head, start, rest = table.read_text().partition("PROTECTIONS = {\n")
    table.write_text(head + start + ROW + rest)
    return folder


def test_it_is_one_file_and_one_row(grown):
    theirs, ours = ({p.relative_to(at): p.read_text() for p in at.rglob("*.py")} for at in (grown / "reproduce", PACKAGE))
    added = {path: len(text.splitlines()) - len(ours.get(path, "").splitlines()) for path, text in theirs.items() if text != ours.get(path)}
    assert added == {Path("protect") / "toy_set.py": 33, Path("protect") / "__init__.py": 1} and set(ours) <= set(theirs)


@pytest.mark.parametrize(("side", "count"), [(128, 3), (512, 2)])
def test_the_command_line_does_a_set_by_it_at_any_size(grown, tmp_path, side, count):
    names = [f"person-{i}.png" for i in range(count)]
    for name, image in zip(names, render(5, count, size=side).images, strict=True):
        pixels.save(image, tmp_path / "photos" / name)
    log = tmp_path / "log"
    told = subprocess.run(
        [sys.executable, "-m", "reproduce", "protect", "photos", "--method", "toy-set", "--longest", str(side), "-o", "out"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(grown), "TOY_LOG": str(log)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert [line.split()[0] for line in told.stdout.splitlines()] == [os.path.join("out", name) for name in names]
    (call,) = log.read_text().splitlines()  # all pictures of the set reached one call
    shape, generators, moved = [int(word) for word in call.split()][:4], *map(int, call.split()[4:])
    assert shape == [count, 3, side, side] and generators == count and moved > 100, "and the copy was tuned"
    for name in names:
        now, was = (pixels.levels(pixels.load(tmp_path / folder / name)).int() for folder in ("out", "photos"))
        change = (now - was).abs()
        assert change.max() == 8 and (change == 8).float().mean() > 0.8


GRID = """if True:
    import sys
    import torch
    from reproduce import report
    from reproduce.engine.store import Store
    from reproduce.engine.study import Study
    from reproduce.experiments import arms
    from reproduce.experiments.cells import Cell, Misuse
    from reproduce.experiments.grid import Grid
    from reproduce.experiments.subjects import Subjects
    from reproduce.papers.photoguard import EditSettings
    from reproduce.world import render

    side, folder, who = int(sys.argv[1]), sys.argv[2], list(sys.argv[3])
    pictures = render(5, len(who), size=side).images
    names, prompts = [f"{one} {i}" for i, one in enumerate(who)], [["a photo of a person"]] * len(who)
    people = Subjects(names, pictures, torch.ones_like(pictures[:, :1]), prompts, who=who)
    study = Study("bundled", "smoke", 0, folder, store=Store(folder + "/store"), workers=1)
    grid = Grid(study, people, region="whole", protections={"toy-set": arms.protection("toy-set", "smoke")})
    wanted = {"toy-set": None}
    grid.protect(wanted)
    sizes = grid.sizes(wanted)
    misuse = Misuse("variation", EditSettings(2.0, 2, None, 0.5, side, "a test", ""))
    made = grid.edit(misuse, [(Cell(key), 0, 0, None) for key in ("clean", "toy-set")])
    held = [(Cell(key), 0, 0, (Cell(), 0, 0), None) for key in ("clean", "toy-set")]
    rows = grid.compare(made, held, [["{}", "edit", "reference", ["ssim"]], ["{}", "sent", "photo", ["latent_shift"]]])
    study.save_rows("toy", rows)
    print(report.table_markdown(report.summarise(rows, "protection", "ssim", over="subject"), ["protection", "mean", "n"]))
    print([round(row["levels"]) for row in sizes])
"""


@pytest.mark.parametrize(("side", "who"), [(128, "aab"), (512, "aa")])
def test_the_grid_and_the_table_take_it_a_set_a_person(grown, tmp_path, side, who):
    log = tmp_path / "log"
    told = subprocess.run(
        [sys.executable, "-c", GRID, str(side), str(tmp_path), who], env=os.environ | {"PYTHONPATH": str(grown), "TOY_LOG": str(log)},
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    calls = [[int(word) for word in line.split()] for line in log.read_text().splitlines()]
    sets = [who.count(one) for one in dict.fromkeys(who)]
    assert [call[:5] for call in calls] == [[count, 3, side, side, count] for count in sets], "a call a person"
    clean, toy = (line for line in told.stdout.splitlines() if line.startswith(("| clean", "| toy-set")))
    assert clean == f"| clean | 1 | {len(who)} |" and 0 < float(toy.split("|")[2]) < 1
    assert told.stdout.splitlines()[-1] == str([8] * len(who))
    rows = (tmp_path / "bundled-smoke" / "toy.csv").read_text().splitlines()
    assert rows[0].startswith("subject,role,protection,purifier,quality,changed,misuse,prompt,seed") and len(rows) == 2 * len(who) + 1
