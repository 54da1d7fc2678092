"""Which inferencer a config has, and one of somebody else's making."""

import copy
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from config_runs import CONFIGS, files_of
from mmengine import registry as roots
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mammo_plugins.apis import (
    BreastInferencer,
    DetectionInferencer,
    ExamInferencer,
    PairInferencer,
    WholeExamInferencer,
    inferencer_type,
)
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.registry import MODELS

DETECTOR = CONFIGS / 'baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
EXAMS = CONFIGS / 'nafv/nafv-net_phantom.py'
BREASTS = CONFIGS / 'divf/divf-concatenate_r18_phantom.py'
PATCHES = CONFIGS / 'momminet/malignancy_densenet_phantom.py'
# what is predicted of the tasks in configs/_base_/tasks
TASKS = dict(
    breast=BreastInferencer,
    exam=WholeExamInferencer,
    mass_detection=DetectionInferencer,
    mass_segmentation=DetectionInferencer,
    nipple=DetectionInferencer,
    pair=PairInferencer,
    tri_view=DetectionInferencer,
)
# no tasks of exams: they make images, or judge patches of detections
OTHERS = {'blending', 'patches'}


def one_of_each():
    """A config of every folder, task and data set, with its task."""
    found = {}
    for path in sorted(CONFIGS.rglob('*.py')):
        bases = {file.relative_to(CONFIGS) for file in files_of(path)}
        tasks = {base.stem for base in bases if base.match('_base_/tasks/*')}
        data = {base.stem for base in bases if base.match('_base_/datasets/*')}
        if path.name != 'ablation.py' and '_base_' not in path.parts:
            (task,) = tasks
            found.setdefault((path.parent.name, task, *data), (path, task))
    return list(found.values())


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Returns the path of untrained weights of a config."""
    folder = tmp_path_factory.mktemp('weights')

    def save(config):
        path = folder / f'{Path(config).stem}.pth'
        if not path.exists():
            torch.manual_seed(0)
            with MODELS.switch_scope_and_registry('mammo'):
                model = MODELS.build(Config.fromfile(config).model)
            torch.save(dict(state_dict=model.state_dict()), path)
        return str(path)

    return save


def test_every_paper_has_its_inferencer():
    configs = one_of_each()
    papers = {path.parent.name for path in CONFIGS.glob('*/README.md')}
    assert {path.parent.name for path, _ in configs} == papers | {CONFIGS.name}
    assert {task for _, task in configs} == set(TASKS) | OTHERS
    for path, task in configs:
        if task not in OTHERS:
            assert inferencer_type(Config.fromfile(path)) is TASKS[task], path


@pytest.mark.parametrize('scope', ['mammo', 'mmdet', 'mmpretrain'])
def test_the_registry_has_them(scope, checkpoint):
    with DefaultScope.overwrite_default_scope(scope):
        for task in set(TASKS.values()):
            assert roots.INFERENCERS.get(f'mammo.{task.__name__}') is task
        built = roots.INFERENCERS.build(
            dict(
                type='mammo.BreastInferencer',
                config=str(BREASTS),
                checkpoint=checkpoint(BREASTS),
                device='cpu',
            )
        )
    assert type(built) is BreastInferencer


def test_exam_inferencer_finds_its_task(checkpoint):
    weights = checkpoint(BREASTS)
    found = ExamInferencer(config=BREASTS, checkpoint=weights, device='cpu')
    assert type(found) is BreastInferencer
    assert type(copy.copy(found)) is BreastInferencer
    with pytest.raises(ConfigError, match="target: 'breast'; PairInferencer needs"):
        PairInferencer(BREASTS, weights, device='cpu')


@pytest.mark.parametrize(
    'settings, said',
    [
        (
            dict(inferencer=dict(type='Nobodys')),
            "'Nobodys'}; expected the type of an Exam",
        ),
        (dict(inferencer=dict(type='mmdet.DetInferencer')), 'custom_imports'),
        (dict(inferencer=dict(type='BreastInferencer', thr=1)), 'and nothing else'),
        (dict(inferencer='BreastInferencer'), "dict(type='DetectionInferencer')"),
        (dict(inferencer=dict(type='')), 'expected the type of an ExamInferencer'),
        (dict(inferencer=dict(type=int)), 'expected the type of an ExamInferencer'),
        (dict(inferencer=dict(type=ExamInferencer)), 'expected the type of an'),
        (dict(test_dataloader=dict(dataset=dict(target='knee'))), "'knee' has no"),
        (dict(test_dataloader=None), 'no test_dataloader'),
    ],
)
def test_a_config_without_a_task(settings, said):
    cfg = Config.fromfile(DETECTOR)
    cfg.merge_from_dict(settings)
    with pytest.raises(ConfigError) as error:
        inferencer_type(cfg)
    assert DETECTOR.name in str(error.value) and said in str(error.value)


def test_a_config_may_name_its_inferencer(tmp_path, capsys):
    config = tmp_path / 'mine.py'
    config.write_text(
        f"_base_ = {str(DETECTOR)!r}\ninferencer = dict(type='BreastInferencer')\n"
    )
    named = [
        load_config(str(config)),
        load_config(str(DETECTOR), {'inferencer.type': 'BreastInferencer'}),
        Config.fromfile(DETECTOR),
    ]
    named[-1].inferencer = dict(type=BreastInferencer)
    assert [inferencer_type(cfg) for cfg in named] == [BreastInferencer] * 3
    assert not capsys.readouterr().err
    with pytest.raises(ConfigError, match='--cfg-options inferencer: 3; expected a'):
        load_config(str(DETECTOR), {'inferencer': 3})


@pytest.mark.parametrize(
    'change',
    [
        lambda pipeline: pipeline.update(pack=None),
        lambda pipeline: pipeline.pack.update(type='PackMultiViewInputs'),
        lambda pipeline: pipeline.__setitem__(
            'pack', dict(type='RandomApply', prob=1, transforms=[pipeline.pack])
        ),
        lambda pipeline: pipeline.pack.update(views=()),
    ],
)
def test_a_pipeline_that_does_not_say_which_views_are_needed(checkpoint, change):
    cfg = Config.fromfile(EXAMS)
    change(cfg.test_dataloader.dataset.pipeline)
    with pytest.raises(
        ConfigError,
        match=f'{EXAMS.name}: test_dataloader.dataset.pipe'
        'line: no PackExamInputs with views',
    ):
        ExamInferencer(cfg, checkpoint(EXAMS), device='cpu')


@pytest.mark.parametrize('config, kind', [(DETECTOR, 'CocoDataset'), (PATCHES, None)])
def test_a_data_set_that_no_files_make(checkpoint, config, kind):
    cfg = Config.fromfile(config)
    if kind:
        cfg.test_dataloader.dataset.update(type=kind, metainfo=dict(classes=('mass',)))
    with pytest.raises(ConfigError, match='dataset.type: .*expected an ExamDataset'):
        ExamInferencer(cfg, checkpoint(config), device='cpu')


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A config with a task in a module of its own."""
    (tmp_path / 'my_task.py').write_text('''
from mammo_plugins.apis import ExamInferencer
from mammo_plugins.registry import INFERENCERS


@INFERENCERS.register_module(force=True)
class WorseSide(ExamInferencer):
    """Which breast is the worse."""

    def postprocess(self, exam, predictions):
        worst = max(predictions, key=lambda sample: float(sample.pred_score[1]))
        names = [exam.name_of(view) for view in (worst.get(n) for n in worst.view_names)]
        return dict(worse=names[0][0],
                    views=self.view_entries(exam, predictions,
                                            {name: dict(worse=True) for name in names},
                                            {names[0]: 'a remark of mine'}))

    def visualize(self, exam, predictions, entry, out_dir, score_thr):
        entry['worse_figure'] = f'{exam.key}_{score_thr}.png'
        (out_dir / entry['worse_figure']).write_text(entry['worse'])
''')
    config = tmp_path / 'mine.py'
    config.write_text(
        f'_base_ = {str(BREASTS)!r}\n'
        "custom_imports = dict(imports=['my_task'])\n"
        "inferencer = dict(type='WorseSide')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'my_task', raising=False)
    return config


def test_a_new_task_is_one_file(mine, checkpoint, phantom_root, tmp_path, run_tool):
    """Through the command; it goes on where it was stopped, as of any task."""
    exam = phantom_root / 'dicom/phantom_0001'
    out = tmp_path / 'out'
    words = (
        'tools/infer.py',
        mine,
        checkpoint(BREASTS),
        exam,
        '--out',
        out,
        '--score-thr',
        '0.5',
        '--device',
        'cpu',
    )
    done = run_tool(*words)
    assert done.returncode == 0, done.err[-2000:]
    assert '1 exam, 4 views' in done.out and ': a remark of mine' in done.out
    result = json.loads((out / 'predictions.json').read_text())
    theirs = ExamInferencer(BREASTS, checkpoint(BREASTS), device='cpu')(exam)
    (entry,), (known,) = result['exams'], theirs['exams']
    worst = max(known['breasts'], key=lambda breast: breast['malignancy'])
    assert list(entry) == ['exam_id', 'warnings', 'worse', 'views', 'worse_figure']
    assert entry['worse'] == worst['laterality']
    assert (out / entry['worse_figure']).read_text() == entry['worse']
    for view, other in zip(entry['views'], known['views']):
        assert view.get('worse', False) == (view['laterality'] == entry['worse'])
        assert view['file'] == other['file'] and 'malignancy' not in view
    before = (out / 'predictions.json').read_bytes()
    figure = out / entry['worse_figure']
    figure.unlink()
    again = run_tool(*words)
    assert (
        '1 exam of this run done already; skipped if the files are unchanged'
        in again.out
    )
    assert figure.is_file() and (out / 'predictions.json').read_bytes() == before


def test_no_annotation_file_is_written(checkpoint, phantom_root, monkeypatch):
    """The data set of an exam is made in memory; only pixels are kept on disk."""
    inferencer = ExamInferencer(BREASTS, checkpoint(BREASTS), device='cpu')
    preprocess, forward = inferencer.preprocess, inferencer.forward
    exams, seen = [], []

    def remembering(exam):
        exams.append(exam)
        return preprocess(exam)

    def looking(data):
        folder = exams[-1].loader.cache.folder
        seen.append({path.suffix for path in folder.rglob('*') if path.is_file()})
        return forward(data)

    monkeypatch.setattr(inferencer, 'preprocess', remembering)
    monkeypatch.setattr(inferencer, 'forward', looking)
    inferencer(phantom_root / 'dicom/phantom_0001')
    assert seen == [{'.u16'}]
    assert not exams[0].loader.cache.folder.exists()


@pytest.mark.parametrize('score', [0.23456749, 0.23456751, 0.2])
def test_a_detection_is_shown_from_its_own_score(score, monkeypatch):
    """Also where the threshold is that of ``froc.json``, with all its digits."""
    shown = {}
    monkeypatch.setattr(
        DetectionInferencer,
        'draw_views',
        lambda self, exam, panels, *_: shown.update(panels),
    )
    inferencer = DetectionInferencer.__new__(DetectionInferencer)
    inferencer.classes = ('mass',)
    found = InstanceData(
        bboxes=np.array([[0.0, 0, 2, 2]]),
        labels=np.array([0]),
        scores=np.array([score]),
    )
    frame = SimpleNamespace(matrix=np.eye(3))
    exam = SimpleNamespace(views=['RCC'], load=lambda name: (np.zeros((4, 4)), frame))
    said = dict(views=[dict(detections=[inferencer._detection(found, None)])])
    for threshold, number in ((score, 1), (score + 2e-6, 0)):
        inferencer.visualize(exam, [], said, Path(), threshold)
        assert len(shown['RCC'].scores) == number
