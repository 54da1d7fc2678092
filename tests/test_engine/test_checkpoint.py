import pickle
import zipfile

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import nn

from mammo_plugins.engine.checkpoint import (
    CheckpointError,
    check_fits_partly,
    check_state_dict,
    keep_weights,
    load_checkpoint_into,
    refuse_unsafe_checkpoints,
)


class Payload:
    """Code that unpickling would run."""

    ran = False

    def __reduce__(self):
        return _run, ()


def _run():
    Payload.ran = True


@pytest.fixture
def safe(monkeypatch):
    # restores MMEngine's loader afterwards
    monkeypatch.setattr(
        mmengine_checkpoint, '_safe_torch_load', mmengine_checkpoint._safe_torch_load
    )
    refuse_unsafe_checkpoints()
    Payload.ran = False


def model():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_weights_are_loaded(safe, tmp_path):
    torch.manual_seed(0)
    source, target = model(), model()
    path = tmp_path / 'a.pth'
    state = {f'module.{k}': v for k, v in source.state_dict().items()}
    torch.save(dict(state_dict=state, meta=dict(epoch=3)), path)
    checkpoint = load_checkpoint_into(target, str(path))
    assert checkpoint['meta'] == dict(epoch=3)
    for key, value in source.state_dict().items():
        torch.testing.assert_close(target.state_dict()[key], value)


def test_code_is_refused_and_not_run(safe, tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict=model().state_dict(), meta=Payload()), path)
    with pytest.raises(CheckpointError, match='--trust-checkpoint') as error:
        load_checkpoint_into(model(), str(path))
    assert str(path) in str(error.value)
    assert not Payload.ran


def test_trust_loads_it(tmp_path):
    path = tmp_path / 'evil.pth'
    Payload.ran = False
    torch.save(dict(state_dict=model().state_dict(), meta=Payload()), path)
    load_checkpoint_into(model(), str(path), trust=True)
    assert Payload.ran


def test_mmengine_refuses_too(safe, tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict=model().state_dict(), meta=Payload()), path)
    with pytest.raises(CheckpointError, match='--trust-checkpoint'):
        mmengine_checkpoint.load_checkpoint(model(), str(path))
    assert not Payload.ran


class ReachForEval:
    """``getattr(getattr, '__self__')`` is the builtins module: eval is near."""

    def __reduce__(self):
        return getattr, (getattr, '__self__')


def test_getattr_does_not_open_the_door(tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict=model().state_dict(), meta=ReachForEval()), path)
    with torch.serialization.safe_globals(mmengine_checkpoint.get_torch_safe_globals()):
        reached = torch.load(path, weights_only=True)['meta']
    assert reached.eval is eval  # MMEngine's list lets it through
    with pytest.raises(CheckpointError, match='getattr'):
        load_checkpoint_into(model(), str(path))


def test_training_history_is_loaded(tmp_path):
    history = HistoryBuffer([1.0, 2.0, 4.0], [1, 1, 1])
    path = tmp_path / 'a.pth'
    hub = dict(log_scalars=dict(loss=history))
    torch.save(dict(state_dict=model().state_dict(), message_hub=hub), path)
    loaded = load_checkpoint_into(model(), str(path))['message_hub']['log_scalars']
    assert loaded['loss'].statistics('mean', window_size=2) == 3.0


@pytest.mark.parametrize(
    'content',
    [b'', b'no checkpoint', pickle.dumps([1])[:-3]],
    ids=['empty', 'text', 'truncated pickle'],
)
def test_unreadable_files_are_named(safe, tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='a.pth'):
        load_checkpoint_into(model(), str(path))


def test_truncated_file(safe, tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(model().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(CheckpointError, match='truncated'):
        load_checkpoint_into(model(), str(path))


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match='no such checkpoint.*epoch_'):
        load_checkpoint_into(model(), str(tmp_path / 'no.pth'))


def test_another_model_is_refused_with_the_keys():
    other = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5))
    with pytest.raises(CheckpointError) as error:
        check_state_dict(model(), dict(state_dict=other.state_dict()), 'x.pth')
    text = str(error.value)
    assert text.startswith('x.pth: these are not the weights')
    assert '1.running_mean' in text
    assert '0.weight (5, 3) for (2, 3)' in text
    with pytest.raises(CheckpointError, match='unknown to the model: 2.weight'):
        check_state_dict(
            model(), {**model().state_dict(), '2.weight': torch.zeros(1)}, 'y'
        )
    with pytest.raises(CheckpointError, match='holds a list'):
        check_state_dict(model(), [1], 'z')
    check_state_dict(model(), model().state_dict(), 'fine')


def test_the_config_that_a_training_has_written_is_named(tmp_path):
    """It has the options of the command line, which the config in use has not."""
    state = nn.Linear(1, 1).state_dict()
    path = tmp_path / 'epoch_1.pth'
    torch.save(state, path)
    with pytest.raises(CheckpointError, match='saved in its work directory with'):
        check_state_dict(model(), state, str(path))
    (tmp_path / 'net.py').write_text('model = 3')
    with pytest.raises(
        CheckpointError, match=f'with its --cfg-options: {tmp_path}/net.py'
    ):
        check_state_dict(model(), state, str(path))
    with pytest.raises(CheckpointError, match='saved in its work directory'):
        check_state_dict(model(), state, 'the latest checkpoint of work_dirs/net')


def test_each_flipped_bit_of_the_contents_is_told(safe, tmp_path):
    """PyTorch reads over most of them, the archive's checksums do not."""
    torch.manual_seed(0)
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=nn.Linear(40, 40).state_dict()), path)
    whole = path.read_bytes()
    loaded = 0
    generator = torch.Generator().manual_seed(0)
    with zipfile.ZipFile(path) as archive:
        weights = max(archive.infolist(), key=lambda entry: entry.file_size)
    start = weights.header_offset + 128
    for place in torch.randint(
        weights.file_size - 128, (10,), generator=generator
    ).tolist():
        damaged = bytearray(whole)
        damaged[start + place] ^= 4
        path.write_bytes(damaged)
        torch.load(path, weights_only=True)
        loaded += 1
        with pytest.raises(CheckpointError, match='a.pth: damaged: the checksum of'):
            load_checkpoint_into(nn.Linear(40, 40), str(path))
    assert loaded == 10


def test_a_compressed_archive_is_refused(safe, tmp_path):
    """A few bytes could stand for gigabytes."""
    plain, path = tmp_path / 'a.pth', tmp_path / 'b.pth'
    torch.save(model().state_dict(), plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    with pytest.raises(CheckpointError, match='b.pth: a compressed archive'):
        load_checkpoint_into(model(), str(path))


@pytest.mark.parametrize(
    'content, said',
    [
        ([1], 'holds a list'),
        (dict(state_dict=[1]), 'state_dict is a list'),
        (dict(state_dict={3: torch.ones(1)}), 'state_dict has keys that are not names'),
        ({3: torch.ones(1)}, 'keys are not names'),
        (dict(meta=[1], state_dict={}), 'meta is a list'),
        (dict(meta=dict(epoch='x'), state_dict={}), "meta.epoch is 'x'"),
        (dict(meta=dict(epoch=True), state_dict={}), 'meta.epoch is True'),
        (dict(meta=dict(iter=10**400), state_dict={}), 'meta.iter is a int'),
        (dict(meta=dict(seed=2**40), state_dict={}), 'meta.seed'),
        (dict(meta=dict(pixel_size_mm=-0.1), state_dict={}), 'pixel_size_mm is -0.1'),
        (dict(meta=dict(dataset_meta=dict(classes=[1])), state_dict={}), 'classes'),
        (dict(state_dict=dict(a=torch.zeros(1).expand(10**9))), 'values are missing'),
        (dict(state_dict=dict(a=torch.eye(2).to_sparse())), 'sparse'),
    ],
    ids=str,
)
def test_what_is_no_checkpoint(safe, tmp_path, content, said):
    path = tmp_path / 'a.pth'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=f'a.pth: .*{said}'):
        load_checkpoint_into(model(), str(path))


def test_endless_containers(safe, tmp_path):
    deep, wide, own = [], [1.0], [1.0]
    own.append(own)
    for _ in range(60):
        deep = [deep]
    for _ in range(40):  # 2 ** 40 if each was looked at
        wide = [wide, wide]
    path = tmp_path / 'a.pth'
    for value in (deep, own):
        torch.save(dict(state_dict=model().state_dict(), meta=dict(a=value)), path)
        with pytest.raises(CheckpointError, match='more than 50 deep'):
            load_checkpoint_into(model(), str(path))
    torch.save(dict(state_dict=model().state_dict(), meta=dict(a=wide)), path)
    load_checkpoint_into(model(), str(path))


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('key', ['0.weight', '1.running_var'])
def test_weights_that_are_not_finite(safe, tmp_path, key, value):
    state = model().state_dict()
    state[key].view(-1)[1] = value
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=state), path)
    said = f'a.pth: {key}: 1 of {state[key].numel()} values are NaN or infinite'
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint_into(model(), str(path))
    with pytest.raises(CheckpointError, match=key):
        check_fits_partly(model(), dict(state_dict=state), 'a.pth')


def test_fine_tuning_needs_one_weight_that_fits():
    other = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(2))
    check_fits_partly(model(), dict(state_dict=other.state_dict()), 'a.pth')
    with pytest.raises(CheckpointError, match='^a.pth: no weight fits .*Sequential'):
        check_fits_partly(model(), nn.Linear(3, 2).state_dict(), 'a.pth')


@pytest.mark.parametrize(
    'value, said',
    [
        (torch.full((2,), -1e300, dtype=torch.float64), '2 of 2 values are NaN or inf'),
        (
            torch.ones(2, dtype=torch.bool),
            'data type .*torch.bool for torch.float32',
        ),
        (torch.ones(2, dtype=torch.int8), 'data type .*torch.int8'),
        (torch.ones(2, dtype=torch.complex64), 'data type .*torch.complex64'),
    ],
    ids=str,
)
def test_weights_as_the_model_will_have_them(safe, tmp_path, value, said):
    state = model().state_dict()
    state['0.bias'] = value
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=f'a.pth: .*{said}'):
        load_checkpoint_into(model(), str(tmp_path / 'a.pth'))


def test_weights_of_other_precisions(safe, tmp_path):
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn):
        state = {
            key: value.to(dtype) if value.is_floating_point() else value
            for key, value in model().state_dict().items()
        }
        torch.save(dict(state_dict=state), tmp_path / 'a.pth')
        load_checkpoint_into(model(), str(tmp_path / 'a.pth'))


@pytest.mark.parametrize(
    'make',
    [
        lambda state: setattr(state, 'get', 3),
        lambda state: setattr(state, 'values', 3),
        lambda state: setattr(state['0.bias'], 'numel', 3),
    ],
)
def test_attributes_that_would_be_methods(safe, tmp_path, make):
    state = model().state_dict()
    make(state)
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    with pytest.raises(
        CheckpointError, match='a.pth: it holds .* attributes of its own'
    ):
        load_checkpoint_into(model(), str(tmp_path / 'a.pth'))


@pytest.mark.parametrize('bare', [True, False])
def test_mmengine_loads_what_was_checked(bare):
    """Also by names of wrapped parts, and without putting tensors for parameters."""
    source, target = model(), model()
    state = source.state_dict()
    for facts in state._metadata.values():
        facts['assign_to_params_buffers'] = True
    state = type(state)((f'a.module.{key}', value) for key, value in state.items())
    state._metadata = source.state_dict()._metadata
    for facts in state._metadata.values():
        facts['assign_to_params_buffers'] = True
    target = nn.ModuleDict(dict(a=target))
    before = dict(target.named_parameters())
    checkpoint = state if bare else dict(state_dict=state)
    keep_weights(target, checkpoint)
    missing = mmengine_checkpoint._load_checkpoint_to_model(
        target, checkpoint, strict=True
    )
    assert missing['state_dict']._metadata['1'] == dict(version=2)
    for name, value in target.named_parameters():
        assert value is before[name]
    torch.testing.assert_close(target['a'][0].weight, source[0].weight)
