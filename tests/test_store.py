"""The store: keys, atomic entries, damage, a full disk."""

import errno
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import torch

from reproduce.engine import keys
from reproduce.engine.store import NoSpace, Store, write

ROWS = [{"image": 0, "ssim": 1 / 3, "name": "x", "none": None, "odd": float("inf")}]
PICTURES = {"edit": np.arange(96, dtype=np.uint8).reshape(2, 4, 4, 3)}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


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


@pytest.mark.parametrize("kind", ["json", "npz"])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_entry_is_dropped_with_one_warning(store, kind, damage):
    store.put("ab", ROWS, PICTURES)
    path = store.folder / "ab" / f"ab.{kind}"
    data = path.read_bytes()
    path.write_bytes(
        {"cut": data[: len(data) // 2], "changed": data[:20] + bytes([data[20] ^ 255]) + data[21:], "empty": b""}[damage]
    )
    with pytest.warns(UserWarning, match="is damaged") as told:
        assert store.get("ab") is None
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert list((store.folder / "ab").iterdir()) == []
    store.put("ab", ROWS, PICTURES)
    assert store.get("ab").rows == ROWS


def test_missing_pictures_are_damage(store):
    store.put("ab", ROWS, PICTURES)
    (store.folder / "ab" / "ab.npz").unlink()
    with pytest.warns(UserWarning, match="is damaged"):
        assert store.get("ab") is None


def test_nothing_is_unpickled(store):
    store.put("ab", ROWS, PICTURES)
    path = store.folder / "ab" / "ab.npz"
    np.savez(path, edit=np.array([object()], dtype=object))
    record = store.folder / "ab" / "ab.json"
    import hashlib

    record.write_text(
        json.dumps(json.loads(record.read_text()) | {"images": hashlib.sha256(path.read_bytes()).hexdigest()})
    )
    with pytest.warns(UserWarning, match="is damaged"):
        assert store.get("ab") is None


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
    left = store.folder / "ab" / ".tmp-left"
    write(left, b"half")
    Store(store.folder)
    assert left.exists(), "another process may be writing it now"
    os.utime(left, (0, 0))
    Store(store.folder)
    assert not left.exists()
