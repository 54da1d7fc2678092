"""Detect lesions in exams: DICOM files or pictures."""
from mammo_plugins.apis import ExamInferencer
from mammo_plugins.apis.command_line import (add_config_arguments, load_config,
                                             parser, user_errors)

EXAMPLE = ('python tools/infer.py '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
           'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_14.pth '
           'data/phantom/dicom --out results')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Detect lesions in exams. Writes predictions.json (boxes in pixels of '
        'the original files and in mm) and one four-view picture an exam. Paths '
        'below PATH are written as they are: keep names out of them.',
        EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        'path', help='a file, or a folder of one or many exams')
    arguments.add_argument(
        '--out', default='results', help='output folder (default: %(default)s)')
    arguments.add_argument(
        '--score-thr',
        type=float,
        default=0.2,
        help='least score of a box in the pictures (default: %(default)s)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors():
        cfg = load_config(args.config, args.cfg_options)
        inferencer = ExamInferencer(cfg, args.checkpoint, args.device,
                                    args.trust_checkpoint)
        result = inferencer(args.path, args.out, args.score_thr)
    views = sum(len(exam['views']) for exam in result['exams'])
    print(f'{len(result["exams"])} exams, {views} views: {args.out}/'
          'predictions.json, and a picture an exam beside it')
    for exam in result['exams']:
        for view in exam['views']:
            for warning in view['warnings']:
                print(f'warning: {view["file"]}: {warning}')
    if result['skipped']:
        print(f'{len(result["skipped"])} files skipped:')
        for entry in result['skipped']:
            print(f'  {entry["file"]}: {entry["reason"]}')
    if not result['exams']:
        raise SystemExit(f'error: {args.path}: no usable mammogram')


if __name__ == '__main__':
    main()
