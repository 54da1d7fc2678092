import pytest
from mmengine.config import Config

from mammo_cli.errors import user_errors
from mammo_plugins.apis.acceleration import accelerate
from mammo_plugins.apis.config_checks import check_annotation_files, warn_of_schedule
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.engine.loops import StageError, stages_of


def loader(path):
    return dict(dataset=dict(type='ExamDataset', ann_file=str(path)))


@pytest.fixture
def cfg(tmp_path):
    """Two stages that run, with the top-level parts and with their own."""
    there = tmp_path / 'there.json'
    there.write_text('{}')
    sgd = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    return Config(
        dict(
            train_dataloader=loader(there),
            optim_wrapper=sgd,
            param_scheduler=[dict(type='MultiStepLR', end=4, milestones=[1])],
            train_cfg=dict(
                type='mammo.StagedTrainLoop',
                order=['first', 'no', 'second'],
                stages=dict(
                    first=dict(max_epochs=4),
                    no=dict(max_epochs=0, train_dataloader=loader('skipped.json')),
                    second=dict(
                        max_epochs=2,
                        optim_wrapper=sgd,
                        train_dataloader=loader(there),
                        detections=dict(dataloader=loader(there), out_file='a.json'),
                        param_scheduler=dict(type='LinearLR', end=2),
                    ),
                ),
            ),
        )
    )


def test_annotation_files_of_stages(cfg):
    check_annotation_files(cfg, ('train', 'val'))
    second = cfg.train_cfg.stages.second
    second.detections.dataloader.dataset.ann_file = 'gone.json'
    with pytest.raises(
        ConfigError, match=r'gone.json: .*stages.second.detections.dataloader.dataset'
    ):
        check_annotation_files(cfg, ('train', 'val'))
    check_annotation_files(cfg, ('test',))
    second.train_dataloader.dataset.ann_file = 'gone.json'
    cfg.train_cfg.stages.first.train_dataloader = second.train_dataloader
    with pytest.raises(ConfigError, match='stages.first.train_dataloader'):
        check_annotation_files(cfg, ('train',))


def test_the_top_level_data_may_be_of_no_stage(cfg):
    cfg.train_cfg.stages.first.train_dataloader = cfg.train_dataloader.copy()
    cfg.train_dataloader = loader('gone.json')
    check_annotation_files(cfg, ('train',))


def test_schedules_of_stages(cfg, capsys):
    warn_of_schedule(cfg)
    assert not capsys.readouterr().err
    cfg.train_cfg.stages.second.max_epochs = 3
    warn_of_schedule(cfg)
    assert (
        'stage second: param_scheduler ends at epoch 2, training at 3'
        in capsys.readouterr().err
    )


def test_mixed_precision_of_stages(cfg, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    accelerate(cfg, 'fp16')
    for stage in stages_of(Config.fromstring(cfg.pretty_text, '.py')):
        assert stage.optim_wrapper.type == 'AmpOptimWrapper'
        assert stage.optim_wrapper.loss_scale == 'dynamic'


def test_settings_of_another_loop(cfg):
    cfg.train_cfg.max_epochs = 12
    with pytest.raises(StageError, match='train_cfg.max_epochs.*_delete_=True'):
        stages_of(cfg)


def test_mistakes_in_stages_get_one_line(cfg, capsys):
    with pytest.raises(SystemExit) as stop, user_errors():
        cfg.train_cfg.stages.first.max_epoch = 3
        stages_of(cfg)
    assert stop.value.code == 2
    assert 'did you mean max_epochs' in capsys.readouterr().err
