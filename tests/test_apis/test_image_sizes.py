"""Parts of a run that see images at different scales are told."""

import pytest
from config_runs import CONFIGS

from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.image_sizes import warn_of_sizes

RESIZE = 'train_dataloader.dataset.pipeline.load.transforms.resize.max_height'


@pytest.mark.parametrize(
    'name', ['mamminet_v2.py', 'mamminet_v2_phantom.py', 'nafv/nafv-net_cdd-cesm.py']
)
def test_shipped_configs_are_of_one_size(name, capsys):
    warn_of_sizes(load_config(str(CONFIGS / name)))
    assert not capsys.readouterr().err


def test_a_stage_with_a_pipeline_of_its_own(capsys):
    """The patches of the last stage would be cut at the old scale."""
    warn_of_sizes(load_config(str(CONFIGS / 'mamminet_v2.py'), {RESIZE: 2000}))
    said = capsys.readouterr().err
    assert (
        '2000 x 1500 in train_cfg.stages.ipsilateral.train_dataloader.dataset' in said
    )
    wrong = said[said.index('3000 x 1500') :]
    assert 'stages.malignancy.train_dataloader' in wrong
    assert 'val_dataloader' in wrong
    assert 'max_height and max_width' in wrong
