"""The model card: what a person reads of a checkpoint before using it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN_CLASSES = 20
TASK = "audio-classification"
TAUGHT = "taught: logistic regressions on a frozen network"
"""What a checkpoint records as the method of its training if its classes were taught by a user's examples."""
BENCHMARKS = {"esc10": "ESC-10"}
"""Published benchmarks by the names they have here: scores called ``NAME/METRIC`` become results that the Hub shows."""


def write_card(config: Mapping[str, Any]) -> str:
    """Write the ``README.md`` of a checkpoint from its ``config.json``: a YAML head, then prose.

    Parameters
    ----------
    config
        As :func:`~hearsight.models.checkpoint.save_checkpoint` writes it.
    """
    network = config["architectures"][0]
    lines = ["---", _write_head(config), "---", "", f"# {network}", ""]
    lines += [
        f"{_name_classes(config)}, written by hearsight {config['hearsight_version']}. It takes a waveform of one channel at "
        f"{config['sampling_rate']} Hz; its {' '.join([*_name_input(config), 'front end'])} (`{config['front_end']['name']}`) is "
        "inside.",
        "",
        "```python",
        "import hearsight",
        "",
        'model = hearsight.load("PATH/TO/THIS/FOLDER")  # or "hf://OWNER/NAME"',
        *_show_use(config),
        "```",
        "",
        "## How it was trained",
        "",
        *_tell_training(config),
        "",
        "## Scores",
        "",
        *_list_values(config["scores"], "None recorded."),
        "",
        "## Classes",
        "",
        *_tell_classes(config),
        "",
    ]
    return "\n".join(lines)


def _write_head(config: Mapping[str, Any]) -> str:
    """Return the YAML head, which the Hub reads; scores on your own validation split are not in it."""
    # imported here, because the library takes half a second, and a card is written once per run
    from huggingface_hub import EvalResult, ModelCardData

    network = config["architectures"][0]
    keys = ((*key.partition("/"), value) for key, value in config["scores"].items())
    results = [
        EvalResult(
            TASK, dataset_type=benchmark, dataset_name=BENCHMARKS[benchmark], metric_type=metric, metric_value=value
        )
        for benchmark, _, metric, value in keys
        if metric and benchmark in BENCHMARKS
    ]
    head = ModelCardData(
        library_name="hearsight",
        pipeline_tag=TASK,
        tags=["audio", TASK, "audio-embedding", *_name_input(config), network],
        model_name=network if results else None,
        eval_results=results or None,
    )
    return head.to_yaml()


def _name_classes(config: Mapping[str, Any]) -> str:
    if not config["num_labels"]:
        return f"A sound network without classes, for its embeddings of {config['embedding_dim']} numbers"
    return f"A sound network of {config['num_labels']} classes with embeddings of {config['embedding_dim']} numbers"


def _show_use(config: Mapping[str, Any]) -> list[str]:
    if not config["num_labels"]:
        return ['print(model.embed("sound.wav").values)']
    return ['for tag in model.tag("sound.wav"):', "    print(tag.start, tag.name, tag.probability)"]


def _tell_training(config: Mapping[str, Any]) -> list[str]:
    published = config.get("converted_from")
    if published:
        return ["By others. Its weights were converted from a published file:", "", *_list_values(published, "")]
    return _list_values(config["training"], "Not at all, or not by hearsight: nothing is recorded.")


def _tell_classes(config: Mapping[str, Any]) -> list[str]:
    if not config["num_labels"]:
        return ["None: the published file has no trained classes."]
    lines = _list_classes([config["id2label"][str(index)] for index in range(config["num_labels"])])
    if config.get("converted_from") or config["training"].get("teachers") == []:
        return lines
    if config["training"].get("method") == TAUGHT:
        return [
            *lines,
            "",
            "The classes are those of the examples it was taught from, and `background` for none of them. It knows no other "
            "sounds: judge some of what it finds in your recordings, with `hearsight review`, before you count on it.",
        ]
    return [
        *lines,
        "",
        "The classes were predicted by teachers from pictures and sounds. They are not ground truth, and a class that was only "
        "ever seen may not be audible.",
    ]


def _name_input(config: Mapping[str, Any]) -> list[str]:
    """Return the kind of input, ``log-mel``; nothing for a network that takes the waveform itself."""
    return ["log-mel"] if "n_mels" in config["front_end"] else []


def _list_values(values: Mapping[str, Any], otherwise: str) -> list[str]:
    if not values:
        return [otherwise]
    return [f"- {key.replace('_', ' ')}: {_show(value)}" for key, value in values.items()]


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_show(inner)}" for key, inner in value.items())
    return str(value)


def _list_classes(names: Sequence[str]) -> list[str]:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN_CLASSES])
    if len(names) <= SHOWN_CLASSES:
        return [shown + "."]
    return [f"{shown} and {len(names) - SHOWN_CLASSES} more, in `config.json`."]
