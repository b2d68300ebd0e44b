"""The version of hearsight, in a module of its own so that no room imports the package itself."""

VERSION = "0.1.0"
