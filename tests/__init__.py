"""Tests of mattransformer; a package, since others leave a package of this name beside the installed ones."""
