"""A model, data and a metric small enough to train in stages in a second.

Registered in MMEngine's own registries, so that ours hold nothing of tests.
"""

import json

import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from mmengine.structures import InstanceData
from torch import nn
from torch.utils.data import Dataset

FRAME = dict(source_width=100, source_height=50, crop=(10, 5, 90, 45), flipped=True)


@MODELS.register_module()
class StagedToy(BaseModel):
    """Three parts; a stage's loss needs the parts up to its own only."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.low = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh())
        self.mid = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh())
        self.head = nn.Linear(4, 1)
        self.told = []

    def start_stage(self, name):
        self.told.append(name)

    def output(self, x):
        stage = self.told[-1] if self.told else None
        x = self.low(x)
        if stage != 'low':
            x = self.mid(x)
        return x.mean(1) if stage == 'low' else self.head(x)[:, 0]

    def forward(self, inputs, targets, img_id, mode='loss'):
        output = self.output(inputs)
        if mode == 'loss':
            return {
                f'loss_{self.told[-1] if self.told else "all"}': (output - targets)
                .square()
                .mean()
            }
        samples = []
        for value, index in zip(output.tolist(), img_id.tolist()):
            boxes = torch.tensor([[2.0, 4, 12, 14], [5, 5, 5, 9]])
            samples.append(
                DetDataSample(
                    metainfo=dict(img_id=index, canonical_frame=FRAME),
                    pred_instances=InstanceData(
                        bboxes=boxes,
                        scores=torch.tensor([value, 0.5]),
                        labels=torch.zeros(2, dtype=torch.long),
                    ),
                )
            )
        return samples


@DATASETS.register_module()
class StagedToyData(Dataset):
    """Points with targets; with detections, shifted by what they hold."""

    metainfo = dict(classes=('mass',))

    def __init__(self, length=12, seed=0, detection_file=None):
        generator = torch.Generator().manual_seed(seed)
        self.points = torch.randn(length, 4, generator=generator)
        self.targets = self.points.prod(1)
        if detection_file:
            with open(detection_file) as file:
                images = json.load(file)['images']
            self.points += sum(im['detections'][0]['score'] for im in images)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, i):
        return dict(inputs=self.points[i], targets=self.targets[i], img_id=i)


@METRICS.register_module()
class StagedToyMetric(BaseMetric):
    """Distance of the mean score from a fixed number, or a series given."""

    default_prefix = 'toy'

    def __init__(self, series=None, prefix=None):
        super().__init__(prefix=prefix)
        self.series = series

    def process(self, data_batch, data_samples):
        self.results += [s['pred_instances']['scores'][0].item() for s in data_samples]

    def compute_metrics(self, results):
        if self.series:
            return dict(error=self.series.pop(0))
        return dict(error=abs(sum(results) / len(results) - 0.3))


class Interrupted(Exception):
    """The process was killed."""


@HOOKS.register_module()
class InterruptAt(Hook):
    """Stop at a point of the training, given as a hook's method and an epoch."""

    priority = 'VERY_HIGH'

    def __init__(self, point, epoch, batch=0):
        self.epoch, self.batch = epoch, batch
        setattr(self, point, self._stop)

    def _stop(self, runner, batch_idx=0, **kwargs):
        if runner.epoch == self.epoch and batch_idx == self.batch:
            raise Interrupted


def loader(length=12, batch_size=4, seed=0, shuffle=True, **dataset):
    """Return a data loader's config."""
    return dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
        collate_fn=dict(type='default_collate'),
        dataset=dict(type='StagedToyData', length=length, seed=seed, **dataset),
    )


def sgd(lr=0.1, **kwargs):
    """Return an optimizer's config."""
    return dict(optimizer=dict(type='SGD', lr=lr, momentum=0.9), **kwargs)


def settings(work_dir, stages, **kwargs):
    """Return a run's config."""
    cfg = dict(
        custom_imports=dict(
            imports=['mammo_plugins', 'staged_toys'], allow_failed_imports=False
        ),
        default_scope='mammo',
        work_dir=str(work_dir),
        log_level='WARNING',
        model=dict(type='StagedToy'),
        train_dataloader=loader(),
        optim_wrapper=sgd(),
        param_scheduler=None,
        train_cfg=dict(type='StagedTrainLoop', stages=stages, order=list(stages)),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1),
            logger=dict(type='LoggerHook', interval=1),
        ),
        randomness=dict(seed=0),
    )
    cfg.update(kwargs)
    return cfg


def validation(series=None):
    """Return the parts of a config that validate."""
    return dict(
        val_dataloader=loader(8, shuffle=False),
        val_cfg=dict(),
        val_evaluator=dict(type='StagedToyMetric', series=series),
    )
