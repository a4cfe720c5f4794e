"""`mattransformer corpus | train | generate | ... | benchmark`, and how their errors are told.

Whatever is wrong with the input ends in one line on standard error and exit code 2; Ctrl-C ends in one line and
exit code 130, and SIGTERM, which removes what is half written, in 143. A traceback is a bug of this package.
"""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Annotated, NoReturn, ParamSpec

import typer

from mattransformer.cli.benchmark import benchmark
from mattransformer.cli.corpus import corpus
from mattransformer.cli.evaluate import evaluate
from mattransformer.cli.export import export
from mattransformer.cli.fill import fill
from mattransformer.cli.generate import generate
from mattransformer.cli.models import models
from mattransformer.cli.publish import publish
from mattransformer.cli.screen import screen
from mattransformer.cli.tinker import tinker
from mattransformer.cli.train import train
from mattransformer.cli.web_page import web_page
from mattransformer.errors import MattransformerError

P = ParamSpec("P")

app = typer.Typer(
    name="mattransformer",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the errors that a user can mend into one line on standard error and an exit code.

    Args:
        command: a command of this program.

    Returns: The same command, which exits with code 2 after bad input or a file that cannot be read or
    written, and with code 130 after Ctrl-C.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            typer.echo("mattransformer: interrupted", err=True)
            raise typer.Exit(130) from None
        except MattransformerError as error:
            raise _fail(str(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe has gone (| head), which is no error
                raise
            reason = error.strerror or str(error)
            raise _fail(f"{error.filename}: {reason}" if error.filename else reason) from None

    return run


def _fail(message: str) -> typer.Exit:
    typer.echo(f"mattransformer: error: {' '.join(message.split())}", err=True)
    return typer.Exit(2)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)  # so that files which are half written are removed


def _version(asked: bool) -> None:
    if asked:
        from mattransformer import __version__

        typer.echo(f"mattransformer {__version__}")
        raise typer.Exit


@app.callback(epilog="`mattransformer COMMAND --help` explains a command, with examples.")
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Language models that learn the formulas of inorganic compounds and propose new compositions.

    A formula is a sequence of elements, one token an atom (SrTiO3 is `Sr Ti O O O`). A model learns which
    sequences are compounds, and samples new ones. Some words that the commands use:

    - **charge-neutral**: the elements have oxidation states, one each, that sum to zero.

    - **electronegativity-balanced** (EN-balanced): in one such assignment the cations are less
      electronegative than the anions.

    - **novel**: listed neither in the Materials Project nor in OQMD.

    - **variant**: *strict*, *pure* or *mix*: what a known formula satisfies. *pure* formulas are
      EN-balanced, *strict* ones also with the narrower states of ICSD 2024; *mix* is all the rest.

    - **source**: the database that a formula is listed in: *mp*, *oqmd*, or *user* for your own files.
    """


for _command in (corpus, train, models, generate, fill, tinker, screen, evaluate, benchmark, export, publish):
    app.command()(told(_command))
app.command(name="app")(told(web_page))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave Python with its exit code.

    Args:
        arguments: of the command line, without the program; those of the process where left out.

    Raises:
        SystemExit: always; 0 is success.
    """
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        signal.signal(signal.SIGTERM, _stop)
    app(args=arguments, prog_name="mattransformer")
