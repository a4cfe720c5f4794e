"""`mattransformer export`: a checkpoint for programs without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped checkpoint, or a folder with a trained one.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write: its name ends in .onnx."),
    ],
) -> None:
    """Write a causal model as an ONNX file.

    It takes token ids (`input_ids`, batch × length) and gives the `logits` of each next token; batch and length are
    free. The vocabulary is in the metadata of the file. gpt, gpt2, gpt-neo and gpt-j can be exported, and what was
    fine-tuned from them. Needs `pip install "mattransformer[onnx]"`.

    **Example**

    `mattransformer export gpt2 -o gpt2.onnx`
    """
    from mattransformer.models.checkpoints import find_checkpoint, load_model
    from mattransformer.models.onnx_export import check_onnx_target, export_onnx

    check_onnx_target(output)
    export_onnx(load_model(find_checkpoint(model)), output, model)
    typer.echo(f"written to {output}: {output.stat().st_size / 1e6:.1f} MB")
