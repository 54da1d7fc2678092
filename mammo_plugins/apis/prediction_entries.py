"""Entries of ``predictions.json``: what a model says, in pixels of the files."""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mammo_plugins.anatomy import CanonicalFrame, opencv_affine
from mammo_plugins.io.image_kind import screening_rank
from mammo_plugins.io.reading_warnings import ReadingWarning
from mammo_plugins.structures import score_to_birads
from mammo_plugins.structures.exam_files import FoundView
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.structures.predictions import instances_in_file

Views = Dict[str, FoundView]


@dataclass
class Findings:
    """What a model says of an exam.

    Attributes:
        views (dict[str, dict]): By view; detections are in file pixels.
        breasts (list[dict]): Entries of judged breasts.
        pairs (list[MultiViewDataSample]): Predicted pairs of one projection.
        exam (dict): What is said of the exam as a whole.
        heat_maps (dict[str, np.ndarray]): By view, in pixels of the file.
    """
    views: Dict[str, dict] = field(default_factory=dict)
    breasts: List[dict] = field(default_factory=list)
    pairs: List[MultiViewDataSample] = field(default_factory=list)
    exam: dict = field(default_factory=dict)
    heat_maps: Dict[str, np.ndarray] = field(default_factory=dict)


def judge_exam(sample: MultiViewDataSample, names: List[str], views: Views,
               found: Findings) -> None:
    """Put what is said of an exam and of its views into ``found``."""
    found.exam.update(malignancy=probability_of(sample),
                      affected_side=sample.affected_side,
                      examined_side=sample.examined_side)
    for view in map(sample.get, sample.view_names):
        name = names[view.img_id]
        file = views[name]
        if 'pred_sem_seg' in view:
            probability = _in_file(
                view.pred_sem_seg.probability[0], view, file)
            found.views[name] = dict(masses=_outlines(probability > 0.5))
        if 'heat_map' in view:
            found.heat_maps[name] = _in_file(view.heat_map, view, file)
            found.exam['heat_map_class'] = ('benign', 'malignant')[
                int(view.pred_label)]


def judged_breast(sample: MultiViewDataSample, names: List[str],
                  found: Dict[str, dict]) -> dict:
    """Return the entry of a breast; put those of its views into ``found``."""
    of_views = [sample.get(name) for name in sample.view_names]
    for view in of_views:
        found[names[view.img_id]] = dict(malignancy=probability_of(view))
    return dict(laterality=of_views[0].laterality,
                malignancy=probability_of(sample))


def detected_in(sample: DetDataSample, classes: Sequence[str],
                view: FoundView) -> dict:
    """Return what was detected in a view."""
    instances = instances_in_file(sample)
    found = dict(
        detections=[
            _detection(instances[k], classes, view.pixel_spacing_mm)
            for k in range(len(instances))
        ],
        outside_breast=len(sample.pred_instances) - len(instances))
    if 'model_views' in sample:
        found['model_views'] = list(sample.model_views)
    if 'registration_reason' in sample:
        found['unregistered'] = sample.registration_reason
    return found


def _detection(instance: InstanceData, classes: Sequence[str],
               spacing: Optional[Sequence[float]]) -> dict:
    """Return the entry of the one detection that ``instance`` holds."""
    box, bbox_mm = instance.bboxes[0], None
    if spacing is not None:
        row, column = spacing
        bbox_mm = np.round(box * [column, row, column, row], 3).tolist()
    detection = dict(
        category=classes[int(instance.labels[0])],
        score=round(float(instance.scores[0]), 6),
        bbox=np.round(box, 2).tolist(),
        bbox_mm=bbox_mm)
    if 'malignancy' in instance:
        score = float(instance.birads_score[0])
        detection.update(
            malignancy=round(float(instance.malignancy[0]), 6),
            birads_score=round(score, 4),
            birads=score_to_birads(score))
    return detection


def view_entry(view: FoundView, root: Path, frame: CanonicalFrame,
               found: Dict[str, Any]) -> dict:
    """Return the entry of a view.

    Args:
        view (FoundView): The file.
        root (Path): Folder that its name is relative to.
        frame (CanonicalFrame): Where the breast is in it.
        found (dict): What the model says of it.
    """
    warnings = [str(ReadingWarning(*warning)) for warning in frame.warnings]
    if screening_rank(view.kind):
        warnings.append(f'{view.kind} image: there is no full-field image of this view '
                        'that can be used')
    warnings += frame.remarks(view.laterality)
    if not frame.found:
        warnings.append('no breast was told from the background; the whole '
                        'image was used')
    if view.burned_in:
        warnings.append('the header says that text is burned into the pixels, '
                        'perhaps of the patient: look before you share')
    if 'pixel_size' in found:
        warnings.append(found['pixel_size'])
    if 'unregistered' in found:
        warnings.append('the other breast was laid beside this one without '
                        f'matching their contours: {found["unregistered"]}')
    entry = dict(
        file=view.path.relative_to(root).as_posix(),
        laterality=view.laterality,
        view=view.view,
        modality=view.modality,
        image_kind=view.kind,
        width=view.width,
        height=view.height,
        pixel_spacing_mm=view.pixel_spacing_mm and list(view.pixel_spacing_mm),
        warnings=warnings)
    if 'detections' in found:
        entry['detections'] = sorted(
            found['detections'], key=lambda d: -d['score'])
    for key in ('outside_breast', 'malignancy', 'abnormal', 'masses', 'model_views'):
        if key in found:
            entry[key] = found[key]
    return entry


def _in_file(image: torch.Tensor, sample: DetDataSample,
             file: FoundView) -> np.ndarray:
    """Bring a map (H, W) of the network's input to the pixels of the file."""
    return cv2.warpAffine(
        image.cpu().numpy(), opencv_affine(sample.homography_matrix),
        (file.width, file.height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _outlines(region: np.ndarray) -> List[dict]:
    """Return the entry of each connected part of a region, largest first."""
    parts, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = sorted(parts, key=cv2.contourArea, reverse=True)
    return [
        dict(bbox=[x, y, x + width, y + height],
             outline=(part[:, 0] + 0.5).tolist())
        for part, (x, y, width, height) in zip(parts, map(cv2.boundingRect, parts))
    ]


def probability_of(sample: Any) -> float:
    """Return the probability of the second of two classes."""
    return round(float(sample.pred_score[1]), 6)
