// A plot of points and lines in SVG: axes, intervals, the nearest point under the pointer or by arrow keys.
"use strict";

const Plot = (() => {
  const SPACE = "http://www.w3.org/2000/svg", MARGIN = { left: 62, right: 14, top: 12, bottom: 46 };
  const REACH = 18, MANY = 60, CROWD = 300, MOST_MARKS = 3000, FEW = 8; // pixels; points beyond which intervals are not drawn, marks are small, lines have no marks; lines that are named
  const MARKS = { trained: "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0", fresh: "M0,-5.5L5.5,0L0,5.5L-5.5,0Z", limit: "M-5.5,-4H5.5L0,5.5Z", around: "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0" };

  function make(name, attributes, parent) {
    const one = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    parent?.append(one);
    return one;
  }

  const short = (value) => Number(value.toPrecision(3)).toString();
  const marked = (value) => (value >= 1e4 ? value.toExponential().replace("e+", "e") : short(value)); // of an axis

  function span(values, log) {
    const known = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
    if (!known.length) return log ? [0.1, 10] : [0, 1];
    const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    if (log) {
      const room = Math.max(0.04, 0.06 * Math.log10(high / low));
      return [Math.max(low / 10 ** room, Number.MIN_VALUE), Math.min(high * 10 ** room, Number.MAX_VALUE)];
    }
    const room = 0.05 * (high - low) || 0.5;
    return [low - room, high + room];
  }

  function ticks([low, high], log) {
    if (log) {
      const wide = Math.log10(high / low), steps = wide > 4 ? [1] : wide > 2.5 ? [1, 3] : wide > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
        for (const step of steps) found.push(Number((step * 10 ** power).toPrecision(3)));
      return found.filter((v) => v >= low && v <= high);
    }
    const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((v) => v * unit >= rough), found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(Number((k * step).toPrecision(6)));
    return found;
  }

  function scale([low, high], log, from, to) {
    const along = log ? Math.log : (v) => v, [a, b] = [along(low), along(high)];
    return (value) => from + ((to - from) * (along(Math.min(Math.max(value, low), high)) - a)) / (b - a);
  }

  function axes(svg, { x, y }, sides, width, height) {
    const right = width - MARGIN.right, bottom = height - MARGIN.bottom, group = make("g", { class: "axes" }, svg);
    for (const v of ticks(sides.x, x.log)) {
      make("line", { x1: x.at(v), x2: x.at(v), y1: MARGIN.top, y2: bottom + 4, class: v === 1 && x.log ? "one" : "tick" }, group);
      make("text", { x: x.at(v), y: bottom + 18, "text-anchor": "middle" }, group).textContent = marked(v);
    }
    for (const v of ticks(sides.y, y.log)) {
      make("line", { x1: MARGIN.left - 4, x2: right, y1: y.at(v), y2: y.at(v), class: v === 1 && y.one ? "one" : "tick" }, group);
      make("text", { x: MARGIN.left - 8, y: y.at(v) + 4, "text-anchor": "end" }, group).textContent = marked(v);
    }
    make("rect", { x: MARGIN.left, y: MARGIN.top, width: right - MARGIN.left, height: bottom - MARGIN.top }, group);
    make("text", { x: (MARGIN.left + right) / 2, y: height - 8, "text-anchor": "middle", class: "name" }, group).textContent = x.label;
    const name = make("text", { "text-anchor": "middle", class: "name" }, group);
    name.setAttribute("transform", `translate(14 ${(MARGIN.top + bottom) / 2}) rotate(-90)`);
    name.textContent = y.label;
  }

  const path = (points) => points.map(([px, py], k) => `${k ? "L" : "M"}${px.toFixed(1)},${py.toFixed(1)}`).join("");

  // series: {points: [{x, y, xs, ys, model, name, told, limit}], kind, joined}; guides: {points, kind}, of the plane
  function draw(svg, { x, y, series, guides = [], labels = false }) {
    const width = Math.max(300, Math.min(svg.parentElement.clientWidth, 760)), height = Math.round(Math.max(Math.min(width, 340), 0.62 * width));
    const every = series.flatMap((one) => one.points), bars = every.length <= MANY, sides = {}, lines = [];
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    for (const [axis, own] of Object.entries({ x, y })) {
      const values = every.flatMap((point) => [point[axis], ...(bars ? point[`${axis}s`] ?? [] : [])]);
      sides[axis] = own.span ?? span(values, own.log);
    }
    x.at = scale(sides.x, x.log, MARGIN.left, width - MARGIN.right);
    y.at = scale(sides.y, y.log, height - MARGIN.bottom, MARGIN.top);
    axes(svg, { x, y }, sides, width, height);
    const crowd = every.length > CROWD, drawn = [];
    for (const { points, kind } of guides) {
      const along = points.filter(([, v]) => v >= sides.y[0] && v <= sides.y[1]).map(([u, v]) => [x.at(u), y.at(v)]);
      drawn.push(make("path", { d: path(along), class: `guide ${kind}` }, svg));
      for (let k = 1; k < along.length; k++) lines.push([...along[k - 1], ...along[k]]);
    }
    for (const { points, kind, joined, model } of series) {
      const group = make("g", { class: `series ${kind}${every.length > MOST_MARKS ? " dense" : ""}${crowd ? " crowd" : ""}` }, svg);
      group.dataset.model = model ?? "";
      for (const point of points) Object.assign(point, { px: x.at(point.x), py: y.at(point.y), kind });
      if (joined) make("path", { d: path(points.map(({ px, py }) => [px, py])), class: "line" }, group);
      if (joined && series.length <= FEW) for (let k = 1; k < points.length; k++) lines.push([points[k - 1].px, points[k - 1].py, points[k].px, points[k].py]);
      for (const point of points) {
        if (bars) {
          const [xs, ys] = [point.xs, point.ys];
          for (const ends of [xs && [x.at(xs[0]), point.py, x.at(xs[1]), point.py], ys && [point.px, y.at(ys[0]), point.px, y.at(ys[1])]].filter(Boolean)) {
            make("path", { d: `M${ends[0]},${ends[1]}L${ends[2]},${ends[3]}`, class: "bar" }, group);
            lines.push(ends);
          }
        }
        if (joined && every.length > MOST_MARKS) continue;
        const mark = make("path", { d: MARKS[point.limit ? "limit" : crowd && kind === "trained" ? "around" : kind], transform: `translate(${point.px.toFixed(1)} ${point.py.toFixed(1)})`, class: point.limit ? "mark limit" : "mark" }, group);
        mark.dataset.model = point.model;
      }
    }
    if (crowd) svg.append(...drawn); // above the marks
    const few = series.filter(({ joined, points }) => joined && points.length), groups = labels ? Labels.networks(every) : few.map(({ points }) => points.slice(-Labels.TRIED));
    if (labels || (few.length > 1 && few.length <= FEW)) Labels.place(svg, every, groups, lines, [MARGIN.left, MARGIN.top, width - MARGIN.right, height - MARGIN.bottom]);
    svg.points = every.sort((a, b) => a.px - b.px);
    svg.current = null;
    svg.at = bars ? null : [x.at, y.at];
    return svg.points.length;
  }

  // the intervals of one point, where there are too many points to draw those of all
  function whiskers(svg, point) {
    svg.querySelector(".whiskers")?.remove();
    if (!point || !svg.at) return;
    const group = make("g", { class: "whiskers" }, svg), [{ px, py, xs, ys }, [along, up]] = [point, svg.at];
    if (xs) make("path", { d: `M${along(xs[0])},${py}H${along(xs[1])}`, class: "whisker" }, group);
    if (ys) make("path", { d: `M${px},${up(ys[0])}V${up(ys[1])}`, class: "whisker" }, group);
  }

  function nearest(svg, event) {
    const box = svg.getBoundingClientRect(), ratio = svg.viewBox.baseVal.width / box.width;
    const [u, v] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    let [best, least] = [null, REACH];
    for (const point of svg.points ?? []) {
      const far = Math.hypot(point.px - u, point.py - v);
      if (far < least) [best, least] = [point, far];
    }
    return best;
  }

  // in the page's corner nearest to the point
  function show(one, svg) {
    const tip = document.getElementById("tip");
    tip.hidden = !one;
    if (!one) return;
    tip.textContent = one.told();
    const box = svg.getBoundingClientRect(), ratio = box.width / svg.viewBox.baseVal.width;
    const [left, top] = [box.left + one.px * ratio, box.top + one.py * ratio];
    tip.style.left = `${Math.max(4, Math.min(left + 12, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${top + 14 + tip.offsetHeight > innerHeight ? top - tip.offsetHeight - 10 : top + 12}px`;
  }

  // show(point or null) tells of a point; choose(point) takes it
  function listen(svg, show, choose) {
    const go = (point) => {
      svg.current = point;
      whiskers(svg, point);
      show(point, svg);
    };
    svg.addEventListener("pointermove", (event) => go(nearest(svg, event)));
    svg.addEventListener("pointerleave", () => go(null));
    svg.addEventListener("blur", () => go(null));
    svg.addEventListener("click", (event) => {
      const point = nearest(svg, event);
      if (point) choose(point);
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key], { points, current } = svg;
      if (event.key === "Escape") go(null);
      else if (event.key === "Enter" && current) choose(current);
      else if (step && points?.length) go(points[(points.indexOf(current) + step + (current || step > 0 ? 0 : 1) + points.length) % points.length]);
      else return;
      event.preventDefault();
    });
  }

  return { draw, listen, show, short, marked, MARKS, make, span, scale, ticks };
})();
