"""The notebooks of `examples/`: executed, each in a process and a folder of its own, and saved with what they show.

    python -m tests.notebooks                 # execute all of them and save them
    python -m tests.notebooks first_look      # or some

What a cell shows is compared with what was saved, unless its tag says that it varies: a training gives other numbers on
another processor, and the sizes of a card change with its words.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mattransformer.files import write_text

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLES: Final = ROOT / "examples"
VARIES: Final = "varies"
"""The tag of cells whose outputs are not compared."""

_SECONDS: Final = 600  # a cell at most: a busy machine is no fault of it
_FORMAT: Final = 4


def names() -> list[str]:
    """List the notebooks."""
    return sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))


def read(name: str) -> Any:
    """Read a notebook as it was saved."""
    import nbformat

    return nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=_FORMAT)


def execute(name: str, folder: Path, settings: Mapping[str, str], **replaced: str) -> Any:
    """Execute a notebook.

    Args:
        name: of it.
        folder: that it runs in; what Jupyter keeps lies there, too.
        settings: environment variables besides those that every notebook gets.
        replaced: names of `name = value` lines in it to other values, as Python writes them.

    Returns:
        The notebook with its outputs.

    Raises:
        CellExecutionError: a cell raises.
    """
    from nbclient import NotebookClient

    notebook = read(name)
    for cell in notebook.cells:
        for variable, value in replaced.items():
            lines = cell.source.split("\n")
            cell.source = "\n".join(
                f"{variable} = {value}" if line.startswith(f"{variable} = ") else line for line in lines
            )
    work = folder / "work"
    work.mkdir()
    os.environ["JUPYTER_RUNTIME_DIR"] = str(folder / "jupyter")
    client = NotebookClient(
        notebook,
        timeout=_SECONDS,
        startup_timeout=_SECONDS,
        record_timing=False,
        extra_arguments=[
            "--log-level=ERROR"
        ],  # it talks to this process alone, and says at length that it does
        resources={"metadata": {"path": str(work)}},
    )
    client.execute(env=_environment(folder) | dict(settings))
    for cell in notebook.cells:
        _join_streams(cell)
    return notebook


def _join_streams(cell: Any) -> None:
    """Make one output of what was printed in a row: into how many pieces it comes is chance."""
    joined: list[Any] = []
    for output in cell.get("outputs", ()):
        if (
            joined
            and output.output_type == joined[-1].output_type == "stream"
            and output.name == joined[-1].name
        ):
            joined[-1].text += output.text
        else:
            joined.append(output)
    if joined:
        cell.outputs = joined


def _environment(folder: Path) -> dict[str, str]:
    """What a notebook finds: no network, no corpora but the embedded one, nobody's settings, and one thread."""
    hidden = ("HF_", "HUGGING", "TRANSFORMERS_", "MATTRANSFORMER_DATA", "JUPYTER_", "IPYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": "ignore:IProgress not found",  # of a bar that nobody needs
    }


def outputs(cell: Any) -> Iterator[tuple[str, str]]:
    """Give what a cell shows, the kind and the text of each part; of a picture the text that stands for it."""
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            yield output.name, output.text
        elif output.output_type == "error":
            yield "error", output.evalue
        else:
            yield from ((kind, output.data[kind]) for kind in sorted(output.data) if kind.startswith("text/"))


def plain(cell: Any) -> list[str]:
    """Give what a cell shows as text alone."""
    return [text for kind, text in outputs(cell) if kind in ("stdout", "text/plain")]


def compared(notebook: Any) -> list[Any]:
    """List the cells of code whose outputs are the same each time."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and VARIES not in cell.metadata.get("tags", ())
    ]


def save(name: str, notebook: Any) -> None:
    """Save an executed notebook without anything of the machine and the moment; one that warned is refused."""
    import nbformat

    for number, cell in enumerate(notebook.cells, 1):
        for kind, text in outputs(cell):
            if kind in ("stderr", "error"):
                raise SystemExit(f"{name}, cell {number} warns, and is not saved: {text}")
        cell.id = f"{name.replace('_', '-')}-{number}"
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if output.output_type != "stream":
                output.metadata = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    write_text(EXAMPLES / f"{name}.ipynb", nbformat.writes(notebook, version=_FORMAT) + "\n")


def main(asked: Sequence[str]) -> None:
    """Execute notebooks and save them."""
    for name in asked or names():
        with tempfile.TemporaryDirectory() as folder:
            save(name, execute(name, Path(folder), {}))
        print(f"examples/{name}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
