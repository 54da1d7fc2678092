"""Several checkpoints and flips in inference and tests."""

import json
import shutil

import numpy as np
import pytest
import torch
from config_runs import CONFIGS, read
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.ensembles import refuse_repeated, trained_flips
from mammo_plugins.apis.trained_model import TrainedModel
from mammo_plugins.apis.work_dir import tested as noting_the_test
from mammo_plugins.engine.checkpoint import CheckpointError
from mammo_plugins.evaluation.functional import weighted_boxes_fusion
from mammo_plugins.io import file_sha256
from mammo_plugins.registry import MODELS

DETECTOR = CONFIGS / 'baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
BREASTS = CONFIGS / 'divf/divf-concatenate_r18_phantom.py'


def checkpoints_of(config, folder, count=2):
    """Random weights of several seeds."""
    paths = []
    for seed in range(count):
        torch.manual_seed(seed)
        with MODELS.switch_scope_and_registry('mammo'):
            model = MODELS.build(Config.fromfile(config).model)
        paths.append(folder / f'seed_{seed}.pth')
        torch.save(dict(state_dict=model.state_dict()), paths[-1])
    return paths


@pytest.fixture(scope='module')
def detectors(tmp_path_factory):
    return checkpoints_of(DETECTOR, tmp_path_factory.mktemp('detectors'))


@pytest.mark.parametrize(
    'config, flips',
    [
        ('mamminet_v2.py', ['horizontal', 'vertical']),
        ('baselines/faster-rcnn_hrnetv2p-w8_phantom.py', ['horizontal', 'vertical']),
        ('momminet/nipple-detector_phantom.py', ['vertical']),
    ],
)
def test_flips_are_those_of_training(config, flips):
    assert trained_flips(read(config)) == flips


@pytest.mark.parametrize(
    'config',
    [
        'divf/divf-concatenate_r18_phantom.py',
        'disasym/disasymnet_phantom.py',
        'nafv/nafv-net_phantom.py',
    ],
)
def test_flips_that_mean_nothing(config):
    """Breasts, pairs and exams are never flipped: no model of one knows such."""
    with pytest.raises(ConfigError, match='no RandomFlip in train_dataloader'):
        trained_flips(read(config))


def test_a_flip_of_probability_0_is_none():
    step = dict(type='mmdet.RandomFlip', prob=0.0, direction='vertical')
    cfg = Config(dict(train_dataloader=dict(dataset=dict(pipeline=[step]))))
    with pytest.raises(ConfigError):
        trained_flips(cfg)
    step.update(prob=[0.2, 0.2], direction=['diagonal', 'horizontal'])
    cfg = Config(dict(train_dataloader=dict(dataset=dict(pipeline=[step]))))
    assert trained_flips(cfg) == ['horizontal', 'diagonal']


def test_detectors_are_fused(detectors):
    """As each alone and the fusion of what both say, flipped images by hand."""
    image = torch.rand(1, 128, 64, generator=torch.Generator().manual_seed(0))

    def found(model, image):
        sample = DetDataSample(
            metainfo=dict(
                img_shape=(128, 64),
                ori_shape=(256, 128),
                scale_factor=(0.5, 0.5),
                img_id=0,
            )
        )
        data = pseudo_collate([dict(inputs=image, data_samples=sample)])
        with torch.no_grad():
            (sample,) = model.test_step(data)
        return sample.pred_instances.cpu().numpy()

    cfg = Config.fromfile(DETECTOR)
    both = TrainedModel(cfg, detectors[0], 'cpu', ensemble=detectors[1:], tta='flip')
    alone = [TrainedModel(cfg, path, 'cpu').model for path in detectors]
    boxes, scores = [], []
    for dims in ((), (2,), (1,)):
        for model in alone:
            each = found(model, image.flip(dims))
            x1, y1, x2, y2 = each.bboxes.T
            if dims == (2,):
                x1, x2 = 128 - x2, 128 - x1
            if dims == (1,):
                y1, y2 = 256 - y2, 256 - y1
            boxes.append(np.stack([x1, y1, x2, y2], axis=1))
            scores.append(each.scores)
    expected = weighted_boxes_fusion(boxes, scores, [np.zeros(len(s)) for s in scores])
    together = found(both.model, image)
    assert len(expected.scores) > 3
    np.testing.assert_allclose(together.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(together.bboxes, expected.boxes, atol=1e-3)


def test_breasts_are_averaged(phantom_root, tmp_path):
    paths = checkpoints_of(BREASTS, tmp_path)
    source = sorted((phantom_root / 'dicom').iterdir())[0]
    shutil.copytree(source, tmp_path / 'exam')

    def malignancies(*args, **kwargs):
        inferencer = ExamInferencer(BREASTS, *args, device='cpu', **kwargs)
        (exam,) = inferencer(tmp_path / 'exam')['exams']
        return [each['malignancy'] for each in exam['breasts'] + exam['views']]

    mean = np.mean([malignancies(path) for path in paths], axis=0)
    found = malignancies(paths[0], ensemble=paths[1:])
    np.testing.assert_allclose(found, mean, atol=2e-6)
    with pytest.raises(ConfigError, match='--tta flip'):
        malignancies(paths[0], tta='flip')
    with pytest.raises(CheckpointError, match='no such checkpoint'):
        malignancies(paths[0], ensemble=[tmp_path / 'none.pth'])


def test_results_of_another_ensemble_are_not_mixed(detectors):
    """What names a run changes with all that takes part."""
    runs = []
    for options in (
        dict(),
        dict(tta='flip'),
        dict(ensemble=[detectors[1]]),
        dict(ensemble=[detectors[1]], tta='flip'),
    ):
        inferencer = ExamInferencer(DETECTOR, detectors[0], 'cpu', **options)
        runs.append(inferencer.run_key(['exam']))
    assert len(set(runs)) == 4
    assert inferencer.info()['ensemble'] == ['seed_1.pth']


def test_the_command_tests_an_ensemble(detectors, phantom_root, tmp_path, run_tool):
    """With another model and flips it finds something else than alone."""
    recalls = []
    for options in (
        [],
        ['--ensemble', detectors[1], '--tta', 'flip'],
    ):
        done = run_tool(
            'tools/test.py',
            DETECTOR,
            detectors[0],
            *options,
            '--work-dir',
            tmp_path,
            '--cfg-options',
            f'test_dataloader.dataset.data_root={phantom_root}',
            'test_dataloader.num_workers=0',
            'test_evaluator.n_bootstrap=0',
        )
        assert done.returncode == 0, done.err
        froc = json.loads((tmp_path / 'test/froc.json').read_text())
        recalls.append([froc['counts']['detections'], *froc['samples']['score']])
    assert recalls[0] != recalls[1]
    assert froc['tested'] == dict(
        score='views.detections.score',
        checkpoint=[path.name for path in detectors],
        checkpoint_sha256=[*map(file_sha256, detectors)],
        tta='flip',
        part=[str(phantom_root / 'annotations/test.json')],
        part_sha256=[file_sha256(phantom_root / 'annotations/test.json')],
    )
    assert (tmp_path / 'test/froc_reliability.png').is_file()
    note = json.loads((tmp_path / 'tested.json').read_text())
    assert note['ensemble'] == ['seed_1.pth'] and note['tta'] == 'flip'
    missing = run_tool(
        'tools/test.py', DETECTOR, detectors[0], '--ensemble', tmp_path / 'none.pth'
    )
    assert missing.returncode == 2 and 'none.pth: no such checkpoint' in missing.err


@pytest.mark.parametrize('count', [1, 2])
def test_a_checkpoint_twice_is_refused(tmp_path, run_tool, count):
    """By its content, wherever in the list: a copy has another name."""
    paths = [tmp_path / f'{name}.pth' for name in 'abc']
    for path, text in zip(paths, ('x', 'xy'[count - 1], 'y')):
        path.write_text(text)
    refuse_repeated(paths[:1])
    first, second = (paths[0], paths[1]) if count == 1 else (paths[1], paths[2])
    said = f'{second} has the same content as {first}'
    with pytest.raises(ConfigError, match=said):
        refuse_repeated(paths)
    with pytest.raises(ConfigError, match='has the same content'):
        refuse_repeated([paths[0], paths[0]])
    for tool in ('tools/test.py', 'tools/calibrate.py'):
        done = run_tool(tool, DETECTOR, paths[0], '--ensemble', *paths[1:])
        assert done.returncode == 2 and said in done.err


def test_inference_refuses_a_checkpoint_twice(detectors):
    with pytest.raises(ConfigError, match='an ensemble needs different checkpoints'):
        TrainedModel(DETECTOR, detectors[0], 'cpu', ensemble=detectors)


def test_an_earlier_test_is_named_with_all_its_models(tmp_path, capsys):
    (tmp_path / 'test').mkdir()
    (tmp_path / 'test/froc.json').write_text('{}')
    cfg = Config(dict(work_dir=str(tmp_path)))
    with noting_the_test(cfg, 'a.pth', ['b.pth', 'c.pth'], 'flip'):
        pass
    capsys.readouterr()
    with noting_the_test(cfg, 'a.pth'):
        pass
    assert 'of a.pth, b.pth, c.pth with --tta flip by' in capsys.readouterr().out
