"""What a stored result depends on: a method, settings or a measure that is added leaves all of them valid, other weights none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import growthlab
import pytest
import tinysd

import reproduce

HERE = Path(__file__).parent
WEIGHTS = "diffusion_pytorch_model.safetensors"
METHOD = '''"""A method that there was not."""


def darker(images, model, *, settings, generator):
    """Images a little darker."""
    return (images * 0.99).clamp(0, 1)
'''
GROWN = {  # file -> where, what is put in there
    "protect/__init__.py": (
        'paper.PHOTOGUARD_DIFFUSION, needs="the autoencoder and the inpainting denoiser",\n'
        '        about="PhotoGuard\'s diffusion attack: the inpainting model paints a grey image.",\n    ),\n',
        '    "new-method": Method("protect.new_method:darker", paper.NOISE, needs="nothing", about="New."),\n',
    ),
    "papers/photoguard.py": (
        'gradient of reproduce/jpeg/codec.py at scale eps / 2",\n    ),\n',
        '    "new": EncoderSettings(4, 1, 50, None, "zero", "grey image", source="a new paper", differs=""),\n',
    ),
    "measure/__init__.py": (
        '"Kynkaanniemi et al. 2019; Table 6", "features"),\n',
        '    "new": Measure("similarity:ssim", "pair", "higher", "a new paper"),\n',
    ),
}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A model's folder whose denoiser's weights are a link, a store, and what a first run computed for it."""
    folder = tmp_path_factory.mktemp("growth")
    model = tinysd.save(folder, sibling=True)
    for name, seed in (("own", 1), ("other", 11)):
        tinysd.unet(seed=seed).save_pretrained(folder / name)
    (model / "unet" / WEIGHTS).unlink()
    (model / "unet" / WEIGHTS).symlink_to(folder / "own" / WEIGHTS)
    return model, folder / "store", growthlab.run(model, folder / "store")


def test_a_first_run_computes_its_jobs_and_a_second_none(first):
    model, store, told = first
    assert 100 < told["computed"] <= told["asked"]
    again = growthlab.run(model, store)
    assert (again["asked"], again["computed"], again["rows"]) == (told["asked"], 0, told["rows"])


def test_adding_a_method_settings_and_a_measure_invalidates_nothing(first, tmp_path):
    model, store, told = first
    package = Path(reproduce.__file__).parent
    copy = tmp_path / "reproduce"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("bundle", "__pycache__"))
    (copy / "bundle").symlink_to(package / "bundle")
    (copy / "protect" / "new_method.py").write_text(METHOD)
    for name, (where, more) in GROWN.items():
        text = (copy / name).read_text(encoding="utf-8")
        assert text.count(where) == 1, f"{name} has changed; say where to put a row"
        (copy / name).write_text(text.replace(where, where + more), encoding="utf-8")
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(HERE))), "PYTHONDONTWRITEBYTECODE": "1"}
    check = "from reproduce import measure, protect; protect.PROTECTIONS['new-method'].function; measure.MEASURES['new'].function;"
    check += "protect.record('photoguard-encoder', 'new'); import growthlab, runpy; runpy.run_module('growthlab', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", check, model, store], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    grown = json.loads(done.stdout)
    assert Path(grown["package"]).parent == copy
    assert (grown["asked"], grown["computed"]) == (told["asked"], 0)
    assert grown["rows"] == told["rows"]


def test_other_weights_behind_a_link_compute_every_job_again(first):
    model, store, told = first
    link = model / "unet" / WEIGHTS
    for weights, computed in (("other", told["computed"]), ("own", 0)):
        link.unlink()
        link.symlink_to(model.parent / weights / WEIGHTS)
        again = growthlab.run(model, store)
        assert (again["asked"], again["computed"]) == (told["asked"], computed)
        assert (again["rows"] == told["rows"]) == (computed == 0), "by the model that is there now, though this process knew another"
        assert (again["rows"] == told["rows"]) == (weights == "own")
