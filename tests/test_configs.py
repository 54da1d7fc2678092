"""Every config builds and runs forward and backward; one found is one tested."""
import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from mammo_plugins.engine.checkpoint import drop_pretrained_files
from mammo_plugins.models import MalignancyClassifier
from mammo_plugins.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts and path.name != 'ablation.py')
STAGED = [path for path in CONFIGS
          if 'mamminet' in path or 'momminet-v' in path]
CLASSIFIERS = [path for path in CONFIGS if 'malignancy' in Path(path).name]


def without_cache(pipeline):
    """The pipeline with no cache of pixels, inside other transforms too."""
    if isinstance(pipeline, (list, tuple)):
        return [without_cache(step) for step in pipeline]
    if isinstance(pipeline, dict):
        return {key: None if key == 'cache_dir' else without_cache(value)
                for key, value in pipeline.items()}
    return pipeline


@pytest.fixture
def run(phantom_root):
    """Return a config and its dataset on the tiny phantom exams."""

    def load(path, loader, stage=None):
        cfg = Config.fromfile(ROOT / path)
        drop_pretrained_files(cfg.model)  # files that a test does not have
        dataset = copy.deepcopy(cfg[loader].dataset)
        if stage is not None:
            whole = Config(dict(dataset=dataset))
            whole.merge_from_dict(dict(dataset=copy.deepcopy(
                cfg.train_cfg.stages[stage].get('train_dataloader', {}).get(
                    'dataset', {}))))
            dataset = whole.dataset
        dataset.data_root = str(phantom_root)
        dataset.ann_file = 'annotations/train.json'
        dataset.pipeline = without_cache(dataset.pipeline)
        return cfg, DATASETS.build(dataset)

    return load


def stages_of(path):
    """The stages of a config, or the one training that it is."""
    if path not in STAGED:
        return [None]
    return Config.fromfile(ROOT / path).train_cfg.order


@pytest.mark.parametrize('path, stage', [
    (path, stage) for path in CONFIGS for stage in stages_of(path)])
def test_forward_and_backward(path, stage, run):
    torch.manual_seed(0)
    np.random.seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        cfg, dataset = run(path, 'train_dataloader', stage)
        model = MODELS.build(cfg.model)
        model.init_weights()
        if stage is not None:
            model.start_stage(stage)
            model.train()
        if path in CLASSIFIERS or stage == 'malignancy':
            chosen = range(3)
        else:
            # two samples with lesions and one without
            has = [bool(dataset.get_cat_ids(i)) for i in range(len(dataset))]
            chosen = [i for i, h in enumerate(has) if h][:2] + [has.index(False)]
        data = model.data_preprocessor(
            pseudo_collate([dataset[i] for i in chosen]), True)
        losses, values = model.parse_losses(model(**data, mode='loss'))
        losses.backward()
    assert all(np.isfinite(v.item()) for v in values.values())
    trained = model if stage is None else getattr(model, stage)
    missing = [name for name, p in trained.named_parameters()
               if p.requires_grad and p.grad is None]
    assert not missing
    assert any(p.grad.abs().sum() > 0 for p in trained.parameters()
               if p.grad is not None)


@pytest.mark.parametrize('path', CONFIGS)
def test_prediction(path, run):
    with DefaultScope.overwrite_default_scope('mammo'):
        cfg, dataset = run(path, 'test_dataloader')
        model = MODELS.build(cfg.model).eval()
        with torch.no_grad():
            sample, = model.test_step(pseudo_collate([dataset[0]]))
    if isinstance(model, MalignancyClassifier):
        assert 0 <= sample.malignancy <= 1 and 0 <= sample.birads_score <= 1
        assert {'patient_id', 'patch_box', 'iou'} <= set(sample.metainfo_keys())
        return
    assert sample.pred_instances.bboxes.shape[1] == 4
    assert torch.isfinite(sample.pred_instances.bboxes).all()
    assert {'canonical_frame', 'patient_id', 'exam_id'} <= set(
        sample.metainfo_keys())


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if path not in CLASSIFIERS])
def test_normal_images_are_trained_on(path):
    cfg = Config.fromfile(ROOT / path)
    assert cfg.default_scope == 'mammo'
    dataset = cfg.train_dataloader.dataset
    assert dataset.filter_cfg.filter_empty_gt is False


@pytest.mark.parametrize('small, large', [
    ('baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
     'baselines/faster-rcnn_hrnetv2p-w48_ddsm.py'),
    ('mamminet_v2_phantom.py', 'mamminet_v2.py'),
    ('momminet/ipsidualnet-v2_phantom.py', 'momminet/ipsidualnet-v2_ddsm.py'),
    ('momminet/bidualnet-v2_phantom.py', 'momminet/bidualnet-v2_ddsm.py'),
    ('momminet/nipple-detector_phantom.py',
     'momminet/nipple-detector_r50_fpn_ddsm.py'),
])
def test_small_and_large_differ_only_in_size(small, large):
    """The phantom's model has the same parts as the paper's."""
    large = Config.fromfile(ROOT / 'configs' / large)
    small = Config.fromfile(ROOT / 'configs' / small)

    def types(cfg):
        """The config with nothing left but names."""
        if isinstance(cfg, dict):
            kept = {k: types(v) for k, v in cfg.items()
                    if k not in ('init_cfg', 'arch')}
            return {k: v for k, v in kept.items() if v}
        if isinstance(cfg, (list, tuple)):
            return [types(v) for v in cfg if isinstance(v, dict)]
        return cfg if isinstance(cfg, str) else None

    assert types(small.model) == types(large.model)
    for loader in ('train_dataloader', 'test_dataloader'):
        assert types(small[loader].dataset.pipeline) == types(
            large[loader].dataset.pipeline)
