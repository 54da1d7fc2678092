"""Every config of NaFV-Net builds, learns in both stages and predicts."""

import copy

import numpy as np
import pytest
import torch
from config_runs import CONFIGS, configs_of, kinds, read, row, rows_of
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from mammo_plugins.apis.copied_settings import differences, setting_at
from mammo_plugins.engine.checkpoint import load_checkpoint_into
from mammo_plugins.engine.classes import check_classes
from mammo_plugins.engine.loops.stages import freeze, rest, stages_of
from mammo_plugins.engine.pretrained import drop_pretrained_files
from mammo_plugins.registry import DATASETS, MODELS

ROOT = CONFIGS / 'nafv'
ALL = configs_of('nafv')
ROWS = [
    'no-asymmetry',
    'no-attention',
    'no-cross-attention',
    'nafv-net_dual-view',
    'nafv-net_no-position-mask',
    'nafv-net_printed-mask',
    'nafv-net_frozen',
]
ORDINARY = ('nafv-net_inbreast', 'nafv-net_ffdm_phantom')
# their models are those of nafv-net_cdd-cesm
SAME_MODEL = ('nafv-net_cdd-cesm_10-fold', 'nafv-net_frozen_cdd-cesm')


@pytest.fixture
def run(cem_root, phantom_root, pixel_cache):
    """Return a config, small where size is all there is to it, and its dataset."""

    def load(name, part='train'):
        cfg = row('nafv', name) if name in ROWS else read(f'nafv/{name}.py')
        cfg.train_cfg.stages.segmentation.max_epochs = 1  # also where a row has it
        dataset = copy.deepcopy(cfg[f'{part}_dataloader'].dataset)
        dataset.data_root = str(phantom_root if name in ORDINARY else cem_root)
        dataset.ann_file = 'annotations/train.json'
        load = dataset.pipeline.load.transforms
        load.image.cache_dir = pixel_cache
        if 'phantom' not in name and name not in ROWS:
            side = 112 if 'unet' in name else 56  # the paper's is tested once, below
            if 'unet' in name:
                cfg.model.segmentor.base_channels = 8
            load.resize.scale = (side, side)
            if 'num_tokens' in cfg.model.segmentor:
                cfg.model.segmentor.num_tokens = (side // 8) ** 2
            embedding = cfg.model.embedding.get('module', cfg.model.embedding)
            width = cfg.model.embed_dims
            embedding.update(
                img_size=side,
                arch=dict(
                    embed_dims=width,
                    num_layers=1,
                    num_heads=width // 64,
                    feedforward_channels=width,
                ),
            )
        return cfg, DATASETS.build(dataset)

    with DefaultScope.overwrite_default_scope('mammo'):
        yield load


@pytest.mark.parametrize('name', [c for c in ALL if c not in SAME_MODEL] + ROWS)
def test_stages_learn_and_exams_are_predicted(name, run):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg, dataset = run(name)
    model = MODELS.build(cfg.model)
    check_classes(cfg, model, ['train', 'val', 'test'])
    model.init_weights()
    has = [
        any(view['instances'] for view in dataset.get_data_info(i)['views'].values())
        for i in range(len(dataset))
    ]
    batch = pseudo_collate([dataset[i] for i in np.flatnonzero(has)[:2]])
    learns = {n: p.requires_grad for n, p in model.named_parameters()}
    for stage in stages_of(cfg):
        model.start_stage(stage.name)
        freeze(model, stage, learns)
        model.train()
        rest(model, stage)
        model.zero_grad()
        data = model.data_preprocessor(copy.deepcopy(batch), True)
        losses, values = model.parse_losses(model(**data, mode='loss'))
        losses.backward()
        assert all(np.isfinite(v.item()) for v in values.values())
        given = {n for n, p in model.named_parameters() if p.grad is not None}
        wanted = {n for n, p in model.named_parameters() if p.requires_grad}
        # no class token in what the classifier sees
        assert given == wanted and {n.split('.')[0] for n in given} == set(
            stage.trainable
        )
    model.start_stage(None)
    model.eval()
    with torch.no_grad():
        (found,) = model.test_step(pseudo_collate([run(name, 'test')[1][0]]))
    assert found.pred_score.sum().item() == pytest.approx(1)
    assert {'patient_id', 'exam_id', 'examined_side'} <= set(found.metainfo_keys())


@pytest.mark.parametrize('name', SAME_MODEL)
def test_models_of_siblings(name):
    ours, theirs = (
        Config.fromfile(ROOT / f'{n}.py') for n in (name, 'nafv-net_cdd-cesm')
    )
    assert ours.model == theirs.model
    assert ours.train_cfg != theirs.train_cfg or (
        ours.val_dataloader.dataset.get('fold') == 1
    )


@pytest.mark.parametrize('name', ALL)
def test_masses_are_validated_alone_while_they_are_learned(name):
    """No stage of segmentation asks for the AUC of a head that has not learned."""
    cfg = read(f'nafv/{name}.py')
    first, second = stages_of(cfg)
    assert (first.name, second.name) == ('segmentation', 'classification')
    assert {
        key for key, metric in first.val_evaluator['metrics'].items() if metric
    } == {'segmentation'}
    assert second.val_evaluator is None  # the run's
    assert set(cfg.val_evaluator.metrics) == {'malignancy', 'segmentation'}


def test_schedule_is_that_of_the_paper():
    cfg = Config.fromfile(ROOT / 'nafv-net_cdd-cesm.py')
    first, second = stages_of(cfg)
    assert (first.max_epochs, second.max_epochs) == (200, 300)
    assert first.optim_wrapper['optimizer'] == dict(
        type='SGD', lr=0.01, weight_decay=1e-4, momentum=0.9
    )
    optimizer = second.optim_wrapper['optimizer']
    assert (optimizer['lr'], optimizer['weight_decay']) == (0.001, 0.01)
    assert (first.val_begin, first.save_best) == (100, 'segmentation/dice')
    (hook,) = cfg.custom_hooks
    assert (hook.monitor, hook.patience) == ('malignancy/auc', 30)
    assert 0 < hook.min_delta < 1e-4  # MMEngine's own would be 0.1 of AUC
    assert second.save_best == hook.monitor
    frozen = stages_of(Config.fromfile(ROOT / 'nafv-net_frozen_cdd-cesm.py'))[1]
    assert frozen.trainable == ['mixer', 'head']


def test_small_and_large_differ_only_in_size():
    for variant in ('', '_unet'):
        small, large = (
            read(f'nafv/nafv-net{variant}_{data}.py')
            for data in ('phantom', 'cdd-cesm')
        )
        small.model.embedding = large.model.embedding
        assert kinds(small.model) == kinds(large.model)
        assert kinds(small.train_dataloader.dataset.pipeline) == kinds(
            large.train_dataloader.dataset.pipeline
        )


@pytest.mark.parametrize('name', ROWS)
def test_rows_are_the_configs_of_the_paper(name):
    """What a row of the phantom changes, its config at paper scale changes too."""
    part = name.replace('nafv-net_', '')
    cfg, base = (read(f'nafv/nafv-net{part}_cdd-cesm.py') for part in (f'_{part}', ''))
    ours, theirs = row('nafv', name), row('nafv', 'nafv-net')
    for key in ('model', 'train_cfg'):
        for field in differences(base[key], cfg[key]):
            # () here is [] there
            assert str(setting_at(ours[key], field)).strip('()[],') == str(
                setting_at(cfg[key], field)
            ).strip('()[],')
            assert setting_at(ours[key], field) != setting_at(theirs[key], field)


def test_every_row_is_tested():
    assert set(rows_of('nafv')) - set(ROWS) == {'segmentor', 'unet', 'nafv-net'}


def test_at_full_size(cem_root, pixel_cache):
    """DINOv2 base and all, on one exam of 224 x 224."""
    cfg = Config.fromfile(ROOT / 'nafv-net_cdd-cesm.py')
    drop_pretrained_files(cfg.model)
    settings = cfg.test_dataloader.dataset
    settings.update(data_root=str(cem_root), ann_file='annotations/test.json')
    settings.pipeline.load.transforms.image.cache_dir = pixel_cache
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(cfg.model).eval()
        batch = pseudo_collate([DATASETS.build(settings)[0]])
        with torch.no_grad():
            (found,) = model.test_step(batch)
    assert found.get('CEM-RC RCC').pred_sem_seg.sem_seg.shape == (1, 224, 224)
    side = found.examined_side
    assert found.get(f'CEM-LE {side}CC').heat_map.shape == (224, 224)
    assert len(model.embedding.layers) == 12


def dinov2_names(layers=12):
    """Names in mmpretrain's files of DINOv2, as its page of the model documents them.

    They are those of its VisionTransformer below 'backbone.'.
    """
    names = [
        'cls_token',
        'pos_embed',
        'patch_embed.projection.weight',
        'patch_embed.projection.bias',
        'ln1.weight',
        'ln1.bias',
    ]
    for i in range(layers):
        names += [
            f'layers.{i}.{name}'
            for name in (
                'ln1.weight',
                'ln1.bias',
                'ln2.weight',
                'ln2.bias',
                'attn.qkv.weight',
                'attn.qkv.bias',
                'attn.proj.weight',
                'attn.proj.bias',
                'attn.gamma1.weight',
                'ffn.layers.0.0.weight',
                'ffn.layers.0.0.bias',
                'ffn.layers.1.weight',
                'ffn.layers.1.bias',
                'ffn.gamma2.weight',
            )
        ]
    return {f'backbone.{name}' for name in names}


@pytest.mark.parametrize('name', ['nafv-net_cdd-cesm', 'nafv-net_lora_cdd-cesm'])
def test_weights_of_dinov2_are_loaded_from_a_file(name, tmp_path):
    """With positions of 518 x 518 pixels, as the files have."""
    cfg = Config.fromfile(ROOT / f'{name}.py')
    embedding = cfg.model.embedding.get('module', cfg.model.embedding)
    # three of the twelve layers, as wide; the names of all are looked at below
    embedding.arch = dict(
        embed_dims=768, num_layers=3, num_heads=12, feedforward_channels=3072
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        theirs = MODELS.build(dict(embedding, img_size=518, init_cfg=None))
        state = {
            f'backbone.{key}': torch.randn_like(value)
            for key, value in theirs.state_dict().items()
        }
        positions = state['backbone.pos_embed']
        assert positions.shape == (1, 37 * 37 + 1, 768)
        # smooth, so that fewer of them look alike
        state['backbone.pos_embed'] = (
            torch.linspace(0, 1, 37 * 37 + 1)[:, None].expand(-1, 768)[None].clone()
        )
        path = tmp_path / 'dinov2.pth'
        torch.save(dict(state_dict=state), path)
        embedding.init_cfg.checkpoint = str(path)
        model = MODELS.build(cfg.model)
        model.init_weights()
    ours = model.embedding.module if 'lora' in name else model.embedding
    found = {
        key.replace('.original_layer', ''): value
        for key, value in ours.named_parameters()
        if 'lora_' not in key
    }
    for key, value in found.items():
        if key == 'pos_embed':
            assert value.shape == (1, 16 * 16 + 1, 768)
            assert 0 <= value.min() < 0.1 and 0.9 < value.max() <= 1.01
        else:
            torch.testing.assert_close(value.data, state[f'backbone.{key}'])
    # a checkpoint is whole: it is tested and resumed without the file
    trained = tmp_path / 'trained.pth'
    torch.save(dict(state_dict=model.state_dict()), trained)
    path.unlink()
    drop_pretrained_files(cfg.model)
    with DefaultScope.overwrite_default_scope('mammo'):
        again = MODELS.build(cfg.model)
    load_checkpoint_into(again, str(trained))
    ours = dict(model.named_parameters())
    assert {key.split('.')[0] for key in ours} == {
        'segmentor',
        'embedding',
        'mixer',
        'head',
    }
    assert all(torch.equal(value, ours[key]) for key, value in again.named_parameters())


def test_names_in_files_of_dinov2():
    cfg = Config.fromfile(ROOT / 'nafv-net_cdd-cesm.py')
    with DefaultScope.overwrite_default_scope('mammo'):
        net = MODELS.build(dict(cfg.model.embedding, init_cfg=None))
    assert {f'backbone.{key}' for key in net.state_dict()} == dinov2_names()
