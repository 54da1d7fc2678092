"""One normalization for data preprocessors and models."""

import ast
from pathlib import Path

import pytest
import torch
from torchvision.transforms.functional import normalize

import mammo_plugins.models
from mammo_plugins.models.multi_view import GreyNormalization

MODELS = Path(mammo_plugins.models.__file__).parent


@pytest.mark.parametrize(
    'mean,std,channels,expected',
    [
        (0.3, 0.2, 3, ([0.3] * 3, [0.2] * 3)),
        ((0.5, 0.4, 0.3), (0.2, 0.3, 0.1), None, ([0.5, 0.4, 0.3], [0.2, 0.3, 0.1])),
        (0.0, 1.0, None, ([0.0], [1.0])),
    ],
)
def test_as_torchvision_has_it(mean, std, channels, expected):
    images = torch.rand(2, 1, 6, 5)
    module = GreyNormalization(mean, std, channels)
    wanted = normalize(images.expand(-1, len(expected[0]), -1, -1), *expected)
    torch.testing.assert_close(module(images), wanted)
    torch.testing.assert_close(
        module.black.expand(1, len(expected[0]), 1, 1),
        normalize(torch.zeros(1, len(expected[0]), 1, 1), *expected),
    )
    # nothing for checkpoints, but it moves with the model
    assert not module.state_dict() and not list(module.parameters())
    assert module.double()(images.double()).dtype == torch.float64


def test_no_other_module_normalises():
    """No model subtracts a mean of its own."""
    found = [
        f'{path.relative_to(MODELS)}:{node.lineno}'
        for path in MODELS.rglob('*.py')
        if path.name != 'normalization.py'
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and isinstance(node.left, ast.BinOp)
        and isinstance(node.left.op, ast.Sub)
        and getattr(node.right, 'attr', '') == 'std'
    ]
    assert found == []
