"""`python -m mattransformer`, the same as the command `mattransformer`."""

from __future__ import annotations

from mattransformer.cli import main

if __name__ == "__main__":
    main()
