// Bars on a logarithmic axis that begin at 1, one below the other, with intervals, names and numbers.
"use strict";

const Bars = (() => {
  const { make, short } = Plot;
  const TOP = 6, BOTTOM = 44, SIDE = 10, LINE = 24, TWO_LINES = 40, BAR = 12, LEAST = 0.3; // pixels; share of the width that bars need

  // cut to a width, with an ellipsis; the whole name is the tip's
  function fitted(text, room) {
    const long = text.getComputedTextLength(), name = text.textContent;
    if (long > room) text.textContent = `${name.slice(0, Math.max(1, Math.floor((name.length * room) / long) - 1))}…`;
  }

  function axis(svg, sides, at, label, [left, right, bottom]) {
    const group = make("g", { class: "axes" }, svg);
    let last = -Infinity;
    for (const v of Plot.ticks(sides, true)) {
      make("line", { x1: at(v), x2: at(v), y1: TOP, y2: bottom + 4, class: v === 1 ? "one" : "tick" }, group);
      const text = make("text", { x: at(v), y: bottom + 17, "text-anchor": "middle" }, group);
      text.textContent = Plot.marked(v);
      if (at(v) - last < 34) text.remove();
      else last = at(v);
    }
    make("text", { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle", class: "name" }, group).textContent = label;
  }

  function bar(group, one, at, middle) {
    const from = Math.min(at(1), at(one.value)), to = Math.max(at(1), at(one.value)), [low, high] = [one.low, one.high].map(at);
    make("rect", { x: from, y: middle - BAR / 2, width: Math.max(1, to - from), height: BAR, class: "filled" }, group);
    make("path", { d: `M${low},${middle}H${high}M${low},${middle - 4}v8M${high},${middle - 4}v8`, class: "whisker" }, group);
    if (one.before) make("path", { d: Plot.MARKS.fresh, transform: `translate(${at(one.before).toFixed(1)} ${middle})`, class: "before" }, group);
    Object.assign(one, { px: at(one.value), py: middle });
  }

  // items: {name, value, low, high, number, kind, model, told, before}, values above 0; `before` is that at initialisation
  function draw(svg, { items, label }) {
    const width = Math.max(300, svg.parentElement.clientWidth);
    svg.replaceChildren();
    const texts = items.map(({ name, number }) => [[name, "name"], [number, "number"]].map(([words, kind]) => {
      const text = make("text", { class: kind }, svg);
      text.textContent = words;
      return text;
    }));
    const [names, numbers] = [0, 1].map((k) => Math.max(...texts.map((pair) => pair[k].getComputedTextLength())));
    const beside = names + numbers + 4 * SIDE < (1 - LEAST) * width, line = beside ? LINE : TWO_LINES;
    const left = beside ? names + 2 * SIDE : SIDE, right = width - (beside ? numbers + 2 * SIDE : SIDE), bottom = TOP + line * items.length, height = bottom + BOTTOM;
    const sides = Plot.span([1, ...items.flatMap(({ value, low, high, before = 1 }) => [value, low, high, before])], true), at = Plot.scale(sides, true, left, right);
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height })) svg.setAttribute(name, value);
    axis(svg, sides, at, label, [left, right, bottom]);
    items.forEach((one, k) => {
      const top = TOP + k * line, middle = top + (beside ? line / 2 : line - BAR / 2 - 3), group = make("g", { class: `series ${one.kind}` }, svg);
      group.dataset.model = one.model;
      bar(group, one, at, middle);
      const [name, number] = texts[k], y = beside ? middle + 4 : top + 16;
      name.setAttribute("x", beside ? left - SIDE : SIDE);
      name.setAttribute("y", y);
      if (beside) name.setAttribute("text-anchor", "end");
      number.setAttribute("x", width - SIDE);
      number.setAttribute("y", y);
      number.setAttribute("text-anchor", "end");
      fitted(name, beside ? names + 1 : width - number.getComputedTextLength() - 3 * SIDE);
      group.append(name, number);
    });
    svg.points = items;
    svg.current = null;
    return items.length;
  }

  return { draw };
})();
