"""Every config builds and runs forward and backward; one found is one tested."""
import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch.utils.data import default_collate

from mammo_plugins.engine.classes import check_classes
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.engine.loops.stages import freeze, stages_of
from mammo_plugins.engine.pretrained import drop_pretrained_files
from mammo_plugins.registry import DATASETS, MODELS
from mammo_plugins.structures import BankLesion, LesionBank

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts and path.name != 'ablation.py'
    and path.parent.name == 'blending')
GANS = [path for path in CONFIGS if Path(path).name.split('_')[0].endswith('-gan')]
MASKED = [path for path in CONFIGS if Path(path).name.startswith('mask-rcnn')]
# the same detector, other data; see test_models_of_siblings
SIBLINGS = {path: f"{path.rpartition('_')[0]}.py" for path in MASKED
            if Path(path).stem.count('_') == 3}
RUN = [path for path in CONFIGS if path not in SIBLINGS and path not in GANS]


def changed(pipeline, **values):
    """The pipeline with other values for some keys, inside other transforms too."""
    if isinstance(pipeline, (list, tuple)):
        return [changed(step, **values) for step in pipeline]
    if isinstance(pipeline, dict):
        return {key: values[key] if key in values else changed(value, **values)
                for key, value in pipeline.items()}
    return pipeline


def a_bank():
    """A bank of one lesion, of another data set than the phantom."""
    return LesionBank('another', [BankLesion.of(
        np.tile(np.linspace(0.1, 0.9, 5), (6, 1)), image_shape=(128, 64), pixel_spacing_mm=None,
        file_name='a.dcm', box=(0, 0, 5, 6))])


@pytest.fixture
def run(phantom_root):
    """Return a config and its dataset on the tiny phantom exams."""

    def load(path, loader):
        cfg = Config.fromfile(ROOT / path)
        drop_pretrained_files(cfg.model)  # files that a test does not have
        dataset = copy.deepcopy(cfg[loader].dataset)
        exams = dataset
        while 'dataset' in exams:  # wrapped
            exams = exams.dataset
        exams.data_root = str(phantom_root)
        exams.ann_file = 'annotations/train.json'
        exams.pipeline = changed(exams.pipeline, cache_dir=None)
        exams.metainfo = dict(classes=('mass', ))  # all that a phantom has
        return cfg, DATASETS.build(dataset)

    return load


@pytest.mark.parametrize('path', RUN)
def test_forward_and_backward(path, run):
    torch.manual_seed(0)
    np.random.seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        cfg, dataset = run(path, 'train_dataloader')
        model = MODELS.build(cfg.model)
        model.init_weights()
        model.train()
        samples = [dataset[i] for i in range(3)]
        data = model.data_preprocessor(pseudo_collate(samples), True)
        losses, values = model.parse_losses(model(**data, mode='loss'))
        losses.backward()
    assert all(np.isfinite(v.item()) for v in values.values())
    missing = [name for name, p in model.named_parameters()
               if p.requires_grad and p.grad is None]
    assert not missing
    assert any(p.grad.abs().sum() > 0 for p in model.parameters()
               if p.grad is not None)


@pytest.mark.parametrize('path', RUN)
def test_prediction(path, run):
    with DefaultScope.overwrite_default_scope('mammo'):
        cfg, dataset = run(path, 'test_dataloader')
        model = MODELS.build(cfg.model).eval()
        check_classes(cfg, model, ['train', 'val', 'test'])
        with torch.no_grad():
            sample, = model.test_step(pseudo_collate([dataset[0]]))
    assert sample.pred_instances.bboxes.shape[1] == 4
    assert torch.isfinite(sample.pred_instances.bboxes).all()
    assert {'canonical_frame', 'patient_id', 'exam_id'} <= set(
        sample.metainfo_keys())


@pytest.mark.parametrize('path', MASKED)
def test_mass_detectors_see_images_with_masses(path, phantom_root):
    """And the synthetic ones besides, each from its own folder."""
    cfg = Config.fromfile(ROOT / path)
    parts = innermost_datasets('dataset', cfg.train_dataloader.dataset)
    folders = {part.data_root for _, part in parts}
    kind = Path(path).stem.split('_')[3:]
    assert len(parts) == len(folders) == (1 if kind in ([], ['repeated']) else 2)
    if len(parts) == 2:
        assert kind[0] in parts[1][1].data_root
    for _, part in parts:
        part.update(data_root=str(phantom_root), ann_file='annotations/train.json')
    with DefaultScope.overwrite_default_scope('mammo'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    with_mass = {a['image_id'] for a in data['annotations']}
    times = cfg.train_dataloader.dataset.get('times', len(parts))
    assert len(dataset) == len(with_mass) * times


def test_mask_rcnn_is_trained_in_three_steps():
    """Section 3: the top layers, from stage 4 up, all; 30, 30 and 40 epochs."""
    cfg = Config.fromfile(ROOT / 'configs/blending/mask-rcnn_r50_inbreast.py')
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(cfg.model)
    learn = {}
    for stage in stages_of(cfg):
        freeze(model, stage, {})
        learn[stage.max_epochs, stage.name] = {
            '.'.join(name.split('.')[:2]) if name.startswith('backbone')
            else name.split('.')[0]
            for name, p in model.named_parameters() if p.requires_grad}
    top = {'neck', 'rpn_head', 'roi_head'}
    deep = {'backbone.layer3', 'backbone.layer4'}  # conv4_x and conv5_x
    shallow = {'backbone.conv1', 'backbone.bn1', 'backbone.layer1', 'backbone.layer2'}
    assert learn == {(30, 'top'): top, (30, 'stage4'): top | deep,
                     (40, 'all'): top | deep | shallow}


@pytest.mark.parametrize('path', GANS)
def test_both_parts_of_a_gan_learn(path, phantom_root):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = Config.fromfile(ROOT / path)
    settings = copy.deepcopy(cfg.train_dataloader.dataset)
    settings.update(data_root=str(phantom_root), ann_file='annotations/train.json')
    settings.pipeline = changed(
        settings.pipeline, scale=(64, 128), cache_dir=None, bank=a_bank(),
        size=(64, 64))
    if 'size' in cfg.model.generator:
        cfg.model.generator.size = (128, 64)
    with DefaultScope.overwrite_default_scope('mammo'):
        dataset, model = DATASETS.build(settings), MODELS.build(cfg.model)
        model.init_weights()
        optim = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    assert cfg.train_dataloader.collate_fn.type == 'default_collate'
    batch = default_collate([dataset[i] for i in range(2)])
    before = copy.deepcopy(model.state_dict())
    for _ in range(2):  # the generator starts from nought
        logged = model.train_step(batch, optim)
    assert all(np.isfinite(value.item()) for value in logged.values())
    vanilla = 'vanilla' in path
    assert ('loss_seamless' in logged) == ('no-prior' not in path and not vanilla)
    assert ('loss_background' in logged) != vanilla
    assert ('loss_adversarial' in logged) == ('no-adversarial' not in path)
    after = model.state_dict()
    same = [name for name, value in before.items() if torch.equal(value, after[name])]
    assert not same


def test_gan_at_full_size():
    cfg = Config.fromfile(ROOT / 'configs/blending/blending-gan_inbreast.py')
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(cfg.model).eval()
    images = dict(zip(('normal', 'pasted', 'mask'), torch.rand(3, 1, 1, *cfg.size)))
    with torch.no_grad():
        made = model(images, mode='predict')
        assert model.discriminator(made).shape == (1, 1, *(n // 2 for n in cfg.size))
    assert made.shape == (1, 1, 1024, 512)


@pytest.mark.parametrize('small, large', [
    ('blending/mask-rcnn_r18_phantom.py', 'blending/mask-rcnn_r50_inbreast.py'),
])
def test_small_and_large_differ_only_in_size(small, large):
    """The phantom's model has the same parts as the paper's."""
    large = Config.fromfile(ROOT / 'configs' / large)
    small = Config.fromfile(ROOT / 'configs' / small)

    def types(cfg):
        """The config with nothing left but names."""
        if isinstance(cfg, dict):
            kept = {k: types(v) for k, v in cfg.items()
                    if k not in ('init_cfg', 'arch', 'saliency', 'bank')}
            return {k: v for k, v in kept.items() if v}
        if isinstance(cfg, (list, tuple)):
            return [types(v) for v in cfg if isinstance(v, dict)]
        # mmdet's HRNet with a smaller stem
        return cfg.replace('NarrowStemHRNet', 'HRNet') if isinstance(cfg, str) else None

    assert types(small.model) == types(large.model)
    for loader in ('train_dataloader', 'test_dataloader'):
        ours, theirs = (types(cfg[loader].dataset.pipeline) for cfg in (small, large))
        if loader == 'test_dataloader':  # the phantom's truth is for its metrics
            ours, theirs = (names(steps) - {'LoadPhantomNormal', 'WithCleanImage'}
                            for steps in (ours, theirs))
        assert ours == theirs


def names(steps):
    """The types of a pipeline's steps, also inside others."""
    if isinstance(steps, dict):
        return {steps.get('type')} | names(list(steps.values())) - {None}
    if isinstance(steps, list):
        return set().union(*map(names, steps))
    return set()


@pytest.mark.parametrize('path', SIBLINGS)
def test_models_of_siblings(path):
    """Configs of another data set: the model is the same, the data set is not."""
    one, other = (Config.fromfile(ROOT / p) for p in (path, SIBLINGS[path]))
    assert one.model == other.model
