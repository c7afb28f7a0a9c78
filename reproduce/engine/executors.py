"""Who computes: this process, a pool of processes, Dask or Slurm; and progress that a parent process can show."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from . import worker

PATIENCE = 10  # seconds that a Dask scheduler may take to answer
SLURM = dict(name="reproduce", cpus_per_task=1, mem_gb=4, timeout_min=60)  # what a worker is asked for
AHEAD = 2  # calls under way for each worker: the next one waits at its door, and pictures of no more are in memory


def run(calls: Iterable[tuple[int, Callable[[], worker.Call]]], executor=None, *, workers=1, profile=None) -> Iterator[tuple[int, tuple]]:
    """Yield (number, (rows, pictures, weights, seconds)) of calls as they finish.

    calls: (number, function that makes the call), made when its turn comes. executor: any with submit(function, argument) whose futures
    know done(), result() and cancel(); None computes here, with the opened `profile` if one is given. When a call fails no more are
    begun; those that run are waited for and yielded first, so that no finished work is lost, then its error is raised, with the
    call's number as its attribute `number`.
    """
    if executor is None:
        for number, make in calls:
            try:
                done = worker.compute(make(), profile)
            except Exception as error:
                error.number = number
                raise
            yield number, done
        return
    waiting, pending, failure = iter(calls), {}, None
    try:
        while True:
            while failure is None and len(pending) < AHEAD * workers and (one := next(waiting, None)):
                pending[one[0]] = executor.submit(worker.compute, one[1]())
            if not pending:
                break
            ready = [number for number, future in pending.items() if future.done()]
            for number in ready:
                try:
                    yield number, pending.pop(number).result()
                except Exception as error:
                    error.number = number
                    failure = failure or error
            if failure is not None:
                pending = {number: future for number, future in pending.items() if not future.cancel()}
            if not ready:
                time.sleep(0.02)  # asking, not waiting: futures of clusters know done() only
        if failure:
            raise failure
    finally:
        for future in pending.values():
            future.cancel()


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def opened(name: str | None, workers: int):
    """An executor by name for a while: None (a pool of `workers` processes, or no executor for one), "dask=ADDRESS", "slurm".

    ValueError, one line: another name, a library that is not installed, a scheduler that does not answer.
    """
    if name is None:
        if workers == 1:
            yield None
            return
        pool = _pool(workers)
        try:
            yield pool
        except BaseException:
            _kill(pool)
            raise
        pool.shutdown()
    elif name.startswith("dask="):
        with _dask(name.removeprefix("dask=")) as executor:
            yield executor
    elif name == "slurm":
        yield _slurm()
    else:
        raise ValueError(f"executor: expected dask=ADDRESS or slurm, got {name!r}")


def _pool(workers: int) -> ProcessPoolExecutor:
    """Processes that start from one which has imported what they need, where the system can do that."""
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([f"{__package__}.preload"])
    return ProcessPoolExecutor(workers, context, worker.begin)


def _kill(pool) -> None:
    """End a pool at once: what its processes compute is not wanted any more."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


@contextlib.contextmanager
def _dask(address: str):
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("executor dask: distributed is not installed; pip install 'reproduce[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        told = " ".join(str(error).split())
        raise ValueError(f"executor dask: no scheduler at {address} ({told}); start one with dask scheduler") from None
    with client, client.get_executor(pure=False) as executor:
        yield executor


def _slurm():
    try:
        import submitit
    except ImportError:
        raise ValueError("executor slurm: submitit is not installed; pip install 'reproduce[cluster]'") from None
    executor = submitit.AutoExecutor(folder=".cache/slurm")
    executor.update_parameters(**SLURM)
    return executor


def progress(name: str, total: int, done: int):
    """A tqdm bar with time left, of which `done` of `total` count as past."""
    from tqdm import tqdm

    stream = _stream()
    live = os.environ.get("REPRODUCE_PROGRESS_TTY", "1" if stream.isatty() else "0") == "1"
    interval = 0.2 if live else 15.0  # a log file wants few lines
    return tqdm(total=total, initial=done, desc=name, unit="job", file=stream, ncols=100, mininterval=interval)


def say(line: str) -> None:
    """One line to wherever the progress goes."""
    print(line, file=_stream(), flush=True)


def _stream():
    """Where progress goes: to the terminal of the run that started this kernel, else to standard error."""
    path = os.environ.get("REPRODUCE_PROGRESS")
    return open(path, "a", buffering=1) if path else sys.stderr  # noqa: SIM115 (lives as long as the bar)
