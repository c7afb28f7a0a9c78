"""Opening a model by name or folder: what it gives, and the one line for everything that can't be opened."""

import json
import os
import shutil
import subprocess
import sys
import time
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
    assert (opened.name, opened.known, opened.scale, opened.size) == (good.name, False, "smoke", 64)
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


def test_a_profile_is_identified_from_its_files_alone(good, monkeypatch):
    from reproduce.diffusion import model as models
    from reproduce.diffusion import weights

    opened = profiles.open(str(good), device="cpu")
    weights._sha.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(models, "load", lambda *args, **kwargs: pytest.fail("loaded"))
        found = profiles.identify(good)
    expected = (good.name, opened.model.fingerprint, 64, 8, "cpu", "float32", True, True)
    assert tuple(vars(found).values()) == expected
    assert found.describe() == opened.describe()
    read = weights._sha.cache_info().misses
    assert profiles.identify(str(good)) == found and weights._sha.cache_info().misses == read, "a second call reads nothing"
    half = profiles.identify(good, device="cuda:0", precision="bfloat16")
    assert (half.device, half.precision, profiles.identify(good, device="cuda").precision) == ("cuda", "bfloat16", "float16")
    one_line(good, "smoke, standard", scale="smok")
    for wrong in (dict(precision="half"), dict(device="gpu")):
        with pytest.raises(ValueError, match="half|gpu"):
            profiles.identify(good, **wrong)


def test_what_a_model_can_do_is_known_before_it_is_loaded(tmp_path):
    alone, painter = (profiles.identify(tinysd.save(tmp_path, "1.5", channels)) for channels in (4, 9))
    assert (alone.varies, alone.inpaints, painter.varies, painter.inpaints) == (True, False, False, True)
    bundled = profiles.identify("bundled", device="cpu")
    assert (bundled.name, bundled.size, bundled.factor, bundled.inpaints, bundled.varies) == ("bundled", 128, 4, True, True)
    assert bundled.fingerprint not in (alone.fingerprint, painter.fingerprint)


@pytest.mark.parametrize("link", ["unet/diffusion_pytorch_model.safetensors", "vae", "text_encoder", "inpainting", "inpainting/unet"])
def test_what_a_link_leads_to_counts(copy, tmp_path, link):
    place, one, other = copy / link, tmp_path / "one", tmp_path / "other"
    place.rename(one)
    shutil.copytree(one, other) if one.is_dir() else shutil.copy(one, other)
    place.symlink_to(one)
    linked = profiles.identify(copy).fingerprint
    assert linked == profiles.open(str(copy), device="cpu").model.fingerprint
    weights = other if other.is_file() else next(other.rglob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    place.unlink()
    place.symlink_to(other)
    swapped = profiles.identify(copy).fingerprint
    assert swapped != linked
    weights.write_bytes(bytes(data[:-1]) + bytes([data[-1] ^ 1]))
    assert profiles.identify(copy).fingerprint == linked, "the same weights elsewhere are the same model"


def test_the_bundles_own_judge_is_part_of_its_fingerprint(tmp_path, monkeypatch):
    place = Path(shutil.copytree(profiles.BUNDLE, tmp_path / "bundle"))
    monkeypatch.setitem(profiles.KNOWN, "bundled", profiles.Known(str(place), str(place / "inpainting"), 0.0, ""))
    first = profiles.identify("bundled").fingerprint
    assert first == profiles.identify(place).fingerprint
    judge = place / "clip" / "model.safetensors"
    judge.write_bytes(judge.read_bytes()[:-1] + b"\7")
    assert profiles.identify("bundled").fingerprint != first


def test_a_folder_called_like_a_known_profile_is_never_taken_for_it(good, tmp_path, monkeypatch):
    place = Path(shutil.copytree(good, tmp_path / "bundled"))
    opened = profiles.open(f"{place}/", device="cpu")
    assert not opened.known and opened.name == opened.model.name == profiles.identify(place).name == "bundled (a folder)"
    monkeypatch.chdir(tmp_path)
    assert profiles.identify("bundled").size == 128 and profiles.identify(Path("bundled")).size == 64


INDEXED = [("unet", "diffusion_pytorch_model"), ("text_encoder", "model"), ("inpainting/unet", "diffusion_pytorch_model")]


@pytest.mark.parametrize("part, stem", INDEXED)
@pytest.mark.parametrize("name", ["part.bin", "../part.safetensors", "/tmp/part.safetensors", "sub/part.safetensors", 3, None])
def test_an_index_leads_to_safetensors_beside_it_alone(copy, part, stem, name, monkeypatch):
    from reproduce.diffusion import model as models

    index = {"metadata": {}, "weight_map": {"a.weight": "kept.safetensors", "b.weight": name}}
    (copy / part / f"{stem}.safetensors.index.json").write_text(json.dumps(index))
    monkeypatch.setattr(models, "load", lambda *args, **kwargs: pytest.fail("loaded"))
    one_line(copy, f"({part}/{stem}.safetensors.index.json: weight_map", repr(str(name)))


def test_sharded_weights_are_read(copy):
    from diffusers import UNet2DConditionModel

    first = profiles.open(str(copy), device="cpu").model.unet.state_dict()
    net = UNet2DConditionModel.from_pretrained(copy / "unet")
    shutil.rmtree(copy / "unet")
    net.save_pretrained(copy / "unet", max_shard_size="100KB")
    assert len(list((copy / "unet").glob("*.safetensors"))) > 1
    again = profiles.open(str(copy), device="cpu").model
    assert all(torch.equal(again.unet.state_dict()[name], value) for name, value in first.items())
    assert again.fingerprint == profiles.identify(copy).fingerprint


ABSURD = [
    ("unet/config.json", "block_out_channels", [10**9, 16, 16, 16]),
    ("unet/config.json", "block_out_channels", [16000, 16000, 16000, 16000]),
    ("unet/config.json", "block_out_channels", [8] * 100),
    ("unet/config.json", "block_out_channels", 8),
    ("unet/config.json", "block_out_channels", []),
    ("unet/config.json", "block_out_channels", [[8], 16, 16, 16]),
    ("unet/config.json", "layers_per_block", [1, 1]),
    ("unet/config.json", "transformer_layers_per_block", [[]]),
    ("unet/config.json", "layers_per_block", 10**6),
    ("unet/config.json", "layers_per_block", -1),
    ("unet/config.json", "layers_per_block", "2"),
    ("unet/config.json", "layers_per_block", True),
    ("unet/config.json", "cross_attention_dim", 60000),
    ("unet/config.json", "time_embedding_dim", 60000),
    ("unet/config.json", "num_class_embeds", 1_000_000),
    ("unet/config.json", "conv_in_kernel", 1000),
    ("unet/config.json", "sample_size", 10**7),
    ("unet/config.json", "sample_size", [8, 8]),
    ("unet/config.json", "sample_size", None),
    ("unet/config.json", "in_channels", 4.0),
    ("unet/config.json", "norm_eps", float("nan")),
    ("unet/config.json", "quantization_config", {"load_in_8bit": True}),
    ("inpainting/unet/config.json", "block_out_channels", [9000, 16, 16, 16]),
    ("vae/config.json", "block_out_channels", [8, 8, 16, 16384]),
    ("vae/config.json", "latent_channels", 0),
    ("vae/config.json", "scaling_factor", "0.18"),
    ("vae/config.json", "scaling_factor", -1),
    ("vae/config.json", "shift_factor", 1e300),
    ("text_encoder/config.json", "vocab_size", 10**12),
    ("text_encoder/config.json", "vocab_size", 1_900_000),
    ("text_encoder/config.json", "num_hidden_layers", 500),
    ("text_encoder/config.json", "hidden_size", "wide"),
    ("text_encoder/config.json", "transformers_weights", "other.bin"),
    ("scheduler/scheduler_config.json", "num_train_timesteps", 10**10),
    ("scheduler/scheduler_config.json", "beta_end", "0.012"),
]


@pytest.mark.parametrize("file, field, value", ABSURD, ids=str)
def test_an_absurd_config_is_refused_before_anything_is_loaded(copy, file, field, value, monkeypatch):
    from reproduce.diffusion import model as models

    monkeypatch.setattr(models, "load", lambda *args, **kwargs: pytest.fail("loaded"))
    (copy / file).write_text(json.dumps(json.loads((copy / file).read_text()) | {field: value}))
    begun = time.process_time()
    one_line(copy, f"({file}: {field}: ", "could not be read")
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("text", ["", "[1]", "{", "\xff", "[" * 100_000, '{"a": ' * 500 + "1" + "}" * 500], ids=range(6))
def test_a_config_that_is_no_json_is_refused(copy, text):
    (copy / "vae" / "config.json").write_text(text, encoding="latin-1")
    one_line(copy, "vae/config.json: ", "could not be read")


def test_a_config_is_not_read_where_it_is_too_large_for_one(copy):
    config = copy / "vae" / "config.json"
    config.write_text(config.read_text() + " " * 2**25)
    one_line(copy, "vae/config.json: expected at most", "could not be read")


def test_what_a_config_claims_is_less_than_the_networks_have(good):
    """The bound may only refuse what no weights could fill, yet must not be so low that it refuses nothing."""
    from diffusers import UNet2DConditionModel

    from reproduce.diffusion import bounds

    for place in (good, profiles.BUNDLE):
        model = profiles.open(str(place), device="cpu").model
        for part, net in (("unet", model.unet), ("vae", model.vae), ("text_encoder", model.text_encoder), ("unet", model.unet_inpainting)):
            count, config = sum(p.numel() for p in net.parameters()), net.config if part != "text_encoder" else net.config.to_dict()
            assert 0.02 * count < sum(bounds.CLAIMS[part](dict(config)).values()) < count, part
    with torch.device("meta"):  # Stable Diffusion 1.5's and 2.1's, of which no weight is needed
        for heads, cross in ((8, 768), ([5, 10, 20, 20], 1024)):
            net = UNet2DConditionModel(sample_size=64, cross_attention_dim=cross, attention_head_dim=heads)
            assert 0.02 * 8.6e8 < sum(bounds.CLAIMS["unet"](dict(net.config)).values()) < sum(p.numel() for p in net.parameters())


HUB = """
import sys
from reproduce.diffusion import profiles
found = profiles.identify("sd15", device="cpu")
mark = profiles.open("sd15", device="cpu").model.fingerprint if sys.argv[1:] else found.fingerprint
print(found == profiles.Identity("sd15", mark, 64, 8, "cpu", "float32", True, True), found.fingerprint)
"""


def test_a_hub_model_is_its_two_commits(tmp_path, good):
    """A cache as the hub's client lays it out, read in a process of its own."""
    known = profiles.KNOWN["sd15"]
    env = os.environ | dict(HF_HOME=str(tmp_path / "hub"), HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"):
        env.pop(name, None)

    def cached(repository, commit, folder):
        place = tmp_path / "hub" / "hub" / f"models--{repository.replace('/', '--')}"
        (place / "refs").mkdir(parents=True, exist_ok=True)
        (place / "refs" / "main").write_text(commit)
        shutil.copytree(folder, place / "snapshots" / commit, dirs_exist_ok=True)

    marks = []
    for main, beside in (("a" * 40, "b" * 40), ("a" * 40, "c" * 40), ("d" * 40, "c" * 40)):
        cached(known.source, main, good)
        cached(known.inpainting, beside, good / "inpainting")
        opened = [] if marks else ["opened"]
        told = subprocess.run([sys.executable, "-c", HUB, *opened], capture_output=True, text=True, env=env, timeout=300)
        same, _, mark = told.stdout.strip().partition(" ")
        assert same == "True" and len(mark) == 12, told.stdout + told.stderr
        marks.append(mark)
    assert len(set(marks)) == 3
