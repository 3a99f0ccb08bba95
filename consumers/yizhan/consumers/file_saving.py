"""Opens and saves a complete attached file.

Rule 1: nothing is overwritten; a saved file has a cleaned name and mode 0600, and gets its name only after its hash
        and type were checked against the event. It is never executed, unpacked or shown.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from yizhan.runtime.folders import sync_folder
from yizhan.schemas.errors import FileRefused
from yizhan.schemas.files import chunk_bytes, chunk_count, open_chunk
from yizhan.schemas.filetypes import media_type
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.common import Attachment
from yizhan.schemas.sentences import os_error

_ONE_NAME: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What file systems say where a file has one name only: memory sticks, some network drives."""


def save_file(
    sealed: Path, attachment: Attachment, folder: Path, progress: Callable[[int, int], None] = lambda _a, _b: None
) -> Path:
    """Open a file whose sealed chunks are all at ``sealed``; write it into a folder under its cleaned name.

    Nothing is overwritten. ``progress`` is called with bytes written and bytes in all.


    Raises:
        FileRefused: another content or type than the event says, or the name is taken.
    """
    target = folder / attachment.name
    part = folder / f".yizhan-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                open_file(sealed, attachment, stream, progress)
                stream.flush()
                os.fsync(stream.fileno())
            _give_name(part, target)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(folder)
    except FileExistsError:
        sentence = marked("{path} 已经有了，不覆盖；请换一个目录")
        raise FileRefused("exists", sentence, path=target) from None
    except OSError as error:
        raise FileRefused("unreadable", f"{target}: {os_error(error)}") from error
    return target


def open_file(
    sealed: Path,
    attachment: Attachment,
    stream: BinaryIO,
    progress: Callable[[int, int], None] = lambda _a, _b: None,
) -> None:
    """Open a file whose sealed chunks are all at ``sealed`` into a stream that can be read again.

    Raises:
        FileRefused: another content or type than the event says.
        OSError: it cannot be read or written.
    """
    _open_into(sealed, stream, attachment, progress)
    _check_type(stream, attachment)


def _open_into(sealed: Path, stream: BinaryIO, attachment: Attachment, progress: Callable[[int, int], None]) -> None:
    if attachment.sealed is None:
        raise FileRefused("incomplete", marked("{name}：没有随文书密封"), name=attachment.name)
    key = bytes.fromhex(attachment.sealed.key)
    count, digest, left = chunk_count(attachment.bytes), hashlib.sha256(), attachment.bytes
    with sealed.open("rb") as chunks:
        for index in range(count):
            chunk = chunks.read(chunk_bytes(attachment.bytes, index))
            plain = open_chunk(key, index, chunk, last=index == count - 1)[:left]
            left -= len(plain)
            digest.update(plain)
            stream.write(plain)
            progress(attachment.bytes - left, attachment.bytes)
    if digest.hexdigest() != attachment.sha256:
        sentence = _("{name}：文书里的指纹是 {said}…，打开得到 {got}…，没有写出；请发件县核对后重新附上")
        values = {"name": attachment.name, "said": attachment.sha256[:16], "got": digest.hexdigest()[:16]}
        raise FileRefused("hash", sentence.format(**values))


def _give_name(part: Path, target: Path) -> None:
    """Give a file its name, unless the name exists (``FileExistsError``)."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in _ONE_NAME:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        part.replace(target)


def _check_type(stream: BinaryIO, attachment: Attachment) -> None:
    """Check that the content has the type that the event says: the sender may be careless or malicious."""
    name = attachment.name
    found = media_type(stream, name)
    if found != attachment.media_type:
        sentence = marked("{name}：文书说是 {said}，内容却是 {got}，没有写出；请问发件县")
        raise FileRefused("type", sentence, name=name, said=attachment.media_type, got=found)
