"""Measure training, exams and data on this machine in one run."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mammo_cli import known
from mammo_cli.arguments import finite
from mammo_cli.command import Command
from mammo_cli.errors import refuse

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/benchmark_machine'),
        help='output folder for rows and logs (default: %(default)s)',
    )
    arguments.add_argument(
        '--wheels',
        type=Path,
        help='folder written by mammo wheelhouse, installed into the output '
        'folder without a network; PyTorch must be installed already',
    )
    arguments.add_argument(
        '--small',
        action='store_true',
        help='use small networks and images to check that everything works; the '
        'figures mean nothing',
    )
    arguments.add_argument(
        '--limit',
        type=finite,
        default=330,
        help='seconds after which running parts are stopped; their finished rows '
        'are kept (default: %(default)s)',
    )
    arguments.add_argument(
        '--parts',
        nargs='+',
        choices=known.MEASURED_PARTS,
        default=known.MEASURED_PARTS,
        help='parts to measure (default: all)',
    )
    # each process runs this command
    arguments.add_argument('--here', action='store_true', help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int | None:
    """Install, measure, and report."""
    if args.here:
        from mmengine.logging import MMLogger

        from mammo_plugins.apis.machine_measurements import measure_parts

        MMLogger.get_instance('benchmark', log_level='ERROR')
        measure_parts(args.parts, args.out, args.small)
        return None
    began = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    for part in args.parts:
        (args.out / f'{part}.jsonl').write_text('')
    environment = dict(
        os.environ, OMP_NUM_THREADS=os.environ.get('OMP_NUM_THREADS', '1')
    )
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    if args.wheels:
        paths.insert(1, str(_install(args.wheels, args.out)))
    environment['PYTHONPATH'] = os.pathsep.join(paths)
    ended = _run_parts(args, environment, began + args.limit)
    print(table(args.out, args.parts))
    print(
        '\n'.join(
            [*ended, f'{time.monotonic() - began:.0f} s; rows and logs: {args.out}']
        )
    )
    return int(bool(ended))


def _install(wheels: Path, out: Path) -> Path:
    """Install wheels into a separate folder and return it."""
    if not (wheels / 'requirements.txt').is_file():
        refuse(
            f'--wheels {wheels}: no requirements.txt in it; expected the folder of '
            'mammo wheelhouse'
        )
    target = out / 'packages'
    options = [
        '--no-index',
        '--no-deps',
        '--upgrade',
        '--quiet',
        '--find-links',
        wheels,
    ]
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'pip',
            'install',
            *options,
            '--target',
            target,
            '-r',
            wheels / 'requirements.txt',
        ],
    )
    if done.returncode:
        refuse(f'--wheels {wheels}: pip could not install them; its reason is above')
    return target


def _run_parts(
    args: argparse.Namespace, environment: dict[str, str], until: float
) -> list[str]:
    """Run all parts, one process per core; return those that ended early."""
    jobs = min(len(args.parts), os.cpu_count() or 1)
    running, ended = [], []
    for job in range(jobs):
        parts = args.parts[job::jobs]
        with open(args.out / f'{parts[0]}.log', 'w') as log:
            words = [
                'benchmark-machine',
                '--here',
                '--out',
                args.out,
                '--parts',
                *parts,
            ]
            process = subprocess.Popen(
                [sys.executable, '-m', 'mammo_cli', *words, *['--small'] * args.small],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        running.append((parts, process))
    try:
        for parts, process in running:
            names = ', '.join(parts)
            try:
                if process.wait(max(until - time.monotonic(), 0.1)):
                    ended.append(f'{names}: failed, see {parts[0]}.log')
            except subprocess.TimeoutExpired:
                ended.append(f'{names}: not done after {args.limit:.0f} s')
    finally:
        for _, process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    return ended


def table(out: Path, parts: Sequence[str]) -> str:
    """Return all rows, part by part.

    Args:
        out (Path): Folder of the rows.
        parts (Sequence[str]): Names of the parts.
    """
    rows = [
        json.loads(line)
        for part in parts
        for line in (out / f'{part}.jsonl').read_text().splitlines()
    ]
    width = max((len(what) for what, _ in rows), default=0)
    return '\n'.join(f'{what:<{width}}  {found}' for what, found in rows)


COMMAND = Command(
    'tools/analysis_tools/benchmark_machine.py',
    'Measure the cost of training steps, exams and data loading on this machine: '
    'number formats, compiled kernels, CUDA graphs, memory, small networks. '
    'Parts load and compile in parallel and are timed one at a time; if one '
    'fails, the others continue. Takes about six minutes on a GPU. Weights and '
    'images are synthetic.',
    '{command} --wheels wheelhouse',
    add_arguments,
    run,
)
