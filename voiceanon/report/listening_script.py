"""The script of a listening page: one player, voices that change at the same syllable, keys.

Every sound of a reading is decoded once. A change of voice starts the other sound at the place
where the first one is, both faded for some milliseconds. Without the script the page has a plain
player for each sound.
"""

from __future__ import annotations

__all__ = ["SCRIPT"]

SCRIPT = r"""
'use strict';
document.documentElement.classList.add('scripted');
addEventListener('DOMContentLoaded', () => {
  const find = (what, where = document) => where.querySelector(what);
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const readings = all('.reading'), tabs = all('.readings a');
  const play = find('#play'), place = find('#place'), time = find('#time');
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const FADE_S = 0.012, STEP_S = 0.5;
  let context = null, source = null, gain = null, startedAt = 0, offset = 0;
  let reading = readings[0], chosen = '', before = '', playing = false, wanted = 0;
  const decoded = new Map();

  const seconds = () => Number(reading.dataset.seconds);
  const position = () => {
    if (!source) return offset;
    const on = offset + Math.max(0, context.currentTime - startedAt);
    return place_repeats() ? on % seconds() : Math.min(on, seconds());
  };
  const place_repeats = () => find('#repeat').getAttribute('aria-pressed') === 'true';

  // Of what the gate held there is none.
  const audio = take => find(`.stage [data-take="${take}"] audio`, reading);

  function sound(from) {
    if (!decoded.has(from)) {
      const packed = atob(from.getAttribute('src').split(',')[1]);
      const bytes = Uint8Array.from(packed, letter => letter.charCodeAt(0));
      decoded.set(from, context.decodeAudioData(bytes.buffer));
    }
    return decoded.get(from);
  }

  function hush() {
    if (!source) return;
    const now = context.currentTime;
    gain.gain.setValueAtTime(1, now);
    gain.gain.linearRampToValueAtTime(0, now + FADE_S);
    source.onended = null;
    source.stop(now + FADE_S);
    source = null;
  }

  async function begin() {
    const turn = ++wanted, player = audio(chosen);
    if (!player) return;
    context = context || new (window.AudioContext || window.webkitAudioContext)();
    playing = true;
    show();
    if (context.state !== 'running') await context.resume();
    const buffer = await sound(player);
    if (turn !== wanted || !playing) return;
    const at = position();
    hush();
    offset = at >= seconds() - 0.02 ? 0 : at;
    source = context.createBufferSource();
    gain = context.createGain();
    source.buffer = buffer;
    source.loop = place_repeats();
    source.loopEnd = seconds();
    source.connect(gain).connect(context.destination);
    startedAt = context.currentTime;
    gain.gain.setValueAtTime(0, startedAt);
    gain.gain.linearRampToValueAtTime(1, startedAt + FADE_S);
    source.start(startedAt, offset);
    source.onended = () => { offset = seconds(); source = null; playing = false; show(); };
    follow();
    all('.stage audio', reading).forEach(other => sound(other));
  }

  function pause() {
    offset = position();
    ++wanted;
    playing = false;
    hush();
    show();
  }

  function seek(to) {
    const is_on = playing;
    if (is_on) { ++wanted; hush(); }
    offset = Math.min(Math.max(to, 0), seconds());
    if (is_on) begin(); else show();
  }

  const name = take => find(`.voice[data-take="${take}"]`, reading)?.dataset.name || '';

  function choose(take) {
    const button = find(`.voice[data-take="${take}"]`, reading);
    if (!button) return;
    if (take === chosen) { toggle(); return; }
    if (!audio(take) && playing) pause();
    before = chosen;
    chosen = take;
    mark();
    find('#said').textContent = name(take);
    if (audio(take)) begin(); else show();
  }

  function mark() {
    all('.voice', reading).forEach(button =>
      button.setAttribute('aria-pressed', String(button.dataset.take === chosen)));
    // The original is looked at beside a voice: the last one stays where it is.
    const beside = [chosen, before].find(take => take && take !== '0')
      || find('.take', reading).dataset.take;
    all('.take', reading).forEach(part => { part.hidden = part.dataset.take !== beside; });
    reading.classList.toggle('hears-original', chosen === '0');
    find('#now').textContent = name(chosen);
    find('#now').classList.toggle('is-before', chosen === '0');
  }

  function show() {
    const at = position(), units = reading.dataset.units.split(' ');
    find('.cursor', reading).style.left = `${100 * at / seconds()}%`;
    place.max = seconds();
    place.value = at;
    place.style.setProperty('--done', `${100 * at / seconds()}%`);
    place.setAttribute('aria-valuetext', `${at.toFixed(1)} of ${seconds().toFixed(1)} seconds`);
    time.textContent = `${at.toFixed(1)} / ${seconds().toFixed(1)} s`;
    const unit = units[Math.min(units.length - 1, Math.floor(at / 0.02))];
    find('.unit-now', reading).textContent =
      unit === '0' ? 'pause' : `unit ${unit} of ${reading.dataset.most}`;
    play.disabled = !audio(chosen);
    play.classList.toggle('is-playing', playing);
    find('.word', play).textContent = playing ? 'Pause' : 'Play';
    reading.classList.toggle('is-playing', playing);
  }

  let last = 0;
  function follow() {
    if (!playing) return;
    const now = performance.now();
    if (!calm.matches || now - last > 250) { show(); last = now; }
    requestAnimationFrame(follow);
  }

  function open(next) {
    const had = chosen, went_on = playing;
    if (playing) pause();
    reading = next;
    offset = 0;
    readings.forEach(one => { one.hidden = one !== reading; });
    tabs.forEach(tab => {
      if (tab.hash === `#${reading.id}`) {
        tab.setAttribute('aria-current', 'true');
        tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 40;
      } else tab.removeAttribute('aria-current');
    });
    const takes = all('.voice', reading).map(button => button.dataset.take);
    chosen = takes.includes(had) ? had : takes.find(audio) || takes[0];
    if (!takes.includes(before)) before = takes.find(take => take !== chosen) || '';
    mark();
    show();
    if (went_on) begin();
  }

  const toggle = () => { if (playing) pause(); else begin(); };
  const compare = () => { if (before) choose(before); };
  const beside = by => {
    const next = readings[readings.indexOf(reading) + by];
    if (next) open(next);
  };
  function repeat() {
    const at = position(), button = find('#repeat');
    button.setAttribute('aria-pressed', String(!place_repeats()));
    if (source) { hush(); offset = at; begin(); }
  }

  play.addEventListener('click', toggle);
  place.addEventListener('input', () => seek(Number(place.value)));
  find('#compare').addEventListener('click', compare);
  find('#repeat').addEventListener('click', repeat);
  all('.voice').forEach(button =>
    button.addEventListener('click', () => choose(button.dataset.take)));
  tabs.forEach((tab, at) => tab.addEventListener('click', event => {
    event.preventDefault();
    open(readings[at]);
  }));
  all('.stage').forEach(stage => {
    const move = event => {
      const box = stage.getBoundingClientRect();
      seek(seconds() * (event.clientX - box.left) / box.width);
    };
    stage.addEventListener('pointerdown', event => {
      if (event.button !== 0 || event.target.closest('audio')) return;
      stage.setPointerCapture(event.pointerId);
      move(event);
    });
    stage.addEventListener('pointermove', event => {
      if (stage.hasPointerCapture(event.pointerId)) move(event);
    });
  });

  addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !find('#keys-on').checked) return;
    const on = event.target, key = event.key.toLowerCase();
    if (key === ' ') {
      if (on.closest('button, input[type=checkbox], summary')) return;
      event.preventDefault();
      toggle();
    } else if (key === 'arrowleft' || key === 'arrowright') {
      event.preventDefault();
      seek(position() + (key === 'arrowleft' ? -STEP_S : STEP_S));
    } else if (/^[0-9]$/.test(key)) choose(key);
    else if (key === 'a') compare();
    else if (key === 'r') repeat();
    else if (key === 'n') beside(1);
    else if (key === 'p') beside(-1);
  });

  open(readings.find(one => `#${one.id}` === location.hash) || readings[0]);
});
"""
