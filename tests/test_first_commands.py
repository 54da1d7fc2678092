"""The first commands of each system's page run as they are printed, on tiny exams."""

import re
import shlex
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[1]
# fewer and smaller exams, all of which have a lesion
FEW = {
    'phantom': '--exams 4 --size 128 64 --prevalence 1 --lesion-diameter 15 25',
    'blend': '--count 2',
}
MORE = {
    **dict.fromkeys(
        ('baselines', 'momminet', 'blending'), '--exams 2 --split 0.5 0 0.5'
    ),
    'nafv': '--exams 7',  # infers one by its number
}


def first_block(page):
    """Return the words of each command of a page's first shell block."""
    block = re.search(r'```bash\n(.*?)```', page.read_text(), re.DOTALL)[1]
    lines = block.replace('\\\n', ' ').splitlines()
    return [shlex.split(line, comments=True) for line in lines]


def quick(cfg):
    """Return options by which a config trains for an epoch, of each stage, or is tested
    in this process; and how many epochs it trains for without them.
    """
    stages = cfg.train_cfg.get('stages')
    epochs = {'train_cfg.max_epochs': cfg.train_cfg.get('max_epochs')}
    if stages:
        epochs = {
            f'train_cfg.stages.{name}.max_epochs': stage.max_epochs
            for name, stage in stages.items()
        }
    options = ['train_dataloader.batch_size=2']
    for name in epochs:  # and nothing is validated: some pages test
        options += [f'{name}=1', f'{name.replace("max_epochs", "val_begin")}=2']
    if isinstance(cfg.param_scheduler, dict):
        options.append('param_scheduler.begin=0')
    options += [
        f'train_cfg.stages.{name}.train_dataloader.batch_size=2'
        for name, stage in (stages or {}).items()
        if 'batch_size' in stage.get('train_dataloader', {})
    ]
    for part in ('train', 'val', 'test'):
        if cfg.get(f'{part}_dataloader'):
            options += [
                f'{part}_dataloader.num_workers=0',
                f'{part}_dataloader.persistent_workers=False',
            ]
    return options, sum(epochs.values())


@pytest.mark.parametrize(
    'page', sorted(ROOT.glob('configs/*/README.md')), ids=lambda path: path.parent.name
)
def test_first_block(page, run_tool, tmp_path):
    for part in ('configs', 'tools'):
        (tmp_path / part).symlink_to(ROOT / part)
    tools = []
    for python, tool, *words in first_block(page):
        assert python == 'python'
        name = Path(tool).stem
        tools.append(name)
        more = FEW.get(name, '').split()
        if name == 'phantom':
            more += MORE.get(page.parent.name, '').split()
        if name in ('train', 'test'):
            options, epochs = quick(Config.fromfile(words[0]))
            more += ['--cfg-options', *options]
        done = run_tool(tool, *words, *more, cwd=tmp_path)
        assert done.returncode == 0, (tool, words, done.err[-2000:])
        if name == 'train':  # what the next command calls the last weights
            work_dir = tmp_path / 'work_dirs' / Path(words[0]).stem
            last = Path((work_dir / 'last_checkpoint').read_text())
            last.rename(last.with_name(f'epoch_{epochs}.pth'))
    assert tools[0] == 'phantom' and 'train' in tools
