"""Scripts that write, check and build the documentation; run each as ``python -m tools.NAME`` from the root of the repository."""
