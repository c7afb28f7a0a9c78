"""Functions and classes by name, "module:name" below this package: so tables need no imports, and jobs travel as text."""

import importlib


def resolve(place):
    """What is called so; imported when it is first asked for. ValueError: there is none."""
    module, _, name = place.partition(":")
    try:
        return getattr(importlib.import_module(f"{__package__}.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"expected module:name below {__package__}, got {place!r} ({error})") from error
