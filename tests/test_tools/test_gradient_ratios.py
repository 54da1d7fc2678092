"""tools/analysis_tools/gradient_ratios.py against the equations."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mammo_plugins.apis.gradient_ratios import ratios
from mammo_plugins.models import SeamlessBlendingLoss
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import BankLesion, LesionBank

ROOT = Path(__file__).parents[2]
TOOL = 'tools/analysis_tools/gradient_ratios.py'
CONFIG = 'configs/blending/blending-gan_phantom.py'


def model_of(config=CONFIG):
    cfg = Config.fromfile(ROOT / config)
    with MODELS.switch_scope_and_registry(cfg.default_scope):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('seed', range(3))
def test_ratios_equal_the_equations(seed):
    """Eqs. 2 to 4 by hand, patches at the region by their pixels."""
    torch.manual_seed(seed)
    model = model_of()
    normal, lesion = torch.rand(2, 2, 1, 48, 40)
    mask = torch.zeros_like(normal)
    mask[..., 18:30, 10:20] = 1.0
    pasted = torch.where(mask > 0, lesion, normal)
    found = ratios(model, dict(normal=normal, pasted=pasted, mask=mask))
    touched = torch.tensor(
        [
            [
                mask[
                    0, 0, max(2 * i - 7, 0) : 2 * i + 9, max(2 * j - 7, 0) : 2 * j + 9
                ].any()
                for j in range(20)
            ]
            for i in range(24)
        ]
    )
    output = normal.clone().requires_grad_()  # the untrained generator's
    fooled = -model.discriminator(output).sigmoid().log()
    prior = 10 * SeamlessBlendingLoss()(output, normal, pasted, mask)
    norms = [
        torch.autograd.grad(loss, output, retain_graph=True)[0].norm().item()
        for loss in (fooled[:, :, touched].mean(), fooled.mean(), prior)
    ]
    assert found['patches at the region'] == pytest.approx(norms[0] / norms[2], 1e-3)
    assert found['all patches'] == pytest.approx(norms[1] / norms[2], 1e-3)


@pytest.fixture
def options(phantom_root, tmp_path):
    """Small images of the phantom and a bank of one lesion."""
    rows, columns = np.indices((15, 15)) - 7
    mask = np.hypot(rows, columns) < 4
    LesionBank(
        'another',
        [
            BankLesion.of(
                np.where(mask, 0.9, 0.5),
                mask,
                image_shape=(128.0, 64.0),
                pixel_spacing_mm=None,
                file_name='a.dcm',
                box=(4, 4, 11, 11),
            )
        ],
        'train',
    ).write(tmp_path / 'bank.npz')
    dataset = 'train_dataloader.dataset'
    return [
        '--cfg-options',
        'train_dataloader.batch_size=2',
        f'{dataset}.data_root={phantom_root}',
        f'{dataset}.pipeline.load.transforms.image.cache_dir=None',
        f'{dataset}.pipeline.load.transforms.resize.scale=40,80',
        f'{dataset}.pipeline.paste.bank={tmp_path / "bank.npz"}',
        f'{dataset}.pipeline.crop.size=60,40',
    ]


def one_in(line):
    """Return x of median, least and largest 1/x in a line of the table."""
    _, _, median, extent, _ = line.split('|')
    return [float(part.strip()[2:]) for part in (median, *extent.split(' to '))]


def test_table(options, tmp_path, run_tool):
    done = run_tool(TOOL, CONFIG, '--draws', 3, '--device', 'cpu', *options)
    assert done.returncode == 0, done.err
    said, *_, region, everywhere = done.out.splitlines()
    assert (
        'untrained: discriminator of 8 channels, 3 batches of 2 images of 60 x 40'
        in (said)
    )
    for line in (region, everywhere):
        median, least, largest = one_in(line)
        assert largest <= median <= least and largest < least
    assert one_in(region)[0] < one_in(everywhere)[0]
    assert (
        done.out
        == run_tool(TOOL, CONFIG, '--draws', 3, '--device', 'cpu', *options).out
    )

    # a discriminator that hardly tells patches apart
    torch.manual_seed(0)
    model = model_of()
    model.discriminator.layers[-1].weight.data *= 1e-4
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'epoch_25.pth')
    weak = run_tool(
        TOOL,
        CONFIG,
        '--checkpoint',
        tmp_path / 'epoch_25.pth',
        '--draws',
        2,
        '--device',
        'cpu',
        *options,
    )
    assert weak.returncode == 0, weak.err
    assert ', trained: ' in weak.out
    assert one_in(weak.out.splitlines()[-2])[0] > 1000 * one_in(region)[0]


@pytest.mark.parametrize(
    'config, words',
    [
        (CONFIG, ['model.discriminator=None']),
        (CONFIG, ['model.seamless=False']),
        ('configs/blending/vanilla-gan_phantom.py', []),
    ],
)
def test_models_without_either_gradient_are_refused(run_tool, config, words):
    done = run_tool(TOOL, config, *(['--cfg-options', *words] if words else []))
    assert done.returncode == 2
    assert 'expected a BlendingGAN with a PatchDiscriminator' in done.err


def test_draws_are_counted(run_tool):
    done = run_tool(TOOL, CONFIG, '--draws', '0')
    assert done.returncode == 2 and 'expected at least 1' in done.err
