"""A detector and an archive that are small, and quick."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.exam_indexing import index_exams

CONFIG = (
    Path(__file__).parents[3] / 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
)


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
    """The path of a checkpoint of ``CONFIG``, not trained."""
    cfg = Config.fromfile(CONFIG)
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model)
    path = tmp_path_factory.mktemp('checkpoint') / 'a.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def one_box(data):
    """Predict a box whose score tells the pixels, in place of a network."""
    (sample,), (image,) = data['data_samples'], data['inputs']
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[10.0, 20.0, 16.0, 28.0]]),
        scores=image.double().mean(dtype=torch.double)[None] % 1,
        labels=torch.tensor([0]),
    )
    return [sample]


@pytest.fixture(scope='session')
def inferencer(checkpoint):
    """A detector whose answers depend on the pixels, without a network's work."""
    made = ExamInferencer(CONFIG, checkpoint, device='cpu')
    made.model.test_step = one_box
    return made


@pytest.fixture
def archive(phantom_root, tmp_path):
    """Eight exams: one has a view cut short, one no view that is whole."""
    root = tmp_path / 'archive'
    shutil.copytree(phantom_root / 'dicom', root)
    for name in ('phantom_0002/L_CC.dcm', 'phantom_0004/*.dcm'):
        for path in root.glob(name):
            path.write_bytes(path.read_bytes()[:-2000])
    (root / 'readme.txt').write_text('no image')
    return root


@pytest.fixture
def index(archive, tmp_path):
    """The path of the archive's index."""
    index_exams(archive, tmp_path / 'exams.jsonl')
    return tmp_path / 'exams.jsonl'
