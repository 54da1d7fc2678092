"""The ipsilateral branch of MommiNet-v2."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from mmdet.models import FasterRCNN
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from mammo_plugins.models.multi_view import ViewBatch, ViewMask, view_key
from mammo_plugins.models.roi_heads import AuxiliaryViews
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


@dataclass
class EncodedView:
    """Features and proposals of one image, the input of the RoI head.

    Attributes:
        backbone (tuple[Tensor]): Backbone features, by level (1, C, h, w).
        neck (tuple[Tensor]): Neck features.
        proposals (InstanceData): Proposals of the RPN, best first, in pixels of the
            input.
        sample (DetDataSample): The image's data sample.
    """

    backbone: tuple[Tensor, ...]
    neck: tuple[Tensor, ...]
    proposals: InstanceData
    sample: DetDataSample


@MODELS.register_module()
class IpsiDualNet(FasterRCNN):
    """Siamese Faster R-CNN for two views (MommiNet-v2, section 3.5).

    Main and auxiliary view pass through one backbone, neck and RPN. The RoI head, a
    :class:`RelationRoIHead`, detects in the main view. In training, the RPN learns from
    both views and the RoI head from the main view; the paper does not state this. A
    sample without the auxiliary view is processed as by Faster R-CNN.

    Args:
        auxiliary (str): Name of the auxiliary view. Defaults to 'ipsilateral';
            'bilateral' is used in tables 2 and 3.
        *args: As in :class:`mmdet.models.FasterRCNN`.
        **kwargs: As in :class:`mmdet.models.FasterRCNN`.
    """

    def __init__(self, *args, auxiliary: str = 'ipsilateral', **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.auxiliary = auxiliary

    def loss(
        self, inputs: dict[str, Tensor], data_samples: Sequence[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            inputs (dict[str, Tensor]): By view (n, C, H, W), for the samples that have
                it.
            data_samples (Sequence[MultiViewDataSample]): The batch, with
                ``gt_instances`` in both views.

        Returns:
            dict[str, Tensor]: By name, as in Faster R-CNN.
        """
        batch = self._views(inputs, data_samples)
        samples = batch.mask.samples(data_samples)
        x = self.extract_feat(batch.rows)
        losses, proposals = self._rpn_loss(x, samples)
        losses.update(
            self.roi_head.loss(*self._paired(batch.mask, x, proposals, samples))
        )
        return losses

    def predict(
        self,
        inputs: dict[str, Tensor],
        data_samples: Sequence[MultiViewDataSample],
        rescale: bool = True,
    ) -> SampleList:
        """Detect in the main views.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`loss`.
            data_samples (Sequence[MultiViewDataSample]): The batch.
            rescale (bool): Whether boxes are divided by ``scale_factor``. Defaults
                to True.

        Returns:
            list[DetDataSample]: The main views', with ``pred_instances``.
        """
        views = self.encode_views(inputs, data_samples)
        detections = []
        for sample in data_samples:
            partner = sample.get(self.auxiliary)
            detections.append(
                self.detect(
                    views[view_key(sample.main)],
                    None if partner is None else views[view_key(partner)],
                    rescale,
                )
            )
        return self.add_pred_to_datasample(
            [sample.main for sample in data_samples], detections
        )

    def encode(self, image: Tensor, sample: DetDataSample) -> EncodedView:
        """Run everything except the RoI head on one image.

        Args:
            image (Tensor): (1, C, h, w), normalized; h and w multiples of 32.
            sample (DetDataSample): With ``img_shape``, the size without padding.

        Returns:
            EncodedView: The input of :meth:`detect`.
        """
        backbone = self.backbone(image)
        neck = self.neck(backbone) if self.with_neck else backbone
        (proposals,) = self.rpn_head.predict(neck, [sample], rescale=False)
        return EncodedView(tuple(backbone), tuple(neck), proposals, sample)

    def encode_views(
        self, inputs: dict[str, Tensor], data_samples: Sequence[MultiViewDataSample]
    ) -> dict[Hashable, EncodedView]:
        """Encode the images of a batch, each only once and at its own size.

        In a four-view exam, every image is both a main view and an auxiliary view.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`loss`.
            data_samples (Sequence[MultiViewDataSample]): The batch.

        Returns:
            dict: Encoded views by :func:`~mammo_plugins.models.multi_view.view_key`.
        """
        batch = self._views(inputs, data_samples)
        views = {}
        for place, sample in zip(batch.mask.places, batch.mask.samples(data_samples)):
            key = view_key(sample)
            if key not in views:
                views[key] = self.encode(batch.own_image(*place, sample), sample)
        return views

    def detect(
        self,
        main: EncodedView,
        auxiliary: EncodedView | None = None,
        rescale: bool = True,
    ) -> InstanceData:
        """Detect in one main view.

        Args:
            main (EncodedView): The view.
            auxiliary (EncodedView, optional): Its partner.
            rescale (bool): As in :meth:`predict`.

        Returns:
            InstanceData: ``bboxes``, ``scores`` and ``labels``.
        """
        partner = auxiliary and AuxiliaryViews(
            auxiliary.neck, [auxiliary.proposals], [auxiliary.sample], [0]
        )
        return self.roi_head.predict(
            main.neck,
            [main.proposals],
            [main.sample],
            rescale=rescale,
            auxiliary=partner,
        )[0]

    def _forward(
        self, inputs: dict[str, Tensor], data_samples: Sequence[MultiViewDataSample]
    ) -> tuple:
        """Return the raw outputs of the RoI head for the main views."""
        batch = self._views(inputs, data_samples)
        samples = batch.mask.samples(data_samples)
        x = self.extract_feat(batch.rows)
        proposals = self.rpn_head.predict(x, samples, rescale=False)
        return self.roi_head.forward(*self._paired(batch.mask, x, proposals, samples))

    def _views(
        self, inputs: dict[str, Tensor], data_samples: Sequence[MultiViewDataSample]
    ) -> ViewBatch:
        """Line up all main views, then all auxiliary ones."""
        return ViewBatch.gather(inputs, data_samples, ('main', self.auxiliary))

    def _paired(
        self,
        mask: ViewMask,
        x: Sequence[Tensor],
        proposals: InstanceList,
        samples: SampleList,
    ) -> tuple:
        """Return the RoI head's arguments for the rows of a mask."""
        main = mask.rows_of('main')
        other = slice(main.stop, None)
        return (
            tuple(level[main] for level in x),
            proposals[main],
            samples[main],
            AuxiliaryViews(
                tuple(level[other] for level in x),
                proposals[other],
                samples[other],
                mask.rows_with(self.auxiliary),
            ),
        )

    def _rpn_loss(
        self, x: Sequence[Tensor], samples: SampleList
    ) -> tuple[dict[str, Tensor], InstanceList]:
        """Return the RPN's losses and proposals, as in ``TwoStageDetector``."""
        losses, proposals = self.rpn_head.loss_and_predict(
            x,
            [self._without_classes(sample) for sample in samples],
            proposal_cfg=self.train_cfg.get('rpn_proposal', self.test_cfg.rpn),
        )
        return {
            name if 'rpn' in name else f'rpn_{name}': value
            for name, value in losses.items()
        }, proposals

    @staticmethod
    def _without_classes(sample: DetDataSample) -> DetDataSample:
        """Copy a sample without its maps, with all objects in one class."""
        gt = sample.gt_instances
        plain = DetDataSample(
            metainfo=sample.metainfo,
            gt_instances=InstanceData(
                bboxes=gt.bboxes, labels=torch.zeros_like(gt.labels)
            ),
        )
        if 'ignored_instances' in sample:
            plain.ignored_instances = sample.ignored_instances
        return plain
