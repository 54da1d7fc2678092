"""Many cases of every fuzzer, in processes of their own, and a table of the outcomes."""

import argparse
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_origin

import mammo_plugins  # noqa: F401 isort: skip (bridges mmcv.ops)
import fuzzing
from fuzzing.harness import Found, Fuzzer, Report, fuzz

CHUNK = 100  # cases a process


def fuzzers() -> dict[str, type[Fuzzer]]:
    """Return the fuzzers by the names of their modules."""
    found = {}
    for module in pkgutil.iter_modules(fuzzing.__path__):
        if module.name not in ('__main__', 'harness'):
            space = vars(importlib.import_module(f'fuzzing.{module.name}'))
            found.update(
                (name, value)
                for name, value in space.items()
                if isinstance(value, type)
                and get_origin(value) is None  # such as dict[str, int], in Python 3.10
                and issubclass(value, Fuzzer)
                and value.__module__ == f'fuzzing.{module.name}'
                and value.name
            )
    return found


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='example:\n  make fuzz FUZZ="--cases 500 --seed 7"',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--cases', type=int, default=300, help='of each fuzzer (default: 300)'
    )
    parser.add_argument('--seed', type=int, default=1, help='default: 1')
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='FUZZER',
        default=[],
        help=f'of {", ".join(fuzzers())}',
    )
    parser.add_argument('--case', type=int, help='run this case alone')
    parser.add_argument(
        '--jobs',
        type=int,
        default=os.cpu_count(),
        help='processes at once (default: one a core)',
    )
    parser.add_argument('--first', type=int, help=argparse.SUPPRESS)
    parser.add_argument('--to', help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = set(args.only) - set(fuzzers())
    if unknown:
        parser.error(
            f'--only {" ".join(sorted(unknown))}: choose of {", ".join(fuzzers())}'
        )
    return args


def run_chunk(args: argparse.Namespace) -> None:
    """Run the cases of one process; note the one under way and the outcome."""
    note, result = Path(args.to) / 'now', Path(args.to) / 'result.json'
    kind = fuzzers()[args.only[0]]
    work = Path(args.to) / 'work'
    work.mkdir()
    report = fuzz(
        kind(work),
        range(args.first, args.first + args.cases),
        args.seed,
        begin=lambda number: note.write_text(str(number)),
    )
    result.write_text(json.dumps([report.outcomes, report.faults]))


def start_chunk(name: str, first: int, count: int, seed: int) -> Report:
    """Run cases in a process of their own, which a decoder may take down."""
    kind = fuzzers()[name]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            '-m',
            'fuzzing',
            '--only',
            name,
            '--first',
            str(first),
            '--cases',
            str(count),
            '--seed',
            str(seed),
            '--to',
            folder,
        ]
        limit = 120 + count * kind.seconds
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors='replace', timeout=limit
            )
            ended, text = f'crash ({done.returncode})', done.stderr[-1500:]
        except subprocess.TimeoutExpired:
            ended, text = 'hang', f'more than {limit:g} s'
        result = Path(folder) / 'result.json'
        if result.exists():
            outcomes, faults = json.loads(result.read_text())
            return Report(kind.name, Counter(outcomes), [Found(*f) for f in faults])
        note = Path(folder) / 'now'
        number = int(note.read_text()) if note.exists() else first
    report = Report(
        kind.name,
        Counter({ended: 1}),
        [Found(number, 'the process ended', ended, text)],
    )
    # those before run again, and those after for the first time
    for begin, end in ((first, number), (number + 1, first + count)):
        if begin < end and number != first:
            rest = start_chunk(name, begin, end - begin, seed)
            report.outcomes += rest.outcomes
            report.faults += rest.faults
    return report


def main() -> int:
    """Run them all."""
    args = parse_args()
    if args.to:
        run_chunk(args)
        return 0
    names = args.only or list(fuzzers())
    if args.case is not None:
        jobs = [(name, args.case, 1) for name in names]
    else:
        jobs = [
            (name, first, min(CHUNK, args.cases - first))
            for name in names
            for first in range(0, args.cases, CHUNK)
        ]
    total = {name: Report(fuzzers()[name].name) for name in names}
    began = time.time()
    with ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(start_chunk, *job, args.seed) for job in jobs]
        for done, (job, run) in enumerate(zip(jobs, runs), 1):
            report = run.result()
            total[job[0]].outcomes += report.outcomes
            total[job[0]].faults += report.faults
            left = (time.time() - began) / done * (len(jobs) - done)
            print(
                f'\r{done}/{len(jobs)} parts, about {left / 60:.0f} min left ',
                end='',
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    return show(total, args.seed)


def show(total: dict[str, Report], seed: int) -> int:
    """Print faults and the table; return the exit status."""
    for name, report in total.items():
        for fault in report.faults:
            print(
                f'{name} --seed {seed} --case {fault.number}: {fault.kind}: '
                f'{fault.what}\n{fault.text}\n'
            )
    for name, report in total.items():
        counts = ', '.join(f'{n} {what}' for what, n in report.outcomes.most_common())
        print(f'{name:22} {report.name:40} {sum(report.outcomes.values()):6}: {counts}')
    faults = sum(len(report.faults) for report in total.values())
    print(f'{faults} faults')
    return int(faults > 0)


if __name__ == '__main__':
    sys.exit(main())
