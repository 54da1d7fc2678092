"""The main job, end to end, on phantom exams: `make demo`."""
import os
import sys
import time
from pathlib import Path

from mammo_plugins.cli.arguments import parser
from mammo_plugins.engine.work_dir import latest_checkpoint
from mammo_plugins.io import read_json
from mammo_plugins.stopping import run_child, stoppable

ROOT = Path(__file__).resolve().parents[1]
SINGLE = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
TRI_VIEW = 'configs/mamminet_v2_phantom.py'
DATA, OUT = 'data/phantom', 'work_dirs/demo/inference'
SINGLE_WORK, TRI_VIEW_WORK = 'work_dirs/demo/single_view', 'work_dirs/demo/tri_view'


def step(title: str, *words: str) -> None:
    """Run one tool, saying what a user would type; stop if it fails."""
    print(f'\n=== {title}\n$ python {" ".join(words)}', flush=True)
    status = run_child([sys.executable, *words], cwd=ROOT)
    if status:
        sys.exit(f'error: this step ended with status {status}; the reason is above')


def held_out_exam() -> str:
    """Return the first exam of the test part that has a lesion."""
    data = read_json(ROOT / DATA / 'annotations/test.json')
    with_lesion = {annotation['image_id'] for annotation in data['annotations']}
    return next(image['exam_id'] for image in data['images']
                if image['id'] in with_lesion)


def trained(work_dir: str) -> str:
    """Return the last checkpoint of a work dir."""
    return f'{work_dir}/{Path(latest_checkpoint(ROOT / work_dir)).name}'


def result(work_dir: str, name: str) -> dict:
    """Return what a test wrote."""
    return read_json(ROOT / work_dir / f'test/{name}.json')


def score_at_one_false_positive() -> float:
    """Return the score of MommiNet-v2's boxes at one false positive an image."""
    return next(point['threshold']
                for point in result(TRI_VIEW_WORK, 'froc')['operating_points']
                if point['fppi'] == 1)


def report(seconds: float) -> None:
    """Print where everything is, and the main figures side by side."""
    single, tri_view = (result(work_dir, 'froc')['operating_points']
                        for work_dir in (SINGLE_WORK, TRI_VIEW_WORK))
    print(f'\n=== Done in {seconds / 60:.1f} minutes')
    print('Recall on held-out phantom exams, with 95% confidence intervals by '
          'bootstrap over patients:')
    print(f'  {"false positives an image":26s}{"single view":22s}three views')
    for one, three in zip(single, tri_view):
        print(f'  {one["fppi"]:<26g}'
              + ''.join(f'{p["recall"]:.2f} [{p["low"]:.2f}, {p["high"]:.2f}]'
                        .ljust(22) for p in (one, three)))
    malignancy = result(TRI_VIEW_WORK, 'malignancy')
    if malignancy['auc_low'] is not None:
        print(f'AUC of malignancy over detected patches: {malignancy["auc"]:.2f} '
              f'[{malignancy["auc_low"]:.2f}, {malignancy["auc_high"]:.2f}]')
    print('Few exams and one seed: docs/results/momminet.md has the comparison.')
    for name, path in (('exams', f'{DATA}/preview.png'),
                       ('FROC curve', f'{TRI_VIEW_WORK}/test/froc.png'),
                       ('its numbers', f'{TRI_VIEW_WORK}/test/froc.json'),
                       ('detections', f'{OUT}/predictions.json'),
                       ('four-view picture', f'{OUT}/*.png'),
                       ('checkpoint', trained(TRI_VIEW_WORK))):
        print(f'  {name:18s} {path}')


def main() -> None:
    """Make exams, train, evaluate, infer."""
    parser('Make 100 phantom exams; train the small single-view baseline and '
           'MommiNet-v2, all stages, on 75; evaluate both on 25; and run inference '
           'on a DICOM folder.', 'python tools/demo.py').parse_args()
    with stoppable('interrupted; make demo goes on from here'):
        make_all()


def make_all() -> None:
    """Take all steps."""
    # one core trains, the other loads images: two threads would be in its way
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    start = time.time()
    step('1/6 Make 75 + 25 phantom exams', 'tools/dataset_converters/phantom.py',
         '--exams', '100', '--size', '256', '128', '--seed', '0', '--out', DATA,
         '--split', '0.75', '0', '0.25', '--workers', '2', '--preview')
    for number, name, config, work_dir in (
            (2, 'the single-view baseline', SINGLE, SINGLE_WORK),
            (4, 'MommiNet-v2, four stages', TRI_VIEW, TRI_VIEW_WORK)):
        step(f'{number}/6 Train {name}', 'tools/train.py', config, '--work-dir',
             work_dir, '--resume')
        step(f'{number + 1}/6 Evaluate it', 'tools/test.py', config,
             trained(work_dir), '--work-dir', work_dir)
    step('6/6 Infer on a held-out exam; show boxes down to one false positive an '
         'image', 'tools/infer.py', TRI_VIEW, trained(TRI_VIEW_WORK),
         f'{DATA}/dicom/{held_out_exam()}', '--out', OUT, '--score-thr',
         f'{score_at_one_false_positive():.3g}')
    report(time.time() - start)


if __name__ == '__main__':
    main()
