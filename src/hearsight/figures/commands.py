"""The commands of ``hearsight plot``, one per figure: check where it goes, collect, draw, write. Their help is their docstring."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hearsight.figures.file import SUFFIXES, check_out, write_figure


def confusion(
    run: str,
    /,
    *,
    benchmark: str,
    out: Path,
    probe: Literal["linear", "svm"] = "linear",
    pool: str | None = None,
    untrained: bool = False,
    seed: int = 0,
) -> None:
    """Draw the confusion matrix of a benchmark; each clip is scored by a classifier that was not fitted on its fold.

    Parameters
    ----------
    run
        a run folder, or baseline:log-mel
    benchmark
        esc10=FOLDER, or folder=FOLDER with a sub-folder per class
    out
        the file to write: .png, .svg or .pdf
    probe
        the classifier that is fitted on the frozen embeddings
    pool
        how the segments of a clip become one vector
    untrained
        score the same network with fresh weights
    seed
        seed of random weights
    """
    from hearsight.config import EvaluateConfig, load_config
    from hearsight.figures.scores import plot_confusion

    check_out(out)
    given = {"probe": probe, "pool": pool, "untrained": untrained, "seed": seed}
    figure = plot_confusion(run, benchmark, load_config(EvaluateConfig, "evaluate", **given))
    write_figure(figure, out, f"confusions of {run} on {benchmark}")


def labels(dataset: Path, /, *, out: Path) -> None:
    """Draw how many clips each class of a dataset has, and which classes are the most frequent.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote
    out
        the file to write: .png, .svg or .pdf
    """
    from hearsight.figures.datasets import plot_label_statistics

    check_out(out)
    write_figure(plot_label_statistics(dataset), out, f"labels of {dataset}")


def groups(dataset: Path, /, *, hierarchy: list[Path], out: Path, level: int = 0) -> None:
    """Draw how a dataset's labels are distributed over the groups of a class hierarchy.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote
    hierarchy
        AudioSet's ontology.json, or ML-Images' dictionary_and_semantic_hierarchy.txt; repeatable; the first with a class counts
    out
        the file to write: .png, .svg or .pdf
    level
        level of the groups in the hierarchy, 0 at the top
    """
    from hearsight.figures.datasets import plot_label_groups

    check_out(out)
    write_figure(plot_label_groups(dataset, hierarchy, level=level), out, f"groups of labels of {dataset}")


def traces(file: Path, /, *, model: Path, out: Path, top: int = 16) -> None:
    """Draw class probabilities of a file over time, with its spectrogram; or, as .mp4, over the video itself.

    Parameters
    ----------
    file
        an audio or video file
    model
        a run folder, or a checkpoint folder
    out
        the file to write: .png, .svg, .pdf, or .mp4
    top
        number of classes, those with the highest peaks
    """
    from hearsight.figures.traces import plot_traces, write_traced_video

    if check_out(out, (*SUFFIXES, "mp4")) == "mp4":
        write_traced_video(file, model, out, top=top)
    else:
        write_figure(plot_traces(file, model, top=top), out, f"predictions of {model} for {file}")


def d_prime(run: Path, /, *, dataset: Path, out: Path) -> None:
    """Draw the d-prime of each class on a dataset's validation clips against its frequency in training.

    Parameters
    ----------
    run
        a run folder
    dataset
        the dataset that it was trained on
    out
        the file to write: .png, .svg or .pdf
    """
    from hearsight.figures.scores import plot_d_prime

    check_out(out)
    write_figure(plot_d_prime(run, dataset), out, f"d-prime of {run} against label prior")


def filters(run: str, /, *, out: Path, seed: int = 0) -> None:
    """Draw the kernels of a network's first layer: curves of a SoundNet, small pictures of a log-mel network.

    Parameters
    ----------
    run
        a run folder, a checkpoint folder, or untrained:NAME
    out
        the file to write: .png, .svg or .pdf
    seed
        seed of random weights
    """
    from hearsight.figures.networks import plot_filters

    check_out(out)
    write_figure(plot_filters(run, seed=seed), out, f"first filters of {run}")


def tsne(dataset: Path, /, *, model: Path, out: Path, clips: int = 1000, seed: int = 0) -> None:
    """Draw two t-SNE maps of a dataset's clips: by the soft labels of its vision teacher, and by a network's embeddings.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote, with a vision teacher
    model
        a run folder, or a checkpoint folder
    out
        the file to write: .png, .svg or .pdf
    clips
        maximum number of clips, chosen evenly
    seed
        seed of the maps
    """
    from hearsight.figures.datasets import plot_maps

    check_out(out)
    figure = plot_maps(dataset, model, clips=clips, seed=seed)
    write_figure(figure, out, f"clips of {dataset} by picture and by sound ({model})")


def activations(
    dataset: Path, /, *, model: Path, out: Path, units: list[int] | None = None, clips: int = 6, most: int = 2000
) -> None:
    """Draw pictures of the clips whose sound activates units of a network's embedding most; the network gets the sound only.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote, whose videos have not been moved
    model
        a run folder, or a checkpoint folder
    out
        the file to write: .png, .svg or .pdf
    units
        indices of units, from 0; repeatable; by default the four most selective ones
    clips
        number of clips for each unit
    most
        maximum number of clips to search, chosen evenly
    """
    from hearsight.figures.datasets import plot_activations

    check_out(out)
    figure = plot_activations(dataset, model, units=units, clips=clips, most=most)
    write_figure(figure, out, f"activations of units of {model}")


COMMANDS = (confusion, labels, groups, traces, d_prime, filters, tsne, activations)
"""In the order of the help."""
