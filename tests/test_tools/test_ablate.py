"""tools/analysis_tools/ablate.py with trainings that are made up."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mammo_cli.main import main
from mammo_plugins.apis import ToolRunner, ablation, ablation_tables
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.evaluation.functional import (
    FROCData,
    ImageMatches,
    froc_summary,
    roc_summary,
)

ROOT = Path(__file__).parents[2]

CONFIG = """
document = 'results.md'
work_dir = {work_dir!r}
phantom = dict(exams=8, size=(64, 32))
seeds = (1, 2)
rows = dict(
    one=dict(title='One view', config='one.py'),
    two=dict(title='Two views', config='two.py', needs=['one'],
             options={{'model.a.checkpoint': '{{folder}}/one/trained.pth'}}))
columns = {{'R@0.5': 'froc/recall@0.5', 'R@1.0': 'froc/recall@1.0',
           'R@2.0': 'froc/recall@2.0'}}
tables = [dict(title='Views', columns=columns,
               reference='one', rows=dict(one=(0.1, 0.2, 0.3), two=None))]
"""


def summary(gain):
    rng = np.random.default_rng(0)
    matches = [
        ImageMatches(
            np.array([rng.random() + gain, rng.random()]), np.array([0, -1]), 1, f'p{i}'
        )
        for i in range(20)
    ]
    return froc_summary(FROCData.from_images(matches), iou_thr=0.2, match='bbox')


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """A config, its document, and tools that only write what the real ones do."""
    (tmp_path / 'results.md').write_text(
        f'# Results\n\nkept\n{ablation_tables.BEGIN}\nold\n{ablation_tables.END}\nkept too\n'
    )
    for name in ('one', 'two', 'another'):
        (tmp_path / f'{name}.py').write_text(
            f'name = {name!r}\ntest_dataloader = dict(dataset=dict(ann_file="a"))'
        )
    config = tmp_path / 'ablation.py'
    config.write_text(CONFIG.format(work_dir=str(tmp_path / 'work')))
    calls = []

    def call(self, words, log):
        calls.append(words)
        if 'tools/train.py' in words:
            folder = Path(words[words.index('--work-dir') + 1])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / 'epoch_2.pth').write_text('weights')
            (folder / 'last_checkpoint').write_text(str(folder / 'epoch_2.pth'))
        if 'tools/test.py' in words:
            folder = Path(words[words.index('--work-dir') + 1]) / 'test'
            folder.mkdir(parents=True, exist_ok=True)
            gain = 0.3 if 'two.py' in words else 0.0
            (folder / 'froc.json').write_text(json.dumps(summary(gain)))

    monkeypatch.setattr(ToolRunner, 'call', call)
    for module in (ablation, ablation_tables):
        monkeypatch.setattr(module, 'ROOT', tmp_path)
    return config, calls


def run(config, *arguments):
    main(['ablate', str(config), '--update-docs', *arguments])


TOOL = 'mammo ablate'


def made_by(path):
    return path.read_text().partition('```bash\n')[2].partition('\n')[0]


def trainings(calls):
    return [words[1] for words in calls if words[0] == 'tools/train.py']


@pytest.mark.parametrize('jobs', ['1', '2'])
def test_rows_are_trained_in_order_and_written(setup, tmp_path, jobs):
    config, calls = setup
    run(config, '--jobs', jobs)
    assert sorted(trainings(calls)) == ['one.py', 'one.py', 'two.py', 'two.py']
    for seed in (1, 2):
        mine = [words for words in calls if f'seed_{seed}' in ' '.join(words)]
        assert [words[0].split('/')[-1] for words in mine] == [
            'phantom.py',
            'train.py',
            'test.py',
            'train.py',
            'test.py',
        ]
        two = mine[3]
        assert f'randomness.seed={seed}' in two
        assert f'model.a.checkpoint={tmp_path}/work/seed_{seed}/one/trained.pth' in two
        assert any(
            word.startswith('test_dataloader.dataset.data_root=')
            and f'seed_{seed}/data' in word
            for word in two
        )
    text = (tmp_path / 'results.md').read_text()
    assert text.startswith('# Results\n\nkept\n') and text.endswith('kept too\n')
    assert 'old' not in text and f'--jobs {jobs}' in text
    one, two = (
        next(line for line in text.splitlines() if line.startswith(start))
        for start in ('| One view', '| Two views')
    )
    assert one.split('|')[5:8] == [' 0.1 ', ' 0.2 ', ' 0.3 ']
    assert one.split('|')[8] == ' reference '
    expected = summary(0.3)['operating_points'][0]['recall']
    assert two.split('|')[2].startswith(f' {expected:.2f} [')
    gain = expected - summary(0.0)['operating_points'][0]['recall']
    assert two.split('|')[8].startswith(f' {gain:+.2f} [')
    assert two.split('|')[5:8] == [' – '] * 3


def test_what_is_done_is_not_done_again(setup, tmp_path):
    config, calls = setup
    run(config, '--seeds', '1', '--rows', 'one')
    assert trainings(calls) == ['one.py']
    assert 'not run' not in (tmp_path / 'results.md').read_text()  # as it was
    assert 'not run' in next(tmp_path.rglob('tables.md')).read_text()
    assert made_by(next(tmp_path.rglob('tables.md'))) == (
        f'{TOOL} {config} --jobs 1 --seeds 1 --rows one'
    )
    run(config)
    assert made_by(tmp_path / 'results.md') == f'{TOOL} {config} --jobs 1 --update-docs'
    assert sorted(trainings(calls)) == ['one.py', 'one.py', 'two.py', 'two.py']
    before = len(calls)
    run(config)
    assert len(calls) == before


@pytest.mark.parametrize(
    'change', ['row', 'its config', 'phantom', 'needed', 'version']
)
def test_results_of_other_settings_are_not_taken(
    setup, monkeypatch, tmp_path, capsys, change
):
    config, calls = setup
    run(config, '--seeds', '1')
    before = len(calls)
    text = config.read_text()
    config.write_text(
        {
            'row': text.replace('{folder}/one', '{folder}/once'),
            'phantom': text.replace('exams=8', 'exams=9'),
        }.get(change, text)
    )
    if change in ('its config', 'needed'):
        name = 'two' if change == 'its config' else 'one'
        (tmp_path / f'{name}.py').write_text('name = 5')
        if change == 'needed':  # only the needed row is run anew
            shutil.rmtree(tmp_path / 'work/seed_1/one')
    if change == 'version':
        monkeypatch.setattr('mammo_plugins.version.__version__', '99.0')
    with pytest.raises(SystemExit):
        run(config, '--seeds', '1')
    assert 'begun with other settings' in capsys.readouterr().err
    assert len(calls) == before


def test_a_row_pulls_what_it_needs(setup):
    config, calls = setup
    run(config, '--rows', 'two', '--seeds', '1')
    assert trainings(calls) == ['one.py', 'two.py']


@pytest.mark.parametrize(
    'words',
    [['--rows', 'one'], ['--rows', 'two'], ['--rows', 'two', '--seeds', '2'], []],
)
def test_the_command_that_is_told_makes_the_tables(setup, monkeypatch, tmp_path, words):
    """In another folder too."""
    config, _ = setup
    run(config, *words)
    (tables,) = (
        (tmp_path / 'work').rglob('tables.md')
        if words[:2] == ['--rows', 'one']
        else [tmp_path / 'results.md']
    )
    text = re.sub(r'[\d.]+ minutes', '', tables.read_text())
    again = made_by(tables).removeprefix(TOOL).split()
    shutil.rmtree(tmp_path / 'work')
    run(*again)
    assert re.sub(r'[\d.]+ minutes', '', tables.read_text()) == text


def test_a_failure_stops_and_keeps_the_rest(setup, monkeypatch, tmp_path, capsys):
    config, calls = setup
    real = ToolRunner.call

    def failing(self, words, log):
        if 'two.py' in words:
            raise ConfigError('tools/train.py ended with status 1')
        real(self, words, log)

    monkeypatch.setattr(ToolRunner, 'call', failing)
    with pytest.raises(SystemExit):
        run(config, '--seeds', '1')
    assert 'ended with status 1' in capsys.readouterr().err
    assert (tmp_path / 'work/seed_1/one/result.json').is_file()


@pytest.mark.parametrize(
    'change, message',
    [
        (('--rows', 'three'), 'no such row'),
        (('--tables-only',), None),
    ],
)
def test_arguments(setup, capsys, change, message):
    config, calls = setup
    if message is None:
        run(config, *change)
        assert not calls
        return
    with pytest.raises(SystemExit):
        run(config, *change)
    assert message in capsys.readouterr().err


def test_commands_and_columns_that_rows_lack(setup, monkeypatch, tmp_path):
    config, calls = setup
    text = config.read_text()
    config.write_text(
        text.replace(
            'rows = dict(',
            "rows = dict(\n    made=dict(title='Made', command=["
            "'tools/make.py', '{folder}/made', '--seed', '{seed}']),",
        )
        .replace('columns = {', "columns = {'A': 'other/auc', ")
        .replace('reference=', "compared=['R@0.5', 'R@2.0'], reference=")
    )
    real = ToolRunner.call

    def call(self, words, log):
        real(self, words, log)
        if 'tools/test.py' in words and 'two.py' in words:
            folder = Path(words[words.index('--work-dir') + 1]) / 'test'
            rng = np.random.default_rng(0)
            (folder / 'other.json').write_text(
                json.dumps(roc_summary(np.arange(40) % 2, rng.random(40), range(40)))
            )

    monkeypatch.setattr(ToolRunner, 'call', call)
    run(config)
    assert ['tools/make.py', f'{tmp_path}/work/seed_2/made', '--seed', '2'] in calls
    lines = (tmp_path / 'results.md').read_text().splitlines()
    header, one, two = (
        next(line for line in lines if line.startswith(start))
        for start in ('| system', '| One view', '| Two views')
    )
    cells = [
        [cell.strip() for cell in line.split('|')[1:-1]] for line in (header, one, two)
    ]
    one, two = (dict(zip(cells[0], row)) for row in cells[1:])
    assert one['A'] == '–' and two['A'].endswith(']')
    assert two['difference, R@0.5'].startswith('+')
    assert one['difference, R@2.0'] == 'reference'
    assert 'paper, R@2.0' not in one  # the third column, of which nothing is stated


def test_a_column_that_no_row_has(setup, capsys):
    config, _ = setup
    config.write_text(
        config.read_text().replace('columns = {', "columns = {'A': 'frok/auc', ")
    )
    with pytest.raises(SystemExit):
        run(config)
    assert "column frok/auc: the test of no row's config" in capsys.readouterr().err


def test_plot(setup, tmp_path):
    config, _ = setup
    config.write_text(
        config.read_text()
        + """
plots = [dict(title='More exams', column='froc/recall@1.0', x=(50, 100),
              curves={'One': ['one', 'two']}, x_title='share', y_title='R@1.0',
              out='assets/plot.png')]
"""
    )
    run(config, '--rows', 'one')
    assert '(More exams: not run)' in next(tmp_path.rglob('tables.md')).read_text()
    run(config)
    assert '![More exams](assets/plot.png)' in (tmp_path / 'results.md').read_text()
    assert (tmp_path / 'assets/plot.png').stat().st_size > 5000


def test_macro_f1_is_compared_at_thresholds_of_the_validation_part():
    """Of the row's own training, whose last validation writes them."""
    config = Config.fromfile(ROOT / 'configs/divf/ablation.py')
    assert config.phantom.split[1] > 0
    assert {column for table in config.tables for column in table.columns.values()} == {
        'roc/auc',
        'roc/macro_f1@chosen',
    }
    rows = ['no-fusion_r18', 'oversampled', 'synthesis-fourier']
    runs = [
        run for run in ablation.plan(config, [2], rows) if 'command' not in run.settings
    ]
    assert len(runs) == 4  # what synthesis needs too
    for run in runs:
        merged = Config.fromfile(ROOT / run.settings.config)
        words = ablation.options_of(run, config)
        merged.merge_from_dict(dict(word.split('=', 1) for word in words[1:]))
        assert merged.test_evaluator.threshold_from == str(run.folder / 'val/roc.json')
        assert 'threshold_from' not in merged.val_evaluator
        parts = [merged[f'{part}_dataloader'].dataset for part in ('val', 'test')]
        assert [part.ann_file for part in parts] == [
            'annotations/val.json',
            'annotations/test.json',
        ]
        # the last validation is of what is tested
        assert merged.train_cfg.val_interval >= merged.train_cfg.max_epochs
        assert 'save_best' not in merged.default_hooks.checkpoint


def test_the_document_is_left_alone_by_default(setup, tmp_path):
    config, _ = setup
    before = (tmp_path / 'results.md').read_text()
    main(['ablate', str(config)])
    assert (tmp_path / 'results.md').read_text() == before
    (tables,) = (tmp_path / 'work').rglob('tables.md')
    assert '| Two views' in tables.read_text()


@pytest.mark.parametrize('name', ['blending', 'disasym', 'divf', 'momminet', 'nafv'])
def test_shipped_ablations_find_their_configs_elsewhere(name, tmp_path, monkeypatch):
    """As of an installed package: paths start from where one stands."""
    monkeypatch.setattr(ablation, 'ROOT', tmp_path)
    started = []
    monkeypatch.setattr(
        'mammo_plugins.apis.experiments.run_child',
        lambda words, **_: started.append(words) or 1,
    )
    cfg = Config.fromfile(ROOT / f'configs/{name}/ablation.py')
    cfg.work_dir = str(tmp_path / 'work')
    runs = ablation.plan(cfg, [1], None)
    for each in {run.settings.get('config', run.row): run for run in runs}.values():
        ablation.settings_of(each, cfg)
        with pytest.raises(ConfigError) as error:
            ablation.execute(each, cfg, ToolRunner(tmp_path))
        assert 'tools/' not in str(error.value)
    named = [word for words in started for word in words if word.endswith('.py')]
    named = [word for word in named if 'configs/' in word]
    assert named and all(Path(word).is_file() for word in named)
    # the command itself finds what a script is called
    assert all(words[1:3] == ['-m', 'mammo_cli'] for words in started)


def test_update_docs_without_the_page_is_refused_at_once(setup, tmp_path, capsys):
    config, calls = setup
    (tmp_path / 'results.md').unlink()
    with pytest.raises(SystemExit):
        run(config)
    said = capsys.readouterr().err
    assert 'results.md: no such file; --update-docs' in said and 'tables.md' in said
    assert not calls


@pytest.mark.parametrize(
    'before, after, said',
    [
        ('seeds = (1, 2)', '', 'no seeds; an ablation has work_dir, phantom, seeds'),
        ("config='two.py', needs=['one']", "needs=['one']", 'rows.two: neither config'),
        (
            "needs=['one']",
            "needs=['won']",
            'rows.two.needs: no row won; available rows: one',
        ),
        ("config='two.py'", "config='to.py'", 'rows.two.config: to.py: no such file'),
    ],
)
def test_what_is_no_ablation_is_refused_before_work(setup, capsys, before, after, said):
    config, calls = setup
    text = config.read_text()
    assert before in text
    config.write_text(text.replace(before, after))
    with pytest.raises(SystemExit) as stop:
        run(config)
    assert stop.value.code == 2 and said in capsys.readouterr().err
    assert not calls


def test_a_document_is_needed_for_update_docs_alone(setup, tmp_path, capsys):
    config, _ = setup
    config.write_text(config.read_text().replace("document = 'results.md'", ''))
    with pytest.raises(SystemExit):
        run(config)
    assert '--update-docs needs document' in capsys.readouterr().err
    main(['ablate', str(config)])
    assert '### Views' in (tmp_path / 'work/tables.md').read_text()


def test_the_example_of_the_page_is_an_ablation(tmp_path):
    page = (ROOT / 'docs/reference/ablation.md').read_text()
    file = tmp_path / 'mine.py'
    file.write_text(page.partition('```python\n')[2].partition('```')[0])
    cfg = Config.fromfile(file)
    ablation.check_ablation(cfg)
    for each in ablation.plan(cfg, [1], None):
        options = ablation.options_of(each, cfg)[1:]
        settings = dict(option.split('=', 1) for option in options)
        assert settings['randomness.seed'] == '1'
    assert len(options) > 4
    for name in (*cfg, 'plots', 'document', 'needs', 'command', 'compared', 'digits'):
        assert f'`{name}`' in page or name == 'config', name
