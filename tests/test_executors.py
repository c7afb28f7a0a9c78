"""Who computes: one process, a pool, Dask: the same rows, byte for byte; failures, Ctrl-C, and what is not installed."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import fakelab
import numpy as np
import psutil
import pytest
import torch

from reproduce.artefacts.rows import rows_csv
from reproduce.engine import executors, worker
from reproduce.engine.store import Store
from reproduce.engine.study import Study
from reproduce.experiments import customisation, photoguard, scales

HERE = Path(__file__).parent
PICTURE = np.full((1, 32, 32, 3), 100, np.uint8)
PURIFIED = dict(
    place="purify.plain:jpeg", settings={"kind": "papers.purifiers:JpegSettings", "quality": 75, "subsampling": "4:2:0"},
    takes="image", whole=True, seed=0, stream="jpeg", names=["a"],
)  # fmt: skip
IMPRESSED = dict(
    place="purify.impress:impress", whole=False, stream="impress",
    settings={"kind": "papers.impress:ImpressSettings", "budget": 0.1, "alpha": 0.01, "norm": "mean", "rate": 5e-3, "steps": 4,
              "noise": 6.0, "adam_eps": 1e-8, "precision": "single", "floor": 1e-5, "side": 512},
)  # fmt: skip
IMPRESSED_WHOLE = PURIFIED | IMPRESSED


@pytest.fixture
def small(monkeypatch):
    """Notebook 02's smoke scale, with fewer prompts, arms and measures of it."""
    counts = dict(people=2, prompts=1, seeds=2, side=1, variations=1, edit_steps=2, printed_steps=2)
    monkeypatch.setitem(scales.COUNTS["photoguard"], "smoke", counts)
    monkeypatch.setitem(scales.AT_MOST, "smoke", {"photoguard-encoder": dict(steps=2), "photoguard-diffusion": dict(steps=1, draws=1)})
    monkeypatch.setattr(photoguard, "PRINTED", ["ssim", "psnr"])
    monkeypatch.setattr(photoguard, "DECIDING", photoguard.TARGETS)
    monkeypatch.setattr(photoguard, "SIDE", ("encoder, released",))


def rows(folder, **who):
    """Rows of notebook 02's protections and edits on the bundled model, as text."""
    study = Study("bundled", "smoke", 0, folder / "figures", store=Store(folder / "store"), **who)
    lab = photoguard.Edits(study)
    return rows_csv(lab.protect()) + rows_csv(lab.edits())


def test_one_process_two_and_a_dask_cluster_give_the_same_bytes(tmp_path, small):
    from distributed import LocalCluster

    alone = rows(tmp_path / "one", workers=1)
    assert alone.count("\n") > 30
    assert rows(tmp_path / "two", workers=2) == alone
    with LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50) as cluster:
        assert rows(tmp_path / "dask", workers=2, executor=f"dask={cluster.scheduler_address}") == alone


def test_weights_travel_to_workers_and_back(tmp_path, monkeypatch):
    """A fine-tuning and samples of it, two of each at once and one after the other: the same bytes."""
    counts = dict(people=1, among=2, samples=2, steps=2, others=2, sampling=2, few=1, few_samples=1, rates=(2,), taken=(1,))
    monkeypatch.setitem(scales.COUNTS["customisation"], "smoke", counts)

    def painted(folder, workers):
        lab = customisation.Customisation(Study("bundled", "smoke", 0, folder / "figures", store=Store(folder / "store"), workers=workers))
        one, other = customisation.Tuning(0), customisation.Tuning(0, seed=1)
        learnt = lab.tune({one: (1, 2), other: ()})
        jobs = [lab._sample(*asked) for asked in ((one, 1, "A", 1), (one, 2, "A", 1), (other, None, "D", 1))]
        images = lab.study.sweep("customised", jobs).images({}, "image")
        return [{key: row[key] for key in row if key != "seconds"} for row in learnt], images

    rows, images = painted(tmp_path / "one", 1)
    more, again = painted(tmp_path / "two", 2)
    assert rows == more and torch.equal(images, again) and not torch.equal(images[0], images[1])


ALONE = f"""if True:
    import os, sys
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: int(sys.argv[2])]))
    import numpy as np
    from reproduce.engine.jobs import Job
    from reproduce.engine.store import Store
    from reproduce.engine.study import Study

    study = Study("bundled", "smoke", 0, sys.argv[1], store=Store(sys.argv[1] + "/store"), workers=1)
    picture = np.arange(128 * 128 * 3, dtype=np.uint8).reshape(1, 128, 128, 3)
    sweep = study.sweep("one", [Job("experiments.stages:purify", {IMPRESSED_WHOLE!r}, dict(images=picture))])
    study.save_rows("one", sweep.rows)
    print(sweep.images({{}}, "image").mul(255).sum(dtype=__import__("torch").float64).item())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or executors.cores() < 2, reason="needs two cores, and a system that can lend one")
def test_a_machine_with_one_core_gives_the_bytes_of_one_with_two(tmp_path):
    told = []
    for cores in ("1", "2"):
        command = [sys.executable, "-c", ALONE, str(tmp_path / cores), cores]
        ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(HERE.parent)}, capture_output=True, text=True, check=True)
        told.append((ended.stdout, (tmp_path / cores / "bundled-smoke" / "one.csv").read_bytes()))
    assert told[0] == told[1]


def calls(listed):
    return [(i, lambda job=job: worker.Call(job.work, job.values, {}, "fake", None, None)) for i, job in enumerate(listed)]


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(worker, "opened", lambda *_: fakelab.opener("fake"))
    fakelab.done.clear()


def test_a_call_that_runs_while_another_fails_is_kept(fake, monkeypatch):
    begun = []

    def work(profile, values, pictures):
        begun.append(values["image"])
        time.sleep(0.3 if values["image"] == 0 else 0)
        return fakelab.fail(profile, values, pictures)

    monkeypatch.setattr(fakelab, "work_or_fail", work, raising=False)
    kept = []
    with ThreadPoolExecutor(3) as executor, pytest.raises(ValueError, match="no such picture") as told:
        for number, _ in executors.run(calls(fakelab.jobs(40, "work_or_fail")), executor, workers=3):
            kept.append(number)
    assert told.value.number == 2 and {0, 1} <= set(kept) and len(begun) < 20, "no more were begun"


def test_few_calls_are_under_way_at_once(fake):
    class Patient:
        """An executor that computes when it is asked for the result."""

        most = waiting = 0

        def submit(self, function, call):
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            future = Future()
            future.set_result(function(call))
            return future

    patient = Patient()
    for _ in executors.run(calls(fakelab.jobs(30)), patient, workers=2):
        patient.waiting -= 1
    assert patient.most == executors.AHEAD * 2 and fakelab.done == list(range(30))


def test_a_worker_computes_on_one_thread_and_gives_the_others_back(fake, monkeypatch):
    import torch

    seen = []

    def threads(profile, values, pictures):
        seen.append(torch.get_num_threads())
        return fakelab.Result([])

    monkeypatch.setattr(fakelab, "threads", threads, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    worker.compute(worker.Call("fakelab:threads", {}, {}, "fake", None, None))
    assert seen == [1] and torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dusk=x", "executor: expected dask=ADDRESS or slurm, got 'dusk=x'"),
        ("dask=tcp://127.0.0.1:9", "executor dask: no scheduler at tcp://127.0.0.1:9"),
    ],
)
def test_an_executor_there_is_not_is_one_line(name, said, monkeypatch):
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    with pytest.raises(ValueError, match=said) as told, executors.opened(name, 2):
        pass
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("name", "library"), [("dask=x", "distributed"), ("slurm", "submitit")])
def test_a_library_that_is_not_installed_is_one_line(name, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ValueError, match=rf"{library} is not installed; pip install 'reproduce\[cluster\]'"), executors.opened(name, 2):
        pass


def test_slurm_computes_through_submitit(tmp_path, monkeypatch):
    import submitit

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder: submitit.LocalExecutor(folder))  # the same interface, without Slurm
    monkeypatch.setattr(executors, "SLURM", dict(timeout_min=5))
    job = worker.Call("experiments.stages:purify", PURIFIED, {"images": PICTURE}, "bundled", "cpu", "float32")
    with executors.opened("slurm", 1) as executor:
        [(number, (rows, images, weights, _))] = list(executors.run([(0, lambda: job)], executor, workers=1))
    assert number == 0 and rows == [{"subject": "a"}] and images["image"].shape == (1, 32, 32, 3) and weights is None


def test_ctrl_c_ends_a_pool_and_what_is_done_is_kept(tmp_path):
    code = f"""if True:
        import sys
        from pathlib import Path
        import numpy as np
        from reproduce.engine.jobs import Job
        from reproduce.engine.store import Store
        from reproduce.engine.study import Study

        if __name__ == "__main__":
            study = Study("bundled", "smoke", 0, sys.argv[1], store=Store(sys.argv[1] + "/store"), workers=2)
            picture = np.zeros((1, 128, 128, 3), np.uint8)
            settings = {IMPRESSED!r}
            jobs = [Job("experiments.stages:purify", {PURIFIED!r} | settings | dict(seed=i), dict(images=picture)) for i in range(60)]
            study.sweep("slow", jobs)
    """
    path = tmp_path / "run.py"
    path.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    one = subprocess.Popen([sys.executable, str(path), str(tmp_path)], env=environment, stderr=subprocess.PIPE)
    deadline = time.time() + 120
    while len(list(tmp_path.glob("store/*/*.json"))) < 2 and time.time() < deadline:
        time.sleep(0.05)
    children = psutil.Process(one.pid).children(recursive=True)
    assert len(children) >= 2
    one.send_signal(signal.SIGINT)
    told = one.communicate(timeout=60)[1].decode().replace("\r", "\n")
    kept = len(list(tmp_path.glob("store/*/*.json")))
    assert f"interrupted: {kept} of 60 jobs kept; run the same command again to resume" in told and 2 <= kept < 60
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE], "nobody computes on"
