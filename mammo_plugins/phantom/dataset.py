"""Writing a phantom data set: DICOM files, ground truth and COCO-exam JSON."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammo_plugins.io import JsonError, read_json, write_json
from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.dicom import (
    mammogram_dataset,
    sample_vendor,
    write_bytes,
    write_dicom,
)
from mammo_plugins.phantom.exam import PhantomExam, PhantomView, ViewKey, make_exam
from mammo_plugins.phantom.physics import WHITE
from mammo_plugins.stopping import worker_pool
from mammo_plugins.structures import mask_to_segmentation, split_patients
from mammo_plugins.structures.categories import PHANTOM

# increase this if the same parameters produce different output
PHANTOM_VERSION = '1.0'
SPLITS = ('train', 'val', 'test')


class PhantomFolderError(ValueError):
    """The output folder contains something else."""


@dataclass(frozen=True)
class PhantomDatasetConfig:
    """The parameters that determine every byte of a phantom data set.

    Args:
        exams: Number of exams, one per patient.
        seed: Seed of all random numbers.
        split: Shares of train, val and test; they sum to 1.
        missing_views: Probability that a view is missing; at least one is always kept.
        phantom: Parameters of the exams.
    """

    exams: int
    seed: int = 0
    split: tuple = (0.75, 0.0, 0.25)
    missing_views: float = 0.0
    phantom: PhantomConfig = PhantomConfig()

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as plain JSON, with the phantom's version."""
        return json.loads(
            json.dumps({'phantom_version': PHANTOM_VERSION, **asdict(self)})
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> 'PhantomDatasetConfig':
        """Create from the result of :meth:`to_json`, as stored in ``phantom.json``.

        Raises:
            PhantomFolderError: If another version wrote it.
        """
        values = dict(values)
        version = values.pop('phantom_version', None)
        if version != PHANTOM_VERSION:
            raise PhantomFolderError(
                f'made by version {version} of the phantom, this is '
                f'{PHANTOM_VERSION}; create the data set again'
            )
        phantom = {
            k: tuple(v) if isinstance(v, list) else v
            for k, v in values.pop('phantom').items()
        }
        return cls(
            **{**values, 'split': tuple(values['split'])},
            phantom=PhantomConfig(**phantom),
        )

    def abnormal(self) -> np.ndarray:
        """(exams,) bool array with the exact share of abnormal exams."""
        n = int(round(self.exams * self.phantom.prevalence))
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 1]))
        return rng.permutation(np.arange(self.exams) < n)


def exam_name(number: int) -> str:
    """Return the id of the exam with a running number from 0."""
    return f'phantom_{number + 1:04d}'


def _kept_views(
    rng: np.random.Generator, keys: list[ViewKey], chance: float
) -> list[ViewKey]:
    """Drop random views (all modalities of a view together), but never all of them."""
    places = sorted({key[:2] for key in keys})
    kept = {p for p in places if rng.random() >= chance}
    kept = kept or {places[rng.integers(len(places))]}
    return [key for key in keys if key[:2] in kept]


def _write_png(path: Path, pixels: np.ndarray) -> None:
    # a fixed level, so that the bytes do not depend on a build's default
    done, data = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise OSError(f'{path}: OpenCV could not encode a PNG')
    write_bytes(path, data.tobytes())


def _stem(view: PhantomView) -> str:
    suffix = '' if view.modality == 'FFDM' else ('_' + view.modality[-2:].lower())
    return f'{view.laterality}_{view.view}{suffix}'


def _breast_bbox(mask: np.ndarray) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [
        float(columns[0]),
        float(rows[0]),
        float(columns[-1] - columns[0] + 1),
        float(rows[-1] - rows[0] + 1),
    ]


def _image_record(
    view: PhantomView, exam: PhantomExam, name: str, file_name: str
) -> dict[str, Any]:
    birads = [entry.finding.birads for entry in view.lesions]
    nodules = any(f.kind == 'nodule' for f, _ in view.mimics)
    pixel_mm = round(exam.config.pixel_mm, 6)
    return {
        'file_name': file_name,
        'width': view.pixels.shape[1],
        'height': view.pixels.shape[0],
        'exam_id': name,
        'patient_id': name.replace('phantom', 'patient'),
        'laterality': view.laterality,
        'view': view.view,
        'pixel_spacing_mm': [pixel_mm, pixel_mm],
        'nipple': [round(v, 2) for v in view.nipple],
        'breast_bbox': _breast_bbox(view.breast_mask),
        'birads': max(birads) if birads else '2' if nodules else '1',
        'density': exam.density,
        'abnormal': bool(view.lesions),
        'modality': view.modality,
        'source': file_name,
    }


def _lesion_records(view: PhantomView, name: str) -> list[dict[str, Any]]:
    records = []
    for entry in view.lesions:
        x1, y1, x2, y2 = map(float, entry.bbox)
        records.append(
            {
                'category_id': 1,
                'bbox': [x1, y1, x2 - x1, y2 - y1],
                'area': float(entry.mask.sum()),
                'iscrowd': 0,
                'segmentation': mask_to_segmentation(entry.mask),
                'birads': entry.finding.birads,
                'pathology': entry.finding.pathology,
                'lesion_id': f'{name}_{entry.finding.number + 1}',
            }
        )
    return records


def _truth(exam: PhantomExam) -> dict[str, Any]:
    """Facts that only a phantom has, for experiments on mimics and visibility."""
    return {
        'density': exam.density,
        'glandular_fraction': {
            k: round(v, 4) for k, v in exam.glandular_fraction.items()
        },
        'findings': [
            {
                'kind': f.kind,
                'number': f.number,
                'laterality': f.laterality,
                'centre_mm': [round(float(v), 2) for v in f.centre],
                'diameter_mm': round(float(f.diameter_mm), 2),
                'contrast_per_cm': round(float(f.contrast), 4),
                'pathology': f.pathology,
                'spiculation': round(f.spiculation, 3),
                'coincides_in': f.coincides_in,
            }
            for f in exam.findings
        ],
    }


def write_exam(
    config: PhantomDatasetConfig, out: Path, number: int, abnormal: bool
) -> None:
    """Create and write one exam; ``truth/<exam>/exam.json`` is written last."""
    name = exam_name(number)
    root = np.random.SeedSequence(config.seed, spawn_key=(number,))
    exam = make_exam(root, config.phantom, abnormal)
    rng = np.random.default_rng(
        np.random.SeedSequence(config.seed, spawn_key=(number, 99))
    )
    vendor = sample_vendor(rng)
    (out / 'dicom' / name).mkdir(parents=True, exist_ok=True)
    truth = out / 'truth' / name
    truth.mkdir(parents=True, exist_ok=True)
    records = []
    for key in _kept_views(rng, list(exam.views), config.missing_views):
        view = exam.views[key]
        file_name = f'dicom/{name}/{_stem(view)}.dcm'
        angle = exam.breasts[view.laterality].geometry[view.view].angle
        write_dicom(
            out / file_name,
            mammogram_dataset(
                view.pixels,
                *key,
                vendor,
                config.phantom.pixel_mm,
                float(np.rad2deg(angle)),
                number + 1,
                f'mammo_plugins/{config.seed}/{name}',
            ),
        )
        _write_png(truth / f'{_stem(view)}_normal.png', view.normal)
        records.append(
            {
                'image': _image_record(view, exam, name, file_name),
                'lesions': _lesion_records(view, name),
            }
        )
    write_json(truth / 'exam.json', {'views': records, **_truth(exam)})


def read_normal(image_path: str | Path) -> np.ndarray:
    """Read a written view without its lesions but with the same noise.

    Args:
        image_path: The view's DICOM file.

    Returns:
        (H, W) float32 array in [0, 1], like the view itself from ``read_mammogram``.

    Raises:
        PhantomFolderError: If the file does not belong to a phantom data set.
    """
    image_path = Path(image_path)
    path = (
        image_path.parents[2]
        / 'truth'
        / image_path.parent.name
        / f'{image_path.stem}_normal.png'
    )
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if pixels is None:
        raise PhantomFolderError(
            f'{image_path}: no lesion-free pixels; expected '
            f'{path}, which phantom data sets have'
        )
    return pixels.astype(np.float32) / WHITE


def remake_exam(out: str | Path, name: str) -> PhantomExam:
    """Create an exam of a written data set again, including what no file contains.

    Args:
        out: Data root.
        name: Exam id.

    Raises:
        PhantomFolderError: If the folder is not a phantom data set of this
            version.
    """
    recorded = _recorded(Path(out))
    if recorded is None:
        raise PhantomFolderError(f'{out}: not a phantom data set (no phantom.json)')
    config = PhantomDatasetConfig.from_json(recorded)
    number = int(name.rpartition('_')[2]) - 1
    return make_exam(
        np.random.SeedSequence(config.seed, spawn_key=(number,)),
        config.phantom,
        config.abnormal()[number],
    )


def _write_exam(task: tuple) -> None:
    write_exam(*task)


def _coco(
    config: PhantomDatasetConfig, out: Path, numbers: list[int], split: str
) -> dict[str, Any]:
    images, annotations = [], []
    for number in numbers:
        path = out / 'truth' / exam_name(number) / 'exam.json'
        for record in read_json(path)['views']:
            image_id = len(images) + 1
            images.append({'id': image_id, **record['image']})
            annotations += [
                {'id': len(annotations) + k + 1, 'image_id': image_id, **lesion}
                for k, lesion in enumerate(record['lesions'])
            ]
    return {
        'info': {
            'dataset': 'phantom',
            'description': 'Simulated mammograms; no patient is shown',
            'licence': 'Apache-2.0',
            'converter_version': PHANTOM_VERSION,
            'split': split,
            'split_seed': config.seed,
            'generation': config.to_json(),
        },
        'images': images,
        'annotations': annotations,
        'categories': [dict(id=i, name=name) for i, name in enumerate(PHANTOM, 1)],
    }


def split_numbers(config: PhantomDatasetConfig) -> dict[str, list[int]]:
    """Exam numbers of each part, with equal proportions of abnormal exams."""
    names = [exam_name(i) for i in range(config.exams)]
    parts = split_patients(
        names, dict(zip(SPLITS, config.split)), config.seed, config.abnormal().tolist()
    )
    number = {name: i for i, name in enumerate(names)}
    return {part: [number[name] for name in members] for part, members in parts.items()}


def is_complete(config: PhantomDatasetConfig, out: Path) -> bool:
    """Return whether ``out`` contains exactly this data set, finished."""
    return _recorded(out) == config.to_json() and all(
        (out / 'annotations' / f'{part}.json').is_file()
        for part, numbers in split_numbers(config).items()
        if numbers
    )


def _recorded(out: Path) -> dict[str, Any] | None:
    try:
        return read_json(out / 'phantom.json')
    except (FileNotFoundError, NotADirectoryError, JsonError):
        return None


def _claim(config: PhantomDatasetConfig, out: Path) -> None:
    """Claim the folder, or raise an error that states why not."""
    recorded = _recorded(out)
    wanted = config.to_json()
    if recorded == wanted:
        return
    if recorded is not None:
        old = {**recorded.pop('phantom', {}), **recorded}
        new = {**wanted.pop('phantom'), **wanted}
        differ = ', '.join(
            f'{k}={old.get(k)} (now requested: {new[k]})'
            for k in new
            if old.get(k) != new[k]
        )
        raise PhantomFolderError(
            f'{out}: holds a phantom made with {differ}; choose another '
            'folder or delete this one'
        )
    if out.exists() and not out.is_dir():
        raise PhantomFolderError(f'{out}: a file, not a folder')
    if out.exists() and any(out.iterdir()):
        raise PhantomFolderError(
            f'{out}: not empty and not a phantom data set (no phantom.json); '
            'choose another folder'
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / 'phantom.json', wanted)


def write_phantom_dataset(
    out: str | Path,
    config: PhantomDatasetConfig,
    workers: int = 1,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> bool:
    """Write a phantom data set, or resume an interrupted one.

    The bytes depend only on ``config``, not on ``workers``. The annotation files are
    written last.

    Args:
        out: Data root.
        config: The data set's parameters.
        workers: Number of processes with one thread each.
        progress: Wraps an iterable of a known length, such as a progress bar.

    Returns:
        False if the finished data set already existed.

    Raises:
        PhantomFolderError: If ``out`` contains something else.
    """
    out = Path(out)
    if is_complete(config, out):
        return False
    _claim(config, out)
    abnormal = config.abnormal()
    tasks = [
        (config, out, i, bool(abnormal[i]))
        for i in range(config.exams)
        if not (out / 'truth' / exam_name(i) / 'exam.json').is_file()
    ]
    if workers > 1 and len(tasks) > 1:
        with worker_pool(min(workers, len(tasks))) as pool:
            jobs = [pool.submit(_write_exam, task) for task in tasks]
            for job in progress(as_completed(jobs), len(jobs)):
                job.result()
    else:
        for _ in progress(map(_write_exam, tasks), len(tasks)):
            pass
    (out / 'annotations').mkdir(exist_ok=True)
    for part, numbers in split_numbers(config).items():
        if numbers:
            write_json(
                out / 'annotations' / f'{part}.json', _coco(config, out, numbers, part)
            )
    return True
