"""The commands that find: index and search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from hearsight.cli.application import WORK, Amount, AsJson, Count, Parameter, app, end_with, print_summary
from hearsight.cli.tag import STARTER, Files, Trained, With

Folder = Annotated[Path, Parameter(help="the folder that hearsight index wrote")]


@app.command(group=WORK)
def index(
    files: Files,
    /,
    *,
    out: Annotated[Path, Parameter(help="folder of the index; recordings that it has already stay in it")],
    model: Trained = STARTER,
    metadata: Annotated[
        Path | None, Parameter(help="CSV with a column file and further columns, which --where can use")
    ] = None,
    hop: Annotated[
        Amount | None, Parameter(help="seconds between the starts of segments; less than a segment overlaps them")
    ] = None,
    only_failed: Annotated[bool, Parameter(negative="", help="try only those again that could not be read")] = False,
    force: Annotated[
        bool, Parameter(negative="", help="embed recordings again that were embedded with another --hop")
    ] = False,
    prune: Annotated[bool, Parameter(negative="", help="remove recordings whose files are gone")] = False,
    map: Annotated[
        bool, Parameter(negative="", help="compute a map: a place in a plane for each segment, by t-SNE")
    ] = False,
    atlas: Annotated[
        Path | None,
        Parameter(
            help="also write a .parquet file with map, neighbours and sound of each segment, for Embedding Atlas"
        ),
    ] = None,
    backend: With = "torch",
    workers: Annotated[Count, Parameter(help="number of processes, with one thread each; 1 uses all threads")] = 1,
    as_json: AsJson = False,
) -> None:
    """Index recordings, so that similar sounds can be searched for: the embedding of every segment, of files of any length.

    ```
    hearsight index recordings/ --out index
    hearsight index recordings/ --out index --metadata sites.csv --workers 2
    hearsight index recordings/ --out index --atlas atlas.parquet
    ```

    The same command continues a run that was stopped, adds new recordings and does changed ones again. A recording that cannot be
    read is listed with the reason. The time of a recording is read from its name, such as `SITE_20240517_043000.wav`.
    """
    from hearsight.listening.recordings import find_recordings
    from hearsight.search.atlas import check_atlas, write_atlas
    from hearsight.search.build import IndexOptions, index_recordings
    from hearsight.search.index import Index
    from hearsight.search.metadata import read_metadata

    failures: list[Any] = []
    recordings = find_recordings(files, failures)
    if not recordings:
        end_with(failures)
    table = None if metadata is None else read_metadata(metadata)
    if atlas is not None:
        check_atlas(atlas)
    options = IndexOptions(hop, workers, only_failed, prune, map or atlas is not None, backend, force)
    report = index_recordings(model, recordings, out, options, table)
    if atlas is not None and report.num_rows:
        write_atlas(Index.open(out), atlas)
    print_summary(report, as_json)
    end_with([*failures, *report.failures])


@app.command(group=WORK)
def search(
    query: Annotated[str, Parameter(help="a sound file, or FILE@START-END for a part of one, in seconds")],
    /,
    *,
    index: Folder,
    model: Annotated[str | None, Parameter(help="the model that made the index; by default where it was then")] = None,
    where: Annotated[
        str | None, Parameter(help="a condition in SQL on the columns of the index, as in \"site = 'north'\"")
    ] = None,
    top: Annotated[Count, Parameter(help="most segments")] = 20,
    format: Annotated[
        Literal["table", "json", "csv", "parquet", "audacity", "raven", "kaleidoscope", "srt", "vtt"] | None,
        Parameter(name="--format", help="how to print or write them; of a file by default by its suffix"),
    ] = None,
    out: Annotated[Path | None, Parameter(help="a file to write instead of printing")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the segments of an index that sound most like an example, the nearest first.

    ```
    hearsight search dog.wav --index index
    hearsight search night.wav@73.5-75 --index index --where "site = 'north' AND hour(time) < 6"
    ```

    The similarity is the cosine between embeddings, and the result is exact. Of an example with several segments, their mean is
    used. Rows of the example itself are left out. With `--json`, prints an array with one object per segment.
    """
    from hearsight.console import print_data, print_message, print_table
    from hearsight.listening.listener import load
    from hearsight.search.example import embed_example, list_own_rows, parse_example
    from hearsight.search.index import Index
    from hearsight.search.results import choose_format, list_matches, write_matches

    name = choose_format("json" if as_json else format, out)
    opened = Index.open(index)
    example = parse_example(query, opened)
    listener = load(model or opened.manifest.model.location, backend=opened.manifest.model.backend)
    opened.check_model(listener)
    vector = embed_example(listener, example)
    found = opened.query(vector, top=top, where=where, leave_out=list_own_rows(opened, example))
    matches = list_matches(opened, found)
    if not matches:
        print_message(f"{index}: no segment " + (f"fulfils {where!r}" if where else "but those of the example itself"))
    if name != "table":
        write_matches(matches, opened, name, example.path.stem, print_data, out)
    elif matches:
        heads = ("source", "from s", "to s", "similarity", "tags")
        print_table("", heads, [one.list_cells() for one in matches], right=("from s", "to s", "similarity"))
