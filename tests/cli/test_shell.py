"""What a shell has of the command line: completion of its words, and help that comes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hearsight.cli import app
from tests.support.processes import run_command

HEAVY = ("torch", "numpy", "pyarrow", "av", "duckdb", "pydantic", "soundfile")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_written_for_a_shell_and_knows_every_command(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    done = run_command("--install-completion", "--shell", shell, "--output", script)
    assert done.returncode == 0, done.stderr
    assert str(script) in done.stdout
    text = script.read_text()
    assert all(name in text for name in app if not name.startswith("-"))
    assert "--out" in text


def test_a_shell_without_completion_is_named() -> None:
    done = run_command("--install-completion", "--shell", "tcsh")
    assert done.returncode == 2
    assert "tcsh" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["build", "--help"], ["tag", "--help"]])
def test_help_imports_nothing_that_takes_long(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom hearsight.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        f"print('imported', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported []", done.stdout
