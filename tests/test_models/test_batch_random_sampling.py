"""Samples of a whole batch: how many, of whom, and that chance treats all alike."""

import pytest
import torch
from mmdet.models.task_modules import AssignResult, RandomSampler
from mmengine.structures import InstanceData

from mammo_plugins.models.task_modules import sample_batch


def made(rows):
    """Assignments of images from (positives, negatives, ignored), in mixed order."""
    generator = torch.Generator().manual_seed(0)
    most = max(map(sum, rows))
    images = []
    for positives, negatives, _ in rows:
        kinds = torch.full((most,), -1)
        kinds[:positives] = torch.arange(positives) % 3 + 1
        kinds[positives : positives + negatives] = 0
        images.append(kinds[torch.randperm(most, generator=generator)])
    return torch.stack(images)


ROWS = [
    (5, 90, 3),
    (0, 40, 0),
    (40, 0, 2),
    (40, 100, 0),
    (1, 1, 0),
    (0, 0, 7),
    (30, 20, 50),
]


@pytest.mark.parametrize(
    'settings',
    [
        dict(num=32, pos_fraction=0.25),
        dict(num=64, pos_fraction=1.0),
        dict(num=500, pos_fraction=0.5),
        dict(num=32, pos_fraction=0.25, neg_pos_ub=3),
        dict(num=32, pos_fraction=0.25, neg_pos_ub=1.5),
        dict(num=16, pos_fraction=0.0),
    ],
    ids=str,
)
def test_numbers_are_mmdets(settings):
    sampler = RandomSampler(add_gt_as_proposals=False, **settings)
    kinds = made(ROWS)
    columns, chosen = sample_batch(sampler, kinds)
    for of_image, rows, mask in zip(kinds, columns, chosen):
        rows = rows[mask]
        assert len(rows.unique()) == len(rows)  # none twice
        found = of_image[rows]
        assert found.tolist() == sorted(found.tolist(), key=lambda kind: kind == 0)
        boxes = torch.rand(len(of_image), 4)
        theirs = sampler.sample(
            AssignResult(3, of_image, boxes[:, 0], (of_image > 0).long()),
            InstanceData(priors=boxes),
            InstanceData(bboxes=boxes[:3], labels=torch.zeros(3).long()),
        )
        assert (found > 0).sum() == len(theirs.pos_inds)
        assert (found == 0).sum() == len(theirs.neg_inds)
        assert not (found < 0).any()


def test_each_is_chosen_as_often():
    """4 of 10 positives and 12 of 40 negatives, 2,000 times."""
    torch.manual_seed(0)
    kinds = torch.tensor([1] * 10 + [0] * 40 + [-1] * 5).repeat(2000, 1)
    columns, chosen = sample_batch(RandomSampler(num=16, pos_fraction=0.25), kinds)
    times = torch.zeros(2000, 55).scatter_add(1, columns, chosen.float())
    assert times.max() == 1
    for part, share in ((times[:, :10], 0.4), (times[:, 10:50], 0.3)):
        often = part.mean(dim=0)
        deviation = (share * (1 - share) / 2000) ** 0.5
        assert (often - share).abs().max() < 4 * deviation
        # and pairs as often as if drawn without putting back
        together = (part[:, 0] * part[:, 1]).mean()
        wanted = share * (share * part.size(1) - 1) / (part.size(1) - 1)
        assert abs(together - wanted) < 4 * (wanted / 2000) ** 0.5


def test_images_draw_apart():
    torch.manual_seed(0)
    columns, _ = sample_batch(
        RandomSampler(num=8, pos_fraction=0.5), torch.zeros(2, 100, dtype=torch.long)
    )
    assert not torch.equal(*columns[:, -8:].sort(dim=1).values)
