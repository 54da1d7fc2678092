"""Exams as samples: a view, a breast or a whole exam."""
import os.path as osp
from logging import WARNING
from typing import Any, Dict, List, Optional, Sequence

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import (LATERALITIES, AnnotationError, Exam, Lesion,
                                      View, exams_from_coco, load_coco_exam)

TARGETS = ('view', 'breast', 'exam')
PARTNERS = ('ipsilateral', 'bilateral')


@DATASETS.register_module()
class ExamDataset(BaseDataset):
    """Mammography exams in the COCO-exam format.

    One sample per target, with its views in ``views``, each an mmdet-style dict
    (``img_path``, ``img_id``, ``instances``, ...):

    - ``target='view'``: ``views = {'main', 'ipsilateral', 'bilateral'}``, the
      partners as far as asked for and taken;
    - ``target='breast'``: ``views = {'CC', 'MLO'}`` of one breast;
    - ``target='exam'``: ``views = {'RCC', 'LCC', 'RMLO', 'LMLO'}``.

    A view that was not taken is absent from ``views``. Normal exams are kept:
    ``filter_cfg`` is accepted as in mmdet, with ``filter_empty_gt=False`` unless
    said otherwise. ``filter_cfg=dict(nipple_sources=['annotation'])`` leaves out,
    in training, what has a view whose nipple is not from one of these sources.

    Args:
        target (str): 'view', 'breast' or 'exam'. Defaults to 'view'.
        partners (Sequence[str]): For ``target='view'``, which of 'ipsilateral'
            and 'bilateral' to add. Defaults to none.
        modality (str, optional): Which images of an exam to use: 'FFDM', 'SFM',
            'CEM-LE' or 'CEM-RC'. Defaults to ``None``, the only one there is.
        ann_file, metainfo, data_root, filter_cfg, pipeline, ...: As in
            :class:`mmengine.dataset.BaseDataset`; ``metainfo['classes']`` must
            name every category of the file.

    Raises:
        AnnotationError: If the file's schema is wrong, a category is missing from
            ``classes``, or the modality is absent or has to be chosen.
        ValueError: If ``target`` or ``partners`` is not one of those named.
    """

    METAINFO = dict(classes=('mass', ), palette=[(220, 20, 60)])

    def __init__(self,
                 *args,
                 target: str = 'view',
                 partners: Sequence[str] = (),
                 modality: Optional[str] = None,
                 **kwargs) -> None:
        if target not in TARGETS:
            raise ValueError(f'ExamDataset.target: {target!r}; expected one of '
                             f'{TARGETS}')
        if not set(partners) <= set(PARTNERS):
            raise ValueError(f'ExamDataset.partners: {tuple(partners)}; expected '
                             f'some of {PARTNERS}')
        if partners and target != 'view':
            raise ValueError('ExamDataset.partners: only a view has partners; '
                             f'target={target!r} holds all its views already')
        self.target = target
        self.partners = tuple(partners)
        self.modality = modality
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> List[dict]:
        """Read the annotation file.

        Returns:
            list[dict]: One entry per target.
        """
        data = load_coco_exam(self.ann_file)
        self._label_of = self._map_categories(data['categories'])
        exams = exams_from_coco(data)
        if not exams:
            raise AnnotationError(f'{self.ann_file}: holds no images')
        self._warn_of_boxes(exams)
        modality = self._choose_modality(data['images'])
        samples = []
        for exam in exams:
            views = [view for key, view in exam.views.items()
                     if key[2] == modality]
            samples += getattr(self, f'_{self.target}_samples')(exam, views)
        return samples

    def _warn_of_boxes(self, exams: List[Exam]) -> None:
        outside = [
            view.image_id for exam in exams for view in exam.views.values()
            for x1, y1, x2, y2 in (lesion.bbox for lesion in view.lesions)
            if min(x1, y1) < -1 or x2 > view.width + 1 or y2 > view.height + 1
        ]
        if outside:
            print_log(
                f'{self.ann_file}: {len(outside)} boxes reach outside their '
                f'images, first that of image {outside[0]}; run '
                'tools/verify_dataset.py', logger='current', level=WARNING)

    def _choose_modality(self, images: List[dict]) -> Optional[str]:
        there = sorted({image['modality'] for image in images})
        if self.modality is None and len(there) <= 1:
            return there[0] if there else None
        if self.modality not in there:
            missing = 'views of several modalities' if self.modality is None else (
                f'no view of modality {self.modality!r}')
            raise AnnotationError(
                f'{self.ann_file}: {missing}; set modality of ExamDataset to one '
                f'of {there}')
        return self.modality

    def _map_categories(self, categories: List[dict]) -> Dict[int, int]:
        classes = list(self.metainfo['classes'])
        unknown = [c['name'] for c in categories if c['name'] not in classes]
        if unknown:
            raise AnnotationError(
                f'{self.ann_file}: categories {unknown} are not in classes '
                f'{classes}; set metainfo=dict(classes=...) of the dataset to '
                'name every category of the file')
        return {c['id']: classes.index(c['name']) for c in categories}

    def _view_samples(self, exam: Exam, views: List[View]) -> List[dict]:
        samples = []
        for view in views:
            found = {'main': view}
            for name in self.partners:
                partner = getattr(exam, name)(view)
                if partner is not None:
                    found[name] = partner
            samples.append(self._sample(exam, found))
        return samples

    def _breast_samples(self, exam: Exam, views: List[View]) -> List[dict]:
        samples = []
        for laterality in LATERALITIES:
            found = {v.view: v for v in views if v.laterality == laterality}
            if found:
                samples.append(
                    dict(self._sample(exam, found), laterality=laterality))
        return samples

    def _exam_samples(self, exam: Exam, views: List[View]) -> List[dict]:
        return [self._sample(exam, {v.name: v for v in views})] if views else []

    def _sample(self, exam: Exam, views: Dict[str, View]) -> dict:
        return dict(
            exam_id=exam.exam_id,
            patient_id=exam.patient_id,
            views={name: self._view_info(exam, view)
                   for name, view in views.items()})

    def _view_info(self, exam: Exam, view: View) -> Dict[str, Any]:
        return dict(
            img_path=self._join(view.file_name),
            img_id=view.image_id,
            width=view.width,
            height=view.height,
            exam_id=exam.exam_id,
            patient_id=exam.patient_id,
            laterality=view.laterality,
            view=view.view,
            pixel_spacing_mm=view.pixel_spacing_mm,
            nipple=view.nipple,
            nipple_source=self._nipple_source(view),
            birads=view.birads,
            density=view.density,
            abnormal=view.abnormal,
            pathology=view.pathology,
            instances=[self._instance(lesion) for lesion in view.lesions])

    @staticmethod
    def _nipple_source(view: View) -> Optional[str]:
        """Tell who found the nipple: a person, unless the file says otherwise."""
        if view.nipple is None:
            return None
        return view.extra.get('nipple_source') or 'annotation'

    def _join(self, file_name: str) -> str:
        prefix = self.data_prefix
        folder = prefix.get('img') or prefix.get('img_path') or self.data_root
        return osp.join(folder or '', file_name)

    def _instance(self, lesion: Lesion) -> Dict[str, Any]:
        return dict(
            bbox=list(lesion.bbox),
            bbox_label=self._label_of[lesion.category_id],
            # [] when unknown: mmdet ignores such a lesion where masks are asked for
            mask=lesion.segmentation,
            ignore_flag=int(lesion.ignore),
            birads=lesion.birads,
            pathology=lesion.pathology,
            lesion_id=lesion.lesion_id)

    def filter_data(self) -> List[dict]:
        """Drop, in training, the targets that ``filter_cfg`` does not want.

        Raises:
            AnnotationError: If ``nipple_sources`` leaves none.
        """
        filter_cfg = self.filter_cfg or {}
        kept = self.data_list
        if self.test_mode:
            return kept
        if filter_cfg.get('filter_empty_gt'):
            kept = [sample for sample in kept
                    if any(v['instances'] for v in sample['views'].values())]
        if filter_cfg.get('nipple_sources'):
            kept = self._with_nipple(kept, filter_cfg['nipple_sources'])
        return kept

    def _with_nipple(self, samples: List[dict],
                     sources: Sequence[str]) -> List[dict]:
        kept = [
            sample for sample in samples if all(
                v['nipple_source'] in sources for v in sample['views'].values())
        ]
        sources = ' or '.join(sources)
        if not kept:
            raise AnnotationError(
                f'{self.ann_file}: no nipple is known by {sources} (images[].nipple '
                'and nipple_source, docs/reference/data_format.md); annotate some, '
                'or learn from those of tools/locate_nipples.py by naming '
                "'contour' in filter_cfg.nipple_sources")
        if len(kept) < len(samples):
            print_log(
                f'{self.ann_file}: {len(samples) - len(kept)} of {len(samples)} '
                f'samples left out, nipple not known by {sources}',
                logger='current', level=WARNING)
        return kept

    def get_cat_ids(self, idx: int) -> List[int]:
        """Return the labels in a sample, as mmdet's class-balanced samplers ask.

        Args:
            idx (int): Index of the sample.
        """
        return [
            instance['bbox_label']
            for view in self.get_data_info(idx)['views'].values()
            for instance in view['instances']
        ]
