"""The commands from videos to a model: build, mix, train, learn; and demo, which does it all on a generated world."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from hearsight.cli.application import (
    LOOP,
    Amount,
    AsJson,
    ConfigFile,
    Count,
    Override,
    Parameter,
    Seed,
    app,
    print_summary,
)

Sources = Annotated[
    list[str],
    Parameter(negative="", help="files, folders, globs, CSV or Parquet lists of path\\[,start,end], published lists"),
]
MediaRoot = Annotated[
    Path | None, Parameter(help="folder with the media of published lists: ID.\\*, ID_START.\\* or ID_START_END.\\*")
]
Shares = Annotated[
    list[str] | None,
    Parameter(negative="", help="share of a group of sources, as NAME=0.2, where a source is NAME=FOLDER; repeatable"),
]
AllowEvaluation = Annotated[bool, Parameter(negative="", help="accept AudioSet's evaluation segments as sources")]
Vision = Annotated[
    list[str] | None,
    Parameter(
        negative="", help="vision teacher, kind:where; repeatable. Kinds: clusters, litert, onnx, transformers, prompts"
    ),
]
Audio = Annotated[
    list[str] | None,
    Parameter(negative="", help="audio teacher, kind:where; repeatable. Also student:RUN, a network of ours"),
]
Network = Annotated[str | None, Parameter(help="name of the network; see hearsight models")]
Teachers = Annotated[
    list[str] | None,
    Parameter(
        name="--teacher",
        negative="",
        help="teacher of the dataset to learn from: vision, audio, or its name or a part of it; repeatable, all by default",
    ),
]
Freeze = Annotated[
    list[str] | None, Parameter(negative="", help="layer whose weights do not change, such as trunk; repeatable")
]
Devices = Annotated[Count | None, Parameter(help="number of processes that train together; 1 by default")]
Policy = Annotated[
    Literal["jia", "soundnet", "hershey"] | None,
    Parameter(help="label policy of a paper: jia (the default), soundnet or hershey"),
]
Workers = Annotated[Count | None, Parameter(help="number of worker processes; one per processor by default")]


@app.command(group=LOOP)
def build(
    sources: Sources,
    /,
    *,
    out: Annotated[Path, Parameter(help="the dataset folder")],
    vision: Vision = None,
    audio: Audio = None,
    media_root: MediaRoot = None,
    source_share: Shares = None,
    allow_evaluation: AllowEvaluation = False,
    workers: Workers = None,
    engine: Annotated[Literal["local", "ray"], Parameter(help="local processes, or a Ray cluster")] = "local",
    deadline: Annotated[
        Amount, Parameter(help="seconds that a worker may spend on one clip before its file is rejected")
    ] = 600.0,
    policy: Policy = None,
    add: Annotated[
        bool, Parameter(negative="", help="add these sources to a finished dataset without naming those that it has")
    ] = False,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Cut videos into clips and label them with teachers.

    By default the teachers are `clusters`, which need no pretrained model: similar pictures become a class, and so do similar
    sounds. With pretrained teachers:

    ```
    hearsight build videos/ --out dataset --vision litert:mobilenet_v2.tflite --audio litert:yamnet.tflite
    ```

    Published lists are recognised by their shape: AudioSet (`# YTID, start_seconds, …`), Kinetics (a header with `youtube_id`),
    VGGSound (`id,start,label,split`), AVSpeech (`id,start,end,x,y`), Sports-1M (`URL 168,169`), SoundNet and others (a URL a
    line), Moments in Time (a folder by class, or `class/file.mp4,class,3,0`), AVA (a file name a line), and tables with a column
    `id` or `url`. `--media-root` names the folder of their media. Their labels are kept in `sources.parquet` and not learned.
    What is not in the folder is listed in `missing.csv`, which `hearsight fetch` reads.

    ```
    hearsight build audioset.csv own=videos/ --media-root youtube/ --source-share own=0.2 --out dataset
    ```

    The same command continues an interrupted build. With more sources, it adds these to the finished dataset; `--add` adds sources
    without naming the others again. Clips that are there keep their folds and sound. `rejected.parquet` lists what was
    rejected, and why. If a worker crashed on a file or exceeded the deadline, the dataset is built without that file and the exit
    code is 5. The same command tries such files again.
    """
    from hearsight.config import BuildConfig, CollectConfig, load_config
    from hearsight.dataset.build import build_dataset
    from hearsight.errors import WorkerError

    resolved = load_config(
        BuildConfig, "build", config, _add_policy(policy, overrides), **_name_teachers(vision, audio)
    )
    collect = CollectConfig(
        media_root=None if media_root is None else str(media_root),
        allow_evaluation=allow_evaluation,
        shares=_parse_shares(source_share or ()),
    )
    summary = build_dataset(
        sources, out, resolved, collect=collect, workers=workers, engine=engine, deadline=deadline, add=add
    )
    print_summary(summary, as_json)
    if summary.num_failed:
        raise SystemExit(WorkerError.exit_code)


@app.command(group=LOOP)
def label(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` or `hearsight mix` wrote")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the folder of the new dataset")],
    vision: Vision = None,
    audio: Audio = None,
    cache: Annotated[Path | None, Parameter(help="folder that stores the teachers' outputs for other runs")] = None,
    workers: Annotated[Count | None, Parameter(help="units of work in parallel; one per processor by default")] = None,
    engine: Annotated[Literal["local", "ray"], Parameter(help="local processes, or a Ray cluster")] = "local",
    deadline: Annotated[
        Amount,
        Parameter(
            help="seconds that a teacher may spend on a unit of sounds, or the pictures of a clip, before the run ends"
        ),
    ] = 600.0,
    policy: Policy = None,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Label the clips of a dataset again, with other teachers or another policy.

    The sound is not decoded again. Without `--vision`, the vision teachers of the dataset and their soft labels are kept; without
    `--audio`, its audio teachers. Without both, only the policy changes:

    ```
    hearsight label dataset --out relabelled --audio litert:yamnet.tflite
    hearsight label dataset --out stricter --set policy.audio_top=3
    ```

    A dataset holds no pictures: new vision teachers need the media, at the paths that the dataset was built from. The same command
    continues where it stopped.
    """
    from hearsight.config import LabelConfig, load_config
    from hearsight.dataset.relabel.label import label_dataset

    given = {"vision": tuple(vision) if vision else None, "audio": tuple(audio) if audio else None}
    resolved = load_config(LabelConfig, "label", config, _add_policy(policy, overrides), **given)
    summary = label_dataset(dataset, out, resolved, workers=workers, engine=engine, cache=cache, deadline=deadline)
    print_summary(summary, as_json)


@app.command(group=LOOP)
def mix(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` wrote")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the folder of the new dataset")],
    audio: Audio = None,
    clips: Annotated[Count | None, Parameter(help="number of excerpts and mixtures; 12,000 by default")] = None,
    vision: Annotated[bool | None, Parameter(negative="", help="keep the vision labels too")] = None,
    workers: Annotated[Count | None, Parameter(help="number of worker processes; one per processor by default")] = None,
    engine: Annotated[Literal["local", "ray"], Parameter(help="local processes, or a Ray cluster")] = "local",
    policy: Policy = None,
    deadline: Annotated[
        Amount, Parameter(help="seconds that a teacher may spend on 64 mixtures before the run ends")
    ] = 600.0,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of excerpts and mixtures of a dataset's sounds, labelled by audio teachers.

    Minutes of video yield few clips but any number of mixtures, and an audio teacher can label each of them. Train on the new
    dataset with the recipe `mixtures`:

    ```
    hearsight mix dataset --out mixtures
    hearsight train mixtures --out run --set recipe=mixtures
    ```

    The same command continues an interrupted run.
    """
    from hearsight.config import MixConfig, load_config
    from hearsight.dataset.mixing.mix import mix_dataset

    given = {"clips": clips, "vision": vision, "audio": tuple(audio) if audio else None}
    resolved = load_config(MixConfig, "mix", config, _add_policy(policy, overrides), **given)
    print_summary(mix_dataset(dataset, out, resolved, workers=workers, engine=engine, deadline=deadline), as_json)


@app.command(group=LOOP)
def train(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` wrote")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the run folder: checkpoints, model card, run log")],
    model: Network = None,
    teachers: Teachers = None,
    initial: Annotated[
        str | None,
        Parameter(
            name="--from", help="a run or checkpoint folder, or an installed model, whose weights training begins with"
        ),
    ] = None,
    freeze: Freeze = None,
    devices: Devices = None,
    resume: Annotated[bool, Parameter(negative="", help="not needed: an interrupted run continues without it")] = False,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Train an audio network on the labels of a dataset.

    The default recipe is that of Jia 2019, with batches of 64 clips instead of 1,024. Each example is a random second of a clip,
    with half of its visual labels and all of its audio labels. The loss is binary cross-entropy, the optimizer Adam with a learning
    rate of 1e-4, times 0.9 after every epoch. This recipe is for millions of clips; `--set recipe=quick` is for small datasets.

    With `--teacher`, the network learns the classes of some of the dataset's teachers only:

    ```
    hearsight train dataset --out run --teacher vision
    ```

    With `--from`, training begins with the weights of another run of the same network. Classes that both have, by their id or else
    by their name, keep their rows of the last layer; the others begin afresh:

    ```
    hearsight train dataset --out run --from other-run --freeze trunk --set recipe=finetune
    ```

    With `--devices`, that many processes share each step, each on its own GPU or on some of the processors. Over several
    machines, start the command without it by torchrun:

    ```
    hearsight train dataset --out run --devices 2
    ```

    The same command continues an interrupted run from its last checkpoint: the last epoch, or the last ten minutes. It may have
    another number of devices.
    """
    del resume  # a run that is there continues with it and without it
    from hearsight.config import TrainConfig, load_config
    from hearsight.training.loop import train as train_network

    given: dict[str, Any] = {"model": model, "initial": initial}
    given |= {"teachers": tuple(teachers) if teachers else None, "freeze": tuple(freeze) if freeze else None}
    resolved = load_config(TrainConfig, "train", config, overrides or (), **given)
    if devices is not None and devices > 1:
        named = [("--model", model), ("--from", initial), ("--config", config)]
        named += [("--teacher", teacher) for teacher in teachers or ()]
        _launch(["train", str(dataset), "--out", str(out)], devices, named, freeze, overrides, as_json)
        return
    print_summary(train_network(dataset, out, resolved), as_json)


@app.command(group=LOOP)
def finetune(
    run: Annotated[str, Parameter(help="a run or checkpoint folder, or the name of an installed model")],
    /,
    *,
    data: Annotated[
        str, Parameter(help="a folder with a sub-folder of sounds per class, or NAME=PATH; see hearsight benchmarks")
    ],
    out: Annotated[Path, Parameter(help="the folder of the new run")],
    fold: Annotated[int | None, Parameter(help="the fold that is held out; the first by default")] = None,
    freeze: Freeze = None,
    devices: Devices = None,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Train a network further on labelled sounds, so that it tags your own classes.

    ```
    hearsight finetune run --data sounds/ --out tuned
    hearsight tag recording.wav --model tuned
    ```

    `sounds/` has a sub-folder of sounds per class; `--data csv=clips.csv` reads a table, `--data esc50=ESC-50` a published set. One
    fold is held out: the score of its clips is printed with its 95 % interval, and kept in `scores/` of the run. The keys of
    `--set` are those of `hearsight train`, with the defaults of the recipe `finetune`. The same command continues an interrupted
    run.
    """
    from hearsight.config import TrainConfig, load_config
    from hearsight.evaluation.finetuning import finetune as finetune_run

    given: dict[str, Any] = {"freeze": tuple(freeze) if freeze else None, "recipe": "finetune"}
    resolved = load_config(TrainConfig, "train", config, overrides or (), **given)
    if devices is not None and devices > 1:
        words = ["finetune", run, "--data", data, "--out", str(out)]
        named = [("--fold", fold), ("--config", config)]
        _launch(words, devices, named, freeze, overrides, as_json)
        return
    print_summary(finetune_run(run, data, out, resolved, fold=fold), as_json)


@app.command(group=LOOP)
def learn(
    sources: Sources,
    /,
    *,
    out: Annotated[Path, Parameter(help="the run folder; the dataset is written to dataset/ in it")],
    vision: Vision = None,
    audio: Audio = None,
    model: Network = None,
    workers: Workers = None,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Build a dataset and train a network on it, in one command.

    The same command continues an interrupted run. Keys of `--set` begin with the stage: `--set build.cut.length=5`,
    `--set train.epochs=10`. With an audio teacher and little video, `-c mixtures` trains on mixtures of the clips (see
    `hearsight mix`) and is more accurate.
    """
    from hearsight.training.learn import learn_from_media, load_learn_configs

    knobs = load_learn_configs(config, overrides or (), model=model, **_name_teachers(vision, audio))
    print_summary(learn_from_media(sources, out, knobs, workers=workers), as_json)


@app.command(group=LOOP)
def demo(
    *,
    out: Annotated[Path, Parameter(help="the output folder; the report is index.html in it")] = Path("demo"),
    seed: Annotated[Seed, Parameter(help="seed of the videos, the clusters and the training")] = 0,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Generate a small world of videos, train a network on it, and write a report of its accuracy.

    It takes a few minutes on two processors and needs neither data nor pretrained models.
    """
    from hearsight.demo.run import run_demo

    print_summary(run_demo(out, seed=seed, workers=workers), as_json)


def _launch(
    words: list[str],
    devices: int,
    named: Sequence[tuple[str, Any]],
    freeze: Sequence[str] | None,
    overrides: Sequence[str] | None,
    as_json: bool,
) -> None:
    """Run a command in several processes, with those of its options that were given."""
    from hearsight.training.parallel.launch import launch

    options = [*named, *(("--freeze", name) for name in freeze or ()), *(("--set", one) for one in overrides or ())]
    words += [word for name, value in options if value is not None for word in (name, str(value))]
    launch([*words, *(["--json"] if as_json else [])], devices)


def _name_teachers(vision: Sequence[str] | None, audio: Sequence[str] | None) -> dict[str, Any]:
    """Return the teachers that were named; if only one modality was named, the other has none."""
    if not vision and not audio:
        return {}
    return {"vision": tuple(vision or ()), "audio": tuple(audio or ())}


def _add_policy(policy: str | None, overrides: Sequence[str] | None) -> list[str]:
    """Return the overrides after a named policy, so that they can change its keys."""
    return [*([f"policy.name={policy}"] if policy else []), *(overrides or ())]


def _parse_shares(given: Sequence[str]) -> dict[str, float]:
    """Return the share of each group of sources, given as ``NAME=SHARE``."""
    from hearsight.errors import UsageError

    shares: dict[str, float] = {}
    for text in given:
        name, separator, share = text.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not name or not separator or not 0.0 < value <= 1.0:
            raise UsageError(
                f"--source-share {text}", repr(share), "NAME=SHARE with a share above 0 and up to 1, as own=0.2"
            )
        if name in shares:
            raise UsageError(f"--source-share {text}", f"a second share of {name}", "one share for each name")
        shares[name] = value
    return shares
