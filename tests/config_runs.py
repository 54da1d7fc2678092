"""What the tests of the papers' configs share: any config on tiny phantom exams."""

import ast
import copy
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch.nn.modules.batchnorm import _BatchNorm

from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.engine.pretrained import drop_pretrained_files
from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import BankLesion, LesionBank

CONFIGS = Path(__file__).parents[1] / 'configs'


def configs_of(folder):
    """The configs of a folder by name, ablations apart."""
    return sorted(
        path.stem
        for path in (CONFIGS / folder).glob('*.py')
        if path.name != 'ablation.py'
    )


def read(path):
    """A config of ``configs/`` without files of weights, which a test does not have."""
    cfg = Config.fromfile(CONFIGS / path)
    drop_pretrained_files(cfg.model)
    return cfg


def row(folder, name):
    """The config of an ablation's row: what it trains, but for files it waits for."""
    settings = Config.fromfile(CONFIGS / folder / 'ablation.py').rows[name]
    options = {
        key: value
        for key, value in settings.get('options', {}).items()
        if '{' not in str(value)
    }
    cfg = load_config(str(CONFIGS.parent / settings.config), options)
    drop_pretrained_files(cfg.model)
    return cfg


def rows_of(folder, *left_out):
    """Names of an ablation's rows that train, each model and data once."""
    rows = Config.fromfile(CONFIGS / folder / 'ablation.py').rows
    return [
        name
        for name, settings in rows.items()
        if 'command' not in settings and name not in left_out
    ]


def changed(settings, **values):
    """Settings with other values for some keys, wherever they stand."""
    if isinstance(settings, (list, tuple)):
        return type(settings)(changed(item, **values) for item in settings)
    if isinstance(settings, dict):
        return {
            key: values[key] if key in values else changed(value, **values)
            for key, value in settings.items()
        }
    return settings


def on_phantom(dataset, root, part='train', **values):
    """A data set's config on tiny phantom exams, with other values for some keys."""
    dataset = copy.deepcopy(dataset)
    for _, exams in innermost_datasets('dataset', dataset):
        exams.update(
            data_root=str(root),
            ann_file=f'annotations/{part}.json',
            metainfo=dict(classes=('mass',)),
        )  # all that a phantom has
        if exams.get('labels'):  # few breasts; normal ones are negative
            exams.labels = dict(field='abnormal', negative=(False,), positive=(True,))
        if exams.get('detection_file'):  # written by a detector
            exams.update(detection_file=None, gold=True)
    # read once for all configs
    dataset = changed(dataset, cache_dir=f'{root}_pixels', **values)
    return Config(dict(dataset=dataset)).dataset


def built(dataset):
    """A data set; call it under the default scope 'mammo'."""
    return DATASETS.build(dataset)


def learn(model, batch, stage=None):
    """Run one step forward and backward; return the values that are logged.

    All that is to learn gets a gradient, and not all of them are nought.
    """
    data = model.data_preprocessor(pseudo_collate(batch), True)
    losses, values = model.parse_losses(model(**data, mode='loss'))
    losses.backward()
    values = {name: value.item() for name, value in values.items()}
    assert all(np.isfinite(value) for value in values.values()), values
    trained = model if stage is None else getattr(model, stage)
    assert not [
        name
        for name, p in trained.named_parameters()
        if p.requires_grad and p.grad is None
    ]
    assert any(
        p.grad.abs().sum() > 0 for p in trained.parameters() if p.grad is not None
    )
    return values


def predicted(model, sample):
    """The prediction of one sample."""
    model.eval()
    with torch.no_grad():
        (found,) = model.test_step(pseudo_collate([sample]))
    return found


def batch_norms_that_learn(model):
    """Names of batch norms that take statistics of the batch."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.training
    ]


def a_bank():
    """A bank of one lesion, of another data set than the phantom."""
    return LesionBank(
        'another',
        [
            BankLesion.of(
                np.tile(np.linspace(0.1, 0.9, 5), (6, 1)),
                image_shape=(128, 64),
                pixel_spacing_mm=None,
                file_name='a.dcm',
                box=(0, 0, 5, 6),
            )
        ],
    )


def kinds(settings):
    """Settings with nothing left but what names components, whatever their size."""
    if isinstance(settings, dict):
        kept = {
            key: kinds(value)
            for key, value in settings.items()
            if key not in ('init_cfg', 'arch', 'saliency', 'bank')
        }
        return {key: value for key, value in kept.items() if value}
    if isinstance(settings, (list, tuple)):
        return [kinds(value) for value in settings if isinstance(value, dict)]
    return settings if isinstance(settings, str) else None


def types_in(settings):
    """The types of components in settings, also inside others."""
    if isinstance(settings, dict):
        return {settings.get('type')} | types_in(list(settings.values())) - {None}
    if isinstance(settings, (list, tuple)):
        return set().union(*map(types_in, settings))
    return set()


def bases_of(path):
    """The files that a config names in ``_base_``."""
    for node in ast.parse(path.read_text()).body:
        if (
            isinstance(node, ast.Assign)
            and getattr(node.targets[0], 'id', None) == '_base_'
        ):
            named = ast.literal_eval(node.value)
            return [
                (path.parent / name).resolve()
                for name in ([named] if isinstance(named, str) else named)
            ]
    return []


def files_of(path):
    """A config and all files that it inherits from."""
    return {path.resolve()}.union(*map(files_of, bases_of(path)))
