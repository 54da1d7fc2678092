"""Runs on archives by a detector whose answers tell the pixels, without a network.

Started itself, it kills such runs at random and measures their memory::

    PYTHONPATH=tests python -m archive_runs --kills 20 --exams 2000
"""

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from tqdm import tqdm

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.apis.archive import outcomes, predict_index
from mammo_plugins.io import JsonLines, write_json_lines
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    write_phantom_dataset,
)
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.exam_indexing import index_exams

CONFIG = (
    Path(__file__).parents[1] / 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
)


def write_checkpoint(path):
    """Write a checkpoint of ``CONFIG``, not trained; return its path."""
    cfg = Config.fromfile(CONFIG)
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def one_box(data):
    """Predict a box whose score tells the pixels."""
    (sample,), (image,) = data['data_samples'], data['inputs']
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[10.0, 20.0, 16.0, 28.0]]),
        scores=image.double().mean(dtype=torch.double)[None] % 1,
        labels=torch.tensor([0]),
    )
    return [sample]


def quick_detector(checkpoint):
    """Make it."""
    made = ExamInferencer(CONFIG, checkpoint, device='cpu')
    made.model.test_step = one_box
    return made


def mortal_detector(checkpoint, folder, deaths=1):
    """Make one whose process is killed at its sixth view, as often as is said.

    Args:
        checkpoint (Path): Of ``CONFIG``.
        folder (Path): Gets a file for each process, and one for each death.
        deaths (int): In all processes together.
    """
    made, seen = quick_detector(checkpoint), []
    (folder / f'process_{os.getpid()}').touch()

    def mortal(data):
        seen.append(data)
        if len(seen) == 6 and len(list(folder.glob('death_*'))) < deaths:
            (folder / f'death_{os.getpid()}').touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return one_box(data)

    made.model.test_step = mortal
    return made


def run(inferencer, index, out, **options):
    """Predict the exams of an index, without pictures."""
    options = dict(dict(figures='none', workers=0), **options)
    return predict_index(inferencer, index, out, **options)


def run_apart(*args, **options):
    """Run in a forked process, which may be killed while it holds a lock."""
    tqdm.set_lock(threading.RLock())  # else the one of the parent's progress bars
    run(*args, **options)


def kill_at_random(inferencer, index, out, moments, **options):
    """Start a run for each moment, in seconds, and kill it then by signal 9.

    Yields:
        int: The lines that are there after each.
    """
    for moment in moments:
        process = multiprocessing.get_context('fork').Process(
            target=run_apart, args=(inferencer, index, out), kwargs=options
        )
        process.start()
        time.sleep(moment)
        process.kill()
        process.join()
        yield len(list(JsonLines(out / 'predictions.jsonl')))


def repeat_index(index, out, exams, views=None):
    """Write an index whose exams are those of another, again under other keys.

    Args:
        index (Path), out (Path): That, and this.
        exams (int): How many.
        views (int, optional): Of each exam. Defaults to ``None``, all.
    """
    head, *lines, end = JsonLines(index)
    found = [line for line in lines if 'exam_id' in line]

    def again():
        yield head
        for i in range(exams):
            line = found[i % len(found)]
            kept = dict(list(line['views'].items())[:views])
            yield dict(line, exam_id=f'{i:012d}', views=kept)
        yield dict(end, exams=exams)

    write_json_lines(out, again())


def measured(samples, measure):
    """Return what gives :func:`outcomes`, and measures after each exam.

    Args:
        samples (list): Gets what ``measure`` returns.
        measure (callable): Without arguments.
    """

    def run_measured(*arguments):
        for outcome in outcomes(*arguments):
            yield outcome
            samples.append(measure())

    return run_measured


def resident_bytes():
    """Return the memory of this process."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def main():
    """Kill, compare, measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--exams', type=int, default=2000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        phantom = PhantomConfig(size=(128, 64))
        write_phantom_dataset(
            folder / 'set', PhantomDatasetConfig(exams=8, phantom=phantom)
        )
        index_exams(folder / 'set/dicom', folder / 'found.jsonl')
        inferencer = quick_detector(write_checkpoint(folder / 'a.pth'))
        index = folder / 'exams.jsonl'
        repeat_index(folder / 'found.jsonl', index, 160)
        start = time.time()
        run(inferencer, index, folder / 'whole', workers=2)
        seconds, rng = time.time() - start, random.Random(0)
        print(f'160 exams: {seconds:.1f} s')
        moments = [rng.uniform(0, seconds / 6) for _ in range(args.kills)]
        lines = list(
            kill_at_random(inferencer, index, folder / 'killed', moments, workers=2)
        )
        run(inferencer, index, folder / 'killed', workers=2)
        whole, killed = (
            (folder / name / 'predictions.json').read_bytes()
            for name in ('whole', 'killed')
        )
        print(
            f'{args.kills} kills, after which {lines} lines were there; in the end '
            f'predictions.json is {"the same" if whole == killed else "ANOTHER"}'
        )
        repeat_index(folder / 'found.jsonl', index, args.exams)
        samples = []
        run(
            inferencer,
            index,
            folder / 'many',
            workers=2,
            run=measured(samples, resident_bytes),
        )
        for exam in (args.exams // 20, args.exams // 4, args.exams // 2, args.exams):
            print(f'after {exam} exams: {samples[exam - 1] / 2**20:.1f} MiB')
        print(f'with predictions.json written: {resident_bytes() / 2**20:.1f} MiB')


if __name__ == '__main__':
    main()
