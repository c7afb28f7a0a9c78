"""`bench jpeg` at a tiny size: which rows there are, the order of the calls, memory against an allocation of known size."""

import sys

import pytest
import torch

from reproduce.bench import jpeg
from reproduce.cli import commands as cli


@pytest.fixture(autouse=True)
def no_children(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(jpeg, "in_a_child", lambda name, size, batch, way: 7.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    yield
    torch.set_num_threads(threads)


def test_every_codec_at_every_batch_and_way():
    torch.set_num_threads(2)
    found = jpeg.rows(size=24, rounds=2, batches=(1, 2))
    assert torch.get_num_threads() == 2
    assert sorted((row["name"], row["batch"]) for row in found if row["way"] == "forward") == sorted(
        (name, batch) for name in jpeg.CODECS for batch in (1, 2)
    )
    assert len(found) == 14 and ("pillow", "forward + backward") not in {(row["name"], row["way"]) for row in found}
    assert all(row["median"] >= row["least"] > 0 for row in found)
    for row in found:
        assert row.get("memory") == (7.0 if row["batch"] == 2 and row["name"] != "pillow" else None)
        [kornia] = [r for r in found if (r["name"], r["batch"], r["way"]) == ("kornia", row["batch"], row["way"])]
        assert row["ratio"] == pytest.approx(row["median"] / kornia["median"])


def test_without_kornia_its_rows_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "kornia.enhance", None)
    found = jpeg.rows(size=16, rounds=1, batches=(1,))
    said = [row["median"] for row in found if row["name"] == "kornia"]
    assert said == ["not installed: pip install kornia"] * 2
    assert not any(row.get("ratio") for row in found) and all("memory" not in row for row in found if row["name"] == "kornia")
    assert len([row for row in found if "least" in row]) == 5


def test_calls_take_turns_and_the_first_round_only_warms(monkeypatch):
    order, clock = [], iter([100.0, 100.0, 2.0, 8.0, 4.0, 8.0])
    monkeypatch.setattr(jpeg, "_seconds", lambda call: (call(), next(clock))[1])
    keys = ("cauchy", 2, "forward"), ("kornia", 2, "forward")
    ours, kornia = jpeg._timings({key: lambda key=key: order.append(key[0]) for key in keys}, 2)
    assert order == ["cauchy", "kornia"] * 3
    assert (ours["median"], ours["least"], ours["ratio"], kornia["ratio"]) == (1500, 1000, 3 / 8, 1)


@pytest.mark.parametrize("name", ["cauchy", "straight-through", "kornia"])
def test_the_backward_reaches_the_images(name):
    x = jpeg.pictures(16, 2)
    assert x.shape == (2, 3, 16, 16) and not torch.equal(x[0], x[1])
    assert jpeg.prepared(name, x, "forward")() is None
    assert jpeg.prepared(name, x, "forward + backward")().abs().sum() > 0


def test_memory_is_the_growth_over_the_input(monkeypatch):
    def prepared(name, images, way):
        return lambda: torch.ones(10, *images.shape).sum()

    monkeypatch.setattr(jpeg, "prepared", prepared)
    assert jpeg.growth("cauchy", 512, 4, "forward") == pytest.approx(10, abs=1)


def test_memory_in_a_process_of_its_own(monkeypatch):
    monkeypatch.undo()
    assert 1 < jpeg.in_a_child("straight-through", 256, 2, "forward") < 40


def test_the_command_prints_the_table(monkeypatch, capsys):
    row = dict(name="cauchy", what="this package", batch=1, way="forward", median=5.25, least=5.0, ratio=0.5)
    monkeypatch.setattr(jpeg, "rows", lambda size: [row | dict(batch=size)])
    assert cli.main(["bench", "jpeg", "--size", "48"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "| what | batch | way | ms per image: median | minimum | of kornia's |"
    assert out[2] == "| this package | 48 | forward | 5.25 | 5 | 0.5 |" and out[4].startswith("- quality 75")
    cli.main(["bench", "jpeg"])
    assert "| 512 |" in capsys.readouterr().out


def test_a_size_of_none_is_refused_in_one_line(capsys):
    assert cli.main(["bench", "jpeg", "--size", "0"]) == 2
    assert capsys.readouterr().err == "reproduce: expected a size and rounds of at least 1, got 0 and 15\n"
