"""Run the main workflow end to end: phantom exams, training, evaluation, inference."""

import argparse
import os
import sys
import time
from pathlib import Path

from mammo_cli.command import Command
from mammo_cli.light import light

SINGLE = 'baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
TRI_VIEW = 'mamminet_v2_phantom.py'
DATA, OUT = 'data/phantom', 'work_dirs/demo/inference'
SINGLE_WORK, TRI_VIEW_WORK = 'work_dirs/demo/single_view', 'work_dirs/demo/tri_view'


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(args: argparse.Namespace) -> None:
    """Create exams, train, evaluate and infer."""
    from mammo_plugins.stopping import stoppable

    repository = light('shipped').repository()
    with stoppable(
        f'interrupted; {"make" if repository else "mammo"} demo resumes from here'
    ):
        Demo(repository).make_all()


class Demo:
    """The steps of the demo, one command after another, and their results.

    Args:
        repository (Path, optional): Folder of the scripts and configs, and for data and
            results. Without it, the demo uses the installed package and writes to the
            current folder.
    """

    def __init__(self, repository: Path | None) -> None:
        self.repository = repository
        self.root = repository or Path.cwd()

    def make_all(self) -> None:
        """Run all steps."""
        # one core trains and the other loads images: a second thread would disturb it
        os.environ.setdefault('OMP_NUM_THREADS', '1')
        start = time.time()
        self.step(
            '1/6 Make 75 + 25 phantom exams',
            'phantom',
            '--exams',
            '100',
            '--size',
            '256',
            '128',
            '--seed',
            '0',
            '--out',
            DATA,
            '--split',
            '0.75',
            '0',
            '0.25',
            '--workers',
            '2',
            '--preview',
        )
        for number, name, config, work_dir in (
            (2, 'the single-view baseline', SINGLE, SINGLE_WORK),
            (4, 'MommiNet-v2, four stages', TRI_VIEW, TRI_VIEW_WORK),
        ):
            self.step(
                f'{number}/6 Train {name}',
                'train',
                self.config(config),
                '--work-dir',
                work_dir,
                '--resume',
            )
            self.step(
                f'{number + 1}/6 Evaluate it',
                'test',
                self.config(config),
                self.trained(work_dir),
                '--work-dir',
                work_dir,
            )
        self.step(
            '6/6 Infer on a held-out exam; show boxes down to one false positive '
            'per image',
            'infer',
            self.config(TRI_VIEW),
            self.trained(TRI_VIEW_WORK),
            f'{DATA}/dicom/{self.held_out_exam()}',
            '--out',
            OUT,
            '--score-thr',
            f'{self.score_at_one_false_positive():.3g}',
        )
        self.report(time.time() - start)

    def config(self, name: str) -> str:
        """Return the name of a shipped config, as the user types it."""
        return f'configs/{name}' if self.repository else f'mammo_plugins::{name}'

    def step(self, title: str, name: str, *words: str) -> None:
        """Print a command as the user would type it, and run it; stop if it fails."""
        from mammo_cli.main import find
        from mammo_plugins.stopping import run_child

        if self.repository:
            tool = find([name])[0].tool
            typed, started = f'python {tool}', [tool]
        else:
            typed, started = f'mammo {name}', ['-m', 'mammo_cli', name]
        print(f'\n=== {title}\n$ {typed} {" ".join(words)}', flush=True)
        status = run_child([sys.executable, *started, *words], cwd=self.root)
        if status:
            sys.exit(
                f'error: this step ended with status {status}; the reason is above'
            )

    def held_out_exam(self) -> str:
        """Return the first exam of the test part that has a lesion."""
        data = self.read(f'{DATA}/annotations/test.json')
        with_lesion = {annotation['image_id'] for annotation in data['annotations']}
        return next(
            image['exam_id'] for image in data['images'] if image['id'] in with_lesion
        )

    def trained(self, work_dir: str) -> str:
        """Return the last checkpoint of a work dir."""
        from mammo_plugins.engine.work_dir import latest_checkpoint

        return f'{work_dir}/{Path(latest_checkpoint(self.root / work_dir)).name}'

    def read(self, name: str) -> dict:
        """Return the content of a JSON file."""
        from mammo_plugins.io import read_json

        return read_json(self.root / name)

    def score_at_one_false_positive(self) -> float:
        """Return the score of MommiNet-v2's boxes at one false positive per image."""
        froc = self.read(f'{TRI_VIEW_WORK}/test/froc.json')
        return next(
            point['threshold']
            for point in froc['operating_points']
            if point['fppi'] == 1
        )

    def report(self, seconds: float) -> None:
        """Print the location of all results, and the main figures side by side."""
        single, tri_view = (
            self.read(f'{work_dir}/test/froc.json')['operating_points']
            for work_dir in (SINGLE_WORK, TRI_VIEW_WORK)
        )
        print(f'\n=== Done in {seconds / 60:.1f} minutes')
        print(
            'Recall on held-out phantom exams, with 95% confidence intervals by '
            'bootstrap over patients:'
        )
        print(f'  {"false positives per image":26s}{"single view":22s}three views')
        for one, three in zip(single, tri_view):
            print(
                f'  {one["fppi"]:<26g}'
                + ''.join(
                    f'{p["recall"]:.2f} [{p["low"]:.2f}, {p["high"]:.2f}]'.ljust(22)
                    for p in (one, three)
                )
            )
        malignancy = self.read(f'{TRI_VIEW_WORK}/test/malignancy.json')
        if malignancy['auc_low'] is not None:
            print(
                f'AUC of malignancy over detected patches: {malignancy["auc"]:.2f} '
                f'[{malignancy["auc_low"]:.2f}, {malignancy["auc_high"]:.2f}]'
            )
        print('Few exams and one seed: docs/results/momminet.md has the comparison.')
        for name, path in (
            ('exams', f'{DATA}/preview.png'),
            ('FROC curve', f'{TRI_VIEW_WORK}/test/froc.png'),
            ('its numbers', f'{TRI_VIEW_WORK}/test/froc.json'),
            ('detections', f'{OUT}/predictions.json'),
            ('four-view picture', f'{OUT}/*.png'),
            ('checkpoint', self.trained(TRI_VIEW_WORK)),
        ):
            print(f'  {name:18s} {path}')


COMMAND = Command(
    'tools/demo.py',
    'Create 100 phantom exams; train the small single-view baseline and all '
    'stages of MommiNet-v2 on 75 of them; evaluate both on the other 25; and run '
    'inference on a DICOM folder.',
    '{command}',
    add_arguments,
    run,
)
