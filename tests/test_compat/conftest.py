"""The tests here are of the bridge; where mmcv has its own operators there is none."""

import pytest

from mammo_plugins.compat import mmcv_ops_status


@pytest.fixture(autouse=True)
def _bridged():
    status = mmcv_ops_status()
    if status.kind != 'bridged':
        pytest.skip(f'the operators of mmcv are {status.kind}, not bridged')
