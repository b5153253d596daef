'use strict';
// Everything that comes from files is put in by textContent or as a value, never as markup.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const examples = data.examples.map((e) => ({
  key: e[0], index: e[1], split: e[2], name: e[3], label: e[4], height: e[5], width: e[6],
  scores: e[7], thumbnail: e[8], synset: data.classes[e[4]][0], text: data.classes[e[4]][1],
}));
const byKey = new Map(examples.map((e) => [e.key, e]));
const selected = new Set();
let shown = [];
let focused = null;
let opened = null;
let score = 0;
let range = null; // [from, to], or null for all

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function number(value) {
  if (value === null || value === undefined) return '–';
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Number(value.toPrecision(4)).toString();
}

function firstWord(example) {
  return example.text.split(',')[0];
}

function makeCard(example, value, className) {
  const card = element('li', 'card ' + (className || ''));
  card.setAttribute('role', 'option');
  card.setAttribute('aria-selected', 'false');
  card.setAttribute('aria-label', `${example.index}, ${firstWord(example)}`);
  card.tabIndex = -1;
  card.dataset.key = example.key;
  if (example.thumbnail) {
    const frame = element('div', 'frame');
    const image = element('img');
    image.loading = 'lazy';
    image.decoding = 'async';
    image.alt = '';
    image.src = 'data:image/jpeg;base64,' + example.thumbnail;
    frame.append(image);
    card.append(frame);
  }
  const line = element('div', 'line');
  line.append(element('b', '', String(example.index)));
  line.append(element('span', 'value', value));
  card.append(line, element('div', 'text', firstWord(example)), element('div', 'name', example.name));
  card.title = `${example.name}\n${example.synset} ${example.text}`;
  return card;
}

const cards = new Map();
function cardOf(example) {
  if (!cards.has(example.key)) cards.set(example.key, makeCard(example, ''));
  return cards.get(example.key);
}

function fits(example) {
  const word = $('search').value.trim().toLowerCase();
  if (word && String(example.index) !== word && !example.name.toLowerCase().includes(word)
      && !example.text.toLowerCase().includes(word) && !example.synset.includes(word)) return false;
  if ($('class').value && String(example.label) !== $('class').value) return false;
  if (!range) return true;
  const value = example.scores[score];
  return value !== null && value >= range[0] && value <= range[1];
}

const collator = new Intl.Collator(undefined, {numeric: true});
function compare(a, b) {
  const [what, sign] = $('sort').value.split(' ');
  if (what === 'given') return 0;
  if (what === 'index') return a.index - b.index;
  if (what === 'name') return collator.compare(a.name, b.name);
  if (what === 'class') return a.label - b.label || a.index - b.index;
  const x = a.scores[Number(what)];
  const y = b.scores[Number(what)];
  if (x === null || y === null) return (x === null) - (y === null); // those without come last
  return Number(sign) * (x - y) || a.index - b.index;
}

function show() {
  shown = examples.filter(fits);
  if (data.rows) {
    showRows();
  } else {
    shown.sort(compare);
    for (const example of shown) {
      const value = data.scores.length ? number(example.scores[score]) : '';
      cardOf(example).querySelector('.value').textContent = value;
    }
    $('grid').replaceChildren(...shown.map(cardOf));
  }
  $('none').hidden = shown.length > 0;
  if (!shown.some((example) => example.key === focused)) focused = shown.length ? shown[0].key : null;
  for (const card of document.querySelectorAll('.card')) card.tabIndex = card.dataset.key === focused ? 0 : -1;
  drawBins();
  count();
}

function showRows() {
  const keys = new Set(shown.map((example) => example.key));
  const made = data.rows.filter((row) => keys.has(row.of) || row.members.some((m) => keys.has(m[0]))).map((row) => {
    const section = element('section', 'influence');
    const of = byKey.get(row.of);
    section.append(element('h2', '', `${firstWord(of)} · ${of.split} ${of.index}`));
    const left = element('ul', 'grid');
    left.setAttribute('role', 'listbox');
    left.setAttribute('aria-label', `${of.split} example`);
    left.append(makeCard(of, row.value === null ? '' : row.value));
    const right = element('ul', 'grid');
    right.setAttribute('role', 'listbox');
    right.setAttribute('aria-label', 'Examples of the other split');
    row.members.forEach(([key, value], place) => {
      const className = value === null ? 'context' : place === 0 ? 'first' : '';
      right.append(makeCard(byKey.get(key), value === null ? '–' : value, className));
    });
    section.append(left, element('div', 'arrow', row.direction), right);
    return section;
  });
  $('rows').replaceChildren(...made);
}

function count() {
  const chosen = selected.size ? `, ${selected.size.toLocaleString('en')} selected` : '';
  $('count').textContent = `${shown.length.toLocaleString('en')} of ${examples.length.toLocaleString('en')}${chosen}`;
}

function chosen() {
  return selected.size ? examples.filter((e) => selected.has(e.key)) : shown;
}

function csv() {
  const quote = (value) => /[",\n\r]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value;
  const head = ['index', 'split', 'filename', 'label', 'synset', 'text', ...data.scores];
  const lines = chosen().map((e) => [e.index, e.split, e.name, e.label, e.synset, e.text,
    ...e.scores.map((v) => v === null ? '' : v)].map((v) => quote(String(v))).join(','));
  return [head.map(quote).join(','), ...lines].join('\n') + '\n';
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages opened as a file may not use the clipboard directly.
    const area = element('textarea', 'hidden');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  const before = button.textContent;
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = before; }, 1200);
}

function drawBins() {
  if (!data.scores.length) return;
  const values = examples.map((e) => e.scores[score]).filter((v) => v !== null);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const bins = new Array(40).fill(0);
  const at = (v) => Math.min(39, Math.floor(40 * (v - low) / (high - low || 1)));
  for (const v of values) bins[at(v)] += 1;
  const most = Math.max(...bins, 1);
  const rects = bins.map((n, i) => {
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    const height = n ? Math.max(2, 54 * n / most) : 0;
    const from = low + (high - low) * i / 40;
    const to = low + (high - low) * (i + 1) / 40;
    const inside = !range || (to >= range[0] && from <= range[1]);
    rect.setAttribute('class', inside ? 'bin' : 'bin out');
    rect.setAttribute('x', 8 * i + .5);
    rect.setAttribute('width', 7);
    rect.setAttribute('y', 56 - height);
    rect.setAttribute('height', height);
    return rect;
  });
  if (range) {
    const x = (v) => 320 * Math.min(1, Math.max(0, (v - low) / (high - low || 1)));
    const brush = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    brush.setAttribute('class', 'brush');
    brush.setAttribute('x', x(range[0]));
    brush.setAttribute('width', Math.max(1, x(range[1]) - x(range[0])));
    brush.setAttribute('height', 56);
    rects.push(brush);
  }
  $('bins').replaceChildren(...rects);
  $('bins').dataset.low = low;
  $('bins').dataset.high = high;
  $('from').placeholder = number(low);
  $('to').placeholder = number(high);
}

function setRange(next) {
  range = next;
  $('from').value = range && Number.isFinite(range[0]) ? Number(range[0].toPrecision(6)) : '';
  $('to').value = range && Number.isFinite(range[1]) ? Number(range[1].toPrecision(6)) : '';
  show();
}

function brushed() {
  let start = null;
  const bins = $('bins');
  const valueAt = (event) => {
    const box = bins.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return Number(bins.dataset.low) + share * (Number(bins.dataset.high) - Number(bins.dataset.low));
  };
  bins.addEventListener('pointerdown', (event) => {
    bins.setPointerCapture(event.pointerId);
    start = valueAt(event);
  });
  bins.addEventListener('pointermove', (event) => {
    if (start === null) return;
    const now = valueAt(event);
    setRange([Math.min(start, now), Math.max(start, now)]);
  });
  bins.addEventListener('pointerup', (event) => {
    if (start !== null && valueAt(event) === start) setRange(null);
    start = null;
  });
}

function open(key) {
  const example = byKey.get(key);
  if (!example) return;
  opened = key;
  $('dialog-title').textContent = `${example.split} ${example.index} · ${firstWord(example)}`;
  const full = $('full-' + key);
  const parts = [];
  if (example.thumbnail) {
    const image = element('img');
    image.alt = `${firstWord(example)}, ${example.name}`;
    image.src = 'data:image/jpeg;base64,' + (full ? full.textContent : example.thumbnail);
    if (!full) image.width = example.width;
    parts.push(image);
    if (!full) {
      const note = element('p', 'faint', 'The thumbnail; the picture at full size is beyond the byte budget of this page (--max_bytes). To get it: ');
      note.append(element('code', '', `indexed-imagenet export DIR --split=${example.split} --index ${example.index} --output FOLDER`));
      parts.push(note);
    }
  }
  $('picture').replaceChildren(...parts);
  $('picture').hidden = !parts.length;
  const facts = [
    ['index', example.index], ['split', example.split], ['file name', example.name],
    ['label', `${example.label} (image/class/label ${example.label + 1})`],
    ['synset', example.synset], ['class', example.text],
    ...(example.width ? [['size', `${example.width} × ${example.height}`]] : []),
    ...data.scores.map((name, i) => [name, example.scores[i] === null ? '–' : String(example.scores[i])]),
  ];
  const table = element('table');
  for (const [name, value] of facts) {
    const row = element('tr');
    const head = element('th', '', name);
    head.scope = 'row';
    row.append(head, element('td', '', String(value)));
    table.append(row);
  }
  $('facts').replaceChildren(table);
  if (!$('dialog').open) $('dialog').showModal();
  history.replaceState(null, '', '#' + key);
  const place = shown.indexOf(example);
  $('previous').disabled = place <= 0;
  $('next').disabled = place < 0 || place === shown.length - 1;
}

function step(by) {
  const place = shown.findIndex((example) => example.key === opened);
  if (place >= 0 && shown[place + by]) open(shown[place + by].key);
}

function select(key, on) {
  if (on) selected.add(key); else selected.delete(key);
  for (const card of document.querySelectorAll('.card')) {
    if (card.dataset.key === key) card.setAttribute('aria-selected', String(on));
  }
  count();
}

function focusCard(card) {
  if (!card) return;
  for (const other of document.querySelectorAll('.card[tabindex="0"]')) other.tabIndex = -1;
  card.tabIndex = 0;
  focused = card.dataset.key;
  card.focus();
  card.scrollIntoView({block: 'nearest'});
}

function move(card, key) {
  const all = [...document.querySelectorAll('.card')];
  const at = all.indexOf(card);
  if (key === 'Home') return all[0];
  if (key === 'End') return all[all.length - 1];
  if (key === 'ArrowLeft') return all[at - 1];
  if (key === 'ArrowRight') return all[at + 1];
  // The nearest card of the next row, up or down.
  const box = card.getBoundingClientRect();
  const sign = key === 'ArrowDown' ? 1 : -1;
  let best = null;
  for (let i = at + sign; all[i]; i += sign) {
    const other = all[i].getBoundingClientRect();
    if (sign * (other.top - box.top) < 8) continue;
    const off = Math.abs(other.left - box.left);
    if (best && (off >= best.off || sign * (other.top - best.top) > 8)) break;
    best = {card: all[i], off, top: other.top};
  }
  return best && best.card;
}

function onKey(event) {
  if (event.target.matches('input, select, textarea') || event.altKey || event.metaKey) return;
  if ($('dialog').open) {
    if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
    else if (event.key === 't') switchTheme();
    return;
  }
  const card = event.target.closest('.card');
  if (event.ctrlKey) {
    if (event.key !== 'a') return;
    event.preventDefault();
    for (const example of shown) select(example.key, true);
  } else if (event.key === '/') {
    event.preventDefault();
    $('search').focus();
  } else if (event.key === 't') {
    switchTheme();
  } else if (event.key === 'Escape') {
    for (const key of [...selected]) select(key, false);
  } else if (card && event.key === 'Enter') {
    event.preventDefault();
    open(card.dataset.key);
  } else if (card && event.key === ' ') {
    event.preventDefault();
    select(card.dataset.key, !selected.has(card.dataset.key));
  } else if (card && /^(Arrow|Home|End)/.test(event.key)) {
    event.preventDefault();
    focusCard(move(card, event.key));
  } else if (!card && event.key.startsWith('Arrow') && event.target === document.body) {
    event.preventDefault();
    focusCard(document.querySelector('.card[tabindex="0"]'));
  }
}

function switchTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'light' : 'dark';
}

function openLink() {
  const key = decodeURIComponent(location.hash.slice(1));
  if (byKey.has(key)) open(key);
}

function option(select, value, text) {
  const made = element('option', '', text);
  made.value = value;
  select.append(made);
}

function start() {
  const labels = [...new Set(examples.map((e) => e.label))].sort((a, b) => a - b);
  for (const label of labels) {
    const n = examples.filter((e) => e.label === label).length;
    option($('class'), String(label), `${data.classes[label][1].split(',')[0]} (${n})`);
  }
  option($('sort'), 'given', 'as asked for');
  data.scores.forEach((name, i) => {
    option($('sort'), `${i} -1`, `${name}, highest first`);
    option($('sort'), `${i} 1`, `${name}, lowest first`);
    option($('score'), String(i), name);
  });
  for (const name of ['index', 'class', 'name']) option($('sort'), name, name);
  $('histogram').hidden = !data.scores.length || Boolean(data.rows);
  $('sort').parentElement.hidden = Boolean(data.rows);
  $('grid').hidden = Boolean(data.rows);
  $('class-label').hidden = labels.length < 2;
  for (const id of ['search', 'class', 'sort']) $(id).addEventListener('input', show);
  $('score').addEventListener('input', () => { score = Number($('score').value); setRange(null); });
  for (const id of ['from', 'to']) {
    $(id).addEventListener('input', () => {
      const [from, to] = ['from', 'to'].map((each) => $(each).value);
      range = from || to ? [from ? Number(from) : -Infinity, to ? Number(to) : Infinity] : null;
      show();
    });
  }
  $('reset').addEventListener('click', () => setRange(null));
  brushed();
  $('theme').addEventListener('click', switchTheme);
  $('copy-indices').addEventListener('click', (e) => copy(chosen().map((each) => each.index).join(' '), e.currentTarget));
  $('copy-csv').addEventListener('click', (e) => copy(csv(), e.currentTarget));
  $('save-csv').addEventListener('click', () => {
    const link = element('a');
    link.href = 'data:text/csv;charset=utf-8,' + encodeURIComponent(csv());
    link.download = 'selection.csv';
    link.click();
  });
  document.querySelector('main').addEventListener('click', (event) => {
    const card = event.target.closest('.card');
    if (!card) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      select(card.dataset.key, !selected.has(card.dataset.key));
    } else {
      focusCard(card);
      open(card.dataset.key);
    }
  });
  document.addEventListener('keydown', onKey);
  $('search').addEventListener('keydown', (event) => {
    if (event.key === 'Escape') { $('search').value = ''; show(); $('search').blur(); }
  });
  $('previous').addEventListener('click', () => step(-1));
  $('next').addEventListener('click', () => step(1));
  $('close').addEventListener('click', () => $('dialog').close());
  $('dialog').addEventListener('click', (event) => { if (event.target === $('dialog')) $('dialog').close(); });
  $('dialog').addEventListener('close', () => {
    history.replaceState(null, '', location.pathname + location.search);
    const card = document.querySelector(`.card[data-key="${CSS.escape(opened)}"]`);
    if (card) focusCard(card);
  });
  addEventListener('hashchange', openLink);
  show();
  openLink();
}

start();
