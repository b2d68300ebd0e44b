"""Write docs/reference/configuration.md from the configuration models.

``python -m tools.configuration`` writes the page; ``make check`` fails when it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hearsight.config import BuildConfig, EvaluateConfig, FetchConfig, LabelConfig, MixConfig, TrainConfig
from tools.pages import DOCS, write_or_check

PAGE = DOCS / "reference" / "configuration.md"
HEAD = """\
# Configuration

Every configuration key of every stage, with its default. Set keys in a TOML file with one table per stage (`-c FILE.toml`) or one by
one with `--set key=value`; `--set` wins. `hearsight learn` takes the keys of build and train, as `build.cut.length`, or as `cut.length`
where only one stage has the key. It takes the keys of mix as `mix.clips`.

```toml
[build]
images_per_second = 2

[build.cut]
length = 4.5

[train]
recipe = "quick"
```

This page is written by `python -m tools.configuration`.
"""


def describe(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield one table row per key; keys of inner tables follow those of the table itself."""
    for name, field in model.model_fields.items():
        inner = next((kind for kind in (field.annotation, *get_args(field.annotation)) if is_model(kind)), None)
        if inner is not None:
            yield from describe(inner, f"{prefix}{name}.")
        else:
            yield f"| `{prefix}{name}` | {spell_default(field)} | {' '.join((field.description or '').split())} |"


def is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    """Return whether a type is a table of keys."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def spell_default(field: FieldInfo) -> str:
    """Return a default as it is written in TOML."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, float):
        return f"`{value:.6g}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{one}"' if isinstance(one, str) else f"{one:.6g}" for one in value) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value not in (None, {}) else "none"


def render() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for stage, model in (
        ("fetch", FetchConfig),
        ("build", BuildConfig),
        ("label", LabelConfig),
        ("mix", MixConfig),
        ("train", TrainConfig),
        ("evaluate", EvaluateConfig),
    ):
        rows = "\n".join(describe(model)).replace("``", "`")
        meaning = " ".join((model.__doc__ or "").split("\n\n")[0].split())
        parts.append(f"## {stage}\n\n{meaning}\n\n| key | default | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    write_or_check(PAGE, render(), "configuration")
