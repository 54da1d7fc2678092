"""Converting a raw data set to a data root in the COCO-exam format."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mammo_plugins.io import DicomWarnings, MammogramError, read_header, write_json
from mammo_plugins.io.image_kind import FULL_FIELD, exclusion, screening_rank
from mammo_plugins.stopping import start_worker
from mammo_plugins.version import __version__

from .base import Converter
from .choice import Others, choose_views, note_choice, view_key
from .journal import Journal, record_key
from .outlines import drop_repeated, resolve_outline
from .parts import Split, assign_parts
from .records import UNUSABLE, Catalogue, ConversionError, RawView
from .summary import write_summary

_JOURNAL = '.conversion.jsonl'
_LIES = 'image that is not in the usual hanging orientation'

# the facts and annotations of a view that need its pixels, or why it is left out
Result = dict[str, Any]
Progress = Callable[[Iterable, int], Iterable]


@dataclass(frozen=True)
class Job:
    """The settings of a conversion that a worker needs."""

    converter: Converter
    raw: Path
    out: Path
    cache_dir: Path


def convert(
    converter: Converter,
    raw: Path,
    out: Path,
    split: Split,
    cache_dir: Path,
    workers: int = 1,
    limit: int | None = None,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Convert a data set.

    Writes ``out/annotations``, ``out/summary.md`` and ``.json``,
    ``out/skipped.csv``, the link ``out/raw`` to the raw folder, and an entry in the
    pixel cache for each view. Views that an earlier run finished are not processed
    again. Annotation files are written last, each atomically.

    Args:
        converter (Converter): The data set's converter.
        raw (Path): The raw folder; never written to.
        out (Path): The data root.
        split (Split): How to split the patients.
        cache_dir (Path): Folder of the pixel cache.
        workers (int): Processes. Defaults to 1.
        limit (int, optional): Convert only this many exams, the first ones.
        progress (callable): Wraps the iterator of finished views, given their number.

    Returns:
        dict: The summary, as in ``summary.json``.

    Raises:
        ConversionError: If the raw folder does not contain this data set, nothing in it
            can be used, or ``out`` belongs to another data set.
    """
    with DicomWarnings():  # reported when the views are read
        try:
            catalogue = converter.catalogue(raw)
        except ConversionError as error:
            if error.catalogue is None:
                raise
            raise _nothing(out, raw, converter, error.catalogue, str(error)) from None
        others = choose_views(catalogue, raw)
    _keep_exams(catalogue, limit)
    if not catalogue.views:
        raise _nothing(
            out,
            raw,
            converter,
            catalogue,
            f'{raw}: no usable view; {len(catalogue.skipped)} left out',
        )
    parts = assign_parts(catalogue, split)
    _link(out, raw)
    job = Job(converter, raw, out, cache_dir)
    results = _process_all(job, _all_views(parts), workers, progress)
    while _fall_back(parts, others, results, catalogue):
        results.update(
            _process_all(
                job,
                [view for view in _all_views(parts) if id(view) not in results],
                workers,
                progress,
            )
        )
    views = _all_views(parts)
    _note_defects(catalogue, views, results)
    _note_warnings(catalogue, views, results)
    lost = _note_lost_lesions(catalogue, views, results)
    note_choice(catalogue, views, others)
    files = {}
    for part, members in parts.items():
        used = [view for view in members if 'image' in results[id(view)]]
        if used:
            files[part] = _coco(converter, part, split, used, results)
    if lost and converter.refuses_lost_lesions:
        raise _nothing(out, raw, converter, catalogue, f'{raw}: {lost}')
    if not files:
        raise _nothing(
            out,
            raw,
            converter,
            catalogue,
            f'{raw}: none of {len(views)} images can be used',
        )
    summary = write_summary(out, converter, files, catalogue)
    _replace_annotations(out / 'annotations', files)
    return summary


def _all_views(parts: dict[str, list[RawView]]) -> list[RawView]:
    """Return the views of all parts, each once; folds share them."""
    return list({id(view): view for part in parts.values() for view in part}.values())


def _nothing(
    out: Path, raw: Path, converter: Converter, catalogue: Catalogue, what: str
) -> ConversionError:
    """List what was left out although nothing can be used; return the error."""
    _link(out, raw)
    write_summary(out, converter, {}, catalogue)
    shown = [skip for skip in catalogue.skipped if skip.reason == UNUSABLE]
    first = ''.join(f'; first: {skip}' for skip in (shown or catalogue.skipped)[:1])
    listed = f'; all are listed in {out / "skipped.csv"}' if catalogue.skipped else ''
    return ConversionError(f'{what}{first}{listed}')


def _keep_exams(catalogue: Catalogue, limit: int | None) -> None:
    if limit is not None:
        kept = set(list(dict.fromkeys(v.exam_id for v in catalogue.views))[:limit])
        catalogue.views = [v for v in catalogue.views if v.exam_id in kept]


def _link(out: Path, raw: Path) -> None:
    """Create the link ``out/raw`` that annotation files use to name raw images."""
    link = out / 'raw'
    if link.is_symlink() or link.exists():
        if link.resolve() != raw.resolve():
            raise ConversionError(
                f'{link} leads to {link.resolve()}, not to {raw.resolve()}: {out} '
                'belongs to another data set; choose another --out'
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    link.symlink_to(raw.resolve(), target_is_directory=True)


def _process_all(
    job: Job, views: list[RawView], workers: int, progress: Progress
) -> dict[int, Result]:
    """Return the result of each view by its record's id."""
    from mammo_plugins.datasets.transforms.loading import LoadMammogram

    load = LoadMammogram(str(job.cache_dir))
    journal = Journal(job.out / _JOURNAL)
    results: dict[int, Result] = {}
    todo: list[tuple[RawView, str]] = []
    for view in views:
        key = record_key(job.raw, view)
        known = journal.get(key)
        if known is not None and (
            'image' not in known
            or load.is_cached(
                str(job.out / known['image']['file_name']), view.laterality, view.view
            )
        ):
            results[id(view)] = known
        else:
            todo.append((view, key))
    for (view, key), result in progress(_run(job, todo, workers), len(todo)):
        journal.add(key, result)
        results[id(view)] = result
    return results


def _run(job: Job, todo: list[tuple[RawView, str]], workers: int):
    if workers == 1:
        for item in todo:
            yield item, process_view(job, item[0])
        return
    with ProcessPoolExecutor(workers, get_context('spawn'), start_worker) as pool:
        futures = {pool.submit(process_view, job, item[0]): item for item in todo}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:  # an interruption does not wait for queued jobs
            pool.shutdown(wait=False, cancel_futures=True)


def process_view(job: Job, view: RawView) -> Result:
    """Read a view into the cache and determine what depends on its pixels.

    Returns:
        dict: ``image`` (facts), ``annotations`` and ``skipped`` (pairs of reason and
        detail, one per lesion); or ``defect``, why the view is left out. In either case
        ``warnings``, pairs of kind and detail.
    """
    with DicomWarnings() as warned:
        result = _view_result(job, view)
    return dict(
        result,
        warnings=result.get('warnings', [])
        + [[f'pydicom: {kind}', ''] for kind in sorted(warned.kinds)],
    )


def _view_result(job: Job, view: RawView) -> Result:
    from mammo_plugins.datasets.transforms.loading import LoadMammogram

    load = LoadMammogram(str(job.cache_dir))
    try:
        file = job.converter.prepare(job.raw, view, job.out)
        header = read_header(job.out / file)
        _, frame = load.load(str(job.out / file), view.laterality, view.view)
    except MammogramError as error:
        return dict(defect=error.reason)
    kind = view.image_kind or header.header['image_kind']
    if screening_rank(kind) is None:
        return dict(defect=exclusion(kind))
    size = frame.source_height, frame.source_width
    if view.lesions and view.size not in (None, size):
        return dict(
            defect=f'{_shown(size)} pixels, but the table, which has its lesions '
            f'in pixels, states {_shown(view.size)} (height x width)'
        )
    x1, y1, x2, y2 = frame.crop
    annotations, skipped = [], []
    for lesion in view.lesions:
        outline, remarks = resolve_outline(
            lesion, job.raw, *size, job.converter.read_mask
        )
        skipped += remarks
        if outline is not None:
            annotations.append(
                dict(
                    outline,
                    category=lesion.category,
                    birads=lesion.birads,
                    pathology=lesion.pathology,
                    lesion_id=lesion.lesion_id,
                )
            )
    annotations, repeated = drop_repeated(annotations)
    spacing = header.pixel_spacing_mm or view.pixel_spacing_mm
    return dict(
        image=dict(
            file_name=file.as_posix(),
            width=frame.source_width,
            height=frame.source_height,
            pixel_spacing_mm=spacing and list(spacing),
            breast_bbox=[x1, y1, x2 - x1, y2 - y1],
            **({} if kind in (None, FULL_FIELD) else dict(image_kind=kind)),
        ),
        annotations=annotations,
        skipped=skipped + repeated,
        warnings=[
            *map(list, frame.warnings),
            *([_LIES, doubt] for doubt in frame.remarks(view.laterality)),
        ],
    )


def _shown(size: tuple[int, int]) -> str:
    return ' x '.join(map(str, size))


def _fall_back(
    parts: dict[str, list[RawView]],
    others: Others,
    results: dict[int, Result],
    catalogue: Catalogue,
) -> bool:
    """Replace an image that cannot be used with the next one of its view."""
    instead: dict[int, RawView] = {}
    for view in _all_views(parts):
        result = results[id(view)]
        if 'defect' in result and others.get(view_key(view)):
            catalogue.skip(view.file, UNUSABLE, result['defect'])
            instead[id(view)] = others[view_key(view)].pop(0)
    for members in parts.values():
        members[:] = [instead.get(id(view), view) for view in members]
    return bool(instead)


def _note_lost_lesions(
    catalogue: Catalogue, views: list[RawView], results: dict[int, Result]
) -> str:
    """Count views whose lesions are all left out; detectors would see them as normal.

    Returns:
        str: The message if no lesion is left at all, else ''.
    """
    lost = [
        view
        for view in views
        if view.lesions and not results[id(view)].get('annotations', True)
    ]
    if lost:
        catalogue.notes.append(
            f'{len(lost)} views with lesions, none of which can be used: they train and '
            f'count as views without; first: {lost[0].file}'
        )
    listed = [view for view in views if view.lesions and 'image' in results[id(view)]]
    return (
        f'not one lesion of the {len(lost)} views that have some can be used'
        if len(lost) == len(listed) > 0
        else ''
    )


def _note_warnings(
    catalogue: Catalogue, views: list[RawView], results: dict[int, Result]
) -> None:
    """Count the tolerated faults of files by kind, with the first of each."""
    kinds: dict[str, list[tuple[RawView, str]]] = defaultdict(list)
    for view in views:
        for kind, detail in results[id(view)].get('warnings', ()):
            kinds[kind].append((view, detail))
    for kind, found in sorted(kinds.items()):
        view, detail = found[0]
        count = len({id(view) for view, _ in found})
        catalogue.notes.append(
            f'{count} views with a warning, {kind}; first: '
            f'{view.file}' + (detail and f': {detail}')
        )


def _note_defects(
    catalogue: Catalogue, views: list[RawView], results: dict[int, Result]
) -> None:
    for view in views:
        result = results[id(view)]
        if 'defect' in result:
            catalogue.skip(view.file, UNUSABLE, result['defect'])
        elif view.nipple and not _is_in(view.nipple, result['image']):
            catalogue.skip(
                f'nipple of {view.file}',
                'nipple outside its image',
                f'{view.nipple}: treated as unknown',
            )
            view.nipple = None
        for reason in result.get('skipped', ()):
            catalogue.skip(f'lesion of {view.file}', *_counted(reason))


def _is_in(point: tuple[float, float], image: dict[str, Any]) -> bool:
    return 0 <= point[0] <= image['width'] and 0 <= point[1] <= image['height']


def _counted(reason: str) -> tuple[str, str]:
    head, _, detail = reason.partition(': ')
    return head, detail


def _coco(
    converter: Converter,
    part: str,
    split: Split,
    views: list[RawView],
    results: dict[int, Result],
) -> dict[str, Any]:
    category_ids = {name: i for i, name in enumerate(converter.categories, 1)}
    images: list[dict] = []
    annotations: list[dict] = []
    for image_id, view in enumerate(views, 1):
        result = results[id(view)]
        images.append(
            dict(
                id=image_id,
                **result['image'],
                exam_id=view.exam_id,
                patient_id=view.patient_id,
                laterality=view.laterality,
                view=view.view,
                modality=view.modality,
                source=view.file.as_posix(),
                nipple=view.nipple and list(view.nipple),
                birads=view.birads,
                density=view.density,
                pathology=view.pathology,
                abnormal=view.abnormal,
                **view.extra,
            )
        )
        for annotation in result['annotations']:
            annotation = dict(annotation)
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=category_ids[annotation.pop('category')],
                    iscrowd=0,
                    **annotation,
                )
            )
    return dict(
        info=dict(
            dataset=converter.name,
            split=part.rpartition('/')[2],
            split_kind=split.kind,
            split_seed=split.seed,
            converter_version=__version__,
        ),
        images=images,
        annotations=annotations,
        categories=[dict(id=i, name=name) for name, i in category_ids.items()],
    )


def _replace_annotations(folder: Path, files: dict[str, dict]) -> None:
    """Write the parts and remove those of an earlier split of this kind."""
    for part, data in files.items():
        write_json(folder / f'{part}.json', data)
    folded = any('/' in part for part in files)
    stale = folder.glob('fold_*/*.json' if folded else '*.json')
    for path in stale:
        if path.relative_to(folder).with_suffix('').as_posix() not in files:
            os.unlink(path)
