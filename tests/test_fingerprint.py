"""The fingerprint of code: what a definition mentions counts, however it is imported, and nothing else."""

import functools
import itertools
import os
import shutil
import time
from functools import partial

import fakelab
import pytest

from reproduce.engine import definitions, fingerprint

SMALL = {
    "__init__": "",
    "images": "LEVELS = 255\ndef check(x):\n    return x\ndef quantise(x):\n    return check(x) * LEVELS\ndef other(x):\n    return x\n",
    "deep": "STEP = 3\ndef third():\n    return STEP\ndef spare():\n    return 0\n",
    "middle": "from . import deep as below\ndef second():\n    return below.third()\n",
    "jpeg/__init__": "from .codec import jpeg, mask\nfrom .codec import SPARE\n",
    "jpeg/codec": "from reproduce.images import quantise\nSPARE = 1\ndef jpeg(x):\n    return quantise(x)\ndef mask(x):\n    return x\n",
    "bag": "import os\nfrom . import deep\nA = 1\ndef f():\n    return A\n",
    "tables": "from .rows import BASE\nTABLE = {}\nNOISE = {'a': 1}\nBASE.update(c=1)\nTABLE.update(a=1)\n"
    "for name in 'xy':\n    NOISE[name] = 2\ndef look(x):\n    return TABLE[x]\n",
    "rows": "BASE = {}\ndef base():\n    return BASE\n",
    "study": "from .engine.store import Result\nfrom .report import draw\ndef job():\n    return Result(draw())\n",
    "engine/__init__": "",
    "engine/store": "class Result:\n    pass\n",
    "report": "def draw():\n    return 1\n",
    "methods/__init__": "import functools\nfrom .. import bag\n",
    "methods/a": """import numpy as np
from .. import images as pixels
from ..jpeg import jpeg
from ..middle import second
import reproduce.deep
from . import b
from . import b as same

SIZE = 4


def helper(x, size=SIZE):
    '''What it does.'''
    return np.array(x)  # why


def attribute(x):
    return pixels.check(x)


def inside(x):
    from .. import images as late
    from . import b as near
    return late.quantise(x), near.run(x)


def through(x):
    return jpeg(x)


def three():
    return second()


def absolute():
    return reproduce.deep.third()


def aliased():
    import reproduce.deep as far
    from reproduce import images as im
    return far.third, im.other


def twice(x):
    return same.pixels.check(b.run(x))


def bare(call):
    from .. import bag
    return call(bag)


class Base:
    size = SIZE


@pixels.other
class Child(Base):
    def run(self, x: "jpeg") -> "jpeg":
        return helper(x)
""",
    "methods/b": "from .. import images as pixels\ndef run(x):\n    return x\ndef spare(x):\n    return x\n",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A small package on disk; called with changed files it gives the fingerprint of a place."""
    package, clock = tmp_path / "reproduce", itertools.count(10**9)
    monkeypatch.setattr(fingerprint, "PACKAGE", package)
    monkeypatch.setattr(fingerprint, "ALWAYS", ())

    def code(*places, **changed):
        for name, text in (SMALL | changed).items():
            path = package / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                os.utime(path, (next(clock),) * 2)  # edits here follow each other faster than a file system's clock ticks
        return fingerprint.code(*places)

    return code


def edited(name, old, new):
    assert SMALL[name].count(old) == 1, f"{old!r} stands {SMALL[name].count(old)} times in {name}"
    return {name: SMALL[name].replace(old, new)}


# place -> the edits that change it: file, text there, text instead. No other edit of the list may.
EDITS = {
    "check": ("images", "def check(x):\n    return x", "def check(x):\n    return -x"),
    "levels": ("images", "LEVELS = 255", "LEVELS = 256"),
    "other": ("images", "def other(x):\n    return x", "def other(x):\n    return -x"),
    "step": ("deep", "STEP = 3", "STEP = 4"),
    "spare": ("deep", "return 0", "return 1"),
    "jpeg": ("jpeg/codec", "return quantise(x)", "return quantise(-x)"),
    "mask": ("jpeg/codec", "    return x\n", "    return -x\n"),
    "b.run": ("methods/b", "def run(x):\n    return x", "def run(x):\n    return -x"),
    "b.spare": ("methods/b", "def spare(x):\n    return x", "def spare(x):\n    return -x"),
    "size": ("methods/a", "SIZE = 4", "SIZE = 5"),
    "numpy": ("methods/a", "import numpy as np", "import numpy.ma as np"),
    "bag": ("bag", "A = 1", "A = 2"),
    "result": ("engine/store", "pass", "x = 1"),
    "draw": ("report", "return 1", "return 2"),
    "job": ("study", "Result(draw())", "Result(draw(), 1)"),
    "update": ("tables", "TABLE.update(a=1)", "TABLE.update(a=2)"),
    "loop": ("tables", "NOISE[name] = 2", "NOISE[name] = 3"),
    "far": ("tables", "BASE.update(c=1)", "BASE.update(c=2)"),
}
USES = {
    "methods.a:helper": "size numpy",
    "methods.a:attribute": "check",
    "methods.a:inside": "check levels b.run",
    "methods.a:through": "jpeg check levels",
    "methods.a:three": "step",
    "methods.a:absolute": "step",
    "methods.a:aliased": "step other",
    "methods.a:twice": "check b.run",
    "methods.a:bare": "bag step spare",
    "methods.a:Base": "size",
    "methods.a:Child": "size numpy other",
    "methods.a:Child.run": "size numpy other",
    "jpeg:jpeg": "jpeg check levels",
    "study:job": "job",
    "tables:look": "update",
    "tables:NOISE": "loop",
}


@pytest.mark.parametrize("place", USES)
def test_what_a_definition_mentions_counts_and_nothing_else(small, place):
    first = small(place)
    found = [name for name, edit in EDITS.items() if small(place, **edited(*edit)) != first]
    assert sorted(found) == sorted(USES[place].split())
    assert small(place) == first


def test_layout_docstrings_comments_and_annotations_do_not_count(small):
    first = small("methods.a:Child")
    text = SMALL["methods/a"].replace("What it does.", "Another text.").replace("# why", "# because")
    text = '"""A module."""\n' + text.replace('x: "jpeg") -> "jpeg"', "x)").replace("return np.array(x)", "return (\n        np.array(x))")
    assert small("methods.a:Child", **{"methods/a": text}) == first
    assert small("methods.a:Child", **{"methods/a": SMALL["methods/a"].replace("size=SIZE", "size=3")}) != first


def test_what_is_added_leaves_the_others_alone(small):
    places = list(USES)
    first = [small(place) for place in places]
    unused = "def unused():\n    return 1\nUNUSED = {'a': 1}\n"
    added = {name: text + unused for name, text in SMALL.items()} | {"methods/new": unused, "new": unused}
    assert [small(place, **added) for place in places if place != "methods.a:bare"] == [
        one for one, place in zip(first, places, strict=True) if place != "methods.a:bare"
    ]


def test_several_places_count_together_in_any_order(small):
    one, two = "methods.a:helper", "deep:spare"
    assert len({small(one), small(two), small(one, two)}) == 3
    assert small(one, two) == small(two, one) == small(one, two, one)


NOWHERE = ["methods.a:gone", "gone:f", "methods.a", "", ":", "methods/a:helper", "../x:f", 3, None, len, lambda: 1, partial(len)]


@pytest.mark.parametrize("place", NOWHERE, ids=range(len(NOWHERE)))  # a function's own name differs from process to process
def test_a_place_that_there_is_not_gets_one_line(small, place):
    with pytest.raises(ValueError, match='give "module:function"') as told:
        small(place)
    assert "\n" not in str(told.value)


def test_what_always_counts_must_be_there(small, monkeypatch):
    first = small("deep:third")
    monkeypatch.setattr(fingerprint, "ALWAYS", ("images:check",))
    assert small("deep:third") != first != small("deep:third", **edited(*EDITS["check"]))
    assert small("deep:third", **edited(*EDITS["other"])) == small("deep:third")
    monkeypatch.setattr(fingerprint, "ALWAYS", ("images:gone",))
    with pytest.raises(ValueError, match="there is no images:gone"):
        small("deep:third")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    package = fingerprint.PACKAGE
    where = tmp_path_factory.mktemp("whole") / package.name
    shutil.copytree(package, where, ignore=shutil.ignore_patterns("bundle", "__pycache__"))
    return where


def replaced(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def test_of_the_real_package_only_what_an_attack_uses_counts(whole, monkeypatch):
    first = fingerprint.code("protect.photoguard:encoder")
    monkeypatch.setattr(fingerprint, "PACKAGE", whole)
    encoder = functools.partial(fingerprint.code, "protect.photoguard:encoder")
    assert encoder() == first, "where the package lies does not count"
    (whole / "protect" / "glaze.py").write_text("def glaze(images):\n    return images\n")
    replaced(whole / "protect" / "__init__.py", "PROTECTIONS = {", 'PROTECTIONS = {"glaze": Method("protect.glaze:glaze", {}, "", ""),')
    replaced(whole / "papers" / "photoguard.py", "PHOTOGUARD_ENCODER = {", 'PHOTOGUARD_ENCODER = {"new": None,')
    replaced(whole / "protect" / "photoguard.py", "def encoder(", "def unused():\n    return 1\n\n\ndef encoder(")
    assert encoder() == first
    for file, old, new in (
        ("attack/pgd.py", "reach / 255", "reach / 256"),
        ("images.py", "def quantise(", "def quantise(*_, "),
        ("diffusion/model.py", "images * 2 - 1", "images * 2 - 2"),
        ("diffusion/model.py", "use_safetensors=True", "use_safetensors=False"),
    ):
        kept = (whole / file).read_text()
        replaced(whole / file, old, new)
        assert encoder() != first, f"{old} in {file} has a part in it"
        (whole / file).write_text(kept)
        assert encoder() == first, f"{file} is as it was"


def test_the_order_of_what_acts_counts(small):
    first = small("tables:look", tables=SMALL["tables"] + "TABLE.pop('a')\n")
    assert small("tables:look", tables=SMALL["tables"].replace("TABLE.update", "TABLE.pop('a')\nTABLE.update")) != first


def test_functions_are_places_too():
    from reproduce.attack.pgd import pgd
    from reproduce.jpeg import jpeg

    assert fingerprint.code(pgd) == fingerprint.code("attack.pgd:pgd") != fingerprint.code(jpeg)
    assert fingerprint.code(jpeg) == fingerprint.code("jpeg:jpeg") == fingerprint.code("jpeg.codec:jpeg")
    with pytest.raises(ValueError, match="at the top of a module"):
        fingerprint.code(fakelab.work)


def test_all_places_of_a_notebook_take_a_moment():
    from reproduce.measure import MEASURES
    from reproduce.protect import PROTECTIONS
    from reproduce.purify import PURIFIERS

    places = [row.place for row in (*PROTECTIONS.values(), *PURIFIERS.values())]
    places += [f"measure.{row.place}" for row in MEASURES.values()] + ["misuse.edit:vary", "misuse.edit:inpaint"]
    definitions._module.cache_clear()
    begun = time.thread_time()
    found = {place: fingerprint.code(place) for place in places}
    assert time.thread_time() - begun < 0.3
    assert len(set(found.values())) == len(found) > 15
