"""Arguments that several commands share."""

import argparse
import math
from pathlib import Path

from . import known
from .light import light


class _KeyValues(argparse.Action):
    """Accept only key=value arguments; :func:`read_options` parses them."""

    def __call__(self, parser, namespace, values, option_string=None):
        for value in values:
            key, equals, written = value.partition('=')
            if not equals:
                parser.error(f'--cfg-options: {value!r} is not key=value')
            if not all(part.strip() for part in key.split('.')):
                parser.error(f'--cfg-options: {value!r} has an empty name before =')
            if any(written.count(a) != written.count(b) for a, b in ('()', '[]')):
                _not_readable(parser, values, f'Imbalanced brackets exist in {written}')
        setattr(
            namespace,
            self.dest,
            [*(getattr(namespace, self.dest, None) or ()), *values],
        )


def finite(text: str) -> float:
    """Return a number of the command line; an argument's ``type``.

    Args:
        text (str): The argument. NaN and infinity pass comparisons that they should
            not.

    Raises:
        ArgumentTypeError: If it is not a finite number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'{text}: expected a finite number')
    return value


def _not_readable(parser, values, why):
    parser.error(f'--cfg-options {" ".join(values)}: not readable values ({why})')


def read_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Convert ``args.cfg_options`` to a dict, as MMEngine reads them.

    Args:
        parser (ArgumentParser): Reports values that cannot be read.
        args (Namespace): Arguments of a parser with :func:`add_config_options`.
    """
    from mmengine.config import DictAction

    import mammo_plugins  # noqa: F401 must come before MMEngine

    words, args.cfg_options = args.cfg_options, None
    try:
        DictAction(['--cfg-options'], 'cfg_options')(parser, args, words)
    except Exception as error:  # for example unbalanced brackets
        _not_readable(parser, words, error)


def add_run_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add mmdet's options for both training and testing."""
    arguments.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and results (default: '
        'work_dirs/<config name>)',
    )
    add_config_arguments(arguments)
    arguments.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    arguments.add_argument(
        '--gpus',
        type=int,
        metavar='N',
        help='start N processes on this machine, one per GPU',
    )
    # set by torch.distributed.launch, which mmdet's scripts use
    arguments.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS
    )


def add_extra_root(arguments: argparse.ArgumentParser) -> None:
    """Add ``--extra-root``."""
    arguments.add_argument(
        '--extra-root',
        type=Path,
        action='append',
        default=[],
        metavar='DIR',
        help='additional folder that file_name may point to, by an absolute path '
        'or with ..; repeat for several',
    )


def add_config_options(arguments: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    arguments.add_argument(
        '--cfg-options',
        nargs='+',
        action=_KeyValues,
        help='override config settings, as key=value; lists as key="[a,b]" or key=a,b',
    )


def add_config_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the options of every command that takes a config and a checkpoint."""
    add_config_options(arguments)
    arguments.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that contain more than weights and plain data; '
        'this runs code from the file, so use it only if you trust the '
        'source',
    )
    add_limit_argument(arguments)


def add_limit_argument(arguments: argparse.ArgumentParser) -> None:
    """Add ``--reading-limit``."""
    light('io.limits').add_limit_argument(arguments)


def add_ensemble(arguments: argparse.ArgumentParser) -> None:
    """Add ``--ensemble`` and ``--tta``."""
    arguments.add_argument(
        '--ensemble',
        nargs='+',
        default=[],
        metavar='CHECKPOINT',
        help='further checkpoints of CONFIG, such as of other seeds: boxes are fused by '
        'weighted boxes fusion, probabilities and maps are means',
    )
    arguments.add_argument(
        '--tta',
        choices=['flip'],
        help='predict flipped images too, in the directions that training flips, and '
        'fuse likewise',
    )


def add_calibration(arguments: argparse.ArgumentParser) -> None:
    """Add ``--calibration``."""
    arguments.add_argument(
        '--calibration',
        metavar='FILE',
        help='file of mammo calibrate, or none (default: the one beside the '
        'checkpoint, if there is one)',
    )


RULES = ('specificity', 'sensitivity', 'recall-rate')


def add_operating_point(arguments: argparse.ArgumentParser, what: str) -> None:
    """Add ``--operating-point``.

    Args:
        arguments (ArgumentParser): Parser of the command.
        what (str): Purpose of the operating point, for the help.
    """
    arguments.add_argument(
        '--operating-point',
        default='specificity=0.9',
        metavar='RULE=VALUE',
        help=f'{what}: {", ".join(RULES)} with a value from 0 to 1, or youden '
        '(default: %(default)s)',
    )


def read_operating_point(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Set ``args.rule`` and ``args.value``, the arguments of ``operating_threshold``.

    Args:
        parser (ArgumentParser): Reports what cannot be read.
        args (Namespace): Arguments of a parser with :func:`add_operating_point`.
    """
    rule, equals, text = args.operating_point.partition('=')
    args.rule, args.value = rule.replace('-', '_'), None
    if rule == 'youden' and not equals:
        return
    try:
        args.value = float(text)
    except ValueError:
        args.value = -1.0
    if rule not in RULES or not 0 <= args.value <= 1:
        parser.error(
            f'--operating-point {args.operating_point}: expected one of '
            f'{", ".join(RULES)} with = and a value from 0 to 1, or youden'
        )


def add_device(arguments: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    arguments.add_argument(
        '--device', help='device, such as cpu or cuda:1 (default: a GPU if available)'
    )


def add_precision(arguments: argparse.ArgumentParser) -> None:
    """Add ``--precision`` for predictions."""
    arguments.add_argument(
        '--precision',
        choices=known.PRECISIONS,
        default='fp32',
        help='number format; "auto": bf16 on a GPU that has it, else fp32. Half '
        'precision is faster on a GPU and finds the same, with scores that differ by '
        'a few hundredths at most (default: %(default)s, for results to publish)',
    )
