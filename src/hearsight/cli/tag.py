"""The command that tags recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from hearsight.cli.application import (
    WORK,
    Amount,
    ArgumentError,
    AsJson,
    Count,
    Number,
    Parameter,
    app,
    end_with,
    print_summary,
)

STARTER = "starter"
"""The model that is used unless another one is named."""


def refuse_unknown_options(kind: Any, value: Any) -> None:  # noqa: ARG001 (what validators are called with)
    """Refuse files that are misspelt options: a lone ``-`` is allowed among the files, and with it all that begins like it."""
    for path in value:
        if str(path).startswith("-") and str(path) != "-":
            raise ArgumentError(msg=f"Unknown option: {path} (a file of this name is written ./{path}).")


Files = Annotated[
    list[Path],
    Parameter(
        negative="",
        allow_leading_hyphen=True,
        validator=refuse_unknown_options,
        help="audio or video files, folders of them, globs in quotes, or - for standard input",
    ),
]
Trained = Annotated[
    str,
    Parameter(
        help="a run folder, a checkpoint folder, hf://owner/name on the Hugging Face Hub, or starter, which comes with hearsight"
    ),
]
Format = Literal["table", "json", "jsonl", "csv", "parquet", "audacity", "raven", "kaleidoscope", "srt", "vtt"]
With = Annotated[
    Literal["torch", "onnx", "onnx-int8", "auto"],
    Parameter(help="what computes: PyTorch, or ONNX Runtime in 32 or 8 bits; auto is onnx if it is installed"),
]
Seconds = Annotated[float, Parameter(validator=Number(gte=0.0, lte=10.0**7))]


@app.command(group=WORK)
def tag(
    files: Files,
    /,
    *,
    model: Trained = STARTER,
    top: Annotated[
        Count | None, Parameter(help="most classes per file or segment; 5 by default, all with --events")
    ] = None,
    threshold: Annotated[
        float | None, Parameter(help="smallest probability, from 0 to 1; 0 by default, 0.5 with --events")
    ] = None,
    sense: Annotated[
        Literal["heard", "seen", "all"] | None,
        Parameter(
            help="classes of audio teachers (heard), of vision teachers (seen), or all; by default heard ones, if there are any"
        ),
    ] = None,
    segments: Annotated[bool, Parameter(negative="", help="tag each segment instead of the whole file")] = False,
    events: Annotated[
        bool,
        Parameter(
            negative="", help="find events: from when to when a class is there; the default of audacity, raven, srt …"
        ),
    ] = False,
    format: Annotated[
        list[Format] | None,
        Parameter(name="--format", negative="", help="how to print or write the rows; with --out repeatable"),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="folder for a file per recording; the same command continues a run that was stopped"),
    ] = None,
    only_failed: Annotated[
        bool, Parameter(negative="", help="with --out: try only those again that could not be read")
    ] = False,
    include: Annotated[
        list[str] | None, Parameter(negative="", help="a class to look for, or a .txt file of them; repeatable")
    ] = None,
    exclude: Annotated[
        list[str] | None, Parameter(negative="", help="a class to leave out, or a .txt file of them; repeatable")
    ] = None,
    thresholds: Annotated[
        Path | None, Parameter(help="CSV with the columns class, threshold and, optionally, low")
    ] = None,
    low: Annotated[
        float | None, Parameter(help="with --events: an event lasts while its class stays at or above this")
    ] = None,
    median: Annotated[Count, Parameter(help="with --events: median filter over so many segments, an odd number")] = 1,
    least: Annotated[Seconds, Parameter(help="with --events: drop events shorter than so many seconds")] = 0.0,
    gap: Annotated[Seconds, Parameter(help="with --events: join events with a gap of at most so many seconds")] = 0.0,
    hop: Annotated[
        Amount | None, Parameter(help="seconds between the starts of segments; less than a segment overlaps them")
    ] = None,
    raw: Annotated[
        str | None, Parameter(help="standard input is raw samples: RATE[:CHANNELS[:KIND]], as in 48000:2:s16")
    ] = None,
    backend: With = "torch",
    workers: Annotated[Count, Parameter(help="number of processes, with one thread each; 1 uses all threads")] = 1,
    as_json: AsJson = False,
) -> None:
    """Tag audio and video files, of any length: print what is in them, or write it for Raven, Audacity and others.

    ```
    hearsight tag recording.wav
    hearsight tag recording.wav --events --low 0.3 --gap 1
    hearsight tag recordings/ --out tags --format raven --format csv --workers 2
    ffmpeg -i stream -f wav - | hearsight tag - --segments --format jsonl
    ```

    Prints a table, or with `--json` an array with one object per tag: `path, start, duration, class, probability, sense,
    teacher`. Without `--segments` or `--events`, a probability is the mean over the whole file. A recording that cannot be read is
    a row with the reason (jsonl, csv, parquet), and the others are tagged. A sound shorter than one segment is padded with silence,
    and a message on stderr reports it.
    """
    from hearsight.listening.recordings import find_recordings
    from hearsight.listening.stdin import parse_raw_format

    names = _choose_formats(format, out, as_json)
    options = _make_options(
        _choose_unit(names, segments, events),
        {"top": top, "threshold": threshold, "sense": sense, "low": low, "median": median, "least": least},
        {"gap": gap, "hop": hop},
        lists=(include or (), exclude or ()),
        thresholds=thresholds,
    )
    _check_folder_options(out, only_failed)
    failures: list[Any] = []
    recordings = find_recordings(files, failures)
    how: dict[str, Any] = {"workers": workers, "backend": backend, "raw": parse_raw_format(raw) if raw else None}
    if out is None:
        failures += _print_rows(model, recordings, options, names[0], how)
    else:
        from hearsight.listening.tagging import tag_to_folder

        report = tag_to_folder(model, recordings, options, out, names, only_failed=only_failed, **how)
        print_summary(report, as_json)
        failures += report.failures
    end_with(failures)


def _print_rows(model: str, recordings: Any, options: Any, name: str, how: dict[str, Any]) -> list[Any]:
    """Write the rows of all recordings to standard output."""
    from hearsight.console import print_data
    from hearsight.detection.formats.catalogue import FORMATS, open_text
    from hearsight.detection.formats.writer import Context, DetectionWriter
    from hearsight.errors import UsageError
    from hearsight.listening.screen import ScreenWriter
    from hearsight.listening.tagging import tag_to_writer

    if name in FORMATS and FORMATS[name].text is None:
        raise UsageError("--format", f"{name} on standard output", "a format of text", "name a folder with --out")
    if name in FORMATS and not FORMATS[name].several and len(recordings) > 1:
        hint = "name a folder with --out: it gets one file per recording"
        raise UsageError("--format", f"{name} for {len(recordings)} recordings", "one recording", hint)

    def open_writer(context: Context) -> DetectionWriter:
        return ScreenWriter() if name == "table" else open_text(name, print_data, context)

    return list(tag_to_writer(model, recordings, options, open_writer, **how))


def _choose_formats(given: Sequence[str] | None, out: Path | None, as_json: bool) -> list[str]:
    from hearsight.errors import UsageError

    names = list(dict.fromkeys(given or ()))
    if out is not None:
        if "table" in names:
            raise UsageError("--format", "table with --out", "a format of files, such as csv")
        return names or ["csv"]
    if as_json:
        names = list(dict.fromkeys([*names, "json"]))
    if len(names) > 1:
        raise UsageError("--format", " and ".join(names), "one of them", "several formats need a folder: --out")
    return names or ["table"]


def _choose_unit(names: Sequence[str], segments: bool, events: bool) -> str:
    from hearsight.detection.formats.catalogue import FORMATS
    from hearsight.errors import UsageError

    if segments and events:
        raise UsageError("--segments, --events", "both", "one of them")
    if segments or events:
        return "segments" if segments else "events"
    return "events" if any(name in FORMATS and FORMATS[name].events for name in names) else "file"


def _make_options(unit: str, *given: dict[str, Any], lists: Sequence[Sequence[str]], thresholds: Path | None) -> Any:
    from hearsight.detection.classes import read_names, read_thresholds
    from hearsight.listening.detector import TagOptions

    include, exclude = (tuple(read_names(one)) for one in lists)
    own = read_thresholds(thresholds) if thresholds is not None else {}
    values = {key: value for one in given for key, value in one.items()}
    return TagOptions(unit=unit, include=include, exclude=exclude, thresholds=own, **values)  # pyright: ignore[reportArgumentType]


def _check_folder_options(out: Path | None, only_failed: bool) -> None:
    from hearsight.errors import UsageError

    if only_failed and out is None:
        raise UsageError(
            "--only-failed", "without a folder", "--out FOLDER", "the journal of the folder knows what failed"
        )
