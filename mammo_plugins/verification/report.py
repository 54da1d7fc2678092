"""Running all checks of a data set and reporting the findings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mammo_plugins.printable import number_of, one_line
from mammo_plugins.structures import (
    BIRADS,
    DENSITIES,
    EXAM_VIEWS,
    MODALITIES,
    PATHOLOGIES,
    ImageRoots,
)
from mammo_plugins.version import __version__

from .entries import (
    ERROR,
    WARNING,
    Finding,
    Part,
    check_exams,
    check_geometry,
    check_lesion_ids,
    check_splits,
    read_part,
)
from .files import check_files, check_images, make_tasks
from .labels import check_labels

SHOWN = 5  # findings printed per kind; --json keeps all


def root_of(path: str | Path) -> Path:
    """Return the data root that an annotation file belongs to."""
    folder = Path(path).absolute().parent
    return folder.parent if folder.name == 'annotations' else folder


def count_entries(part: Part) -> dict[str, int]:
    """Count the entries, in the order they are printed."""
    images, annotations = part.data['images'], part.data['annotations']
    lesions = {
        (a['lesion_id'] if a['lesion_id'] is not None else i)
        for i, a in enumerate(annotations)
    }
    counts = {
        'patients': len({image['patient_id'] for image in images}),
        'exams': len({image['exam_id'] for image in images}),
        'images': len(images),
        'lesions': len(lesions),
        'annotations': len(annotations),
    }
    views = Counter(
        f'{image["modality"]} {image["laterality"]}{image["view"]}' for image in images
    )
    counts.update(
        {
            f'images {modality} {view}': views[f'{modality} {view}']
            for modality in MODALITIES
            for view in EXAM_VIEWS
        }
    )
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


def verify(
    files: Sequence[Path],
    data_root: Path | None = None,
    pixels: bool = False,
    workers: int = 1,
    extra_roots: Sequence[Path] = (),
) -> dict:
    """Run all checks.

    Args:
        files (Sequence[Path]): Annotation files, one per split.
        data_root (Path, optional): Folder of the images; defaults to the data root of
            each annotation file.
        pixels (bool): Whether to read pixels. Defaults to False.
        workers (int): Processes that read files. Defaults to 1.
        extra_roots (Sequence[Path]): Further folders that may contain images.

    Returns:
        dict: The report, ready for JSON.
    """
    findings: list[Finding] = []
    parts: list[Part] = []
    for path in files:
        part, faults = read_part(
            path, ImageRoots(data_root or root_of(path), extra_roots)
        )
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
        datasets=[
            {
                key: part.data['info'].get(key)
                for key in ('dataset', 'converter_version', 'split_seed')
            }
            for part in parts
        ],
        pixels_checked=pixels,
        counts={part.name: count_entries(part) for part in parts},
        errors=severities[ERROR],
        warnings=severities[WARNING],
        findings=[asdict(finding) for finding in findings],
    )


def format_report(report: dict) -> str:
    """Return the report as plain text, with errors last, where they are seen."""
    lines = [f'mammo_plugins {report["mammo_plugins"]}']
    for name, info in zip(report['counts'], report['datasets']):
        lines.append(
            one_line(
                f'{name}: data set {info["dataset"]}, converter '
                f'{info["converter_version"]}, seed {info["split_seed"]}'
            )
        )
    lines += ['', *_table(report['counts'])]
    for severity in (WARNING, ERROR):
        found = [f for f in report['findings'] if f['severity'] == severity]
        for check in dict.fromkeys(f['check'] for f in found):
            same = [f for f in found if f['check'] == check]
            lines += ['', f'{severity.upper()} {check} ({len(same)})']
            lines += [f'  {f["where"]}: {f["message"]}' for f in same[:SHOWN]]
            if len(same) > SHOWN:
                lines.append(f'  ... and {len(same) - SHOWN} more')
    seen = (
        'pixels read'
        if report['pixels_checked']
        else 'pixels not read (--check-pixels)'
    )
    return '\n'.join(
        [
            *lines,
            '',
            f'{number_of(report["errors"], "error")}, '
            f'{number_of(report["warnings"], "warning")}; {seen}',
        ]
    )


def _table(counts: dict[str, dict[str, int]]) -> list[str]:
    names = dict.fromkeys(
        name
        for part in counts.values()
        for name in part
        if any(other[name] for other in counts.values())
    )
    width = max(map(len, names), default=0)
    header = ' ' * width + ''.join(f'{name:>9}' for name in counts)
    return [header] + [
        f'{name:{width}}' + ''.join(f'{part[name]:>9}' for part in counts.values())
        for name in names
    ]
