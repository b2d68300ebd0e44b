"""The commands: parse, call one function, print. The only file that imports cyclopts.

stdout is data, stderr is talk. Exit codes: 0 well; 2 a command that makes no sense; 3 input that cannot be used; 4 more rejected
media than allowed; 5 a worker that died; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Group, Parameter

import hearsight
from hearsight.errors import HearsightError
from hearsight.plots.commands import COMMANDS

app = App(
    name="hearsight",
    help="""Teach networks to hear by letting them watch.

    Unlabelled video in, an audio model out: `hearsight learn VIDEOS --out RUN`, then `hearsight tag SOUND --model RUN`.
    Try it on a generated world: `hearsight demo`.""",
    version=hearsight.__version__,
    help_format="markdown",
    help_epilogue="Each command has its own help: `hearsight build --help`. Documentation: docs/ in the project.",
)

_LOOP = Group("From videos to a model", sort_key=0)
_WORK = Group("The model at work", sort_key=1)

plot = App(
    name="plot", help="Draw a figure of the papers from your own results, and write it as PNG, SVG or PDF.", group=_WORK
)
app.command(plot)
for _command in COMMANDS:
    plot.command(_command)

Override = Annotated[list[str] | None, Parameter(name="--set", negative="", help="a knob, as key=value; repeatable")]
ConfigFile = Annotated[
    Path | None,
    Parameter(name=["--config", "-c"], help="TOML file with tables \\[build], \\[mix], \\[train], \\[evaluate]"),
]
Workers = Annotated[int | None, Parameter(help="files worked on at once; one per processor by default")]
Vision = Annotated[
    list[str] | None,
    Parameter(negative="", help="vision teacher, kind:where; repeatable. Kinds: clusters, litert, onnx, transformers"),
]
Audio = Annotated[list[str] | None, Parameter(negative="", help="audio teacher, kind:where; repeatable")]
Trained = Annotated[
    str, Parameter(help="a run folder, a checkpoint folder, or hf://owner/name on the Hugging Face Hub")
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="print JSON on stdout, for machines")]


@app.command(group=_LOOP)
def build(
    sources: Annotated[
        list[str], Parameter(negative="", help="files, folders, globs, CSV or Parquet lists of path\\[,start,end]")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the dataset folder")],
    vision: Vision = None,
    audio: Audio = None,
    workers: Workers = None,
    engine: Annotated[Literal["local", "ray"], Parameter(help="local processes, or a Ray cluster")] = "local",
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Cut videos into clips and let teachers label them.

    Without `--vision` and `--audio` the teachers are `clusters`: pictures and sounds that look and sound alike become classes,
    so that no pretrained model is needed. With pretrained ones:

        hearsight build videos/ --out dataset --vision litert:mobilenet_v2.tflite --audio litert:yamnet.tflite

    Killed at any moment, the same command goes on where it stopped. What was rejected, and why, is in
    `rejected.parquet`.
    """
    from hearsight.config import BuildConfig, load_config
    from hearsight.dataset.build import build_dataset

    resolved = load_config(BuildConfig, "build", config, overrides or (), **_name_teachers(vision, audio))
    summary = build_dataset(sources, out, resolved, workers=workers, engine=engine)
    _print_summary(summary, as_json)


@app.command(group=_LOOP)
def mix(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` wrote")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the folder of the new dataset")],
    audio: Audio = None,
    clips: Annotated[int | None, Parameter(help="seconds and mixtures to make; 12,000 by default")] = None,
    vision: Annotated[bool | None, Parameter(negative="", help="let what was seen meanwhile come along")] = None,
    workers: Annotated[int | None, Parameter(help="units of work at once; one per processor by default")] = None,
    engine: Annotated[Literal["local", "ray"], Parameter(help="local processes, or a Ray cluster")] = "local",
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of seconds and mixtures of a dataset's sounds, which the audio teachers label anew.

    Minutes of video give few clips, but any number of mixtures, and an audio teacher names what is heard in each of them. Train on
    what comes out with the recipe of that name:

        hearsight mix dataset --out mixtures

        hearsight train mixtures --out run --set recipe=mixtures

    Killed at any moment, the same command goes on where it stopped.
    """
    from hearsight.config import MixConfig, load_config
    from hearsight.dataset.mix import mix_dataset

    given = {"clips": clips, "vision": vision, "audio": tuple(audio) if audio else None}
    resolved = load_config(MixConfig, "mix", config, overrides or (), **given)
    _print_summary(mix_dataset(dataset, out, resolved, workers=workers, engine=engine), as_json)


@app.command(group=_LOOP)
def train(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` wrote")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the run folder: checkpoints, model card, run log")],
    model: Annotated[str | None, Parameter(help="name of the network; see hearsight models")] = None,
    resume: Annotated[bool, Parameter(negative="", help="go on with a run that was interrupted")] = False,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Train an audio network on a dataset's machine-made labels.

    The defaults are the paper's recipe (Jia 2019): a random second of each clip, half of its visual labels and all of its audio
    labels, binary cross-entropy, Adam at 1e-4 times 0.9 per epoch. `--set recipe=quick` suits small datasets.
    """
    from hearsight.config import TrainConfig, load_config
    from hearsight.training.loop import train as train_network

    resolved = load_config(TrainConfig, "train", config, overrides or (), model=model)
    _print_summary(train_network(dataset, out, resolved, resume=resume), as_json)


@app.command(group=_LOOP)
def learn(
    sources: Annotated[
        list[str], Parameter(negative="", help="files, folders, globs, CSV or Parquet lists of path\\[,start,end]")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the run folder; the dataset goes into its folder dataset/")],
    vision: Vision = None,
    audio: Audio = None,
    model: Annotated[str | None, Parameter(help="name of the network; see hearsight models")] = None,
    workers: Workers = None,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Build a dataset and train a network on it, with defaults that need no touching.

    Killed at any moment, the same command goes on where it stopped. Knobs of either stage: `--set build.cut.length=5`,
    `--set train.epochs=10`. With an audio teacher and little video, `--set train.recipe=mixtures` learns from mixtures of what
    was cut (see `hearsight mix`), and better.
    """
    from hearsight.training.learn import learn_from_media, load_learn_configs

    knobs = load_learn_configs(config, overrides or (), model=model, **_name_teachers(vision, audio))
    _print_summary(learn_from_media(sources, out, knobs, workers=workers), as_json)


@app.command(group=_WORK)
def tag(
    files: Annotated[list[Path], Parameter(negative="", help="audio or video files")],
    /,
    *,
    model: Trained,
    top: Annotated[int, Parameter(help="classes per file, or per segment")] = 5,
    threshold: Annotated[float, Parameter(help="leave out what is less probable")] = 0.0,
    segments: Annotated[bool, Parameter(negative="", help="tag each segment instead of the whole file")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is heard in files.

    Prints a table, or with `--json` a JSON array with one object per tag: `path, start, duration, class, probability`. A sound
    shorter than one segment is padded with silence, and a line on stderr says so.
    """
    from hearsight.console import show_table
    from hearsight.listening.listener import load
    from hearsight.listening.tables import tag_files

    report = tag_files(load(model), files, top=top, threshold=threshold, per_segment=segments)
    if as_json:
        _print_json([one.as_json() for one in report.tags])
    else:
        rows = [
            (t.path, f"{t.start:.2f}", f"{t.start + t.duration:.2f}", t.name, f"{t.probability:.3f}")
            for t in report.tags
        ]
        show_table(
            "", ("file", "from s", "to s", "class", "probability"), rows, right=("from s", "to s", "probability")
        )
    _end_with(report.failures)


@app.command(group=_WORK)
def embed(
    files: Annotated[list[Path], Parameter(negative="", help="audio or video files")],
    /,
    *,
    model: Trained,
    out: Annotated[Path, Parameter(help="the Parquet file to write: path, start, duration, embedding")],
    as_json: AsJson = False,
) -> None:
    """Write the embedding of every segment of files to a Parquet table."""
    from hearsight.listening.listener import load
    from hearsight.listening.tables import embed_files

    report = embed_files(load(model), files, out)
    _print_summary(report, as_json)
    _end_with(report.failures)


@app.command(group=_WORK)
def evaluate(
    run: Annotated[
        str,
        Parameter(
            help="a run folder, hf://owner/name, baseline:log-mel, baseline:mfcc, litert:FILE, vision:KIND:WHERE, …"
        ),
    ],
    /,
    *,
    benchmark: Annotated[str, Parameter(help="NAME=FOLDER, such as esc50=ESC-50; see hearsight benchmarks")],
    head: Annotated[
        Literal["linear", "svm", "knn", "forest", "mlp", "jia", "softmax", "finetune"],
        Parameter(help="what is fitted on the frozen embeddings"),
    ] = "linear",
    layer: Annotated[str | None, Parameter(help="a layer of SoundNet, in windows, such as pool5")] = None,
    untrained: Annotated[bool, Parameter(negative="", help="score the same network with fresh weights")] = False,
    pool: Annotated[str | None, Parameter(help="how the segments of a clip become one vector")] = None,
    seed: Annotated[int, Parameter(help="of fresh weights and of the interval")] = 0,
    against: Annotated[
        Path | None, Parameter(help="a dataset: name the clips that it holds, score without them too")
    ] = None,
    cache: Annotated[bool, Parameter(help="keep the embeddings of the benchmark for the next time")] = True,
    record: Annotated[
        list[str] | None,
        Parameter(negative="", help="cell of a paper's table that this measures, TABLE:ROW:COLUMN; repeatable"),
    ] = None,
    results: Annotated[Path, Parameter(help="where `--record` keeps it")] = Path("results.jsonl"),
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Score a model on a benchmark by its official folds.

    Prints the accuracy of each fold, their mean and a 95 % interval, and further measures; with `--json` one object with the keys
    `benchmark, model, head, accuracy, folds, interval, num_clips, measures` and some more. With `--against DATASET` clips that were
    trained on are looked for by their sound. With `--record` the score stands in `hearsight tables` beside the published one.
    """
    from hearsight.config import EvaluateConfig, load_config
    from hearsight.evaluation.evaluate import evaluate as evaluate_model
    from hearsight.evaluation.record import check_cells, make_measurement
    from hearsight.evaluation.results import record_measurements

    cells = check_cells(record or (), benchmark)
    given = {"head": head, "untrained": untrained, "seed": seed, "cache": cache, "pool": pool, "against": against}
    given["layer"] = layer
    knobs = load_config(EvaluateConfig, "evaluate", config, overrides or (), **given)
    result = evaluate_model(run, benchmark, **knobs.model_dump())
    _print_summary(result, as_json)
    if cells:
        command = shlex.join(["hearsight", *sys.argv[1:]])
        record_measurements(results, [make_measurement(result, cell, command) for cell in cells])


@app.command(group=_WORK)
def tables(
    name: Annotated[
        str | None, Parameter(help="a table such as jia2019-3, or a paper such as jia2019; all by default")
    ] = None,
    /,
    *,
    format: Annotated[
        Literal["table", "markdown", "csv"], Parameter(help="for a terminal, a page or a spreadsheet")
    ] = "table",
    results: Annotated[
        Path | None, Parameter(help="what `hearsight evaluate --record` kept; results.jsonl where there is one")
    ] = None,
    provenance: Annotated[bool, Parameter(negative="", help="say of each number of ours where it comes from")] = False,
    as_json: AsJson = False,
) -> None:
    """Set what was measured beside what the four papers print.

    Every table of Jia 2019, Hershey 2017, SoundNet 2016 and Wu & Lee 2018. Ours are sizes, counted from the networks as built, and
    recorded measurements; blank where nothing was measured. Footnotes say where we measured otherwise than the paper.
    """
    from hearsight.console import show_table
    from hearsight.evaluation.results import RESULTS
    from hearsight.evaluation.tables import fill_tables, spell_csv, spell_markdown

    filled = fill_tables(name, results or (RESULTS if RESULTS.exists() else None))
    if provenance:
        sys.stdout.write("".join(f"{line}\n" for table in filled for line in table.list_provenance()))
    elif as_json:
        _print_json([table.as_json() for table in filled])
    elif format == "table":
        for table in filled:
            heads, rows, blank = table.leave_out_blank()
            show_table(table.table.title, heads, rows, right=table.numbers)
            sys.stdout.write("".join(f"  {note}\n" for note in [*table.list_notes(), *blank]) + "\n")
    else:
        sys.stdout.write(spell_markdown(filled) if format == "markdown" else spell_csv(filled))


@app.command(group=_WORK)
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
    from hearsight.listening.export import export_network

    _print_summary(export_network(run, out, int8=int8, calibrate=calibrate, seed=seed), as_json)


@app.command(group=_WORK)
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

    _print_summary(push_checkpoint(run, repository, private=private), as_json)


@app.command(group=_WORK)
def benchmarks(*, as_json: AsJson = False) -> None:
    """List the benchmarks that `hearsight evaluate` knows, and where to get them.

    With `--json` an array of objects with the keys `name, title, clips, classes, scored, where, takes`.
    """
    from hearsight.console import show_table
    from hearsight.evaluation.benchmarks import BENCHMARKS, COLUMNS, NUMBERS

    if as_json:
        _print_json([kind.as_json() for kind in BENCHMARKS.values()])
    else:
        show_table("", COLUMNS, [kind.row() for kind in BENCHMARKS.values()], right=NUMBERS)


@app.command(group=_LOOP)
def demo(
    *,
    out: Annotated[Path, Parameter(help="where everything goes; the page is index.html in it")] = Path("demo"),
    seed: Annotated[int, Parameter(help="of the world, the clusters and the training")] = 0,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Make a small world of videos, learn to hear from it, and write a page that shows how well.

    Takes some minutes on two processors and needs nothing but this package.
    """
    from hearsight.demo.run import run_demo

    _print_summary(run_demo(out, seed=seed, workers=workers), as_json)


@app.command(group=_WORK)
def info(
    path: Annotated[Path, Parameter(help="a dataset or run folder")],
    /,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what a dataset or a run holds."""
    from hearsight.training.describe import describe_folder

    _print_summary(describe_folder(path), as_json)


@app.command(group=_WORK)
def models(*, as_json: AsJson = False) -> None:
    """List the networks with their sizes beside the figures that their papers print.

    Parameters and multiply-accumulates are counted for the paper's number of classes. Where a figure does not match, the reason
    is in docs/paper-notes.md. With `--json` an array of objects with the keys
    `name, paper, parameters, weights, macs, published_parameters, published_macs, matches`.
    """
    from hearsight.console import show_table
    from hearsight.models.table import COLUMNS, NUMBERS, describe_networks

    networks = describe_networks()
    if as_json:
        _print_json([network.as_json() for network in networks])
    else:
        show_table("", COLUMNS, [network.row() for network in networks], right=NUMBERS)


@app.command(group=_WORK)
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

    _print_summary(convert_weights(kind, source, out, vocabulary=vocabulary or (), pca=pca), as_json)


def _name_teachers(vision: Sequence[str] | None, audio: Sequence[str] | None) -> dict[str, Any]:
    """Name the teachers that were asked for; one modality alone is meant to be alone."""
    if not vision and not audio:
        return {}
    return {"vision": tuple(vision or ()), "audio": tuple(audio or ())}


def _print_summary(summary: Any, as_json: bool) -> None:
    """Print what a stage function gave: its lines for a person, its fields for a machine."""
    if as_json:
        import dataclasses

        _print_json(summary.as_json() if hasattr(summary, "as_json") else dataclasses.asdict(summary))
    else:
        sys.stdout.write("\n".join(summary.describe()) + "\n")


def _print_json(value: Any) -> None:
    """Print one JSON document; a list gets a line per element."""
    if isinstance(value, list):
        lines = ",\n".join(json.dumps(element, ensure_ascii=False, default=str) for element in value)
        sys.stdout.write(f"[\n{lines}\n]\n" if lines else "[]\n")
    else:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def _end_with(failures: Sequence[HearsightError]) -> None:
    """End with the exit code of the first failure, after all of them have been told."""
    for failure in failures:
        sys.stderr.write(f"error: {failure}\n")
    if failures:
        raise SystemExit(failures[0].exit_code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # Threads that wait for each other should sleep: on a machine that does other work too, spinning made training ten times
    # slower. It must be set before torch loads its runtime.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        raise SystemExit(2) from None
    except HearsightError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command goes on from here\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its good right.
        sys.stderr.close()
        raise SystemExit(0) from None
