"""The version of hearsight. It has its own module so that no other module imports the package itself."""

VERSION = "0.1.0"
