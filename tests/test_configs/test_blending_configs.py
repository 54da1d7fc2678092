"""Every config of blending adversarial networks builds, learns and predicts."""

import copy
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from config_runs import (
    CONFIGS,
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
)
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch.utils.data import default_collate

from mammo_plugins.apis.copied_settings import differences
from mammo_plugins.engine.classes import check_classes
from mammo_plugins.engine.data_configs import annotation_file, innermost_datasets
from mammo_plugins.engine.loops.stages import freeze, stages_of
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import in_fold

ALL = configs_of('blending')
GANS = [name for name in ALL if '-gan_' in name]
MASKED = [name for name in ALL if name.startswith('mask-rcnn')]
# rows of the ablation that train another generator than blending-gan_phantom
GAN_ROWS = ['blending-gan_no-prior', 'blending-gan_no-adversarial']
MASK_ROWS = rows_of('blending')
# of these the others differ in the data alone
RUN = ['mask-rcnn_r50_inbreast', 'mask-rcnn_r18_phantom']
# rows of the paper's size with images made before
PREPARED = [name for name in MASKED if name.startswith('mask-rcnn_r50_inbreast_')]


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mammo'):
        yield


def config(name):
    """A config by the name of its file or of the ablation's row."""
    return read(f'blending/{name}.py') if name in ALL else row('blending', name)


def parts_of(cfg):
    """The data sets that a detector is trained on."""
    return [
        part for _, part in innermost_datasets('dataset', cfg.train_dataloader.dataset)
    ]


@pytest.mark.parametrize('name', GANS + GAN_ROWS)
def test_both_parts_of_a_gan_learn(name, phantom_root):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = config(name)
    if 'size' in cfg.model.generator:
        height, width = cfg.model.generator.size
        load = cfg.train_dataloader.dataset.pipeline.load.transforms
        assert load.resize.scale == (width, height)
        assert 'CropToLesion' not in str(cfg.train_dataloader.dataset.pipeline)
        cfg.model.generator.size = (128, 64)
    dataset = built(
        on_phantom(
            cfg.train_dataloader.dataset,
            phantom_root,
            scale=(64, 128),
            bank=a_bank(),
            size=(64, 64),
        )
    )
    model = MODELS.build(cfg.model)
    model.init_weights()
    optim = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    assert set(optim.keys()) == {
        part
        for part, _ in model.named_children()
        if part in ('generator', 'discriminator')
    }
    assert cfg.train_dataloader.collate_fn.type == 'default_collate'
    batch = default_collate([dataset[i] for i in range(2)])
    before = copy.deepcopy(model.state_dict())
    for _ in range(2):  # the generator starts from nought
        logged = model.train_step(batch, optim)
    assert all(np.isfinite(value.item()) for value in logged.values())
    vanilla = 'vanilla' in name
    assert ('loss_seamless' in logged) == ('no-prior' not in name and not vanilla)
    assert ('loss_background' in logged) != vanilla
    assert ('loss_adversarial' in logged) == ('no-adversarial' not in name)
    after = model.state_dict()
    same = [key for key, value in before.items() if torch.equal(value, after[key])]
    assert not same


def test_gan_at_full_size():
    cfg = config('blending-gan_inbreast')
    # shapes alone: what is computed is looked at on small images, above
    model = MODELS.build(cfg.model).eval().to('meta')
    resize = cfg.train_dataloader.dataset.pipeline.load.transforms.resize
    width, height = resize.scale
    images = dict(
        zip(
            ('normal', 'pasted', 'mask'),
            torch.rand(3, 1, 1, height, width, device='meta'),
        )
    )
    with torch.no_grad():
        made = model(images, mode='predict')
        assert model.discriminator(made).shape == (1, 1, height // 2, width // 2)
    assert made.shape == (1, 1, 1024, 512) and not resize.keep_ratio


@pytest.mark.parametrize('name', RUN)
def test_a_detector_learns_and_predicts(name, phantom_root):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = config(name)
    model = MODELS.build(cfg.model)
    check_classes(cfg, model, ['train', 'val', 'test'])
    model.init_weights()
    train = built(on_phantom(cfg.train_dataloader.dataset, phantom_root))
    learn(model.train(), [train[i] for i in range(3)])
    found = predicted(
        model, built(on_phantom(cfg.test_dataloader.dataset, phantom_root))[0]
    )
    assert found.pred_instances.bboxes.shape[1] == 4
    assert torch.isfinite(found.pred_instances.bboxes).all()
    assert 'masks' in found.pred_instances
    assert {'canonical_frame', 'patient_id', 'exam_id'} <= set(found.metainfo_keys())


@pytest.mark.parametrize('name', MASKED + MASK_ROWS)
def test_detectors_are_one_on_other_data(name):
    """Rows of figure 4 differ in what is trained on, and in nothing of it."""
    cfg = config(name)
    like = RUN['r50' not in name]
    other = config(like)
    for key in ('model', 'optim_wrapper', 'test_dataloader', 'test_evaluator'):
        assert cfg[key] == other[key]
    found = list(differences(cfg.train_cfg, other.train_cfg))
    assert found == (['stages.all.val_begin'] if name in MASK_ROWS else [])
    assert cfg.test_evaluator == dict(
        type='FROCMetric', iou_thr=0.5, fppi=(0.5, 0.8, 1.3)
    )
    (original,) = parts_of(other)
    for part in parts_of(cfg):
        assert set(differences(part, original)) <= {'data_root', 'ann_file'}


@pytest.mark.parametrize('name', MASKED + MASK_ROWS)
def test_mass_detectors_see_images_with_masses(name, phantom_root):
    """And the synthetic ones besides, each from its own folder."""
    cfg = config(name)
    parts = parts_of(cfg)
    kind = name.split('_')[3:] if name in MASKED else [name]
    alone = kind in ([], ['original'], ['repeated'])
    assert len(parts) == len({part.data_root for part in parts}) == (1 if alone else 2)
    if not alone and name in MASKED:
        assert kind[0] in parts[1].data_root
    dataset = built(on_phantom(cfg.train_dataloader.dataset, phantom_root))
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    with_mass = {a['image_id'] for a in data['annotations']}
    times = cfg.train_dataloader.dataset.get('times', len(parts))
    assert times == (3 if kind == ['repeated'] else len(parts))
    assert len(dataset) == len(with_mass) * times


def test_rows_train_on_what_their_generators_made():
    rows = Config.fromfile(CONFIGS / 'blending/ablation.py').rows
    key = 'train_dataloader.dataset.datasets.synthetic.data_root'
    for name in MASK_ROWS:
        needed = rows[name].get('needs', [])
        assert (
            [rows[name].options[key]]
            == [
                rows[made].command[rows[made].command.index('--out') + 1]
                for made in needed
            ]
            if needed
            else key not in rows[name].options
        )


@pytest.mark.parametrize('name', PREPARED)
@pytest.mark.parametrize('fold', [1, 3])
def test_preparation_makes_what_is_trained_on(name, fold):
    """A bank, a generator and images, each found by what comes after it."""
    cfg = config(name)
    for part in parts_of(cfg):
        part.fold = fold
    bank, *training, images = [
        shlex.split(in_fold(command, fold)) for command in cfg.preparation
    ]

    def after(words, flag):
        return words[words.index(flag) + 1]

    original, synthetic = parts_of(cfg)
    assert bank[2] == annotation_file(original)
    assert Path(after(images, '--out')) == Path(
        in_fold(synthetic.data_root, synthetic.fold)
    )
    gan = read(Path(images[2]).relative_to('configs'))
    dataset = gan.train_dataloader.dataset
    dataset.fold = fold
    assert annotation_file(dataset) == bank[2]
    assert in_fold(dataset.pipeline.paste.bank, fold) == after(bank, '--out')
    assert after(images, '--count') == '200'
    for (train,) in [training] if training else []:
        assert train[2] == images[2]
        assert images[3] == (
            f'{after(train, "--work-dir")}/epoch_{gan.train_cfg.max_epochs}.pth'
        )
    assert bool(training) == ('poisson' not in name and 'mixed' not in name)


def test_original_data_alone_need_no_preparation():
    assert config('mask-rcnn_r50_inbreast').preparation == []


def test_mask_rcnn_is_trained_in_three_steps():
    """Section 3: the top layers, from stage 4 up, all; 30, 30 and 40 epochs."""
    cfg = config('mask-rcnn_r50_inbreast')
    model = MODELS.build(cfg.model)
    learns = {}
    for stage in stages_of(cfg):
        freeze(model, stage, {})
        learns[stage.max_epochs, stage.name] = {
            '.'.join(name.split('.')[:2])
            if name.startswith('backbone')
            else name.split('.')[0]
            for name, p in model.named_parameters()
            if p.requires_grad
        }
    top = {'neck', 'rpn_head', 'roi_head'}
    deep = {'backbone.layer3', 'backbone.layer4'}  # conv4_x and conv5_x
    shallow = {'backbone.conv1', 'backbone.bn1', 'backbone.layer1', 'backbone.layer2'}
    assert learns == {
        (30, 'top'): top,
        (30, 'stage4'): top | deep,
        (40, 'all'): top | deep | shallow,
    }


@pytest.mark.parametrize(
    'small, large',
    [
        ('mask-rcnn_r18_phantom', 'mask-rcnn_r50_inbreast'),
        ('mask-rcnn_r18_phantom_blending', 'mask-rcnn_r50_inbreast_blending'),
        ('blending-gan_phantom', 'blending-gan_inbreast'),
        ('blending-gan_no-prior', 'blending-gan_no-prior_inbreast'),
        ('blending-gan_no-adversarial', 'blending-gan_no-adversarial_inbreast'),
        ('vanilla-gan_phantom', 'vanilla-gan_inbreast'),
    ],
)
def test_small_and_large_differ_only_in_size(small, large):
    small, large = config(small), config(large)
    assert kinds(small.model) == kinds(large.model)
    for part in ('train', 'test'):
        if not small.get(f'{part}_dataloader'):  # a generator is not tested
            continue
        pairs = zip(
            *(
                innermost_datasets('', cfg[f'{part}_dataloader'].dataset)
                for cfg in (small, large)
            ),
            strict=True,
        )
        for (_, ours), (_, theirs) in pairs:
            ours, theirs = kinds(ours.pipeline), kinds(theirs.pipeline)
            assert ours.pop('crop', None) in (None, dict(type='CropToLesion'))
            assert ours == theirs
