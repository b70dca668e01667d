"""`tapeback init`: the bots and settings to start from, in the user's own folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from tapeback.errors import OutputError
from tapeback.utils.starter import starter_folder

_FOLDERS = {"strats": ".py", "configs/active": ".yaml"}


@click.command("init", short_help="Write bots and settings to start from.")
@click.argument("directory", default=".", metavar="[DIR]")
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
def command(directory: str, *, force: bool) -> None:
    """Write strats/ (bots) and configs/active/ (settings) into DIR, by default this folder.

    Files that are there stay as they are.
    """
    target = Path(directory)
    kept = 0
    for name, content in _starter_files():
        path = target / name
        if not path.exists():
            verb = "wrote"
        elif path.is_file() and path.read_bytes() == content:
            verb = "unchanged"
        else:
            verb = "replaced" if force else "kept yours"
        if verb in ("wrote", "replaced"):
            _write(path, content)
        kept += verb == "kept yours"
        click.echo(f"{verb:10}  {path}")
    if kept:
        click.echo(f"{kept} of your files differ from ours and were kept; --force replaces them.")
    where = "" if target.resolve() == Path.cwd() else f"cd {directory} && "
    click.echo(f"Next: {where}tapeback run grid --data synthetic")


def _starter_files() -> Iterator[tuple[str, bytes]]:
    """The files by their path in the user's folder: out of the wheel, or of the checkout."""
    root = starter_folder()
    for folder, suffix in _FOLDERS.items():
        for file in sorted((root / folder).iterdir(), key=lambda item: item.name):
            if file.name.endswith(suffix):
                yield f"{folder}/{file.name}", file.read_bytes()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            remedy="Name a folder that you may write to.",
        ) from None
