"""Write predictions as DICOM objects, a table or COCO results."""

import argparse
from pathlib import Path

from mammo_cli.arguments import add_limit_argument
from mammo_cli.command import Command
from mammo_cli.errors import refuse, user_errors
from mammo_cli.left_out import tell_left_out, tell_state


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        'predictions',
        help='predictions.json or predictions.jsonl written by mammo infer, or '
        'their folder',
    )
    arguments.add_argument(
        '--out', default='export', help='output folder (default: %(default)s)'
    )
    arguments.add_argument(
        '--csv', action='store_true', help='write predictions.csv, one row per finding'
    )
    arguments.add_argument(
        '--coco',
        metavar='ANNOTATIONS',
        help='write coco_results.json for the images of this annotation file',
    )
    arguments.add_argument(
        '--dicom',
        action='store_true',
        help='write a structured report per exam, a presentation state per view '
        'and segmentations of masses; needs --images and the package '
        'highdicom',
    )
    arguments.add_argument(
        '--images',
        metavar='PATH',
        help='folder of the images: what mammo infer or mammo index was given (a '
        'folder, DICOMDIR or .txt list), or the index; if there were several '
        'folders, their common one',
    )
    arguments.add_argument(
        '--score-thr',
        type=float,
        default=0.2,
        help='minimum score of a detection in DICOM objects (default: %(default)s)',
    )
    arguments.add_argument(
        '--keep-identity',
        action='store_true',
        help='copy patient and study identity from the images to the DICOM '
        "objects; by default the exam's id replaces the patient's name",
    )
    add_limit_argument(arguments)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse impossible values."""
    if not (args.csv or args.coco or args.dicom):
        parser.error('nothing to write: give --csv, --coco ANNOTATIONS or --dicom')
    if args.dicom and not args.images:
        parser.error(
            '--dicom: give --images, the PATH or index that mammo infer was given'
        )
    if Path(args.out).exists() and not Path(args.out).is_dir():
        refuse(f'--out {args.out}: is a file; name a folder')
    if not 0 <= args.score_thr <= 1:
        refuse(f'--score-thr {args.score_thr}: expected 0 to 1')


def run(args: argparse.Namespace) -> None:
    """Write the requested files; report them, and everything that was left out."""
    from mammo_plugins.exports import (
        PredictionFile,
        coco_results,
        images_root,
        write_csv,
    )
    from mammo_plugins.exports.dicom import need_highdicom
    from mammo_plugins.io import write_json
    from mammo_plugins.printable import number_of

    out = Path(args.out)
    with user_errors(args):
        if args.dicom:
            need_highdicom()
        images = images_root(args.images) if args.images else None
        predictions = PredictionFile(args.predictions)
        tell_state(predictions)
        if args.csv:
            counts = write_csv(predictions, out / 'predictions.csv')
            rows = ', '.join(f'{level} {count}' for level, count in counts.items())
            print(f'{out / "predictions.csv"}: rows by level: {rows or "none"}')
        if args.coco:
            results, left_out = coco_results(predictions, args.coco)
            write_json(out / 'coco_results.json', results)
            print(
                f'{out / "coco_results.json"}: {number_of(len(results), "detection")}'
            )
            tell_left_out(left_out, 'view')
        if args.dicom:
            _write_dicom(predictions, images, args, out)


def _write_dicom(
    predictions, images: Path, args: argparse.Namespace, out: Path
) -> None:
    from tqdm import tqdm

    from mammo_plugins.exports.dicom import DicomExport
    from mammo_plugins.stopping import raise_if_stopped

    export = DicomExport(predictions, images, out, args.score_thr, args.keep_identity)
    for exam in tqdm(predictions, desc='exams', unit='exam'):
        raise_if_stopped()
        export(exam)
    objects = ', '.join(f'{count} {kind}' for kind, count in export.written.items())
    print(f'{out}: DICOM objects: {objects or "none"}')
    tell_left_out(export.skipped, 'item')
    if not export.written:
        raise SystemExit('error: no exam has a DICOM image; the reasons are above')


COMMAND = Command(
    'tools/export.py',
    'Write predictions as DICOM objects (structured report, presentation states, '
    'segmentations), as a table or as COCO results. Research use only.',
    '{command} results --csv --dicom --images data/phantom/dicom --out export',
    add_arguments,
    run,
    check,
    configs=(),
)
