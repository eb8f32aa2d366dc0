"""Write files atomically: an output file is either complete or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayescale.basics.errors import OutputError

FIGURE_ENDINGS = (".png", ".svg", ".pdf")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and rename it to ``path`` when the block succeeds.

    Parameters
    ----------
    path : Path
        Where the finished file goes; an existing file stays intact until it is replaced.

    Raises
    ------
    OutputError
        If the folder is missing or the file cannot be written there.
    """
    check_output(path)
    try:
        # The name shows what the file is if a killed process leaves it behind.
        handle, name = tempfile.mkstemp(prefix=f".unfinished-{path.stem[:50]}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: Path, endings: tuple[str, ...] = ()) -> None:
    """Refuse a path that cannot be written, before the work whose result it will hold.

    Parameters
    ----------
    path : Path
    endings : tuple of str
        Allowed endings of the name, such as ``.png``; if empty, any ending.

    Raises
    ------
    OutputError
    """
    if endings and path.suffix not in endings:
        raise OutputError(f"{path}: a file of this kind ends in {', '.join(endings)}")
    # os.path functions, because the methods of Path raise for names that no file can have.
    if not os.path.isdir(path.parent):
        raise OutputError(f"{path}: the folder {path.parent} does not exist: create it first")
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder: give the name of a file")
    try:
        usual = not path.exists() or path.is_file()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    if not usual:
        raise OutputError(f"{path}: is a device or pipe, which would be replaced: give the name of a file")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written (Permission denied): choose a folder that you may write to")


def _unwritable(path: Path, error: OSError | ValueError) -> OutputError:
    reason = error.strerror if isinstance(error, OSError) else error
    return OutputError(f"{path}: cannot be written ({reason}): choose a folder that you may write to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def root(kind: str) -> Path:
    """Folder of the shipped ``"models"`` or ``"datasets"``: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / kind
    return installed if installed.is_dir() else package.parent / kind
