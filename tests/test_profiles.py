"""Opening a model by name or folder: what it gives, and the one line for everything that can't be opened."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tinysd
import torch

from reproduce.diffusion import profiles

ROOT = Path(__file__).parent.parent
PICKLED = {"diffusion_pytorch_model": "diffusion_pytorch_model.bin", "model": "pytorch_model.bin"}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return tinysd.save(tmp_path_factory.mktemp("models"), "1.5", sibling=True)


@pytest.fixture
def copy(good, tmp_path):
    return Path(shutil.copytree(good, tmp_path / "copy"))


def one_line(name, *parts, scale="standard"):
    """Opening `name` fails with a one-line ValueError that says all `parts`."""
    with pytest.raises(ValueError) as told:
        profiles.open(str(name), scale)
    text = str(told.value)
    assert "\n" not in text and all(part in text for part in parts), text
    return text


def test_a_folder_opens_frozen_and_describes_itself(good):
    opened = profiles.open(str(good), "smoke", device="cpu")
    model = opened.model
    assert (opened.name, opened.scale, opened.size) == (str(good), "smoke", 64)
    assert model.name == good.name and model.device == torch.device("cpu") and model.dtype == torch.float32
    assert opened.describe() == f"{good.name} ({model.fingerprint}), 64 px, cpu, float32"
    assert model.unet_inpainting.config.in_channels == 9  # its own inpainting/ sub-folder
    assert profiles.sibling(good) == str(good / "inpainting")
    assert profiles.sibling(good / "vae") is None


def test_the_precision_is_the_networks_and_images_stay_float32(good):
    model = profiles.open(str(good), precision="bfloat16").model
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found, exact = (one.encode(images).mean for one in (model, profiles.open(str(good), device="cpu").model))
    assert model.dtype == next(model.vae.parameters()).dtype == torch.bfloat16 and found.dtype == torch.float32
    assert 0 < (found - exact).norm() < 0.05 * exact.norm()
    with pytest.raises(ValueError, match="unknown precision 'half': there is float32, bfloat16, float16"):
        profiles.open(str(good), precision="half")


def test_unknown_names_and_scales_list_what_there_is(tmp_path):
    one_line("bundle", "'bundle'", "bundled", "sd15", "sd21", "a folder with model_index.json", "did you mean bundled?")
    one_line("bundled", "'smok'", "smoke, standard, paper", "did you mean smoke?", scale="smok")
    one_line(tmp_path / "nowhere", "nowhere", "a folder with model_index.json")
    for name in profiles.KNOWN:
        profiles.check(name)
    with pytest.raises(ValueError, match="smoke, standard, paper"):
        profiles.check("sd15", "large")


def test_a_folder_without_a_model_says_what_belongs_there(tmp_path):
    one_line(tmp_path, str(tmp_path), "model_index.json", "unet/", "tokenizer/", "point at another folder")


def test_a_package_without_its_model_says_reinstall(tmp_path, monkeypatch):
    gone = profiles.Known(str(tmp_path), None, 0.0, "")
    monkeypatch.setitem(profiles.KNOWN, "bundled", gone)
    one_line("bundled", "model_index.json", "reinstall the package")


@pytest.mark.parametrize("part", ["unet", "vae", "inpainting/unet", "text_encoder"])
@pytest.mark.parametrize("damage", ["half", "header", "gone"])
def test_damaged_weights_get_one_line(copy, part, damage):
    (file,) = (copy / part).glob("*.safetensors")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 4 if damage == "header" else file.stat().st_size // 2])
    one_line(copy, f"profile {copy}", "could not be read", "save_pretrained")


@pytest.mark.parametrize("file", ["unet/config.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer.json"])
def test_damaged_configs_get_one_line(copy, file):
    half = (copy / file).read_text()
    (copy / file).write_text(half[: len(half) // 2])
    one_line(copy, "could not be read")


def test_an_incomplete_text_tower_is_refused_not_filled_with_random_numbers(copy):
    from safetensors.torch import load_file, save_file

    file = copy / "text_encoder" / "model.safetensors"
    tensors = load_file(file)
    name = next(n for n in sorted(tensors) if n.endswith("layer_norm1.weight"))
    save_file({k: v for k, v in tensors.items() if k != name}, file, metadata={"format": "pt"})
    one_line(copy, "text_encoder lacks 1 weights", name)


def test_a_tokenizer_without_its_words_is_refused(copy):
    for file in ("tokenizer.json", "vocab.json", "merges.txt"):
        (copy / "tokenizer" / file).unlink(missing_ok=True)
    one_line(copy, "tokenizer", "could not be read")


def test_pickled_weights_are_not_read(copy, tmp_path, monkeypatch):
    """Folders with .bin weights alone are refused, and nothing in them is ever unpickled."""
    from safetensors.torch import load_file

    for file in copy.rglob("*.safetensors"):
        torch.save(load_file(file), file.with_name(PICKLED[file.stem]))
        file.unlink()
    read = []
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: read.append(args))
    one_line(copy, "could not be read", "safetensors")
    assert not read


def test_one_pickled_part_is_enough_to_refuse(copy, monkeypatch):
    from safetensors.torch import load_file

    file = copy / "text_encoder" / "model.safetensors"
    torch.save(load_file(file), file.with_name("pytorch_model.bin"))
    file.unlink()
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("unpickled"))
    one_line(copy, "could not be read", "safetensors")


def test_a_model_that_is_not_here_says_what_where_and_how_large(tmp_path):
    """In a process of its own, as the hub's client reads where its cache lies when it is imported."""
    code = (
        "from reproduce.diffusion import profiles\n"
        "for name in ('sd15', 'sd21'):\n"
        "    try: profiles.open(name)\n"
        "    except ValueError as error: print(error)"
    )
    quiet = dict(HF_HOME=str(tmp_path / "hub"), HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    env = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")} | quiet
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=300)
    lines = told.stdout.splitlines()
    assert len(lines) == 2, told.stdout + told.stderr
    for name, line in zip(("sd15", "sd21"), lines, strict=True):
        known = profiles.KNOWN[name]
        assert line.startswith(f"profile {name}:") and known.source in line and f"{known.gigabytes:g} GB" in line
        assert "a folder that holds a copy" in line
    assert profiles.KNOWN["sd15"].inpainting in lines[0]
    assert not list((tmp_path / "hub").rglob("*.safetensors"))
