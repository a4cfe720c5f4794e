"""A user of a hub, in a process of its own: does what it is told, a line of JSON a time, and answers in one.

    {"do": "publish", "checkpoint": "gpt2", "repository": "ada/first"}
    {"do": "load", "name": "ada/first", "generate": 5}

The environment says which hub, which cache and which token; everything is logged, down to the requests.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any


def main() -> None:
    time.sleep = lambda _: None  # the client library waits between its tries, which nobody has to wait for
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    logging.getLogger("numba").setLevel(logging.INFO)  # which tells every byte that it compiles
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for; what goes wrong is an answer, too."""
    os.environ.pop("HF_TOKEN", None)
    if asked.get("token"):
        os.environ["HF_TOKEN"] = asked["token"]
    _surroundings(asked)
    do = {"publish": publish, "push": push, "load": load, "plain": plain, "run": run, "command": command}[
        asked["do"]
    ]
    try:
        return do(asked)
    except Exception as error:
        from mattransformer.errors import MattransformerError

        told = isinstance(error, MattransformerError)
        return {"refused": str(error), "told": told, "traceback": traceback.format_exc()}


def _surroundings(asked: dict[str, Any]) -> None:
    """Do what HF_HUB_OFFLINE, HF_HUB_ETAG_TIMEOUT and HF_ENDPOINT do, which are read when the library is imported."""
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = asked.get("offline", False)
    constants.HF_HUB_ETAG_TIMEOUT = asked.get("timeout", 600)
    constants.ENDPOINT = asked.get("endpoint", os.environ["HF_ENDPOINT"])
    constants.DOWNLOAD_CHUNK_SIZE = asked.get("chunk", 1 << 20)  # of ten megabytes, which no test has


def publish(asked: dict[str, Any]) -> dict[str, Any]:
    import mattransformer as mt

    return asdict(mt.publish(asked["checkpoint"], asked["repository"], **asked.get("settings", {})))


def push(asked: dict[str, Any]) -> dict[str, Any]:
    import mattransformer as mt

    lm = mt.load(asked["checkpoint"])
    return asdict(lm.push_to_hub(asked["repository"], **asked.get("settings", {})))


def load(asked: dict[str, Any]) -> dict[str, Any]:
    """Open a checkpoint, and say what is in its folder, what it thinks of perovskite, and what it generates."""
    import mattransformer as mt

    lm = mt.load(asked["name"], **({"revision": asked["revision"]} if "revision" in asked else {}))
    said: dict[str, Any] = {
        "name": lm.name,
        "commit": lm.folder.name,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in lm.folder.iterdir()},
        "log_prob": float(lm.log_prob(["SrTiO3"])[0]),
    }
    if "generate" in asked:
        said["formulas"] = lm.generate(asked["generate"], seed=0)["formula"].tolist()
    return said


def plain(asked: dict[str, Any]) -> dict[str, Any]:
    """Open a causal model without a word of this package."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(asked["name"])
    model = AutoModelForCausalLM.from_pretrained(asked["name"], dtype=torch.float32).eval()
    ids = tokenizer("<mp> <strict> Sr Ti", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return {"ids": ids[0].tolist(), "logits": model(input_ids=ids).logits[0, -1].tolist()}


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Run Python, such as that in a card."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(asked["code"], "card", "exec"), {})
    return {"printed": printed.getvalue()}


def command(asked: dict[str, Any]) -> dict[str, Any]:
    """Run the command line."""
    from mattransformer.cli import main as program

    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with redirect_stdout(out), redirect_stderr(err):
        try:
            program(asked["arguments"])
        except SystemExit as left:
            code = left.code
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
