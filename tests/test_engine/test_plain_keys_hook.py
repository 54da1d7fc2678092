"""Names of weights in checkpoints of wrapped parts."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mammo_plugins.engine.checkpoint import check_state_dict
from mammo_plugins.engine.hooks import PlainKeysHook


@MODEL_WRAPPERS.register_module()
class Wrapping(nn.Module):
    """As DistributedDataParallel, without processes."""

    def __init__(self, module):
        super().__init__()
        self.module = module


class Gan(nn.Module):
    def __init__(self, wrapped):
        super().__init__()
        parts = nn.Linear(3, 2), nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.generator, self.discriminator = (
            Wrapping(part) if wrapped else part for part in parts
        )


def saved(model):
    checkpoint = dict(state_dict=model.state_dict(), meta={})
    PlainKeysHook().before_save_checkpoint(SimpleNamespace(model=model), checkpoint)
    return checkpoint


@pytest.mark.parametrize('before', [True, False])
@pytest.mark.parametrize('after', [True, False])
@pytest.mark.parametrize('whole', [True, False])
def test_any_number_of_processes_goes_on(before, after, whole):
    torch.manual_seed(0)
    one = Gan(before)
    checkpoint = saved(one)
    assert list(checkpoint['state_dict']) == list(Gan(False).state_dict())
    check_state_dict(Gan(after), checkpoint, 'a.pth')
    other = Gan(after)
    runner = SimpleNamespace(model=Wrapping(other) if whole else other)
    PlainKeysHook().after_load_checkpoint(runner, checkpoint)
    other.load_state_dict(checkpoint['state_dict'])  # strict
    for a, b in zip(one.parameters(), other.parameters()):
        assert torch.equal(a, b)
