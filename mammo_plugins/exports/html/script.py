"""Script of a page: score slider, switches, and comparison with the other breast."""

SCRIPT = """
(() => {
  'use strict';
  const at = (id) => document.getElementById(id);
  const slider = at('threshold');
  if (!slider) return;
  const found = [...document.querySelectorAll('.found[data-score]')]
    .map((node) => [Number(node.dataset.score), node]);
  const own = found.filter(([, node]) => !node.closest('.other'));
  const exams = [...document.querySelectorAll('.exam')];

  function apply() {
    const least = Number(slider.value);
    let shown = 0;
    for (const [score, node] of found) node.classList.toggle('off', score < least);
    for (const [score] of own) shown += score >= least;
    at('threshold-value').textContent = least.toFixed(2);
    at('count').textContent = own.length ? `${shown} of ${own.length} boxes,` : '';
    const only = at('only').checked;
    let from = 0;
    for (const exam of exams) {
      const below = !(Number(exam.dataset.score ?? NaN) >= least);
      exam.classList.toggle('off', only && below);
      exam.classList.toggle('below', below);
      from += !below;
    }
    at('exams-shown').textContent =
      `${from} of ${exams.length} exams from ${least.toFixed(2)}`;
  }

  // switches of things that are not on this page
  const things = {boxes: '.found', scores: '.found text', other: 'svg.other'};
  for (const [id, selector] of Object.entries(things)) {
    at(id).closest('label').hidden = document.querySelector(selector) === null;
  }
  slider.addEventListener('input', apply);
  at('only').addEventListener('change', apply);
  const toggles = {boxes: 'no-boxes', scores: 'no-scores'};
  for (const [id, name] of Object.entries(toggles)) {
    at(id).addEventListener('change', (event) => {
      document.body.classList.toggle(name, !event.target.checked);
    });
  }
  at('other').addEventListener('change', (event) => {
    document.body.classList.toggle('compare', event.target.checked);
  });
  apply();
})();
"""
