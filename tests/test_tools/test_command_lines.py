"""What holds for every command."""

import os
import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config

from mammo_plugins.engine.loops import stages_of

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / 'tools'
SCRIPTS = sorted(
    path for path in TOOLS.rglob('*.sh') if os.access(path, os.X_OK)
)  # others are sourced


@pytest.mark.parametrize('path', sorted(TOOLS.rglob('*.py')), ids=lambda p: p.name)
def test_help_ends_with_an_example(path, run_tool):
    done = run_tool(path, '--help')
    assert done.returncode == 0, done.err
    check_help(path, done.out)


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda p: p.name)
def test_help_of_scripts_ends_with_an_example(path):
    done = subprocess.run(
        ['bash', path, '--help'], text=True, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    check_help(path, done.stdout)


def check_help(path, text):
    _, _, example = text.partition(text[text.lower().rindex('example') :])[1].partition(
        ':'
    )
    assert path.name in example
    words = [word for word in example.split() if word != '\\']
    for i, word in enumerate(words):
        if word.startswith('configs/'):
            assert (ROOT / word).is_file()
        if word.endswith('.pth') and words[i - 1].startswith('configs/'):
            assert word in checkpoints_of(words[i - 1])


def checkpoints_of(config):
    """Return what a training by a config leaves in its work dir."""
    cfg = Config.fromfile(ROOT / config)
    stages = stages_of(cfg)
    epochs = sum(s.max_epochs for s in stages) or cfg.train_cfg.max_epochs
    hook = cfg.default_hooks.checkpoint
    kept = [epoch for epoch in range(1, epochs + 1) if epoch % hook.interval == 0]
    kept = kept[-hook.max_keep_ckpts :] if hook.get('max_keep_ckpts', -1) > 0 else kept
    # MMEngine saves the last epoch whatever the interval
    return {
        f'work_dirs/{Path(config).stem}/epoch_{epoch}.pth' for epoch in {*kept, epochs}
    }


def test_checkpoints_of():
    """Of a training whose files are known: max_epochs=8, interval=8, one kept."""
    assert checkpoints_of('configs/disasym/disasymnet_phantom.py') == {
        'work_dirs/disasymnet_phantom/epoch_8.pth'
    }
