"""Writing files so that nothing half-written is ever left under the name that was asked for."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayescale.errors import OutputError

FIGURE_ENDINGS = (".png", ".svg", ".pdf")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and put it in place once the block has ended well.

    Parameters
    ----------
    path : Path
        Where the finished file goes; a file that is there stays whole until it is replaced.

    Raises
    ------
    OutputError
        If the folder is missing or the file cannot be written there.
    """
    check_output(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}): choose a folder that you may write to"
        ) from None
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
    """Refuse a name that no file can be written under, before the work that it is to hold is done.

    Parameters
    ----------
    path : Path
    endings : tuple of str
        What the name may end in, such as ``.png``; anything if there are none.

    Raises
    ------
    OutputError
    """
    if endings and path.suffix not in endings:
        raise OutputError(f"{path}: the name of such a file ends in {', '.join(endings)}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist: create it first")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder: give the name of a file")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
