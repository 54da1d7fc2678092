"""Which samples are drawn, and that nothing is done where none are."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.visualization import Visualizer
from torch.utils.data import DataLoader, Dataset

from mammo_plugins.engine.hooks import MammogramVisualizationHook
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.visualization import MammogramVisualizer

SICK = (3, 40, 41, 90)


class Exams(Dataset):
    """A hundred views, some with a lesion; one view of its own has an ignored one."""

    def __init__(self, labels=False, several=False):
        self.labels, self.several = labels, several

    def __len__(self):
        return 100

    def get_data_info(self, index):
        instances = [dict(ignore_flag=0)] if index in SICK else []
        if index == 5:
            instances = [dict(ignore_flag=1)]
        info = dict(views=dict(main=dict(instances=instances)))
        if self.labels:
            info['gt_label'] = int(index in SICK)
        return info

    def __getitem__(self, index):
        sample = DetDataSample(metainfo=dict(img_id=1000 + index))
        image = torch.full((1, 4, 4), index / 100)
        if not self.several:
            return dict(inputs=image, data_samples=sample)
        both = MultiViewDataSample()
        both.CC = sample
        return dict(inputs=dict(CC=image, MLO=None), data_samples=both)


def drawn(hook, loader, epoch):
    """Names and images of what is drawn in an epoch."""
    visualizer = MagicMock(spec=MammogramVisualizer)
    runner = SimpleNamespace(
        visualizer=visualizer,
        val_dataloader=loader,
        _train_loop=object(),
        epoch=epoch,
    )
    hook.before_val_epoch(runner)
    for number, batch in enumerate(loader):
        hook.after_val_iter(runner, number, batch, batch['data_samples'])
    calls = visualizer.add_datasample.call_args_list
    assert all(call.kwargs['step'] == epoch for call in calls)
    return {call.args[0]: call.args[1] for call in calls}


def loader(dataset, shuffle=False, batch_size=8):
    sampler = DefaultSampler(dataset, shuffle=shuffle, seed=1)
    return DataLoader(dataset, batch_size, sampler=sampler, collate_fn=pseudo_collate)


@pytest.mark.parametrize('labels', [False, True])
def test_half_of_the_samples_have_lesions(labels):
    found = drawn(MammogramVisualizationHook(4), loader(Exams(labels)), 1)
    indices = sorted(int(name.removeprefix('val_sample_1')) for name in found)
    assert len(indices) == 4 and len({*indices} & {*SICK}) == 2
    for name, image in found.items():
        assert float(image[0, 0, 0]) == pytest.approx(int(name[-2:]) / 100)


def test_they_are_the_same_in_each_epoch_in_whatever_order():
    data, hook = loader(Exams(), shuffle=True), MammogramVisualizationHook(6)
    first = drawn(hook, data, 1)
    data.sampler.set_epoch(7)
    assert len(first) == 6 and {*drawn(hook, data, 2)} == {*first}
    in_order = drawn(MammogramVisualizationHook(6), loader(Exams(), batch_size=3), 3)
    assert {*in_order} == {*first}


def test_few_samples_are_all_drawn_and_none_twice():
    few = torch.utils.data.Subset(Exams(), range(3))  # does not tell of lesions
    assert len(drawn(MammogramVisualizationHook(8), loader(few), 1)) == 3
    assert not drawn(MammogramVisualizationHook(0), loader(Exams()), 1)
    hook = MammogramVisualizationHook(60)
    assert len(drawn(hook, loader(Exams()), 1)) == 60


def test_samples_of_several_views_arrive_by_view():
    found = drawn(MammogramVisualizationHook(2), loader(Exams(several=True)), 1)
    for images in found.values():
        assert images['MLO'] is None and images['CC'].shape == (1, 4, 4)


def test_nothing_is_done_without_the_visualizer():
    """Neither is the data set looked at."""
    runner = SimpleNamespace(visualizer=MagicMock(spec=Visualizer))  # has no loader
    hook = MammogramVisualizationHook()
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0, dict(inputs=[np.zeros(1)]), [None])
    assert not runner.visualizer.method_calls


def test_a_validation_alone_builds_no_training():
    runner = SimpleNamespace(
        visualizer=MagicMock(spec=MammogramVisualizer),
        val_dataloader=loader(Exams()),
        _train_loop=dict(type='EpochBasedTrainLoop'),
    )  # has no epoch
    hook = MammogramVisualizationHook(100)
    hook.before_val_epoch(runner)
    batch = next(iter(runner.val_dataloader))
    hook.after_val_iter(runner, 0, batch, batch['data_samples'])
    (call, *_) = runner.visualizer.add_datasample.call_args_list
    assert call.kwargs['step'] == 0
