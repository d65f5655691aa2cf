// The phase diagram: temperatures across, cutoffs up, both logarithmic; where fields are diffeomorphisms.
"use strict";

const Diagram = (() => {
  const { RANGE } = Settings;
  const EDGE = { left: 42, right: 8, top: 8, bottom: 36 }; // pixels of the canvas
  const HALF = 0.5; // the probability whose boundary is a line
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const frameOf = ({ width, height }) =>
    ({ left: EDGE.left, right: width - EDGE.right, top: EDGE.top, bottom: height - EDGE.bottom });

  // places of powers of ten of T, and of cutoffs, on a canvas
  function placesOf(canvas) {
    const { left, right, top, bottom } = frameOf(canvas), ratio = Math.log(RANGE.most / RANGE.least);
    return {
      across: (power) => left + ((power - RANGE.low) / (RANGE.high - RANGE.low)) * (right - left),
      up: (c) => bottom - (Math.log(c / RANGE.least) / ratio) * (bottom - top),
    };
  }

  // temperature and cutoff where a pointer is
  function at(canvas, event) {
    const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width, frame = frameOf(canvas);
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    const share = (x - frame.left) / (frame.right - frame.left);
    const high = (frame.bottom - y) / (frame.bottom - frame.top);
    return {
      temperature: 10 ** (RANGE.low + share * (RANGE.high - RANGE.low)),
      cutoff: RANGE.least * (RANGE.most / RANGE.least) ** high,
    };
  }

  function trace(context, points) {
    context.beginPath();
    points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  }

  function draw(canvas, data, state, { width, height }) {
    const context = canvas.getContext("2d"), frame = frameOf(canvas), { across, up } = placesOf(canvas);
    const { left, right, top, bottom } = frame;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    const border = (k) => data.cutoffs.map((c, row) => [across(Math.log10(data.boundaries[row][k])), up(c)]);
    context.fillStyle = colour("--sure");
    context.globalAlpha = 2 / (1 + data.probabilities.length);
    data.probabilities.forEach((_, k) => {
      trace(context, [[left, up(RANGE.least)], ...border(k), [left, up(RANGE.most)]]);
      context.fill();
    });
    context.globalAlpha = 1;
    context.strokeStyle = colour("--even");
    context.lineWidth = 2.5;
    trace(context, border(data.probabilities.indexOf(HALF)));
    context.stroke();
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.2;
    const along = (delta) => {
      const temperature = (c) => delta ** 2 / Fields.squaredDelta(c, width, height);
      trace(context, data.cutoffs.map((c) => [across(Math.log10(temperature(c))), up(c)]));
      context.stroke();
    };
    context.setLineDash([5, 4]);
    for (const delta of [0.5, 1]) along(delta);
    context.setLineDash([]);
    context.strokeStyle = colour("--fold");
    context.lineWidth = 1.5;
    along(state.delta);
    context.restore();
    label(context, canvas, frame);
    for (const [radius, style] of [[8, colour("--ground")], [6, colour("--fold")]]) {
      context.beginPath();
      context.arc(across(Math.log10(state.temperature)), up(state.cutoff), radius, 0, 2 * Math.PI);
      context.fillStyle = style;
      context.fill();
    }
  }

  function label(context, canvas, { left, right, top, bottom }) {
    const { across, up } = placesOf(canvas);
    context.strokeStyle = context.fillStyle = colour("--ink");
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    context.font = "13px system-ui, sans-serif";
    context.textAlign = "center";
    for (let power = RANGE.low; power <= RANGE.high; power += 2)
      context.fillText(power ? `1e${power}` : "1", Math.min(Math.max(across(power), left + 12), right - 8), bottom + 15);
    context.fillText("temperature T", (left + right) / 2, bottom + 31);
    context.textAlign = "right";
    for (const c of [2, 3, 5, 10, 20]) context.fillText(String(c), left - 5, up(c) + (c === RANGE.most ? 9 : 4));
    context.textAlign = "center";
    context.save();
    context.translate(12, (top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("cutoff c", 0, 0);
    context.restore();
  }

  return { at, draw };
})();
