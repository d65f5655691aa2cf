// Names beside points: none covers a mark or another name; intervals and lines are crossed where nothing else is left.
"use strict";

const Labels = (() => {
  const MOST = 24, TRIED = 4; // networks that are named; points of each that are tried
  const HIGH = 13, REACH = 7, NEAR = 10, FAR = 2000; // pixels: height of a name, half a mark; cost beyond which none is drawn
  const DISTANCES = [9, 15, 24, 36, 52, 72], TURNS = [0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11].map((k) => (k * Math.PI) / 8);

  const cover = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

  // whether a stretch touches a box: it is cut to the box side by side (Liang and Barsky)
  function crosses([x0, y0, x1, y1], [left, top, right, bottom]) {
    let [from, to] = [0, 1];
    for (const [step, room] of [[x0 - x1, x0 - left], [x1 - x0, right - x0], [y0 - y1, y0 - top], [y1 - y0, bottom - y0]]) {
      if (step === 0 && room < 0) return false;
      if (step < 0) from = Math.max(from, room / step);
      else if (step > 0) to = Math.min(to, room / step);
    }
    return from <= to;
  }

  // points of each network, of those trained where there are some
  function networks(every) {
    const trained = every.filter(({ kind }) => kind === "trained"), found = new Map();
    for (const point of trained.length ? trained : every) found.set(point.model, [...(found.get(point.model) ?? []), point].slice(-TRIED));
    return [...found.values()];
  }

  // boxes beside a point, the nearest first, and the stretch from the mark to each
  function* around({ px, py }, long) {
    for (const far of DISTANCES)
      for (const turn of TURNS) {
        const [cos, sin] = [Math.cos(turn), Math.sin(turn)], u = px + far * cos, v = py + far * sin;
        const left = Math.abs(cos) < 0.3 ? u - long / 2 : cos > 0 ? u : u - long, top = Math.abs(sin) < 0.3 ? v - HIGH / 2 : sin > 0 ? v : v - HIGH;
        yield { far, box: [left, top, left + long, top + HIGH], lead: [px + REACH * cos, py + REACH * sin, u, v] };
      }
  }

  function best(points, long, { marks, taken, lines, frame }) {
    let [found, least] = [null, FAR];
    for (const point of points)
      for (const one of around(point, long)) {
        const { far, box, lead } = one;
        if (far >= least || box[0] < frame[0] + 2 || box[2] > frame[2] - 2 || box[1] < frame[1] + 2 || box[3] > frame[3] - 2) continue;
        if (marks.some((mark) => cover(mark, box)) || taken.some((other) => cover(other, box))) continue;
        let cost = far + 12 * lines.filter((line) => crosses(line, box)).length;
        if (far > NEAR) cost += 40 * marks.filter((mark) => crosses(lead, mark)).length + 40 * taken.filter((other) => crosses(lead, other)).length;
        if (cost < least) [found, least] = [{ ...one, point }, cost];
      }
    return found;
  }

  // every: points with px and py; named: groups of points, each with one name; lines: stretches [x0, y0, x1, y1]; frame: box
  function place(svg, every, named, lines, frame) {
    if (named.length > MOST) return;
    const group = Plot.make("g", { class: "labels" }, svg), taken = [];
    const marks = every.map(({ px, py }) => [px - REACH, py - REACH, px + REACH, py + REACH]);
    const texts = named.map(([{ name, model }]) => {
      const text = Plot.make("text", { class: "label" }, group);
      text.textContent = name;
      text.dataset.model = model;
      return text;
    });
    const sizes = texts.map((text) => text.getComputedTextLength());
    named.forEach((points, k) => {
      const found = best(points, sizes[k], { marks, taken, lines, frame });
      if (!found) return texts[k].remove();
      const [left, , , bottom] = found.box, [x0, y0, x1, y1] = found.lead.map((value) => value.toFixed(1));
      texts[k].setAttribute("x", left.toFixed(1));
      texts[k].setAttribute("y", (bottom - 3).toFixed(1));
      taken.push(found.box);
      if (found.far <= NEAR) return;
      Plot.make("path", { d: `M${x0},${y0}L${x1},${y1}`, class: "lead" }, group);
      lines.push(found.lead);
    });
  }

  return { place, networks, TRIED };
})();
