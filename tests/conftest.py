"""Shared by all tests: offline, no display, `slow` by option, `gpu` only where there is one."""

import os
import signal
import socket
from types import SimpleNamespace

import pytest

for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
    os.environ[name] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background ignores it, and so would what tests interrupt


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_configure(config):
    """Tests compute as workers do, on one thread: what a job made and what is made by hand beside it are the same to the bit."""
    import torch

    torch.set_num_threads(1)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
        if "gpu" in item.keywords and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="no GPU here"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A test that would leave this machine fails; kernels talk over the loopback, which stays open."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"this test tried to reach {address}; tests are offline")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    import tinysd

    from reproduce.diffusion import judges, profiles

    folder = tmp_path_factory.mktemp("models")
    opened = {}

    def one(sibling=True):
        if sibling not in opened:
            opened[sibling] = profiles.open(str(tinysd.save(folder, sibling=sibling))).model
            opened[sibling].judges = judges.BUNDLED  # it stands for the bundled model, offline
        return opened[sibling]

    return one


@pytest.fixture(scope="session")
def studies(models):
    """studies(folder, ...): a study at the smoke scale on the tiny model, computed in this process; store and figures are in the folder."""
    from reproduce.engine.store import Store
    from reproduce.engine.study import Study

    def make(folder, name="bundled", seed=0, sibling=True, images=None):
        def opener(name, scale):
            return _opened(name, models(sibling))

        return Study(name, "smoke", seed, folder / "figures", images=images, store=Store(folder / "store"), opener=opener)

    return make


def _opened(name, model):
    """An opened profile that says of itself what `profiles.Identity` says of one that is not open."""
    return SimpleNamespace(
        name=name, model=model, size=64, judges=model.judges, fingerprint=model.fingerprint, device="cpu", precision="float32",
        varies=model.unet is not None, inpaints=model.unet_inpainting is not None, describe=lambda: f"{name} ({model.fingerprint}), 64 px",
    )  # fmt: skip


@pytest.fixture
def study(studies, tmp_path):
    """The same in a test's own folder; `place` keeps their stores and figures apart."""

    def make(place="one", **how):
        return studies(tmp_path / place, **how)

    return make
