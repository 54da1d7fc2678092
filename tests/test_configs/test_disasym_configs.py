"""Every config of DisAsymNet builds, learns and predicts."""

import numpy as np
import pytest
import torch
from config_runs import (
    a_bank,
    built,
    configs_of,
    kinds,
    learn,
    on_phantom,
    predicted,
    read,
    row,
    rows_of,
    types_in,
)
from mmdet.structures import DetDataSample
from mmengine.registry import DefaultScope

from mammo_plugins.engine.classes import check_classes
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

CONFIGS = [f'disasym/{name}.py' for name in configs_of('disasym')]
# of these the others differ in the data set alone
RUN = [path for path in CONFIGS if path.endswith('_ddsm.py')]
ROWS = [name for name in rows_of('disasym') if not name[-1].isdigit()]
SMALL = dict(scale=(64, 96), crop_size=(64, 96))


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mammo'):
        yield


@pytest.mark.parametrize('path', RUN + ROWS)
def test_learns_and_predicts(path, phantom_root):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = read(path) if path in RUN else row('disasym', path)
    model = MODELS.build(cfg.model)
    check_classes(cfg, model, ['train', 'val', 'test'])
    model.init_weights()
    # full size is tested once, below
    train = built(
        on_phantom(cfg.train_dataloader.dataset, phantom_root, bank=a_bank(), **SMALL)
    )
    learn(model.train(), [train[i] for i in range(3)])
    tested = built(on_phantom(cfg.test_dataloader.dataset, phantom_root, **SMALL))
    found = predicted(model, tested[0])
    assert ('pred_score' in found) == ('resnet18' not in path)
    assert found.R.heat_map.shape == found.R.img_shape[:2]
    assert found.L.pred_score.sum().item() == pytest.approx(1)


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if path not in RUN and 'phantom' not in path]
)
def test_data_sets_share_the_model(path):
    row, _, data = path.partition('_')
    one, other = read(path), read(f'{row}_ddsm.py')
    assert one.model == other.model
    roots = [cfg.train_dataloader.dataset.data_root for cfg in (one, other)]
    assert data.split('.')[0].split('_')[0] in roots[0] and roots[0] != roots[1]
    assert types_in(one.train_dataloader.dataset.pipeline) == types_in(
        other.train_dataloader.dataset.pipeline
    )


def test_small_and_large_differ_only_in_size():
    small, large = (
        read(f'disasym/disasymnet_{data}.py') for data in ('phantom', 'ddsm')
    )
    assert kinds(small.model) == kinds(large.model)
    ours, theirs = (cfg.train_dataloader.dataset.pipeline for cfg in (small, large))
    assert kinds(ours) == kinds(theirs)
    # the phantom's truth is for its metrics
    ours, theirs = (
        types_in(cfg.test_dataloader.dataset.pipeline) for cfg in (small, large)
    )
    assert ours - {'LoadPhantomNormal', 'WithCleanImage'} == theirs


def test_at_full_size():
    """A pair at the paper's 1024 x 512, through the paper-scale DisAsymNet."""
    cfg = read('disasym/disasymnet_ddsm.py')
    model = MODELS.build(cfg.model).eval()
    sample = MultiViewDataSample()
    for side in 'RL':
        sample.set_data({side: DetDataSample(metainfo=dict(img_shape=(1024, 512)))})
    images = {side: [torch.rand(1, 1024, 512)] for side in 'RL'}
    with torch.no_grad():
        (found,) = model.test_step(dict(inputs=images, data_samples=[sample]))
    assert found.R.normal_img.shape == found.L.heat_map.shape == (1024, 512)
    assert len(model.asyc.neck.layers) == 12
    assert cfg.train_dataloader.batch_size == 8
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-4)
    assert cfg.train_cfg.max_epochs == 20
    assert cfg.param_scheduler[0].milestones == [10]
