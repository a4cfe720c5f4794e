"""The page as a Hugging Face Space: the same as `mattransformer app --mcp`, for everybody who opens the Space."""

from __future__ import annotations

import os
import threading

from mattransformer.app.server import running

if __name__ == "__main__":
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    with running("0.0.0.0", port, mcp=True, frames=["https://huggingface.co"]) as address:
        print(f"the page is at {address}", flush=True)
        threading.Event().wait()
