// Test error against stability, as the report and the atlas show it: points, fit and words. No document here.
"use strict";

const Errors = (() => {
  const { short } = Plot, { logAverage } = Statistics;
  const LOWER = "R_f (lower is more stable)", LABELS = { R: LOWER, D: "D_f (lower is more stable)", "1/G": "1 / G_f", parameters: "parameters" };
  const STEPS = 40; // of the fitted line

  const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

  // rows: as Rows.decode gives them; network: a number for each row, which the seeds of a network share
  function of(rows, { network }) {
    const at = (place, name) => rows[place].get(name);
    const fresh = (place) => at(place, "weights") === "init";
    const kind = (place) => (fresh(place) ? "fresh" : "trained");
    const named = (name) => ({ "1/G": "1 / G_f", parameters: "parameters" }[name] ?? `${name}_f`);

    // value, low and high of R, D or 1/G; of the number of parameters its value alone
    function quantity(place, name) {
      if (name === "parameters") return [at(place, name)];
      const ends = ["value", "low", "high"].map((end) => at(place, `${name === "1/G" ? "G" : name}.${end}`));
      return name === "1/G" ? [1 / ends[0], 1 / ends[2], 1 / ends[1]] : ends;
    }

    const told = (place, ...more) =>
      [`${at(place, "model")}${fresh(place) ? " at initialisation" : ""}`, ...more].filter(Boolean).join("\n");
    const range = ([value, low, high]) => (low === undefined ? value.toLocaleString("en") : `${short(value)} (${short(low)} to ${short(high)})`);
    const range3 = ({ value, low, high }) => `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

    // `more` is called for its lines when they are shown
    function point(place, x, y, xs, ys, more) {
      return { x, y, xs, ys, place, model: at(place, "model"), name: at(place, "model"), told: () => told(place, ...more()) };
    }

    const rate = (place) => ["value", "low", "high"].map((end) => 100 * at(place, `test_error.${end}`));
    const faultless = (place) => at(place, "test_error.value") === 0; // a logarithm can't show 0: the interval's upper end stands for it
    const isUsable = (place, name) => quantity(place, name)[0] > 0 && (faultless(place) ? at(place, "test_error.high") > 0 : at(place, "test_error.value") > 0);

    // before training the test error is chance's
    const trainedOf = (places) => (places.every(fresh) ? places : places.filter((place) => !fresh(place)));

    function pointOf(place, name) {
      const [x, y] = [quantity(place, name), rate(place)], limit = faultless(place);
      const error = () => (limit ? `no errors: test error at most ${short(y[2])} %` : `test error ${range(y)} %`);
      const xs = x.length > 1 ? x.slice(1) : null;
      return { ...point(place, x[0], limit ? y[2] : y[0], xs, y.slice(1), () => [`${named(name)} ${range(x)}`, error(), `seed ${at(place, "seed")}`]), limit };
    }

    // places by network: its rows of all seeds
    function networks(places) {
      const found = new Map();
      for (const place of places) {
        if (found.has(network[place])) found.get(network[place]).push(place);
        else found.set(network[place], [place]);
      }
      return found;
    }

    // correlation and power law over networks, each with the log-averages of its rows
    function fitted(places, name) {
      const own = [...networks(places).values()], models = own.map(([first]) => at(first, "model"));
      const averages = own.map((some) => [some.map((place) => quantity(place, name)[0]), some.map((place) => rate(place)[0])].map(logAverage));
      const sides = averages.map(([x]) => x), found = Statistics.related(sides, averages.map(([, y]) => y), models);
      if (!found) return null;
      const [low, high] = [sides.reduce((a, b) => Math.min(a, b)), sides.reduce((a, b) => Math.max(a, b))];
      const points = [...Array(STEPS + 1).keys()].map((k) => low * (high / low) ** (k / STEPS)).map((x) => [x, found.factor.value * x ** found.exponent.value]);
      return { ...found, guide: { kind: "fit", points } };
    }

    // The plot (0 without a point), the words below it, and how many rows stand at a limit; `one`: all were measured
    // in one way; `around`: places that are shown faintly, for comparison.
    function plot(places, name, one, around = []) {
      const own = trainedOf(places), usable = own.filter((place) => isUsable(place, name));
      const series = around.length ? [{ points: trainedOf(around).filter((place) => isUsable(place, name)).map((place) => pointOf(place, name)), kind: "around" }] : [];
      for (const wanted of ["fresh", "trained"]) series.push({ points: usable.filter((place) => kind(place) === wanted).map((place) => pointOf(place, name)), kind: wanted });
      const found = one ? fitted(usable.filter((place) => !fresh(place) && !faultless(place)), name) : null;
      const without = own.length - usable.length, before = places.length - own.length, limits = usable.filter(faultless).length;
      const left = (limits ? ` ${count(limits, "row")} without errors drawn at the upper end of the interval (▽) and not in the fit.` : "") + (before ? ` ${count(before, "row")} at initialisation left out.` : "") +
        (without ? ` ${count(without, "row")} without a test error${name === "parameters" ? " or a number of parameters" : ""} left out.` : "");
      const fit = (found
        ? `Correlation of the logarithms ${range3(found.correlation)}, test error ~ ${named(name)}^${range3(found.exponent)}, over ${count(found.networks, "trained network")} (log-averages of their rows; 95 % intervals over ${found.architectures < found.networks ? `${found.architectures} architectures` : "networks"}).`
        : one ? "A fit needs three trained networks with test errors that differ." : "A fit needs rows of one way of measuring.") + left;
      const drawn = usable.length && { x: { label: LABELS[name], log: true }, y: { label: "test error / %", log: true }, series, guides: found ? [found.guide] : [], labels: true };
      return { plot: drawn, fit, limits };
    }

    return { at, fresh, kind, quantity, rate, range, range3, told, point, networks, plot, LOWER };
  }

  return { of, count };
})();
