"""Every config of DIVF-Net builds, learns and predicts."""

import copy
from argparse import ArgumentParser
from functools import cache

import numpy as np
import pytest
import torch
from config_runs import (
    CONFIGS,
    built,
    changed,
    configs_of,
    kinds,
    learn,
    on_phantom,
    predicted,
    read,
    row,
    rows_of,
)
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_cli.arguments import add_config_options, read_options
from mammo_plugins.apis.copied_settings import setting_at
from mammo_plugins.datasets.pipeline import steps_of
from mammo_plugins.engine.classes import check_classes
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.structures.saliency import SaliencyMaps

ABLATION = CONFIGS / 'divf/ablation.py'
ALL = configs_of('divf')
PAPER = [name for name in ALL if 'phantom' not in name]
# of these the others differ in the data set alone
RUN = [name for name in PAPER if 'cmmd' not in name and 'rsna' not in name]
ROWS = rows_of('divf')
SMALL = dict(scale=(64, 96))


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mammo'):
        yield


class Everywhere(SaliencyMaps):
    """Saliency of any view."""

    def require(self, views):
        pass

    def of(self, view, shape):
        return np.ones(shape, np.float32)


@cache
def _read(name):
    return row('divf', name) if name in ROWS else read(f'divf/{name}.py')


def config(name):
    """A config, or that of a row."""
    return copy.deepcopy(_read(name))


def of_paper(name):
    """The config at paper scale of a row."""
    known = f'{name}_vindr'
    return config(known if known in PAPER else f'divf-concatenate_r34_vindr_{name}')


@pytest.mark.parametrize('name', RUN + ROWS)
def test_learns_and_predicts(name, phantom_root):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = config(name)
    model = MODELS.build(cfg.model)
    check_classes(cfg, model, ['train', 'val', 'test'])
    model.init_weights()
    # full size is tested once, below
    train = built(
        on_phantom(
            cfg.train_dataloader.dataset,
            phantom_root,
            saliency=Everywhere({}),
            prob=1.0,
            **SMALL,
        )
    )
    samples = [train[i] for i in range(3)]
    if 'synthesis' in name:
        assert all(s['data_samples'].gt_label.item() == 1 for s in samples)
        assert not all(train.get_data_info(i)['gt_label'] for i in range(3))
    learn(model.train(), samples)
    tested = built(on_phantom(cfg.test_dataloader.dataset, phantom_root, **SMALL))
    assert tuple(tested[0]['inputs']['CC'].shape[1:]) == (96, 64)
    found = predicted(model, tested[0])
    assert found.pred_score.sum().item() == pytest.approx(1)
    assert {'patient_id', 'exam_id'} <= set(found.metainfo_keys())


@pytest.mark.parametrize('name', [name for name in PAPER if 'cmmd' in name])
def test_data_sets_share_the_model(name):
    one, other = config(name), config(name.replace('cmmd', 'vindr'))
    assert one.model == other.model
    for part in ('train', 'val', 'test'):
        ours, theirs = (cfg[f'{part}_dataloader'].dataset for cfg in (one, other))
        assert (ours.type, ours.data_root) == ('CMMD', 'data/cmmd/')
        assert (theirs.type, theirs.data_root) == ('VinDrMammo', 'data/vindr_mammo/')
        assert ours.labels != theirs.labels and ours.pipeline == theirs.pipeline


@pytest.mark.parametrize('name', ROWS)
def test_rows_are_the_configs_of_the_paper(name):
    """Small and large differ only in size and in how long they learn."""
    small, large = config(name), of_paper(name)
    assert kinds(small.model) == kinds(large.model)
    for field in ('backbone.depth', 'fusion', 'skip', 'neck', 'head.loss', 'train_cfg'):
        assert setting_at(small.model, field) == setting_at(large.model, field), field
    ours, theirs = (cfg.train_dataloader for cfg in (small, large))
    assert ours.sampler == theirs.sampler and ours.batch_size == theirs.batch_size
    for part in ('train', 'test'):
        ours, theirs = (
            changed(
                cfg[f'{part}_dataloader'].dataset,
                scale=0,
                saliency='',
                data_root='',
                type=None,
            )
            for cfg in (small, large)
        )
        assert Config(ours).to_dict() == Config(theirs).to_dict()


def test_options_of_rows_are_read_as_meant():
    """Each is a word of a command line: None, True and numbers too."""
    parser = ArgumentParser()
    add_config_options(parser)
    for name in ROWS:
        options = dict(Config.fromfile(ABLATION).rows[name].options)
        words = [f'{key}={value}' for key, value in options.items()]
        args = parser.parse_args(['--cfg-options', *words])
        read_options(parser, args)
        assert args.cfg_options == options


def test_every_row_has_a_config_at_paper_scale():
    main = {f'{name}_vindr' for name in ROWS} & set(PAPER)
    parts = {f'divf-concatenate_r34_vindr_{name}' for name in ROWS} & set(PAPER)
    assert main | parts == set(RUN) and len(ROWS) == len(RUN) == 17


@pytest.mark.parametrize(
    'name, plain',
    [
        ('divf-concatenate_r34_vindr_synthesis', 'divf-concatenate_r34_vindr'),
        ('divf-concatenate_r34_phantom_synthesis', 'divf-concatenate_r34_phantom'),
    ],
)
def test_lesions_are_pasted_into_what_is_loaded_without_them(name, plain):
    """Before images are resized; all else is that of the config without synthesis."""
    ours, theirs = (config(each).train_dataloader.dataset for each in (name, plain))
    steps = [*steps_of(ours.dataset.pipeline), *steps_of(ours.pipeline)]
    assert [step.type for step in steps] == [
        'ForEachView',
        'SynthesizeMalignancy',
        'ForEachView',
        'PackExamInputs',
    ]
    views = [
        step for view in (steps[0], steps[2]) for step in steps_of(view.transforms)
    ]
    load, pack = steps_of(theirs.pipeline)
    assert views == steps_of(load.transforms) and steps[3] == pack
    assert dict(ours.dataset, pipeline=None) == dict(theirs, pipeline=None)
    model, other = (dict(config(each).model) for each in (name, plain))
    assert model == other


def test_stages_of_synthesis():
    """Table 2: what each row leaves out."""
    found = {}
    for name in RUN:
        if 'synthesis' in name:
            step = config(name).train_dataloader.dataset.pipeline.synthesis
            found[name.partition('_synthesis')[2]] = (
                step.fourier_beta is not None,
                step.soft_mask is not None,
            )
    assert found == {
        '': (True, True),
        '-cutmix': (False, False),
        '-fourier': (True, False),
        '-soft-mask': (False, True),
    }


@pytest.mark.parametrize('name', [name for name in PAPER if 'rsna' not in name])
def test_nothing_is_selected_by_the_test_part(name):
    """Neither data set of the paper has a val part in it."""
    cfg = config(name)
    val, test = (cfg[f'{part}_dataloader'].dataset for part in ('val', 'test'))
    assert val == test and test.ann_file == 'annotations/test.json'
    assert 'save_best' not in cfg.default_hooks.checkpoint
    assert not cfg.get('custom_hooks')


@pytest.mark.parametrize(
    'name', ['divf-concatenate_r34_vindr', 'divf-average_r18_cmmd']
)
def test_at_full_size(name):
    """A breast at the paper's 800 x 800, through the paper-scale network."""
    cfg = config(name)
    model = MODELS.build(cfg.model).eval()
    resize = cfg.test_dataloader.dataset.pipeline.load.transforms.resize
    assert resize.scale == (800, 800) and not resize.keep_ratio
    sample = MultiViewDataSample()
    for view in ('CC', 'MLO'):
        sample.set_data({view: DetDataSample(metainfo=dict(img_shape=(800, 800)))})
    images = {view: [torch.rand(1, 800, 800)] for view in ('CC', 'MLO')}
    with torch.no_grad():
        (found,) = model.test_step(dict(inputs=images, data_samples=[sample]))
    assert found.pred_score.shape == (2,)
    assert cfg.optim_wrapper.optimizer.lr == 1e-3
    assert cfg.param_scheduler[0].milestones == [20, 40, 60, 80]
    assert cfg.train_cfg.max_epochs == 200
    assert 2 * cfg.train_dataloader.batch_size == 32
