"""The store: keys, atomic entries, damage, a full disk."""

import errno
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from reproduce.artefacts.files import NoSpace, write
from reproduce.engine import keys
from reproduce.engine.store import Store

ROWS = [{"image": 0, "ssim": 1 / 3, "name": "x", "none": None, "odd": float("inf")}]
PICTURES = {"edit": np.arange(96, dtype=np.uint8).reshape(2, 4, 4, 3)}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def file(store, kind, name="ab"):
    """The one file of that kind of an entry."""
    (path,) = (store.folder / name[:2]).glob(f"{name}*.{kind}")
    return path


def refused(store, name="ab", match="is damaged"):
    """The entry is not believed, with one warning of one line, and is gone afterwards."""
    with pytest.warns(UserWarning, match=match) as told:
        assert store.get(name) is None
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert not list(store.folder.glob(f"{name[:2]}/{name}*"))


def test_a_key_is_the_same_in_another_process():
    code = 'from reproduce.engine import keys; print(keys.key("a", {"y": 1, "x": [1.5, None]}))'
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == keys.key("a", {"x": (1.5, None), "y": 1})


def test_keys_tell_values_types_shapes_and_order_apart():
    eye = torch.eye(2)
    parts = [1, 1.0, True, "1", None, [1], [[1]], [1, 2], [2, 1], {"a": 1}, {"a": 2}, {"b": 1}, b"1"]
    parts += [eye, eye.double(), eye.half(), eye.bfloat16(), eye.reshape(4), eye * 2, eye.numpy() * 3]
    found = [keys.key(part) for part in parts]
    assert len(set(found)) == len(found)
    assert keys.key(1, 2) != keys.key(12)
    assert keys.key(eye) == keys.key(eye.clone()) == keys.key(eye.numpy())
    assert keys.key(eye.t()) == keys.key(eye.t().contiguous())
    assert keys.key(np.float64(0.5)) == keys.key(0.5)


def test_a_part_without_a_canonical_form_is_refused():
    with pytest.raises(ValueError, match="got object"):
        keys.key(object())
    with pytest.raises(ValueError, match="names"):
        keys.key({1: 2})


def test_an_entry_comes_back_as_it_went(store):
    assert store.get("ab") is None
    store.put("ab", ROWS, PICTURES, seconds=1.25)
    entry = store.get("ab")
    assert entry.rows == ROWS and entry.seconds == 1.25
    assert list(entry.rows[0]) == list(ROWS[0]), "columns keep their order"
    np.testing.assert_array_equal(entry.images["edit"], PICTURES["edit"])
    assert entry.images["edit"].dtype == np.uint8


def test_scalars_become_plain(store):
    store.put("ab", [{"a": torch.tensor(0.5), "b": np.int64(3), "c": (1, 2), "d": np.bool_(True)}])
    assert store.get("ab").rows == [{"a": 0.5, "b": 3, "c": [1, 2], "d": True}]
    with pytest.raises(ValueError, match="got Tensor"):
        store.put("ab", [{"a": torch.zeros(2)}])
    with pytest.raises(ValueError, match="8-bit"):
        store.put("ab", [], {"x": np.zeros((1, 2, 2, 3))})


def test_weights_come_back_as_they_went_and_belong_to_their_entry(store):
    store.put("ab", ROWS, PICTURES, b"weights")
    store.put("cd", ROWS, PICTURES)
    entry = store.get("ab")
    assert store.weights("ab", entry) == b"weights" and store.weights("cd", store.get("cd")) is None
    record = file(store, "json")
    record.write_text(record.read_text().replace('"weights"', '"whites"'))
    refused(store)


@pytest.mark.parametrize("kind", ["json", "npz", "safetensors"])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_entry_is_dropped_with_one_warning(store, kind, damage):
    store.put("ab", ROWS, PICTURES, b"these are weights, more or less")
    path = file(store, kind)
    data = path.read_bytes()
    path.write_bytes(
        {"cut": data[: len(data) // 2], "changed": data[:20] + bytes([data[20] ^ 255]) + data[21:], "empty": b""}[damage]
    )
    refused(store)
    assert list((store.folder / "ab").iterdir()) == []
    store.put("ab", ROWS, PICTURES)
    assert store.get("ab").rows == ROWS


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_missing_files_are_damage(store, kind):
    store.put("ab", ROWS, PICTURES, b"weights")
    file(store, kind).unlink()
    refused(store)


def test_nothing_is_unpickled(store, monkeypatch):
    from reproduce.engine import store as module

    def pickled(_):
        buffer = io.BytesIO()
        np.savez(buffer, edit=np.array([object()], dtype=object))
        return buffer.getvalue()

    monkeypatch.setattr(module, "_npz", pickled)
    store.put("ab", ROWS, PICTURES)
    refused(store, match="allow_pickle")


MANY = [{"person": f"p{i}", "seed": i, "ssim": 0.1 * i + 1 / 7, "kept": i % 2 == 0, "note": None, "nested": [i, -i]} for i in range(9)]


@pytest.mark.parametrize("images", [None, PICTURES], ids=["rows", "rows and pictures"])
def test_any_change_of_one_character_is_noticed(store, images):
    """Every place in the file with another digit, another letter, a character less, one more: the rows that went in, or none."""
    store.put("ab", MANY, images, seconds=12.5)
    record, chance = file(store, "json"), random.Random(0)
    data, pictures = record.read_bytes(), None if images is None else file(store, "npz").read_bytes()
    picture = None if images is None else file(store, "npz")
    noticed = 0
    for at in range(len(data)):
        other = chance.choice([c for c in (b"0123456789" if data[at : at + 1].isdigit() else bytes(range(32, 127))) if c != data[at]])
        for change in (bytes([other]), b"", data[at : at + 1] + bytes([other]), bytes([data[at] ^ 1 << chance.randrange(8)])):
            record.write_bytes(data[:at] + change + data[at + 1 :])
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                entry = store.get("ab")
            if entry is None:
                assert len(told) == 1
                noticed += 1
            else:
                assert json.dumps([entry.rows, entry.seconds]) == json.dumps([MANY, 12.5]), data[max(0, at - 20) : at + 20]
                assert json.loads(record.read_bytes()) == json.loads(data), "only layout may pass"
            if picture:
                picture.write_bytes(pictures)
    assert noticed > 3 * len(data)


def test_any_change_of_the_pictures_is_noticed(store):
    store.put("ab", ROWS, PICTURES)
    picture, record = file(store, "npz"), file(store, "json")
    data, said = picture.read_bytes(), record.read_bytes()
    for at in range(0, len(data), 3):
        picture.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        record.write_bytes(said)
        refused(store)


def test_entries_that_changed_places_are_noticed(store):
    others = {"edit": PICTURES["edit"] + 1}
    store.put("ab", ROWS, PICTURES)
    store.put("ac", MANY, others)
    store.put("ad", MANY)
    one, two, three = (file(store, "json", name) for name in ("ab", "ac", "ad"))
    kept = [path.read_bytes() for path in (one, two, three)]
    pictures = {name: file(store, "npz", name) for name in ("ab", "ac")}
    data = {name: path.read_bytes() for name, path in pictures.items()}
    for name, other, record, said in (("ab", "ac", one, kept[1]), ("ac", "ab", two, kept[0])):
        record.write_bytes(said)
        pictures[name].with_name(pictures[other].name.replace(other, name, 1)).write_bytes(data[other])
    write(store.folder / "ae" / "ae.json", kept[2])
    for name in ("ab", "ac", "ae"):
        refused(store, name)
    assert store.get("ad").rows == MANY


def test_pictures_that_changed_places_are_noticed(store):
    store.put("ab", ROWS, PICTURES)
    store.put("ac", ROWS, {"edit": PICTURES["edit"] + 1})
    file(store, "npz", "ab").write_bytes(file(store, "npz", "ac").read_bytes())
    refused(store)
    assert store.get("ac").images["edit"][0, 0, 0, 0] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head | {"rows": []},
        lambda head: head | {"rows": head["rows"][1:]},
        lambda head: head | {"rows": head["rows"][::-1]},
        lambda head: head | {"rows": [dict(reversed(row.items())) for row in head["rows"]]},
        lambda head: head | {"seconds": 0},
        lambda head: head | {"images": None},
        lambda head: head | {"more": 1},
        lambda head: {k: v for k, v in head.items() if k != "seconds"},
        lambda head: list(head.items()),
        lambda head: "sha256",
        lambda head: None,
    ],
)
def test_rows_that_are_not_those_that_were_written_are_noticed(store, change):
    store.put("ab", MANY, PICTURES, seconds=2)
    record = file(store, "json")
    record.write_text(json.dumps(change(json.loads(record.read_text()))))
    refused(store)


def test_deep_json_is_damage(store):
    store.put("ab", ROWS, PICTURES)
    file(store, "json").write_text("[" * 200_000)
    refused(store)
    store.put("ab", ROWS)
    file(store, "json").write_text('{"rows":' + "[" * 900 + "]" * 900 + ',"seconds":0.0,"images":null,"sha256":""}')
    refused(store)


@pytest.mark.parametrize("kind", ["json", "npz"])
def test_a_folder_in_an_entrys_place_is_damage(store, kind):
    store.put("ab", ROWS, PICTURES)
    path = file(store, kind)
    path.unlink()
    (path / "inner").mkdir(parents=True)
    if kind == "json":
        assert "ab" not in store
    refused(store)
    (path / "inner").mkdir(parents=True)
    store.put("ab", ROWS, PICTURES)
    assert store.get("ab").rows == ROWS


def test_a_file_that_cannot_be_read_is_damage_and_is_replaced(store, monkeypatch):
    store.put("ab", ROWS, PICTURES)
    for kind in ("json", "npz"):
        path, read = file(store, kind), Path.read_bytes

        def denied(self, path=path, read=read):
            if self == path:
                raise PermissionError(errno.EACCES, "Permission denied")
            return read(self)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", denied)
            refused(store)
        store.put("ab", ROWS, PICTURES)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: (_ for _ in ()).throw(PermissionError("no")))
        file(store, "json").write_text("{}")
        with pytest.warns(UserWarning, match="is damaged"):
            assert store.get("ab") is None
    store.put("ab", ROWS, PICTURES)
    assert store.get("ab").rows == ROWS


def test_entries_of_the_format_before_are_computed_again_with_one_line_for_all(store):
    for i in range(5):
        head = {"rows": ROWS, "seconds": 1.0, "images": "ab" * 32 if i else None}
        write(store.folder / f"a{i}" / f"a{i}.json", json.dumps(head).encode())
        write(store.folder / f"a{i}" / f"a{i}.npz", b"pictures")
    with pytest.warns(UserWarning, match="older format") as told:
        assert [store.get(f"a{i}") for i in range(5)] == [None] * 5
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert not [path for path in store.folder.rglob("*") if path.is_file()]
    store.put("a1", ROWS, PICTURES)
    assert store.get("a1").rows == ROWS


RACE = """
import sys
import numpy as np
from reproduce.engine.store import Store
store, mine = Store(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(150):
    store.put("ab", [{"writer": mine}], {"edit": np.full((1, 8, 8, 3), mine, np.uint8)})
"""


def test_writers_of_one_entry_at_once_leave_a_whole_one(store):
    start = [sys.executable, "-c", RACE, str(store.folder)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    writers = [subprocess.Popen([*start, str(i)], **pipes) for i in (1, 2)]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    met = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is ever found damaged
        while any(writer.poll() is None for writer in writers) or not met:
            entry = store.get("ab")
            if entry:
                assert (entry.images["edit"] == entry.rows[0]["writer"]).all()
                met.add(entry.rows[0]["writer"])
        assert store.get("ab").rows[0]["writer"] in (1, 2)
    assert [writer.wait() for writer in writers] == [0, 0] and met == {1, 2}


@pytest.mark.parametrize("at", ["fsync", "replace", "mkstemp"])
def test_a_full_disk_is_one_line_and_leaves_nothing(store, monkeypatch, at):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile if at == "mkstemp" else os, at, full)
    with pytest.raises(NoSpace) as told:
        store.put("ab", ROWS, PICTURES)
    line = str(told.value)
    assert line == f"no space left in {store.folder / 'ab'}; free about 1 MB or pass --out / REPRODUCE_CACHE"
    assert list((store.folder / "ab").iterdir()) == []


def test_writing_replaces_whole_files_and_they_can_be_read_by_others(tmp_path):
    path = tmp_path / "deep" / "x.csv"
    write(path, b"old")
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["x.csv"]


def test_the_folder_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPRODUCE_CACHE", raising=False)
    assert Store().folder == tmp_path / ".cache" / "reproduce"
    monkeypatch.setenv("REPRODUCE_CACHE", str(tmp_path / "else"))
    assert Store().folder == tmp_path / "else"


def test_what_a_killed_writer_left_is_swept(store):
    for left in (store.folder / "ab" / ".tmp-left", store.folder / ".tmp-left"):
        write(left, b"half")
        Store(store.folder)
        assert left.exists(), "another process may be writing it now"
        os.utime(left, (0, 0))
        Store(store.folder)
        assert not left.exists()


def test_a_sweep_beside_another_one_passes_over_what_is_gone(store, monkeypatch):
    left = store.folder / "ab" / ".tmp-left"
    write(left, b"half")
    os.utime(left, (0, 0))
    monkeypatch.setattr(Path, "unlink", lambda self: (_ for _ in ()).throw(FileNotFoundError(self)))
    Store(store.folder)
