"""RoI head that relates RoIs to those of the auxiliary view."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import ConfigType, InstanceList
from torch import Tensor

from mammo_plugins.models.layers import (
    length_factors,
    nipple_geometry,
    shape_location_geometry,
)
from mammo_plugins.models.utils import to_device
from mammo_plugins.registry import MODELS

from .batched_roi_head import BatchedRoIHead
from .relation_bbox_head import Relation

NUM_GEOMETRY = dict(nipple=3, image_centre=3, shape_location=4)


class AuxiliaryViews(NamedTuple):
    """Auxiliary views of those samples of a batch that have one.

    Attributes:
        feats (tuple[Tensor]): Feature levels, each (M, C, h, w).
        proposals (list[InstanceData]): Proposals of the M views, best first.
        samples (list[DetDataSample]): Samples of the M views.
        rows (Sequence[int]): Indices of the main views that they belong to, in
            ascending order.
    """

    feats: tuple[Tensor, ...]
    proposals: InstanceList
    samples: SampleList
    rows: Sequence[int]


class _PairedFeatures(tuple):
    """Feature levels of the main views, with the auxiliary views attached.

    mmdet's RoI heads pass features through to the RoI extraction; this passes the
    auxiliary views along with them.
    """

    def __new__(
        cls,
        levels: Sequence[Tensor],
        samples: SampleList,
        auxiliary: AuxiliaryViews | None,
    ) -> '_PairedFeatures':
        paired = super().__new__(cls, levels)
        paired.samples = samples
        paired.auxiliary = auxiliary
        return paired


def _consecutive_slices(lengths: Iterable[int]) -> list[slice]:
    ends = list(accumulate(lengths, initial=0))
    return [slice(*pair) for pair in zip(ends, ends[1:])]


@MODELS.register_module()
class RelationRoIHead(BatchedRoIHead):
    """RoI head of IpsiDualNet (MommiNet-v2, section 3.5).

    Relation blocks relate the RoIs of the main view to the best proposals of the
    auxiliary view, whose RoI features come from the same layers. A sample without an
    auxiliary view, without proposals in it or, with ``geometry='nipple'``, without a
    nipple in either view is processed as by :class:`BatchedRoIHead`.

    With ``num_relation_blocks=(0, 0)`` in the ``bbox_head``, both views' RoI features
    are concatenated after RoIAlign: 'IpsiDualNet w/o Relation Blocks' of tables 2 and
    3. The paper does not state which RoIs are used in the auxiliary view. Here they are
    the main view's RoIs, scaled to the size of the auxiliary view. Features of a
    missing view are zero.

    Args:
        geometry (str): How to compare the position and size of RoIs (table 4):
            'nipple', the distance from the nipple; 'shape_location', as in Ma et al.,
            2019; or 'image_centre', the distance from the centre of the image. Defaults
            to 'nipple'.
        num_auxiliary (int): Number of auxiliary proposals, best first. The paper does
            not state it. Defaults to 300.
        *args: As in :class:`BatchedRoIHead`.
        **kwargs: As in :class:`BatchedRoIHead`, with a :class:`RelationBBoxHead` as
            ``bbox_head``.
    """

    def __init__(
        self, *args, geometry: str = 'nipple', num_auxiliary: int = 300, **kwargs
    ) -> None:
        if geometry not in NUM_GEOMETRY:
            raise ValueError(
                f"RelationRoIHead: geometry is '{geometry}', "
                f'expected one of {", ".join(NUM_GEOMETRY)}'
            )
        self.geometry = geometry
        self.num_auxiliary = num_auxiliary
        super().__init__(*args, **kwargs)

    def init_bbox_head(
        self, bbox_roi_extractor: ConfigType, bbox_head: ConfigType
    ) -> None:
        """Build the RoI extractor and the box head.

        Args:
            bbox_roi_extractor (dict): Its config.
            bbox_head (dict): Config of a :class:`RelationBBoxHead`; ``num_geometry`` is
                set here.
        """
        super().init_bbox_head(
            bbox_roi_extractor,
            dict(bbox_head, num_geometry=NUM_GEOMETRY[self.geometry]),
        )

    def forward(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        auxiliary: AuxiliaryViews | None = None,
    ) -> tuple:
        """Compute the raw outputs; arguments as in :meth:`loss`."""
        x = _PairedFeatures(x, batch_data_samples, auxiliary)
        return super().forward(x, rpn_results_list, batch_data_samples)

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        auxiliary: AuxiliaryViews | None = None,
    ) -> dict:
        """Compute the losses of the main views.

        Args:
            x (tuple[Tensor]): Feature levels of the main views.
            rpn_results_list (list[InstanceData]): Their proposals.
            batch_data_samples (list[DetDataSample]): Their data samples.
            auxiliary (AuxiliaryViews, optional): The auxiliary views that exist.

        Returns:
            dict[str, Tensor]: As in the parent.
        """
        x = _PairedFeatures(x, batch_data_samples, auxiliary)
        return super().loss(x, rpn_results_list, batch_data_samples)

    def predict(
        self,
        x: tuple[Tensor],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        rescale: bool = False,
        auxiliary: AuxiliaryViews | None = None,
    ) -> InstanceList:
        """Detect in the main views; other arguments as in :meth:`loss`.

        Args:
            rescale (bool): Whether boxes are divided by ``scale_factor``.

        Returns:
            list[InstanceData]: As in the parent.
        """
        x = _PairedFeatures(x, batch_data_samples, auxiliary)
        return super().predict(x, rpn_results_list, batch_data_samples, rescale)

    def _bbox_forward(self, x: _PairedFeatures, rois: Tensor) -> dict:
        """Run the box head; as in the parent."""
        feats = self._roi_feats(x, rois)
        if len(self.bbox_head.relation_blocks):
            cls_score, bbox_pred = self.bbox_head(feats, *self._related(x, rois))
        else:
            feats = torch.cat([feats, self._aligned(x, rois, feats)], 1)
            cls_score, bbox_pred = self.bbox_head(feats)
        return dict(cls_score=cls_score, bbox_pred=bbox_pred, bbox_feats=feats)

    def _related(
        self, x: _PairedFeatures, rois: Tensor
    ) -> tuple[Tensor | None, list[Relation]]:
        """Extract the auxiliary RoIs and compare their geometry with the main ones.

        Args:
            x (_PairedFeatures): Features.
            rois (Tensor): RoIs of the main views, (K, 5), image by image.

        Returns:
            tuple: RoI features (L, C, H, W) of the auxiliary views, ``None`` if
            there is nothing to relate, and the relations.
        """
        if x.auxiliary is None:
            return None, []
        chosen = [
            proposals.bboxes[
                : self.num_auxiliary if self._comparable(x.samples[row], sample) else 0
            ]
            for proposals, sample, row in zip(
                x.auxiliary.proposals, x.auxiliary.samples, x.auxiliary.rows
            )
        ]
        if not any(map(len, chosen)):
            return None, []
        images = torch.arange(len(x.samples), device=rois.device)
        counts = (rois[:, :1] == images).sum(dim=0)
        main_rows = _consecutive_slices(counts.tolist())
        aux_rows = _consecutive_slices(map(len, chosen))
        relations = [
            Relation(
                main_rows[row],
                aux_rows[m],
                self._compare(
                    rois[main_rows[row], 1:],
                    x.samples[row],
                    chosen[m],
                    x.auxiliary.samples[m],
                ),
            )
            for m, row in enumerate(x.auxiliary.rows)
            if len(chosen[m])
        ]
        return self._roi_feats(x.auxiliary.feats, bbox2roi(chosen)), relations

    def _comparable(self, *samples: DetDataSample) -> bool:
        return self.geometry != 'nipple' or all(
            sample.get('nipple') is not None for sample in samples
        )

    @torch.no_grad()
    def _compare(
        self,
        main_boxes: Tensor,
        main: DetDataSample,
        aux_boxes: Tensor,
        auxiliary: DetDataSample,
    ) -> Tensor:
        """Return the geometry of RoIs in pixels of the inputs, (I, J, G) float32."""
        boxes, points = [], []
        factors = length_factors(main.metainfo, auxiliary.metainfo)
        for view_boxes, sample, (fx, fy) in zip(
            (main_boxes, aux_boxes), (main, auxiliary), factors
        ):
            view_boxes = view_boxes.float()  # half precision rounds pixels above 2048
            boxes.append(
                view_boxes * to_device([fx, fy, fx, fy], view_boxes, view_boxes.dtype)
            )
            height, width = sample.img_shape[:2]
            px, py = (
                sample.nipple if self.geometry == 'nipple' else (width / 2, height / 2)
            )
            points.append((px * fx, py * fy))
        if self.geometry == 'shape_location':
            return shape_location_geometry(*boxes)
        return nipple_geometry(boxes[0], points[0], boxes[1], points[1])

    def _aligned(self, x: _PairedFeatures, rois: Tensor, feats: Tensor) -> Tensor:
        """Extract auxiliary features at the main RoIs, zero without an auxiliary view.

        Args:
            x (_PairedFeatures): Features.
            rois (Tensor): RoIs of the main views, (K, 5).
            feats (Tensor): Their RoI features, (K, C, H, W).

        Returns:
            Tensor: Of the same shape as ``feats``.
        """
        aligned = torch.zeros_like(feats)
        if x.auxiliary is None or not len(x.auxiliary.rows):
            return aligned
        scales = [[0.0] * 5] * len(x.samples)
        for m, (row, sample) in enumerate(zip(x.auxiliary.rows, x.auxiliary.samples)):
            height, width = (
                theirs / ours
                for theirs, ours in zip(
                    sample.img_shape[:2], x.samples[row].img_shape[:2]
                )
            )
            scales[row] = [m + 1.0, width, height, width, height]
        # for each main view the number of the auxiliary view, from 1, and its scale
        scales = to_device(scales, rois, rois.dtype)[rois[:, 0].long()]
        found = scales[:, 0].nonzero()[:, 0]
        scaled = torch.cat([scales[:, :1] - 1, rois[:, 1:] * scales[:, 1:]], dim=1)
        aligned[found] = self._roi_feats(x.auxiliary.feats, scaled[found])
        return aligned
