"""The commands that collect videos: fetch, and query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import LOOP, Amount, AsJson, ConfigFile, Count, Override, Parameter, app, print_summary


@app.command(group=LOOP)
def fetch(
    videos: Annotated[Path, Parameter(help="a list: AudioSet, VGGSound, Kinetics, addresses, …; see hearsight build")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the folder of the downloaded files")],
    per_hour: Annotated[Amount | None, Parameter(help="downloads that may start in an hour; 250 by default")] = None,
    limit: Annotated[Count | None, Parameter(help="maximum number of videos that this run downloads")] = None,
    retry_blocked: Annotated[
        bool | None, Parameter(negative="", help="try videos again that were blocked by region or account")
    ] = None,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Download the videos of a list.

    `hearsight build LIST --media-root FOLDER` finds the downloaded files. A URL of a file is downloaded directly. YouTube and other
    sites need yt-dlp (the extra `fetch`), and YouTube also a JavaScript runtime. Before it begins, the command prints how long the
    list will take at the allowed rate.

    ```
    hearsight fetch balanced_train_segments.csv --out youtube/
    ```

    The same command continues an interrupted run. `fetch.jsonl` in the folder lists the outcome of each: `done`, `gone` (never
    tried again), `blocked` (tried again with `--retry-blocked`) or `failed` (tried again by the next run). If the server refuses
    further requests, the command waits longer each time, and then ends with exit code 5. You are responsible for what you download.
    """
    from hearsight.config import FetchConfig, load_config
    from hearsight.errors import WorkerError
    from hearsight.media.download.fetch import fetch_list

    given = {"per_hour": per_hour, "limit": limit, "retry_blocked": retry_blocked}
    summary = fetch_list(videos, out, load_config(FetchConfig, "fetch", config, overrides or (), **given))
    print_summary(summary, as_json)
    if summary.num_failed:
        raise SystemExit(WorkerError.exit_code)


@app.command(group=LOOP)
def query(
    queries: Annotated[Path, Parameter(help="a text file with one query a line, such as popular tags")],
    /,
    *,
    lister: Annotated[str, Parameter(help="name of the package's lister that searches a site")],
    out: Annotated[Path, Parameter(help="the list that is written, a .csv file")],
    per_query: Annotated[Count, Parameter(help="the most videos of one query")] = 100,
    as_json: AsJson = False,
) -> None:
    """Make a list of videos from queries, as SoundNet's was made from popular tags and words of a dictionary.

    hearsight does not search any site itself. Another package does so, and offers a lister by the entry point group
    `hearsight.listers`. The list has the columns `id`, `url` and `labels` (the query). `hearsight fetch` reads it.

    ```
    hearsight query queries.txt --lister flickr --out list.csv
    ```
    """
    from hearsight.media.lists.queries import list_queries

    print_summary(list_queries(queries, lister, out, per_query=per_query), as_json)
