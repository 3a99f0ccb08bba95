"""Fetch the libraries that the desk's pages use, with ``npm pack``, and check them: ``make vendor``.

The table is ``static/vendor/vendor.toml``; a test compares the files with it. A new version is a
new row there, with its hashes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parent / "yizhan" / "desk" / "static" / "vendor"


def main() -> None:
    """Fetch each library of the table into its folder; stop where a file is not the one that the table names."""
    table = tomllib.loads((VENDOR / "vendor.toml").read_text("utf-8"))["library"]
    for library in table:
        package = f"{library['name']}@{library['version']}"
        data = _packed(package)
        _check(library, data)
        folder = VENDOR / library["folder"]
        shutil.rmtree(folder, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for file in library["files"]:
                _unpack(archive, file, folder)
        print(f"{package}: {len(library['files'])} files")


def _packed(package: str) -> bytes:
    """Return the archive of a package, as the registry gives it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", package, "--json"]
        answer = subprocess.run(command, check=True, capture_output=True, cwd=folder)
        name: str = json.loads(answer.stdout)[0]["filename"]
        return (Path(folder) / name).read_bytes()


def _check(library: dict[str, Any], data: bytes) -> None:
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != library["integrity"]:
        sys.exit(f"{library['name']}: expected the archive {library['integrity']}; got {found}; nothing was unpacked")


def _unpack(archive: tarfile.TarFile, file: dict[str, str], folder: Path) -> None:
    member = archive.extractfile(f"package/{file['from']}")
    assert member is not None  # noqa: S101 -- a name of the table
    data = member.read()
    if file["name"].endswith(".js"):  # browsers would ask for a map that is not here
        data = b"\n".join(line for line in data.split(b"\n") if not line.startswith(b"//# sourceMappingURL"))
    if (found := hashlib.sha256(data).hexdigest()) != file["sha256"]:
        sys.exit(f"{file['name']}: expected SHA-256 {file['sha256']}; got {found}")
    target = folder / file["name"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


if __name__ == "__main__":
    main()
