"""Fixtures that several packages' tests share."""
import os

# two workers share two cores: one thread each is fastest
os.environ.setdefault('OMP_NUM_THREADS', '1')

import pytest  # noqa: E402


@pytest.fixture(scope='session')
def phantom_root(tmp_path_factory):
    """A data set of eight tiny phantom exams, six to train and two to test."""
    from mammo_plugins.phantom import (PhantomConfig, PhantomDatasetConfig,
                                       write_phantom_dataset)
    root = tmp_path_factory.mktemp('data') / 'phantom'
    phantom = PhantomConfig(
        size=(128, 64), prevalence=0.75, lesion_diameter_mm=(15., 25.))
    write_phantom_dataset(
        root, PhantomDatasetConfig(exams=8, seed=3, phantom=phantom))
    return root
