"""Print constraints.txt: every installed package at its version, local build tags left out."""

from __future__ import annotations

from importlib.metadata import distributions

HEAD = """\
# The lock: every version that `make` installs. Written by `make lock`.
# torch stands without its build tag: on a machine whose index offers a CPU build of this version, pip prefers it.
"""

SKIP = {"hearsight", "pip", "setuptools", "wheel"}


def main() -> None:
    """Print the lock, sorted by name."""
    versions = {dist.metadata["Name"].lower().replace("_", "-"): dist.version.split("+")[0] for dist in distributions()}
    print(HEAD + "\n".join(f"{name}=={version}" for name, version in sorted(versions.items()) if name not in SKIP))


if __name__ == "__main__":
    main()
