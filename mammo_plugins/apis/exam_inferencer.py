"""Running a detector or classifier on exams that have no annotation file."""
import copy
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, transform_points
from mammo_plugins.apis.nipple_locator import NippleLocator
from mammo_plugins.apis.prediction_entries import (Findings, Views, detected_in,
                                                   judge_exam, judged_breast,
                                                   probability_of, view_entry)
from mammo_plugins.apis.prediction_figures import (draw_exam, draw_judged_exam,
                                                   draw_pair)
from mammo_plugins.apis.prediction_writer import PredictionWriter
from mammo_plugins.apis.trained_model import (TrainedModel, loading_steps,
                                              without_step)
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import DicomWarnings, MammogramError, ReadingLimits
from mammo_plugins.registry import DATASETS, type_name
from mammo_plugins.stopping import raise_if_stopped, stop_arrived
from mammo_plugins.structures.exam_files import (FoundExams, Paths, find_exams,
                                                 paths_of)
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample, views_of)
from mammo_plugins.structures.pixel_size import (network_pixel_size,
                                                 pixel_size_warning)
from mammo_plugins.version import __version__

Nipples = Dict[str, Tuple[float, float]]


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
                 path: Paths,
                 out_dir: Optional[Union[str, Path]] = None,
                 score_thr: float = 0.2,
                 group_by: str = 'study') -> Dict[str, Any]:
        """Run on files, or on folders with all below them.

        Args:
            path (str | Path | Sequence[str | Path]): A file, a folder or several of
                them: DICOM files or pictures, of one or many exams, mixed with
                other files.
            out_dir (str | Path, optional): Where ``predictions.json`` and one
                ``<exam>.png`` an exam are written, if there is any exam; of a model of
                pairs one ``<exam>_<view>.png`` a projection. Each exam is written to
                ``predictions.jsonl`` as soon as it is done, and the same call goes on
                where another was stopped. Defaults to ``None``, nowhere.
            score_thr (float): Least score of a box in the pictures; the
                predictions hold every box. Defaults to 0.2.
            group_by (str): As in :func:`find_exams`. Defaults to 'study'.

        Returns:
            dict: What ``predictions.json`` holds; see docs/reference/predictions.md.

        Raises:
            FileNotFoundError: If there is no such file or folder.
            ConfigError: If ``out_dir`` holds results of another run.
        """
        path = paths_of(path)  # once: it may be read only once
        root = _common_folder(path)
        info = dict(
            format='mammo_plugins predictions',
            version=__version__,
            research_use_only=True,
            **self.names)
        writer = None
        if out_dir is not None:
            info['run'] = self._run_key(path, score_thr, group_by)
            writer = PredictionWriter(out_dir, info)
        found = find_exams(path,
                           self.dataset_cfg.get('modality') or 'FFDM', group_by)
        exams: List[dict] = []
        skipped = [_skipped(root, *entry) for entry in found.skipped]
        complete = False
        try:
            for key in tqdm(list(found.exams), desc='exams', unit='exam'):
                raise_if_stopped()
                entry, unused = self._exam(key, found, root, writer, score_thr)
                skipped += unused
                if entry is not None:
                    exams.append(entry)
            complete = True
        finally:
            stop_arrived()
            result = dict(info=dict(info, complete=complete), notes=found.notes,
                          exams=exams, skipped=skipped)
            if writer is not None:
                writer.join(result)
        return result

    def _run_key(self, paths: Sequence[Path], *options: Any) -> str:
        """Return what changes with all that results depend on besides the files."""
        models = [self] if self.nipple_locator is None else [self, self.nipple_locator]
        digest = hashlib.sha256(repr([
            __version__, [model.config.to_dict() for model in models],
            [str(path.resolve()) for path in paths], str(ReadingLimits.current()),
            options]).encode())
        for model in models:
            with open(model.checkpoint, 'rb') as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()[:16]

    def _exam(self, key: str, found: FoundExams, root: Path,
              writer: Optional[PredictionWriter],
              score_thr: float) -> Tuple[Optional[dict], List[dict]]:
        """Return an exam's entry, and those of its files that were not used."""
        made_of = _made_of(found.exams[key])
        if writer is not None:
            done = writer.get(key, made_of)
            if done is not None:
                return done['exam'], done['skipped']
        before = len(found.skipped)
        entry = self._run_exam(key, found, root, writer and writer.folder, score_thr)
        skipped = [_skipped(root, *each) for each in found.skipped[before:]]
        if writer is not None and entry is not None:
            writer.add(key, made_of, entry, skipped)
        return entry, skipped

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
                warnings=found.doubts.get(key, []),
                **findings.exam,
                **(dict(breasts=findings.breasts) if findings.breasts else {}),
                views=[
                    view_entry(view, root, frames[name],
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
                    draw_judged_exam(views, entry, findings.heat_maps, loader, out)
                else:
                    draw_exam(views, entry, loader, score_thr, out / entry['figure'])
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
        """Read all pixels of an exam; drop views that have none to offer.

        Of several images of a view the first that can be read stands for it.
        """
        frames = {}
        for name, first in list(found.exams[key].items()):
            images = [first, *first.others]
            while images:
                view = images.pop(0)
                try:
                    with DicomWarnings():  # told with the headers
                        frames[name] = loader.load(
                            str(view.path), view.laterality, view.view)[1]
                except MammogramError as error:
                    found.skipped.append((view.path, error.reason))
                    continue
                view.others = images
                found.settle(key, name, view)
                break
            else:
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
            # names are those of the files found, wherever they lie
            cfg.ann_file, cfg.data_root, cfg.test_mode = str(ann_file), os.sep, True
            # for workers, of which there are none; it collects garbage each time
            cfg.serialize_data = False
            # classes are what is asked for, and views may be missing
            for key in ('labels', 'complete', 'data_prefix'):
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
            image, frame = loader.load(str(view.path), view.laterality, view.view)
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
                            abnormal=probability_of(view))
                elif self.dataset_cfg.get('target') == 'exam':
                    judge_exam(sample, names, views, found)
                elif 'pred_score' in sample:
                    found.breasts.append(
                        judged_breast(sample, names, found.views))
                else:
                    name = names[sample.img_id]
                    found.views[name] = detected_in(sample, classes, views[name])
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
            asymmetric=probability_of(sample) if 'pred_score' in sample else None)
        if out is not None:
            entry['figure'] = f'{key}_{projection}.png'
            draw_pair(sample, projection, views, loader, out / entry['figure'],
                      f'exam {key}')
        return entry


def _common_folder(paths: Sequence[Path]) -> Path:
    """Return the folder that names in the predictions are relative to."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    return folders[0] if len(folders) == 1 else Path(os.path.commonpath(
        [folder.absolute() for folder in folders]))


def _skipped(root: Path, file: Path, reason: str) -> dict:
    return dict(file=os.path.relpath(file, root), reason=reason)


def _made_of(views: Views) -> str:
    """Return what changes when the files of an exam change."""
    images = [(name, image.path) for name, view in views.items()
              for image in (view, *view.others)]
    facts = [(name, str(path), path.stat().st_size, path.stat().st_mtime_ns)
             for name, path in images]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
