"""A row of a table of methods: its function, its settings with overrides, what it needs. Reading it needs no torch."""

import dataclasses
import inspect

from .places import resolve

TAKES = ("image", "set")


class Unavailable(ValueError):
    """What a method needs is not here, so that no picture can be done."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A row: where the function is ("module:function" below this package), settings by name, what it needs.

    whole: it takes pictures of any size as they are; others get passes whose sides are multiples of the model's factor.
    takes: "image": it may be handed tiles of some of the pictures at a time; "set": it is handed all pictures, whole, in one call.
    """

    place: str
    settings: dict
    needs: str
    about: str
    whole: bool = False
    takes: str = "image"

    def __post_init__(self):
        check_takes(self.takes)

    @property
    def function(self):
        return resolve(self.place)

    def accepts(self, name):
        """Whether the function has a parameter of that name, as some have a goal, a callback, a log."""
        return accepts(self.function, name)


def accepts(function, name):
    """Whether a method's function has a parameter of that name."""
    return name in inspect.signature(function).parameters


def check_takes(takes):
    """ValueError unless it is something that a method can take."""
    if takes not in TAKES:
        raise ValueError(f"takes: a method takes an image or a set, got {takes!r}; choose one of {', '.join(TAKES)}")


def settings_of(table, kind, method, settings=None):
    """The settings record called `settings` of a table's method; None takes the first, a record is taken as it is.

    ValueError: an unknown name, with what there is; a record of another method.
    """
    if method not in table:
        raise ValueError(f"method: no {kind} called {method!r}; there is {', '.join(table)}")
    choices = table[method].settings
    if dataclasses.is_dataclass(settings):
        wanted = type(next(iter(choices.values())))
        if type(settings) is not wanted:
            raise ValueError(f"settings: {method} takes {wanted.__name__}, got {type(settings).__name__}")
        return settings
    if settings is not None and settings not in choices:
        raise ValueError(f"settings: {method} has none called {settings!r}; there is {', '.join(choices)}")
    return choices[next(iter(choices)) if settings is None else settings]


def changed(record, changes, note):
    """`record` with `changes` (name -> value), which its `differs` then tells in the words of `note`."""
    return dataclasses.replace(record, **changes, differs="; ".join(filter(None, [record.differs, note])))


def counted(record, **counts):
    """`record` with whole numbers replaced; None keeps one, and what a record does not have, or has 0 of, is passed over."""
    for name, count in counts.items():
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected a whole number, 1 or more, got {count!r}")
        if (getattr(record, name, None) or count) != count:
            unit = name if count > 1 else name.removesuffix("s")
            record = changed(record, {name: count}, f"{count} {unit} instead of {getattr(record, name)}")
    return record
