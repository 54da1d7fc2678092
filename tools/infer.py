"""Detect lesions, or judge breasts, pairs or exams: DICOM files or pictures."""
from mammo_plugins.apis import ExamInferencer, NippleLocator
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.cli.arguments import add_config_arguments, parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.cli.inference import check_output, report

EXAMPLE = ('python tools/infer.py '
           'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py '
           'work_dirs/faster-rcnn_hrnetv2p-w8_phantom/epoch_6.pth '
           'data/phantom/dicom --out results')


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Detect lesions in exams, or judge breasts (DIVF-Net), pairs of breasts '
        '(DisAsymNet) or exams (NaFV-Net). Writes predictions.json (boxes in pixels of '
        'the original files and in mm) and one four-view picture an exam; of pairs one '
        'of each projection with the normal and the abnormal images; of exams one with '
        'the outlines of masses and one with heat maps. Each exam is in '
        'predictions.jsonl as soon as it is done, and the same command goes on where it '
        'was stopped. Paths below PATH are written as they are: keep names out of them.',
        EXAMPLE)
    arguments.add_argument('config', help='config file')
    arguments.add_argument('checkpoint', help='checkpoint file')
    arguments.add_argument(
        'path', nargs='+', help='files, or folders of one or many exams')
    arguments.add_argument(
        '--out', default='results',
        help='output folder, of this run alone (default: %(default)s)')
    arguments.add_argument(
        '--score-thr',
        type=float,
        default=0.2,
        help='least score of a box in the pictures (default: %(default)s)')
    arguments.add_argument(
        '--group-by',
        choices=['study', 'folder'],
        default='study',
        help='what holds an exam together; "folder" for data sets with one study a '
        'file, such as CBIS-DDSM (default: %(default)s)')
    arguments.add_argument(
        '--nipple-detector',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='a trained nipple detector for detectors of two views (default: the '
        'tip of the skin line)')
    arguments.add_argument(
        '--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    add_config_arguments(arguments)
    return arguments.parse_args()


def main() -> None:
    """Run."""
    args = parse_args()
    with user_errors(args):
        check_output(args)
        cfg = load_config(args.config, args.cfg_options)
        locator = args.nipple_detector and NippleLocator(
            load_config(args.nipple_detector[0]), args.nipple_detector[1],
            args.device, args.trust_checkpoint)
        inferencer = ExamInferencer(cfg, args.checkpoint, args.device,
                                    args.trust_checkpoint, locator)
        result = inferencer(args.path, args.out, args.score_thr, args.group_by)
    report(result, args.out)
    if not result['exams']:
        raise SystemExit(f'error: {" ".join(args.path)}: no exam that can be used; '
                         + ('the reasons are above' if result['skipped'] else
                            'there are no files'))


if __name__ == '__main__':
    main()
