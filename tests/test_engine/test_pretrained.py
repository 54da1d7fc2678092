"""Weights to start from are files; names of what lies on a network get one line."""
import pytest
import torch
from mmengine.config import ConfigDict

from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.engine.pretrained import (check_pretrained_files,
                                             drop_pretrained_files)


def test_missing_pretrained_weights_say_what_to_do(tmp_path):
    cfg = ConfigDict(
        neck=dict(type='FPN'),
        backbone=dict(
            init_cfg=[dict(type='Pretrained', checkpoint='no/such.pth')]))
    with pytest.raises(CheckpointError) as error:
        check_pretrained_files(cfg)
    text = str(error.value)
    assert 'model.backbone.init_cfg[0].checkpoint: no/such.pth' in text
    assert 'pretrained_weights.md' in text
    (tmp_path / 'w.pth').write_bytes(b'')
    cfg.backbone.init_cfg[0].checkpoint = str(tmp_path / 'w.pth')
    check_pretrained_files(cfg)


def test_a_resumed_run_needs_no_pretrained_weights():
    cfg = ConfigDict(
        backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='no.pth')),
        heads=[dict(init_cfg=dict(type='Normal', std=0.01))])
    drop_pretrained_files(cfg)
    check_pretrained_files(cfg)
    assert cfg.heads[0].init_cfg.type == 'Normal'


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder of what was fetched."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    return tmp_path / 'checkpoints'


@pytest.mark.parametrize('name, file', [
    ('torchvision://resnet50', 'resnet50-'),
    ('modelzoo://resnet18', 'resnet18-'),
    ('open-mmlab://msra/hrnetv2_w48', 'hrnetv2_w48-'),
    ('openmmlab://msra/hrnetv2_w18', 'hrnetv2_w18-'),
    ('https://host.example/a/weights-1.pth', 'weights-1.pth'),
    ('mmcls://no_such_name', 'no_such_name'),
    ('s3://bucket/a.pth', 'a.pth')])
@pytest.mark.parametrize('model, field', [
    (lambda name: dict(backbone=dict(init_cfg=dict(
        type='mmengine.Pretrained', checkpoint=name))),
     'model.backbone.init_cfg.checkpoint'),
    (lambda name: dict(branches=[dict(pretrained=name)]),
     r'model.branches\[0\].pretrained')])
def test_weights_on_a_network(hub, name, file, model, field):
    said = f'^{field}: {name}: .*checkpoints/{file}'
    with pytest.raises(CheckpointError, match=said):
        check_pretrained_files(model(name))


def test_fetched_weights_are_used(hub):
    (hub / 'weights-1.pth').touch()
    check_pretrained_files(dict(init_cfg=dict(
        type='Pretrained', checkpoint='https://host.example/a/weights-1.pth')))


def test_backbones_that_fetch_their_own(hub):
    with pytest.raises(CheckpointError, match='model.backbone.pretrained: True'):
        check_pretrained_files(
            dict(backbone=dict(type='TIMMBackbone', pretrained=True)))
    check_pretrained_files(dict(backbone=dict(type='TIMMBackbone', pretrained=False)))
