"""What is kept of trainings that tools start, and which weights are tested."""

import sys

import pytest
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.experiments import (
    ToolRunner,
    check_settings,
    checkpoint_to_test,
)

STAGED = dict(
    type='StagedTrainLoop',
    order=['a', 'b'],
    stages=dict(
        a=dict(max_epochs=1, save_best='first/dice'),
        b=dict(max_epochs=1, save_best='second/auc'),
    ),
)


def config(save_best=None, train_cfg=None):
    return Config(
        dict(
            default_hooks=dict(checkpoint=dict(save_best=save_best)),
            train_cfg=train_cfg or dict(max_epochs=3),
            train_dataloader=dict(dataset=dict(type='A')),
            optim_wrapper=dict(optimizer=dict(type='B')),
        )
    )


@pytest.fixture
def folder(tmp_path):
    for name in (
        'best_first_dice_epoch_1.pth',
        'best_second_auc_epoch_2.pth',
        'epoch_3.pth',
    ):
        (tmp_path / name).write_text('weights')
    # as in a folder that was moved since
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/epoch_3.pth\n')
    return tmp_path


@pytest.mark.parametrize(
    'cfg, name',
    [
        (config(), 'epoch_3.pth'),
        (config('first/dice'), 'best_first_dice_epoch_1.pth'),
        (config('first/dice', STAGED), 'best_second_auc_epoch_2.pth'),
    ],
)
def test_the_best_where_it_was_asked_for(cfg, name, folder):
    assert checkpoint_to_test(cfg, folder) == folder / name


def test_best_weights_that_are_not_there(folder):
    with pytest.raises(ConfigError, match='best_third_iou.*save_best'):
        checkpoint_to_test(config('third/iou'), folder)


def test_a_run_that_has_made_nothing_takes_other_settings(tmp_path):
    """As after a first try without data or weights."""
    check_settings(tmp_path, dict(a=1), 'mend')
    (tmp_path / '20260101_000000').mkdir()
    (tmp_path / 'cross_validate.log').touch()
    check_settings(tmp_path, dict(a=2), 'mend')
    (tmp_path / 'epoch_1.pth').touch()
    check_settings(tmp_path, dict(a=2), 'mend')
    with pytest.raises(ConfigError, match='other settings than.*; mend'):
        check_settings(tmp_path, dict(a=1), 'mend')


@pytest.mark.parametrize('script', [True, False])
def test_tools_of_the_repository_or_commands_of_an_installed_package(
    script, tmp_path, monkeypatch
):
    if script:
        (tmp_path / 'tools').mkdir()
        (tmp_path / 'tools/saliency.py').write_text('')
    called = []
    monkeypatch.setattr(
        'mammo_plugins.apis.experiments.run_child',
        lambda words, **_: called.append(words),
    )
    ToolRunner(tmp_path).call(['tools/saliency.py', 'a.py'], tmp_path / 'log')
    assert called == [
        [
            sys.executable,
            *([] if script else ['-m', 'mammo_cli']),
            'tools/saliency.py',
            'a.py',
        ]
    ]
