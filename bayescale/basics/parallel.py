"""Run many fits as tasks, in processes of this machine or on a cluster, and store each result when it is ready."""

import functools
import gc
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from hashlib import sha256
from importlib.metadata import version
from itertools import batched, chain
from pathlib import Path
from typing import Any

from bayescale.basics.errors import BackendError, OutputError
from bayescale.basics.files import root
from bayescale.basics.progress import bar

RETRIES = 3
"""How often in a row lost worker processes are replaced, without any finished task in between, before a study fails."""

_COMPUTING = ("numpy", "scipy", "pymc", "pytensor", "nutpie", "arviz", "scoringrules")
"""Packages whose version may change a result."""

_in_task: ContextVar[bool] = ContextVar("in_task", default=False)

_TURN = 4
"""Tasks per worker and batch, for a backend that cannot return results one by one."""

_DASK_TIMEOUT = 10.0
"""Seconds that a scheduler has to answer."""


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[str, tuple[Any, ...]],
    *,
    jobs: int | None = None,
    keep: str | Path | None = None,
    label: str = "fits",
    doing: str = "",
    progress: bool = False,
) -> dict[str, Any]:
    """Call a function once for every task, and return the results.

    Tasks are independent, have their own seeds and use one thread each, so the results do not depend on where and in
    which order they run. A task whose worker is killed runs again on another worker.

    Parameters
    ----------
    function : callable
        A function at module level whose results can be written as JSON.
    tasks : mapping
        Arguments of each call by key. The key identifies the task in ``keep``, so it must reflect everything that the
        result depends on: see :func:`fingerprint`.
    jobs : int, optional
        Number of processes on this machine. By default one, or as set by :func:`backend` or ``joblib.parallel_config``.
    keep : path, optional
        File to which every result is added as soon as it is ready, as one line of JSON. Tasks in it are not run
        again, so a stopped study resumes where it stopped.
    label : str
        What the progress bar counts.
    doing : str
        What the tasks are for, shown before that.
    progress : bool
        Whether to show a bar on standard error.

    Returns
    -------
    dict
        Results by key, in the order of the tasks.

    Raises
    ------
    BackendError
        If workers are lost repeatedly, or have another version of bayescale installed.
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
    with bar(f"{doing}{label}", len(tasks)) if progress else nullcontext(_silent) as show:
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
        "left: they may have run out of memory, so use fewer jobs"
    )


def _silent(done: int) -> None:
    """Show nothing."""


def cores() -> int | None:
    """Cores that a computation may use: one inside a task, because tasks use all cores; otherwise all, None.

    Examples
    --------
    >>> cores(), run_tasks(cores, {"inside": ()})
    (None, {'inside': 1})
    """
    return 1 if _in_task.get() else None


def fingerprint(*parts: Any) -> str:
    """A key for a task: a digest of its inputs, of the code and data of bayescale, and of the numerical libraries.

    Parameters
    ----------
    *parts
        Plain values, arrays and tables; arrays and tables enter with their content and memory layout.

    Examples
    --------
    >>> fingerprint("chinchilla", 0) == fingerprint("chinchilla", 0), len(fingerprint("chinchilla", 1))
    (True, 40)
    """
    from joblib import hash as digest

    return str(digest((_shipped(), *parts), hash_name="sha1"))


@functools.cache
def _shipped() -> tuple[str, ...]:
    """Everything besides the task that results depend on: code, laws and tables of bayescale, and library versions."""
    folders = (Path(__file__).parent, root("models"), root("datasets"))
    files = sorted(
        {file for folder in folders for ending in ("py", "csv", "toml") for file in folder.rglob(f"*.{ending}")}
    )
    digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"bayescale {digest[:12]}", *(f"{name} {version(name)}" for name in _COMPUTING)


def backend(address: str | None) -> AbstractContextManager[None]:
    """Send the work of studies to a cluster, within a ``with`` block.

    Parameters
    ----------
    address : str or None
        ``dask://host:port`` of a Dask scheduler or ``ray://host:port`` of a Ray cluster, whose workers have bayescale
        installed; without a host, a cluster of this machine's cores is started for the block. None changes nothing.

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
    """Key and result, as JSON, of every task, in the order in which tasks finish."""
    from joblib import Parallel, delayed, effective_n_jobs

    calls = (delayed(_alone)((function, key, arguments, _shipped())) for key, arguments in tasks.items())
    # One task per batch, so that a lost worker costs one task; JSON, because a resumed study reads the same text.
    try:
        results = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(calls)
    except ValueError as error:
        if "return_as" not in str(error):
            raise
        # Ray's backend returns only whole lists, so tasks are sent in batches.
        turns = batched(calls, _TURN * effective_n_jobs(jobs or -1))
        results = chain.from_iterable(Parallel(n_jobs=jobs, batch_size=1)(turn) for turn in turns)
    while True:
        with warnings.catch_warnings():
            # joblib replaces workers that grew by their imports; its warning would be an error in a thread.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            found = next(results, None)
        if found is None:
            return
        yield found


def _alone(call: tuple[Callable[..., Any], str, tuple[Any, ...], tuple[str, ...]]) -> tuple[str, str]:
    """Make a call in one thread, because there are as many simultaneous calls as cores.

    The call is one tuple so that Dask sends it with the task: data that it distributes beforehand is lost with its
    worker.
    """
    import scipy.linalg  # noqa: F401 - its threads can be limited only after its import
    from threadpoolctl import threadpool_limits

    function, key, arguments, shipped = call
    if differing := sorted(set(shipped) ^ set(_shipped())):
        raise BackendError(
            f"a worker has other versions of bayescale or of libraries ({', '.join(differing)}): install the same"
        )
    entered = _in_task.set(True)
    try:
        with threadpool_limits(limits=1):
            return key, json.dumps(function(*arguments))
    finally:
        _in_task.reset(entered)


def _kept(path: Path | None) -> Iterator[tuple[str, Any]]:
    """Results in a file; a truncated line is ignored."""
    if path is None or not path.exists():
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read as stored results ({error}): give another file or folder") from error
    for line in lines:
        try:
            entry = json.loads(line)
            key, result = str(entry["task"]), entry["result"]
        except (ValueError, KeyError, TypeError):
            continue
        yield key, result


def _add(path: Path, key: str, text: str) -> None:
    """Add a result to a file; a truncated last line is ended first."""
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
        raise OutputError(f"{path}: results cannot be stored there ({error.strerror or error})") from error


_KEEP_MEMORY = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**30,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,  # the largest value that glibc accepts
}
"""Settings for workers started here: freed memory stays with the process for the next array.

By default Dask returns blocks above 64 KiB to the kernel, and a fit, with arrays of a few megabytes, then spends half
of its time waiting for the kernel.
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
        client = None
        with suppress(OSError, ValueError):
            where = f"tcp://{place}" if place else stack.enter_context(LocalCluster(threads_per_worker=1))
            client = stack.enter_context(Client(where, timeout=_DASK_TIMEOUT, set_as_default=False))
        if client is None:
            # A client that found no scheduler closes itself when it is collected. While another one starts, that would
            # wait for a lock that is held by the start without end.
            gc.collect()
            raise BackendError(f"no Dask scheduler answers at {place}: start one with `dask scheduler`")
        try:
            with parallel_config("dask", client=client):
                yield
        except KilledWorker as error:
            raise BackendError(f"Dask gave up on a task: {error}") from error


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
                raise BackendError(
                    f"no Ray cluster answers at {place}: start one with `ray start` as its head"
                ) from error
            stack.callback(ray.shutdown)
        with parallel_config("ray"):
            yield


_CLUSTERS: dict[str, Callable[[str], AbstractContextManager[None]]] = {"dask": _dask, "ray": _ray}
