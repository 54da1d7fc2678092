"""Exams as samples: a view, a breast or a whole exam."""

from collections.abc import Callable, Sequence
from logging import WARNING
from operator import attrgetter
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import (
    LATERALITIES,
    PARTNERS,
    VIEWS,
    AnnotationError,
    Exam,
    ImageRoots,
    Lesion,
    View,
    exams_from_coco,
    generation_of,
    in_fold,
    names_of_fold,
    synthetic_images,
    with_modality,
)
from mammo_plugins.verification import load_sound_exams

from .categories import NO_CLASS, category_labels, check_lists, without_rest
from .folds import check_fold
from .label_rule import LabelRule
from .pipeline import Pipeline, steps_of
from .transforms.random_geometry import check_registration

TARGETS = ('view', 'breast', 'pair', 'exam')


@DATASETS.register_module()
class ExamDataset(BaseDataset):
    """Mammography exams in the COCO-exam format.

    One sample per target, with its views in ``views``, each an mmdet-style dict
    (``img_path``, ``img_id``, ``instances``, ...):

    - ``target='view'``: ``views = {'main', 'ipsilateral', 'bilateral'}``, the
      partners if requested and available;
    - ``target='breast'``: ``views = {'CC', 'MLO'}`` of one breast;
    - ``target='pair'``: ``views = {'R', 'L'}``, both breasts in one projection;
    - ``target='exam'``: ``views = {'RCC', 'LCC', 'RMLO', 'LMLO'}``.

    A sample's ``dataset`` is the name in the file's ``info``, and its ``test_mode`` is
    that of the data set, for transforms that depend on them.

    A view that the exam lacks is absent from ``views``, unless ``complete`` requires
    all of them. With several modalities, each has its own views, with names such
    as ``'CEM-LE RCC'``. Normal exams are kept:
    ``filter_cfg`` is accepted as in mmdet, with ``filter_empty_gt=False`` by default.
    Ignored regions are not lesions, and a target with no other instance is empty.
    In training, ``filter_cfg=dict(nipple_sources=['annotation'])`` leaves out targets
    with a view whose nipple is not from one of these sources.

    Args:
        target (str): 'view', 'breast', 'pair' or 'exam'. Defaults to 'view'.
        partners (Sequence[str]): For ``target='view'``, which of 'ipsilateral'
            and 'bilateral' to add. Defaults to none.
        modality (str | Sequence[str], optional): Which images of an exam to use:
            'FFDM', 'SFM', 'CEM-LE' or 'CEM-RC', or several of them. Defaults to
            ``None``, the only modality of the file.
        complete (bool): Whether to leave out targets with a missing view, in
            training and in testing. Defaults to False.
        labels (dict, optional): Arguments of
            :class:`~mammo_plugins.datasets.label_rule.LabelRule`, which sets
            ``gt_label`` of targets and views. Targets without a class are left
            out, and the counts are logged. Defaults to ``None``.
        other_classes (Sequence[str] | str): Categories whose lesions are left out; the
            file may lack them. A target with no other lesion then counts as normal, and
            :meth:`summary` reports the number of such targets. 'rest' stands for all
            categories that the other lists do not name. Defaults to none.
        ignored_classes (Sequence[str] | str): Categories whose lesions are ignored
            regions (``ignore_flag``, ``bbox_label`` -1), neither lesion nor
            background: they may belong to ``classes`` too, for example if a
            view's findings are of several kinds. The file may lack them. 'rest' as in
            ``other_classes``. Defaults to none.
        pipeline (list | dict): Steps in order, or by name; see
            :func:`~mammo_plugins.datasets.pipeline.named_steps`. Defaults to none.
        extra_roots (Sequence[str]): Further folders that ``file_name`` may refer to by
            an absolute path or by ``..``; otherwise only files below ``data_root`` are
            read. Symbolic links in it are followed. Defaults to none.
        fold (int, optional): Fold of a cross-validation, counted from 1. Replaces
            ``{fold}`` in ``ann_file``, such as ``annotations/fold_{fold}/train.json``,
            in ``data_root``, ``data_prefix``, ``extra_roots`` and in names in the
            pipeline, such as that of a lesion bank. A warning is given if none of them
            contains it. Defaults to ``None``.
        annotations (dict, optional): Content of ``ann_file`` if it is in memory and not
            in a file, as for exams found by inference; ``ann_file`` then only names it
            in messages. Defaults to ``None``.
        ann_file, metainfo, data_root, filter_cfg, ...: As in
            :class:`mmengine.dataset.BaseDataset`.

    Raises:
        AnnotationError: If ``mammo verify`` reports an error in the file, one of its
            categories is not in ``classes``, ``other_classes`` or ``ignored_classes``,
            it lacks one of ``classes``, the modality is absent or must be chosen, or
            images for validation or test are synthetic.
        ValueError: If ``target`` or ``partners`` is not one of the values above, one of
            the lists is not a list, a name contains ``{fold}`` but ``fold`` is not
            given, ``fold`` is not a positive integer, or the pipeline registers breasts
            that were moved at random.

    Attributes:
        lesions (dict[str, int]): Lesions in the file by category.
        n_left_normal (int): Views whose lesions are all left out.
    """

    METAINFO = dict(classes=('mass',), palette=[(220, 20, 60)])
    _files: Sequence[str] = ()  # further file names, from settings of subclasses

    def __init__(
        self,
        *args,
        target: str = 'view',
        partners: Sequence[str] = (),
        modality: str | Sequence[str] | None = None,
        complete: bool = False,
        labels: dict | None = None,
        other_classes: Sequence[str] | str = (),
        ignored_classes: Sequence[str] | str = (),
        extra_roots: Sequence[str] = (),
        fold: int | None = None,
        annotations: dict | None = None,
        pipeline: Pipeline = (),
        **kwargs,
    ) -> None:
        if target not in TARGETS:
            raise ValueError(
                f'ExamDataset.target: {target!r}; expected one of {TARGETS}'
            )
        if not set(partners) <= set(PARTNERS):
            raise ValueError(
                f'ExamDataset.partners: {tuple(partners)}; expected some of {PARTNERS}'
            )
        check_lists(other_classes, ignored_classes)
        if partners and target != 'view':
            raise ValueError(
                'ExamDataset.partners: only a view has partners; '
                f'target={target!r} already contains all its views'
            )
        self.target = target
        self.partners = tuple(partners)
        if partners and not (modality is None or isinstance(modality, str)):
            raise ValueError(
                'ExamDataset.modality: partners are of the same '
                f'modality; name one, not {tuple(modality)}'
            )
        self.modality = modality
        self.complete = complete
        self.label_rule = LabelRule(**labels) if labels else None
        self.other_classes = other_classes
        self.ignored_classes = ignored_classes
        ImageRoots(extra=extra_roots)  # refuses anything that is not a list
        self.extra_roots = in_fold(extra_roots, fold)
        self.fold = fold
        self.annotations = annotations
        steps = steps_of(pipeline)
        self._names_of_fold = names_of_fold([steps, extra_roots, *self._files])
        super().__init__(*args, pipeline=in_fold(steps, fold), **kwargs)
        check_registration(self.pipeline.transforms)

    def _join_prefix(self) -> None:
        check_fold(
            self.ann_file,
            self.fold,
            bool(
                self._names_of_fold
                or names_of_fold([self.ann_file, self.data_root, self.data_prefix])
            ),
        )
        self.ann_file = in_fold(self.ann_file, self.fold)
        self.data_root = in_fold(self.data_root, self.fold)
        self.data_prefix = in_fold(self.data_prefix, self.fold)
        super()._join_prefix()

    def load_data_list(self) -> list[dict]:
        """Read the annotation file, unless annotations are in memory.

        Returns:
            list[dict]: One entry per target.
        """
        roots = self.roots
        data = load_sound_exams(self.ann_file, roots, self.annotations)
        self._path = roots.path
        self.other_classes, self.ignored_classes = without_rest(
            [category['name'] for category in data['categories']],
            self.metainfo['classes'],
            self.other_classes,
            self.ignored_classes,
        )
        self._label_of = category_labels(
            data['categories'],
            self.metainfo['classes'],
            self.other_classes,
            self.ignored_classes,
            self.ann_file,
        )
        self._dataset_name = data['info']['dataset']
        self._generation = generation_of(data['info'])
        exams = exams_from_coco(data)
        if not exams:
            raise AnnotationError(f'{self.ann_file}: holds no images')
        self._refuse_synthetic(data)
        self._count_lesions(exams, data['categories'])
        modalities = self._choose_modalities(data['images'])
        samples = []
        for exam in exams:
            views = [
                view for view in exam.views.values() if view.modality in modalities
            ]
            samples += getattr(self, f'_{self.target}_samples')(exam, views)
        if self.complete:
            samples = self._complete(samples, modalities)
        if self.label_rule is not None:
            samples, counts = self.label_rule.apply(samples)
            print_log(f'{self.ann_file}: {counts}', logger='current')
            if not samples:
                raise AnnotationError(
                    f'{self.ann_file}: no {self.target} has a class of labels'
                )
        return samples

    def _complete(self, samples: list[dict], modalities: Sequence[str]) -> list[dict]:
        wanted = len(modalities) * (
            dict(breast=2, pair=2, exam=4).get(self.target) or 1 + len(self.partners)
        )
        kept = [s for s in samples if len(s['views']) == wanted]
        print_log(
            f'{self.ann_file}: {len(kept)} {self.target} samples, '
            f'{len(samples) - len(kept)} skipped because a view is missing',
            logger='current',
        )
        return kept

    def _refuse_synthetic(self, data: dict) -> None:
        made = synthetic_images(data)
        if made and self.test_mode:
            raise AnnotationError(
                f'{self.ann_file}: {len(made)} images are synthetic, first image '
                f'{made[0]["id"]}; they never enter validation or test '
                '(test_mode=True)'
            )

    def _choose_modalities(self, images: list[dict]) -> Sequence[str]:
        there = sorted({image['modality'] for image in images})
        if self.modality is None and len(there) <= 1:
            return there
        wanted = (
            [self.modality]
            if isinstance(self.modality, str)
            else list(self.modality or ())
        )
        if not wanted or not set(wanted) <= set(there):
            missing = (
                'views of several modalities'
                if not wanted
                else (f'no view of modality {self.modality!r}')
            )
            raise AnnotationError(
                f'{self.ann_file}: {missing}; set modality of ExamDataset to one '
                f'of {there}'
            )
        return wanted

    def _count_lesions(self, exams: list[Exam], categories: list[dict]) -> None:
        names = {c['id']: c['name'] for c in categories}
        self.lesions = dict.fromkeys(names.values(), 0)
        self.n_left_normal = 0
        for view in (view for exam in exams for view in exam.views.values()):
            for lesion in view.lesions:
                self.lesions[names[lesion.category_id]] += 1
            self.n_left_normal += bool(view.lesions) and not any(
                lesion.category_id in self._label_of for lesion in view.lesions
            )

    def summary(self) -> str:
        """Return a sentence with the numbers of samples and lesions."""
        counts = [f'{name} {self.lesions[name]}' for name in self.metainfo['classes']]
        ignored = [
            f'{name} {self.lesions[name]}'
            for name in self.ignored_classes
            if self.lesions.get(name)
        ]
        text = f'{len(self)} samples; lesions: {", ".join(counts)}'
        if ignored:
            text += f'; regions ignored: {", ".join(ignored)}'
        return '. '.join(filter(None, [text, self.left_out()]))

    def left_out(self) -> str:
        """Return a sentence about the lesions of ``other_classes``, or '' if none."""
        others = [
            f'{name} ({number})'
            for name, number in self.lesions.items()
            if name in self.other_classes and number
        ]
        if not others:
            return ''
        return (
            f'Lesions of {", ".join(others)} are dropped by other_classes; '
            f'{self.n_left_normal} views with no other lesions count as normal'
        )

    def _view_samples(self, exam: Exam, views: list[View]) -> list[dict]:
        samples = []
        for view in views:
            found = {'main': view}
            for name in self.partners:
                partner = getattr(exam, name)(view)
                if partner is not None:
                    found[name] = partner
            samples.append(self._sample(exam, found))
        return samples

    def _breast_samples(self, exam: Exam, views: list[View]) -> list[dict]:
        return self._grouped(exam, views, 'laterality', sorted(LATERALITIES), 'view')

    def _pair_samples(self, exam: Exam, views: list[View]) -> list[dict]:
        return self._grouped(exam, views, 'view', VIEWS, 'laterality')

    def _grouped(
        self, exam: Exam, views: list[View], key: str, values: Sequence[str], name: str
    ) -> list[dict]:
        groups = {x: [v for v in views if getattr(v, key) == x] for x in values}
        return [
            dict(self._named(exam, group, attrgetter(name)), **{key: value})
            for value, group in groups.items()
            if group
        ]

    def _exam_samples(self, exam: Exam, views: list[View]) -> list[dict]:
        return [self._named(exam, views, lambda v: v.name)] if views else []

    def _named(
        self, exam: Exam, views: list[View], name: Callable[[View], str]
    ) -> dict:
        single = self.modality is None or isinstance(self.modality, str)
        return self._sample(
            exam,
            {with_modality(name(v), None if single else v.modality): v for v in views},
        )

    def _sample(self, exam: Exam, views: dict[str, View]) -> dict:
        return dict(
            dataset=self._dataset_name,
            generation=self._generation,
            test_mode=self.test_mode,
            exam_id=exam.exam_id,
            patient_id=exam.patient_id,
            views={name: self._view_info(exam, view) for name, view in views.items()},
        )

    def _view_info(self, exam: Exam, view: View) -> dict[str, Any]:
        return dict(
            img_path=self._path(view.file_name),
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
            instances=[
                self._instance(lesion)
                for lesion in view.lesions
                if lesion.category_id in self._label_of
            ],
        )

    @staticmethod
    def _nipple_source(view: View) -> str | None:
        """Return the nipple's source: a person, unless the file states otherwise."""
        if view.nipple is None:
            return None
        return view.extra.get('nipple_source') or 'annotation'

    @property
    def roots(self) -> ImageRoots:
        """ImageRoots: The folders that may contain its images."""
        prefix, root = self.data_prefix, self.data_root or ''
        return ImageRoots(
            prefix.get('img') or prefix.get('img_path') or root,
            [root, *self.extra_roots],
        )

    def _instance(self, lesion: Lesion) -> dict[str, Any]:
        return dict(
            bbox=list(lesion.bbox),
            bbox_label=self._label_of[lesion.category_id],
            # [] if unknown: mmdet ignores such a lesion if masks are requested
            mask=lesion.segmentation,
            ignore_flag=int(
                lesion.ignore or self._label_of[lesion.category_id] == NO_CLASS
            ),
            birads=lesion.birads,
            pathology=lesion.pathology,
            lesion_id=lesion.lesion_id,
        )

    def filter_data(self) -> list[dict]:
        """Drop the targets that ``filter_cfg`` excludes, in training only.

        Raises:
            AnnotationError: If ``nipple_sources`` excludes all of them.
        """
        filter_cfg = self.filter_cfg or {}
        kept = self.data_list
        if self.test_mode:
            return kept
        if filter_cfg.get('filter_empty_gt'):
            kept = [
                sample
                for sample in kept
                if any(
                    not lesion['ignore_flag']
                    for v in sample['views'].values()
                    for lesion in v['instances']
                )
            ]
        if filter_cfg.get('nipple_sources'):
            kept = self._with_nipple(kept, filter_cfg['nipple_sources'])
        return kept

    def _with_nipple(self, samples: list[dict], sources: Sequence[str]) -> list[dict]:
        kept = [
            sample
            for sample in samples
            if all(v['nipple_source'] in sources for v in sample['views'].values())
        ]
        sources = ' or '.join(sources)
        if not kept:
            raise AnnotationError(
                f'{self.ann_file}: no nipple is known from {sources} '
                '(images[].nipple and nipple_source, '
                'docs/reference/data_format.md); annotate some, or learn from '
                "those of mammo nipples by naming 'contour' in "
                'filter_cfg.nipple_sources'
            )
        if len(kept) < len(samples):
            print_log(
                f'{self.ann_file}: {len(samples) - len(kept)} of {len(samples)} '
                f'samples left out, nipple not known from {sources}',
                logger='current',
                level=WARNING,
            )
        return kept

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the labels in a sample, for class-balanced samplers.

        Args:
            idx (int): Index of the sample.

        Returns:
            list[int]: With ``labels``, that of the sample; otherwise those of the
            lesions in its views, without ignored regions.
        """
        info = self.get_data_info(idx)
        if self.label_rule is not None:
            return [info['gt_label']]
        return [
            instance['bbox_label']
            for view in info['views'].values()
            for instance in view['instances']
            if not instance['ignore_flag']
        ]
