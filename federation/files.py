"""Files of ours that are there whole or not at all, whenever the process or the power fails.

Each is drafted beside its place, written down, and then moved there by one step.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from federation.errors import ConfigurationError


def create_file(file: Path, content: bytes, *, like: Path | None = None) -> bool:
    """Write a new file with mode 0600, whole or not at all; False if one is there already.

    Args:
        file: Where; missing directories are made.
        content: What.
        like: A file whose owner and mode it gets in place of ours and 0600.

    Raises:
        ConfigurationError: ``keys.file``: the directory cannot be written.
    """
    with _drafted(file, content, like) as draft:
        try:
            os.link(draft, file)  # unlike a rename, it fails where a file is already there
        except FileExistsError:
            return False
        _settle(file.parent)
    return True


def replace_file(file: Path, content: bytes) -> None:
    """Put new content in the place of a file, at once, with the owner and mode that it had.

    Raises:
        ConfigurationError: ``keys.file``: the directory cannot be written.
    """
    with _drafted(file, content, file) as draft:
        draft.replace(file)
        _settle(file.parent)


def remove_file(file: Path) -> None:
    """Remove a file, for good even where the power fails next.

    Raises:
        ConfigurationError: ``keys.file``.
    """
    try:
        file.unlink(missing_ok=True)
        _settle(file.parent)
    except OSError as error:
        raise _unwritable(file, error) from None


@contextlib.contextmanager
def _drafted(file: Path, content: bytes, like: Path | None) -> Iterator[Path]:
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            if like is not None:
                known, made = like.stat(), os.fstat(handle.fileno())
                if (known.st_uid, known.st_gid) != (made.st_uid, made.st_gid):
                    os.fchown(handle.fileno(), known.st_uid, known.st_gid)
                os.fchmod(handle.fileno(), stat.S_IMODE(known.st_mode))
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        yield draft
    except OSError as error:
        raise _unwritable(file, error) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _settle(directory: Path) -> None:
    """Have the names in a directory written down before the next step."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(file: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError("keys.file", f"{file} cannot be written ({error.strerror})")
