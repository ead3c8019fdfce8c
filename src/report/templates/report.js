// Search, filter, sort and copy. The page is whole without it: this only hides, orders and copies.
'use strict';
(() => {
  const list = document.getElementById('list');
  const form = document.querySelector('form.filter');
  if (!list || !form) return;
  const body = list.tBodies[0];
  const rows = [...body.rows]; // in the order of the report
  const said = form.querySelector('output');
  const fold = (text) => text.normalize('NFKC').toLowerCase();
  let texts; // of each row, made when first searched for
  let order = { by: null, down: false };

  const number = (count) => count.toLocaleString('en');

  function filter() {
    const words = fold(form.elements.search.value).split(/\s+/).filter(Boolean);
    if (words.length) texts ??= rows.map((row) => fold(row.textContent));
    const boxes = [...form.querySelectorAll('[name=severity]')];
    const severities = new Set(boxes.filter((box) => box.checked).map((box) => box.dataset.severity));
    const kind = form.elements.kind.value;
    const age = form.elements.age.value;
    let shown = 0;
    rows.forEach((row, at) => {
      const fits =
        severities.has(row.cells[0].textContent) &&
        (!kind || row.dataset.k === kind) &&
        (!age || row.classList.contains('new') === (age === 'new')) &&
        words.every((word) => texts[at].includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      if (fits) shown += 1;
    });
    said.textContent =
      shown === rows.length
        ? `All ${number(rows.length)} shown`
        : `${number(shown)} of ${number(rows.length)} shown`;
    form.classList.toggle('filtered', shown !== rows.length);
  }

  const collator = new Intl.Collator('en', { numeric: true });
  const text = (row, cell, tag) => row.cells[cell].querySelector(tag)?.textContent ?? '';
  const keys = {
    severity: (row) => row.dataset.s,
    kind: (row) => row.dataset.k,
    name: (row) => text(row, 2, 'strong'),
    attribute: (row) => text(row, 3, 'span'),
    seen: (row) => text(row, 4, 'time') && row.cells[4].querySelector('time').dateTime,
  };

  // Up, down, then the order of the report again.
  function sort(by) {
    if (order.by !== by) order = { by, down: false };
    else if (!order.down) order = { by, down: true };
    else order = { by: null, down: false };
    let sorted = rows;
    if (order.by) {
      const sign = order.down ? -1 : 1;
      const keyed = rows.map((row, at) => ({ row, at, key: keys[by](row) }));
      keyed.sort((a, b) => sign * collator.compare(a.key, b.key) || a.at - b.at);
      sorted = keyed.map((entry) => entry.row);
    }
    body.append(...sorted);
    for (const head of list.tHead.rows[0].cells) {
      if (!head.dataset.sort) continue;
      const state = head.dataset.sort !== order.by ? 'none' : order.down ? 'descending' : 'ascending';
      head.setAttribute('aria-sort', state);
    }
  }

  async function copy(button) {
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'copied';
    } catch {
      // Not every browser lets a file copy: the command is selected for Ctrl+C.
      getSelection().selectAllChildren(code);
      button.textContent = document.execCommand('copy') ? 'copied' : 'press Ctrl+C';
    }
    setTimeout(() => { button.textContent = 'copy'; }, 2000);
  }

  for (const head of list.tHead.rows[0].cells) {
    if (!head.dataset.sort) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    button.addEventListener('click', () => sort(head.dataset.sort));
    head.append(button);
    head.setAttribute('aria-sort', 'none');
  }

  for (const code of body.querySelectorAll('code.c')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'copy';
    code.after(' ', button);
  }
  body.addEventListener('click', (event) => {
    if (event.target.matches('button.copy')) copy(event.target);
  });

  // A kind in the counts shows its findings, not only the first; a number above shows those it counts.
  for (const link of document.querySelectorAll('a[data-kind], a[data-age]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      form.reset();
      form.elements.kind.value = link.dataset.kind ?? '';
      form.elements.age.value = link.dataset.age ?? '';
      filter();
      const findings = document.getElementById('findings');
      findings.scrollIntoView();
      findings.focus({ preventScroll: true });
    });
  }

  let waiting;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 60);
  };
  form.addEventListener('input', later);
  form.addEventListener('change', later);
  form.addEventListener('reset', () => setTimeout(filter));
  form.addEventListener('submit', (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
