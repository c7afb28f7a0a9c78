"""The suite's training and batch tests once more, as a processor without AVX-512 and bfloat16 would run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reproduce.diffusion import precision

LESSER = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
TESTS = (
    "tests/test_training.py::test_plain_diffusers_draws_from_the_bundle",  # which trains every stage
    "tests/test_training.py::test_training_latents_are_the_autoencoders_at_unit_variance",
    "tests/test_edit.py",
    "tests/test_impress.py::test_it_follows_a_plain_loop_step_by_step",
    "tests/test_purification.py::test_an_edit_is_held_against_the_clean_pictures",
)


def run(*words):
    """A Python of our own under LESSER, at the root of the checkout; bfloat16 taken apart would not end in time."""
    root = Path(__file__).parents[1]
    return subprocess.run([sys.executable, *words], env=os.environ | LESSER, cwd=root, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="not a processor with AVX2")
def test_training_and_batches_hold_without_avx512():
    ended = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert ended.returncode == 0, ended.stdout[-3000:]


def test_bfloat16_is_used_where_the_processor_has_it_and_may():
    ask = "from reproduce.diffusion import precision; print(precision.pays('cpu'))"
    assert run("-c", ask).stdout.strip() == "False"
    assert precision.pays("cuda")


@pytest.mark.parametrize("own", [True, False])
def test_autocast_follows_the_processor(monkeypatch, own):
    monkeypatch.setattr(precision, "pays", lambda device: own)
    with precision.autocast("cpu"):
        assert torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype == (torch.bfloat16 if own else torch.float32)
