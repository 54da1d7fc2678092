"""MommiNet: one mammogram read next to two others of its exam."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.models.detectors.base import BaseDetector
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from mmengine.structures import InstanceData
from torch import Tensor

from mammo_plugins.models.multi_view import StagedModel, ViewBatch, view_key
from mammo_plugins.models.utils import (
    boxes_to_probability_map,
    crop_patches,
    instances_from_map,
)
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import PARTNERS, ROLES
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.structures.segmentation import IGNORED

from .held_out_branches import Branches, HeldOutBranches


@MODELS.register_module()
class MommiNet(StagedModel, BaseDetector):
    """Tri-view detection and malignancy classification (MommiNet-v2, figure 1).

    The ipsilateral branch compares the main view with the other projection of the same
    breast, the bilateral branch with the registered other breast. Their probability
    maps and the main image are the input of the fusion network, whose detections are
    the result. Each detection is then classified as benign or malignant.

    If a view is missing, the system is the corresponding dual-view model (section 3.8).
    Without the contralateral view, the result is the ipsilateral branch's detections.
    Without the ipsilateral view, it is those of the bilateral branch. Without both, it
    is those of the ipsilateral branch on only the main view. In training, the branches
    also use incomplete samples (see their classes); the fusion network uses only
    complete ones.

    Work is shared within a batch: an image that is the main view of one sample and the
    partner in another is encoded once, and the fusion network uses these features. For
    a batch of all views of an exam, the ipsilateral backbone therefore needs one pass
    per view. The bilateral backbone needs two passes of the shared stages per view, for
    the view and the registered other breast, or one with ``register_features`` of
    :class:`BiDualNet`.

    :class:`~mammo_plugins.engine.loops.StagedTrainLoop` trains the parts one after the
    other and calls :meth:`start_stage`. In a stage, ``loss`` is that of the stage's
    part, and ``predict`` uses the parts trained so far: it returns a branch's own
    detections in that branch's stage, and those of the fusion network from its stage
    on.

    Args:
        ipsilateral (dict): An :class:`IpsiDualNet`.
        bilateral (dict): A :class:`BiDualNet`.
        fusion (dict): An :class:`IntegratedFusionNet`.
        malignancy (dict, optional): A :class:`MalignancyClassifier`. Defaults to
            ``None``: detection only.
        test_cfg (dict, optional): ``map_to_boxes``, the arguments of
            :func:`~mammo_plugins.models.utils.map_to_boxes`; ``patch_size``, the side
            in pixels of the patches for the malignancy classifier. Defaults to
            ``None``: the function's defaults and 448.
        out_of_fold (Sequence[dict], optional): Folds of the training part, each with
            ``checkpoint`` and ``ann_file``, see :class:`HeldOutBranches`. The fusion
            network is trained on maps of their branches; each patient's maps come from
            branches that were not trained on her. Defaults to ``None``, as in the
            paper: maps of this system's own branches, which were trained on the same
            images.
        data_preprocessor (dict, optional): A :class:`MultiViewDataPreprocessor`.
        init_cfg (dict, optional): As in mmdet.
    """

    stage_parts = {part: (part,) for part in (*PARTNERS, 'fusion', 'malignancy')}

    def __init__(
        self,
        ipsilateral: ConfigType,
        bilateral: ConfigType,
        fusion: ConfigType,
        malignancy: OptConfigType = None,
        test_cfg: OptConfigType = None,
        out_of_fold: Sequence[dict] | None = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self._folds = out_of_fold and (
            out_of_fold,
            copy.deepcopy((ipsilateral, bilateral)),
        )
        self._held_out: HeldOutBranches | None = None
        self.ipsilateral = MODELS.build(ipsilateral)
        self.bilateral = MODELS.build(bilateral)
        self.fusion = MODELS.build(fusion)
        self.malignancy = malignancy and MODELS.build(malignancy)
        test_cfg = test_cfg or {}
        self.map_to_boxes = dict(test_cfg.get('map_to_boxes', {}))
        self.patch_size = test_cfg.get('patch_size', 448)

    def start_stage(self, stage: str | None) -> None:
        """Choose the part to train.

        Args:
            stage (str, optional): Name of a part; ``None`` when training is over.

        Raises:
            ValueError: If the model has no such part.
        """
        super().start_stage(stage)
        if stage != 'fusion':
            self._held_out = None
        elif self._folds and self._held_out is None:  # called again for prediction
            self._held_out = HeldOutBranches(*self._folds)

    def loss(self, inputs, data_samples: list) -> dict[str, Tensor]:
        """Return the losses of the part being trained.

        Args:
            inputs (dict[str, Tensor] | Tensor): Views from a
                :class:`MultiViewDataPreprocessor`; patches (N, C, h, w) for the
                malignancy classifier.
            data_samples (list): Their data samples.

        Raises:
            RuntimeError: If no stage was started.
        """
        stage = self.started_stage()
        if stage == 'fusion':
            return self._fusion_loss(inputs, data_samples)
        return getattr(self, stage).loss(inputs, data_samples)

    def _fusion_loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict:
        batch = ViewBatch.gather(inputs, data_samples, ROLES)
        complete = batch.mask.rows_with(*ROLES)
        if not complete:
            return self._no_fusion_loss(inputs['main'])
        height, width = inputs['main'].shape[-2:]
        rows, halves = [], {}
        with torch.no_grad():
            encoded = self.ipsilateral.encode_views(inputs, data_samples)
            for i in complete:
                image, ipsi, bi = self._training_maps(
                    batch, data_samples, i, encoded, halves
                )
                features = encoded[view_key(data_samples[i].main)].backbone
                # an image's own size is a multiple of every stride
                strides = [image.size(2) // level.size(2) for level in features]
                rows.append(
                    [_pad(ipsi, height, width), _pad(bi, height, width)]
                    + [
                        _pad(level, height // stride, width // stride)
                        for level, stride in zip(features, strides)
                    ]
                )
        ipsi, bi, *features = [torch.cat(parts) for parts in zip(*rows)]
        return self.fusion.loss(
            inputs['main'][complete],
            ipsi,
            bi,
            tuple(features),
            [data_samples[i].main for i in complete],
        )

    def _training_maps(
        self,
        batch: ViewBatch,
        data_samples: list[MultiViewDataSample],
        i: int,
        encoded: dict,
        halves: dict,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return :meth:`_maps` by the branches used in training."""
        if self._held_out is None:
            return self._maps(batch, data_samples[i], i, encoded, halves)
        sample = data_samples[i]
        branches = self._held_out.of(sample.main.patient_id, batch.views['main'].device)
        own = batch.select([i])
        return self._maps(
            own,
            sample,
            0,
            branches.ipsilateral.encode_views(own.views, [sample]),
            {},
            branches,
        )

    def _no_fusion_loss(self, images: Tensor) -> dict:
        """Return a loss of 0 that keeps this process in step with the others.

        Processes average their counts together and expect a gradient for every
        parameter.
        """
        nothing = 0.0 * sum(p.sum() for p in self.fusion.parameters())
        logits = images.new_zeros(1, 1, 1, 1) + nothing
        return dict(
            loss_map=self.fusion.loss_map(logits, torch.full_like(logits, IGNORED))
        )

    def _maps(
        self,
        batch: ViewBatch,
        sample: MultiViewDataSample,
        i: int,
        encoded: dict,
        halves: dict,
        branches: Branches | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return a main image and the maps of the branches that have a partner view.

        Args:
            batch (ViewBatch): The views of ``ROLES``.
            sample (MultiViewDataSample): One of its samples.
            i (int): Its index.
            encoded (dict): Views encoded by the ipsilateral branch.
            halves (dict): Views encoded by the bilateral branch.
            branches (Branches, optional): Defaults to ``None``, those of this system.

        Returns:
            tuple: (1, C, h, w) and twice (1, 1, h, w) or ``None``.
        """
        branches = branches or Branches(self.ipsilateral, self.bilateral)
        image = batch.own_image(i, 'main', sample.main)
        ipsi = bi = None
        if 'ipsilateral' in sample:
            found = self._detect(sample, encoded, branches.ipsilateral)
            ipsi = boxes_to_probability_map(
                found.bboxes, found.scores, image.shape[-2:]
            )[None, None]
        if 'bilateral' in sample:
            bi = branches.bilateral.map_of(batch, i, sample, halves)
        return image, ipsi, bi

    @staticmethod
    def _detect(
        sample: MultiViewDataSample, encoded: dict, branch: BaseDetector
    ) -> InstanceData:
        """Return an ipsilateral branch's detections in pixels of the input."""
        partner = None
        if 'ipsilateral' in sample:
            partner = encoded[view_key(sample.ipsilateral)]
        return branch.detect(encoded[view_key(sample.main)], partner, rescale=False)

    def predict(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample],
        rescale: bool = True,
    ) -> list[DetDataSample]:
        """Detect masses in the main views and classify them.

        Args:
            inputs (dict[str, Tensor]): By view, (n, C, H, W).
            data_samples (list[MultiViewDataSample]): Their data samples.
            rescale (bool): Whether boxes are in pixels of the image before
                resizing. Defaults to True.

        Returns:
            list[DetDataSample]: The main views' samples. ``pred_instances`` contains
            ``bboxes`` (n, 4), ``scores``, ``labels`` and, with a malignancy classifier,
            ``malignancy`` (n, ), a probability, and ``birads_score`` (n, ), see
            :func:`~mammo_plugins.structures.score_to_birads`. Metainfo ``model_views``
            names the views that were used, and ``registration_reason`` states why the
            other breast was not warped.
        """
        if self.stage in PARTNERS:
            return getattr(self, self.stage).predict(inputs, data_samples, rescale)
        batch = ViewBatch.gather(inputs, data_samples, ROLES)
        encoded = self.ipsilateral.encode_views(inputs, data_samples)
        results, halves = [], {}
        for i, sample in enumerate(data_samples):
            found, image = self._predict_one(batch, sample, i, encoded, halves)
            if self.malignancy is not None and self.stage != 'fusion':
                patches = crop_patches(image, found.bboxes, self.patch_size)
                found.malignancy, found.birads_score = self.malignancy.predict_patches(
                    patches
                )
            if rescale:
                found.bboxes = found.bboxes / found.bboxes.new_tensor(
                    sample.main.scale_factor
                ).repeat(2)
            sample.main.pred_instances = found
            sample.main.set_metainfo(dict(model_views=sample.view_names))
            if 'bilateral' in sample and 'registration_reason' in sample.bilateral:
                sample.main.set_metainfo(
                    dict(registration_reason=sample.bilateral.registration_reason)
                )
            results.append(sample.main)
        return results

    def _predict_one(
        self,
        batch: ViewBatch,
        sample: MultiViewDataSample,
        i: int,
        encoded: dict,
        halves: dict,
    ) -> tuple[InstanceData, Tensor]:
        """Return one main view's detections, in pixels of its image, and the image."""
        if 'bilateral' not in sample:
            return (
                self._detect(sample, encoded, self.ipsilateral),
                batch.own_image(i, 'main', sample.main),
            )
        image, ipsi, bi = self._maps(batch, sample, i, encoded, halves)
        if ipsi is not None:
            features = encoded[view_key(sample.main)].backbone
            bi = self.fusion.predict_map(image, ipsi, bi, features)
        return instances_from_map(
            bi, sample.main, rescale=False, **self.map_to_boxes
        ), image

    def extract_feat(self, batch_inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the ipsilateral branch's features of the main views."""
        return self.ipsilateral.extract_feat(batch_inputs['main'])

    def _forward(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> list[InstanceData]:
        """Return the detections in pixels of the network's input."""
        return [
            sample.pred_instances
            for sample in self.predict(inputs, data_samples, rescale=False)
        ]


def _pad(image: Tensor, height: int, width: int) -> Tensor:
    """Pad (1, C, h, w) with zeros at the bottom and on the right."""
    return F.pad(image, (0, width - image.size(-1), 0, height - image.size(-2)))
