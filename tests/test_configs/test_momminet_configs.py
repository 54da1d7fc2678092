"""Every config of MommiNet-v2 and its single-view baseline learns and predicts."""

import copy

import numpy as np
import pytest
import torch
from config_runs import (
    batch_norms_that_learn,
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
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from mammo_plugins.apis.copied_settings import differences, setting_at
from mammo_plugins.datasets import PatchDataset
from mammo_plugins.datasets.pipeline import named_steps
from mammo_plugins.engine.classes import check_classes
from mammo_plugins.engine.loops.stages import stages_of
from mammo_plugins.evaluation.metrics import metrics_of
from mammo_plugins.models import MalignancyClassifier
from mammo_plugins.registry import EVALUATOR, MODELS

STAGED = ['mamminet_v2.py', 'mamminet_v2_phantom.py', 'momminet/momminet-v1_ddsm.py']
CONFIGS = sorted(
    {
        *STAGED,
        *(
            f'{folder}/{name}.py'
            for folder in ('baselines', 'momminet')
            for name in configs_of(folder)
        ),
    }
)
# these are configs as they are
ROWS = rows_of(
    'momminet', 'hrnet', 'faster_rcnn', 'bidualnet', 'ipsidualnet', 'momminet'
)
# a row, and what its config at paper scale is called
LARGE = {
    'bidualnet_stage1': 'bidualnet-v2_concat-stage1',
    'bidualnet_stage2': 'bidualnet-v2_concat-stage2',
    'ipsidualnet_no_relation': 'ipsidualnet-v2_no-relation',
    'ipsidualnet_shape_location': 'ipsidualnet-v2_shape-location',
    'ipsidualnet_image_centre': 'ipsidualnet-v2_image-centre',
    'ipsidualnet_bilateral': 'ipsidualnet-v2_bilateral',
    'ipsidualnet_none_key': 'ipsidualnet-v2_none-key',
}


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mammo'):
        yield


def config(name):
    """A config file, or a row of the ablation."""
    return read(name) if name in CONFIGS else row('momminet', name)


def chosen(dataset):
    """Three patches; of images, two with lesions and one without."""
    if isinstance(dataset, PatchDataset):
        return [dataset[i] for i in range(3)]
    has = [bool(dataset.get_cat_ids(i)) for i in range(len(dataset))]
    return [
        dataset[i] for i in [i for i, h in enumerate(has) if h][:2] + [has.index(False)]
    ]


@pytest.mark.parametrize('name', CONFIGS + ROWS)
def test_learns_and_predicts(name, phantom_root):
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = config(name)
    model = MODELS.build(cfg.model)
    check_classes(cfg, model, ['train', 'val', 'test'])
    model.init_weights()
    stages = stages_of(cfg)
    assert bool(stages) == (name in STAGED or name == 'momminet_binary')
    for stage in stages or [None]:
        loader = cfg.train_dataloader if stage is None else stage.train_dataloader
        if stage is not None:
            model.start_stage(stage.name)
        model.train()
        if loader['batch_size'] == 1:  # statistics of one image are not the next's
            assert not batch_norms_that_learn(model)
        model.zero_grad()
        learn(
            model,
            chosen(built(on_phantom(loader['dataset'], phantom_root))),
            None if stage is None else stage.name,
        )
    if stages:
        model.start_stage(None)
    tested = built(on_phantom(cfg.test_dataloader.dataset, phantom_root))
    found = predicted(model, tested[0])
    known = set(found.metainfo_keys())
    if isinstance(model, MalignancyClassifier):
        assert 0 <= found.malignancy <= 1 and 0 <= found.birads_score <= 1
        assert {'patient_id', 'patch_box', 'iou'} <= known
        return
    assert found.pred_instances.bboxes.shape[1] == 4
    assert torch.isfinite(found.pred_instances.bboxes).all()
    assert {'canonical_frame', 'patient_id', 'exam_id'} <= known


@pytest.mark.parametrize('path', STAGED)
def test_malignancy_is_validated_as_it_is_tested(path):
    """On what the system detects, and once there is a classifier to judge it."""
    cfg = read(path)
    assert {stage.name: stage.val_evaluator for stage in stages_of(cfg)} == dict(
        ipsilateral=None, bilateral=None, fusion=None, malignancy=cfg.test_evaluator
    )
    assert metrics_of(cfg.test_evaluator) == [
        *metrics_of(cfg.val_evaluator),
        dict(type='MalignancyMetric'),
    ]
    assert [metric.type for metric in metrics_of(cfg.val_evaluator)] == ['FROCMetric']


def test_a_stage_is_validated_by_what_it_can_give(phantom_root):
    cfg = read('mamminet_v2_phantom.py')
    dataset = built(on_phantom(cfg.val_dataloader.dataset, phantom_root))
    model = MODELS.build(cfg.model).eval()
    for stage in stages_of(cfg):
        model.start_stage(stage.name)
        with torch.no_grad():
            samples = model.test_step(pseudo_collate([dataset[0], dataset[1]]))
        evaluator = EVALUATOR.build(
            copy.deepcopy(stage.val_evaluator or cfg.val_evaluator)
        )
        evaluator.dataset_meta = dataset.metainfo
        evaluator.process(samples)
        found = evaluator.evaluate(len(samples))
        assert 'froc/recall@1.0' in found
        assert ('malignancy/auc' in found) == (stage.name == 'malignancy')


@pytest.mark.parametrize('path', STAGED)
def test_patches_are_cut_from_what_the_detectors_see(path, phantom_root):
    """And the detections of the training part are found as those of the test part."""
    cfg = read(path)
    (stage,) = [stage for stage in stages_of(cfg) if stage.name == 'malignancy']
    steps = stage.train_dataloader['dataset']['pipeline']
    seen = named_steps(cfg.train_dataloader.dataset.pipeline)['load'].transforms
    assert (steps.image, steps.resize) == (seen.image, seen.resize)
    assert steps.crop.size == cfg.model.test_cfg.patch_size
    ours, theirs = (
        built(on_phantom(dataset, phantom_root))
        for dataset in (
            stage.detections['dataloader']['dataset'],
            cfg.test_dataloader.dataset,
        )
    )
    assert len(ours) == len(theirs)
    one, other = ours[1]['inputs'], theirs[1]['inputs']
    assert set(one) == set(other) == {'main', 'ipsilateral', 'bilateral'}
    assert all(torch.equal(one[view], other[view]) for view in one)


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if 'momminet/malignancy' not in path]
)
def test_normal_images_are_trained_on(path):
    cfg = read(path)
    assert cfg.default_scope == 'mammo'
    assert cfg.train_dataloader.dataset.filter_cfg.filter_empty_gt is False


@pytest.mark.parametrize(
    'small, large',
    [
        (
            'baselines/faster-rcnn_hrnetv2p-w8_phantom',
            'baselines/faster-rcnn_hrnetv2p-w48_ddsm',
        ),
        ('mamminet_v2_phantom', 'mamminet_v2'),
        ('momminet/ipsidualnet-v2_phantom', 'momminet/ipsidualnet-v2_ddsm'),
        ('momminet/bidualnet-v2_phantom', 'momminet/bidualnet-v2_ddsm'),
        ('momminet/nipple-detector_phantom', 'momminet/nipple-detector_r50_fpn_ddsm'),
    ],
)
def test_small_and_large_differ_only_in_size(small, large):
    """The phantom's model has the same parts as the paper's."""
    small, large = (read(f'{name}.py') for name in (small, large))
    for model in (small.model, small.model.get('ipsilateral', {})):
        if model.get('backbone', {}).get('type') == 'NarrowStemHRNet':
            model.backbone.type = 'HRNet'  # whose stem has one width
    assert kinds(small.model) == kinds(large.model)
    for loader in ('train_dataloader', 'test_dataloader'):
        ours, theirs = (kinds(cfg[loader].dataset.pipeline) for cfg in (small, large))
        assert ours == theirs


@pytest.mark.parametrize('name', LARGE)
def test_rows_are_the_configs_of_the_paper(name):
    """What a row of the phantom changes, its config at paper scale changes too."""
    system = LARGE[name].partition('_')[0]
    cfg, base = (read(f'momminet/{n}_ddsm.py') for n in (LARGE[name], system))
    ours, theirs = row('momminet', name), read(f'momminet/{system}_phantom.py')
    keys = ('model', *(f'{part}_dataloader' for part in ('train', 'val', 'test')))
    changed = {key: list(differences(base[key], cfg[key])) for key in keys}
    assert changed['model']
    for key, fields in changed.items():
        assert set(differences(theirs[key], ours[key])) == set(fields)
        for field in fields:
            # () here is [] there
            assert str(setting_at(ours[key], field)).strip('()[],') == str(
                setting_at(cfg[key], field)
            ).strip('()[],')


def test_malignancy_without_birads_is_the_config_of_the_paper():
    """Section 4.2: a loss of biopsies alone, in the system and in the classifier."""
    ours = row('momminet', 'momminet_binary').model.malignancy.head.loss
    theirs = read('momminet/malignancy_densenet121_ddsm_binary.py').model.head.loss
    assert ours.type == theirs.type
    assert list(ours.weights) == list(theirs.weights) == [1.0, 0.0]


def test_every_row_is_tested():
    assert set(ROWS) == {*LARGE, 'bidualnet_features', 'momminet_binary'}


def test_parts_of_the_system_are_the_configs_of_one_part():
    """A branch that was trained by itself fits into the system."""
    whole = read('mamminet_v2.py').model
    for part, name in (
        ('ipsilateral', 'ipsidualnet-v2_ddsm'),
        ('bilateral', 'bidualnet-v2_ddsm'),
        ('malignancy', 'malignancy_densenet121_ddsm'),
    ):
        alone = read(f'momminet/{name}.py').model
        assert set(differences(whole[part], alone)) == {'data_preprocessor'}
    assert whole.test_cfg.map_to_boxes == whole.bilateral.test_cfg
