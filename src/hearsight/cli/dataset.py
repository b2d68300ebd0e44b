"""The command that changes a finished dataset: withdraw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import LOOP, AsJson, Parameter, app


@app.command(group=LOOP)
def withdraw(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` or `hearsight label` wrote")],
    sources: Annotated[
        list[str], Parameter(negative="", help="paths of media, ids of published lists, or UUIDs of media")
    ],
    /,
    *,
    runs: Annotated[
        list[Path] | None,
        Parameter(
            name="--runs",
            negative="",
            help="folder in which to look for runs and datasets that were made from this dataset; repeatable",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove media from a dataset, for example because the people in them ask for it.

    Sound, labels, fingerprints, rejections and provenance of the media are removed, from every file and index. A digest of
    their bytes, paths and ids is recorded in `withdrawn.json`, so that no later build takes them into this dataset again. Clips
    that stay are unchanged; the label policy is applied to them anew. If the command is killed, the dataset is as it was before, or
    the same command finishes the change.

    ```
    hearsight withdraw dataset videos/party.mp4 --runs runs/
    ```

    With `--runs`, the runs that were trained with what is removed are listed, and the datasets that contain it too because they
    were labelled again or mixed from this one.
    """
    from hearsight.console import print_json, print_lines
    from hearsight.dataset.changes.derived import find_derived
    from hearsight.dataset.changes.withdraw import withdraw_sources
    from hearsight.studies.runs import find_trained

    folders = runs or []
    trained = find_trained(folders, ())  # a folder that is not there is noticed before anything is removed
    report = withdraw_sources(dataset, sources)
    derived = find_derived(folders, report.digests_before)
    trained = find_trained(folders, (*report.digests_before, *derived.values()))
    if as_json:
        found = {"runs": [str(path) for path in trained], "datasets": [str(path) for path in derived]}
        print_json(report.as_json() | (found if folders else {}))
        return
    print_lines(report.describe())
    print_lines(f"trained with it: {path}" for path in trained)
    print_lines(f"made from it, withdraw there too: {path}" for path in derived)
    if folders and not trained and not derived:
        print_lines([f"no run or dataset in {', '.join(map(str, folders))} was made from it"])
