"""Many fits: tasks run in processes of this machine or on a cluster, and what they find is kept as they end."""

import functools
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from hashlib import sha256
from importlib.metadata import version
from itertools import batched, chain
from pathlib import Path
from typing import Any

from bayescale.basics.errors import BackendError, OutputError
from bayescale.basics.files import root

RETRIES = 3
"""How often lost worker processes are replaced, without a task that ended in between, before a study gives up."""

_COMPUTING = ("numpy", "scipy", "pymc", "pytensor", "nutpie", "arviz", "scoringrules")
"""Packages whose version may change a number."""

_in_task: ContextVar[bool] = ContextVar("in_task", default=False)

_TURN = 4
"""Tasks for each worker of a backend that cannot give results one by one."""

_DASK_TIMEOUT = 10.0
"""Seconds in which a scheduler has to answer."""


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[str, tuple[Any, ...]],
    *,
    jobs: int | None = None,
    keep: str | Path | None = None,
    label: str = "fits",
    progress: bool = False,
) -> dict[str, Any]:
    """Call a function once for every task, and return what each call found.

    Tasks are independent, have seeds of their own and use one thread each, so that where and in which order they run
    changes no number. A task whose worker is killed runs again on another one.

    Parameters
    ----------
    function : callable
        Of a module; what it returns must be writable as JSON.
    tasks : mapping
        Arguments of each call by a key. The key names the task in ``keep``, so it must tell all that the result depends
        on: see :func:`fingerprint`.
    jobs : int, optional
        Processes of this machine. By default one, or what :func:`backend` or a ``joblib.parallel_config`` provides.
    keep : path, optional
        File to which every result is added as soon as it is there, a line of JSON each. Tasks that it holds are not
        run again, so that a study that was stopped goes on where it was.
    label : str
        What the progress bar counts.
    progress : bool
        Whether to show a bar on standard error.

    Returns
    -------
    dict
        Results by key, in the order of the tasks.

    Raises
    ------
    BackendError
        If workers are lost again and again, or have another bayescale installed.
    OutputError
        If ``keep`` cannot be read or written.

    Examples
    --------
    >>> import math
    >>> run_tasks(math.sqrt, {"four": (4,), "nine": (9,)})
    {'four': 2.0, 'nine': 3.0}
    """
    path = None if keep is None else Path(keep)
    found = {key: result for key, result in _kept(path) if key in tasks}
    if path is not None:
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    with _bar(label, len(tasks), progress) as show:
        show(len(found))
        losses = 0
        while losses <= RETRIES:
            left = {key: arguments for key, arguments in tasks.items() if key not in found}
            try:
                for key, text in _finished(function, left, jobs):
                    if path is not None:
                        _add(path, key, text)
                    found[key] = json.loads(text)
                    show(len(found))
                return {key: found[key] for key in tasks}
            except BrokenProcessPool:
                losses = losses + 1 if len(left) == len(tasks) - len(found) else 1
    raise BackendError(
        f"worker processes were killed {losses} times in a row, with {len(tasks) - len(found)} of {len(tasks)} {label} "
        "left: is there memory for so many? Use fewer jobs"
    )


def cores() -> int | None:
    """Cores that a computation may use: one inside a task, since there are as many of those at once as cores, or all.

    Examples
    --------
    >>> cores(), run_tasks(cores, {"inside": ()})
    (None, {'inside': 1})
    """
    return 1 if _in_task.get() else None


def fingerprint(*parts: Any) -> str:
    """A key for a task: a digest of what its result depends on, of what bayescale ships, and of what samples.

    Parameters
    ----------
    *parts
        Plain values, and arrays and tables, which count by their content and by how they lie in memory.

    Examples
    --------
    >>> fingerprint("chinchilla", 0) == fingerprint("chinchilla", 0), len(fingerprint("chinchilla", 1))
    (True, 40)
    """
    from joblib import hash as digest

    return str(digest((_shipped(), *parts), hash_name="sha1"))


@functools.cache
def _shipped() -> tuple[str, ...]:
    """What numbers depend on besides the task: code, laws and tables of bayescale, and what it computes with."""
    folders = (Path(__file__).parent, root("models"), root("datasets"))
    files = sorted(
        {file for folder in folders for ending in ("py", "csv", "toml") for file in folder.rglob(f"*.{ending}")}
    )
    digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"bayescale {digest[:12]}", *(f"{name} {version(name)}" for name in _COMPUTING)


def backend(address: str | None) -> AbstractContextManager[None]:
    """Send the work of studies elsewhere than to processes of this machine, within a ``with`` block.

    Parameters
    ----------
    address : str or None
        ``dask://host:port`` of a Dask scheduler or ``ray://host:port`` of a Ray cluster, whose workers have bayescale
        installed; without a place, a cluster of this machine's cores is started for the block. None changes nothing.

    Raises
    ------
    BackendError
        If the address cannot be read, its library is not installed, or nothing answers there.

    Examples
    --------
    >>> with backend(None):
    ...     run_tasks(abs, {"minus one": (-1,)})
    {'minus one': 1}
    >>> backend("spark://host")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.BackendError: backend 'spark://host': give dask://host:port, ray://host:port, or ...
    """
    if address is None:
        return nullcontext()
    scheme, separator, place = address.partition("://")
    if not separator or scheme not in _CLUSTERS:
        raise BackendError(f"backend {address!r}: give dask://host:port, ray://host:port, or dask:// alone")
    return _CLUSTERS[scheme](place)


def _finished(
    function: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]], jobs: int | None
) -> Iterator[tuple[str, str]]:
    """Key and result, as JSON, of every task, in the order in which they end."""
    from joblib import Parallel, delayed, effective_n_jobs

    calls = (delayed(_alone)((function, key, arguments, _shipped())) for key, arguments in tasks.items())
    # One task a batch, so that a lost worker costs one; the JSON is what a resumed study would read.
    try:
        results = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(calls)
    except ValueError as error:
        if "return_as" not in str(error):
            raise
        # Ray's backend gives whole lists only, so that tasks go by turns.
        turns = batched(calls, _TURN * effective_n_jobs(jobs or -1))
        results = chain.from_iterable(Parallel(n_jobs=jobs, batch_size=1)(turn) for turn in turns)
    while True:
        with warnings.catch_warnings():
            # Workers that have grown by what they import are replaced, which needs no word, and no error in a thread.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            found = next(results, None)
        if found is None:
            return
        yield found


def _alone(call: tuple[Callable[..., Any], str, tuple[Any, ...], tuple[str, ...]]) -> tuple[str, str]:
    """Make a call in one thread, since there are as many such calls at once as cores.

    It comes as one tuple, which Dask sends with the task: what it would spread beforehand is lost with its worker.
    """
    import scipy.linalg  # noqa: F401 - its threads can be limited only once it is there
    from threadpoolctl import threadpool_limits

    function, key, arguments, shipped = call
    if differing := sorted(set(shipped) ^ set(_shipped())):
        raise BackendError(
            f"a worker has another bayescale or other libraries ({', '.join(differing)}): install the same"
        )
    entered = _in_task.set(True)
    try:
        with threadpool_limits(limits=1):
            return key, json.dumps(function(*arguments))
    finally:
        _in_task.reset(entered)


def _kept(path: Path | None) -> Iterator[tuple[str, Any]]:
    """Results in a file; a line that was cut short is as if it were not there."""
    if path is None or not path.exists():
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read as kept results ({error}): give another file or folder") from error
    for line in lines:
        try:
            entry = json.loads(line)
            key, result = str(entry["task"]), entry["result"]
        except (ValueError, KeyError, TypeError):
            continue
        yield key, result


def _add(path: Path, key: str, text: str) -> None:
    """Add a result to a file; one that was cut short there is closed off first."""
    with _writing(path), path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        broken = file.read(1) not in (b"", b"\n")
        file.write(f'{"\n" if broken else ""}{{"task": {json.dumps(key)}, "result": {text}}}\n'.encode())


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: results cannot be kept there ({error.strerror or error})") from error


@contextmanager
def _bar(label: str, total: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """A function that shows how many of all are done."""
    if not progress:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task(label, total=total)
        yield lambda done: shown.update(task, completed=done)


_KEEP_MEMORY = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**30,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,  # the most that glibc takes
}
"""Of workers that are started here: freed memory stays with the process for the next array.

Dask gives it back from 64 KiB on, and a fit's arrays of some megabytes then wait for the kernel half of the time.
"""


@contextmanager
def _dask(place: str) -> Iterator[None]:
    try:
        import dask
        from distributed import Client, LocalCluster
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise BackendError("a Dask backend needs dask: pip install 'bayescale[dask]'") from None
    from joblib import parallel_config

    with ExitStack() as stack, dask.config.set(_KEEP_MEMORY):
        try:
            where = f"tcp://{place}" if place else stack.enter_context(LocalCluster(threads_per_worker=1))
            client = stack.enter_context(Client(where, timeout=_DASK_TIMEOUT, set_as_default=False))
        except (OSError, ValueError) as error:
            raise BackendError(f"no Dask scheduler answers at {place}: start one by `dask scheduler`") from error
        try:
            with parallel_config("dask", client=client):
                yield
        except KilledWorker as error:
            raise BackendError(f"Dask gave a task up: {error}") from error


@contextmanager
def _ray(place: str) -> Iterator[None]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise BackendError("a Ray backend needs ray: pip install 'bayescale[ray]'") from None
    from joblib import parallel_config

    register_ray()
    with ExitStack() as stack:
        if not ray.is_initialized():
            try:
                ray.init(f"ray://{place}" if place else None, log_to_driver=False)
            except ConnectionError as error:
                raise BackendError(f"no Ray cluster answers at {place}: start one by `ray start --head`") from error
            stack.callback(ray.shutdown)
        with parallel_config("ray"):
            yield


_CLUSTERS: dict[str, Callable[[str], AbstractContextManager[None]]] = {"dask": _dask, "ray": _ray}
