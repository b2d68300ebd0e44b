"""New versions of the files of a finished dataset, put in place together.

They are written into ``change/``, whose folders are those of a dataset. ``change/commit.json`` is written last; from then on the
change holds. The files are moved into place, the new ``dataset.json`` last. A change that is killed before leaves the dataset as it
was; one that is killed after is finished by the next command that writes into the dataset, and until then the dataset has no
``dataset.json``, so that no reader sees half of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hearsight.dataset.layout import Layout, read_json, write_json
from hearsight.errors import cannot_write
from hearsight.files import make_folder, rename_durably


class Change:
    """The new versions of some files of a dataset.

    Parameters
    ----------
    layout
        The dataset. What a killed change has left there, uncommitted, is removed.

    Attributes
    ----------
    staged
        Where the new versions are written.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.staged = Layout(layout.change)
        self.discard()
        make_folder(layout.change)

    def discard(self) -> None:
        """Remove the new versions; the dataset stays as it is."""
        try:
            if self._layout.change.exists():
                shutil.rmtree(self._layout.change)
        except OSError as error:
            raise cannot_write(self._layout.change, error) from error

    def find(self, path: Path) -> Path:
        """Return where a file of the dataset is now: its new version, or itself."""
        new = self._layout.change / path.relative_to(self._layout.folder)
        return new if new.exists() else path

    def list_staged(self) -> list[Path]:
        """Return the new versions."""
        return sorted(path for path in self._layout.change.rglob("*") if path.is_file())

    def commit(self, removed: Sequence[str] = ()) -> None:
        """Put the new versions in place, with a new ``dataset.json`` among them, and remove other files.

        The index and the agreement of the clips follow from the other files, and are removed.

        Parameters
        ----------
        removed
            Names of the files that the dataset has no longer.
        """
        moved = [path.relative_to(self._layout.change).as_posix() for path in self.list_staged()]
        write_json(self._layout.commit, {"moved": moved, "removed": list(removed)})
        finish_change(self._layout)


def finish_change(layout: Layout) -> None:
    """Finish a change that was killed after it was committed; do nothing where there is none.

    Raises
    ------
    MachineError
        When the files cannot be moved. The next call goes on.
    """
    if not layout.commit.exists():
        return
    record = read_json(layout.commit)
    manifest = layout.manifest.name
    try:
        if (layout.change / manifest).exists():
            layout.manifest.unlink(missing_ok=True)
        if layout.index.exists():
            shutil.rmtree(layout.index)
        layout.agreement.unlink(missing_ok=True)
        for name in record["removed"]:
            (layout.folder / name).unlink(missing_ok=True)
        for name in [*(one for one in record["moved"] if one != manifest), manifest]:
            if (layout.change / name).exists():
                make_folder((layout.folder / name).parent)
                rename_durably(layout.change / name, layout.folder / name)
        layout.commit.unlink()
        shutil.rmtree(layout.change)
    except OSError as error:
        raise cannot_write(layout.change, error) from error
