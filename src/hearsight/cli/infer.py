"""The commands that use a model: embed, export, push; and convert, for published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import WORK, AsJson, Parameter, Seed, app, end_with, print_summary
from hearsight.cli.tag import STARTER, Files, Trained, With


@app.command(group=WORK)
def embed(
    files: Files,
    /,
    *,
    model: Trained = STARTER,
    out: Annotated[
        Path,
        Parameter(help="the file to write: .parquet, .arrow, .csv or .npz, with path, start, duration and embedding"),
    ],
    pool: Annotated[
        bool, Parameter(negative="", help="one embedding per file, the mean over its time, instead of one per segment")
    ] = False,
    backend: With = "torch",
    as_json: AsJson = False,
) -> None:
    """Compute the embedding of every segment of audio and video files, and write them to a Parquet, Arrow, CSV or NumPy file."""
    from hearsight.listening.listener import load
    from hearsight.listening.tables import embed_files

    report = embed_files(load(model, backend=backend), files, out, pool=pool)
    print_summary(report, as_json)
    end_with(report.failures)


@app.command(group=WORK)
def export(
    run: Annotated[Path, Parameter(help="a run folder, or a checkpoint folder")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the .onnx file to write")],
    int8: Annotated[bool, Parameter(negative="", help="quantise weights and activations to 8 bits")] = False,
    calibrate: Annotated[
        Path | None, Parameter(help="a dataset, from whose sounds the ranges of the activations are measured")
    ] = None,
    seed: Annotated[Seed, Parameter(help="seed of the choice of those sounds")] = 0,
    as_json: AsJson = False,
) -> None:
    """Export a model to one ONNX file, which runs without hearsight.

    The input is a waveform; the outputs are probabilities and embeddings. The front end is part of the file, and batch size and
    length are free. The file is compared with the network before it is written. In 8 bits it is four times smaller, and faster:

    ```
    hearsight export run --out model.onnx --int8 --calibrate run/dataset
    ```
    """
    from hearsight.export.onnx import export_network

    print_summary(export_network(run, out, int8=int8, calibrate=calibrate, seed=seed), as_json)


@app.command(group=WORK)
def push(
    run: Annotated[Path, Parameter(help="a run folder, or a checkpoint folder")],
    repository: Annotated[str, Parameter(help="owner/name on the Hugging Face Hub; created if it does not exist")],
    /,
    *,
    private: Annotated[
        bool, Parameter(negative="", help="create a private repository; a public one is refused")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Share a model on the Hugging Face Hub.

    Uploads its `config.json`, `model.safetensors` and `README.md`, and nothing else of the folder. Log in first with
    `hf auth login`. Then anyone can use it:

    ```
    hearsight tag sound.wav --model hf://owner/name
    ```
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
    """Convert published weights to a checkpoint.

    Download the files yourself:

    ```
    hearsight convert panns-cnn14 Cnn14_mAP=0.431.pth --vocabulary class_labels_indices.csv --out panns
    hearsight convert soundnet soundnet8_final.t7 --out soundnet
    hearsight convert vggish vggish-10086976.pth --out vggish
    ```

    Nothing in a file is executed. Weights that do not fit the network are refused, and the error names them. VGGish was published
    without classes, so its checkpoint can be used with `embed` and `evaluate`, but not with `tag`.
    """
    from hearsight.models.published.convert import convert as convert_weights

    print_summary(convert_weights(kind, source, out, vocabulary=vocabulary or (), pca=pca), as_json)
