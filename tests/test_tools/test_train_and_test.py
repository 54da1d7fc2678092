"""The launchers, as a user runs them."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from forked_tools import free_port
from mmengine.config import Config

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
EPOCHS = 3
NO_GPU = pytest.mark.skipif(
    torch.cuda.is_available(),
    reason='this machine has a GPU; the test is of machines without',
)


@pytest.fixture
def options(phantom_root, tmp_path):
    """The small baseline on the tiny exams: a few seconds an epoch."""
    parts = ('train', 'val', 'test')
    return [
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        *(f'{part}_dataloader.dataset.data_root={phantom_root}' for part in parts),
        *(f'{part}_dataloader.num_workers=0' for part in parts),
        *(f'{part}_dataloader.persistent_workers=False' for part in parts),
        f'train_cfg.max_epochs={EPOCHS}',
        f'train_cfg.val_interval={EPOCHS}',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
    ]


def run(*words, **kwargs):
    return subprocess.run(
        words, cwd=ROOT, text=True, capture_output=True, timeout=300, **kwargs
    )


def curve(work_dir):
    """Return {(epoch, iteration): loss} over all logs, later runs last."""
    losses = {}
    for log in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                losses[entry['epoch'], entry['step']] = entry['loss']
    return losses


def test_killed_training_goes_on_where_it_was(
    phantom_root, options, tmp_path, assert_private, run_tool, start_tool
):
    """kill -9 in the second epoch, --resume: same epochs, a curve without a gap.

    Also where the work dir was moved in between.
    """
    work_dir = tmp_path / 'work'
    process = start_tool('tools/train.py', CONFIG, *options)
    deadline = time.time() + 240
    while not any(epoch == 2 for epoch, _ in curve(work_dir)):
        assert process.runs and time.time() < deadline
        time.sleep(0.1)
    process.kill()
    assert process.wait().returncode == -signal.SIGKILL
    before = curve(work_dir)
    assert not (work_dir / f'epoch_{EPOCHS}.pth').exists()
    work_dir = work_dir.rename(tmp_path / 'moved')
    options[1] = str(work_dir)
    # from here on validation samples are drawn
    options.append('visualizer.type=MammogramVisualizer')
    done = run_tool('tools/train.py', CONFIG, '--resume', *options)
    assert done.returncode == 0, done.err[-2000:]
    pictures = work_dir.glob(f'*/vis_data/vis_image/val_sample_*_{EPOCHS}.png')
    assert len([*pictures]) == 4
    after = curve(work_dir)
    steps = 24 // 4
    assert sorted(after) == [(1 + i // steps, 1 + i) for i in range(steps * EPOCHS)]
    last = torch.load(work_dir / f'epoch_{EPOCHS}.pth', weights_only=False)
    assert last['meta']['epoch'] == EPOCHS
    assert last['meta']['iter'] == steps * EPOCHS
    # it went on with the trained weights, the optimizer's state and the seed of
    # that epoch: up to augmentation its losses are those before the kill
    assert after[2, steps + 1] == pytest.approx(before[2, steps + 1], rel=0.5)
    assert 'recall@1' in done.out + done.err
    inferred = run_tool(
        'tools/infer.py',
        CONFIG,
        work_dir / f'epoch_{EPOCHS}.pth',
        phantom_root / 'dicom',
        '--out',
        work_dir / 'out',
    )
    assert inferred.returncode == 0, inferred.err[-2000:]
    assert '8 exams, 32 views' in inferred.out
    assert len(list((work_dir / 'out').glob('*.png'))) == 8
    assert_private(done.out, done.err, inferred.out, inferred.err, work_dir)


def test_sigterm_ends_a_training(options, tmp_path, run_tool, start_tool):
    """As a scheduler sends it: status 143, nobody left, and --resume goes on."""
    options = [o.replace('num_workers=0', 'num_workers=2') for o in options]
    process = start_tool('tools/train.py', CONFIG, *options)
    deadline = time.time() + 240
    while not any(epoch == 2 for epoch, _ in curve(tmp_path / 'work')):
        assert process.runs and time.time() < deadline
        time.sleep(0.1)
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text()
    assert len(children.split()) == 2
    process.send_signal(signal.SIGTERM)
    ended = process.wait(timeout=20)
    assert ended.returncode == 143
    assert (
        'Traceback' not in ended.stderr
        and ended.stderr.splitlines()[-1] == 'interrupted'
    )
    deadline = time.time() + 10
    while any(Path(f'/proc/{pid}').exists() for pid in children.split()):
        assert time.time() < deadline
        time.sleep(0.1)
    assert not list((tmp_path / 'work').glob('.*.tmp'))
    again = run_tool('tools/train.py', CONFIG, *options)
    assert again.returncode == 2
    assert (
        f'{tmp_path / "work"}: holds 1 checkpoint (epoch_1.pth) of '
        f'{Path(CONFIG).name}; '
    ) in again.err
    assert '--resume' in again.err


@pytest.fixture
def small_files():
    """A limit that files meet as they meet a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_line(
    options, phantom_root, tmp_path, run_tool, small_files
):
    """The checkpoint of before stays whole, and nothing half is left."""
    options = [o.replace(f'={EPOCHS}', '=1') for o in options]
    assert run_tool('tools/train.py', CONFIG, *options).returncode == 0
    checkpoint = tmp_path / 'work/epoch_1.pth'
    before = checkpoint.read_bytes()
    small_files(300_000)
    done = run_tool(
        'tools/train.py', CONFIG, '--resume', *options, 'train_cfg.max_epochs=2'
    )
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert done.err.splitlines()[-1].startswith(
        f'error: {tmp_path / "work/epoch_2.pth"}: cannot be written: '
    )
    assert checkpoint.read_bytes() == before
    assert [
        path.name for path in (tmp_path / 'work').iterdir() if 'epoch' in path.name
    ] == ['epoch_1.pth']
    small_files(9_000)
    done = run_tool(
        'tools/infer.py',
        CONFIG,
        checkpoint,
        phantom_root / 'dicom',
        '--out',
        tmp_path / 'out',
    )
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert re.fullmatch(
        r'error: \S+: cannot be written: File too large.*', done.err.splitlines()[-1]
    )
    assert not list((tmp_path / 'out').glob('.*'))


def test_an_inference_that_is_stopped(phantom_root, tmp_path, run_tool, start_tool):
    """What is done is there, whole, and the same command does the rest."""
    cfg = Config.fromfile(ROOT / CONFIG)
    with MODELS.switch_scope_and_registry('mammo'):
        torch.save(
            dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'a.pth'
        )
    words = (
        'tools/infer.py',
        CONFIG,
        tmp_path / 'a.pth',
        phantom_root / 'dicom',
        '--out',
        tmp_path / 'out',
    )
    process = start_tool(*words)
    lines = tmp_path / 'out/predictions.jsonl'
    deadline = time.time() + 120
    while not (lines.is_file() and len(lines.read_text().splitlines()) > 2):
        assert process.runs and time.time() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    ended = process.wait(timeout=20)
    assert ended.returncode == 130 and 'Traceback (most' not in ended.stderr
    done = [json.loads(line)['exam'] for line in lines.read_text().splitlines()[1:]]
    assert 2 <= len(done) < 8
    assert all((tmp_path / 'out' / exam['figure']).is_file() for exam in done)
    kept = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert kept['exams'] == done and not kept['info']['complete']
    again = run_tool(*words)
    assert again.returncode == 0 and f'{len(done)} exams of this run' in again.out
    kept = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert kept['exams'][: len(done)] == done and len(kept['exams']) == 8
    assert kept['info']['complete']


def dist_test(folder, *arguments):
    """Return what dist_test.sh has its launcher start, told by a Python of ours."""
    python = folder / 'python'
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    environment = dict(os.environ, PYTHON=str(python), PORT='29400')
    told = run(str(ROOT / 'tools/dist_test.sh'), *arguments, env=environment)
    assert told.returncode == 0, told.stderr
    launcher, (processes, *words) = told.stdout.split()[:6], told.stdout.split()[6:]
    assert launcher == [
        '-m',
        'mammo_plugins.engine.launch',
        '--nnodes=1',
        '--node_rank=0',
        '--master_addr=127.0.0.1',
        '--master_port=29400',
    ]
    assert processes == f'--nproc_per_node={arguments[2]}'
    return words


@NO_GPU
def test_two_processes_without_gpus(
    options, tmp_path, assert_private, run_tool, start_tool
):
    """Trained by dist_train.sh, whose launcher alone gets SIGTERM in the second epoch.

    What they have saved till then is tested by what dist_test.sh starts.
    """
    options = [o.replace(f'max_epochs={EPOCHS}', 'max_epochs=9') for o in options]
    environment = dict(
        os.environ, PATH=f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    )
    with socket.socket() as other_run:
        other_run.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other_run.bind(('127.0.0.1', 29500))  # the port that torchrun takes by itself
        other_run.listen()
        process = subprocess.Popen(
            [str(ROOT / 'tools/dist_train.sh'), CONFIG, '2', *options],
            cwd=ROOT,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        )
        deadline = time.time() + 240
        while not any(epoch == 2 for epoch, _ in curve(tmp_path / 'work')):
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.1)
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text()
    assert len(children.split()) >= 2
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert 'Traceback' not in err and err.splitlines().count('interrupted') == 2
    assert not any(Path(f'/proc/{pid}').exists() for pid in children.split())
    # 24 images, two processes, four images each
    assert sorted(step for step in curve(tmp_path / 'work') if step[0] == 1) == [
        (1, 1),
        (1, 2),
        (1, 3),
    ]
    checkpoint = tmp_path / 'work/epoch_1.pth'
    names = list(torch.load(checkpoint, weights_only=False)['state_dict'])
    assert not any(name.startswith('module.') for name in names)
    words = dist_test(tmp_path, CONFIG, str(checkpoint), '2', *options)
    port = free_port()
    processes = [
        start_tool(
            *words,
            # as the launcher gives them, which has started the training
            RANK=rank,
            LOCAL_RANK=rank,
            WORLD_SIZE='2',
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=port,
        )
        for rank in '01'
    ]
    for tested in [process.wait() for process in processes]:
        assert tested.returncode == 0, tested.stderr[-2000:]
    both = json.loads((tmp_path / 'work/test/froc.json').read_text())
    alone = run_tool('tools/test.py', CONFIG, checkpoint, *options)
    assert alone.returncode == 0, alone.err[-2000:]
    names = 'froc.json, froc.png, froc_reliability.png'
    assert f'holds 3 files ({names}) of epoch_1.pth' in alone.out
    # two processes come to the same figures as one
    assert json.loads((tmp_path / 'work/test/froc.json').read_text()) == both
    assert (tmp_path / 'work/test/froc.png').stat().st_size > 5000
    assert_private(alone.out, alone.err, tmp_path / 'work')


def test_checkpoints_that_do_not_fit(options, tmp_path, run_tool):
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict=dict(weight=torch.zeros(2)), meta={}), path)
    done = run_tool('tools/test.py', CONFIG, path, *options)
    assert done.returncode == 2
    assert 'these are not the weights of the configured model' in done.err
    assert 'Traceback' not in done.err
    assert not re.search(r'Epoch\(test\)', done.out + done.err)


def test_damaged_images_cost_themselves(
    phantom_root, options, tmp_path, run_tool, assert_private
):
    """Training names, skips and counts them; an evaluation without them is none."""
    root = tmp_path / 'data'
    shutil.copytree(phantom_root, root)
    names = {
        part: [
            image['file_name']
            for image in json.loads((root / f'annotations/{part}.json').read_text())[
                'images'
            ]
        ]
        for part in ('train', 'test')
    }
    half, missing, pipe = (root / name for name in names['train'][:3])
    half.write_bytes(half.read_bytes()[:-3000])
    missing.unlink()
    pipe.unlink()
    os.mkfifo(pipe)
    options = [
        o.replace(str(phantom_root), str(root)).replace(f'={EPOCHS}', '=1')
        for o in options
    ]
    done = run_tool(
        'tools/train.py',
        CONFIG,
        *options,
        'train_dataloader.num_workers=1',
        'train_dataloader.dataset.pipeline.image.cache_dir=' + str(tmp_path / 'cache'),
    )
    assert done.returncode == 0, done.err[-2000:]
    log = next((tmp_path / 'work').glob('*/*.log')).read_text()
    for path, reason in (
        (half, 'truncated'),
        (missing, 'no such file'),
        (pipe, 'is a FIFO'),
    ):
        assert len(re.findall(f'{path}: .*{reason}.*; skipped', log)) == 1
    assert f'3 of {len(names["train"])} samples of ' in log
    test = root / names['test'][0]
    test.write_bytes(test.read_bytes()[:-3000])
    stopped = run_tool('tools/test.py', CONFIG, tmp_path / 'work/epoch_1.pth', *options)
    assert stopped.returncode == 2
    last = stopped.err.splitlines()[-1]
    assert test.name in last and 'truncated' in last
    (tmp_path / 'report').mkdir()
    checked = run_tool(
        'tools/verify_dataset.py',
        root,
        '--check-pixels',
        '--json',
        tmp_path / 'report/a.json',
    )
    assert checked.returncode == 1
    found = json.loads((tmp_path / 'report/a.json').read_text())
    assert found['errors'] == 4
    shutil.rmtree(tmp_path / 'cache')
    assert_private(
        done.out,
        done.err,
        stopped.err,
        checked.out,
        checked.err,
        tmp_path / 'report',
        tmp_path / 'work',
    )


@pytest.mark.parametrize('there', [True, False])
def test_resume_begins_with_load_from_where_there_is_nothing(
    options, tmp_path, there, run_tool, monkeypatch
):
    """tools/cross_validate.py always resumes; pretrained weights must not be lost."""
    (tmp_path / 'work').mkdir()
    (tmp_path / 'coco.pth').write_bytes(b'weights')
    if there:
        checkpoint = tmp_path / 'work/epoch_1.pth'
        checkpoint.write_bytes(b'weights')
        (tmp_path / 'work/last_checkpoint').write_text(str(checkpoint))
    seen = []

    def from_cfg(cfg):
        seen.append((cfg.resume, cfg.load_from))
        raise ConfigError('seen')

    monkeypatch.setattr('mmengine.runner.Runner.from_cfg', from_cfg)
    words = [
        'tools/train.py',
        CONFIG,
        '--resume',
        *options,
        f'load_from={tmp_path / "coco.pth"}',
    ]
    assert run_tool(*words).returncode == 2
    assert seen == [
        (True, str(tmp_path / 'work/epoch_1.pth'))
        if there
        else (False, str(tmp_path / 'coco.pth'))
    ]


@pytest.mark.parametrize(
    'tool, arguments, setting, said',
    [
        ('train.py', [], 'model.type=NoSuchDetector', 'NoSuchDetector is not in the'),
        ('test.py', ['README.md'], 'log_level=ERROR', 'not a readable checkpoint'),
    ],
)
def test_mistakes_that_show_when_building(
    options, tool, arguments, setting, said, run_tool
):
    done = run_tool(f'tools/{tool}', CONFIG, *arguments, *options, setting)
    assert done.returncode == 2
    assert 'Traceback' not in done.err
    assert said in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    'tool, arguments, said',
    [
        (
            'train.py',
            ['configs/baselines/faster-rcnn_phantom.py'],
            'did you mean configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
        ),
        (
            'train.py',
            ['configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py'],
            'docs/how_to/pretrained_weights.md',
        ),
        pytest.param(
            'train.py',
            [CONFIG, '--launcher', 'slurm'],
            'there is no GPU here',
            marks=NO_GPU,
        ),
        (
            'train.py',
            [CONFIG, '--cfg-options', 'train_dataloader.dataset.data_root=no/such'],
            'own_data.md',
        ),
        ('train.py', [CONFIG, '--cfg-options', 'nonsense'], 'is not key=value'),
        (
            'infer.py',
            [CONFIG, 'no.pth', '.', '--out', 'README.md'],
            '--out README.md: cannot write there',
        ),
        ('infer.py', [CONFIG, 'no.pth', '.', '--score-thr', '5'], 'expected 0 to 1'),
        pytest.param('train.py', [CONFIG, '--amp'], 'needs a GPU', marks=NO_GPU),
        ('test.py', [CONFIG, 'no.pth'], 'no.pth: no such checkpoint'),
        ('infer.py', [CONFIG, 'no.pth', '.'], 'no.pth: no such checkpoint'),
    ],
)
def test_mistakes_get_one_line(tool, arguments, said, tmp_path, run_tool):
    if tool == 'train.py':
        arguments = [arguments[0], '--work-dir', tmp_path, *arguments[1:]]
    done = run_tool(f'tools/{tool}', *arguments)
    assert done.returncode == 2
    assert 'Traceback' not in done.err
    assert said in done.err.splitlines()[-1]
