"""Running a detector on exams that have no annotation file."""
import copy
import json
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes
from mammo_plugins.apis.exam_files import FoundExams, FoundView, find_exams
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.engine.checkpoint import load_checkpoint_into
from mammo_plugins.io import MammogramError, write_json
from mammo_plugins.registry import DATASETS, MODELS, SCOPE
from mammo_plugins.version import __version__
from mammo_plugins.visualization import ViewPanel, draw_four_view

Views = Dict[str, FoundView]


def _set_cache(pipeline: Any, folder: str) -> None:
    """Point every LoadMammogram of a pipeline to a cache folder."""
    if isinstance(pipeline, dict):
        if str(pipeline.get('type')).rpartition('.')[2] == 'LoadMammogram':
            pipeline['cache_dir'] = folder
        pipeline = list(pipeline.values())
    if isinstance(pipeline, (list, tuple)):
        for item in pipeline:
            _set_cache(item, folder)


class ExamInferencer:
    """A trained detector, ready for files.

    The samples are made by the dataset and the pipeline of the config's
    ``test_dataloader``, so that a detector of several views finds its partners
    as in training.

    Args:
        config (str | Path | Config): The config the model was trained with.
        checkpoint (str): Its checkpoint.
        device (str, optional): Defaults to ``None``, a GPU if there is one.

    Raises:
        CheckpointError: If the checkpoint is not of this model.

    Example:
        >>> inferencer = ExamInferencer('config.py', 'epoch_14.pth')
        >>> result = inferencer('exams/', out_dir='out')
        >>> result['exams'][0]['views'][0]['detections'][0]['bbox']
    """

    def __init__(self,
                 config: Union[str, Path, Config],
                 checkpoint: str,
                 device: Optional[str] = None) -> None:
        if not isinstance(config, Config):
            config = Config.fromfile(config)
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.dataset_cfg = copy.deepcopy(config.test_dataloader.dataset)
        # weights come from the checkpoint
        model_cfg = copy.deepcopy(config.model)
        if 'backbone' in model_cfg:
            model_cfg.backbone.init_cfg = None
        scope = config.get('default_scope', SCOPE)
        with MODELS.switch_scope_and_registry(scope):
            self.model = MODELS.build(model_cfg)
        load_checkpoint_into(self.model, str(checkpoint))
        self.model.to(self.device).eval()
        self.scope = scope
        self.names = dict(config=Path(config.filename or '').name,
                          checkpoint=Path(checkpoint).name)

    def __call__(self,
                 path: Union[str, Path],
                 out_dir: Optional[Union[str, Path]] = None,
                 score_thr: float = 0.2) -> Dict[str, Any]:
        """Run on a file or on a folder with all below it.

        Args:
            path (str | Path): DICOM files or pictures, of one or many exams, mixed
                with other files.
            out_dir (str | Path, optional): Where ``predictions.json`` and one
                ``<exam>.png`` an exam are written. Defaults to ``None``, nowhere.
            score_thr (float): Least score of a box in the pictures; the
                predictions hold every box. Defaults to 0.2.

        Returns:
            dict: What ``predictions.json`` holds; see docs/reference/predictions.md.

        Raises:
            FileNotFoundError: If there is no such file or folder.
        """
        found = find_exams(path)
        root = Path(path) if Path(path).is_dir() else Path(path).parent
        exams = []
        with tempfile.TemporaryDirectory() as cache:
            loader = self._loader(cache)
            self._drop_unreadable(found, loader)
            detections = self._detect(found.exams, cache)
            for key, views in found.exams.items():
                entry = dict(
                    exam_id=key,
                    views=[
                        self._view_entry(view, root, detections.get(
                            (key, name), [])) for name, view in views.items()
                    ])
                if out_dir is not None:
                    entry['figure'] = f'{key}.png'
                    self._draw(views, entry, loader, score_thr,
                               Path(out_dir) / entry['figure'])
                exams.append(entry)
        result = dict(
            info=dict(
                format='mammo_plugins predictions',
                version=__version__,
                research_use_only=True,
                **self.names),
            exams=exams,
            skipped=[
                dict(file=self._relative(file, root), reason=reason)
                for file, reason in found.skipped
            ])
        if out_dir is not None:
            write_json(Path(out_dir) / 'predictions.json', result)
        return result

    @staticmethod
    def _relative(file: Path, root: Path) -> str:
        return file.relative_to(root).as_posix()

    def _loader(self, cache: str) -> LoadMammogram:
        """Return the pipeline's own loading, with a cache of this call."""
        for step in self.dataset_cfg.pipeline:
            if str(step.get('type')).rpartition('.')[2] == 'LoadMammogram':
                options = {k: v for k, v in step.items()
                           if k not in ('type', 'cache_dir')}
                return LoadMammogram(cache_dir=cache, **options)
        return LoadMammogram(cache_dir=cache)

    @staticmethod
    def _drop_unreadable(found: FoundExams, loader: LoadMammogram) -> None:
        """Read all pixels once and skip files that have none to offer."""
        files = [(key, view) for key, views in found.exams.items()
                 for view in views.values()]
        for key, view in tqdm(files, desc='reading', unit='view'):
            try:
                loader.load(str(view.path))
            except MammogramError as error:
                found.skipped.append((view.path, error.reason))
                del found.exams[key][view.name]
        for key in [key for key, views in found.exams.items() if not views]:
            del found.exams[key]

    def _dataset(self, exams: Dict[str, Views],
                 cache: str) -> Tuple[Any, List[Tuple[str, str]]]:
        """Return the config's dataset over the files, and (exam, view) by id."""
        keys, images = [], []
        for exam, views in exams.items():
            for name, view in views.items():
                images.append(
                    dict(
                        id=len(keys),
                        file_name=str(view.path.resolve()),
                        source=view.path.name,
                        width=view.width,
                        height=view.height,
                        exam_id=exam,
                        patient_id=exam,
                        laterality=view.laterality,
                        view=view.view,
                        modality=self.dataset_cfg.get('modality', 'FFDM'),
                        pixel_spacing_mm=view.pixel_spacing_mm,
                        nipple=None,
                        breast_bbox=None,
                        birads=None,
                        density=None,
                        abnormal=None))
                keys.append((exam, name))
        cfg = copy.deepcopy(self.dataset_cfg)
        with self._scoped(DATASETS):
            classes = DATASETS.get(cfg.type).METAINFO['classes']
        classes = cfg.get('metainfo', {}).get('classes', classes)
        ann_file = Path(cache) / 'exams.json'
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
        _set_cache(cfg.pipeline, cache)
        with self._scoped(DATASETS):
            return DATASETS.build(cfg), keys

    def _scoped(self, registry):
        return registry.switch_scope_and_registry(self.scope)

    @torch.no_grad()
    def _detect(self, exams: Dict[str, Views],
                cache: str) -> Dict[Tuple[str, str], List[dict]]:
        """Return the detections, in file pixels, by (exam, view)."""
        if not exams:
            return {}
        dataset, keys = self._dataset(exams, cache)
        classes = dataset.metainfo['classes']
        detections = {}
        for i in tqdm(range(len(dataset)), desc='detecting', unit='image'):
            for sample in self.model.test_step(pseudo_collate([dataset[i]])):
                frame = CanonicalFrame.from_dict(sample.canonical_frame)
                instances = sample.pred_instances.cpu().numpy()
                boxes = transform_boxes(instances.bboxes, frame.inverse)
                exam, name = keys[sample.img_id]
                spacing = exams[exam][name].pixel_spacing_mm
                detections[exam, name] = [
                    self._detection(box, score, classes[label], spacing)
                    for box, score, label in zip(boxes, instances.scores,
                                                 instances.labels)
                ]
        return detections

    @staticmethod
    def _detection(box: np.ndarray, score: float, category: str,
                   spacing: Optional[Sequence[float]]) -> dict:
        bbox_mm = None
        if spacing is not None:
            row, column = spacing
            bbox_mm = np.round(box * [column, row, column, row], 3).tolist()
        return dict(
            category=category,
            score=round(float(score), 6),
            bbox=np.round(box, 2).tolist(),
            bbox_mm=bbox_mm)

    def _view_entry(self, view: FoundView, root: Path,
                    detections: List[dict]) -> dict:
        return dict(
            file=self._relative(view.path, root),
            laterality=view.laterality,
            view=view.view,
            width=view.width,
            height=view.height,
            pixel_spacing_mm=view.pixel_spacing_mm,
            detections=sorted(detections, key=lambda d: -d['score']))

    @staticmethod
    def _draw(views: Views, entry: dict, loader: LoadMammogram,
              score_thr: float, path: Path) -> None:
        panels = {}
        for (name, view), facts in zip(views.items(), entry['views']):
            pixels, frame = loader.load(str(view.path))
            shown = [d for d in facts['detections'] if d['score'] >= score_thr]
            panels[name] = ViewPanel(
                pixels,
                transform_boxes([d['bbox'] for d in shown], frame.matrix),
                [d['score'] for d in shown])
        draw_four_view(
            panels, path, f'exam {entry["exam_id"]}, scores from {score_thr:g}\n'
            'research use only')
