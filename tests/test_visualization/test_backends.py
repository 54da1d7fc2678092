"""What arrives at TensorBoard, MLflow and Weights & Biases of metrics and pictures."""

import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_plugins.apis.known_settings import unknown_settings
from mammo_plugins.apis.run_errors import explained
from mammo_plugins.registry import VISUALIZERS

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
METRICS = {'froc/recall@0.5': 0.25, 'loss': 1.5, 'undefined': None}


def visualizer(backends, save_dir):
    """The visualizer of a config's line, as a runner builds it."""
    cfg = Config(
        dict(visualizer=dict(type='MammogramVisualizer', vis_backends=backends))
    )
    cfg.default_scope = 'mammo'
    assert not [*unknown_settings(cfg)]
    with DefaultScope.overwrite_default_scope('mammo'):
        return VISUALIZERS.build(
            dict(cfg.visualizer, name=str(save_dir), save_dir=str(save_dir))
        )


def log(made, steps=2):
    for step in range(1, steps + 1):
        made.add_image('val_sample_1', PICTURE, step)
        made.add_scalars(dict(METRICS), step)
    made.close()


def test_tensorboard_gets_pictures_and_metrics(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.warns(UserWarning, match='NoneType'):
        log(visualizer('TensorboardVisBackend', tmp_path))
    read = EventAccumulator(str(tmp_path / 'vis_data')).Reload()
    assert [e.step for e in read.Scalars('froc/recall@0.5')] == [1, 2]
    pictures = read.Images('val_sample_1')
    assert [e.step for e in pictures] == [1, 2]
    encoded = np.frombuffer(pictures[0].encoded_image_string, np.uint8)
    assert (cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1] == PICTURE).all()


def test_mlflow_gets_what_it_would_refuse(tmp_path, monkeypatch):
    """Names with @, settings beyond its limits, a picture each step; and no file."""
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    (tmp_path / 'secret.log').write_text('Secretname')
    made = visualizer(['LocalVisBackend', 'MLflowVisBackend'], tmp_path)
    cfg = Config(
        dict(
            work_dir=str(tmp_path),
            mixed=[dict(a=1), 'text', [dict(b=2)]],
            long='x' * 7000,
            many={f'{k}@': k for k in range(130)},
        )
    )
    made.add_config(cfg)
    log(made)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f'file://{tmp_path / "vis_data"}')
    (experiment,) = client.search_experiments()
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == 'FINISHED'
    assert run.data.metrics == {'froc/recall_at_0.5': 0.25, 'loss': 1.5}
    history = client.get_metric_history(run.info.run_id, 'froc/recall_at_0.5')
    assert [each.step for each in history] == [1, 2]
    assert run.data.params['mixed.0.a'] == '1' and run.data.params['mixed.2.0.b'] == '2'
    assert run.data.params['many.129_at_'] == '129'
    folder = client.download_artifacts(run.info.run_id, '')
    files = {
        str(p.relative_to(folder)): p for p in Path(folder).rglob('*') if p.is_file()
    }
    assert {*files} == {
        'config.py',
        'val_sample_1/000001.png',
        'val_sample_1/000002.png',
    }
    shown = cv2.imread(str(files['val_sample_1/000002.png']))[..., ::-1]
    assert (shown == PICTURE).all()
    local = cv2.imread(str(tmp_path / 'vis_data/vis_image/val_sample_1_2.png'))
    assert (local[..., ::-1] == PICTURE).all()


def test_mlflow_goes_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://tracking.example:5000')
    (backend,) = visualizer('MLflowVisBackend', tmp_path)._vis_backends.values()
    assert backend._tracking_uri == 'http://tracking.example:5000'
    named = dict(type='MLflowVisBackend', tracking_uri='file:///a')
    (backend,) = visualizer(named, tmp_path / 'b')._vis_backends.values()
    assert backend._tracking_uri == 'file:///a'


def test_wandb_is_asked_for_no_code_and_no_console(tmp_path, monkeypatch):
    """A stand-in: offline too, starting its service takes three seconds."""
    wandb = MagicMock()
    wandb.Image = lambda picture, caption: SimpleNamespace(pixels=picture)
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    asked = dict(type='WandbVisBackend', init_kwargs=dict(project='masses'))
    made = visualizer(asked, tmp_path)
    made.add_config(Config(dict(lr=0.1)))
    log(made, steps=1)
    (init,) = wandb.init.call_args_list
    assert init.kwargs['project'] == 'masses'
    assert init.kwargs['settings'] == dict(console='off', save_code=False)
    assert init.kwargs['dir'] == str(tmp_path / 'vis_data')
    wandb.config.update.assert_called_once_with(dict(lr=0.1), allow_val_change=False)
    wandb.run.log_code.assert_not_called()
    picture, metrics = wandb.log.call_args_list
    # one step: the picture waits for the metrics of its validation
    assert not picture.kwargs['commit'] and metrics.kwargs['commit']
    assert (picture.args[0]['val_sample_1'].pixels == PICTURE).all()
    assert metrics.args[0]['loss'] == 1.5


def test_wandb_uploads_code_where_it_is_named(tmp_path, monkeypatch):
    wandb = MagicMock()
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    named = dict(type='WandbVisBackend', log_code_name='ours')
    visualizer(named, tmp_path).add_config(Config(dict(lr=0.1)))
    wandb.run.log_code.assert_called_once_with(name='ours')


@pytest.mark.parametrize(
    'backend, module, package',
    [
        ('TensorboardVisBackend', 'torch.utils.tensorboard', 'tensorboard'),
        ('MLflowVisBackend', 'mlflow', 'mlflow'),
        ('WandbVisBackend', 'wandb', 'wandb'),
        ('ClearMLVisBackend', 'clearml', 'clearml'),
        ('AimVisBackend', 'aim', 'aim'),
        ('NeptuneVisBackend', 'neptune', 'neptune'),
    ],
)
def test_an_absent_package_is_named_with_the_cure(
    backend, module, package, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as raised:
        visualizer(backend, tmp_path).add_config(Config(dict(lr=0.1)))
    assert explained(raised.value).startswith(
        f'visualizer.vis_backends: {package} is not installed, which a backend needs: '
        f'pip install {package}, '
    )


def test_other_import_errors_are_not_taken_for_it():
    assert explained(ImportError("cannot import name 'a' from 'b'")) is None
