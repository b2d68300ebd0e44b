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
    """Draw which classes of a benchmark are taken for which, each clip scored by a classifier that did not see its fold.

    Parameters
    ----------
    run
        a run folder, or baseline:log-mel
    benchmark
        esc10=FOLDER, or folder=FOLDER with a sub-folder per class
    out
        the file to write: .png, .svg or .pdf
    probe
        what is fitted on the frozen embeddings
    pool
        how the segments of a clip become one vector
    untrained
        score the same network with fresh weights
    seed
        of fresh weights and of the interval
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
    """Draw which groups of a hierarchy of classes a dataset's labels fall into.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote
    hierarchy
        AudioSet's ontology.json, or ML-Images' dictionary_and_semantic_hierarchy.txt; repeatable, the first to name a class counts
    out
        the file to write: .png, .svg or .pdf
    level
        how far below the top the groups lie
    """
    from hearsight.figures.datasets import plot_label_groups

    check_out(out)
    write_figure(plot_label_groups(dataset, hierarchy, level=level), out, f"groups of labels of {dataset}")


def traces(file: Path, /, *, model: Path, out: Path, top: int = 16) -> None:
    """Draw what is heard in a file from moment to moment, over its spectrogram; or, as .mp4, over its own pictures.

    Parameters
    ----------
    file
        an audio or video file
    model
        a run folder, or a checkpoint folder
    out
        the file to write: .png, .svg, .pdf, or .mp4
    top
        classes, those with the highest peaks
    """
    from hearsight.figures.traces import plot_traces, write_traced_video

    if check_out(out, (*SUFFIXES, "mp4")) == "mp4":
        write_traced_video(file, model, out, top=top)
    else:
        write_figure(plot_traces(file, model, top=top), out, f"what {model} hears in {file}")


def d_prime(run: Path, /, *, dataset: Path, out: Path) -> None:
    """Draw how well each class is told apart on a dataset's validation clips, against how frequent it is in training.

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
        of fresh weights
    """
    from hearsight.figures.networks import plot_filters

    check_out(out)
    write_figure(plot_filters(run, seed=seed), out, f"first filters of {run}")


def tsne(dataset: Path, /, *, model: Path, out: Path, clips: int = 1000, seed: int = 0) -> None:
    """Draw a dataset's clips as points by t-SNE, as they are seen by its vision teacher and as they are heard by a network.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote, with a vision teacher
    model
        a run folder, or a checkpoint folder
    out
        the file to write: .png, .svg or .pdf
    clips
        most clips, taken evenly
    seed
        of the maps
    """
    from hearsight.figures.datasets import plot_maps

    check_out(out)
    figure = plot_maps(dataset, model, clips=clips, seed=seed)
    write_figure(figure, out, f"clips of {dataset} as seen and as heard by {model}")


def activations(
    dataset: Path, /, *, model: Path, out: Path, units: list[int] | None = None, clips: int = 6, most: int = 2000
) -> None:
    """Draw the pictures of the clips whose sound excites units of a network's embedding most; the network sees no picture.

    Parameters
    ----------
    dataset
        a folder that `hearsight build` wrote, whose videos are still where they were
    model
        a run folder, or a checkpoint folder
    out
        the file to write: .png, .svg or .pdf
    units
        places in the embedding, from 0; repeatable; without, the four most selective ones
    clips
        clips of each unit
    most
        most clips that are heard, taken evenly
    """
    from hearsight.figures.datasets import plot_activations

    check_out(out)
    figure = plot_activations(dataset, model, units=units, clips=clips, most=most)
    write_figure(figure, out, f"what excites units of {model}")


COMMANDS = (confusion, labels, groups, traces, d_prime, filters, tsne, activations)
"""In the order of the help."""
