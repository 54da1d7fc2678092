"""Epochs of as many samples of each class, counted."""

from collections import Counter

import pytest
from mmengine.registry import DefaultScope
from test_exam_dataset import build

from mammo_plugins.registry import DATA_SAMPLERS


class Labelled:
    """Samples of which the labels are known."""

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def get_cat_ids(self, i):
        return [self.labels[i]]


def sampler(dataset, **settings):
    with DefaultScope.overwrite_default_scope('mammo'):
        return DATA_SAMPLERS.build(
            dict(type='ClassBalancedSampler', seed=1, **settings),
            default_args=dict(dataset=dataset),
        )


@pytest.mark.parametrize(
    'labels',
    [
        [0] * 187 + [1] * 39,
        [1] + [0] * 6,
        [0] * 5 + [1] * 5,
        [0] * 7 + [1] * 2 + [2] * 4,
    ],
)
def test_classes_are_equally_frequent(labels):
    drawn = list(sampler(Labelled(labels)))
    assert len(drawn) == len(sampler(Labelled(labels))) == len(labels)
    counts = Counter(labels[i] for i in drawn)
    assert set(counts) == set(labels)
    assert max(counts.values()) - min(counts.values()) <= 1
    for label in set(labels):  # no sample comes twice before all of its class have come
        times = Counter({i: 0 for i, other in enumerate(labels) if other == label})
        times.update(i for i in drawn if labels[i] == label)
        assert max(times.values()) - min(times.values()) <= 1


def test_epochs_differ_and_seeds_repeat():
    labels = [0] * 187 + [1] * 39
    one, other = sampler(Labelled(labels)), sampler(Labelled(labels))
    first = list(one)
    assert first == list(other)
    one.set_epoch(1)
    second = list(one)
    assert second != first
    # in ten epochs nearly all benign breasts are seen
    seen = set()
    for epoch in range(10):
        one.set_epoch(epoch)
        seen |= set(one)
    assert len(seen) > 220


@pytest.mark.parametrize('size', [2, 3])
def test_processes_share_an_epoch(size):
    labels = [0] * 10 + [1] * 3
    whole, parts = list(sampler(Labelled(labels))), []
    for rank in range(size):
        one = sampler(Labelled(labels))
        one.rank, one.world_size = rank, size
        one.num_samples = -(-len(labels) // size)
        one.total_size = one.num_samples * size
        parts.append(list(one))
        assert len(parts[-1]) == len(one)
    assert [i for each in zip(*parts) for i in each][: len(whole)] == whole


def test_labels_of_breasts_not_of_lesions(phantom_root):
    """What mmdet's samplers are told too."""
    rule = dict(field='abnormal', negative=(False,), positive=(True,))
    dataset = build(phantom_root, target='breast', labels=rule)
    labels = [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]
    assert set(labels) == {0, 1}
    assert all(dataset.get_cat_ids(i) == [label] for i, label in enumerate(labels))
    drawn = Counter(labels[i] for i in sampler(dataset))
    assert abs(drawn[0] - drawn[1]) <= 1
    with pytest.raises(ValueError, match='labels; expected one each'):
        sampler(build(phantom_root, target='breast'))
