"""Regions to be ignored are no background, with or without lesions beside them."""

import pytest
import torch
from mmdet.models.task_modules import MaxIoUAssigner
from mmengine.structures import InstanceData

from mammo_plugins.models import IgnoringMaxIoUAssigner

SETTINGS = dict(pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3, ignore_iof_thr=0.5)


def boxes(rows):
    return torch.tensor(rows, dtype=torch.float).reshape(-1, 4)


def instances(rows):
    return InstanceData(bboxes=boxes(rows), labels=torch.zeros(len(rows)).long())


def share_inside(box, region):
    """Share of a box's area in a region, pixel by pixel."""

    def pixels(b):
        return {(x, y) for x in range(b[0], b[2]) for y in range(b[1], b[3])}

    return len(pixels(box) & pixels(region)) / len(pixels(box))


@pytest.mark.parametrize('seed', range(4))
def test_boxes_in_regions_are_left_out(seed):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 20, (40, 2), generator=generator)
    size = torch.randint(1, 12, (40, 2), generator=generator)
    priors = torch.cat([corner, corner + size], dim=1).tolist()
    regions = [[4, 4, 14, 14], [18, 2, 30, 20]]
    found = IgnoringMaxIoUAssigner(**SETTINGS).assign(
        InstanceData(priors=boxes(priors)), instances([]), instances(regions)
    )
    expected = [
        -1 if max(share_inside(p, r) for r in regions) > 0.5 else 0 for p in priors
    ]
    assert found.gt_inds.tolist() == expected and {-1, 0} <= set(expected)


@pytest.mark.parametrize(
    'lesions, regions',
    [([[0, 0, 9, 9]], [[20, 20, 30, 30]]), ([[0, 0, 9, 9]], []), ([], [])],
)
def test_the_rest_is_mmdets(lesions, regions):
    priors = InstanceData(
        priors=boxes([[0, 0, 9, 8], [21, 21, 28, 28], [40, 0, 50, 9]])
    )
    ours, theirs = (
        kind(**SETTINGS).assign(priors, instances(lesions), instances(regions))
        for kind in (IgnoringMaxIoUAssigner, MaxIoUAssigner)
    )
    assert torch.equal(ours.gt_inds, theirs.gt_inds)


def test_mmdets_own_takes_them_for_background():
    found = MaxIoUAssigner(**SETTINGS).assign(
        InstanceData(priors=boxes([[21, 21, 28, 28]])),
        instances([]),
        instances([[20, 20, 30, 30]]),
    )
    assert found.gt_inds.tolist() == [0]
