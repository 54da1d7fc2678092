"""Running a detector or classifier on exams that have no annotation file."""
import copy
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from tqdm import tqdm

from mammo_plugins.anatomy import (CanonicalFrame, opencv_affine,
                                   transform_boxes, transform_points)
from mammo_plugins.apis.exam_files import FoundExams, FoundView, find_exams
from mammo_plugins.apis.nipple_locator import NippleLocator
from mammo_plugins.apis.trained_model import (TrainedModel, loading_steps,
                                              without_step)
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import MammogramError, write_json
from mammo_plugins.registry import DATASETS, type_name
from mammo_plugins.structures import score_to_birads
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample, views_of)
from mammo_plugins.structures.pixel_size import (network_pixel_size,
                                                 pixel_size_warning)
from mammo_plugins.structures.predictions import instances_in_file
from mammo_plugins.version import __version__
from mammo_plugins.visualization import (ViewPanel, draw_four_view, draw_pairs,
                                         pair_panels)

Views = Dict[str, FoundView]
Nipples = Dict[str, Tuple[float, float]]


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


class ExamInferencer(TrainedModel):
    """A trained detector, or classifier of breasts, pairs or exams, ready for files.

    The samples are made by the dataset and the pipeline of the config's
    ``test_dataloader``, so that a detector of several views finds its partners
    as in training.

    Args:
        config, checkpoint, device, trust_checkpoint: As in :class:`TrainedModel`.
        nipple_locator (NippleLocator, optional): Finds the nipples, which files do
            not tell. Defaults to ``None``: the test pipeline's ``LocateNipple``
            does, if it has one.

    Raises:
        CheckpointError: If the checkpoint is unsafe or not of this model.
        ValueError: If the config's test pipeline has no ``LoadMammogram``.

    Example:
        >>> inferencer = ExamInferencer('config.py', 'epoch_14.pth')
        >>> result = inferencer('exams/', out_dir='out')
        >>> result['exams'][0]['views'][0]['detections'][0]['bbox']
    """

    def __init__(self,
                 config: Union[str, Path, Config],
                 checkpoint: Union[str, Path],
                 device: Optional[str] = None,
                 trust_checkpoint: bool = False,
                 nipple_locator: Optional[NippleLocator] = None) -> None:
        super().__init__(config, checkpoint, device, trust_checkpoint)
        self.nipple_locator = nipple_locator
        self.dataset_cfg = copy.deepcopy(self.config.test_dataloader.dataset)
        self.names = dict(config=Path(self.config.filename or '').name,
                          checkpoint=Path(checkpoint).name)

    def __call__(self,
                 path: Union[str, Path],
                 out_dir: Optional[Union[str, Path]] = None,
                 score_thr: float = 0.2,
                 group_by: str = 'study') -> Dict[str, Any]:
        """Run on a file or on a folder with all below it.

        Args:
            path (str | Path): DICOM files or pictures, of one or many exams, mixed
                with other files.
            out_dir (str | Path, optional): Where ``predictions.json`` and one
                ``<exam>.png`` an exam are written, if there is any exam; of a model of
                pairs one ``<exam>_<view>.png`` a projection. Stopped on the way, it
                holds what was done. Defaults to ``None``, nowhere.
            score_thr (float): Least score of a box in the pictures; the
                predictions hold every box. Defaults to 0.2.
            group_by (str): As in :func:`find_exams`. Defaults to 'study'.

        Returns:
            dict: What ``predictions.json`` holds; see docs/reference/predictions.md.

        Raises:
            FileNotFoundError: If there is no such file or folder.
        """
        found = find_exams(path,
                           self.dataset_cfg.get('modality') or 'FFDM', group_by)
        root = Path(path) if Path(path).is_dir() else Path(path).parent
        out = None if out_dir is None else Path(out_dir)
        exams: List[dict] = []
        try:
            for key in tqdm(list(found.exams), desc='exams', unit='exam'):
                entry = self._run_exam(key, found, root, out, score_thr)
                if entry is not None:
                    exams.append(entry)
        finally:
            result = dict(
                info=dict(
                    format='mammo_plugins predictions',
                    version=__version__,
                    research_use_only=True,
                    complete=len(exams) == len(found.exams),
                    **self.names),
                exams=exams,
                skipped=[
                    dict(file=file.relative_to(root).as_posix(), reason=reason)
                    for file, reason in found.skipped
                ])
            if out is not None and exams:
                write_json(out / 'predictions.json', result)
        return result

    def _run_exam(self, key: str, found: FoundExams, root: Path,
                  out: Optional[Path], score_thr: float) -> Optional[dict]:
        """Return an exam's entry; ``None`` if it has no readable view."""
        with tempfile.TemporaryDirectory() as cache:
            loader = LoadMammogram(cache_dir=cache, **self.loading_options)
            frames = self._read(key, found, loader)
            views = found.exams[key]
            self._skip_incomplete(views, found)
            if not views:
                del found.exams[key]
                return None
            findings = self._predict(
                key, views, cache, self._locate_nipples(views, loader))
            entry = dict(
                exam_id=key,
                **findings.exam,
                **(dict(breasts=findings.breasts) if findings.breasts else {}),
                views=[
                    self._view_entry(view, root, frames[name],
                                     findings.views.get(name, {}))
                    for name, view in views.items()
                ])
            if findings.pairs:
                entry['pairs'] = [
                    self._pair_entry(key, sample, views, loader, out)
                    for sample in findings.pairs]
            elif out is not None:
                entry['figure'] = f'{key}.png'
                if findings.exam:
                    entry['heat_map_figure'] = f'{key}_heat_map.png'
                    self._draw_exam(views, entry, findings.heat_maps, loader, out)
                else:
                    self._draw(views, entry, loader, score_thr, out / entry['figure'])
        return entry

    def _skip_incomplete(self, views: Views, found: FoundExams) -> None:
        """Drop all views of an exam that lacks one, where the model needs all."""
        if self.dataset_cfg.get('target') != 'exam':
            return
        needed = [step['views'] for step in self.dataset_cfg.pipeline
                  if type_name(step) == 'PackExamInputs'][0]
        missing = [name for name in needed if name not in views]
        if missing:
            found.skipped += [(view.path, f'the exam has no {", ".join(missing)}')
                              for view in views.values()]
            views.clear()

    @staticmethod
    def _read(key: str, found: FoundExams,
              loader: LoadMammogram) -> Dict[str, CanonicalFrame]:
        """Read all pixels of an exam; drop views that have none to offer."""
        frames = {}
        for name, view in list(found.exams[key].items()):
            try:
                frames[name] = loader.load(str(view.path))[1]
            except MammogramError as error:
                found.skipped.append((view.path, error.reason))
                del found.exams[key][name]
        return frames

    def _dataset(self, exam: str, views: Views, cache: str,
                 nipples: Nipples) -> Any:
        """Return the config's dataset over the files; an image's id is its place."""
        images = [
            dict(
                id=i,
                file_name=str(view.path.resolve()),
                source=view.path.name,
                width=view.width,
                height=view.height,
                exam_id=exam,
                patient_id=exam,
                laterality=view.laterality,
                view=view.view,
                modality=view.modality,
                pixel_spacing_mm=view.pixel_spacing_mm,
                nipple=nipples.get(name),
                nipple_source='detector' if name in nipples else None,
                breast_bbox=None,
                birads=None,
                density=None,
                abnormal=None) for i, (name, view) in enumerate(views.items())
        ]
        cfg = copy.deepcopy(self.dataset_cfg)
        with DATASETS.switch_scope_and_registry(self.scope):
            classes = DATASETS.get(cfg.type).METAINFO['classes']
            classes = cfg.get('metainfo', {}).get('classes', classes)
            ann_file = Path(cache) / 'exam.json'
            ann_file.write_text(
                json.dumps(
                    dict(
                        info=dict(dataset='inference', split=None),
                        images=images,
                        annotations=[],
                        categories=[
                            dict(id=i + 1, name=name)
                            for i, name in enumerate(classes)
                        ])),
                encoding='utf-8')
            cfg.ann_file, cfg.data_root, cfg.test_mode = str(ann_file), '', True
            # classes are what is asked for, and views may be missing
            for key in ('labels', 'complete'):
                cfg.pop(key, None)
            # what a phantom is without its lesions is for evaluation alone
            cfg.pipeline = without_step(cfg.pipeline, 'LoadPhantomNormal')
            for step in loading_steps(cfg.pipeline):
                step['cache_dir'] = cache
            return DATASETS.build(cfg)

    def _batches(self, dataset: Any) -> Iterator[dict]:
        """Yield collated samples: views that are each other's partners together.

        A model of several views encodes an image of a batch once, whatever its
        parts in it; single views are not padded to the size of others.
        """
        samples = [dataset[i] for i in range(len(dataset))]
        if samples and isinstance(samples[0]['inputs'], dict):
            yield pseudo_collate(samples)
        else:
            yield from (pseudo_collate([sample]) for sample in samples)

    def _locate_nipples(self, views: Views, loader: LoadMammogram) -> Nipples:
        """Return the nipples that the locator finds, in file pixels by view."""
        nipples: Nipples = {}
        if self.nipple_locator is None:
            return nipples
        for name, view in views.items():
            image, frame = loader.load(str(view.path))
            point = self.nipple_locator(image)
            if point is not None:
                nipples[name] = tuple(
                    transform_points(point, frame.inverse).tolist())
        return nipples

    @torch.no_grad()
    def _predict(self, exam: str, views: Views, cache: str,
                 nipples: Nipples) -> Findings:
        """Return what the model finds."""
        dataset = self._dataset(exam, views, cache, nipples)
        classes, names = dataset.metainfo['classes'], list(views)
        found = Findings()
        for batch in self._batches(dataset):
            for sample in self.model.test_step(batch):
                if self.dataset_cfg.get('target') == 'pair':
                    found.pairs.append(sample)
                    for view in map(sample.get, sample.view_names):
                        found.views[names[view.img_id]] = dict(
                            abnormal=_probability(view))
                elif self.dataset_cfg.get('target') == 'exam':
                    self._judge_exam(sample, names, views, found)
                elif 'pred_score' in sample:
                    found.breasts.append(
                        self._judged_breast(sample, names, found.views))
                else:
                    name = names[sample.img_id]
                    found.views[name] = self._detected(sample, classes, views[name])
                for view in views_of(sample):
                    said = pixel_size_warning(network_pixel_size(view.metainfo),
                                              self.trained_pixel_size)
                    if said:
                        found.views.setdefault(
                            names[view.img_id], {})['pixel_size'] = said
        return found

    @staticmethod
    def _pair_entry(key: str, sample: MultiViewDataSample, views: Views,
                    loader: LoadMammogram, out: Optional[Path]) -> dict:
        """Return the entry of a pair, and draw it."""
        projection = sample.get(sample.view_names[0]).view
        entry = dict(
            view=projection,
            asymmetric=_probability(sample) if 'pred_score' in sample else None)
        if out is not None:
            entry['figure'] = f'{key}_{projection}.png'
            originals = {
                side: loader.load(str(views[side + projection].path))[0]
                for side in sample.view_names}
            draw_pairs([pair_panels(sample, originals, projection)],
                       out / entry['figure'], f'exam {key}\nresearch use only')
        return entry

    @staticmethod
    def _judge_exam(sample: MultiViewDataSample, names: List[str], views: Views,
                    found: Findings) -> None:
        """Put what is said of an exam and of its views into ``found``."""
        found.exam.update(malignancy=_probability(sample),
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

    @staticmethod
    def _judged_breast(sample: MultiViewDataSample, names: List[str],
                       found: Dict[str, dict]) -> dict:
        """Return the entry of a breast; put those of its views into ``found``."""
        of_views = [sample.get(name) for name in sample.view_names]
        for view in of_views:
            found[names[view.img_id]] = dict(malignancy=_probability(view))
        return dict(laterality=of_views[0].laterality,
                    malignancy=_probability(sample))

    def _detected(self, sample: DetDataSample, classes: Sequence[str],
                  view: FoundView) -> dict:
        """Return what was detected in a view."""
        instances = instances_in_file(sample)
        found = dict(detections=[
            self._detection(instances[k], classes, view.pixel_spacing_mm)
            for k in range(len(instances))
        ])
        if 'model_views' in sample:
            found['model_views'] = list(sample.model_views)
        if 'registration_reason' in sample:
            found['unregistered'] = sample.registration_reason
        return found

    @staticmethod
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

    @staticmethod
    def _view_entry(view: FoundView, root: Path, frame: CanonicalFrame,
                    found: Dict[str, list]) -> dict:
        warnings = []
        if frame.flipped != (view.laterality == 'R'):
            warnings.append(
                f'laterality {view.laterality}, but the chest wall is on the '
                f'{"right" if frame.flipped else "left"}: the image is mirrored, '
                'or the header is wrong')
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
            width=view.width,
            height=view.height,
            pixel_spacing_mm=view.pixel_spacing_mm,
            warnings=warnings)
        if 'detections' in found:
            entry['detections'] = sorted(
                found['detections'], key=lambda d: -d['score'])
        for key in ('malignancy', 'abnormal', 'masses', 'model_views'):
            if key in found:
                entry[key] = found[key]
        return entry

    @staticmethod
    def _draw_exam(views: Views, entry: dict, heat_maps: Dict[str, np.ndarray],
                   loader: LoadMammogram, out: Path) -> None:
        """Draw the outlines of masses, and the heat maps."""
        outlined, heated = {}, {}
        one_kind = all('masses' in facts for facts in entry['views'])
        for (name, view), facts in zip(views.items(), entry['views']):
            pixels, frame = loader.load(str(view.path))
            if 'masses' in facts:
                outlined[view.name] = ViewPanel(pixels, outlines=[
                    transform_points(mass['outline'], frame.matrix)
                    for mass in facts['masses']])
            if one_kind or 'masses' not in facts:
                heat_map = heat_maps.get(name)
                heated[view.name] = ViewPanel(
                    pixels, heat_map=None if heat_map is None
                    else frame.image_to_canonical(heat_map))
        title = (f'exam {entry["exam_id"]}, malignancy {entry["malignancy"]:.2f}, '
                 f'{entry["examined_side"]} examined')
        predicted = 'malignant' if entry['malignancy'] > 0.5 else 'benign'
        for panels, what, figure in (
                (outlined, 'segmented masses', 'figure'),
                (heated, f'Grad-CAM of {predicted}', 'heat_map_figure')):
            draw_four_view(panels, out / entry[figure],
                           f'{title}, {what}\nresearch use only')

    @staticmethod
    def _draw(views: Views, entry: dict, loader: LoadMammogram,
              score_thr: float, path: Path) -> None:
        panels, judged = {}, False
        for (name, view), facts in zip(views.items(), entry['views']):
            pixels, frame = loader.load(str(view.path))
            shown = [d for d in facts.get('detections', ())
                     if d['score'] >= score_thr]
            judged = judged or any('malignancy' in d for d in shown)
            panels[name] = ViewPanel(
                pixels,
                transform_boxes([d['bbox'] for d in shown], frame.matrix),
                [d['score'] for d in shown],
                [d['malignancy'] for d in shown if 'malignancy' in d])
        if 'breasts' in entry:
            title = 'malignancy ' + ', '.join(
                f'{b["laterality"]} {b["malignancy"]:.2f}' for b in entry['breasts'])
        else:
            title = f'scores from {score_thr:g}' + (
                ', M: malignancy' if judged else '')
        draw_four_view(panels, path,
                       f'exam {entry["exam_id"]}, {title}\nresearch use only')


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


def _probability(sample: Any) -> float:
    """Return the probability of the second of two classes."""
    return round(float(sample.pred_score[1]), 6)
