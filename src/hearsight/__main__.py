"""Run the command line as ``python -m hearsight``."""

from hearsight.cli import main

if __name__ == "__main__":
    main()
