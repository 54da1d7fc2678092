"""One-line messages for users' errors."""

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn


def refuse(message: str) -> NoReturn:
    """End the command with an error and exit status 2."""
    print(f'error: {message}', file=sys.stderr)
    sys.exit(2)


def refuse_folder(option: str, out: str | Path | None) -> None:
    """End the command with an error if the file to write is a folder.

    Args:
        option (str): The option that names the file.
        out (str | Path, optional): The file; ``None`` if none is written.
    """
    if out is None:
        return
    if str(out).endswith(('/', os.sep)) or Path(out).is_dir():
        refuse(f'{option} {out}: is a folder; name a file to write')
    parent = next((each for each in Path(out).parents if each.exists()), Path())
    if not parent.is_dir():
        refuse(f'{option} {out}: {parent} is a file, not a folder')


def user_error_types() -> tuple[type[Exception], ...]:
    """Return the types of errors whose text is meant for users."""
    from mammo_plugins.apis.config_loading import ConfigError
    from mammo_plugins.engine.checkpoint import CheckpointError
    from mammo_plugins.engine.hooks import DivergenceError
    from mammo_plugins.engine.loops.stages import StageError
    from mammo_plugins.exports import ExportError
    from mammo_plugins.io import JsonError, MammogramError
    from mammo_plugins.structures import AnnotationError
    from mammo_plugins.structures.saliency import SaliencyError

    return (
        AnnotationError,
        CheckpointError,
        ConfigError,
        DivergenceError,
        ExportError,
        JsonError,
        MammogramError,
        FileNotFoundError,
        SaliencyError,
        StageError,
    )


@contextmanager
def user_errors(args: argparse.Namespace | None = None) -> Iterator[None]:
    """Turn errors that a user can fix into one message and exit status 2.

    Signals stop the command as in :func:`~mammo_plugins.stopping.stoppable`.

    Args:
        args (Namespace, optional): Arguments of the command. If they contain
            ``--cfg-options``, an unexpected error also becomes one message, which lists
            these options; its traceback goes to ``error.log`` in the output folder.
    """
    from mammo_plugins.printable import printable_output
    from mammo_plugins.stopping import stoppable

    # a log that cannot be written to a full disk is reported once, by the error itself
    raised, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with printable_output(), _told_errors(args), stoppable():
            yield
    finally:
        logging.raiseExceptions = raised


@contextmanager
def _told_errors(args: argparse.Namespace | None) -> Iterator[None]:
    from mammo_plugins.apis.run_errors import explained
    from mammo_plugins.io import IrregularFileError, file_error

    kinds = user_error_types()
    try:
        yield
    except Exception as error:
        text = str(error)
        known = isinstance(error, kinds)
        if 'in DataLoader worker process' in text:
            # arrives as text with a traceback; the error itself is the last line
            name, _, text = text.strip().splitlines()[-1].partition(': ')
            known = name.rpartition('.')[2] in {
                e.__name__
                for e in (*kinds, OSError, PermissionError, IrregularFileError)
            }
        if known and not file_error(error):
            refuse(text)
        if file_error(error):
            if not error.filename and args is not None:
                error.filename = _output_of(args)  # missing if the disk is full
            refuse(file_error(error))
        if isinstance(error, KeyError) and 'registry' in str(error):
            refuse(error.args[0])
        explanation = explained(error) or _by_options(error, args)
        if explanation:
            refuse(explanation)
        raise


def _by_options(error: Exception, args: argparse.Namespace | None) -> str | None:
    """Save a traceback to a file; return a message if the run's options may be why."""
    from mammo_plugins.io import atomic_path

    options = getattr(args, 'cfg_options', None)
    if not options:
        return None
    log = Path(_output_of(args)) / 'error.log'
    try:
        with atomic_path(log) as temporary:
            temporary.write_text(
                traceback.format_exc(), encoding='utf-8', errors='backslashreplace'
            )
    except OSError:
        return None
    text = (str(error).strip() or 'no text').splitlines()[-1]
    # options that the error mentions come first
    keys = sorted(options, key=lambda key: key.rpartition('.')[2] not in text)
    more = f' and {len(keys) - 8} more' if len(keys) > 8 else ''
    return (
        f'{type(error).__name__}: {text[:300]}; this run differs from {args.config} '
        f'by --cfg-options {", ".join(f"{key}={options[key]}" for key in keys[:8])}'
        f'{more}; the traceback is in {log}'
    )


def _output_of(args: argparse.Namespace) -> str:
    """Return the folder that a command writes to."""
    from mammo_plugins.engine.work_dir import default_work_dir

    if hasattr(args, 'work_dir'):
        return args.work_dir or default_work_dir(args.config)
    return args.out
