"""Two processes of Ray, one of which is killed."""

import sys
from functools import partial

import archive_runs
import pytest

from mammo_plugins.apis.archive import by_ray, predict_index, ray_launcher
from mammo_plugins.apis.config_loading import ConfigError


def test_one_of_two_processes_is_killed(
    inferencer, checkpoint, index, tmp_path, monkeypatch
):
    """Ray starts it again; results and their order are those of one process."""
    import ray

    ray.cloudpickle.register_pickle_by_value(archive_runs)
    monkeypatch.setattr(ray_launcher, '_TASK', 1)
    options = dict(figures='none', workers=0)
    predict_index(inferencer, index, tmp_path / 'one', **options)
    (tmp_path / 'seen').mkdir()
    make = partial(archive_runs.mortal_detector, checkpoint, tmp_path / 'seen')
    result = predict_index(
        inferencer, index, tmp_path / 'two', run=by_ray(make, actors=2), **options
    )
    assert result['info']['complete'] and not ray.is_initialized()
    assert len(list((tmp_path / 'seen').glob('process_*'))) == 3
    assert len(list((tmp_path / 'seen').glob('death_*'))) == 1
    for name in ('predictions.json', 'predictions.jsonl'):
        one, two = ((tmp_path / run / name).read_bytes() for run in ('one', 'two'))
        assert one == two


def test_without_ray_the_cure_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ConfigError, match=r'pip install "mammo_plugins\[ray\]"'):
        by_ray(lambda: None)
