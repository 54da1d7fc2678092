"""Every config builds and runs forward and backward; one found is one tested."""
import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from torch.nn.modules.batchnorm import _BatchNorm

from mammo_plugins.engine.classes import check_classes
from mammo_plugins.engine.loops.stages import stages_of as parsed_stages
from mammo_plugins.engine.pretrained import drop_pretrained_files
from mammo_plugins.models import MalignancyClassifier
from mammo_plugins.registry import DATASETS, MODELS
from mammo_plugins.structures import BankLesion, LesionBank

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts and path.name != 'ablation.py'
    and path.parent.name not in ('nafv', 'disasym', 'divf', 'blending'))
STAGED = [path for path in CONFIGS
          if 'mamminet' in path or 'momminet-v' in path]
CLASSIFIERS = [path for path in CONFIGS if 'malignancy' in Path(path).name]


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
        exams = dataset
        while 'dataset' in exams:  # wrapped
            exams = exams.dataset
        exams.data_root = str(phantom_root)
        exams.ann_file = 'annotations/train.json'
        exams.pipeline = changed(exams.pipeline, cache_dir=None)
        if exams.get('detection_file'):  # written by a detector
            exams.update(detection_file=None, gold=True)
        exams.metainfo = dict(classes=('mass', ))  # all that a phantom has
        return cfg, DATASETS.build(dataset)

    return load


def stages_of(path):
    """The stages of a config, or the one training that it is."""
    if path not in STAGED:
        return [None]
    return Config.fromfile(ROOT / path).train_cfg.order


def samples_a_batch(cfg, stage):
    """What one process trains on at a time."""
    loader = dict(cfg.train_dataloader)
    if stage is not None:
        loader.update(cfg.train_cfg.stages[stage].get('train_dataloader', {}))
    return loader['batch_size']


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
        if samples_a_batch(cfg, stage) == 1:
            # statistics of one image are not those of the next
            assert not [name for name, module in model.named_modules()
                        if isinstance(module, _BatchNorm) and module.training]
        if path in CLASSIFIERS or stage == 'malignancy':
            chosen = range(3)
        else:
            # two samples with lesions and one without
            has = [bool(dataset.get_cat_ids(i)) for i in range(len(dataset))]
            chosen = [i for i, h in enumerate(has) if h][:2] + [has.index(False)]
        samples = [dataset[i] for i in chosen]
        data = model.data_preprocessor(pseudo_collate(samples), True)
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
        check_classes(cfg, model, ['train', 'val', 'test'])
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


@pytest.mark.parametrize('path', STAGED)
def test_malignancy_is_validated_as_it_is_tested(path):
    """On what the system detects, and once there is a classifier to judge it."""
    cfg = Config.fromfile(ROOT / path)
    assert {stage.name: stage.val_evaluator for stage in parsed_stages(cfg)} == dict(
        ipsilateral=None, bilateral=None, fusion=None, malignancy=cfg.test_evaluator)
    assert cfg.test_evaluator == [cfg.val_evaluator, dict(type='MalignancyMetric')]


def test_a_stage_is_validated_by_what_it_can_give(run):
    with DefaultScope.overwrite_default_scope('mammo'):
        cfg, dataset = run('configs/mamminet_v2_phantom.py', 'val_dataloader')
        model = MODELS.build(cfg.model).eval()
        for stage in parsed_stages(cfg):
            model.start_stage(stage.name)
            with torch.no_grad():
                samples = model.test_step(pseudo_collate([dataset[0], dataset[1]]))
            evaluator = Evaluator(stage.val_evaluator or cfg.val_evaluator)
            evaluator.dataset_meta = dataset.metainfo
            evaluator.process(samples)
            found = evaluator.evaluate(len(samples))
            assert 'froc/recall@1.0' in found
            assert ('malignancy/auc' in found) == (stage.name == 'malignancy')


@pytest.mark.parametrize(
    'path', [p for p in CONFIGS if p not in CLASSIFIERS])
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
