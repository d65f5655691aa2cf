// The report: what is chosen, and the plots, matrices and table that follow from it.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id), { element } = Matrix, { short } = Plot;
  const rows = Rows.decode(data);
  const RANKED = 20; // networks
  const PICTURED = { x: "the image", "tau x": "deformed", "x + eta": "with noise of the same norm" };
  const PARTS = { R: "deformation / noise", D: "deformation / other image", G: "noise / other image" };
  const layers = new Map(data.layers.rows.map((one) => [one.row, { ...one, ...data.layers.profiles[one.of] }]));
  const choices = Choices.of(data, rows, {
    looked: ["model", "weights", "weights_tag", "dataset", "key"], table: Table.of(), all: "ways of measuring", file: "results.csv", turned: render, render,
  });
  const { state, EVERY, inWay } = choices;

  const errors = Errors.of(rows, data), { at, fresh, kind, quantity, rate, range, told, point, networks, LOWER } = errors;
  const { count } = Errors, { logAverage } = Statistics, every = () => [...rows.keys()];

  function errorPlot(places) {
    if (places.length === 1) return 0; // beside its bars
    const { plot, limits, fit } = errors.plot(places, $("quantity").value, state.way !== EVERY);
    $("limits").hidden = !limits;
    $("fit").textContent = fit;
    return plot;
  }

  const item = (place, name, [value, low, high], number, more) =>
    ({ name, value, low, high, number, kind: kind(place), model: at(place, "model"), told: () => told(place, more) });

  // R, D and G of a row
  const parts = (place) => Object.entries(PARTS).map(([name, about]) => {
    const ends = quantity(place, name);
    return item(place, `${name}_f: ${about}`, ends, range(ends), `${name}_f ${range(ends)}`);
  });

  // R of each network, the most stable first; that at initialisation beside the same network trained
  function ranking(places) {
    const items = [...networks(places.filter((place) => at(place, "R.value") > 0)).values()].map((own) => {
      const all = own.map((place) => at(place, "R.value")), single = own.length === 1;
      const R = single ? quantity(own[0], "R") : [logAverage(all), all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
      return ({ ...item(own[0], at(own[0], "model"), R, short(R[0]), `R_f ${range(R)}${single ? "" : `, the log-average and the range of ${own.length} rows`}`), several: !single });
    });
    const before = new Map(items.filter((one) => one.kind === "fresh").map((one) => [one.model, one]));
    const after = items.filter((one) => one.kind === "trained").map((one) => (before.has(one.model) ? { ...one, before: before.get(one.model).value, told: () => `${one.told()}\n${before.get(one.model).told()}` } : one));
    const trained = new Set(after.map(({ model }) => model)), alone = [...before.values()].filter(({ model }) => !trained.has(model));
    return [...after, ...alone.map((one) => ({ ...one, name: `${one.model} at initialisation` }))].sort((a, b) => a.value - b.value);
  }

  // for a single row its R, D and G, otherwise the ranking, if there is one
  function bars(places) {
    const one = places.length === 1 ? places[0] : null, apart = new Set(places.map((place) => data.way[place])).size > 1;
    const items = one !== null ? parts(one).filter(({ value }) => value > 0) : apart ? [] : ranking(places), more = items.length - RANKED;
    if (!items.length) return 0;
    $("bars").querySelector("h2").textContent = one !== null ? `R_f, D_f and G_f of ${told(one)}` : "R_f of each network";
    const error = one !== null && at(one, "test_error.value") !== undefined ? ` Test error ${range(rate(one))} %.` : "";
    const several = items.some((item) => item.several), before = items.some((item) => item.before);
    $("bars").querySelector(".told").textContent = "Bars begin at 1: the further to the left, the more stable. " +
      (several ? "Bars are log-averages and lines the range of a network's rows; of a single row its 95 % interval." : "Lines are 95 % intervals.") +
      (before ? " ◇ at initialisation." : "") + (more > 0 ? ` ${count(more, "network")} of higher R_f left out.` : "") + error;
    return { items: items.slice(0, RANKED), label: one !== null ? "R_f, D_f, G_f (lower is more stable)" : LOWER };
  }

  function depthPlot(places) {
    const series = places.filter((place) => layers.has(place)).map((place) => {
      const { names: own, depths, R, E } = layers.get(place), moved = (k) => (E && E[k] ? [`E ${E[k][0]}, D ${E[k][1]}`] : []);
      const points = R.map((r, k) => point(place, depths[k], r[0], null, r.slice(1), () => [own[k], `R ${range(r)}`, ...moved(k)])).filter(({ y }) => y > 0);
      return { points, kind: kind(place), joined: true, model: at(place, "model") };
    });
    $("depth").querySelector(".told").textContent = `${count(series.length, "row")} with layers; depth 0 is the first layer, 1 the last.`;
    return series.length && { x: { label: "relative depth of the layer", span: [-0.04, 1.04] }, y: { label: LOWER, log: true, one: true }, series };
  }

  // through rows that differ in displacement alone; these may stand under other ways of measuring than the chosen one
  function deltaPlot() {
    const families = new Set(inWay().map((place) => data.family[place])), curves = new Map();
    for (const place of every().filter((one) => families.has(data.family[one]) && state.filter(rows[one]))) {
      if (!(at(place, "delta") > 0 && at(place, "R.value") > 0)) continue;
      const name = JSON.stringify([data.family[place], ...["model", "weights", "weights_sha256", "seed"].map((column) => at(place, column))]);
      if (curves.has(name)) curves.get(name).push(place);
      else curves.set(name, [place]);
    }
    const series = [...curves.values()].filter((own) => new Set(own.map((place) => at(place, "delta"))).size > 1).map((own) => {
      const points = own.sort((i, k) => at(i, "delta") - at(k, "delta")).map((place) => {
        const R = quantity(place, "R");
        return point(place, at(place, "delta"), R[0], null, R.slice(1), () => [`delta ${short(at(place, "delta"))} px`, `R_f ${range(R)}`]);
      });
      return { points, kind: kind(own[0]), joined: true, model: at(own[0], "model") };
    });
    $("delta").querySelector(".told").textContent = `${count(series.length, "curve")} of rows that differ in delta alone.`;
    return series.length && { x: { label: "delta / pixels", log: true }, y: { label: LOWER, log: true, one: true }, series };
  }

  function warnings(places) {
    Choices.notes([...Warnings.of(places.map((place) => rows[place])), ...data.notes.map((text) => ["note", `Note: ${text}`])]);
  }

  function matrices() {
    const own = data.matrices.filter(({ way }) => way === state.way || state.way === EVERY);
    $("matrices").replaceChildren(...own.map(Matrix.table));
    return own.length;
  }

  // the answer first; pictures of the images that were measured
  function answers() {
    const [first, ...others] = state.way === EVERY ? ["Rows of several ways of measuring can't be ranked: choose one"] : data.answers[state.way];
    $("headline").textContent = `${first ?? "No row has R_f"}.`;
    $("answers").replaceChildren(...others.map((text) => element("li", {}, `${text}.`)));
    $("chosen-way").textContent = state.way === EVERY ? "" : data.ways[state.way];
    const { told = "", pictures = [] } = data.pictures[state.way] ?? {};
    $("pictures").hidden = !told;
    $("pictures").querySelector(".told").textContent = told;
    const shown = pictures.map(({ name, source }) => element("figure", {}, element("img", { src: source, alt: PICTURED[name] }), element("figcaption", {}, `${name}: ${PICTURED[name]}`)));
    $("pictures").querySelector(".pictures").replaceChildren(...shown);
  }

  // which there are decides how wide they are drawn
  function plots() {
    const { shown } = state, found = Object.entries({ bars: bars(shown), error: errorPlot(shown), depth: depthPlot(shown), delta: deltaPlot() });
    for (const [id, plot] of found) $(id).hidden = !plot;
    $("plots").classList.toggle("few", found.filter(([, plot]) => plot).length + ($("pictures").querySelector("img") !== null) < 4);
    for (const [id, plot] of found) if (plot) (id === "bars" ? Bars : Plot).draw($(id).querySelector("svg"), plot);
  }

  function render() {
    state.shown = inWay().filter((place) => state.filter(rows[place]));
    $("shown").textContent = `${state.shown.length} of ${count(rows.length, "row")}`;
    answers();
    plots();
    $("paired").hidden = matrices() === 0;
    warnings(state.shown);
    choices.list();
  }

  function failures() {
    const titles = ["model", "kind", "error.type", "error.message", "job"];
    $("failed").hidden = !data.failures.length;
    const head = element("tr", {}, ...titles.map((name) => element("th", { scope: "col" }, name)));
    $("failures").tHead.replaceChildren(head);
    $("failures").tBodies[0].replaceChildren(...data.failures.map((one) => element("tr", {}, ...titles.map((name) => element("td", {}, one[name])))));
  }

  const models = new Set(rows.map((row) => row.get("model"))).size, sets = [...new Set(rows.map((row) => row.get("dataset")))];
  $("about").textContent = Choices.about(`${count(rows.length, "measurement")} of ${count(models, "network")} on ${sets.join(", ")}` +
    `${data.trainings ? `, ${count(data.trainings, "training")}` : ""}${data.failures.length ? `, ${count(data.failures.length, "failure")}` : ""}`);
  failures();
  for (const svg of document.querySelectorAll("figure svg")) Plot.listen(svg, Plot.show, ({ model }) => choices.choose(model));
  $("json").addEventListener("click", () => Table.save("results.json", Rows.json(choices.picked()), "application/json"));
  choices.start();
})();
