"""Write docs/reference/configuration.md from the configuration models, so that the page cannot lag behind the code.

`python docs/reference.py` writes it; `make check` fails where it is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hearsight.config import BuildConfig, EvaluateConfig, MixConfig, TrainConfig

PAGE = Path(__file__).resolve().parent / "reference" / "configuration.md"

HEAD = """\
# Configuration

Every knob of every stage, with its default. Set them in a TOML file with a table per stage, given by `-c FILE.toml`, or one by one
with `--set key=value`; the latter wins. `hearsight learn` takes the knobs of build and train, as `build.cut.length` or, where only
one stage has the key, as `cut.length`; those of mixing as `mix.clips`.

```toml
[build]
images_per_second = 2

[build.cut]
length = 4.5

[train]
recipe = "quick"
```

This page is written by `docs/reference.py` from the code.
"""


def describe(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Give a table row per knob, those of inner tables after the table's own."""
    for name, field in model.model_fields.items():
        inner = next((kind for kind in (field.annotation, *get_args(field.annotation)) if is_model(kind)), None)
        if inner is not None:
            yield from describe(inner, f"{prefix}{name}.")
        else:
            yield f"| `{prefix}{name}` | {spell_default(field)} | {' '.join((field.description or '').split())} |"


def is_model(kind: object) -> bool:
    """Say whether a type is a table of knobs."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def spell_default(field: FieldInfo) -> str:
    """Give a default as one writes it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, float):
        return f"`{value:.6g}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value not in (None, {}) else "none"


def render() -> str:
    """Give the whole page."""
    parts = [HEAD]
    for stage, model in (
        ("build", BuildConfig),
        ("mix", MixConfig),
        ("train", TrainConfig),
        ("evaluate", EvaluateConfig),
    ):
        rows = "\n".join(describe(model)).replace("``", "`")
        meaning = " ".join((model.__doc__ or "").split())
        parts.append(f"## {stage}\n\n{meaning}\n\n| key | default | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def main() -> None:
    """Write the page, or with `--check` say whether it is as it should be."""
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != render():
            sys.exit("docs/reference/configuration.md is out of date: run python docs/reference.py")
        return
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
