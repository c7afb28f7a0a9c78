"""Running jobs one by one or on an executor, with a progress bar that a parent process can show."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator


def run(jobs, todo, work, executor=None) -> Iterator[tuple[int, object, float]]:
    """Yield (job number, result, seconds) for the job numbers `todo` as they finish.

    Raises RuntimeError, naming the job, when one fails: jobs not started are then cancelled, those that run are
    waited for and yielded first, so that no finished work is lost.
    """
    if executor is None:
        for i in todo:
            yield i, *_outcome(lambda i=i: _timed(work, jobs[i]), i, jobs)
        return
    pending = {i: executor.submit(_timed, work, jobs[i]) for i in todo}
    failure = None
    try:
        while pending:
            ready = [i for i, future in pending.items() if future.done()]
            for i in ready:
                try:
                    yield i, *_outcome(pending.pop(i).result, i, jobs)
                except RuntimeError as error:
                    failure = failure or error
                    pending = {k: future for k, future in pending.items() if not future.cancel()}
                    break  # `ready` may name cancelled ones
            if not ready:
                time.sleep(0.02)  # asking, not waiting: cluster futures know done() only
        if failure:
            raise failure
    finally:
        for future in pending.values():
            future.cancel()


def _outcome(call, i, jobs):
    try:
        return call()
    except Exception as error:
        text = f"job {i + 1} of {len(jobs)} {jobs[i]} failed: {type(error).__name__}: {error}"
        raise RuntimeError(text) from error


def _timed(work, job):
    start = time.perf_counter()
    return work(job), time.perf_counter() - start


def progress(name: str, total: int, done: int):
    """A tqdm bar with time left, of which `done` of `total` count as past."""
    from tqdm import tqdm

    stream = _stream()
    live = os.environ.get("REPRODUCE_PROGRESS_TTY", "1" if stream.isatty() else "0") == "1"
    interval = 0.2 if live else 15.0  # a log file wants few lines
    return tqdm(
        total=total, initial=done, desc=name, unit="job", file=stream, ncols=100, mininterval=interval
    )


def say(line: str) -> None:
    """One line to wherever the progress goes."""
    print(line, file=_stream(), flush=True)


def _stream():
    """Where progress goes: to the terminal of the run that started this kernel, else to standard error."""
    path = os.environ.get("REPRODUCE_PROGRESS")
    return open(path, "a", buffering=1) if path else sys.stderr  # noqa: SIM115 (lives as long as the bar)
