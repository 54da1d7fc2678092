"""What a data loader's worker holds does not grow over epochs."""

import re
import sys
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.data_benchmark import with_cache
from mammo_plugins.registry import DATASETS

ROOT = Path(__file__).parents[2]


class Probed(Dataset):
    """Makes samples, and returns what its process holds alone, in KiB."""

    def __init__(self, dataset, keep=False):
        self.dataset = dataset
        self.kept = [] if keep else None

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        sample = self.dataset[index]
        if self.kept is not None:
            self.kept.append(sample)
        rollup = Path('/proc/self/smaps_rollup').read_text()
        return sum(int(size) for size in re.findall(r'Private_\w+:\s+(\d+)', rollup))


def growth(dataset, **options):
    """KiB from the end of the second epoch to that of the fourth."""
    loader = DataLoader(
        Probed(dataset, **options),
        batch_size=None,
        shuffle=True,
        num_workers=1,
        persistent_workers=True,
    )
    ends = [list(loader)[-1] for _ in range(4)]
    return ends[3] - ends[1]


def build(config, root, cache):
    cfg = load_config(
        str(ROOT / 'configs' / config),
        {'train_dataloader.dataset.data_root': f'{root}/'},
    )
    settings = cfg.train_dataloader.dataset
    settings.pipeline = with_cache(settings.pipeline, str(cache))
    with DATASETS.switch_scope_and_registry('mammo'):
        return DATASETS.build(settings)


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells by /proc')
@pytest.mark.parametrize(
    'config',
    [
        'baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
        'mamminet_v2_phantom.py',
        'momminet/malignancy_densenet_phantom.py',
    ],
)
def test_a_worker_stays_as_it_is(config, phantom_root, tmp_path):
    """Single views, registered ones and patches."""
    dataset = build(config, phantom_root, tmp_path / 'cache')
    assert growth(dataset) < 512


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells by /proc')
def test_it_would_be_seen(phantom_root, tmp_path):
    """Images of 128 x 64 pixels, that a worker keeps."""
    dataset = build('mamminet_v2_phantom.py', phantom_root, tmp_path / 'cache')
    assert growth(dataset, keep=True) > 2048
