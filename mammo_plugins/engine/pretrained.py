"""Initial weights of a model, which must be existing files and are never downloaded."""

import os.path as osp
import re
from collections.abc import Iterator
from functools import wraps
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import PretrainedInit, update_init_info
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import nn

from mammo_plugins.engine.checkpoint import CheckpointError, check_finite, listed
from mammo_plugins.engine.checkpoint_content import form_fault
from mammo_plugins.registry import type_name

_PRETRAINED = ('Pretrained', 'PretrainedInit')
# MMEngine's schemes whose names stand for addresses
_TABLES = {
    'torchvision': mmengine_checkpoint.get_torchvision_models,
    'modelzoo': mmengine_checkpoint.get_torchvision_models,
    'open-mmlab': mmengine_checkpoint.get_external_models,
    'openmmlab': mmengine_checkpoint.get_external_models,
    'mmcls': mmengine_checkpoint.get_mmcls_models,
}


def _weights(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield (field, name of weights) of all initial weights in a model config."""
    if isinstance(value, dict):
        if type_name(value) in _PRETRAINED and isinstance(value.get('checkpoint'), str):
            yield f'{where}.checkpoint', value['checkpoint']
        # in older configs, and for backbones of other packages
        if isinstance(value.get('pretrained'), str) or value.get('pretrained') is True:
            yield f'{where}.pretrained', value['pretrained']
        for key, item in value.items():
            yield from _weights(item, f'{where}.{key}')
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _weights(item, f'{where}[{i}]')


def _address(name: str) -> str | None:
    """Return the address that a name of weights stands for, if it is known."""
    scheme, _, model = name.partition('://')
    if scheme in _TABLES:
        return _TABLES[scheme]().get(model)
    return name if scheme in ('http', 'https') else None


def check_weights(field: str, name: Any, otherwise: str) -> None:
    """Check that weights can be loaded without a network.

    Args:
        field (str): The setting that names them.
        name (str | bool): A path, an address, a name such as
            'torchvision://resnet50', or ``True`` if a backbone downloads its own.
        otherwise (str): How to do without them, for the message.

    Raises:
        CheckpointError: Naming the file, the field and what to do.
    """
    rule = 'Nothing is downloaded at run time: '
    if name is True:
        raise CheckpointError(
            f'{field}: True. {rule}set it to False and init_cfg=dict('
            "type='Pretrained', checkpoint=...) to a file, "
            f'{otherwise}'
        )
    if '://' not in name:
        if not osp.isfile(osp.expanduser(name)):
            raise CheckpointError(
                f'{field}: {name}: no such file. {rule}fetch the pretrained weights '
                'once (docs/how_to/pretrained_weights.md) and put them there, '
                f'{otherwise}'
            )
        return
    address = _address(name)
    file = osp.basename(address or name)
    # MMEngine looks there before it uses the network
    if address and osp.isfile(osp.join(torch.hub.get_dir(), 'checkpoints', file)):
        return
    what = f'fetch {address} once' if address else 'fetch the weights once'
    raise CheckpointError(
        f'{field}: {name}: not on this machine. {rule}{what} '
        f'(docs/how_to/pretrained_weights.md), put the file at checkpoints/{file} and '
        f'set {field}=checkpoints/{file}, {otherwise}'
    )


def check_pretrained_files(model_cfg: dict) -> None:
    """Check that the files with a model's initial weights exist.

    Args:
        model_cfg (dict): ``cfg.model``.

    Raises:
        CheckpointError: Naming the file, the field and what to do.
    """
    for field, name in _weights(model_cfg, 'model'):
        owner = field.rpartition('.checkpoint')[0] or field
        check_weights(
            field, name, f'or train from scratch with --cfg-options {owner}=None'
        )


@wraps(PretrainedInit.__call__, assigned=(), updated=())  # it stays visible
def _load_pretrained(self: PretrainedInit, module: nn.Module) -> None:
    """Replace MMEngine's initializer, which only warns if weights do not fit."""
    state = _weights_of(self.checkpoint, self.prefix, self.map_location)
    below = f', prefix={self.prefix!r}' if self.prefix else ''
    name = f'{self.checkpoint} (Pretrained{below})'
    own = module.state_dict()
    if not own.keys() & state.keys():
        raise CheckpointError(
            f'{name}: no weight fits {type(module).__name__}: the file has '
            f'{listed(list(state))}, the module {listed(list(own))}; use the '
            'weights of this network, or set prefix to what its names begin with '
            'in the file'
        )
    check_finite({key: value for key, value in state.items() if key in own}, name)
    try:
        # through the module's own loading: a transformer fits positions to its size
        module.load_state_dict(dict(state), strict=False)
    except RuntimeError as error:
        shapes = [line.strip() for line in str(error).splitlines()[1:]]
        raise CheckpointError(
            f'{name}: the weights differ in shape from those of '
            f'{type(module).__name__}, use those of this network: {listed(shapes)}'
        ) from None
    print_log(f'load {self.prefix or ""} model from: {self.checkpoint}', 'current')
    mmengine_checkpoint.load_state_dict(module, state, strict=False, logger='current')
    if hasattr(module, '_params_init_info'):
        update_init_info(module, init_info=self._get_init_info())


def _weights_of(path: str, prefix: str | None, map_location: Any) -> dict:
    """Return a file's weights below a prefix, by their names without the prefix."""
    checkpoint = mmengine_checkpoint._load_checkpoint(path, map_location)
    fault = form_fault(checkpoint)
    if fault:
        raise CheckpointError(f'{path}: {fault}; expected weights by name')
    state = checkpoint.get('state_dict', checkpoint)
    if prefix is None:
        return {re.sub(r'^module\.', '', key): value for key, value in state.items()}
    start = prefix if prefix.endswith('.') else f'{prefix}.'
    return {
        key[len(start) :]: value
        for key, value in state.items()
        if key.startswith(start)
    }


def refuse_unfit_weights() -> None:
    """Make MMEngine's ``Pretrained`` raise if weights do not fit, or none of them fits.

    It only warns, and continues with random weights. Our tools call this.
    """
    PretrainedInit.__call__ = _load_pretrained


def drop_pretrained_files(cfg: Any) -> None:
    """Remove the initial weight files from a model config, for a resumed run.

    Args:
        cfg (dict): ``cfg.model``, changed in place.
    """
    if isinstance(cfg, dict):
        init_cfg = cfg.get('init_cfg')
        if isinstance(init_cfg, dict) and type_name(init_cfg) in _PRETRAINED:
            cfg['init_cfg'] = None
        if isinstance(cfg.get('pretrained'), str):
            cfg['pretrained'] = None
    for value in cfg.values() if isinstance(cfg, dict) else cfg:
        if isinstance(value, (dict, list, tuple)):
            drop_pretrained_files(value)
