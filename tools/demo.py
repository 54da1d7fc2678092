"""The main job, end to end, on phantom exams: `make demo`."""
import json
import subprocess
import sys
import time
from pathlib import Path

from mammo_plugins.apis.command_line import parser

ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py'
DATA, WORK, OUT = 'data/phantom', 'work_dirs/demo', 'work_dirs/demo/inference'


def step(title: str, *words: str) -> None:
    """Run one tool, saying what a user would type; stop if it fails."""
    print(f'\n=== {title}\n$ python {" ".join(words)}', flush=True)
    done = subprocess.run([sys.executable, *words], cwd=ROOT)
    if done.returncode:
        sys.exit(f'error: this step ended with status {done.returncode}; the '
                 'reason is above')


def held_out_exam() -> str:
    """Return the first exam of the test part that has a lesion."""
    data = json.loads((ROOT / DATA / 'annotations/test.json').read_text())
    with_lesion = {annotation['image_id'] for annotation in data['annotations']}
    return next(image['exam_id'] for image in data['images']
                if image['id'] in with_lesion)


def report(seconds: float) -> None:
    """Print where everything is, and the main figures."""
    froc = json.loads((ROOT / WORK / 'test/froc.json').read_text())
    print(f'\n=== Done in {seconds / 60:.1f} minutes')
    print('Recall on held-out phantom exams, with 95% confidence intervals by '
          'bootstrap over patients:')
    for point in froc['operating_points']:
        print(f'  {point["recall"]:.2f} ({point["low"]:.2f} to '
              f'{point["high"]:.2f}) at {point["fppi"]:g} false positives an '
              'image')
    for name, path in (('exams', f'{DATA}/preview.png'),
                       ('FROC curve', f'{WORK}/test/froc.png'),
                       ('its numbers', f'{WORK}/test/froc.json'),
                       ('detections', f'{OUT}/predictions.json'),
                       ('four-view picture', f'{OUT}/*.png'),
                       ('checkpoint', f'{WORK}/epoch_*.pth')):
        print(f'  {name:18s} {path}')


def main() -> None:
    """Make exams, train, evaluate, infer."""
    parser('Make 80 phantom exams, train the small baseline on 60, evaluate it on '
           '20, and run inference on a DICOM folder.', 'python tools/demo.py'
           ).parse_args()
    start = time.time()
    step('1/4 Make 60 + 20 phantom exams', 'tools/dataset_converters/phantom.py',
         '--exams', '80', '--seed', '0', '--out', DATA, '--split', '0.75', '0',
         '0.25', '--workers', '2', '--preview')
    step('2/4 Train', 'tools/train.py', CONFIG, '--work-dir', WORK, '--resume')
    checkpoint = (ROOT / WORK / 'last_checkpoint').read_text().strip()
    checkpoint = f'{WORK}/{Path(checkpoint).name}'
    step('3/4 Evaluate', 'tools/test.py', CONFIG, checkpoint, '--work-dir', WORK)
    step('4/4 Infer on a held-out exam', 'tools/infer.py', CONFIG, checkpoint,
         f'{DATA}/dicom/{held_out_exam()}', '--out', OUT)
    report(time.time() - start)


if __name__ == '__main__':
    main()
