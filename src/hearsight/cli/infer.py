"""The commands with which a model is put to work: tag, embed, export, push; and convert, for models that others published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from hearsight.cli.application import WORK, AsJson, Parameter, app, end_with, print_summary

Files = Annotated[list[Path], Parameter(negative="", help="audio or video files, or folders of them")]
Trained = Annotated[
    str, Parameter(help="a run folder, a checkpoint folder, or hf://owner/name on the Hugging Face Hub")
]


@app.command(group=WORK)
def tag(
    files: Files,
    /,
    *,
    model: Trained,
    top: Annotated[int, Parameter(help="classes per file, or per segment")] = 5,
    threshold: Annotated[float, Parameter(help="smallest probability that is shown, from 0 to 1")] = 0.0,
    sense: Annotated[
        Literal["heard", "seen", "all"] | None,
        Parameter(
            help="classes learned from an audio teacher, a vision teacher, or both; by default, heard ones where there are some"
        ),
    ] = None,
    segments: Annotated[bool, Parameter(negative="", help="tag each segment instead of the whole file")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the most probable classes of audio and video files.

    Prints a table, or with `--json` a JSON array with one object per tag: `path, start, duration, class, probability, sense,
    teacher`. A sound shorter than one segment is padded with silence, and a line on stderr says so. A probability is the mean over
    the whole file; for events in a long recording, use `--segments`.
    """
    from hearsight.console import print_json, print_table
    from hearsight.listening.listener import load
    from hearsight.listening.tables import tag_files

    report = tag_files(load(model), files, top=top, threshold=threshold, per_segment=segments, sense=sense)
    if as_json:
        print_json([one.as_json() for one in report.tags])
    else:
        senses = any(t.sense for t in report.tags)
        rows = [
            (
                t.path,
                f"{t.start:.2f}",
                f"{t.start + t.duration:.2f}",
                t.name,
                *([t.sense or ""] if senses else []),
                f"{t.probability:.3f}",
            )
            for t in report.tags
        ]
        columns = ("file", "from s", "to s", "class", *(["sense"] if senses else []), "probability")
        print_table("", columns, rows, right=("from s", "to s", "probability"))
    end_with(report.failures)


@app.command(group=WORK)
def embed(
    files: Files,
    /,
    *,
    model: Trained,
    out: Annotated[Path, Parameter(help="the file to write, .parquet, .csv or .npz: path, start, duration, embedding")],
    as_json: AsJson = False,
) -> None:
    """Write the embedding of every segment of audio and video files to a Parquet table, a CSV table or a NumPy archive."""
    from hearsight.listening.listener import load
    from hearsight.listening.tables import embed_files

    report = embed_files(load(model), files, out)
    print_summary(report, as_json)
    end_with(report.failures)


@app.command(group=WORK)
def export(
    run: Annotated[Path, Parameter(help="a run folder, or a checkpoint folder")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the .onnx file to write")],
    int8: Annotated[bool, Parameter(negative="", help="bring weights and maps to 8 bits")] = False,
    calibrate: Annotated[Path | None, Parameter(help="dataset whose sounds tell the ranges of the maps")] = None,
    seed: Annotated[int, Parameter(help="of the choice of those sounds")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write a model as one ONNX file that any runtime runs without hearsight.

    Waveform in, probabilities and embeddings out, the front end inside; batch and length are of any size. The file is compared
    with the network before it takes its place. Four times smaller, and faster, in 8 bits:

        hearsight export run --out model.onnx --int8 --calibrate run/dataset
    """
    from hearsight.export.onnx import export_network

    print_summary(export_network(run, out, int8=int8, calibrate=calibrate, seed=seed), as_json)


@app.command(group=WORK)
def push(
    run: Annotated[Path, Parameter(help="a run folder, or a checkpoint folder")],
    repository: Annotated[str, Parameter(help="owner/name on the Hugging Face Hub; made where it is absent")],
    /,
    *,
    private: Annotated[bool, Parameter(negative="", help="let nobody else see it")] = False,
    as_json: AsJson = False,
) -> None:
    """Share a model on the Hugging Face Hub.

    Pushes its `config.json`, `model.safetensors` and `README.md`, and nothing else of the folder. Log in before with
    `hf auth login`. Anyone then hears with it:

        hearsight tag sound.wav --model hf://owner/name
    """
    from hearsight.models.hub import push_checkpoint

    print_summary(push_checkpoint(run, repository, private=private), as_json)


@app.command(group=WORK)
def convert(
    kind: Annotated[str, Parameter(help="vggish, soundnet or panns-cnn14")],
    source: Annotated[Path, Parameter(help="the published file: .npz, .h5, .pth, .npy or .t7")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the checkpoint folder to write")],
    vocabulary: Annotated[
        list[Path] | None, Parameter(negative="", help="class list, such as class_labels_indices.csv; repeatable")
    ] = None,
    pca: Annotated[Path | None, Parameter(help="vggish_pca_params.npz, for VGGish's 8-bit embeddings")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a checkpoint of published weights, to tag, embed and evaluate with.

    Files as they were published, downloaded by you:

        hearsight convert panns-cnn14 Cnn14_mAP=0.431.pth --vocabulary class_labels_indices.csv --out panns
        hearsight convert soundnet soundnet8_final.t7 --out soundnet
        hearsight convert vggish vggish-10086976.pth --out vggish

    Nothing in a file is ever executed, and weights that do not fit are refused by name. VGGish was published without classes: its
    checkpoint embeds and is evaluated, and does not tag.
    """
    from hearsight.models.published.convert import convert as convert_weights

    print_summary(convert_weights(kind, source, out, vocabulary=vocabulary or (), pca=pca), as_json)
