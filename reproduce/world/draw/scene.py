"""The scenes by name: how a caption says them, what they are called alone, and who paints them."""

from collections.abc import Callable
from typing import NamedTuple

from . import indoors, outdoors, rooms, wild


class Scene(NamedTuple):
    """phrases: how a caption places somebody there, the usual one first; alone: the scene without people."""

    paint: Callable
    phrases: tuple[str, ...]
    alone: str


TABLE: dict[str, Scene] = {
    "studio": Scene(indoors.studio, ("",), "a studio"),
    "mirror": Scene(indoors.mirror, ("looking at the mirror",), "a mirror"),
    "eiffel": Scene(outdoors.eiffel, ("in front of eiffel tower",), "eiffel tower"),
    "wedding": Scene(indoors.wedding, ("at a wedding", "in a wedding", "attending a wedding"), "a wedding"),
    "plane": Scene(indoors.plane, ("in a plane", "in an airplane", "in the plane"), "a plane"),
    "beach": Scene(outdoors.beach, ("at the beach",), "the beach"),
    "office": Scene(rooms.office, ("in an office",), "an office"),
    "forest": Scene(wild.forest, ("in the forest",), "the forest"),
    "snow": Scene(wild.snow, ("in the snow",), "the snow"),
    "city": Scene(outdoors.city, ("in a city at night",), "a city at night"),
    "kitchen": Scene(rooms.kitchen, ("in a kitchen",), "a kitchen"),
    "library": Scene(rooms.library, ("in a library",), "a library"),
    "desert": Scene(outdoors.desert, ("in a desert",), "a desert"),
    "rain": Scene(outdoors.rain, ("under heavy rain",), "heavy rain"),
    "garden": Scene(wild.garden, ("in a flower garden",), "a flower garden"),
    "mountains": Scene(wild.mountains, ("in the mountains",), "the mountains"),
    "field": Scene(outdoors.field, ("on a football field",), "a football field"),
}
SCENES = tuple(TABLE)
