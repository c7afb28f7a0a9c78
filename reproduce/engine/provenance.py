"""With which libraries a result was made."""

from __future__ import annotations

import importlib.metadata
import platform

from .. import __version__

LIBRARIES = ("torch", "diffusers", "transformers", "piq", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Python's, the package's and the libraries' versions, without importing any of them."""
    found = {"python": platform.python_version(), "reproduce": __version__}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
