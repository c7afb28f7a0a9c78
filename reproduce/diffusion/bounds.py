"""What a model's files may ask for, looked at before anything is loaded or allocated: configs with sane numbers, safetensors only.

A config decides how much memory is taken before the first weight is read, and an index decides which files are read.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

MOST = 20e9  # parameters of one part
SMALL = 16 * 2**20  # bytes of a config or an index
LISTED = 32  # values in a list of a config
REST = 1e6  # any other number
# Whole numbers that a config counts with, and the most that each may be; all start at 1.
COUNTS = {
    "sample_size": 4096, "in_channels": 256, "out_channels": 256, "latent_channels": 256, "block_out_channels": 16384,
    "layers_per_block": 64, "transformer_layers_per_block": 64, "reverse_transformer_layers_per_block": 64, "attention_head_dim": 16384,
    "num_attention_heads": 16384, "norm_num_groups": 16384, "cross_attention_dim": 65536, "encoder_hid_dim": 65536,
    "time_embedding_dim": 65536, "time_cond_proj_dim": 65536, "addition_time_embed_dim": 65536, "num_class_embeds": 1_000_000,
    "projection_class_embeddings_input_dim": 65536, "addition_embed_type_num_heads": 16384, "conv_in_kernel": 31, "conv_out_kernel": 31,
    "vocab_size": 2_000_000, "hidden_size": 65536, "intermediate_size": 262144, "num_hidden_layers": 512,
    "max_position_embeddings": 65536, "num_train_timesteps": 100_000,
}  # fmt: skip
POSITIVE = ("scaling_factor", "beta_start", "beta_end", "norm_eps", "layer_norm_eps")
LONG = ("trained_betas",)  # a value a timestep
# They name other files, or code, than the ones that stand here.
ELSEWHERE = ("quantization_config", "transformers_weights", "auto_map")
NEEDED = {
    "unet": ("sample_size", "in_channels", "block_out_channels"), "vae": ("block_out_channels",),
    "text_encoder": ("vocab_size", "hidden_size", "num_hidden_layers"), "scheduler": (),
}  # fmt: skip


class Shape(NamedTuple):
    """What the configs say: the image size in pixels, the autoencoder's reduction, the input channels of the denoisers."""

    size: int
    factor: int
    channels: tuple


def shape(folder, inpainting=None, *, complete=True):
    """The Shape of a model folder and the folder of its inpainting sibling, with everything checked that can be without loading.

    complete: weights must be there, else they may still have to be fetched.
    ValueError, one line, naming the file and the field: a config that is not JSON, or whose numbers are absurd or need more
    parameters than the weights have bytes; an index that points at anything but a safetensors file beside it.
    """
    folder = Path(folder)
    found = {part: _part(folder / part, part, complete) for part in ("unet", "vae", "text_encoder")}
    _config(folder / "scheduler" / "scheduler_config.json", "scheduler")
    channels = [found["unet"]["in_channels"]]
    if inpainting:
        channels.append(_part(Path(inpainting) / "unet", "inpainting/unet", complete)["in_channels"])
    factor = 2 ** (len(found["vae"]["block_out_channels"]) - 1)
    return Shape(found["unet"]["sample_size"] * factor, factor, tuple(channels))


def _part(inside, part, complete):
    config = _config(inside / "config.json", part)
    for index in sorted(inside.glob("*.index.json")):
        _index(index, part)
    if (inside / "adapter_config.json").exists():
        raise ValueError(f"{part}/adapter_config.json: expected whole weights, got an adapter to others; save the merged model")
    bytes_there = sum(file.stat().st_size for file in inside.glob("*.safetensors"))
    if complete and not bytes_there:
        raise ValueError(f"{part}: expected weights as safetensors, got none")
    most = min(MOST, bytes_there or MOST)
    terms = CLAIMS[Path(part).name](config)
    if sum(terms.values()) > most:
        field = max(terms, key=terms.get)
        held = f"its weights have {bytes_there} bytes" if most < MOST else f"expected at most {MOST:g}"
        raise ValueError(f"{part}/config.json: {field}: {config.get(field)!r} takes at least {sum(terms.values()):.3g} parameters; {held}")
    return config


def _index(path, part):
    """Raise unless every file that an index of sharded weights names is a safetensors file beside it."""
    where = f"{part}/{path.name}"
    told = _json(path, where)
    named = told.get("weight_map")
    if not isinstance(named, dict) or not named:
        raise ValueError(f"{where}: weight_map: expected names of weights and of files, got {str(named)[:60]}")
    for file in dict.fromkeys(map(str, named.values())):
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise ValueError(f"{where}: weight_map: expected safetensors files beside it, got {file[:200]!r}")


def _config(path, part):
    where = f"{part}/{path.name}"
    config = _json(path, where)
    for name in ELSEWHERE:
        if config.get(name) is not None:
            raise ValueError(f"{where}: {name}: expected a model in plain weights that stand beside it; save it without")
    for name in NEEDED[Path(part).name]:
        if config.get(name) is None:
            raise ValueError(f"{where}: {name}: expected a whole number, got nothing")
    for name, value in config.items():
        _field(where, name, value)
    for name in ("sample_size", "in_channels"):
        if isinstance(config.get(name), list):
            raise ValueError(f"{where}: {name}: expected one whole number, got {str(config[name])[:60]}")
    widths = config.get("block_out_channels")
    if widths is not None and not (isinstance(widths, list) and widths and all(isinstance(width, int) for width in widths)):
        raise ValueError(f"{where}: block_out_channels: expected a list of whole numbers, got {str(widths)[:60]}")
    for name in ("layers_per_block", "transformer_layers_per_block", "cross_attention_dim"):
        if isinstance(config.get(name), list) and len(config[name]) != len(widths or ()):
            raise ValueError(f"{where}: {name}: expected one number, or one a block of block_out_channels, got {str(config[name])[:60]}")
    return config


def _field(where, name, value):
    """Raise where a value of a config is no number of its kind, or out of all proportion."""
    if isinstance(value, list):
        if len(value) > (COUNTS["num_train_timesteps"] if name in LONG else LISTED):
            raise ValueError(f"{where}: {name}: expected at most {LISTED} values, got {len(value)}")
        for one in value:
            _field(where, name, one)
    elif isinstance(value, dict):
        for inner, one in value.items():
            _field(where, inner, one)
    elif name in COUNTS and value is not None:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= COUNTS[name]:
            raise ValueError(f"{where}: {name}: expected a whole number from 1 to {COUNTS[name]}, got {str(value)[:60]!r}")
    elif name in POSITIVE and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= REST):
        raise ValueError(f"{where}: {name}: expected a number above 0, got {str(value)[:60]!r}")
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= REST):
        raise ValueError(f"{where}: {name}: expected a number up to {REST:g}, got {str(value)[:60]}")


def _json(path, where):
    if not path.is_file():
        raise ValueError(f"{where}: there is none")
    if path.stat().st_size > SMALL:
        raise ValueError(f"{where}: expected at most {SMALL} bytes, got {path.stat().st_size}")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: expected JSON ({str(error)[:120]})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{where}: expected fields by name, got {type(found).__name__}")
    return found


# Fewer parameters than the networks have, by the field that asks for them: the large matrices alone.


def _unet(config):
    channels = config["block_out_channels"]
    layers, inner = (_each(config.get(name) or 1, len(channels)) for name in ("layers_per_block", "transformer_layers_per_block"))
    cross = _each(config.get("cross_attention_dim") or 1, len(channels))
    attends = ["Cross" in str(kind) for kind in config.get("down_block_types") or [""] * len(channels)]
    first, kernel = channels[0], config.get("conv_in_kernel") or 3
    return {
        "block_out_channels": sum(9 * count * width**2 for count, width in zip(layers, channels, strict=True)),
        "cross_attention_dim": sum(
            count * depth * 2 * width * read
            for count, depth, width, read, yes in zip(layers, inner, channels, cross, attends, strict=False)
            if yes
        ),
        "in_channels": kernel**2 * config["in_channels"] * first,
        "time_embedding_dim": (config.get("time_embedding_dim") or 0) ** 2,
        "encoder_hid_dim": (config.get("encoder_hid_dim") or 0) * cross[0],
        "num_class_embeds": (config.get("num_class_embeds") or 0) * first,
        "projection_class_embeddings_input_dim": (config.get("projection_class_embeddings_input_dim") or 0) * first,
    }


def _vae(config):
    channels = config["block_out_channels"]
    layers = _each(config.get("layers_per_block") or 1, len(channels))
    return {
        "block_out_channels": sum(2 * 9 * count * width**2 for count, width in zip(layers, channels, strict=True)),
        "latent_channels": 9 * (config.get("latent_channels") or 4) * channels[-1],
    }


def _text(config):
    width, inner = config["hidden_size"], config.get("intermediate_size") or 1
    return {
        "vocab_size": config["vocab_size"] * width,
        "max_position_embeddings": (config.get("max_position_embeddings") or 0) * width,
        "num_hidden_layers": config["num_hidden_layers"] * (4 * width**2 + 2 * width * inner),
    }


def _each(value, count):
    """A value for every block: one for all, or a list of them; of a list in the list, its first."""
    if not isinstance(value, list):
        return [value] * count
    return [one[0] if isinstance(one, list) and one else one for one in value]


CLAIMS = {"unet": _unet, "vae": _vae, "text_encoder": _text}
