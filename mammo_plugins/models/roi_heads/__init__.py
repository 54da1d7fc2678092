"""RoI heads and their branches."""

from .batched_roi_head import BatchedRoIHead
from .keypoint_head import KeypointRCNNHead
from .keypoint_roi_head import KeypointRoIHead
from .relation_bbox_head import Relation, RelationBBoxHead
from .relation_roi_head import AuxiliaryViews, RelationRoIHead
from .synced_bbox_head import SyncedBBoxHead

__all__ = [
    'AuxiliaryViews',
    'BatchedRoIHead',
    'KeypointRCNNHead',
    'KeypointRoIHead',
    'Relation',
    'RelationBBoxHead',
    'RelationRoIHead',
    'SyncedBBoxHead',
]
