"""Parts as jobs of submitit, as it gives them to Slurm, here to this machine."""

import sys

import submitit
from archive_runs import CONFIG, run

from mammo_plugins.apis import ExamInferencer
from mammo_plugins.apis.archive import merge_parts


def test_jobs_together_are_one_run(checkpoint, index, tmp_path):
    executor = submitit.LocalExecutor(tmp_path / 'logs')
    executor.update_parameters(timeout_min=10)
    command = submitit.helpers.CommandFunction(
        [sys.executable, '-m', 'mammo_cli', 'infer', str(CONFIG), str(checkpoint)]
        + ['--index', str(index), '--figures', 'none', '--device', 'cpu']
        + ['--num-parts', '2', '--workers', '0']
    )
    parts = [tmp_path / f'part_{i}' for i in range(2)]
    jobs = [
        executor.submit(command, '--part-id', str(i), '--out', str(part))
        for i, part in enumerate(parts)
    ]
    run(ExamInferencer(CONFIG, checkpoint, device='cpu'), index, tmp_path / 'whole')
    for job in jobs:
        job.result()
    merge_parts(parts, index, tmp_path / 'all')
    merged, whole = (
        (tmp_path / name / 'predictions.json').read_bytes() for name in ('all', 'whole')
    )
    assert merged == whole
