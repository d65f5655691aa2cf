// What the sliders set, and the lines to copy that give the same field. Lengths in pixels.
"use strict";

const Settings = (() => {
  const RANGE = { low: -6, high: 0, least: 2, most: 20 }; // powers of ten of T, and cutoffs

  // displacements of the slider: 0.1 to 100 pixels, 75 round numbers a decade
  const STEPS = [];
  for (let step = 100; step < 1000; step += step < 200 ? 5 : step < 500 ? 10 : 20) STEPS.push(step);
  const DELTAS = [...[-3, -2, -1].flatMap((power) => STEPS.map((step) => Number((step * 10 ** power).toPrecision(3)))), 100];

  const clip = (value, low, high) => Math.min(Math.max(value, low), high);

  // T = delta^2 / squaredDelta, clipped to the range: a temperature that is given sets delta, otherwise delta sets it
  function tied({ delta, temperature, cutoff }, { width, height }) {
    const c = clip(Math.round(cutoff), RANGE.least, RANGE.most), squared = Fields.squaredDelta(c, width, height);
    const T = clip(temperature ?? delta ** 2 / squared, 10 ** RANGE.low, 10 ** RANGE.high);
    const rounded = Number(Math.sqrt(T * squared).toPrecision(3));
    return { delta: rounded, temperature: rounded ** 2 / squared, cutoff: c };
  }

  // position of the slider that is nearest to a displacement
  function position(delta) {
    const away = (k) => Math.abs(Math.log(DELTAS[k] / delta));
    return DELTAS.reduce((best, _, k) => (away(k) < away(best) ? k : best), 0);
  }

  const shrunk = ({ width, height, file_width, file_height }) => width !== file_width || height !== file_height;

  // delta in an image's file, which the page may show smaller; six digits keep the field
  function deltaOfFile({ delta, temperature, cutoff }, picture) {
    if (!shrunk(picture)) return delta;
    return Number(Math.sqrt(temperature * Fields.squaredDelta(cutoff, picture.file_width, picture.file_height)).toPrecision(6));
  }

  function python({ delta, cutoff, seed, draw }, { width, height }, interpolation) {
    return [
      "import torch",
      "from diffstab import MaxEntropyEnsemble, StreamKeys, deform",
      "",
      `ensemble = MaxEntropyEnsemble((${height}, ${width}), cutoff=${cutoff}, delta=${delta})`,
      `keys = StreamKeys(${seed}, torch.tensor([0]), draw=${draw})`,
      "field = ensemble.sample(keys)",
      `# images: [1, C, ${height}, ${width}]`,
      `deformed = deform(images, field, "${interpolation}")`,
    ].join("\n");
  }

  function command(state, picture, interpolation) {
    const { name } = picture, plain = /^[\w./-]+$/.test(name) && !name.startsWith("-");
    const source = plain ? name : `'./${name.replaceAll("'", "'\\''")}'`;
    return `diffstab deform ${source} deformed.png --delta ${deltaOfFile(state, picture)} --cutoff ${state.cutoff}` +
      ` --seed ${state.seed} --draw ${state.draw} --interpolation ${interpolation}`;
  }

  function scale(picture) {
    const { width, height, file_width, file_height } = picture;
    return shrunk(picture)
      ? `The file has ${file_width} x ${file_height} pixels, shown as ${width} x ${height}: delta in the command is in pixels of the file.`
      : "";
  }

  return { RANGE, DELTAS, tied, position, python, command, scale };
})();

if (typeof module !== "undefined") module.exports = { Settings };
