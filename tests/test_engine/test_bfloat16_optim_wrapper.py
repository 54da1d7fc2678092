import torch
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

import mammo_plugins  # noqa: F401


def wrapper(model, kind):
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return OPTIM_WRAPPERS.build(dict(type=kind, optimizer=sgd))


def test_products_are_in_bfloat16_and_weights_stay_in_float32():
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    inputs = torch.rand(5, 8)
    rounded = inputs.bfloat16() @ model.weight.bfloat16().T + model.bias.bfloat16()
    own = wrapper(model, 'mammo.BFloat16OptimWrapper')
    with own.optim_context(model):
        outputs = model(inputs)
    assert outputs.dtype == torch.bfloat16
    torch.testing.assert_close(outputs, rounded, rtol=0.01, atol=0.01)
    own.update_params(outputs.float().square().sum())
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert model(inputs).dtype == torch.float32  # outside


def test_it_goes_on_from_a_training_with_scaled_losses():
    model = nn.Linear(2, 1)
    plain = wrapper(model, 'OptimWrapper')
    plain.update_params(model(torch.ones(1, 2)).sum())
    state = dict(plain.state_dict(), loss_scaler=dict(scale=65536.0))
    own = wrapper(model, 'mammo.BFloat16OptimWrapper')
    own.load_state_dict(state)
    for weight in model.parameters():
        assert torch.equal(
            own.optimizer.state[weight]['momentum_buffer'],
            plain.optimizer.state[weight]['momentum_buffer'],
        )
