"""Check a data set in the COCO-exam format and report what is wrong.

The report names images and annotations by their ids in the JSON. It holds no
patient, exam or file name, so it may go into a bug report as it is.
"""
import argparse
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from mammo_plugins import __version__
from mammo_plugins.io import add_limit_argument, file_error, write_json
from mammo_plugins.printable import one_line
from mammo_plugins.stopping import stoppable
from mammo_plugins.structures import (BIRADS, DENSITIES, EXAM_VIEWS, MODALITIES,
                                      PATHOLOGIES, ImageRoots)
from mammo_plugins.verification import (ERROR, SPLITS, WARNING, Finding, Part,
                                        check_exams, check_files, check_geometry,
                                        check_images, check_labels,
                                        check_lesion_ids, check_splits,
                                        make_tasks, read_part)

SHOWN = 5  # findings of a kind that are printed; --json keeps all


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='exit code: 0 no errors, 1 errors, 2 wrong usage\n\n'
        'example:\n  python tools/verify_dataset.py data/phantom --check-pixels '
        '--workers 4 --json report.json')
    parser.add_argument(
        'data', nargs='+', type=Path, metavar='DATA_ROOT_or_JSON',
        help='a data root with annotations/train.json, val.json, test.json, or '
        'the JSON files themselves')
    parser.add_argument(
        '--data-root', type=Path,
        help='folder that file_name starts from (default: the data root given, '
        "or the folder above a JSON's annotations/)")
    parser.add_argument(
        '--extra-root', type=Path, action='append', default=[], metavar='DIR',
        help='further folder that file_name may lead to, by an absolute path or by ..; '
        'give it again for several')
    parser.add_argument(
        '--check-pixels', action='store_true',
        help='read all pixels: the side of the breast, boxes off the breast, '
        'images that are there twice')
    parser.add_argument(
        '--workers', type=int, default=min(4, os.cpu_count() or 1), metavar='N',
        help='processes that read files (default: %(default)s)')
    parser.add_argument(
        '--json', type=Path, metavar='OUT',
        help='write the whole report as JSON as well')
    add_limit_argument(parser)
    args = parser.parse_args(argv)
    if args.workers < 1:
        parser.error(f'--workers: {args.workers}: expected 1 or more')
    if args.data_root and not args.data_root.is_dir():
        parser.error(f'--data-root: {args.data_root}: no such folder')
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f'--json: {args.json}: no such folder')
    try:
        args.files = find_annotations(args.data)
    except FileNotFoundError as error:
        parser.error(str(error))
    return args


def find_annotations(targets: Sequence[Path]) -> List[Path]:
    """The annotation files of data roots and of paths to JSON files.

    Raises:
        FileNotFoundError: If there are none.
    """
    files = []
    for target in targets:
        if target.is_file():
            files.append(target)
            continue
        if not target.is_dir():
            raise FileNotFoundError(f'{target}: no such file or folder')
        found = [target / 'annotations' / f'{name}.json' for name in SPLITS]
        found = [path for path in found if path.is_file()]
        if not found:
            raise FileNotFoundError(
                f'{target}: no annotations/train.json, val.json or test.json; '
                'make them with one of tools/dataset_converters')
        files += found
    return files


def root_of(path: Path) -> Path:
    """The data root that an annotation file belongs to."""
    folder = path.absolute().parent
    return folder.parent if folder.name == 'annotations' else folder


def count_entries(part: Part) -> Dict[str, int]:
    """Count what there is, in the order of print."""
    images, annotations = part.data['images'], part.data['annotations']
    lesions = {(a['lesion_id'] if a['lesion_id'] is not None else i)
               for i, a in enumerate(annotations)}
    counts = {
        'patients': len({image['patient_id'] for image in images}),
        'exams': len({image['exam_id'] for image in images}),
        'images': len(images),
        'lesions': len(lesions),
        'annotations': len(annotations),
    }
    views = Counter(f"{image['modality']} {image['laterality']}{image['view']}"
                    for image in images)
    counts.update({f'images {modality} {view}': views[f'{modality} {view}']
                   for modality in MODALITIES for view in EXAM_VIEWS})
    for title, entries, key, options in (
        ('images, abnormal', images, 'abnormal', (True, False)),
        ('images, BI-RADS', images, 'birads', BIRADS),
        ('images, density', images, 'density', DENSITIES),
        ('annotations, pathology', annotations, 'pathology', PATHOLOGIES),
        ('annotations, BI-RADS', annotations, 'birads', BIRADS),
    ):
        found = Counter(entry[key] for entry in entries)
        for value in (*options, None):
            name = 'unknown' if value is None else str(value)
            counts[f'{title} {name}'] = found[value]
    return counts


def verify(files: Sequence[Path], data_root: Optional[Path] = None,
           pixels: bool = False, workers: int = 1,
           extra_roots: Sequence[Path] = ()) -> dict:
    """Run all checks.

    Args:
        files (Sequence[Path]): Annotation files, one a split.
        data_root (Path, optional): Folder of the images; defaults to the one
            each annotation file lies in.
        pixels (bool): Whether to read pixels. Defaults to False.
        workers (int): Processes that read files. Defaults to 1.
        extra_roots (Sequence[Path]): Further folders that images may lie in.

    Returns:
        dict: The report, ready for JSON.
    """
    findings: List[Finding] = []
    parts: List[Part] = []
    for path in files:
        part, faults = read_part(
            path, ImageRoots(data_root or root_of(path), extra_roots))
        findings += faults
        parts += [part] if part else []
    for part in parts:
        findings += check_exams(part)
        findings += check_geometry(part)
    findings += check_labels(parts)
    findings += check_lesion_ids(parts)
    findings += check_splits(parts)
    findings += check_files(parts)
    findings += check_images(make_tasks(parts, pixels), workers)
    severities = Counter(finding.severity for finding in findings)
    return dict(
        mammo_plugins=__version__,
        datasets=[{key: part.data['info'].get(key)
                   for key in ('dataset', 'converter_version', 'split_seed')}
                  for part in parts],
        pixels_checked=pixels,
        counts={part.name: count_entries(part) for part in parts},
        errors=severities[ERROR],
        warnings=severities[WARNING],
        findings=[asdict(finding) for finding in findings])


def format_report(report: dict) -> str:
    """The report as plain text, errors last, where the eye falls."""
    lines = [f"mammo_plugins {report['mammo_plugins']}"]
    for name, info in zip(report['counts'], report['datasets']):
        lines.append(one_line(
            f"{name}: data set {info['dataset']}, converter "
            f"{info['converter_version']}, seed {info['split_seed']}"))
    lines += ['', *_table(report['counts'])]
    for severity in (WARNING, ERROR):
        found = [f for f in report['findings'] if f['severity'] == severity]
        for check in dict.fromkeys(f['check'] for f in found):
            same = [f for f in found if f['check'] == check]
            lines += ['', f'{severity.upper()} {check} ({len(same)})']
            lines += [f"  {f['where']}: {f['message']}" for f in same[:SHOWN]]
            if len(same) > SHOWN:
                lines.append(f'  ... and {len(same) - SHOWN} more')
    seen = 'pixels read' if report['pixels_checked'] else \
        'pixels not read (--check-pixels)'
    return '\n'.join([*lines, '', f"{report['errors']} errors, "
                      f"{report['warnings']} warnings; {seen}"])


def _table(counts: Dict[str, Dict[str, int]]) -> List[str]:
    names = dict.fromkeys(name for part in counts.values() for name in part
                          if any(other[name] for other in counts.values()))
    width = max(map(len, names), default=0)
    header = ' ' * width + ''.join(f'{name:>9}' for name in counts)
    return [header] + [
        f'{name:{width}}' + ''.join(f'{part[name]:>9}'
                                    for part in counts.values())
        for name in names
    ]


def main(argv: Optional[Sequence[str]] = None) -> int:
    with stoppable():
        args = parse_args(argv)
        report = verify(args.files, args.data_root, args.check_pixels, args.workers,
                        args.extra_root)
        print(format_report(report))
        try:
            if args.json:
                write_json(args.json, report)
        except OSError as error:
            print(f'error: {file_error(error) or error}', file=sys.stderr)
            return 2
    return 1 if report['errors'] else 0


if __name__ == '__main__':
    sys.exit(main())
