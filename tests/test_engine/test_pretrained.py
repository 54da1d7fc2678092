"""Weights to start from are files; names of what lies on a network get one line."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModule, PretrainedInit
from mmpretrain.models import VisionTransformer
from torch import nn

from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.engine.pretrained import (
    check_pretrained_files,
    drop_pretrained_files,
    refuse_unfit_weights,
)


def test_missing_pretrained_weights_say_what_to_do(tmp_path):
    cfg = ConfigDict(
        neck=dict(type='FPN'),
        backbone=dict(init_cfg=[dict(type='Pretrained', checkpoint='no/such.pth')]),
    )
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
        heads=[dict(init_cfg=dict(type='Normal', std=0.01))],
    )
    drop_pretrained_files(cfg)
    check_pretrained_files(cfg)
    assert cfg.heads[0].init_cfg.type == 'Normal'


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder of what was fetched."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    return tmp_path / 'checkpoints'


@pytest.mark.parametrize(
    'name, file',
    [
        ('torchvision://resnet50', 'resnet50-'),
        ('modelzoo://resnet18', 'resnet18-'),
        ('open-mmlab://msra/hrnetv2_w48', 'hrnetv2_w48-'),
        ('openmmlab://msra/hrnetv2_w18', 'hrnetv2_w18-'),
        ('https://host.example/a/weights-1.pth', 'weights-1.pth'),
        ('mmcls://no_such_name', 'no_such_name'),
        ('s3://bucket/a.pth', 'a.pth'),
    ],
)
@pytest.mark.parametrize(
    'model, field',
    [
        (
            lambda name: dict(
                backbone=dict(
                    init_cfg=dict(type='mmengine.Pretrained', checkpoint=name)
                )
            ),
            'model.backbone.init_cfg.checkpoint',
        ),
        (
            lambda name: dict(branches=[dict(pretrained=name)]),
            r'model.branches\[0\].pretrained',
        ),
    ],
)
def test_weights_on_a_network(hub, name, file, model, field):
    said = f'^{field}: {name}: .*checkpoints/{file}'
    with pytest.raises(CheckpointError, match=said):
        check_pretrained_files(model(name))


def test_fetched_weights_are_used(hub):
    (hub / 'weights-1.pth').touch()
    check_pretrained_files(
        dict(
            init_cfg=dict(
                type='Pretrained', checkpoint='https://host.example/a/weights-1.pth'
            )
        )
    )


def test_backbones_that_fetch_their_own(hub):
    with pytest.raises(CheckpointError, match='model.backbone.pretrained: True'):
        check_pretrained_files(
            dict(backbone=dict(type='TIMMBackbone', pretrained=True))
        )
    check_pretrained_files(dict(backbone=dict(type='TIMMBackbone', pretrained=False)))


@pytest.fixture
def strict(monkeypatch):
    # restores MMEngine's initialiser afterwards
    monkeypatch.setattr(PretrainedInit, '__call__', PretrainedInit.__call__)
    refuse_unfit_weights()


class Part(BaseModule):
    """Starts from a file."""

    def __init__(self, path, size=2, **init):
        super().__init__(dict(type='Pretrained', checkpoint=str(path), **init))
        self.conv = nn.Conv2d(1, size, 1)
        self.extra = nn.Linear(2, 2)


@pytest.mark.parametrize(
    'start, init',
    [
        ('', {}),
        ('module.', {}),
        ('backbone.', dict(prefix='backbone')),
        ('backbone.', dict(prefix='backbone.')),
        ('a.module.', dict(prefix='a.module')),
    ],
)
@pytest.mark.parametrize('whole', [True, False])
def test_weights_that_fit_are_loaded(strict, tmp_path, start, init, whole):
    state = {
        f'{start}conv.weight': torch.full((2, 1, 1, 1), 3.0),
        f'{start}other.weight': torch.ones(7),
    }
    torch.save(dict(state_dict=state) if whole else state, tmp_path / 'a.pth')
    part = Part(tmp_path / 'a.pth', **init)
    part.init_weights()
    assert part.conv.weight.flatten().tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    'state, init, said',
    [
        (
            {'conv.weight': torch.ones(4, 1, 1, 1)},
            {},
            'differ in shape from those of Part.*conv.weight.*4, 1, 1, 1.*2, 1, 1, 1',
        ),
        (
            {'conv.weight': torch.ones(2, 1, 1, 1)},
            dict(prefix='backbone'),
            "prefix='backbone'.*no weight fits Part: the file has none, the module conv.weight",
        ),
        (
            {'net.weight': torch.ones(2)},
            {},
            'no weight fits Part: the file has net.weight',
        ),
        ({'conv.weight': torch.full((2, 1, 1, 1), float('nan'))}, {}, '2 of 2 values'),
        ([1], {}, 'holds a list'),
        (dict(state_dict=3), {}, 'state_dict is a int'),
        ({4: torch.ones(1)}, {}, 'not names'),
    ],
    ids=str,
)
def test_weights_that_do_not_fit_are_refused(strict, tmp_path, state, init, said):
    torch.save(state, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=f'a.pth.*{said}') as error:
        Part(tmp_path / 'a.pth', **init).init_weights()
    assert '\n' not in str(error.value)


def test_positions_of_a_transformer_may_be_of_another_size(strict, tmp_path):
    """Which it resizes itself when it loads them."""
    settings = dict(
        arch=dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=8),
        patch_size=4,
        in_channels=1,
    )
    source = VisionTransformer(img_size=16, **settings)
    torch.save(source.state_dict(), tmp_path / 'a.pth')
    other = VisionTransformer(
        img_size=32,
        **settings,
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth')),
    )
    other.init_weights()
    torch.testing.assert_close(
        other.state_dict()['layers.0.ffn.layers.1.weight'],
        source.state_dict()['layers.0.ffn.layers.1.weight'],
    )
    assert other.pos_embed.shape == (1, 65, 8)
