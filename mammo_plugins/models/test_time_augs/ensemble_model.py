"""Ensembles of models, also on flipped images."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch import Tensor, nn

from mammo_plugins.evaluation.functional import weighted_boxes_fusion
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import LATERALITIES
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample,
    views_of,
)

from .flips import MAPS, flipped_batch, unflip

_MEANS = ('malignancy', 'birads_score')  # of patches, from MalignancyHead


@MODELS.register_module()
class EnsembleModel(BaseTTAModel):
    """Ensemble of models of one config, with merged predictions.

    Like mmdet's ``DetTTAModel`` and mmpretrain's ``AverageClsScoreTTA``, but on batches
    from the test pipeline: images are flipped here, with their nipples, all views of a
    sample in the same way. Boxes are fused by
    :func:`~mammo_plugins.evaluation.functional.weighted_boxes_fusion`, their attributes
    (malignancy, masks, keypoints) with the same weights. Probabilities, heat maps and
    probability maps are averaged. Labels and masks are those of the averages.

    If the models examined different sides of an exam, the side is that of most models
    that agree with the mean, and so are the heat maps.

    Args:
        module (nn.Module | dict): The first model.
        others (Sequence[nn.Module]): Further models. Defaults to none.
        flips (Sequence[str]): 'horizontal', 'vertical' or 'diagonal', in addition to
            the unflipped images. Use only flips that the models were trained with.
            Defaults to none.
        iou_thr (float): IoU threshold for the fusion of boxes. Defaults to 0.55.
    """

    def __init__(
        self,
        module: nn.Module | dict,
        others: Sequence[nn.Module] = (),
        flips: Sequence[str] = (),
        iou_thr: float = 0.55,
    ) -> None:
        super().__init__(module)
        self.others = nn.ModuleList(others)
        self.flips = tuple(flips)
        self.iou_thr = iou_thr

    def test_step(self, data: dict) -> list[BaseDataElement]:
        """Return the merged predictions for a batch.

        Args:
            data (dict): A collated batch: ``inputs``, lists of (C, H, W), also by view,
                and ``data_samples``.
        """
        predictions = []
        for flip in (None, *self.flips):
            for model in (self.module, *self.others):
                given = dict(data, data_samples=copy.deepcopy(data['data_samples']))
                inputs = given['inputs']
                if flip:
                    given = flipped_batch(given, flip)
                samples = model.test_step(given)
                if flip:
                    for i, sample in enumerate(samples):
                        unflip(sample, inputs, i, flip)
                predictions.append(samples)
        return self.merge_preds(list(zip(*predictions)))

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[BaseDataElement]]
    ) -> list[BaseDataElement]:
        """Merge predictions.

        Args:
            data_samples_list (Sequence[Sequence[BaseDataElement]]): For each sample of
                the batch, the predictions of each model, in pixels of the unflipped
                image.
        """
        return [self._merge(samples) for samples in data_samples_list]

    def _merge(self, samples: Sequence[BaseDataElement]) -> BaseDataElement:
        merged = samples[0]
        self._merge_fields(merged, samples)
        if not isinstance(merged, MultiViewDataSample):
            return merged
        if 'examined_side' in merged:
            _choose_side(merged, samples)
        for name in merged.view_names:
            self._merge_fields(merged.get(name), [s.get(name) for s in samples])
        if 'affected_side' in merged:
            merged.set_metainfo(dict(affected_side=_larger_side(merged)))
        return merged

    def _merge_fields(
        self, merged: BaseDataElement, parts: Sequence[BaseDataElement]
    ) -> None:
        """Merge the predictions for a view or sample into ``merged``."""
        for key in {key for part in parts for key in part.keys()}:
            values = [part.get(key) for part in parts if key in part]
            value: Any
            if key == 'pred_instances':
                value = self._fused(values)
            elif key == 'pred_sem_seg':
                probability = _mean([each.probability for each in values])
                value = PixelData(
                    sem_seg=(probability > 0.5).to(values[0].sem_seg),
                    probability=probability,
                )
            elif key == 'pred_score' or key in MAPS:
                value = _mean(values)
            elif key in _MEANS:
                value = float(np.mean(values))
            elif key == 'pred_label':
                continue  # of the mean, below
            elif key.startswith('pred_'):
                raise ValueError(
                    f'the models predict {key}, which an ensemble cannot merge; test '
                    'them one by one'
                )
            else:
                continue
            merged.set_field(value, key)
        if 'pred_score' in merged:
            merged.set_field(
                merged.pred_score.argmax(dim=0, keepdim=True), 'pred_label'
            )

    def _fused(self, parts: Sequence[InstanceData]) -> InstanceData:
        boxes, scores, labels = (
            [part.get(key).detach().cpu().numpy() for part in parts]
            for key in ('bboxes', 'scores', 'labels')
        )
        fused = weighted_boxes_fusion(boxes, scores, labels, self.iou_thr)
        first = parts[0]

        def tensor(values: np.ndarray, like: Tensor) -> Tensor:
            return torch.from_numpy(np.asarray(values)).to(like)

        merged = InstanceData(
            bboxes=tensor(fused.boxes, first.bboxes),
            scores=tensor(fused.scores, first.scores),
            labels=tensor(fused.labels, first.labels),
        )
        for key in set(first.keys()) - {'bboxes', 'scores', 'labels'}:
            values = torch.cat([part.get(key) for part in parts])
            shares = torch.from_numpy(fused.shares).to(values.device, torch.float32)
            mean = torch.tensordot(shares, values.float(), dims=1)
            merged.set_field(
                mean >= 0.5 if values.dtype == torch.bool else mean.to(values), key
            )
        return merged


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(dim=0)


def _choose_side(
    merged: MultiViewDataSample, samples: Sequence[MultiViewDataSample]
) -> None:
    """Keep the heat maps of the merged label and side."""
    # the first sample's own label is already the merged one, unlike its views'
    own = [
        next((int(v.pred_label) for v in views_of(sample) if 'heat_map' in v), None)
        for sample in samples
    ]
    label = int(merged.pred_label)
    sides = [s.examined_side for s, each in zip(samples, own) if each == label]
    side = max(LATERALITIES, key=sides.count)
    for sample, each in zip(samples, own):
        if each == label and sample.examined_side == side:
            continue
        for view in views_of(sample):
            if 'heat_map' in view:
                del view.heat_map, view.pred_label
    for name in merged.view_names:
        if any('heat_map' in sample.get(name) for sample in samples):
            merged.get(name).pred_label = merged.pred_label
    merged.set_metainfo(dict(examined_side=side))


def _larger_side(sample: MultiViewDataSample) -> str | None:
    """Return the side with more mass pixels, like ``ExamSegmentor``."""
    areas = dict.fromkeys(LATERALITIES, 0)
    for view in views_of(sample):
        if 'pred_sem_seg' in view:
            areas[view.laterality] += int(view.pred_sem_seg.sem_seg.sum())
    most = max(areas, key=areas.__getitem__)
    return most if areas[most] else None
