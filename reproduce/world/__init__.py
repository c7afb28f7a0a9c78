"""The small world: portraits of people in scenes, with captions, masks and attributes, from a seed.

renders = render(7, n=32, size=128)     # item i depends on (7, i) only
renders = render([Spec(identity=3, scene="beach", seed=1)])
"""

from .draw.caption import caption_words
from .draw.render import Renders, caption, render
from .draw.scene import SCENES
from .draw.spec import FRAMINGS, IDENTITIES, Spec, sample_specs
from .draw.style import HELD_OUT_STYLES, STYLES

__all__ = [
    "FRAMINGS",
    "HELD_OUT_STYLES",
    "IDENTITIES",
    "Renders",
    "SCENES",
    "STYLES",
    "Spec",
    "caption",
    "caption_words",
    "render",
    "sample_specs",
]
