"""Breasts that lesions are pasted into, loaded as a config loads them."""

import numpy as np
import pytest
from config_runs import on_phantom, read

from mammo_plugins.apis import loaded_breasts
from mammo_plugins.apis.config_loading import ConfigError

PLAIN, MIXED = (
    f'divf/divf-concatenate_r34_phantom{way}.py' for way in ('', '_synthesis')
)


@pytest.fixture
def config(phantom_root):
    """Return a config on the tiny phantom exams."""

    def load(path):
        cfg = read(path)
        for part in ('train', 'test'):
            loader = cfg[f'{part}_dataloader']
            loader.dataset = on_phantom(loader.dataset, phantom_root)
        return cfg

    return load


def test_wrapped_or_not(config):
    """Images are as large as in their files; nothing is pasted."""
    plain, mixed = (loaded_breasts(config(path)) for path in (PLAIN, MIXED))
    assert len(plain) == len(mixed) > 3
    for i in range(3):
        ours, theirs = plain[i]['views'], mixed[i]['views']
        assert set(ours) == set(theirs) == {'CC', 'MLO'}
        for name, view in ours.items():
            np.testing.assert_array_equal(view['img'], theirs[name]['img'])
            assert view['img'].shape != (256, 128)
        assert not {'synthesis', 'inputs'} & mixed[i].keys()


@pytest.mark.parametrize('path', [PLAIN, MIXED])
def test_packed_as_in_tests(config, path):
    cfg = config(path)
    packed = loaded_breasts(cfg, cfg.test_dataloader.dataset.pipeline)
    assert {
        view: tuple(image.shape) for view, image in packed[0]['inputs'].items()
    } == dict.fromkeys(('CC', 'MLO'), (1, 256, 128))


@pytest.mark.parametrize('path', [PLAIN, MIXED])
def test_breasts_without_labels_are_refused(config, path):
    cfg = config(path)
    dataset = cfg.train_dataloader.dataset
    dataset.get('dataset', dataset).labels = None
    with pytest.raises(ConfigError, match='not an ExamDataset of breasts with labels'):
        loaded_breasts(cfg)
