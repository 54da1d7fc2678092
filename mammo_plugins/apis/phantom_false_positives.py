"""Structures under false positives, which are known for phantoms."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tqdm import tqdm

from mammo_plugins.engine.loops.stage_detections import predict_detections
from mammo_plugins.evaluation.functional import (
    FALSE_POSITIVE,
    FROCData,
    ImageMatches,
    box_iou,
    froc_curve,
    match_detections,
    operating_index,
)
from mammo_plugins.phantom import PhantomFolderError, remake_exam
from mammo_plugins.structures import (
    Exam,
    Lesion,
    exams_from_coco,
    load_coco_exam,
    read_detections,
)

from .config_loading import ConfigError
from .trained_model import TrainedModel

KINDS = dict(
    nodule='normal nodule, in both breasts',
    clump='clump, one of two that overlap in one view',
    none='neither',
)
IOU = 0.2  # threshold for a hit, and for lying on a mimic


def detections_of(run: Path) -> dict[int, tuple]:
    """Return the detections in a run's test exams by image id; compute missing ones."""
    path = run / 'test' / 'detections.json'
    if not path.is_file():
        configs, checkpoint = list(run.glob('*.py')), run / 'trained.pth'
        if len(configs) != 1 or not checkpoint.is_file():
            raise ConfigError(
                f'{run}: not a finished run (a config and '
                'trained.pth); run ablate.py first'
            )
        cfg = Config.fromfile(configs[0])
        init_default_scope(cfg.get('default_scope', 'mammo'))
        loader = Runner.build_dataloader(cfg.test_dataloader)
        model = TrainedModel(cfg, checkpoint).model
        predict_detections(model, loader, str(path), dict(run=str(run)))
    return read_detections(path)


def boxes_of(lesions: list[Lesion]) -> np.ndarray:
    """Return (n, 4) boxes."""
    return np.array([lesion.bbox for lesion in lesions], float).reshape(-1, 4)


def mimics_of(root: Path, exams: list[Exam]) -> dict[int, list[tuple[str, tuple]]]:
    """Return (kind, box) of the mimics in each image, by image id."""
    mimics = {}
    for exam in tqdm(exams, desc=f'exams of {root}', unit='exam', leave=False):
        made = remake_exam(root, exam.exam_id)
        for key, view in exam.views.items():
            mimics[view.image_id] = [
                (finding.kind, box) for finding, box in made.views[key].mimics
            ]
    return mimics


def count(
    exams: list[Exam], mimics: dict, detections: dict, fppi: float
) -> tuple[Counter, int]:
    """Count false positives by the structure under them.

    Args:
        exams (list[Exam]): Test exams.
        mimics (dict): Result of :func:`mimics_of`.
        detections (dict): Boxes (n, 4) and scores (n, ) by image id.
        fppi (float): The operating point.

    Returns:
        tuple: (counts by key of ``KINDS``, number of images).
    """
    views = [(exam, view) for exam in exams for view in exam.views.values()]
    matches, found = [], []
    for exam, view in views:
        boxes, scores = detections[view.image_id]
        lesions = boxes_of(view.lesions)
        labels = match_detections(box_iou(boxes, lesions), IOU)
        matches.append(ImageMatches(scores, labels, len(lesions), exam.patient_id))
        found.append(
            (view, boxes[labels == FALSE_POSITIVE], scores[labels == FALSE_POSITIVE])
        )
    curve = froc_curve(FROCData.from_images(matches))
    threshold = curve.thresholds[operating_index(curve, [fppi])[0]]
    counts: Counter = Counter()
    for view, boxes, scores in found:
        kinds = [kind for kind, _ in mimics[view.image_id]]
        areas = np.array([box for _, box in mimics[view.image_id]], float).reshape(
            -1, 4
        )
        for box in boxes[scores >= threshold]:
            overlap = box_iou(box[None], areas)[0]
            best = int(overlap.argmax()) if len(overlap) else None
            on = best is not None and overlap[best] > IOU
            counts[kinds[best] if on else 'none'] += 1
    return counts, len(views)


def report(cfg: Config, rows: Sequence[str], seeds: Sequence[int], fppi: float) -> None:
    """Print the structures under the false positives of an ablation's rows.

    Args:
        cfg (Config): Config of the ablation.
        rows (Sequence[str]), seeds (Sequence[int]): Rows and seeds of its runs.
        fppi (float): The operating point.

    Raises:
        ConfigError: If a row is unknown or has not been run.
    """
    unknown = sorted(set(rows) - set(cfg.rows))
    if unknown:
        raise ConfigError(
            f'--rows {unknown[0]}: no such row; available rows: {", ".join(cfg.rows)}'
        )
    rates: dict[str, list[list]] = {row: [] for row in rows}
    for seed in seeds:
        folder = Path(cfg.work_dir) / f'seed_{seed}'
        try:
            exams = exams_from_coco(
                load_coco_exam(folder / 'data/annotations/test.json')
            )
            mimics = mimics_of(folder / 'data', exams)
        except (FileNotFoundError, PhantomFolderError) as error:
            raise ConfigError(f'{error}; run ablate.py first') from None
        for row in rows:
            counts, images = count(exams, mimics, detections_of(folder / row), fppi)
            rates[row].append([counts[kind] / images for kind in KINDS])
    print(
        f'False positives an image at {fppi:g} FPPI by what they lie on '
        f'(IoU > {IOU}), mean of the seeds {", ".join(map(str, seeds))}:\n'
    )
    print(f'| | {" | ".join(KINDS.values())} |')
    print(f'|---|{"---:|" * len(KINDS)}')
    for row in rows:
        values = ' | '.join(f'{v:.2f}' for v in np.mean(rates[row], axis=0))
        print(f'| {cfg.rows[row].title} | {values} |')
